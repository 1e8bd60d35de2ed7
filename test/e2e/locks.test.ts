/** What somebody else holds locked is theirs for the moment: the rest goes through, and the run says what it waits for. */
import { expect, test } from 'vitest';
import { agree, ended, must, planned, type Started, start } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

const PATIENCE = { throttled: 1_500, transient: 1_500, locked: 8_000 };
const small = useSmallWorld({ patience: PATIENCE });

/** One of the leaver's tickets, in somebody's hands; answers with how to let go of it. */
async function hold(): Promise<() => Promise<void>> {
  const colleague = await small.db.desk.connect();
  await colleague.query('begin');
  await colleague.query(
    `select from public.tickets where assignee_id = 17 and status = 'open' order by number limit 1 for update`,
  );
  return async () => {
    await colleague.query('rollback');
    colleague.release();
  };
}

async function left(): Promise<number> {
  const { rows } = await small.db.desk.query(
    `select count(*)::int as n from public.tickets where assignee_id = 17 and status = 'open'`,
  );
  return rows[0].n;
}

async function until(what: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await what()) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  throw new Error('it does not happen');
}

async function approved(): Promise<Started> {
  const started = await start(small);
  await planned(small, started);
  return started;
}

test('the rest goes through, what is held is waited for, and the run completes once it is let go', async () => {
  const run = await approved();
  const letGo = await hold();
  try {
    await agree(small, run);
    await until(async () => (await left()) === 1);
    await until(async () =>
      /^1 item of .*: other sessions hold locks/.test((await small.world.offboardings.waits(run.run)) ?? ''),
    );
  } finally {
    await letGo();
  }
  const status = await ended(small, run);
  expect(status).toMatchObject({ state: 'closed', outcome: 'completed' });
  expect(status.steps['desk/tickets']).toMatchObject({ state: 'completed', failed: 0 });
});

test('in the end it is an exception by name, and retry takes it up', async () => {
  const run = await approved();
  const letGo = await hold();
  try {
    await agree(small, run);
    const parked = await ended(small, run);
    expect(parked.state).toBe('needs-attention');
    expect(parked.steps['desk/tickets']).toMatchObject({
      state: 'failed',
      failed: 1,
      remaining: 1,
      message: expect.stringMatching(/^1 item was refused \(.*: another session holds a lock on it\)/),
    });
  } finally {
    await letGo();
  }
  await must(small, run, 'retry', 'olivia');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});
