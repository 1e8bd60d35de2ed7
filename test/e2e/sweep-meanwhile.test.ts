/**
 * What changes while a sweep goes on, and no approved rule foresees: a successor leaves, places, rules and
 * accounts come. Nothing is moved by words that nobody approved; people are asked by name, and rounds go on.
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { Sweep } from '../../domain/sweep.js';
import { connectTemporal } from '../../runtime/temporal.js';
import { agree, ended, handOver, mail, must, planned, start } from '../small-world/drive.js';
import { newTicket } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';
import { land, long, ownerOf, sweepOf } from './sweeps.js';

const dir = await mkdtemp(join(tmpdir(), 'handover-sweep-'));
const catalog = join(dir, 'desk.yaml');
await copyFile('test/small-world/desk.yaml', catalog);
const ORIGINAL = await readFile(catalog, 'utf8');

const small = useSmallWorld({
  change: config => {
    long(config);
    config.systems.desk!.catalog = catalog;
  },
});

beforeEach(() => writeFile(catalog, ORIGINAL));
afterAll(() => rm(dir, { recursive: true, force: true }));

async function swept() {
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  const { offboardings } = small.world;
  const decide = (name: string, more: Record<string, unknown>) =>
    offboardings.decide(offboardings.ids.sweep(offboardingId), name, { by: mail(small, 'olivia'), ...more });
  const asked = (subject: string) => sweep.until(now => now.open.some(one => one.subject === subject));
  /** Two whole rounds after now, in which nothing is asked any more. */
  const calm = async (): Promise<Sweep> => {
    const { round } = await sweep.status();
    const after = await sweep.until(now => now.round > round + 2);
    expect(after.open).toEqual([]);
    return after;
  };
  return { sweep, decide, asked, calm };
}

const says = ({ open }: Sweep, subject: string): string | undefined =>
  open.find(one => one.subject === subject)?.says;

const ticketsOf = async (agent: number): Promise<number[]> =>
  (
    await small.db.desk.query(`select number from tickets where subject = 'late' and assignee_id = $1`, [
      agent,
    ])
  ).rows.map(({ number }) => Number(number));

test('a successor who has left takes nothing over, and nobody else does instead, until they are back', async () => {
  const { sweep, asked } = await swept();
  const { maya, alice } = small.cast;
  const status = (now: string) =>
    small.db.crm.query('update people set status = $2 where id = $1', [maya.id, now]);
  await status('inactive');
  await land(small, 985_001);
  const open = await asked('crm/accounts');
  expect(says(open, 'crm/accounts')).toContain(maya.name);
  expect(open.moved).toBe(0);
  expect(await ownerOf(small, 985_001)).toBe(alice.id);
  await status('active');
  await sweep.until(now => now.moved === 1 && now.open.length === 0);
  expect(await ownerOf(small, 985_001)).toBe(maya.id);
});

test('a place that appears is asked about by name, holds up nothing, and is over once it is classified', async () => {
  const { sweep, asked, calm } = await swept();
  await small.db.desk.query(
    'create table public.reports (id int primary key, owner_id integer references public.agents)',
  );
  try {
    const open = await asked('desk/coverage');
    expect(says(open, 'desk/coverage')).toContain('public.reports.owner_id');
    await small.db.desk.query(newTicket(985_002));
    await sweep.until(now => now.moved === 1);
    expect(await ticketsOf(small.cast.maya.desk!)).toEqual([985_002]);
  } finally {
    await small.db.desk.query('drop table public.reports');
  }
  await calm();
});

test('a changed catalog moves nothing in its system, where its plan is unknown, and elsewhere all goes on', async () => {
  const { sweep, asked, decide, calm } = await swept();
  await writeFile(catalog, ORIGINAL.replace("= 'open'", "<> 'closed'"));
  const open = await asked('desk/catalog');
  expect(says(open, 'desk/catalog')).toContain('nothing is moved there');
  await small.db.desk.query(newTicket(985_003));
  await land(small, 985_004);
  await sweep.until(now => now.moved === 1);
  expect(await ownerOf(small, 985_004)).toBe(small.cast.maya.id);
  const { round } = await sweep.status();
  await sweep.until(now => now.round > round + 2);
  expect(await ticketsOf(small.cast.alice.desk!)).toEqual([985_003]);
  // Seen once, it is not asked again; as it was, the rules count again.
  expect(await decide('acknowledge', { category: 'desk/catalog' })).toMatchObject({ verdict: 'accepted' });
  await calm();
  await sweep.until(now => now.sentence.includes('; 1 that people have seen'));
  // As many, and not the same.
  await small.db.desk.query(
    `update tickets set assignee_id = ${small.cast.maya.desk} where number = 985003; ${newTicket(985_013)}`,
  );
  expect(says(await asked('desk/catalog'), 'desk/catalog')).toContain('What came stays: 1 in desk/tickets');
  await writeFile(catalog, ORIGINAL);
  await sweep.until(now => now.moved === 2 && now.open.length === 0);
  expect((await ticketsOf(small.cast.maya.desk!)).sort()).toEqual([985_003, 985_013]);
});

test('an account that appears anew is for people: nobody approved what becomes of it', async () => {
  const { sweep, asked } = await swept();
  const { alice } = small.cast;
  await small.db.desk.query(
    `insert into agents (id, name, email, status, kind, seat) values (117, 'Alice again', $1, 'active', 'agent', 'full')`,
    [alice.email],
  );
  try {
    const open = await asked('desk/account');
    expect(says(open, 'desk/account')).toMatch(/Nothing is moved there/);
    await small.db.desk.query(newTicket(985_005));
    await land(small, 985_006);
    const after = await sweep.until(now => now.moved === 1 && now.state === 'waiting');
    expect(after.open.map(({ subject }) => subject)).toEqual(['desk/account']);
    expect(await ticketsOf(alice.desk!)).toEqual([985_005]);
  } finally {
    await small.db.desk.query('delete from agents where id = 117');
  }
  await sweep.until(now => now.moved === 2 && now.open.length === 0);
});

/** Everything is handed over, and the switch fails in the CRM alone; then `decide` ends the run. */
async function offInTheDeskAlone(decision: 'cancel' | 'finish', more: object): Promise<string> {
  const { crm } = small.db;
  await crm.query(
    `create or replace function public.not_her() returns trigger language plpgsql as
       $$ begin if new.status is distinct from old.status then raise exception 'not today'; end if; return new; end $$`,
  );
  await crm.query(
    'create trigger not_her before update on public.people for each row execute function public.not_her()',
  );
  try {
    const run = await start(small);
    await planned(small, run);
    await agree(small, run);
    const parked = await ended(small, run);
    expect(parked.access).toMatchObject({ desk: 'deactivated' });
    expect(parked.access.crm).not.toBe('deactivated');
    await must(small, run, decision, 'olivia', { ...more });
    await small.world.offboardings.result(run.run);
    return run.offboardingId;
  } finally {
    await crm.query('drop trigger not_her on public.people');
    await crm.query('drop function public.not_her');
  }
}

test('after a run that was closed with a system left on, what comes there stays', async () => {
  const offboardingId = await offInTheDeskAlone('finish', { reason: 'the CRM is for Monday' });
  const sweep = await sweepOf(small, offboardingId);
  await land(small, 985_007);
  await small.db.desk.query(newTicket(985_008));
  await sweep.until(now => now.moved === 1);
  const { round } = await sweep.status();
  const after = await sweep.until(now => now.round > round + 1);
  expect(after).toMatchObject({ moved: 1, open: [] });
  expect(await ticketsOf(small.cast.maya.desk!)).toEqual([985_008]);
  expect(await ownerOf(small, 985_007)).toBe(small.cast.alice.id);
});

test('whatever else runs under its id when the run closes gives way, and people are told', async () => {
  const run = await start(small);
  await planned(small, run);
  const { offboardings, config } = small.world;
  const id = offboardings.ids.sweep(run.offboardingId);
  const temporal = await connectTemporal(config.temporal);
  const intruder = await temporal.workflow.start('whatever', {
    taskQueue: 'nobody-polls',
    workflowId: id,
    // As the sweep has one: it proves nothing.
    memo: { offboardingId: run.offboardingId },
  });
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  // A handle without a run's id asks about the newest.
  const then = temporal.workflow.getHandle(id, intruder.firstExecutionRunId);
  expect((await then.describe()).status.name).toBe('TERMINATED');
  await temporal.connection.close();
  const sweep = await sweepOf(small, run.offboardingId);
  await land(small, 985_009);
  await sweep.until(now => now.moved === 1);
  const { rows } = await small.db.store.query(
    `select body from handover.audit join handover.audit_bodies using (offboarding, seq)
      where offboarding = $1 and kind = 'notice' order by seq desc limit 1`,
    [run.offboardingId],
  );
  expect(JSON.parse(rows[0].body as string)).toMatchObject({
    notice: 'id-taken',
    audience: ['operators', 'requester', 'approvers'],
    sentence: expect.stringContaining('"whatever"'),
  });
});

test('a run that was cancelled has no sweep', async () => {
  const offboardingId = await offInTheDeskAlone('cancel', {});
  const { offboardings } = small.world;
  await expect(offboardings.handle(offboardings.ids.sweep(offboardingId)).describe()).rejects.toThrow();
});
