/**
 * What a catalog declares to follow the switch moves after it, and only then; everything else is proven before,
 * and all of it once more at the end.
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { checkInvariants } from '../checker/check.js';
import { ended, handOver, must, planned, start, statesOf } from '../small-world/drive.js';
import { newTicket, trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

const dir = await mkdtemp(join(tmpdir(), 'handover-switch-'));
const catalog = join(dir, 'desk.yaml');
await copyFile('test/small-world/desk.yaml', catalog);
const ORIGINAL = await readFile(catalog, 'utf8');

/** Done once, right after the next steps of this system have run. */
let afterSteps: ((steps: string[]) => Promise<void>) | null = null;

const small = useSmallWorld({
  change: config => {
    config.systems.desk!.catalog = catalog;
  },
  wrap: activities => ({
    ...activities,
    async runSteps(input: Parameters<typeof activities.runSteps>[0]) {
      const result = await activities.runSteps(input);
      await afterSteps?.(input.steps);
      return result;
    },
  }),
});

/** The desk's catalog, with what its categories say about the switch. */
async function declared(said: Record<string, string>): Promise<void> {
  let text = ORIGINAL;
  for (const [category, words] of Object.entries(said))
    text = text.replace(`  ${category}:\n`, `  ${category}:\n    switch: ${words}\n`);
  await writeFile(catalog, text);
}

beforeEach(async () => {
  afterSteps = null;
  await declared({
    tickets: '{ needs: inactive, when: after, within: 30 days }',
    watchers: '{ when: with }',
  });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function one(sql: string): Promise<unknown> {
  const { rows } = await small.db.desk.query({ text: sql, rowMode: 'array' });
  return (rows as unknown[][])[0]![0];
}
const heldTickets = () => one(`select count(*)::int from tickets where assignee_id = 17 and status = 'open'`);
const access = () => one('select status from agents where id = 17');

test('what follows the switch moves only when the account is off, and a second proof closes the run', async () => {
  const onlyOff = `if (select status from public.agents where id = 17) = 'active' then raise exception 'still active'; end if;`;
  const traps = [
    await trap(small.db.desk, 'tickets', onlyOff),
    await trap(small.db.desk, 'watchers', onlyOff),
  ];
  const { status, offboardingId } = await handOver(small);
  expect(status).toMatchObject({ outcome: 'completed', access: { desk: 'deactivated', crm: 'deactivated' } });
  expect(status.plan!.steps.find(({ id }) => id === 'desk/tickets')).toMatchObject({
    phase: 'afterwards',
    follows: { when: 'after', withinDays: 30 },
  });
  expect(await heldTickets()).toBe(0);
  expect(status.sentence).toContain('What follows the switch was proven to be done as well.');
  const { rows } = await small.db.store.query(
    'select body from handover.certificate_bodies where offboarding = $1',
    [offboardingId],
  );
  const certificate = JSON.parse(rows[0].body);
  expect(Object.keys(certificate.proofs).sort()).toEqual(['crm', 'desk']);
  expect(certificate.provenAfterwards > certificate.proofs.crm.at).toBe(true);
  for (const one of traps) await one.mend();
  // A lie: the second proof let an item pass that the leaver holds.
  const client = await small.db.desk.connect();
  try {
    await client.query('begin; set local session_replication_role = replica');
    await client.query(
      `update tickets set assignee_id = 17 where id in (select id from tickets where assignee_id <> 17 and status = 'open' limit 1)`,
    );
    const found = await checkInvariants({ ...small.db, desk: client }, small.before);
    expect(found.map(({ message }) => message).join()).toMatch(/desk\/tickets|desk\.tickets/);
    expect(found.map(({ invariant }) => invariant)).toContain('I2');
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('a step that fails after the switch parks the run, which says that the person is off and until when; retry ends it', async () => {
  const mischief = await trap(small.db.desk, 'tickets', `raise exception 'not today';`);
  const run = await handOver(small);
  expect(run.status).toMatchObject({ state: 'needs-attention', access: { desk: 'deactivated' } });
  expect(statesOf(run.status)).toMatchObject({ 'desk/tickets': 'failed', 'desk/deactivate': 'completed' });
  expect(run.status.sentence).toContain('The leaver is switched off already.');
  expect(run.status.sentence).toContain('desk/tickets must be done by ');
  expect(await access()).toBe('inactive');
  await mischief.mend();
  await must(small, run, 'retry', 'olivia');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  expect(await heldTickets()).toBe(0);
});

test('what lands in such a category after its step is found by the second proof and moved too', async () => {
  afterSteps = async steps => {
    if (!steps.includes('desk/tickets')) return;
    afterSteps = null;
    await small.db.desk.query(newTicket(701));
  };
  const { status } = await handOver(small);
  expect(status).toMatchObject({ outcome: 'completed', failedProofs: 1 });
  expect(status.steps['desk/tickets']).toMatchObject({ arrived: 1 });
  expect(await heldTickets()).toBe(0);
});

test('an answer that is lost after the switch is no loss: what was moved is moved once', async () => {
  afterSteps = async steps => {
    if (!steps.includes('desk/tickets')) return;
    afterSteps = null;
    throw new Error('the answer is lost');
  };
  const { status } = await handOver(small);
  expect(status).toMatchObject({ outcome: 'completed' });
  expect(await heldTickets()).toBe(0);
});

test('a plan that contradicts itself is refused by name', async () => {
  const stays = await planned(small, await start(small, { mode: 'execute-only' }));
  expect(stays.state).toBe('needs-correction');
  expect(stays.findings.map(({ message }) => message)).toEqual([
    expect.stringContaining('(desk/tickets): when: after the switch, and a run with mode "execute-only"'),
    expect.stringContaining('(desk/watchers): when: with the switch, and a run with mode "execute-only"'),
  ]);
});

test('what needs an active account is refused where the account is blocked first', async () => {
  await declared({ tickets: '{ needs: active }' });
  const blocked = await planned(small, await start(small, { departure: 'unplanned' }));
  expect(blocked.findings.map(({ message }) => message)).toEqual([
    expect.stringContaining(
      '(desk/tickets): needs: active, and the account in Small desk is blocked first in an unplanned departure',
    ),
  ]);
});

test('what waits for something that follows the switch cannot come before it', async () => {
  await declared({ tickets: '{ when: after }' });
  await writeFile(
    catalog,
    (await readFile(catalog, 'utf8')).replace('after: [crm/fields]', 'after: [crm/fields, tickets]'),
  );
  const held = await planned(small, await start(small));
  expect(held.findings).toMatchObject([{ code: 'switch-order', step: 'desk/watchers' }]);
});
