/**
 * The answer to COMMIT is lost while somebody else moves the same rows to the same successor. Looking at the
 * rows cannot tell whose move it was; the receipts still say it exactly, and the checker compares them with
 * the witness row by row.
 */
import { afterAll, expect, inject, test } from 'vitest';
import { agree, ended, planned, start } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { openLink } from './link.js';

const server = new URL(inject('postgresUrl'));
const link = await openLink({
  target: () => ({ host: server.hostname, port: Number(server.port) }),
  watch: /^\s*commit\b/i,
});
afterAll(() => link.close());

const small = useSmallWorld({
  // One batch of accounts: it is clear whose COMMIT is cut.
  sizes: { accounts: 4 },
  patience: { transient: 60_000, locked: 60_000 },
  through: { crm: link.port, desk: link.port },
});

const OURS = /update\s.*accounts/is;

async function runWith(how: 'swallow' | 'withhold', meanwhile: (keys: string[]) => Promise<void>) {
  const { rows } = await small.db.crm.query(
    `select id::text from accounts where owner_id = $1 and status = 'active' order by id`,
    [small.cast.alice.id],
  );
  const keys = rows.map(row => row.id as string);
  const run = await start(small);
  await planned(small, run);
  const cut = link.cut(1, how, OURS).then(async seen => {
    await meanwhile(keys);
    return seen;
  });
  await agree(small, run);
  expect(await cut).toEqual({ statement: 'COMMIT', answered: how === 'swallow' });
  expect(await ended(small, run)).toMatchObject({ state: 'closed', outcome: 'completed' });
  const receipts = await small.db.store.query(
    `select state, sure, changed, exceptions from handover.receipts where offboarding = $1 and step = 'crm/accounts' order by at`,
    [run.offboardingId],
  );
  const witness = await small.db.crm.query(
    `select app, count(*)::int as n from moves_seen
      where tbl = 'accounts' and old_row ->> 'owner_id' = $1 and new_row ->> 'owner_id' = $2 group by 1 order by 1`,
    [small.cast.alice.id, small.cast.maya.id],
  );
  return {
    receipts: receipts.rows.map(row => ({
      state: row.state as string,
      sure: row.sure as string,
      changed: row.changed as number,
      exceptions: (JSON.parse(row.exceptions) as { key: string; kind: string }[]).map(({ kind }) => kind),
    })),
    moved: Object.fromEntries(witness.rows.map(row => [row.app, row.n])) as Record<string, number>,
  };
}

/** By somebody who is not the engine: waits for the rows, if they are locked. */
async function toTheSuccessor(keys: string[]): Promise<void> {
  const client = await small.db.crm.connect();
  try {
    await client.query(`set application_name = 'colleague'`);
    await client.query('update accounts set owner_id = $1 where id = any($2)', [small.cast.maya.id, keys]);
  } finally {
    client.release(true);
  }
}

/** The first attempt: what it would have done stays on record, and counts for nothing. */
const CAME_TO_NOTHING = { state: 'aborted', sure: 'asked', changed: 4, exceptions: [] };

test('the batch was carried out, and a colleague writes the same successor again: the move is ours, once', async () => {
  expect(await runWith('swallow', toTheSuccessor)).toEqual({
    receipts: [{ state: 'done', sure: 'asked', changed: 4, exceptions: [] }],
    moved: { handover: 4 },
  });
});

test('the batch was rolled back, and a colleague moves all of its rows to the same successor: no move is ours', async () => {
  expect(await runWith('withhold', toTheSuccessor)).toEqual({
    receipts: [
      CAME_TO_NOTHING,
      { state: 'done', sure: 'asked', changed: 0, exceptions: ['taken', 'taken', 'taken', 'taken'] },
    ],
    moved: { colleague: 4 },
  });
});

test('the batch was rolled back, and a colleague moves half of its rows to the same successor: the other half is ours', async () => {
  expect(await runWith('withhold', keys => toTheSuccessor(keys.slice(0, 2)))).toEqual({
    receipts: [CAME_TO_NOTHING, { state: 'done', sure: 'asked', changed: 2, exceptions: ['taken', 'taken'] }],
    moved: { colleague: 2, handover: 2 },
  });
});
