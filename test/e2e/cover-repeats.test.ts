/** Every activity of a give-back runs twice, twice at once, or dies on the way: each item is given back once. */
import { beforeEach, describe, expect, test } from 'vitest';
import { untilItDies } from '../faults/worker-process.js';
import { type Verb, WAYS } from '../small-world/repeated.js';
import { type SmallWorld, useSmallWorld } from '../small-world/world.js';
import { cover, ownersIn } from './covers.js';

const OURS = ['openGiveBack', 'planGiveBack', 'returnSteps', 'endGiveBack'];

/** How often the engine has given each row to the leaver, and how many effects and addenda there are. */
async function told(small: SmallWorld, giveBackId: string, offboardingId: string) {
  const { rows: seen } = await small.db.crm.query(
    `select new_row ->> 'id' as id, count(*)::int as times from moves_seen
      where app = 'handover' and tbl = 'accounts' and new_row ->> 'owner_id' = $1 group by 1`,
    [String(small.cast.alice.id)],
  );
  const { rows } = await small.db.store.query(
    `select (select sum(changed)::int from handover.receipts where offboarding = $1 and state = 'done' and step = 'crm/accounts') as given,
            (select count(*)::int from handover.certificates where offboarding = $2 and number > 0) as addenda`,
    [giveBackId, offboardingId],
  );
  return { times: seen.map(row => row.times as number), ...rows[0] };
}

/** Goes back to the end, and holds what was seen against what was there before. */
async function givenBackOnce(
  small: SmallWorld,
  { offboardingId, back }: Awaited<ReturnType<typeof cover>>,
  before: ReadonlyMap<string, string>,
  moved: number,
): Promise<void> {
  const after = await back.result();
  expect(after).toMatchObject({ outcome: 'given-back', addenda: [1] });
  expect(await ownersIn(small, 'accounts', 'owner_id')).toEqual(before);
  expect(await told(small, after.giveBackId, offboardingId)).toEqual({
    times: Array.from({ length: moved }, () => 1),
    given: moved,
    addenda: 1,
  });
}

async function covered(small: SmallWorld) {
  const before = await ownersIn(small, 'accounts', 'owner_id');
  const done = await cover(small);
  const between = await ownersIn(small, 'accounts', 'owner_id');
  const moved = [...before].filter(([key, owner]) => between.get(key) !== owner).length;
  return { before, done, moved };
}

describe('a worker that dies', () => {
  const small = useSmallWorld();
  beforeEach(() => small.db.desk.query(`grant insert on watchers to ${small.role}`));

  test.each(['restore:a:2', 'restore:r:2', 'restore:b:2', 'returnSteps:b:1', 'endGiveBack:b:1'])(
    'killed at %s: each item is given back once all the same',
    // What is quick is tried again after a minute.
    { timeout: 170_000 },
    async crashAt => {
      const { before, done, moved } = await covered(small);
      await done.back.send('amend', 'olivia', { giveBackAt: 'now' });
      await done.back.until(({ state }) => state === 'awaiting-approval');
      const { back: plan } = await done.back.status();
      await small.world.worker.stop();
      await small.world.offboardings.tell(done.back.id, 'approve', {
        by: small.cast.priya.email,
        plan: plan!.digest,
      });
      await untilItDies(small.world, crashAt);
      await givenBackOnce(small, done, before, moved);
    },
  );
});

describe.each(Object.entries(WAYS))('every activity of a give-back runs %s', (_way, repeated) => {
  const small = useSmallWorld({
    patience: { locked: 20_000 },
    wrap: activities =>
      Object.fromEntries(
        Object.entries(activities).map(([name, verb]) => [
          name,
          OURS.includes(name) ? repeated(verb as Verb) : verb,
        ]),
      ),
  });
  beforeEach(() => small.db.desk.query(`grant insert on watchers to ${small.role}`));

  test('each item is given back once, and one addendum says so', async () => {
    const { before, done, moved } = await covered(small);
    await done.back.send('amend', 'olivia', { giveBackAt: 'now' });
    await done.back.agree();
    await givenBackOnce(small, done, before, moved);
  });
});
