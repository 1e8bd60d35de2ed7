/**
 * The checker is believed only because it catches lies: each of them told once, in a transaction that is
 * rolled back.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { handOver } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { checkInvariants } from './check.js';
import type { Db } from './evidence.js';
import { eachIsNamed, type Lie, retold, unseen, withLie } from './lie.js';

const small = useSmallWorld({ once: true, check: false });
beforeAll(async () => {
  const { status } = await handOver(small);
  expect(status.outcome).toBe('completed');
});

const asEngine = (sql: string): string => `set local application_name = 'handover'; ${sql}`;
const told = (words: string): string =>
  `(offboarding, seq) in (select offboarding, seq from handover.audit_bodies where body like '%${words}%')`;
/** Says something else in the certificate, by a change of its JSON. */
const certified = (change: string): string => retold('certificate_bodies', change);
const ALICE = `(select id from people where login = 'alice')`;
const moved = (table: string): string =>
  `(select min(seq) from moves_seen where app = 'handover' and tbl = '${table}' and op = 'update')`;

const LIES: Lie[] = [
  [
    'I22',
    /tells 0 of delete public.duties, the witness saw 3/,
    'a receipt is silent about rows that went along',
    'store',
    `update handover.receipts set elsewhere = '[]' where step = 'desk/teams'`,
  ],
  [
    'I22',
    /tells 5 of change public.agents, and nobody saw any/,
    'a receipt tells of rows that nobody touched',
    'store',
    `update handover.receipts set elsewhere = '[{"table":"public.agents","does":"change","count":5}]' where step = 'desk/tickets'`,
  ],
  [
    'I22',
    /the certificate of desk\/teams tells 1 of delete public.duties/,
    'the certificate counts them wrongly',
    'store',
    `update handover.certificate_bodies set body = replace(body, '"happened":[{"count":3', '"happened":[{"count":1')`,
  ],
  [
    'I22',
    /the plan shows 2 of duties, there were 3/,
    'the plan had shown other rows than there were',
    'store',
    `update handover.plans set body = regexp_replace(body, '"count":3,("does":"delete","table":"public.duties")', '"count":2,\\1')`,
  ],
  [
    'I22',
    /took along 40 of public.duties; the plan had shown 3/,
    'far more went along than was approved',
    'desk',
    `insert into moves_seen (tbl, op, old_row, txid, app)
       select 'duties', 'delete', jsonb_build_object('id', 1000 + n, 'team', 'team 0', 'agent_id', '17'), txid, 'handover'
         from generate_series(1, 37) n, (select txid from moves_seen where tbl = 'duties' limit 1) as one`,
  ],
  [
    'I15',
    /has no business there/,
    'a removal changes what nobody named',
    'desk',
    `insert into moves_seen (tbl, op, old_row, new_row, txid, app)
       select 'watchers', 'update', jsonb_build_object('id', '1'), jsonb_build_object('id', '1'), txid, 'handover'
         from moves_seen where tbl = 'duties' limit 1`,
  ],
  [
    'I1',
    /is gone/,
    'a row vanishes unseen',
    'crm',
    unseen('accounts', `delete from accounts where name = 'Bob''s 0'`),
  ],
  [
    'I1',
    /out of nothing/,
    'a row appears unseen',
    'crm',
    unseen('remarks', `insert into remarks values (1, 2, 'hi')`),
  ],
  [
    'I1',
    /may not remove/,
    'a transfer deletes the row',
    'crm',
    `${unseen(
      'fields',
      `delete from fields using moves_seen
        where seq = ${moved('fields')} and account_id::text = old_row ->> 'account_id' and field = old_row ->> 'field'`,
    )};
     update moves_seen set op = 'delete', new_row = null where seq = ${moved('fields')}`,
  ],
  [
    'I2',
    /reported as completed/,
    'an item lies with the leaver again',
    'desk',
    unseen('tickets', `update tickets set assignee_id = 17 where number = 3`),
  ],
  [
    'I3',
    /not to the leaver/,
    'the engine moved what was somebody else’s',
    'desk',
    `update moves_seen set old_row = old_row || '{"assignee_id": "19"}' where seq = ${moved('tickets')}`,
  ],
  [
    'I4',
    /changed twice/,
    'an item was moved twice',
    'desk',
    `insert into moves_seen (tbl, op, old_row, new_row, txid, app)
     select tbl, op, old_row, new_row, txid, app from moves_seen where seq = ${moved('tickets')}`,
  ],
  [
    'I5',
    /the plan says/,
    'an item went to somebody else',
    'desk',
    `update moves_seen set new_row = new_row || '{"assignee_id": "20"}' where seq = ${moved('tickets')}`,
  ],
  [
    'I6',
    /nobody saw it move/,
    'the ledger claims what never happened',
    'desk',
    `delete from moves_seen where seq = ${moved('tickets')}`,
  ],
  [
    'I6',
    /no receipt says so/,
    'the engine changes something without a receipt',
    'crm',
    asEngine(`update accounts set owner_id = 1 where name = 'Bob''s 1'`),
  ],
  [
    'I6',
    /counts/,
    'a receipt counts wrongly',
    'store',
    `update handover.receipts set changed = changed + 1 where step = 'desk/tickets' and page = 1`,
  ],
  [
    'I6',
    /still intended/,
    'a receipt is left intended',
    'store',
    `update handover.receipts set state = 'intended', sure = null where step = 'desk/tickets' and page = 1`,
  ],
  [
    'I6',
    /without a reason|excepts/,
    'a receipt excuses an item that is not on its page',
    'store',
    `update handover.receipts set exceptions = '[{"key":"1","kind":"gone","why":"x"}]' where step = 'crm/rules'`,
  ],
  [
    'I6',
    /certificate says/,
    'the certificate counts wrongly',
    'store',
    `update handover.certificate_bodies set body = regexp_replace(body, '"changed":9', '"changed":8')`,
  ],
  [
    'I6',
    /desk\/tickets under plan 1: .* got 8, the witness saw 9/,
    'the certificate names a successor for less than they got',
    'store',
    `update handover.certificate_bodies set body = regexp_replace(body, '("id":"desk/tickets".*?"under":.*?"items":)9', '\\18')`,
  ],
  [
    'I6',
    /desk\/tickets under plan 1: approved by Nobody, the trail says Priya/,
    'the certificate names another approver',
    'store',
    `update handover.certificate_bodies
        set body = replace(body, '"approvedBy":["Priya Approver"]', '"approvedBy":["Nobody"]')`,
  ],
  [
    'I7',
    /still holds/,
    'the leaver is switched off and holds something',
    'crm',
    unseen('tokens', `update tokens set revoked_at = null where name = 'token 1'`),
  ],
  [
    'I7',
    /0 of 1 recorded approvals/,
    'the approval is missing from the trail',
    'store',
    `delete from handover.audit where ${told('"message":"approve"')}`,
  ],
  [
    'I7',
    /without the confirmation that its policy wants/,
    'a plan that had to be confirmed was not',
    'store',
    `update handover.plans set body = replace(body, '"confirmation":false', '"confirmation":true')`,
  ],
  [
    'I7',
    /has not ended well/,
    'a step had not ended well',
    'store',
    `update handover.audit set kind = 'step-failed' where subject like 'step crm/fields %'`,
  ],
  [
    'I8',
    /not in the manifest|does not claim/,
    'something moved that nobody approved',
    'store',
    `update handover.manifest_pages set keys = keys[2:] where step = 'crm/fields' and page = 1`,
  ],
  [
    'I8',
    /its manifest holds/,
    'the manifest is not what the plan says',
    'store',
    `delete from handover.manifest_pages where step = 'crm/approvals'`,
  ],
  [
    'I8',
    /the policy allows/,
    'more came later than the policy allows',
    'store',
    `update handover.manifest_pages set origin = 'arrived' where step = 'desk/tickets'`,
  ],
  [
    'I9',
    /entry \d+ \(decision \S+ 99\) stands behind the end of its run/,
    'an approval was added after the close',
    'store',
    `insert into handover.audit
       select offboarding, seq + 1, replace(subject, 'closed', 'decision') || ' 99', 'decision', at, body_digest, hash, repeat('0', 64)
         from handover.audit where kind = 'closed';
     insert into handover.audit_bodies
       select offboarding, seq + 1, salt, body from handover.audit join handover.audit_bodies using (offboarding, seq) where kind = 'closed'`,
  ],
  [
    'I9',
    /the closing entry does not list the receipt of crm\/rules page 99/,
    'a receipt was made up afterwards',
    'store',
    `insert into handover.receipts
       select offboarding, manifest, step, 99, part, aborted, state, sure, first, count, did, accounts, takers, mark, changed, merged,
              per_taker, owners, owner_of, exceptions, elsewhere, before_images, digest, now()
         from handover.receipts where step = 'crm/rules'`,
  ],
  [
    'I9',
    /there is no certificate 0 of an ending/,
    'the certificate is gone',
    'store',
    'delete from handover.certificates',
  ],
  [
    'I9',
    /certificate 1 belongs to no ending/,
    'a certificate was made up',
    'store',
    `insert into handover.certificates select offboarding, 1, digest, at from handover.certificates;
     insert into handover.certificate_bodies select offboarding, 1, body from handover.certificate_bodies`,
  ],
  [
    'I9',
    /page 1 of crm\/fields does not give its digest/,
    'the fingerprint of a page is changed',
    'store',
    `update handover.manifest_pages set fingerprint = '5' where step = 'crm/fields' and page = 1`,
  ],
  [
    'I9',
    /the pages of manifest \S+ are not those that the closing entry seals/,
    'a page with a digest of its own is changed',
    'store',
    `update handover.manifest_pages set digest = reverse(digest) where step = 'crm/fields' and page = 1`,
  ],
  [
    'I9',
    /body of entry 4/,
    'a byte of the trail is changed',
    'store',
    `update handover.audit_bodies set body = replace(body, '"accepted":true', '"accepted":false') where seq = 4`,
  ],
  [
    'I9',
    /body of entry 4/,
    'a salt of the trail is changed',
    'store',
    `update handover.audit_bodies set salt = reverse(salt) where seq = 4`,
  ],
  [
    'I9',
    /the catalog of crm did is not there any more, or was changed/,
    'what a catalog did is changed',
    'store',
    `update handover.catalogs set body = replace(body, 'transfer', 'remove') where system = 'crm'`,
  ],
  [
    'I9',
    /does not give its hash/,
    'a moment of the trail is changed',
    'store',
    `update handover.audit set at = at + interval '1 ms' where seq = 2`,
  ],
  [
    'I9',
    /does not end where its head says/,
    'the end of the trail is cut off',
    'store',
    `delete from handover.audit where kind = 'closed'`,
  ],
  [
    'I9',
    /does not know it/,
    'a deactivation is missing from the trail',
    'store',
    `delete from handover.audit where kind = 'deactivated' and ${told('"system":"desk"')}`,
  ],
  [
    'I9',
    /plan .* does not give its digest/,
    'a plan is changed',
    'store',
    `update handover.plans set body = replace(body, 'Open tickets', 'Open t1ckets')`,
  ],
  [
    'I9',
    /receipt of .* does not give its digest/,
    'a receipt is changed',
    'store',
    `update handover.receipts set owners[1] = '99' where step = 'crm/rules'`,
  ],
  [
    'I9',
    /row as it was before .* was changed/,
    'a row as it was is changed',
    'store',
    `update handover.before_images set body = replace(body, '"table"', '"tab1e"')`,
  ],
  [
    'I9',
    /do not give their name/,
    'a row as it was disappears',
    'store',
    `delete from handover.before_images where n = 1`,
  ],
  [
    'I6',
    /came to nothing, and the witness saw/,
    'a receipt denies what happened',
    'store',
    `update handover.receipts set state = 'aborted', aborted = 1 where step = 'desk/tickets' and page = 1`,
  ],
  [
    'I9',
    /closing entry/,
    'a receipt disappears',
    'store',
    `delete from handover.receipts where step = 'crm/tokens'`,
  ],
  [
    'I10',
    /is not there any more/,
    'somebody else’s word is overwritten',
    'crm',
    `update remarks set said = 'mine' where said = 'remark 1'; ${unseen('remarks', `update remarks set said = 'yours' where said = 'mine'`)}`,
  ],
  [
    'I15',
    /is not as before/,
    'something kept is changed unseen',
    'crm',
    unseen('accounts', `update accounts set name = 'Rewritten' where name = 'Gone 1'`),
  ],
  [
    'I15',
    /also changed subject/,
    'a change touches a column it has no business with',
    'desk',
    `update moves_seen set new_row = new_row || '{"subject": "x"}' where seq = ${moved('tickets')}`,
  ],
  [
    'I15',
    /is kept/,
    'the engine moves something kept',
    'desk',
    `update moves_seen set old_row = old_row || '{"status": "closed"}' where seq = ${moved('tickets')}`,
  ],
  [
    'I16',
    /plays.who still holds 2 of the leaver/,
    'a table that no catalog names holds the leaver’s id',
    'crm',
    `create table plays (id int primary key, who bigint); insert into plays select n, ${ALICE} from generate_series(1, 2) n`,
  ],
  [
    'I16',
    /tags.people still holds 1/,
    'a list in a JSON column holds the leaver’s address',
    'desk',
    `create table tags (id text, people jsonb); insert into tags values ('a', '{"seen": ["bob", " Alice@SMALL.example"]}')`,
  ],
  [
    'I16',
    /remarks.said still holds 1/,
    'a column of a table that everybody knows holds the login of the leaver’s second entry',
    'crm',
    unseen('remarks', `update remarks set said = 'alice-admin' where said = 'remark 1'`),
  ],
  [
    'I16',
    /accounts.owner_id still holds 1/,
    'an item in a state that no category is about stays with the leaver',
    'crm',
    unseen('accounts', `update accounts set owner_id = ${ALICE}, status = 'frozen' where name = 'Bob''s 0'`),
  ],
  [
    'I17',
    /agents 99 is the leaver too, still active/,
    'there is another account with the leaver’s address',
    'desk',
    unseen('agents', `insert into agents (id, name, email) values (99, 'A. A.', 'ALICE@small.example ')`),
  ],
  [
    'I17',
    /agents 99 is the leaver too, holds 1 \(desk\/tickets\)/,
    'another account of the leaver is off and holds work',
    'desk',
    `${unseen('agents', `insert into agents (id, name, email, status) values (99, 'A. A.', 'alice.anders@small.example', 'inactive')`)};
     ${unseen('tickets', 'update tickets set assignee_id = 99 where number = 1')}`,
  ],
  [
    'I17',
    /is the leaver too, still active, and named nowhere/,
    'another entry of the directory has the leaver’s person number',
    'crm',
    unseen(
      'people',
      `insert into people (id, login, full_name, person_no) select 99, 'aa', 'A. A.', person_no from people where login = 'alice'`,
    ),
  ],
  [
    'I17',
    /is said to be switched off, and is active/,
    'the leaver’s second entry is on again',
    'crm',
    unseen('people', `update people set status = 'active' where login = 'alice-admin'`),
  ],
  [
    'I18',
    /remarks.said still holds 1 of the leaver, as alice@small.example/,
    'something lies under the address that the leaver had when the run began',
    'crm',
    `${unseen('people', `update people set email = 'a@small.example' where login = 'alice'`)};
     ${unseen('remarks', `update remarks set said = 'alice@small.example' where said = 'remark 1'`)}`,
  ],
  [
    'I20',
    /no account in desk, and there is 17/,
    'the certificate denies an account',
    'store',
    certified(`jsonb_set(a, '{access,desk}', '"absent"')`),
  ],
  [
    'I20',
    /nobody to switch off, and crm.people \d+ is active/,
    'there is said to be nothing to do, and the leaver is active',
    'crm',
    unseen('people', `update people set status = 'active' where login = 'alice'`),
    { store: certified(`jsonb_set(a, '{outcome}', '"nothing-to-do"')`) },
  ],
  [
    'I20',
    /nothing to hand over, and 17 holds 1 \(desk\/tickets\)/,
    'there is said to be nothing to hand over, and there is an item',
    'desk',
    unseen('tickets', 'update tickets set assignee_id = 17 where number = 3'),
    { store: certified(`jsonb_set(a, '{outcome}', '"nothing-to-do"')`) },
  ],
  [
    'I21',
    /crm\/approvals: 2 stay with the leaver, and the certificate says 1/,
    'the certificate counts less than stays',
    'store',
    certified(`jsonb_set(a, '{stays,0,count}', '1')`),
  ],
  [
    'I21',
    /desk\/closed: 4 stay with the leaver, and the certificate says 0/,
    'the certificate leaves out what is kept',
    'store',
    certified(`a #- '{stays,1}'`),
  ],
  [
    'I21',
    /the sentence says that nothing is left, and 9 items are/,
    'the last sentence says too much',
    'store',
    certified(`jsonb_set(a, '{sentence}', '"Everything is handed over, nothing is left."')`),
  ],
  [
    'I21',
    /desk\/tickets: 3 are said to have come, the witness saw 0/,
    'the certificate tells of what never came',
    'store',
    certified(`jsonb_set(a, '{afterwards,came}', '[{"where": "desk/tickets", "count": 3}]')`),
  ],
  [
    'I21',
    /desk\/tickets: 1 came after the switch, the certificate says 0/,
    'the certificate is silent about what came between two switches',
    'desk',
    `${unseen('tickets', 'update tickets set assignee_id = 17 where number = 3')};
     insert into moves_seen (tbl, op, old_row, new_row, app, at)
     select 'tickets', 'update', new_row, new_row || '{"assignee_id": "17"}', 'other',
            (select max(at) from moves_seen where app = 'handover') + interval '1 ms'
       from moves_seen where tbl = 'tickets' and new_row ->> 'number' = '3'`,
  ],
  [
    'I21',
    /said to be on again in desk/,
    'the certificate says that an account is on again, and it is off',
    'store',
    certified(`jsonb_set(a, '{afterwards,onAgain}', '["desk"]')`),
  ],
  [
    'I21',
    /does not cover: Small desk: the account is still there/,
    'an account that is on is not among what is not covered',
    'desk',
    unseen('agents', `update agents set status = 'active' where id = 17`),
  ],
  [
    'I21',
    /does not cover: crm\/approvals: 2 still there/,
    'what a person alone attests is not among what is not covered',
    'store',
    certified(`a #- '{notCovered,0}'`),
  ],
  [
    'I21',
    /does not cover: desk\/tickets: some effects were only read to be so/,
    'effects that were only read are not among what is not covered',
    'store',
    `update handover.receipts set sure = 'read' where step = 'desk/tickets' and page = 1`,
  ],
  [
    'I21',
    /the decision of Priya Approver is only claimed/,
    'a claimed decision is not among what is not covered',
    'store',
    certified(`a #- '{notCovered,1}'`),
  ],
];

test('a run that went well has nothing to be said against it', async () => {
  expect(await checkInvariants(small.db, small.before)).toEqual([]);
});

eachIsNamed(small, LIES);

test('I7: the order of effects is read from transaction ids, over all databases', async () => {
  // The last move of tickets gets the number of a transaction that began after everything.
  const [{ last }] = (
    await small.db.desk.query(
      `select max(txid) as last from moves_seen where app = 'handover' and tbl = 'tickets'`,
    )
  ).rows;
  const violations = await withLie(
    small,
    'desk',
    `update moves_seen set txid = '9999999999' where txid = '${last}'`,
    {
      store: `update handover.receipts set mark = 'transaction 9999999999' where mark like 'transaction ${last} %'`,
    },
  );
  expect(violations).toContainEqual({
    invariant: 'I7',
    message: expect.stringMatching(/was moved after the leaver had been switched off/),
  });
});

test.each([
  ['although the last plan never knew it', ''],
  ['although the last plan does not even name the category', `"id":"crm/accounts"`],
])('I19: something lies under an entry whose row is gone, %s', async (_what, category) => {
  const alias = small.cast.alias.id;
  const forgets = (words: string, instead: string): string =>
    `update handover.plans set body = replace(body, '${words}', '${instead}')`;
  const violations = await withLie(
    small,
    'crm',
    `${unseen('accounts', `update accounts set owner_id = ${alias} where name = 'Bob''s 0'`)};
     ${unseen('people', `delete from people where id = ${alias}`)}`,
    { store: `${forgets(`"user":["${alias}"]`, '"user":[]')}; ${forgets(category, '"id":"crm/other"')}` },
  );
  expect(violations).toContainEqual({
    invariant: 'I19',
    message: `crm.accounts.owner_id still holds 1 of the leaver, as ${alias} (an entry that is gone)`,
  });
  expect(violations.map(one => one.invariant)).not.toContain('I2');
});

describe('what a certificate admits is no lie', () => {
  const invariants = async (where: keyof Db, sql: string, admits: string): Promise<string[]> =>
    (await withLie(small, where, sql, { store: certified(admits) })).map(one => one.invariant);

  test('a place that it names as not covered', async () => {
    const plays = `create table plays (id int primary key, who bigint); insert into plays values (1, ${ALICE})`;
    const line = '"Small CRM: public.plays.who can hold a person and stand in no catalog."';
    expect(
      await invariants('crm', plays, `jsonb_set(a, '{notCovered}', (a -> 'notCovered') || '${line}')`),
    ).not.toContain('I16');
  });

  test('an account that it names as left out', async () => {
    const agent = unseen(
      'agents',
      `insert into agents (id, name, email) values (99, 'A', 'alice@small.example')`,
    );
    const other = '[{"id": "99", "label": "A (99)", "why": "the same address"}]';
    expect(await invariants('desk', agent, `jsonb_set(a, '{accounts,0,others}', '${other}')`)).not.toContain(
      'I17',
    );
  });
});
