/**
 * An auditor's questions: what happened, was anything changed since, and who owned this item. One finished
 * run, tampered with in turn.
 */
import { randomUUID } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { parse } from 'csv-parse/sync';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gather } from '../../client/audit/evidence.js';
import { verify } from '../../client/audit/verify.js';
import type { KeyOrder } from '../../domain/keys.js';
import { referenceTo } from '../../domain/overrides.js';
import { sha256 } from '../../store/digest.js';
import { receiptDigest } from '../../store/ledger.js';
import { PAGE_DIGEST } from '../../store/manifests.js';
import { openStore } from '../../store/store.js';
import {
  acknowledgeAll,
  ended,
  handOver,
  mail,
  must,
  planned,
  type Started,
  start,
  waitFor,
} from '../small-world/drive.js';
import { refuse } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';
import { type Cli, cliOf } from './cli.js';

const small = useSmallWorld({ once: true, check: false });
let cli: Cli;
let run: Started;
let key: (n: number) => string;

// A run with everything in it: several batches, a refused item, a skip, an override, a block, a keep and a
// certificate.
beforeAll(async () => {
  cli = await cliOf(small);
  key = n => String(BigInt(small.cast.alice.id) * 100n + BigInt(n));
  const mischief = await refuse(small.db.crm, 'accounts', `old.name = 'Account 5'`);
  const digest = await small.world.worker.deps.store.overrides.save({
    'crm/accounts': { [key(3)]: mail(small, 'carol') },
  });
  run = await start(small, {
    departure: 'unplanned',
    successor: mail(small, 'bob'),
    overrides: referenceTo(digest),
  });
  const { plan } = await planned(small, run);
  await small.world.offboardings.decide(run.run, 'approve', { by: mail(small, 'bob'), plan: plan!.digest });
  await acknowledgeAll(small, run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  await waitFor(small, run, status => status.state === 'needs-attention');
  await must(small, run, 'skip', 'olivia', { step: 'crm/accounts', reason: 'sold next week' });
  const { waivers } = await small.world.offboardings.status(run.run);
  const keys = waivers['crm/accounts']!.leftover.digest;
  await must(small, run, 'approve', 'daniel', { step: 'crm/accounts', keys, plan: plan!.digest });
  await waitFor(small, run, status => status.state === 'closed');
  await ended(small, run);
  await mischief.mend();
  await small.world.offboardings.archive(run.run);
});
afterAll(() => cli?.remove());

/** A superuser who knows how to get round the triggers; afterwards everything is put back as it was. */
async function tampered(
  statements: string | [string, unknown[]][],
  look: () => Promise<void>,
): Promise<void> {
  const client = new pg.Client({ connectionString: small.world.urls.store });
  await client.connect();
  const tables = [
    'audit',
    'audit_bodies',
    'audit_heads',
    'offboardings',
    'plans',
    'catalogs',
    'overrides',
    'manifests',
    'manifest_pages',
    'manifest_rounds',
    'receipts',
    'before_images',
    'frozen_keys',
    'archives',
    'certificates',
    'certificate_bodies',
  ];
  try {
    await client.query(`set session_replication_role = replica`);
    for (const table of tables)
      await client.query(`create table public.kept_${table} as table handover.${table}`);
    for (const [text, values] of typeof statements === 'string'
      ? [[statements, []] as [string, unknown[]]]
      : statements) {
      const { rowCount } = await client.query(text, values);
      expect(rowCount, text).toBeGreaterThan(0);
    }
    await look();
  } finally {
    for (const table of tables) {
      await client.query(`delete from handover.${table}`);
      await client.query(`insert into handover.${table} table public.kept_${table}`);
      await client.query(`drop table public.kept_${table}`);
    }
    await client.end();
  }
}

test('the timeline tells who asked, who decided what on whose claim, what moved and how it ended', async () => {
  const { code, out, err } = await cli('audit', run.run);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const lines = [
    /requested .*asked for by olivia@small.example \(claimed\) for alice@small.example: execute-and-deactivate, unplanned/,
    /access .*access in crm: blocked/,
    /planned .*plan 1 [0-9a-f]{12} with \d+ steps/,
    /refusal .*Bob Brook \(id:\d+\), claimed: approve on plan [0-9a-f]{12}\. refused: /,
    /decision .*Olivia Owner \(id:\d+\), claimed: acknowledge/,
    /decision .*Priya Approver \(id:\d+\), claimed: approve on plan [0-9a-f]{12}\. Approved/,
    /receipt .*crm\/accounts: 8 changed in 3 batches, transaction \d+ in [\w/]+ to transaction \d+ in [\w/]+, 1 not changed/,
    /step-failed .*crm\/accounts: failed \(8 changed, 1 failed, 1 remaining\): 1 item was refused/,
    /decision .*Olivia Owner .*: skip on plan .* Said: sold next week/,
    /deactivated .*crm: proven empty and switched off; 1 of 1 kept categories untouched/,
    /closed .*closed as completed/,
    /run-ended .*completed/,
    /certificate .*certificate [0-9a-f]{64}/,
    /archived .*is kept: \d+ events, completed/,
    /✓ Verified, nothing was changed: .*chained entries, 1 plan, .*manifest pages, .*receipts, .*shown keys, 1 certificate, 1 archived history/,
  ];
  let from = 0;
  for (const line of lines) {
    expect(out, String(line)).toMatch(line);
    from = Math.max(from, out.search(line));
  }
  expect(from).toBeGreaterThan(0);
});

test('the same as JSON lines, in order of time, with the verdict last', async () => {
  const ran = await cli('audit', run.offboardingId, '--json');
  expect(ran).toMatchObject({ code: 0, err: '' });
  const lines = ran.json();
  const verdict = lines.pop();
  expect(verdict).toMatchObject({ kind: 'verification', ok: true, breaks: [] });
  const times = lines.map(line => String(line.at));
  expect(times).toEqual([...times].sort());
  expect(new Set(lines.map(line => line.source))).toEqual(new Set(['trail', 'ledger', 'history', 'archive']));
  expect(lines.filter(line => line.kind === 'receipt')).toHaveLength(
    Number((verdict!.checked as { receipts: number }).receipts),
  );
  expect(lines.every(line => line.offboarding === run.offboardingId)).toBe(true);
});

test('a run that nobody knows is not found', async () => {
  expect(await cli('audit', '00000000-0000-4000-8000-000000000000')).toMatchObject({ code: 4, out: '' });
  expect(await cli('audit', small.world.offboardings.ids.offboarding('none'))).toMatchObject({
    code: 4,
    err: expect.stringContaining('handover list'),
  });
});

describe('a changed byte is named', () => {
  const where = `offboarding = '`;
  const of = (id: string, kind: string): string =>
    `(offboarding, seq) in (select offboarding, seq from handover.audit where ${where}${id}' and kind = '${kind}')`;
  const cases: [what: string, change: (id: string) => string, names: RegExp][] = [
    [
      'a body in the trail',
      id =>
        `update handover.audit_bodies set body = replace(body, 'alice', 'alicf') where ${where}${id}' and seq = 1`,
      /handover\.audit: Entry 1 \(requested\) has a changed body/,
    ],
    [
      'a body that is no JSON any more',
      id => `update handover.audit_bodies set body = 'x' where ${of(id, 'planned')}`,
      /handover\.audit: Entry \d+ \(plan .*\) has a changed body/,
    ],
    [
      'a salt in the trail',
      id => `update handover.audit_bodies set salt = reverse(salt) where ${where}${id}' and seq = 1`,
      /handover\.audit: Entry 1 \(requested\) has a changed body/,
    ],
    [
      'a body that is gone and nobody said so',
      id => `delete from handover.audit_bodies where ${where}${id}' and seq = 1`,
      /handover\.audit: Entry 1 \(requested\): its body is missing, and no entry says that it was purged/,
    ],
    [
      'a body that another entry had, with its salt',
      id => `update handover.audit_bodies a set salt = b.salt, body = b.body from handover.audit_bodies b
              where a.offboarding = '${id}' and b.offboarding = a.offboarding and (a.seq, b.seq) in ((1, 2), (2, 1))`,
      /handover\.audit: Entry 1 \(requested\) has a changed body[\s\S]*Entry 2 \(.*\) has a changed body/,
    ],
    [
      'a time in the trail',
      id => `update handover.audit set at = at - interval '1 ms' where ${where}${id}' and kind = 'closed'`,
      /handover\.audit: Entry \d+ \(closed [0-9a-f-]+\) was changed/,
    ],
    [
      'a kind in the trail',
      id => `update handover.audit set kind = 'decision' where ${where}${id}' and kind = 'refusal'`,
      /handover\.audit: Entry \d+ \(decision .*\) was changed/,
    ],
    [
      'a subject in the trail',
      id => `update handover.audit set subject = 'requested!' where ${where}${id}' and seq = 1`,
      /Entry 1 \(requested!\) was changed/,
    ],
    [
      'an entry that was removed',
      id => `delete from handover.audit where ${where}${id}' and seq = 3`,
      /Entry 3 is missing/,
    ],
    [
      'the last entry',
      id => `delete from handover.audit where ${where}${id}' and kind = 'closed'`,
      /entries were removed or changed at the end/,
    ],
    [
      'the checkpoint',
      id => `update handover.audit_heads set hash = reverse(hash) where ${where}${id}'`,
      /its checkpoint says/,
    ],
    [
      'the checkpoint that is gone',
      id => `delete from handover.audit_heads where ${where}${id}'`,
      /handover\.audit_heads: the checkpoint of this chain is missing/,
    ],
    [
      'a body of the plan',
      id => `update handover.plans set body = replace(body, 'Bob Brook', 'Rob Brook') where ${where}${id}'`,
      /handover\.plans [0-9a-f]{12}… \(revision 1\): its body gives the digest/,
    ],
    [
      'a plan with a digest of its own',
      id =>
        `update handover.plans set body = body || ' ', digest = encode(sha256(convert_to(body || ' ', 'UTF8')), 'hex') where ${where}${id}'`,
      /handover\.plans: the plan [0-9a-f]{12}… of entry \d+ is missing or has another digest/,
    ],
    [
      'the revision of a plan',
      id => `update handover.plans set revision = 2 where ${where}${id}'`,
      /handover\.plans .* \(revision 2\): the row says another/,
    ],
    [
      'a plan that is gone',
      id => `delete from handover.plans where ${where}${id}'`,
      /handover\.plans: the plan .* is missing/,
    ],
    [
      'what a catalog does',
      () => `update handover.catalogs set body = replace(body, 'transfer', 'remove') where system = 'crm'`,
      /handover\.catalogs [0-9a-f]{12}…: its body gives the digest/,
    ],
    [
      'a catalog that is gone',
      () => `delete from handover.catalogs where system = 'desk'`,
      /handover\.catalogs [0-9a-f]{12}…: what the catalog of desk does by the plan of revision 1 is missing/,
    ],
    [
      'who takes an item by a stored set of overrides',
      () => `update handover.overrides set body = replace(body, 'carol', 'eve')`,
      /handover\.overrides [0-9a-f]{12}…: its body gives the digest/,
    ],
    [
      'how many a stored set of overrides names',
      () => 'update handover.overrides set count = count + 1',
      /handover\.overrides [0-9a-f]{12}…: it names successors of 1 items, the row says 2/,
    ],
    [
      'a set of overrides that is gone',
      () => 'delete from handover.overrides',
      /handover\.overrides [0-9a-f]{12}…: the set that a request names is missing/,
    ],
    [
      'a key of the manifest',
      () =>
        `update handover.manifest_pages set keys[1] = keys[1] || '0' where step = 'crm/accounts' and page = 1`,
      /handover\.manifest_pages crm\/accounts page 1 .*: its keys and successors give the digest/,
    ],
    [
      'a successor in the manifest',
      () =>
        `update handover.manifest_pages set assignment[1] = 1 - assignment[1] where step = 'crm/accounts' and page = 2`,
      /handover\.manifest_pages crm\/accounts page 2 .*: its keys and successors give the digest/,
    ],
    [
      'the count of a page',
      () => `update handover.manifest_pages set count = count + 1 where step = 'crm/fields' and page = 1`,
      /handover\.manifest_pages crm\/fields page 1 .*: it holds 4 keys, the row says 5/,
    ],
    [
      'the range of a page',
      () => `update handover.manifest_pages set high = low where step = 'crm/fields' and page = 1`,
      /crm\/fields page 1 .*: "low" and "high" do not fit/,
    ],
    [
      'the fingerprint of a page',
      () => `update handover.manifest_pages set fingerprint = '5' where step = 'crm/fields' and page = 1`,
      /handover\.manifest_pages crm\/fields .*: the fingerprints of its pages give/,
    ],
    [
      'a page that is gone',
      () => `delete from handover.manifest_pages where step = 'crm/accounts' and page = 2`,
      /handover\.manifest_pages crm\/accounts .*: its pages hold 5 keys, plan .* says 9/,
    ],
    [
      'the round of a page',
      () =>
        `update handover.manifest_pages set round = 1, origin = 'again' where step = 'crm/fields' and page = 2`,
      /handover\.manifest_rounds crm\/fields round 1 .* is missing/,
    ],
    [
      'the count of a receipt',
      () => `update handover.receipts set changed = changed + 1 where step = 'crm/fields' and page = 1`,
      /handover\.receipts crm\/fields page 1 \(transaction \d+ in [\w/]+\): its content gives the digest/,
    ],
    [
      'the successor of a receipt',
      () => `update handover.receipts set takers[1] = '1' where step = 'crm/fields' and page = 1`,
      /handover\.receipts crm\/fields page 1 .*: its content/,
    ],
    [
      'the exceptions of a receipt',
      () => `update handover.receipts set exceptions = '[' where step = 'crm/accounts' and page = 2`,
      /handover\.receipts crm\/accounts page 2 .*: its content gives the digest of nothing/,
    ],
    [
      'the before-images of a receipt',
      () => `update handover.receipts set before_images = null where before_images is not null`,
      /handover\.receipts .*: its content gives the digest/,
    ],
    [
      'a row as it was',
      () => `update handover.before_images set body = replace(body, '"table"', '"tab1e"')`,
      /handover\.before_images [0-9a-f]{12}… of [\w/]+ page \d+: row 1 gives the digest/,
    ],
    [
      'a row as it was that is gone',
      () => `delete from handover.before_images where n = 1`,
      /handover\.before_images [0-9a-f]{12}… of [\w/]+ page \d+: its rows do not give its name/,
    ],
    [
      'how sure a receipt is',
      () => `update handover.receipts set sure = 'read' where step = 'crm/fields' and page = 1`,
      /handover\.receipts crm\/fields page 1 .*: it is done \(read\), and entry \d+ lists it as done \(asked\)/,
    ],
    [
      'the state of a receipt',
      () =>
        `update handover.receipts set state = 'intended', sure = null where step = 'crm/fields' and page = 1`,
      /handover\.receipts crm\/fields page 1 .*: it is still intended/,
    ],
    [
      'a receipt that is gone',
      () => `delete from handover.receipts where step = 'crm/fields' and page = 2`,
      /handover\.receipts crm\/fields page 2 \(transaction \d+ in [\w/]+\): the receipt .* is missing/,
    ],
    [
      'a receipt that was made up',
      id =>
        `insert into handover.receipts
           select offboarding, manifest, step, 99, part, aborted, state, sure, first, count, did, accounts, takers, mark, changed, merged,
                  per_taker, owners, owner_of, exceptions, elsewhere, before_images, digest || '0',
                  (select min(at) from handover.receipts where ${where}${id}')
             from handover.receipts where step = 'crm/fields' and page = 1`,
      /handover\.receipts crm\/fields page 99 .*: entry \d+, which lists all receipts, does not know it/,
    ],
    [
      'the keys that a skip waives',
      () => `update handover.frozen_keys set keys[1] = '1'`,
      /handover\.frozen_keys [0-9a-f]{12}…: its keys give the digest/,
    ],
    [
      'the keys that are gone',
      () => `delete from handover.frozen_keys`,
      /handover\.frozen_keys .*: the keys that people were shown are missing/,
    ],
    [
      'the certificate',
      id =>
        `update handover.certificate_bodies set body = replace(body, '"completed"', '"complete!"') where ${where}${id}'`,
      /handover\.certificates number 0: its body gives the digest/,
    ],
    [
      'a certificate with a digest of its own',
      id =>
        `with body as (update handover.certificate_bodies set body = body || ' ' where ${where}${id}' returning *)
         update handover.certificates c set digest = encode(sha256(convert_to(body.body, 'UTF8')), 'hex')
           from body where c.offboarding = body.offboarding and c.number = body.number`,
      /handover\.certificates number 0: the run's own result names/,
    ],
    [
      'a body of the certificate that is gone',
      id => `delete from handover.certificate_bodies where ${where}${id}'`,
      /handover\.certificates number 0: its body is missing, and no entry of the chain says that it was purged/,
    ],
    [
      'the certificate that is gone',
      id => `delete from handover.certificates where ${where}${id}'`,
      /handover\.certificates number 0: the run's own result names .* the row is missing/,
    ],
    [
      'a byte of the history',
      id =>
        `update handover.archives set history = set_byte(history, 100, get_byte(history, 100) # 1) where ${where}${id}'`,
      /handover\.archives run .*: the stored history gives the digest/,
    ],
    [
      'the status of a history',
      id => `update handover.archives set status = 'TERMINATED' where ${where}${id}'`,
      /handover\.archives run .*: by its history the run is COMPLETED, the row says TERMINATED/,
    ],
    [
      'the number of events of a history',
      id => `update handover.archives set events = events - 1 where ${where}${id}'`,
      /handover\.archives run .*: the history has \d+ events, the row says/,
    ],
    [
      'whose history it is',
      id => `update handover.archives set offboarding = gen_random_uuid() where ${where}${id}'`,
      /handover\.archives run .*: the history is of offboarding/,
    ],
  ];
  test.each(cases)('%s', async (_, change, names) => {
    await tampered(change(run.offboardingId), async () => {
      const ran = await cli('audit', run.offboardingId, '--verify');
      expect(ran).toMatchObject({ code: 7, err: '' });
      expect(ran.out).toMatch(names);
      const [verdict] = (await cli('audit', run.offboardingId, '--verify', '--json')).json();
      expect(verdict).toMatchObject({ ok: false });
      // The timeline is told all the same.
      expect(await cli('audit', run.offboardingId)).toMatchObject({
        code: 7,
        out: expect.stringContaining('do'),
      });
    });
    expect(await cli('audit', run.offboardingId, '--verify')).toMatchObject({ code: 0 });
  });

  test('what was purged is said to be purged, and the rest verifies', async () => {
    await tampered('select 1', async () => {
      const why = ['--by', 'olivia', '--reason', 'the person asked for it'];
      expect(await cli('purge', run.run, '--entries', '1', ...why)).toMatchObject({
        code: 0,
        out: expect.stringContaining('Purged: what entries 1 said.'),
      });
      const ran = await cli('audit', run.offboardingId);
      expect(ran).toMatchObject({ code: 0, err: '' });
      expect(ran.out).toMatch(/requested .*what was said is purged/);
      expect(ran.out).toMatch(
        /purged .*what entries 1 said was taken away by olivia: the person asked for it/,
      );
      expect(ran.out).toMatch(/The bodies of entries 1 are purged, and the chain says so/);
      expect(ran.out).not.toContain('asked for by olivia@small.example');
    });
  });

  test('a certificate that was purged is said to be purged, its digest stays, and the rest verifies', async () => {
    await tampered('select 1', async () => {
      const { store } = small.world.worker.deps;
      const { digest } = (await store.archive.certificates(run.offboardingId))[0]!;
      const why = ['--by', 'olivia', '--reason', 'the person asked for it'];
      expect(await cli('purge', run.run, '--certificates', '0', ...why)).toMatchObject({ code: 0 });
      const ran = await cli('audit', run.offboardingId);
      expect(ran).toMatchObject({ code: 0, err: '' });
      expect(ran.out).toMatch(
        /purged .*what certificates 0 said was taken away by olivia: the person asked for it/,
      );
      expect(ran.out).toContain(`certificate ${digest} (its body is purged)`);
      expect(ran.out).toMatch(/The bodies of certificates 0 are purged, and the chain says so/);
    });
  });

  test('rows as they were that were purged are said to be purged; without the word of the chain they are missing', async () => {
    await tampered('select 1', async () => {
      const why = ['--by', 'olivia', '--reason', 'the person asked for it'];
      const [purged] = (await cli('purge', run.run, '--rows', ...why, '--json')).json();
      expect(purged!.rows).toBeGreaterThan(0);
      expect((await cli('purge', run.run, '--rows', ...why)).out).toContain('There are no rows to purge.');
      const ran = await cli('audit', run.offboardingId);
      expect(ran).toMatchObject({ code: 0, err: '' });
      expect(ran.out).toMatch(/\d+ rows as they were are purged, and the chain says so/);
      const { rows } = await small.db.store.query(
        'select count(*)::int as n from handover.before_images where body is not null or salt is not null',
      );
      expect(rows[0].n).toBe(0);
    });
    await tampered('update handover.before_images set body = null, salt = null', async () => {
      const { code, out } = await cli('audit', run.offboardingId, '--verify');
      expect(code).toBe(7);
      expect(out).toMatch(
        /handover\.before_images .*: the body of row 1 is missing, and no entry of the chain says/,
      );
    });
  });

  test('only the owner of the tables purges, what is named must be there, and something must be named', async () => {
    const why = ['--by', 'olivia', '--reason', 'x'];
    expect(await cli('purge', run.run, ...why)).toMatchObject({
      code: 2,
      err: expect.stringContaining('Name what is to go'),
    });
    expect(await cli('purge', run.run, '--entries', '1;2', ...why)).toMatchObject({
      code: 2,
      err: expect.stringContaining('--entries takes numbers such as 1,4,7-9; given was "1;2".'),
    });
    expect(await cli('purge', run.run, '--entries', '999', ...why)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/entries 999 are not there/),
    });
    const { config, env } = small.world;
    const worker = { [config.store.owner]: env[config.store.connection]! };
    expect(await cli.onTerminal(worker, 'purge', run.run, '--entries', '1', ...why)).toMatchObject({
      code: 6,
      err: expect.stringMatching(/may not|permission denied/),
    });
    expect(
      await cli.onTerminal({ [config.store.owner]: '' }, 'purge', run.run, '--rows', ...why),
    ).toMatchObject({
      code: 2,
      err: expect.stringMatching(/HANDOVER_STORE_OWNER_URL is not set/),
    });
  });

  test('a chain that was written anew from end to end, with its checkpoint', async () => {
    const { rows } = await small.db.store.query(
      `select subject, kind, body from handover.audit join handover.audit_bodies using (offboarding, seq)
        where offboarding = $1 order by seq`,
      [run.offboardingId],
    );
    await tampered(
      [
        ['delete from handover.audit where offboarding = $1', [run.offboardingId]],
        ['delete from handover.audit_bodies where offboarding = $1', [run.offboardingId]],
        ['delete from handover.audit_heads where offboarding = $1', [run.offboardingId]],
      ],
      async () => {
        const { store } = small.world.worker.deps;
        await store.audit.append(
          run.offboardingId,
          rows
            .filter(row => row.kind !== 'refusal')
            .map(row => ({ subject: row.subject, kind: row.kind, body: JSON.parse(row.body) })),
        );
        const ran = await cli('audit', run.offboardingId, '--verify');
        expect(ran.code).toBe(7);
        expect(ran.out).toMatch(/handover\.audit: entry \d+ .*, but certificate 0 names it with/);
      },
    );
  });

  const verified = () => cli('audit', run.offboardingId, '--verify');
  /** Entries as whoever has the store's password adds them: the chain itself verifies. */
  const append = (entries: { subject: string; kind: string; body: Record<string, unknown> }[]) =>
    small.world.worker.deps.store.audit.append(run.offboardingId, entries);

  test('an approval that was added after the close, with a hash of its own, under the run or another one', async () => {
    const { rows } = await small.db.store.query(
      `select a.subject, b.body::jsonb as body from handover.audit a join handover.audit_bodies b using (offboarding, seq)
        where offboarding = $1 and kind = 'decision' and body like '%"message":"approve"%' order by seq limit 1`,
      [run.offboardingId],
    );
    const [, id] = rows[0].subject.split(' ');
    const approval = { ...rows[0].body, decider: { id: '999', name: 'Eve' }, by: 'eve@small.example' };
    for (const owner of [id, randomUUID()])
      await tampered('select 1', async () => {
        await append([{ subject: `decision ${owner} 99`, kind: 'decision', body: approval }]);
        expect(await verified()).toMatchObject({
          code: 7,
          out: expect.stringMatching(
            /entry \d+ \(decision \S+ 99\) stands behind entry \d+, with which the offboarding closed/,
          ),
        });
      });
    // One that would make the run close once more.
    await tampered('select 1', async () => {
      const again = randomUUID();
      await append([
        { subject: `decision ${again} 1`, kind: 'decision', body: approval },
        {
          subject: `closed ${again}`,
          kind: 'closed',
          body: { outcome: 'completed', sentence: 'x', receipts: [] },
        },
      ]);
      const { code, out } = await verified();
      expect(code).toBe(7);
      expect(out).toContain(`handover.archives run ${again}: the chain and the plans speak of it`);
      expect(out).toContain('handover.certificates number 1 is missing: entry');
    });
  });

  test('a refusal that somebody made up, or made an acceptance of', async () => {
    await tampered('select 1', async () => {
      const { rows } = await small.db.store.query(
        `select subject from handover.audit where offboarding = $1 and kind = 'closed'`,
        [run.offboardingId],
      );
      const [, id] = rows[0].subject.split(' ');
      await append([{ subject: `decision ${id} 77`, kind: 'refusal', body: { accepted: true } }]);
      const { out } = await verified();
      expect(out).toMatch(/entry \d+ \(decision \S+ 77\) is called a refusal, and was accepted/);
      expect(out).toMatch(/entry \d+ \(decision \S+ 77\) is in no history: the run never had it written/);
    });
  });

  test('a receipt that was made up after the close, with a digest of its own', async () => {
    const { ledger } = small.world.worker.deps.store;
    const [one] = (await ledger.all(run.offboardingId)).filter(({ step }) => step === 'crm/fields');
    await tampered(
      [
        [
          `insert into handover.receipts
             select offboarding, manifest, step, 99, part, aborted, state, sure, first, count, did, accounts, takers, mark, changed, merged,
                    per_taker, owners, owner_of, exceptions, elsewhere, before_images, $2, now() + interval '1 s'
               from handover.receipts where offboarding = $1 and step = 'crm/fields' and page = 1`,
          [run.offboardingId, receiptDigest({ ...one!, page: 99 }, one!.effect, one!.images)],
        ],
      ],
      async () => {
        expect(await verified()).toMatchObject({
          code: 7,
          out: expect.stringMatching(
            /handover\.receipts crm\/fields page 99 .*: entry \d+, which lists all receipts, does not know it/,
          ),
        });
      },
    );
  });

  test('archive and certificate that are gone together', async () => {
    const { deps } = small.world.worker;
    const gone = ['archives', 'certificates', 'certificate_bodies'].map((table): [string, unknown[]] => [
      `delete from handover.${table} where offboarding = $1`,
      [run.offboardingId],
    ]);
    await tampered(gone, async () => {
      expect(await verified()).toMatchObject({
        code: 7,
        out: expect.stringMatching(
          /handover\.certificates number 0 is missing: entry \d+ closed the offboarding/,
        ),
      });
      // Once Temporal has forgotten, nothing but the chain says that there was a history.
      const known = { offboarding: run.offboardingId, workflow: run.run, at: '' };
      const forgets = async () => {
        throw new WorkflowNotFoundError('gone', run.run, undefined);
      };
      const forgotten = {
        workflow: { list: () => [], getHandle: () => ({ describe: forgets, fetchHistory: forgets }) },
      };
      const evidence = await gather(deps.store, known, async () => forgotten as unknown as Client);
      expect(verify(evidence).breaks).toContainEqual(
        expect.stringMatching(
          /handover\.archives run \S+: the chain and the plans speak of it, and neither an archive nor Temporal has it/,
        ),
      );
    });
  });

  test('who takes an item, in a page with a digest of its own', async () => {
    await tampered(
      `update handover.manifest_pages p set assignment[1] = 1 - assignment[1], digest = ${PAGE_DIGEST.replaceAll(
        'p.assignment::text',
        'array_cat(array[1 - p.assignment[1]]::smallint[], p.assignment[2:])::text',
      )} where step = 'crm/accounts' and page = 2`,
      async () => {
        const { code, out } = await verified();
        expect(code).toBe(7);
        expect(out).not.toContain('its row gives the digest');
        expect(out).toMatch(
          /handover\.manifest_pages of manifest \S+: its \d+ pages give the seal .*, entry \d+ says/,
        );
      },
    );
  });

  test('everything written anew, certificate and archive included, while Temporal still has the truth', async () => {
    const { deps } = small.world.worker;
    const id = run.offboardingId;
    const read = async (text: string) => (await small.db.store.query(text, [id])).rows;
    const told = await read(
      `select subject, kind, body from handover.audit join handover.audit_bodies using (offboarding, seq) where offboarding = $1 order by seq`,
    );
    const [archive] = await read('select * from handover.archives where offboarding = $1');
    const [certificate] = await read('select body from handover.certificate_bodies where offboarding = $1');
    const lie = (text: string): string => text.replaceAll('Priya Approver', 'Peter Approver');
    await tampered(
      ['audit', 'audit_bodies', 'audit_heads', 'archives', 'certificates', 'certificate_bodies'].map(
        (table): [string, unknown[]] => [`delete from handover.${table} where offboarding = $1`, [id]],
      ),
      async () => {
        // Another process than the worker's, which remembers where the chain ended.
        const fresh = await openStore(small.world.owner);
        await fresh.audit.append(
          id,
          told.map(row => ({ ...row, body: JSON.parse(lie(row.body)) })),
        );
        await fresh.close();
        await deps.store.ledger.fence(id, archive.at);
        const { head } = await deps.store.audit.read(id);
        const body = { ...JSON.parse(lie(certificate.body)), chain: head };
        const { digest } = await deps.store.archive.certify(id, body);
        const packed = gunzipSync(archive.history).toString();
        const events = JSON.parse(packed).events.map((event: Record<string, unknown>) =>
          JSON.parse(rewritten(JSON.stringify(event), lie, sha256(certificate.body), digest)),
        );
        await deps.store.archive.save({ ...archive, history: { events } });
        // The store alone tells a story of its own, and nothing in it is wrong.
        const known = { offboarding: id, workflow: run.run, at: '' };
        const alone = await gather(deps.store, known, () => Promise.reject(new Error('away')));
        expect(verify(alone).breaks).toEqual([]);
        const { code, out } = await verified();
        expect(code).toBe(7);
        expect(out).toMatch(/handover\.archives run \S+: Temporal has another history of this run/);
        expect(out).toMatch(/entry \d+ \(decision \S+ \d+\) says something else than the run's history/);
        expect(out).toMatch(/the run's own result names [0-9a-f]{12}…, the row says/);
      },
    );
  });

  test('a history that was packed anew with a digest of its own', async () => {
    const { rows } = await small.db.store.query(
      'select history from handover.archives where offboarding = $1',
      [run.offboardingId],
    );
    const packed = JSON.parse(gunzipSync(rows[0].history).toString());
    const history = typeof packed === 'string' ? JSON.parse(packed) : packed;
    history.events.splice(5, 1);
    const bytes = gzipSync(JSON.stringify(history));
    await tampered(
      [
        [
          `update handover.archives set history = $2, digest = encode(sha256($2), 'hex') where offboarding = $1`,
          [run.offboardingId, bytes],
        ],
      ],
      async () => {
        expect(await cli('audit', run.offboardingId, '--verify')).toMatchObject({
          code: 7,
          out: expect.stringContaining('events, the row says'),
        });
      },
    );
  });
});

test('the certificate is laid out for reading, and as JSON it is one line', async () => {
  const { code, out } = await cli('certificate', run.run);
  expect(code).toBe(0);
  expect(out).toMatch(/^Certificate, .* UTC, SHA-256 [0-9a-f]{64}\n\{\n {2}"/);
  expect(out).toContain('\n    "name": "Alice Anders"');
  const [line] = (await cli('certificate', run.run, '--json')).json();
  expect(line).toMatchObject({ number: 0, offboarding: run.offboardingId });
  expect(out).toContain(String(line!.digest));
  expect(JSON.parse(out.slice(out.indexOf('\n')))).toEqual(line!.body);
});

test('who owned an item, when it moved, to whom, and on whose word', async () => {
  const moved = await cli('who-owned', key(4), '--category', 'crm/accounts');
  expect(moved.code).toBe(0);
  expect(moved.out).toMatch(/UTC from Alice Anders \(id:\d+\) to Bob Brook \(id:\d+\)/);
  expect(moved.out).toContain('approved by Priya Approver');
  expect(moved.out).toContain(`(${run.run})`);
  const [overridden] = (await cli('who-owned', `crm/accounts/${key(3)}`, '--json')).json();
  expect(overridden).toMatchObject({
    step: 'crm/accounts',
    fate: 'moved',
    from: { id: small.cast.alice.id },
    to: { personId: small.cast.carol.id },
    offboarding: run.offboardingId,
    plan: { revision: 1, approvedBy: [{ name: 'Priya Approver', identity: 'claimed' }] },
    receipt: { from: small.cast.alice.id, to: small.cast.carol.id },
  });
  const refused = (await cli('who-owned', key(5), '--category', 'crm/accounts', '--json')).json();
  expect(refused.every(line => line.fate === 'not-moved' && String(line.why).startsWith('failed: '))).toBe(
    true,
  );
  const pending = (await cli('who-owned', key(0), '--system', 'crm', '--json')).json();
  expect(pending.map(line => [line.step, line.fate]).sort()).toEqual([
    ['crm/accounts', 'moved'],
    ['crm/approvals', 'acknowledged'],
    ['crm/rules', 'moved'],
  ]);
  // Composite and uuid keys.
  const field = JSON.stringify([key(1), '"odd", {field} \\ 1']);
  expect((await cli('who-owned', field, '--json')).json()).toMatchObject([
    { step: 'crm/fields', fate: 'moved' },
  ]);
  const { rows } = await small.db.crm.query(
    "select id from tokens where revoked_at > now() - interval '1 hour' limit 1",
  );
  expect((await cli('who-owned', rows[0].id, '--json')).json()).toMatchObject([
    { step: 'crm/tokens', fate: 'revoked', to: null },
  ]);
});

test('what moved to whom is told page by page, and whole as JSON lines or CSV', async () => {
  const all = (await cli('moved', run.run, '--json')).json();
  expect(all.filter(({ step, fate }) => step === 'crm/accounts' && fate === 'moved').length).toBeGreaterThan(
    1,
  );
  expect(all).toContainEqual(
    expect.objectContaining({
      step: 'crm/accounts',
      key: key(3),
      from: expect.objectContaining({ name: 'Alice Anders' }),
      to: expect.objectContaining({ personId: small.cast.carol.id }),
      at: expect.stringMatching(/^20/),
    }),
  );
  expect(all).toContainEqual(
    expect.objectContaining({ key: key(5), fate: 'not-moved', why: expect.stringMatching(/^failed: /) }),
  );
  const first = await cli('moved', run.offboardingId, '--limit', '2');
  expect(first.out).toMatch(/^WHEN +CATEGORY +KEY +WHAT +TO\n/);
  expect(first.out).toContain(`2 of ${all.length}. There are more:`);
  const second = await cli('moved', run.offboardingId, '--limit', '2', '--after', '2');
  expect(second.out).toContain(`4 of ${all.length}.`);
  expect((await cli('moved', run.offboardingId, '--after', String(all.length))).out).toBe(
    'There are no more.\n',
  );
  const csv = (await cli('moved', run.run, '--csv')).out;
  const rows = parse(csv, { columns: true }) as Record<string, string>[];
  expect(csv.split('\r\n')[0]).toBe('when,category,key,what,from,from id,to,to id,why');
  expect(rows).toHaveLength(all.length);
  expect(rows.map(row => row.what)).toEqual(all.map(one => one.fate));
  // Nothing in it begins as a formula does.
  for (const cell of rows.flatMap(row => Object.values(row))) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
  expect(await cli('moved', run.run, '--csv', '--json')).toMatchObject({ code: 2 });
  expect(await cli('moved', run.run, '--after', 'x')).toMatchObject({ code: 2 });
  expect(await cli('moved', '11111111-2222-4333-8444-555555555555')).toMatchObject({ code: 4 });
});

test('an item that no plan names, or a filter that cannot be, is said', async () => {
  expect(await cli('who-owned', 'no-such-item')).toMatchObject({ code: 4, out: '' });
  expect(await cli('who-owned', key(4), '--system', 'desk')).toMatchObject({ code: 4 });
  expect(await cli('who-owned', key(4), '--category', 'accounts')).toMatchObject({ code: 2 });
  expect(await cli('who-owned', key(4), '--category', 'crm/accounts', '--system', 'desk')).toMatchObject({
    code: 2,
  });
});

test('no page that holds an item is passed over, whatever the order of its keys', async () => {
  const manifest = '00000000-0000-4000-8000-000000000001';
  const keysets: [KeyOrder, string[]][] = [
    ['number', ['9', '10', '100']],
    ['number', ['-5', '3']],
    ['bytes', ['Zebra', 'apple']],
    ['bytes', ['a/b', 'é', '中']],
    ['bytes', ['["1","x"]', '["10","a"]']],
    ['bytes', ['7', 'x7']],
    ['none', ['late', 'early', '12']],
  ];
  const client = new pg.Client({ connectionString: small.world.urls.store });
  await client.connect();
  for (const [n, [order, keys]] of keysets.entries()) {
    const [low, high] = order === 'none' ? [null, null] : [keys[0], keys.at(-1)];
    await client.query(
      `insert into handover.manifest_pages values ($1, 'crm/accounts', $2, 0, 'approved', $3, $4, $5, $6, $7, null, '0', '')`,
      [manifest, n, keys.length, order, low, high, keys],
    );
  }
  await client.query(`set session_replication_role = replica`);
  const made = await client.query(
    `insert into handover.plans
       select encode(sha256(convert_to(made_up, 'UTF8')), 'hex'), offboarding, run || 'x', revision, made_up
         from handover.plans, replace(body, (body::json ->> 'manifest'), $1) as made_up where offboarding = $2
       returning digest`,
    [manifest, run.offboardingId],
  );
  const { digest } = made.rows[0];
  await client.query('insert into handover.manifests (id, offboarding, plan) values ($1, $2, $3)', [
    manifest,
    run.offboardingId,
    digest,
  ]);
  try {
    for (const one of keysets.flatMap(([, keys]) => keys)) {
      const found = (await cli('who-owned', one, '--category', 'crm/accounts', '--json')).json();
      expect(found, one).toMatchObject([{ fate: 'planned' }]);
    }
  } finally {
    await client.query('delete from handover.plans where digest = $1', [digest]);
    await client.query('delete from handover.manifests where id = $1', [manifest]);
    await client.query('delete from handover.manifest_pages where manifest = $1', [manifest]);
    await client.end();
  }
});

test('the trail is told from the live history while a run is open, and after its termination', async () => {
  const other = await start(small, { user: mail(small, 'carol'), successor: mail(small, 'maya') });
  await planned(small, other);
  const open = await cli('audit', other.run);
  expect(open).toMatchObject({ code: 0 });
  expect(open.out).toMatch(/run-started +the run started in Temporal/);
  expect(open.out).not.toContain('archived');
  await small.world.offboardings.handle(other.run).terminate('by mistake');
  const gone = await cli('audit', 'carol');
  expect(gone).toMatchObject({ code: 0, out: expect.stringContaining('terminated in Temporal: by mistake') });
  expect(gone.out).toMatch(/Not yet archived: run .*a look within five minutes stores it/);
  const [verification] = (await cli('audit', 'carol', '--verify', '--json')).json();
  expect(verification).toMatchObject({ ok: true, notYetArchived: [expect.any(String)] });
  const status = await cli('status', 'carol');
  expect(status).toMatchObject({
    code: 0,
    out: expect.stringContaining('was ended in Temporal (terminated)'),
  });
  expect(await cli('status', 'carol', '--watch')).toMatchObject({ code: 8 });
  // A later offboarding of the same person stands beside the earlier one.
  const again = await handOver(small, { user: mail(small, 'carol'), successor: mail(small, 'maya') });
  const newest = await cli('audit', 'carol');
  expect(newest.out).toContain(`Offboarding ${again.offboardingId}`);
  expect(newest.out).toContain(`handover audit ${other.offboardingId}`);
});

test('what has closed is archived at once when somebody asks for it', async () => {
  const run = await handOver(small, { user: mail(small, 'dora'), successor: mail(small, 'maya') });
  expect((await cli('audit', run.run)).out).toContain('Not yet archived');
  const stored = await cli('archive', run.run);
  expect(stored).toMatchObject({ code: 0, err: '' });
  expect(stored.out).toBe(`✓ ${run.run}\n1 history stored.\n`);
  const audited = await cli('audit', run.run);
  expect(audited.out).not.toContain('Not yet archived');
  expect(audited.out).toContain('1 archived history');
  expect((await cli('archive', run.run, '--json')).json()).toEqual([
    { stored: 0, workflows: [], failed: 0, failures: [] },
  ]);
  // Without a run: everything that has closed, however long ago.
  expect(await cli('archive')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/\d+ histor(y|ies) stored/),
  });
});

test('an open run, and what cannot be stored, are said by the command that archives', async () => {
  const run = await start(small, { user: mail(small, 'bob'), successor: mail(small, 'maya') });
  await planned(small, run);
  expect(await cli('archive', run.run)).toMatchObject({
    code: 0,
    out: `${run.run} is open: it is archived when it has closed.\n`,
  });
  await small.db.store.query(`
    create function handover.trap() returns trigger language plpgsql as $$ begin raise exception 'the disk is full'; end $$;
    create trigger trap before insert on handover.archives for each row execute function handover.trap()`);
  await small.world.offboardings.handle(run.run).terminate('over');
  try {
    const failed = await cli('archive', run.run);
    expect(failed).toMatchObject({ code: 7, out: expect.stringContaining('the disk is full') });
    expect(failed.out).toContain('every look tries again');
    expect((await cli('check')).out).toContain('the disk is full');
  } finally {
    await small.db.store.query('drop trigger trap on handover.archives; drop function handover.trap()');
  }
  expect(await cli('archive', run.run)).toMatchObject({ code: 0, out: expect.stringContaining('1 history') });
  expect((await cli('check')).out).not.toContain('the disk is full');
});

/** The same lie inside the payloads of a history, which are base64. */
function rewritten(event: string, lie: (text: string) => string, from: string, to: string): string {
  return event.replace(/"data":"([^"]+)"/g, (_, data: string) => {
    const text = lie(Buffer.from(data, 'base64').toString()).replaceAll(from, to);
    return `"data":"${Buffer.from(text).toString('base64')}"`;
  });
}
