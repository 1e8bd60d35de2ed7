/**
 * A hundred thousand items, and ten thousand that are refused. Item lists are nowhere but in the store: no
 * event, no state and no answer grows with them, and the history stays far below the level at which Temporal
 * warns.
 */
import { expect, test } from 'vitest';
import { agree, must, planned, start, waitFor } from '../../small-world/drive.js';
import { refuse } from '../../small-world/mischief.js';
import { useSmallWorld } from '../../small-world/world.js';
import { LONG } from './long.js';

const ITEMS = LONG ? 100_000 : 20_000;
const REFUSED = LONG ? 10_000 : 2_000;
/** Temporal warns at 10,240 events and 10 MiB, refuses a payload of 2 MiB and warns at 512 KiB. */
const LIMITS = { events: 10_240, bytes: 10 * 1024 * 1024, event: 512 * 1024, status: 100_000 };

const small = useSmallWorld({
  sizes: { tickets: 0 },
  patience: { transient: 60_000 },
  change: config => {
    config.policy = { ...config.policy, batch: 10_000 };
  },
});

test(`${ITEMS} items`, { timeout: 170_000 }, async () => {
  await small.refill({ tickets: ITEMS });
  const run = await start(small);
  await waitFor(small, run, one => one.state !== 'preparing', 90_000);
  expect(
    (await planned(small, run)).plan!.steps.find(step => step.id === 'desk/tickets')!.baseline.count,
  ).toBe(ITEMS);
  await agree(small, run);
  const status = await waitFor(
    small,
    run,
    one => one.state === 'closed' || one.state === 'needs-attention',
    120_000,
  );
  expect(status).toMatchObject({ outcome: 'completed', steps: { 'desk/tickets': { changed: ITEMS } } });
  await small.world.offboardings.result(run.run);
  await staysSmall(run.run, status);
});

test(`${REFUSED} refused items are counted in the run and named in the ledger`, {
  timeout: 170_000,
}, async () => {
  await small.refill({ tickets: REFUSED });
  const mischief = await refuse(small.db.desk, 'tickets');
  const run = await start(small);
  await planned(small, run);
  await agree(small, run);
  const status = await waitFor(small, run, one => one.state === 'needs-attention', 120_000);
  await mischief.mend();
  expect(status.steps['desk/tickets']).toMatchObject({
    state: 'failed',
    failed: REFUSED,
    remaining: REFUSED,
  });
  expect(status.steps['desk/tickets']!.exceptions.length).toBeLessThanOrEqual(10);
  const { rows } = await small.db.store.query(
    `select sum(jsonb_array_length(exceptions::jsonb))::int as n from handover.receipts where offboarding = $1 and step = 'desk/tickets'`,
    [run.offboardingId],
  );
  expect(rows[0].n).toBe(REFUSED);
  await staysSmall(run.run, status);
  await must(small, run, 'retry', 'olivia');
  const done = await waitFor(small, run, one => one.state === 'closed', 120_000);
  expect(done).toMatchObject({ outcome: 'completed', steps: { 'desk/tickets': { changed: REFUSED } } });
  await small.world.offboardings.result(run.run);
  await staysSmall(run.run, status);
});

async function staysSmall(run: string, status: unknown): Promise<void> {
  const { events } = await small.world.offboardings.handle(run).fetchHistory();
  const sizes = (events ?? []).map(event => JSON.stringify(event).length);
  const figures = {
    events: sizes.length,
    bytes: sizes.reduce((a, b) => a + b, 0),
    event: Math.max(...sizes),
    status: JSON.stringify(status).length,
  };
  for (const [what, limit] of Object.entries(LIMITS))
    expect(figures[what as keyof typeof LIMITS], what).toBeLessThan(limit);
  // No key of an item is in any of them, but for a few that are shown as examples.
  const { rows } = await small.db.desk.query('select id::text from tickets order by number limit 2000');
  for (const text of [readable(events), JSON.stringify(status)]) {
    expect(text).toContain('desk/tickets');
    expect(rows.filter(row => text.includes(row.id as string)).length).toBeLessThanOrEqual(20);
  }
}

/** Everything in it as one text, payloads included. */
function readable(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.values(value).map(readable).join(' ');
}
