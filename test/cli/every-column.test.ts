/**
 * Every column of every table that holds evidence, changed, swapped between two rows, and every row taken away,
 * copied, or emptied with its whole table: `audit --verify` names it, or it stands in a list why nobody can know,
 * and in docs/cli.md in the same words.
 */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gather } from '../../client/audit/evidence.js';
import { type Verdict, verify } from '../../client/audit/verify.js';
import { referenceTo } from '../../domain/overrides.js';
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
import { CANNOT_BE_KNOWN, changeEveryColumn, settled, type Tampering, takeEveryRow } from './tampering.js';

const small = useSmallWorld({ once: true, check: false });
let run: Started;
let client: pg.Client;
let tampering: Tampering;
let shown: string[] = [];

beforeAll(async () => {
  // Everything that evidence is made of: rounds, parts, exceptions, a skip, overrides, a block, addenda of nothing.
  const mischief = await refuse(small.db.crm, 'accounts', `old.name = 'Account 5'`);
  const key = String(BigInt(small.cast.alice.id) * 100n + 3n);
  const digest = await small.world.worker.deps.store.overrides.save({
    'crm/accounts': { [key]: mail(small, 'carol') },
  });
  run = await start(small, {
    departure: 'unplanned',
    successor: mail(small, 'bob'),
    overrides: referenceTo(digest),
  });
  const { plan } = await planned(small, run);
  await acknowledgeAll(small, run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  await waitFor(small, run, status => status.state === 'needs-attention');
  await must(small, run, 'retry', 'olivia');
  await waitFor(small, run, status => status.state === 'needs-attention');
  await must(small, run, 'skip', 'olivia', { step: 'crm/accounts', reason: 'sold next week' });
  const { waivers } = await small.world.offboardings.status(run.run);
  const keys = waivers['crm/accounts']!.leftover.digest;
  await must(small, run, 'approve', 'daniel', { step: 'crm/accounts', keys, plan: plan!.digest });
  await waitFor(small, run, status => status.state === 'closed');
  await ended(small, run);
  await mischief.mend();
  // Somebody else's, to swap with.
  await handOver(small, { user: mail(small, 'bob'), successor: mail(small, 'carol') });
  await small.world.offboardings.archive(run.run);
  client = new pg.Client({ connectionString: small.world.urls.store });
  await client.connect();
  tampering = {
    client,
    id: run.offboardingId,
    shown: () => shown,
    audited,
    cannotBeKnown: Object.values(CANNOT_BE_KNOWN),
  };
  await settled(tampering);
});
afterAll(() => client?.end());

/** Whoever rewrites the store may wait until Temporal has forgotten: the store alone must show it. */
async function audited(withTemporal = false): Promise<Verdict> {
  const { store, temporal } = small.world.worker.deps;
  const known = { offboarding: run.offboardingId, workflow: run.run, at: new Date().toISOString() };
  const evidence = await gather(store, known, async () =>
    withTemporal ? temporal : Promise.reject(new Error('away')),
  );
  shown = evidence.shown;
  return verify(evidence);
}

test('the run verifies as it is, with Temporal and without', async () => {
  expect(await audited(true)).toMatchObject({ breaks: [], unasked: null });
  expect(await audited()).toMatchObject({ breaks: [], unasked: expect.stringContaining('away') });
});

test('every column changed, and swapped between two rows', { timeout: 600_000 }, async () => {
  expect(await changeEveryColumn(tampering)).toEqual([]);
});

test('every row taken away or copied, and every table emptied', { timeout: 600_000 }, async () => {
  expect(await takeEveryRow(tampering)).toEqual([]);
});

test('what cannot be known stands in the documentation, in the same words', () => {
  const docs = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8').replace(/\s+/g, ' ');
  for (const [, because] of Object.values(CANNOT_BE_KNOWN)) expect(docs).toContain(because);
});
