/** The checker knows what comes after the switch: every lie about a sweep is named. */
import { beforeAll, expect, test } from 'vitest';
import { land, long, sweepOf } from '../e2e/sweeps.js';
import { handOver, mail } from '../small-world/drive.js';
import { newTicket } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';
import { checkInvariants } from './check.js';
import { eachIsNamed, type Lie, retold } from './lie.js';

const small = useSmallWorld({ once: true, check: false, change: long });

beforeAll(async () => {
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  await land(small, 987_001);
  await sweep.until(now => now.moved === 1);
  await land(small, 987_001);
  await small.db.desk.query(newTicket(987_002));
  await sweep.until(now => now.moved === 3 && now.state === 'waiting');
  const { offboardings } = small.world;
  const stop = { by: mail(small, 'olivia'), reason: 'enough' };
  await offboardings.decide(offboardings.ids.sweep(offboardingId), 'finish', stop);
  await sweep.result();
}, 60_000);

/** Ids of sweeps: what is theirs in a table that runs and sweeps share. */
const SWEEP = `(select id from handover.offboardings where workflow like '%sweep/%')`;
const swept = (table: string, what: string): string =>
  `(select min(seq) from moves_seen where app = 'handover' and tbl = '${table}' and ${what})`;
const STRAGGLER = swept('accounts', `new_row ->> 'id' = '987001'`);
/** Says something else in the first addendum, by a change of its JSON. */
const added = (change: string): string => retold('certificate_bodies', change, 'number = 1');

const LIES: Lie[] = [
  [
    'I3',
    /not to the leaver/,
    'it took what was somebody else’s',
    'crm',
    `update moves_seen set old_row = old_row || '{"owner_id": "1"}' where seq = ${STRAGGLER}`,
  ],
  [
    'I4',
    /changed twice/,
    'it moved something twice that never came back',
    'crm',
    `delete from moves_seen where app <> 'handover' and coalesce(new_row, old_row) ->> 'id' = '987001'`,
  ],
  [
    'I5',
    /the plan says/,
    'an item went to somebody else',
    'crm',
    `update moves_seen set new_row = new_row || '{"owner_id": "1"}' where seq = ${STRAGGLER}`,
  ],
  [
    'I15',
    /also changed region/,
    'it changed a column it has no business with',
    'crm',
    `update moves_seen set new_row = new_row || '{"region": "moon"}' where seq = ${STRAGGLER}`,
  ],
  [
    'I6',
    /the sweep's receipt of crm\/accounts page \d+ claims 987001, and nobody saw it move/,
    'its ledger claims what never happened',
    'crm',
    `delete from moves_seen where seq = ${STRAGGLER}`,
  ],
  [
    'I6',
    /987001 was changed by the engine, and no receipt says so/,
    'something moved without a receipt',
    'store',
    `delete from handover.receipts where offboarding in ${SWEEP}`,
  ],
  [
    'I6',
    /still intended/,
    'a receipt is left intended although it is over',
    'store',
    `update handover.receipts set state = 'intended', sure = null where offboarding in ${SWEEP}`,
  ],
  [
    'I6',
    /addendum 1 says that 7 were moved, the witness saw 1/,
    'an addendum counts wrongly',
    'store',
    added(`jsonb_set(a, '{moved}', '7')`),
  ],
  [
    'I6',
    /the end of the sweep says that 9 were moved, the witness saw 3/,
    'its end counts wrongly',
    'store',
    `update handover.audit_bodies set body = (body::jsonb || '{"moved": 9}')::text
      where (offboarding, seq) in (select offboarding, seq from handover.audit where kind = 'sweep-ended')`,
  ],
  [
    'I7',
    /moved by a sweep before the leaver had been switched off/,
    'it began before the switch',
    'crm',
    `update moves_seen set txid = '1' where seq = ${STRAGGLER}`,
    {
      store: `update handover.receipts set mark = regexp_replace(mark, '^transaction \\d+', 'transaction 1')
                where (offboarding, at) in (select offboarding, min(at) from handover.receipts where offboarding in ${SWEEP} group by 1)`,
    },
  ],
  [
    'I7',
    /was moved after its sweep had ended/,
    'it went on after its end',
    'crm',
    `update moves_seen set at = now() + interval '1 h' where seq = ${STRAGGLER}`,
  ],
  [
    'I8',
    /has another rule for crm\/accounts than people have approved/,
    'a round names another successor',
    'store',
    `update handover.plans set body = replace(body, 'Maya', 'Mara') where offboarding in ${SWEEP}`,
  ],
  [
    'I8',
    /is not in its trail as one that follows the approved plan/,
    'a round follows another plan',
    'store',
    `update handover.audit_bodies set body = replace(body, '"of":"', '"of":"0') where offboarding in ${SWEEP}`,
  ],
  [
    'I8',
    /moves 1 of crm\/accounts at once; 0 may follow/,
    'more came at once than may follow the plan',
    'store',
    `update handover.plans set body = replace(body, '"floor":10', '"floor":0') where offboarding not in ${SWEEP}`,
  ],
  [
    'I8',
    /987001 was moved 2 times; after 1 it is left to people/,
    'it went on with what kept coming back',
    'store',
    `update handover.plans set body = replace(body, '"returns":3', '"returns":1') where offboarding not in ${SWEEP}`,
  ],
  [
    'I8',
    /was changed by a sweep, and its page of crm\/accounts does not name it/,
    'it moved what its page does not name',
    'store',
    `update handover.manifest_pages set keys = '{1}' where '987001' = any(keys)`,
  ],
  [
    'I9',
    /987001 was moved by a sweep, and no addendum tells of it/,
    'what moved is told nowhere',
    'store',
    added(`jsonb_set(a, '{receipts}', '[]')`),
  ],
  [
    'I9',
    /round \d+ of the sweep has no addendum/,
    'an addendum is gone',
    'store',
    `delete from handover.certificate_bodies where number = 2; delete from handover.certificates where number = 2`,
  ],
  [
    'I9',
    /addendum 3 stands where addendum 2 should/,
    'a number is skipped',
    'store',
    `update handover.certificate_bodies set number = 3 where number = 2; update handover.certificates set number = 3 where number = 2`,
  ],
  [
    'I9',
    /addendum 3 tells of round 99 what the sweep's chain does not/,
    'an addendum tells of what never was',
    'store',
    `insert into handover.certificates select offboarding, 3, digest, at from handover.certificates where number = 1;
     insert into handover.certificate_bodies
       select offboarding, 3, (body::jsonb || '{"round": 99}')::text from handover.certificate_bodies where number = 1`,
  ],
  [
    'I9',
    /addendum 1: crm\/accounts page \d+ is told more than once/,
    'the same move is told twice',
    'store',
    `update handover.certificate_bodies as second set body = first.body from handover.certificate_bodies first
      where second.number = 2 and first.number = 1`,
  ],
  [
    'I9',
    /addendum 1: crm\/accounts page \d+ has no receipt/,
    'an addendum tells of a receipt that is not there',
    'store',
    added(`jsonb_set(a, '{receipts,0,digest}', '"0"')`),
  ],
  [
    'I9',
    /addendum 1 does not cite the certificate/,
    'an addendum is added to another certificate',
    'store',
    added(`jsonb_set(a, '{certificate}', '"0"')`),
  ],
  [
    'I9',
    /addendum 1 is not in the trail as it is/,
    'the run’s trail does not know an addendum',
    'store',
    `delete from handover.audit where kind = 'addendum'`,
  ],
  [
    'I9',
    /the sweep's chain: the body of entry 2/,
    'a byte of its chain is changed',
    'store',
    `update handover.audit_bodies set salt = reverse(salt) where offboarding in ${SWEEP} and seq = 2`,
  ],
  [
    'I9',
    /the sweep's receipt of .* does not give its digest/,
    'a receipt of its is changed',
    'store',
    `update handover.receipts set owners[1] = '99' where offboarding in ${SWEEP}`,
  ],
  [
    'I9',
    /the sweep was opened 0 times before it planned anything/,
    'nothing has opened it',
    'store',
    `update handover.audit set kind = 'notice' where kind = 'opened'`,
  ],
  [
    'I9',
    /the run before the sweep has not announced it as it closed/,
    'the run before did not begin it',
    'store',
    `update handover.audit_bodies set body = replace(body, '"kind":"sweep"', '"kind":"give-back"')`,
  ],
  [
    'I9',
    /stands behind the end of its sweep/,
    'something is decided after its end',
    'store',
    `update handover.audit set kind = 'decision' where offboarding in ${SWEEP} and kind = 'sweep-ended';
     update handover.audit set kind = 'sweep-ended' where offboarding in ${SWEEP} and seq = 2`,
  ],
];

test('a sweep that went well has nothing to be said against it', async () => {
  expect(await checkInvariants(small.db, small.before)).toEqual([]);
});

eachIsNamed(small, LIES);
