/** Who may decide is judged by what people are when it counts: when they send it, and before the first step. */
import { expect, test } from 'vitest';
import type { Who } from '../small-world/cast.js';
import {
  acknowledgeAll,
  agree,
  atRest,
  decide,
  ended,
  mail,
  must,
  planned,
  type Started,
  start,
  waitFor,
} from '../small-world/drive.js';
import { refuse } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();

const person = (who: Who, column: 'person_no' | 'status' | 'reviews' | 'email', value: unknown) =>
  small.db.crm.query(`update people set ${column} = $1 where id = $2`, [value, small.cast[who].id]);
const approve = async (run: Started, by: Who) => {
  const { plan } = await small.world.offboardings.status(run.run);
  return decide(small, run, 'approve', by, { plan: plan!.digest });
};
const refused = (sentence: string) => ({ verdict: 'refused', sentence: expect.stringContaining(sentence) });

test('a person number that is filled in while the plan waits makes the leaver’s second entry the leaver', async () => {
  await person('alice', 'person_no', null);
  await person('alias', 'person_no', null);
  const run = await start(small);
  await planned(small, run);
  await person('alice', 'person_no', 'P-77');
  await person('alias', 'person_no', 'P-77');
  expect(await approve(run, 'alias')).toMatchObject(
    refused('Nobody decides anything about their own offboarding'),
  );
  expect(await decide(small, run, 'pause', 'alias')).toMatchObject(refused('Nobody decides'));
  // What was the same once stays the same, whatever is written into the directory.
  await person('alias', 'person_no', 'P-78');
  expect(await approve(run, 'alias')).toMatchObject(refused('Nobody decides'));
});

test('so it makes an approver the requester, and one person under two entries one approval', async () => {
  const run = await start(small);
  await planned(small, run);
  await person('daniel', 'person_no', small.cast.olivia.person);
  expect(await approve(run, 'daniel')).toMatchObject(
    refused('The person who asked for the offboarding does not'),
  );
  await must(small, run, 'amend', 'oscar', { successor: mail(small, 'bob') });
  await waitFor(small, run, ({ state, revision }) => state === 'awaiting-approval' && revision === 2);
  await person('priya', 'person_no', small.cast.oscar.person);
  expect(await approve(run, 'priya')).toMatchObject(refused('Whoever amended the plan does not approve it'));
});

test('who is blocked, or is being offboarded, decides nothing', async () => {
  const run = await start(small);
  await planned(small, run);
  await person('priya', 'status', 'suspended');
  expect(await approve(run, 'priya')).toMatchObject(refused('Priya Approver is blocked in the directory'));
  await planned(small, await start(small, { user: mail(small, 'daniel'), successor: mail(small, 'bob') }));
  expect(await approve(run, 'daniel')).toMatchObject(
    refused('Daniel Approver is being offboarded and cannot decide'),
  );
  await planned(
    small,
    await start(small, { user: mail(small, 'oscar'), requestedBy: mail(small, 'olivia') }),
  );
  expect(await decide(small, run, 'pause', 'oscar')).toMatchObject(
    refused('Oscar Operator is being offboarded'),
  );
  const asks = {
    user: mail(small, 'bob'),
    requestedBy: mail(small, 'oscar'),
    successor: mail(small, 'maya'),
  };
  expect(await small.world.offboardings.request(asks)).toMatchObject({
    answer: 'not-started',
    reason: 'Oscar Operator is being offboarded and cannot ask for an offboarding.',
  });
});

test.each<[string, () => Promise<unknown>, RegExp]>([
  ['was switched off', () => person('priya', 'status', 'inactive'), /Priya Approver is not active/],
  ['lost the role', () => person('priya', 'reviews', false), /Priya Approver is no approver/],
  [
    'turned out to be the only successor',
    () => person('priya', 'person_no', small.cast.maya.person),
    /Everyone who approved so far gains items/,
  ],
])('an approver who %s since no longer counts when the steps are to begin', async (_what, happens, says) => {
  const run = await start(small);
  await planned(small, run);
  expect(await approve(run, 'priya')).toMatchObject({ verdict: 'accepted' });
  await happens();
  await acknowledgeAll(small, run);
  const open = await waitFor(small, run, ({ sentence }) => sentence.startsWith('The approval is open again'));
  expect(open.state).toBe('awaiting-approval');
  expect(open.sentence).toMatch(says);
  expect(Object.values(open.steps).every(({ state, changed }) => state === 'queued' && changed === 0)).toBe(
    true,
  );
  // The plan is the same one, and somebody else's approval is enough.
  expect(await approve(run, 'daniel')).toMatchObject({ verdict: 'accepted' });
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed', revision: 1 });
});

test('an approver who turned out to be the leaver since does not count, and their account is named', async () => {
  const run = await start(small);
  await planned(small, run);
  expect(await approve(run, 'priya')).toMatchObject({ verdict: 'accepted' });
  await person('priya', 'person_no', small.cast.alice.person);
  await acknowledgeAll(small, run);
  const again = await waitFor(
    small,
    run,
    ({ state, revision }) => state === 'awaiting-approval' && revision === 2,
  );
  expect(again.approvals).toEqual([]);
  // A number alone makes no account theirs: it is left out, by name.
  const { others } = again.plan!.accounts.find(({ system }) => system === 'crm')!;
  expect(others?.map(({ id }) => id)).toContain(small.cast.priya.id);
  expect(await approve(run, 'priya')).toMatchObject({ verdict: 'refused' });
});

test('a successor alone does not approve that items stay with the leaver', async () => {
  await person('maya', 'reviews', true);
  await refuse(small.db.desk, 'tickets', 'new.number = 1');
  const run = await start(small);
  await planned(small, run);
  await agree(small, run);
  const parked = await ended(small, run);
  expect(parked.state).toBe('needs-attention');
  await must(small, run, 'skip', 'oscar', { step: 'desk/tickets', reason: 'that one is done' });
  const keys = parked.steps['desk/tickets']!.leftover!.digest;
  const skip = { plan: parked.plan!.digest, step: 'desk/tickets', keys };
  expect(await decide(small, run, 'approve', 'maya', skip)).toMatchObject({
    verdict: 'accepted',
    sentence: expect.stringContaining('one more person must approve'),
  });
  expect((await atRest(small, run)).state).toBe('needs-attention');
  await must(small, run, 'approve', 'daniel', skip);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test('a role that is given by e-mail is nobody’s once the address is two people’s', async () => {
  const config = structuredClone(small.world.config);
  config.roles = {
    operators: 'directory',
    approvers: [mail(small, 'priya').toUpperCase(), mail(small, 'daniel')],
  };
  await small.world.restartWorker({ config });
  try {
    const run = await start(small);
    await planned(small, run);
    await person('lara', 'email', mail(small, 'priya'));
    const { plan } = await small.world.offboardings.status(run.run);
    for (const who of ['lara', 'priya'] as const) {
      const by = `id:${small.cast[who].id}`;
      const answer = await small.world.offboardings.decide(run.run, 'approve', { by, plan: plan!.digest });
      expect(answer).toMatchObject(
        refused('Roles are given to priya@small.example, which is the e-mail of more'),
      );
    }
    await agree(small, run, 'daniel');
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  } finally {
    await small.world.restartWorker({ config: small.world.config });
  }
});
