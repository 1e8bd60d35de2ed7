/**
 * What acts by itself at a moment (snoozed tickets here): planned with its date, told of while it is the
 * leaver's, and looked at by the sweep just before it acts.
 */
import { expect, test } from 'vitest';
import type { BombSeen } from '../../domain/bombs.js';
import type { Config } from '../../runtime/config.js';
import { agree, decide, ended, handOver, planned, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { sweepOf } from './sweeps.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** No round comes by itself while a test lasts. */
function rarely(config: Config): void {
  config.policy.sweep = { rhythm: [{ everyDays: 1, forDays: 90 }], returns: 3 };
}
const small = useSmallWorld({ change: rarely });

/** Snoozes a ticket of Alice's until then. Answers its key. */
async function snooze(number: number, ms: number): Promise<{ key: string; at: string }> {
  const at = new Date(Date.now() + ms).toISOString();
  const { rows } = await small.db.desk.query(
    'update tickets set snoozed_until = $1 where number = $2 and assignee_id = $3 returning id',
    [at, number, small.cast.alice.desk],
  );
  return { key: rows[0].id as string, at };
}

async function events(sweepId: string): Promise<(BombSeen & { kind: string; says: string })[]> {
  const { rows } = await small.db.store.query(
    `select kind, body from handover.audit join handover.audit_bodies using (offboarding, seq)
      where offboarding = $1 and kind like 'bomb%' order by seq`,
    [sweepId],
  );
  return rows.map(({ kind, body }) => ({ kind, ...JSON.parse(body as string) }));
}

async function notices(
  offboardingId: string,
): Promise<{ notice: string; sentence: string; audience: string[] }[]> {
  const { rows } = await small.db.store.query(
    `select body from handover.audit join handover.audit_bodies using (offboarding, seq)
      where offboarding = $1 and kind = 'notice' order by seq`,
    [offboardingId],
  );
  return rows.map(({ body }) => JSON.parse(body as string)).filter(({ notice }) => notice === 'bomb');
}

test('it is in the plan with its date, goes to the successor, and is looked at just before it acts', async () => {
  const soon = await snooze(1, HOUR + 4_000);
  const { offboardingId, status } = await handOver(small);
  expect(status.outcome).toBe('completed');
  expect(status.plan?.steps.find(({ id }) => id === 'desk/tickets')).toMatchObject({
    firesAt: soon.at,
    bombs: [{ at: soon.at, keys: [soon.key], count: 1 }],
  });
  const sweep = await sweepOf(small, offboardingId);
  const seen = await sweep.until(({ bombs, sentence }) => bombs.length === 0 && sentence.includes(soon.key));
  expect(seen).toMatchObject({ round: 0, open: [], state: 'waiting' });
  expect(seen.due).not.toBeNull();
  expect(seen.sentence).toContain(`It is ${small.cast.maya.name}'s, who is active.`);
  expect(await events(seen.sweepId)).toMatchObject([
    {
      kind: 'bomb-seen',
      step: 'desk/tickets',
      key: soon.key,
      at: soon.at,
      keeper: { kind: 'somebody', name: small.cast.maya.name, active: true },
    },
  ]);
});

test('one that came back to the leaver brings the next round forward, and is handed over before it acts', async () => {
  const soon = await snooze(1, HOUR + 4_000);
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  await small.db.desk.query('update tickets set assignee_id = $1 where id = $2', [
    small.cast.alice.desk,
    soon.key,
  ]);
  const seen = await sweep.until(
    ({ bombs, moved, state, sentence }) =>
      bombs.length === 0 && moved === 1 && state === 'waiting' && sentence.includes(soon.key),
  );
  expect(seen).toMatchObject({ round: 1, open: [] });
  expect((await events(seen.sweepId)).map(({ kind, keeper }) => [kind, keeper.kind])).toEqual([
    ['bomb-alone', 'leaver'],
    ['bomb-seen', 'somebody'],
  ]);
});

test('one that nobody would answer is put to everybody at once, until somebody has seen it', async () => {
  const soon = await snooze(1, HOUR + 10_000);
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  await small.db.desk.query(`update agents set status = 'inactive' where id = $1`, [small.cast.maya.desk]);
  const asked = await sweep.until(({ open }) => open.length > 0);
  const subject = `desk/tickets/${soon.key}`;
  expect(asked.open).toMatchObject([
    {
      subject,
      says: expect.stringContaining(`${small.cast.maya.name}'s, who is not active: nobody will answer.`),
    },
  ]);
  expect(await notices(asked.sweepId)).toMatchObject([{ audience: ['operators', 'requester', 'approvers'] }]);
  // No round takes it back: it acts at its moment, whoever it is by then.
  const { ids } = small.world.offboardings;
  const run = { run: ids.sweep(offboardingId), offboardingId: asked.sweepId };
  expect(await decide(small, run, 'retry', 'olivia')).toMatchObject({ verdict: 'accepted' });
  const later = await sweep.until(({ round, state }) => round === 1 && state === 'waiting');
  expect(later.open).toMatchObject([{ subject }]);
  expect(await decide(small, run, 'acknowledge', 'olivia', { category: subject })).toMatchObject({
    verdict: 'accepted',
  });
  expect((await sweep.status()).open).toEqual([]);
});

test("while a run waits, people are told a day before; the status says what is still the leaver's", async () => {
  const near = await snooze(1, 2 * HOUR);
  await snooze(2, 3 * DAY);
  const date = new Date(Date.now() + 5 * DAY).toISOString();
  const started = await start(small, { effectiveAt: date });
  const plan = await planned(small, started);
  expect(plan.plan?.notes.join()).toContain('desk/tickets): 2 act by themselves before items move');
  const told = await waitFor(small, started, ({ bombsTold }) => bombsTold !== undefined);
  expect(told.bombsTold).toEqual({ [`desk/tickets ${near.at.slice(0, 13)}`]: 1 });
  expect(await notices(started.offboardingId)).toMatchObject([
    { sentence: expect.stringContaining(`(${near.key}), and is still the leaver's.`) },
  ]);
  // Brought forward to now, all of it moves, and nothing is left to say.
  await decide(small, started, 'amend', 'olivia', { effectiveAt: 'now' });
  await waitFor(small, started, ({ plan }) => plan?.revision === 2);
  await agree(small, started);
  const done = await ended(small, started);
  expect(done.outcome).toBe('completed');
  expect((await notices(started.offboardingId)).length).toBe(1);
});
