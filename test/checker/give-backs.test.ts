/** The checker knows what comes after a cover: every lie about a give-back is named. */
import { beforeAll, expect, test } from 'vitest';
import { cover, movedBetween, ownersIn, takeOver } from '../e2e/covers.js';
import { useSmallWorld } from '../small-world/world.js';
import { checkInvariants } from './check.js';
import { eachIsNamed, type Lie, retold, unseen } from './lie.js';

const small = useSmallWorld({ once: true, check: false });

/** One item is somebody else's before the plan, and one between plan and approval. */
beforeAll(async () => {
  await small.db.desk.query(`grant insert on watchers to ${small.role}`);
  const before = await ownersIn(small, 'accounts', 'owner_id');
  const { back } = await cover(small);
  const between = await ownersIn(small, 'accounts', 'owner_id');
  const [early, late] = movedBetween(before, between);
  await takeOver(small, early!, 'bob');
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  await back.until(({ state }) => state === 'awaiting-approval');
  await takeOver(small, late!, 'bob');
  await back.agree();
  const { sentence } = await back.result();
  expect(sentence).toContain('1 item had moved on meanwhile.');
}, 60_000);

/** Ids of give-backs: what is theirs in a table that they share with runs. */
const BACK = `(select id from handover.offboardings where workflow like '%give-back/%')`;
const PAGES = `manifest in (select id from handover.manifests where offboarding in ${BACK}) and step = 'crm/accounts'`;
/** The last account that was given back, and that it was taken. */
const RETURNED = `(select max(seq) from moves_seen where app = 'handover' and tbl = 'accounts')`;
const TAKEN = `(select min(seq) from moves_seen where app = 'handover' and tbl = 'accounts'
  and new_row ->> 'id' = (select new_row ->> 'id' from moves_seen where seq = ${RETURNED}))`;
/** Says something else in an entry of its chain, by a change of its JSON. */
const said = (kind: string, change: string, and = ''): string =>
  retold(
    'audit_bodies',
    change,
    `(offboarding, seq) in (select offboarding, seq from handover.audit where kind = '${kind}')
      and offboarding in ${BACK} ${and}`,
  );
/** The same in its addendum. */
const added = (change: string): string => retold('certificate_bodies', change, 'number = 1');
const planned = (pattern: string, words: string): string =>
  `update handover.plans set body = regexp_replace(body, '${pattern}', '${words}', 'g') where offboarding in ${BACK}`;

const LIES: Lie[] = [
  [
    'I1',
    /was deleted by a give-back/,
    'it deleted something',
    'crm',
    `update moves_seen set op = 'delete', old_row = new_row, new_row = null where seq = ${RETURNED}`,
  ],
  [
    'I2',
    /is as the run had left it, and the give-back says nothing of it/,
    'something that the cover still held stays there in silence',
    'crm',
    `delete from moves_seen where seq = ${RETURNED}`,
  ],
  [
    'I3',
    /was 1's when it was given back, and the run had put it to/,
    'it took what somebody else had taken over since',
    'crm',
    `update moves_seen set old_row = old_row || '{"owner_id": "1"}' where seq = ${RETURNED}`,
  ],
  [
    'I3',
    /was given back, and the run before had not taken it/,
    'it gave away what was never taken',
    'crm',
    `delete from moves_seen where seq = ${TAKEN}`,
  ],
  [
    'I4',
    /was given back twice/,
    'something was given back twice',
    'crm',
    `insert into moves_seen (tbl, op, old_row, new_row, txid, app)
       select tbl, op, old_row, new_row, txid, app from moves_seen where seq = ${RETURNED}`,
  ],
  [
    'I4',
    /names something of crm\/accounts twice/,
    'its plan names something twice',
    'store',
    `update handover.manifest_pages set keys = keys || keys[1] where ${PAGES}`,
  ],
  [
    'I5',
    /was given back to 1, and had been taken from/,
    'an item went to somebody else',
    'crm',
    `update moves_seen set new_row = new_row || '{"owner_id": "1"}' where seq = ${RETURNED}`,
  ],
  [
    'I5',
    /gives crm\/accounts to somebody else than whoever was away/,
    'its plan gives to somebody else',
    'store',
    planned('"personId":"\\d+"', '"personId":"1"'),
  ],
  [
    'I6',
    /the give-back's receipt of crm\/accounts page \d+ claims \d+, and nobody saw it move/,
    'its ledger claims what never happened',
    'crm',
    `delete from moves_seen where seq = ${RETURNED}`,
  ],
  [
    'I6',
    /was changed by the engine, and no receipt says so/,
    'something went back without a receipt',
    'store',
    `delete from handover.receipts where offboarding in ${BACK}`,
  ],
  [
    'I6',
    /the give-back's receipt of .* is still intended/,
    'a receipt is left intended although it is over',
    'store',
    `update handover.receipts set state = 'intended', sure = null where offboarding in ${BACK}`,
  ],
  [
    'I6',
    /the give-back's receipt of .* came to nothing, and .* moved/,
    'a receipt came to nothing, and something went back',
    'store',
    `update handover.receipts set state = 'aborted', aborted = 1 where offboarding in ${BACK}`,
  ],
  [
    'I6',
    /says that \d+ went to 9, the witness saw another/,
    'a receipt says that an item went to somebody else',
    'store',
    `update handover.receipts set takers = '{9}' where offboarding in ${BACK}`,
  ],
  [
    'I6',
    /says that \d+ was 9's, the witness saw another/,
    'a receipt says that an item came from somebody else',
    'store',
    `update handover.receipts set owners = '{9}' where offboarding in ${BACK}`,
  ],
  [
    'I6',
    /the end of the give-back says that 99 are back, the witness saw \d+/,
    'its end counts wrongly',
    'store',
    said('given-back', `jsonb_set(a, '{moved}', '99')`),
  ],
  [
    'I6',
    /the end of the give-back says "99 items given back/,
    'its last sentence counts wrongly',
    'store',
    said('given-back', `jsonb_set(a, '{sentence}', '"99 items given back."')`),
  ],
  [
    'I6',
    /says that 7 of crm\/accounts were taken, and 1 were/,
    'its end counts wrongly what others had by then',
    'store',
    `update handover.audit_bodies set body = replace(body, '"step":"crm/accounts","taken":1', '"step":"crm/accounts","taken":7')
      where offboarding in ${BACK}`,
  ],
  [
    'I6',
    /the end of the give-back does not tell of crm\/accounts/,
    'its end is silent about a step',
    'store',
    said('given-back', `jsonb_set(a, '{steps}', '[]')`),
  ],
  [
    'I7',
    /was given back before the run that took it had ended/,
    'it began before the run was over',
    'crm',
    `update moves_seen set at = '2020-01-01' where seq = ${RETURNED}`,
  ],
  [
    'I7',
    /was given back after its give-back had ended/,
    'it went on after its end',
    'crm',
    `update moves_seen set at = now() + interval '1 h' where seq = ${RETURNED}`,
  ],
  [
    'I7',
    /of the give-back was carried out with 0 of 1 recorded approvals/,
    'nobody approved it',
    'store',
    `update handover.audit set kind = 'refusal' where kind = 'decision' and offboarding in ${BACK}`,
  ],
  [
    'I7',
    /of the give-back was carried out with 0 of 1 recorded approvals/,
    'an approval that fell away was counted',
    'store',
    `update handover.audit set kind = 'notice' where offboarding in ${BACK} and subject =
       (select subject from handover.audit where kind = 'decision' and offboarding in ${BACK} order by seq desc limit 1);
     update handover.audit_bodies b set body = jsonb_build_object('recount', jsonb_build_object(
         'plan', body::jsonb -> 'plan', 'lost', jsonb_build_array(body::jsonb #> '{decider,id}')))::text
       from handover.audit a where (a.offboarding, a.seq) = (b.offboarding, b.seq) and a.offboarding in ${BACK}
        and a.kind = 'notice' and body like '%"message":"approve"%'`,
  ],
  [
    'I7',
    /was approved by Priya Approver, who is given something back/,
    'whoever comes back approved it',
    'store',
    said(
      'decision',
      `jsonb_set(a, '{decider,id}', to_jsonb((select min(leaver) from handover.offboardings)))`,
    ),
  ],
  [
    'I7',
    /was approved by Priya Approver, who was no approver/,
    'somebody approved it who may not',
    'crm',
    unseen('people', `update people set reviews = false where login = 'priya'`),
  ],
  [
    'I7',
    /was approved by Priya Approver, who was no approver/,
    'somebody approved it who was switched off',
    'crm',
    unseen('people', `update people set status = 'inactive' where login = 'priya'`),
  ],
  [
    'I7',
    /was approved by Priya Approver, who asked for the cover/,
    'whoever had asked for it approved it',
    'store',
    `update handover.audit_bodies set body = replace(body, 'olivia@', 'priya@') where offboarding not in ${BACK} and seq = 1`,
  ],
  [
    'I7',
    /was approved by Priya Approver, who had changed its date/,
    'whoever had changed the date approved it',
    'store',
    `update handover.audit_bodies b set body = jsonb_set(b.body::jsonb, '{decider}', other.body::jsonb -> 'decider')::text
       from handover.audit_bodies other where b.offboarding in ${BACK} and other.offboarding in ${BACK}
        and b.body like '%"message":"amend"%' and other.body like '%"message":"approve"%'`,
  ],
  [
    'I8',
    /was given back, and its page of crm\/accounts does not name it/,
    'it gave back what its page does not name',
    'store',
    `update handover.manifest_pages set keys = '{1}' where ${PAGES}`,
  ],
  [
    'I8',
    /names 1 of crm\/accounts, which the run before did not take/,
    'its plan names what was never taken',
    'store',
    `update handover.manifest_pages set keys = '{1}' where ${PAGES}`,
  ],
  [
    'I8',
    /of the give-back shows 99 of crm\/accounts, its manifest holds \d+/,
    'its plan shows another number than it gives back',
    'store',
    planned('"baseline":\\{"count":\\d+', '"baseline":{"count":99'),
  ],
  [
    'I8',
    /is not in its trail as one that gives back what a plan of the run took/,
    'its plan follows another plan',
    'store',
    said('planned', `jsonb_set(a, '{of}', '"0"')`),
  ],
  [
    'I8',
    /of the give-back has another policy than the plan that was approved before/,
    'its plan has a policy of its own',
    'store',
    planned('"requesterMayApprove":false', '"requesterMayApprove":true'),
  ],
  [
    'I9',
    /plan .* of the give-back does not give its digest/,
    'its plan was changed',
    'store',
    planned('"requesterMayApprove":false', '"requesterMayApprove":true'),
  ],
  [
    'I9',
    /the give-back's receipt of .* does not give its digest/,
    'a receipt of its was changed',
    'store',
    `update handover.receipts set owners = '{9}' where offboarding in ${BACK}`,
  ],
  [
    'I9',
    /the give-back's chain: the body of entry 2/,
    'a byte of its chain was changed',
    'store',
    `update handover.audit_bodies set salt = reverse(salt) where offboarding in ${BACK} and seq = 2`,
  ],
  [
    'I9',
    /the give-back was opened 0 times before it planned anything/,
    'nothing has opened it',
    'store',
    `update handover.audit set kind = 'notice' where kind = 'opened'`,
  ],
  [
    'I9',
    /the give-back says that it comes after somebody else/,
    'it was opened for another run',
    'store',
    said('opened', `jsonb_set(a, '{of}', '"somebody else"')`),
  ],
  [
    'I9',
    /the run before the give-back has not announced it as it closed/,
    'the run before did not begin it',
    'store',
    `update handover.audit_bodies set body = replace(body, '"kind":"give-back"', '"kind":"sweep"')`,
  ],
  [
    'I9',
    /stands behind the end of its give-back/,
    'something was decided after its end',
    'store',
    `insert into handover.audit
       select offboarding, seq + 1, 'late', 'decision', at, body_digest, previous, hash from handover.audit
        where offboarding in ${BACK} and kind = 'given-back';
     insert into handover.audit_bodies
       select offboarding, seq + 1, salt, '{}' from handover.audit_bodies join handover.audit using (offboarding, seq)
        where offboarding in ${BACK} and kind = 'given-back'`,
  ],
  [
    'I9',
    /the end of the give-back names plan 0, and not its last one/,
    'its end names another plan',
    'store',
    said('given-back', `jsonb_set(a, '{plan}', '"0"')`),
  ],
  [
    'I9',
    /the end of the give-back does not list the receipt of crm\/accounts page 1/,
    'its end leaves receipts out',
    'store',
    said('given-back', `jsonb_set(a, '{receipts}', '[]')`),
  ],
  [
    'I9',
    /the end of the give-back lists crm\/accounts page 99, and there is no such receipt/,
    'its end lists a receipt that never was',
    'store',
    said('given-back', `jsonb_insert(a, '{receipts,0}', '{"step": "crm/accounts", "page": 99}')`),
  ],
  [
    'I9',
    /the end of the give-back is told in 0 addenda/,
    'its end is told nowhere',
    'store',
    `delete from handover.certificate_bodies where number = 1; delete from handover.certificates where number = 1`,
  ],
  [
    'I9',
    /the end of the give-back is told in 2 addenda/,
    'its end is told twice',
    'store',
    `insert into handover.certificates select offboarding, 2, digest, at from handover.certificates where number = 1;
     insert into handover.certificate_bodies select offboarding, 2, body from handover.certificate_bodies where number = 1`,
  ],
  [
    'I9',
    /addendum 1 says of its outcome what the chain of the give-back does not/,
    'its addendum says something else than its chain',
    'store',
    added(`jsonb_set(a, '{outcome}', '"cancelled"')`),
  ],
  [
    'I9',
    /addendum 1 names another chain than that of its give-back/,
    'its addendum names another chain',
    'store',
    added(`jsonb_set(a, '{giveBackChain,hash}', '"0"')`),
  ],
  [
    'I9',
    /addendum 1 tells of the end of a give-back, and its chain does not/,
    'an addendum tells of an end that never was',
    'store',
    `update handover.audit set kind = 'notice' where kind = 'given-back'`,
  ],
  [
    'I9',
    /addendum 1 is of no sweep and of no give-back/,
    'an addendum is nobody’s',
    'store',
    added(`a - 'giveBack'`),
  ],
  [
    'I15',
    /the give-back also changed region/,
    'it changed a column it has no business with',
    'crm',
    `update moves_seen set new_row = new_row || '{"region": "moon"}' where seq = ${RETURNED}`,
  ],
  [
    'I15',
    /watchers \d+: the give-back also changed ticket/,
    'a row came back as another one',
    'desk',
    `update moves_seen set new_row = new_row || '{"ticket": "moon"}' where app = 'handover' and op = 'insert'`,
  ],
  [
    'I15',
    /remarks 1 was changed in the transaction of crm\/accounts, which has no business there/,
    'it changed what nobody named',
    'crm',
    `insert into moves_seen (tbl, op, old_row, new_row, txid, app)
       select 'remarks', 'update', '{"id": "1"}', '{"id": "1"}', txid, app from moves_seen where seq = ${RETURNED}`,
  ],
];

test('a give-back that went well has nothing to be said against it', async () => {
  expect(await checkInvariants(small.db, small.before)).toEqual([]);
});

eachIsNamed(small, LIES);
