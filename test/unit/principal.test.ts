/** Whose a signal is, by what a history says; and everything in a history that says nothing about that. */
import { describe, expect, test } from 'vitest';
import { type Principal, type Principals, senderOf, type Trace } from '../../domain/principal.js';

const PRINCIPALS: Principals = { person: 'email', workers: ['a-worker', 'another-worker'] };
const priya: Principal = { type: 'jwt', name: 'priya@example.com' };
const mallory: Principal = { type: 'jwt', name: 'mallory@example.com' };
const worker: Principal = { type: 'jwt', name: 'a-worker' };

type Told = Trace extends infer T ? (T extends Trace ? Omit<T, 'id'> : never) : never;
const signal = (
  by: Principal | null,
  payload = 'this',
  more: { name?: string; fromWorkflow?: boolean } = {},
) => ({ kind: 'signal', by, name: 'approve', fromWorkflow: false, payload, ...more }) satisfies Told;
const scheduled = (by: Principal | null = null): Told => ({ kind: 'scheduled', by });
const worked = (by: Principal | null = worker): Told => ({ kind: 'worked', by });
const reset = (by: Principal): Told => ({ kind: 'reset', by });

/** Events are numbered from 1, as in a history. */
function ask(told: readonly Told[], nth = 1, name = 'approve') {
  const history = told.map((trace, n) => ({ ...trace, id: n + 1 }) as Trace);
  return senderOf(history, { name, nth }, PRINCIPALS);
}

describe('a signal is its sender’s', () => {
  test('whose token it came with', () => {
    expect(ask([scheduled(), worked(), signal(priya), scheduled(priya)])).toEqual({
      event: 3,
      principal: 'priya@example.com',
      payload: 'this',
    });
  });

  test('also beside others of its name, or of other names, in one task', () => {
    const history = [
      scheduled(),
      worked(),
      signal(mallory, 'that'),
      signal(mallory, 'that', { name: 'reject' }),
      signal(priya),
      signal(mallory),
      scheduled(mallory),
    ];
    expect(ask(history, 1)).toEqual({ event: 3, principal: mallory.name, payload: 'that' });
    expect(ask(history, 2)).toMatchObject({ event: 5, principal: priya.name });
    expect(ask(history, 3)).toMatchObject({ event: 6, principal: mallory.name });
  });

  test('also where it came before any task was scheduled, as with signal-with-start', () => {
    expect(ask([signal(priya), scheduled(priya)])).toMatchObject({ principal: priya.name });
  });

  test('also in a run that was reset, before the reset and after it', () => {
    const history = [
      signal(priya),
      scheduled(priya),
      reset(mallory),
      signal(mallory),
      scheduled(mallory),
      worked(),
      signal(priya),
      scheduled(priya),
    ];
    expect(ask(history, 1)).toMatchObject({ event: 1, principal: priya.name });
    expect(ask(history, 3)).toMatchObject({ event: 7, principal: priya.name });
  });
});

describe('nothing says whose it is', () => {
  test.each<[string, Told[], string]>([
    ['no principal', [signal(null)], 'Temporal does not say who sent it'],
    ['a name that is empty', [signal({ type: 'jwt', name: '' })], 'which is no person'],
    ['a batch', [signal({ type: 'temporal', name: 'internal' })], '"temporal/internal" sent it, which is no'],
    ['a type of principal nobody knows', [signal({ type: 'mtls', name: priya.name })], 'which is no person'],
    ['a worker', [signal(worker)], 'a worker sent it ("a-worker")'],
    ['another worker', [signal({ ...worker, name: 'another-worker' })], 'a worker sent it'],
    ['a workflow', [signal(priya, 'this', { fromWorkflow: true })], 'a workflow sent it'],
    [
      'a reset that sent it again in the name of whoever reset it',
      [scheduled(), reset(priya), signal(priya), scheduled(priya)],
      'a reset of this run sent it again',
    ],
    [
      'a reset that sent more than one again',
      [
        scheduled(),
        reset(priya),
        signal(mallory, 'this', { name: 'reject' }),
        signal(priya),
        scheduled(priya),
      ],
      'a reset of this run sent it again',
    ],
    [
      'a task of this run that somebody else worked on',
      [signal(priya), scheduled(priya), worked(), worked(mallory)],
      "event 4 of this run's history is the work of somebody who is no worker",
    ],
    [
      'a task that somebody else worked on before it came',
      [worked(mallory), signal(priya)],
      "event 1 of this run's history is the work of somebody",
    ],
    [
      'a task whose worker has the name of ours and no token',
      [worked({ type: 'temporal', name: 'a-worker' }), signal(priya)],
      'is the work of somebody who is no worker',
    ],
    [
      'work on this run while the server passed nobody on',
      [worked(null), signal(priya)],
      'Temporal does not say who did the work of event 1',
    ],
  ])('where there is %s', (_, history, doubt) => {
    expect(ask(history)).toEqual({ doubt: expect.stringContaining(doubt) });
  });

  test.each<[string, number, string]>([
    ['in its place nothing stands', 2, 'approve'],
    ['it has another name', 1, 'reject'],
  ])('where %s', (_, nth, name) => {
    expect(ask([signal(priya)], nth, name)).toEqual({
      doubt: expect.stringContaining('no such signal in its place'),
    });
  });
});
