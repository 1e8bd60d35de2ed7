/**
 * Rows that the database will not let go. Whatever refuses them, everything else moves, the bad ones are
 * named one by one in the ledger (and the first ten on the operators' screen), nobody is switched off, and
 * once it is mended `retry` moves exactly the rest.
 */
import { describe, expect, test } from 'vitest';
import type { ItemException } from '../../../domain/model.js';
import { ended, handOver, must, type Started, statesOf, waitFor } from '../../small-world/drive.js';
import { refuse, trap } from '../../small-world/mischief.js';
import { useSmallWorld } from '../../small-world/world.js';
import { agreed, leaverIs } from './scenes.js';

const TICKETS = 300;
const BATCH = 50;
const small = useSmallWorld({
  sizes: { tickets: TICKETS },
  change: config => {
    config.policy = { ...config.policy, batch: BATCH };
  },
});
const desk = (sql: string) => small.db.desk.query(sql);

/** Ticket numbers, spread over all batches: keys are random, numbers are not. */
const SHARES: [name: string, bad: number[]][] = [
  ['none', []],
  ['one row', [150]],
  ['ten rows', [0, 1, 2, 49, 50, 51, 150, 151, 298, 299]],
  ['one per cent', [40, 140, 240]],
];

/** Each makes the database refuse tickets with these numbers for the successor, and takes it back. */
const REASONS: Record<
  string,
  { poison: (bad: number[], how?: { young: boolean }) => Promise<() => Promise<unknown>>; says: RegExp }
> = {
  'a trigger raises': {
    poison: async bad => {
      const mischief = await refuse(small.db.desk, 'tickets', `old.number = any ('{${bad.join(',')}}')`);
      return () => mischief.mend();
    },
    says: /P0001/,
  },
  'a check constraint': {
    poison: async bad => {
      await desk(
        `alter table tickets add constraint stays_with_alice check (assignee_id = 17 or number <> all ('{${bad.join(',')}}')) not valid`,
      );
      return () => desk('alter table tickets drop constraint stays_with_alice');
    },
    says: /23514.*stays_with_alice/,
  },
  'a foreign key': {
    poison: async bad => {
      await desk(`create table allowed (number integer, side integer, primary key (number, side));
        insert into allowed select number, 18 from tickets where assignee_id = 17 and number <> all ('{${bad.join(',')}}');
        alter table tickets add constraint allowed_agents foreign key (number, assignee_id) references allowed not valid`);
      return () => desk('alter table tickets drop constraint allowed_agents; drop table allowed');
    },
    says: /23503.*allowed_agents/,
  },
  'a foreign key that speaks at COMMIT': {
    poison: async (bad, { young } = { young: false }) => {
      await desk(`create table allowed (number integer, side integer, primary key (number, side));
        insert into allowed select number, 18 from tickets where assignee_id = 17 and number <> all ('{${bad.join(',')}}');
        alter table tickets add constraint allowed_agents foreign key (number, assignee_id) references allowed
          deferrable initially deferred not valid`);
      // The live schema is read once a minute (and whenever a name does not fit); what is younger is the last
      // test's business.
      if (!young) await small.world.restartWorker();
      return () => desk('alter table tickets drop constraint allowed_agents; drop table allowed');
    },
    says: /23503.*allowed_agents/,
  },
  'a unique index': {
    poison: async bad => {
      await desk(`insert into tickets (id, number, subject, assignee_id, status, language)
          select gen_random_uuid(), number, 'twin', 18, 'closed', 'en' from tickets where assignee_id = 17 and number = any ('{${bad.join(',')}}');
        create unique index one_of_each on tickets (assignee_id, number) where number < 1000`);
      return () => desk(`drop index one_of_each`);
    },
    says: /23505.*one_of_each/,
  },
};

describe.each(SHARES)('%s of 300', (_share, bad) => {
  test.each(Object.entries(REASONS))('%s', async (_name, { poison, says }) => {
    const mend = await poison(bad);
    let run: Started;
    try {
      const parked = await handOver(small);
      run = parked;
      const { status } = parked;
      expect(status.steps['desk/tickets']).toMatchObject({
        changed: TICKETS - bad.length,
        failed: bad.length,
      });
      if (bad.length === 0) {
        expect(status).toMatchObject({ outcome: 'completed' });
        return;
      }
      expect(statesOf(status)).toMatchObject({
        'desk/tickets': 'failed',
        'crm/accounts': 'completed',
        'desk/watchers': 'completed',
        'desk/deactivate': 'not-run',
        'crm/deactivate': 'not-run',
      });
      expect(status.steps['desk/tickets']!.remaining).toBe(bad.length);
      const named = await exceptionsOf(run);
      expect(named.map(one => one.key).sort()).toEqual(await keysOf(bad));
      for (const one of [...named, ...status.steps['desk/tickets']!.exceptions])
        expect(one).toMatchObject({ kind: 'failed', why: expect.stringMatching(says) });
      expect(await leaverIs(small)).toEqual(['active', 'active']);
    } finally {
      await mend();
    }
    await must(small, run, 'retry', 'olivia');
    expect(await ended(small, run)).toMatchObject({
      outcome: 'completed',
      steps: { 'desk/tickets': { changed: TICKETS, failed: 0 } },
    });
  });
});

test('rows that cannot be serialised twice and then can: the batch is tried again, and nobody notices', async () => {
  await desk('create sequence refusals');
  const mischief = await trap(
    small.db.desk,
    'tickets',
    `if nextval('public.refusals') <= 2 then raise exception 'could not serialize access' using errcode = '40001'; end if;`,
    { when: 'old.number in (40, 140)' },
  );
  const { status } = await handOver(small);
  const { rows } = await desk('select last_value::int as n from refusals');
  await mischief.mend();
  await desk('drop sequence refusals');
  expect(rows[0].n).toBeGreaterThan(2);
  expect(status).toMatchObject({
    outcome: 'completed',
    steps: { 'desk/tickets': { changed: TICKETS, failed: 0 } },
  });
});

test('a row that can never be serialised holds back its batch alone, and the step says why', async () => {
  const mischief = await trap(
    small.db.desk,
    'tickets',
    `raise exception 'could not serialize access' using errcode = '40001';`,
    {
      when: 'old.number = 140',
    },
  );
  const run = await handOver(small);
  await mischief.mend();
  const tickets = run.status.steps['desk/tickets']!;
  expect(tickets).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/same rows at the same time.*40001/),
  });
  expect(tickets.changed).toBe(TICKETS - BATCH);
  expect(statesOf(run.status)).toMatchObject({ 'crm/accounts': 'completed', 'desk/deactivate': 'not-run' });
  await must(small, run, 'retry', 'olivia');
  expect(await ended(small, run)).toMatchObject({
    outcome: 'completed',
    steps: { 'desk/tickets': { changed: TICKETS } },
  });
});

test.each([
  ['one row', 'number <> 150'],
  ['one per cent', 'number not in (40, 140, 240)'],
  ['all rows', 'false'],
])(
  'row-level security begins to hide %s in the middle of the run: it is said, and never "nothing left"',
  async (_what, visible) => {
    const slow = await trap(small.db.crm, 'assignment_rules', 'perform pg_sleep(0.3);');
    const run = await agreed(small);
    await waitFor(small, run, one => one.steps['crm/rules']?.state === 'running');
    await desk(
      `alter table tickets enable row level security; create policy hiding on tickets using (${visible})`,
    );
    try {
      const status = await ended(small, run);
      expect(status.steps['desk/tickets']).toMatchObject({
        state: 'failed',
        changed: 0,
        message: expect.stringMatching(/row-level security/),
      });
      expect(statesOf(status)).toMatchObject({ 'desk/deactivate': 'not-run', 'crm/deactivate': 'not-run' });
      expect(await leaverIs(small)).toEqual(['active', 'active']);
    } finally {
      await desk('drop policy hiding on tickets; alter table tickets disable row level security');
      await slow.mend();
    }
    await must(small, run, 'retry', 'olivia');
    expect(await ended(small, run)).toMatchObject({
      outcome: 'completed',
      steps: { 'desk/tickets': { changed: TICKETS } },
    });
  },
);

test('row-level security that hides everything after the last move proves nothing', async () => {
  const slow = await trap(small.db.crm, 'tokens', 'perform pg_sleep(0.3);');
  const run = await agreed(small);
  await waitFor(small, run, one => one.steps['crm/tokens']?.state === 'running');
  await desk('alter table tickets enable row level security; create policy hiding on tickets using (false)');
  try {
    const status = await ended(small, run);
    expect(status.state).toBe('needs-attention');
    expect(JSON.stringify(status.steps)).toMatch(/row-level security/);
    expect(await leaverIs(small)).toEqual(['active', 'active']);
  } finally {
    await desk('drop policy hiding on tickets; alter table tickets disable row level security');
    await slow.mend();
  }
  await must(small, run, 'retry', 'olivia');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test('a constraint that speaks at COMMIT, younger than our reading of the schema: only what it refuses stays', async () => {
  const slow = await trap(small.db.crm, 'assignment_rules', 'perform pg_sleep(0.3);');
  const run = await agreed(small);
  await waitFor(small, run, one => one.steps['crm/rules']?.state === 'running');
  const mend = await REASONS['a foreign key that speaks at COMMIT']!.poison([150], { young: true });
  await slow.mend();
  const status = await ended(small, run);
  expect(status.steps['desk/tickets']).toMatchObject({
    state: 'failed',
    changed: TICKETS - 1,
    failed: 1,
    message: expect.stringMatching(/23503.*allowed_agents/),
  });
  expect(statesOf(status)).toMatchObject({ 'crm/accounts': 'completed', 'desk/deactivate': 'not-run' });
  await mend();
  await must(small, run, 'retry', 'olivia');
  expect(await ended(small, run)).toMatchObject({
    outcome: 'completed',
    steps: { 'desk/tickets': { changed: TICKETS } },
  });
});

/** Every item that a receipt of the step names as refused. */
async function exceptionsOf({ offboardingId }: Started): Promise<ItemException[]> {
  const { rows } = await small.db.store.query(
    `select exceptions from handover.receipts where offboarding = $1 and step = 'desk/tickets'`,
    [offboardingId],
  );
  return rows.flatMap(row => JSON.parse(row.exceptions as string) as ItemException[]);
}

async function keysOf(numbers: number[]): Promise<string[]> {
  const { rows } = await small.db.desk.query(
    'select id::text from tickets where assignee_id = 17 and number = any ($1) order by 1',
    [numbers],
  );
  return rows.map(row => row.id as string).sort();
}
