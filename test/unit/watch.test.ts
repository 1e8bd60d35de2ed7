/** What is seen done by hand: what is looked for, how often, and what is said where nobody can see it. */
import { describe, expect, test } from 'vitest';
import type { Watch } from '../../domain/run.js';
import { blindness, looked, nextLook, watched, watchNow } from '../../domain/watch.js';
import { mailbox, NOW, olivia, plan, runIn, STATES } from './made-up.js';

const seen = { ...mailbox, observed: true as const };
const byHand = plan().systems.map(one => ({ ...one, switchOff: 'by-hand' as const }));
const waiting = runIn('awaiting-approval', { plan: plan({ steps: [seen], systems: byHand }) });
const watch: Watch = { subjects: ['crm/mailbox'], since: NOW, looks: 0, failed: 0 };
const MINUTE = 60_000;

describe('a run looks for', () => {
  test('what is open and shows when it is done: manual steps that say so, and accounts that people switch off', () => {
    expect(watched(waiting)).toEqual(['crm/mailbox', 'crm/deactivate']);
    expect(watched(runIn('awaiting-approval'))).toEqual([]);
  });

  test('nothing that somebody has acknowledged', () => {
    const acknowledged = { by: olivia, at: NOW, frozen: null, manifest: 'm-1', count: 1 };
    const acknowledgements = { 'crm/mailbox': acknowledged, 'crm/deactivate': acknowledged };
    expect(watchNow({ ...waiting, acknowledgements, watch }, NOW)).toBeUndefined();
  });

  test('nothing once it is over, or while a plan is being made', () => {
    const idle = STATES.filter(state => watched({ ...waiting, state }).length === 0);
    expect(idle).toEqual(['preparing', 'closing', 'closed']);
  });
});

test('the rhythm goes on while the same is open, and begins anew with what is new', () => {
  const same = { ...watch, subjects: watched(waiting), looks: 5 };
  expect(watchNow({ ...waiting, watch: same }, 'later')).toBe(same);
  expect(watchNow({ ...waiting, watch }, 'later')).toEqual({
    subjects: ['crm/mailbox', 'crm/deactivate'],
    since: 'later',
    looks: 0,
    failed: 0,
  });
});

test('each look comes after twice as long, at most four hours: some two hundred in a month', () => {
  const after = (looks: number, policy = {}): number =>
    (nextLook({ ...watch, looks }, policy) - Date.parse(NOW)) / MINUTE;
  expect([0, 1, 2, 7, 8, 500].map(looks => after(looks))).toEqual([1, 2, 4, 128, 240, 240]);
  expect(after(1, { looksAfterMinutes: 30 })).toBe(60);
});

test('a system that does not answer is told of after three looks in a row, and no more once it answers', () => {
  const problem = 'crm: it is away.';
  let now = watch;
  const said: (string | null)[] = [];
  for (const one of [problem, problem, problem, null, problem]) {
    now = looked(now, NOW, one);
    said.push(blindness(now, one));
  }
  expect(said).toEqual([
    null,
    null,
    'Whether crm/mailbox was done by hand cannot be seen: crm: it is away. It can be acknowledged all the same.',
    null,
    null,
  ]);
  expect(now).toMatchObject({ looks: 5, failed: 1 });
});
