/** A file of overrides on the command line: five hundred items land where it says. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agree, decide, ended, mail, planned, type Started, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { type Cli, cliOf } from './cli.js';

const ACCOUNTS = 520;
const small = useSmallWorld({ sizes: { accounts: ACCOUNTS } });
let cli: Cli;
beforeAll(async () => {
  cli = await cliOf(small);
});
afterAll(() => cli?.remove());

const run = (): string => small.world.offboardings.ids.offboarding(small.cast.alice.id);
const started = (): Started => ({ run: run(), offboardingId: '' });
const olivia = (): string[] => ['--by', mail(small, 'olivia')];
const key = (n: number): string => String(BigInt(small.cast.alice.id) * 100n + BigInt(n));
/** Of every three, the first is Carol's, the others Dora's. */
const whose = (n: number) => (n % 3 === 0 ? ('carol' as const) : ('dora' as const));

async function file(keys: string[], name = 'who.csv'): Promise<string> {
  const lines = keys.map((one, n) => `crm/accounts,${one},${mail(small, whose(n))}`);
  await writeFile(join(cli.dir, name), ['step,key,successor', ...lines, ''].join('\n'));
  return name;
}

async function active(): Promise<string[]> {
  const { rows } = await small.db.crm.query(
    `select id::text from accounts where owner_id = $1 and status = 'active' order by id`,
    [small.cast.alice.id],
  );
  return rows.map(row => row.id as string);
}

async function owners(): Promise<Record<string, string>> {
  const { rows } = await small.db.crm.query(
    `select new_row ->> 'id' as id, new_row ->> 'owner_id' as owner from moves_seen where tbl = 'accounts' and app = 'handover'`,
  );
  return Object.fromEntries(rows.map(row => [row.id, row.owner]));
}

const start = (...options: string[]) => {
  small.started.add(run());
  return cli('start', mail(small, 'alice'), ...olivia(), '--successor', mail(small, 'bob'), ...options);
};

const revised = (than: number) =>
  waitFor(small, started(), ({ revision, state }) => revision > than && state === 'awaiting-approval');

test('500 items land where the file says, the rest where the request does', async () => {
  const keys = await active();
  expect(keys).toHaveLength(ACCOUNTS);
  const named = keys.slice(0, 500);
  expect(await start('--overrides', await file(named))).toMatchObject({ code: 0, err: '' });
  const status = await planned(small, started());
  expect(status.findings).toEqual([]);
  const reference = status.order.overrides as string;
  expect(reference).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(status.plan!.overridesDigest).toBe(reference.slice(7));
  await agree(small, started());
  expect(await ended(small, started())).toMatchObject({ outcome: 'completed' });
  const expected = keys.map((one, n) => [one, small.cast[n < 500 ? whose(n) : 'bob'].id]);
  expect(await owners()).toEqual(Object.fromEntries(expected));
});

test('amend takes a file, refuses single items beside it, and takes it back with null', async () => {
  expect(await start()).toMatchObject({ code: 0 });
  const first = await planned(small, started());
  const keys = await active();
  const amend = (...options: string[]) => cli('amend', run(), ...olivia(), ...options);

  expect(await amend('--overrides', await file(keys.slice(0, 300)))).toMatchObject({ code: 0, err: '' });
  const second = await revised(first.revision);
  expect(second.order.overrides).toMatch(/^sha256:/);
  expect(second.plan!.overridesDigest).not.toBe(first.plan!.overridesDigest);

  const one = `crm/accounts:${keys[0]}=${mail(small, 'carol')}`;
  expect(await amend('--override', one)).toMatchObject({
    code: 3,
    err: expect.stringContaining('The overrides of this run lie in the store (sha256:'),
  });
  expect(await amend('--overrides', String(second.order.overrides))).toMatchObject({
    code: 3,
    err: expect.stringContaining('That changes nothing'),
  });

  expect(await amend('--overrides', 'null')).toMatchObject({ code: 0 });
  const third = await revised(second.revision);
  expect(third.order.overrides).toBeUndefined();
  expect(third.plan!.overridesDigest).toBe(first.plan!.overridesDigest);

  expect(await amend('--overrides', await file(keys.slice(0, 2)))).toMatchObject({ code: 0 });
  const fourth = await revised(third.revision);
  expect(fourth.order.overrides).toEqual({
    'crm/accounts': { [keys[0]!]: mail(small, 'carol'), [keys[1]!]: mail(small, 'dora') },
  });
});

test('a set that the store does not have, and items that are not there, are findings', async () => {
  expect(await start('--overrides', `sha256:${'0'.repeat(64)}`)).toMatchObject({ code: 0 });
  const status = await planned(small, started());
  expect(status).toMatchObject({
    state: 'needs-correction',
    findings: [
      {
        code: 'override-unknown',
        message: expect.stringMatching(/^The store has no overrides "sha256:0{64}"/),
      },
    ],
  });
  const strangers = Array.from({ length: 250 }, (_, n) => key(5_000_000 + n));
  await cli('amend', run(), ...olivia(), '--overrides', await file(strangers));
  const next = await waitFor(small, started(), ({ findings }) => findings.length > 1);
  expect(next.findings).toHaveLength(21);
  expect(next.findings[20]!.message).toBe('The same goes for 230 more.');
  expect(await decide(small, started(), 'amend', 'olivia', { overrides: null })).toMatchObject({
    verdict: 'accepted',
  });
  expect(await revised(0)).toMatchObject({ findings: [] });
});

test('a file with a mistake, or none, is told at once and starts nothing', async () => {
  await writeFile(join(cli.dir, 'odd.csv'), 'step,key,successor\ncrm/accounts,1\ncrm/accounts,2,\n');
  const odd = await start('--overrides', 'odd.csv');
  expect(odd).toMatchObject({ code: 2, out: '' });
  expect(odd.err).toContain('odd.csv:2: it has 2 fields, and the header names 3.\nodd.csv:3: "successor"');
  expect(await start('--overrides', 'none.csv')).toMatchObject({
    code: 2,
    err: expect.stringContaining('The file of --overrides cannot be read: ENOENT'),
  });
  expect(await start('--overrides', 'odd.csv', '--override', 'crm/accounts:1=bob')).toMatchObject({
    code: 2,
    err: expect.stringContaining('Say either --override or --overrides'),
  });
  expect(await cli('status', run())).toMatchObject({ code: 4 });
});
