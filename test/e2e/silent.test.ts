/**
 * A system that accepts connections and never answers holds no run: whoever pauses or cancels is obeyed within
 * a minute, nothing is written down that was not seen, and what was in doubt is settled once it answers again.
 */
import { afterAll, afterEach, expect, inject, test } from 'vitest';
import { checkInvariants } from '../checker/check.js';
import { type CutHow, openLink } from '../faults/link.js';
import { agree, ended, must, planned, type Started, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

const server = new URL(inject('postgresUrl'));
const link = await openLink({
  target: () => ({ host: server.hostname, port: Number(server.port) }),
  watch: /^COMMIT|^WITH ho_/,
});
const CHANGE = /^WITH ho_/;
const SWITCH = /^UPDATE "public"\."agents"/;
const small = useSmallWorld({
  through: { desk: link.port },
  patience: { transient: 3_600_000 },
  check: false,
});
afterEach(() => void link.release());
afterAll(() => link.close());

async function approved(): Promise<Started> {
  const run = await start(small);
  await planned(small, run);
  return run;
}

/** From the moment that it is reached nothing of the desk is heard any more, over any connection. */
async function fallsSilentAt(statement: RegExp, how: CutHow): Promise<void> {
  await link.cut(1, how, CHANGE, statement);
  link.hold();
}

/** Seconds until `what` is done. */
async function seconds(what: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await what();
  return (performance.now() - since) / 1000;
}

const receipts = async ({ offboardingId }: Started): Promise<Record<string, number>> => {
  const { rows } = await small.db.store.query(
    'select state, count(*)::int as n from handover.receipts where offboarding = $1 group by state',
    [offboardingId],
  );
  return Object.fromEntries(rows.map(row => [row.state, row.n]));
};

test('a pause in the middle of a batch stands within a minute, and the run completes once it answers', async () => {
  const run = await approved();
  const silent = fallsSilentAt(CHANGE, 'drown');
  await agree(small, run);
  await silent;
  const waited = await seconds(async () => {
    await must(small, run, 'pause', 'olivia');
    await waitFor(
      small,
      run,
      ({ steps }) => Object.values(steps).every(({ state }) => state !== 'running'),
      60_000,
    );
  });
  expect(waited).toBeLessThan(60);
  link.release();
  link.reset();
  await must(small, run, 'resume', 'olivia');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  expect(await checkInvariants(small.db, small.before)).toEqual([]);
}, 120_000);

test('a cancellation at a COMMIT without an answer closes within a minute, and is settled afterwards', async () => {
  const run = await approved();
  const silent = fallsSilentAt(/^COMMIT/, 'mute');
  await agree(small, run);
  await silent;
  const waited = await seconds(async () => {
    await must(small, run, 'cancel', 'olivia');
    await small.world.offboardings.result(run.run);
  });
  expect(waited).toBeLessThan(60);
  const status = await small.world.offboardings.status(run.run);
  expect(status).toMatchObject({ state: 'closed', outcome: 'cancelled' });
  expect(await receipts(run)).toHaveProperty('intended');
  link.release();
  link.reset();
  await expect
    .poll(async () => {
      await small.world.offboardings.archive();
      return receipts(run);
    })
    .not.toHaveProperty('intended');
  // What became of the batch was not known when the certificate was written, and is only in the ledger now.
  for (const { message } of await checkInvariants(small.db, small.before))
    expect(message).toMatch(/^the certificate says/);
}, 120_000);

test('a cancellation while somebody is being switched off closes within a minute', async () => {
  const run = await approved();
  const silent = link.cut(1, 'mute', SWITCH, /^COMMIT/).then(() => link.hold());
  await agree(small, run);
  await silent;
  const waited = await seconds(async () => {
    await must(small, run, 'cancel', 'olivia');
    await small.world.offboardings.result(run.run);
  });
  expect(waited).toBeLessThan(60);
  const status = await small.world.offboardings.status(run.run);
  expect(status).toMatchObject({ state: 'closed', outcome: 'cancelled' });
  expect(status.steps['desk/deactivate']).toMatchObject({ state: 'failed' });
  expect(status.steps['crm/deactivate']).toMatchObject({ state: 'not-run' });
}, 120_000);
