/**
 * Whatever somebody sends or starts by hand is answered in a sentence: no name, payload or input fails a task
 * of a workflow, and the run that it was sent to goes on.
 */
import { randomBytes } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import { RawValue } from '@temporalio/common';
import { expect, test } from 'vitest';
import { refusedAnswer } from '../../client/runs.js';
import { agree, ended, mail, planned, start, waitFor } from '../small-world/drive.js';
import { failedTasks } from '../small-world/history.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();
const offboardings = () => small.world.offboardings;
const temporal = () => small.world.worker.deps.temporal;

/** A payload as it stands, which no client of ours would write. */
const raw = (data: string, encoding = 'json/plain'): RawValue =>
  RawValue.fromPayload({ metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(data) });
const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

const NAMES = [
  '__temporal_x',
  '__temporal_workflow_metadata',
  'troubled',
  '__stack_trace',
  '__enhanced_stack_trace',
  'constructor',
  '__proto__',
  'toString',
  'then',
  'x'.repeat(900),
];

const PAYLOADS: [what: string, of: (by: string) => unknown, says: RegExp][] = [
  [
    'nested 18,000 deep',
    by => raw(`{"by": "${by}", "plan": ${nested(18_000)}}`),
    /nested deeper than 20 levels/,
  ],
  ['nothing but 18,000 lists', () => raw(nested(18_000)), /nested deeper than 20 levels/],
  ['of 1.9 MB', by => ({ by, note: 'x'.repeat(1_900_000) }), /is 1,900,\d\d\d long, at most 100,000/],
  [
    'of 100,000 keys',
    by => ({ by, ...Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`k${n}`, 0])) }),
    /long, at most 100,000/,
  ],
  [
    'with names on the way to prototypes',
    by => ({ by, constructor: { prototype: {} } }),
    /no key "constructor"/,
  ],
  [
    'with __proto__ inside',
    by => raw(`{"by": "${by}", "a": {"__proto__": {}}}`),
    /no name that anything can have/,
  ],
];

const EDGES = [
  '0001-01-01T00:00:00+14:00',
  '9999-12-31T23:59:59-12:00',
  '0000-01-01',
  '9999-12-31',
  '1969-12-31',
];

test('names and payloads', async () => {
  const run = await start(small);
  await planned(small, run);
  const by = mail(small, 'olivia');
  const send = (name: string, payload: unknown) =>
    offboardings()
      .handle(run.run)
      .executeUpdate<{ sentence: string }, [unknown]>(name, { args: [payload] })
      .catch(async (error: unknown) => {
        const said = refusedAnswer(error);
        if (said) return said;
        expect(await failedTasks(temporal(), run)).toEqual([]);
        throw error;
      });
  for (const name of NAMES) {
    expect(await send(name, { by }), name).toMatchObject({
      verdict: 'refused',
      sentence: expect.stringContaining('There is no message'),
    });
    await offboardings().tell(run.run, name, { by });
  }
  for (const [what, of, says] of PAYLOADS) {
    expect(await send('amend', of(by)), what).toMatchObject({
      verdict: 'refused',
      sentence: expect.stringMatching(says),
    });
    await offboardings().tell(run.run, 'amend', of(by));
  }
  for (const effectiveAt of EDGES)
    expect(await send('amend', { by, effectiveAt }), effectiveAt).toMatchObject({
      verdict: 'refused',
      sentence: expect.stringMatching(/year from 2000 to 2199|date like/),
    });
  await waitFor(small, run, one => one.decided === 2 * (NAMES.length + PAYLOADS.length) + EDGES.length);
  expect(await failedTasks(temporal(), run)).toEqual([]);
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
}, 120_000);

test('an update that is larger than Temporal itself takes: its sender is told, and the run goes on', async () => {
  const run = await start(small);
  await planned(small, run);
  const by = mail(small, 'olivia');
  const monster = { by, note: 'x'.repeat(2_500_000) };
  const sent = offboardings().decide(run.run, 'amend', monster, { timeoutMs: 10_000 });
  await expect(sent).rejects.toMatchObject({
    cause: { message: expect.stringMatching(/Update is rejected/) },
  });
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  expect(await failedTasks(temporal(), run)).toEqual([]);
}, 60_000);

const person = { id: '1', name: 'A', human: '1' };
const input = (more: object = {}): unknown => ({
  offboardingId: '00000000-0000-4000-8000-000000000000',
  order: { user: 'id:1', requestedBy: 'id:2' },
  leaver: person,
  requester: person,
  ...more,
});

const FORGED: [what: string, args: unknown[]][] = [
  ['nothing', []],
  ['null', [null]],
  ['a text', ['alice@small.example']],
  ['a list', [[1, 2]]],
  ['two arguments', [{ user: 'a' }, { began: 7, report: 'none' }]],
  ['nested 18,000 deep', [raw(nested(18_000))]],
  ['1.9 MB', [{ user: 'x'.repeat(1_900_000) }]],
  ['marks that are no list', [input({ leaver: { ...person, marks: 5 } })]],
  ['a request without a mode', [input()]],
  [
    'a date at the edge of time',
    [input({ order: { user: 'id:1', requestedBy: 'id:2', effectiveAt: '9999-12-31T23:59:59-12:00' } })],
  ],
  ['a run that is carried along', [input({ carried: { state: 'executing' } })]],
  ['nothing carried along', [input({ carried: null })]],
  ['an archive of odd things', [{ workflowId: { a: 1 }, everything: 'yes' }]],
  ['what cannot be decoded', [raw('???', 'binary/encrypted')]],
];

test.each(['offboardUser', 'requestOffboarding', 'archiveClosed'])(
  '%s, started by hand',
  async type => {
    for (const [what, args] of FORGED) {
      const workflowId = `${small.world.config.installation}/by-hand/${randomBytes(5).toString('hex')}`;
      await temporal().workflow.start(type, {
        taskQueue: small.world.config.temporal.taskQueue,
        workflowId,
        args,
      });
      const handle = temporal().workflow.getHandle(workflowId);
      const said = await handle.result().catch((error: unknown) => {
        if (!(error instanceof WorkflowFailedError)) throw error;
        return { failed: error.cause?.message };
      });
      expect(JSON.stringify(said), `${type}, ${what}`).toMatch(/\w+ \w+ \w+.*\.|"stored":\d/);
      expect(await failedTasks(temporal(), { run: workflowId }), `${type}, ${what}`).toEqual([]);
    }
  },
  120_000,
);
