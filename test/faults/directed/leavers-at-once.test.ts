/**
 * People who leave together. Leavers who name each other as successors, in pairs and in a ring; and the last
 * two owners, each of whom was not the last one when they were looked at.
 */
import { expect, test } from 'vitest';
import type { Status } from '../../../workflows/messages.js';
import type { Who } from '../../small-world/cast.js';
import {
  acknowledgeAll,
  agree,
  ended,
  mail,
  must,
  planned,
  type Started,
  start,
  waitFor,
} from '../../small-world/drive.js';
import { GROUND, PEOPLE } from '../../small-world/ground.js';
import { trap } from '../../small-world/mischief.js';
import { useSmallWorld } from '../../small-world/world.js';

const small = useSmallWorld();

async function startAll(heirs: Partial<Record<Who, Who>>): Promise<Record<string, Started>> {
  const runs = await Promise.all(
    Object.entries(heirs).map(async ([who, heir]) => [
      who,
      await start(small, { user: mail(small, who as Who), successor: mail(small, heir as Who) }),
    ]),
  );
  return Object.fromEntries(runs);
}

/** Who is switched off, and what somebody who is switched off still holds. */
async function offAndHolding(): Promise<{ off: string[]; holding: string[] }> {
  const off: string[] = [];
  const holding: string[] = [];
  for (const system of ['crm', 'desk'] as const) {
    const { table, gone } = PEOPLE[system];
    const { rows } = await small.db[system].query(
      `select id::text as id from ${table} where status = '${gone}'`,
    );
    for (const { id } of rows) {
      if (id === small.cast.ines.id || id === String(small.cast.ines.desk)) continue;
      off.push(`${system} ${id}`);
      for (const ground of GROUND.filter(
        one => one.system === system && one.do !== 'keep' && one.do !== 'acknowledge',
      )) {
        const held = await small.db[system].query(
          `select as_texts(to_jsonb(t)) as row from ${ground.table} t where ${ground.owner} = ${id}`,
        );
        if (held.rows.some(({ row }) => ground.holds(row))) holding.push(`${system} ${id}: ${ground.step}`);
      }
    }
  }
  return { off, holding };
}

test.each([
  ['two leavers name each other', { alice: 'bob', bob: 'alice' }],
  ['three leavers name each other in a ring', { alice: 'bob', bob: 'carol', carol: 'alice' }],
] as [string, Partial<Record<Who, Who>>][])(
  '%s: nobody gets anything from anybody who leaves, until somebody who stays is named',
  async (_what, heirs) => {
    const runs = await startAll(heirs);
    const all = Object.values(runs);
    // Whoever could still be planned is approved at once: the other one's request came too late to be seen
    // then.
    const first = await Promise.all(all.map(run => planned(small, run)));
    const waiting = all.filter((_, n) => first[n]!.state === 'awaiting-approval');
    await Promise.all(waiting.map(run => agree(small, run)));
    const states = await Promise.all(all.map(run => waitFor(small, run, stuck)));
    const refusals = states.flatMap(status =>
      status.findings.filter(finding => finding.code === 'successor-refused'),
    );
    expect(refusals.length).toBeGreaterThan(0);
    for (const refusal of refusals) expect(refusal.message).toMatch(/is being offboarded too/);
    expect(await offAndHolding()).toEqual({ off: [], holding: [] });

    await Promise.all(all.map(run => must(small, run, 'amend', 'oscar', { successor: mail(small, 'maya') })));
    await Promise.all(
      all.map(run =>
        waitFor(small, run, ({ state, findings }) => state === 'awaiting-approval' && findings.length === 0),
      ),
    );
    await Promise.all(all.map(run => agree(small, run)));
    for (const run of all) {
      let status = await ended(small, run);
      // One that came to its proof while another still named its leaver was told so.
      for (let tries = 0; status.state === 'needs-attention' && tries < 3; tries++) {
        await must(small, run, 'retry', 'oscar');
        status = await ended(small, run);
      }
      expect(status).toMatchObject({
        outcome: 'completed',
        access: { crm: 'deactivated', desk: 'deactivated' },
      });
    }
    const { off, holding } = await offAndHolding();
    // One in each system, and Alice has a second one in the CRM.
    expect(off).toHaveLength(2 * all.length + 1);
    expect(holding).toEqual([]);
  },
);

test('two leavers who came to name each other while both were at work: nobody is switched off holding what the other gave', async () => {
  // Both are planned before either knows: the register is blind for a moment, as after a restore of the
  // store.
  const [alice, bob] = Object.values(await startAll({ alice: 'maya', bob: 'maya' })) as [Started, Started];
  await Promise.all([planned(small, alice), planned(small, bob)]);
  await small.db.store.query('create table away as select * from handover.open_runs; ');
  await small.db.store.query('delete from handover.open_runs where leaver = $1', [small.cast.bob.id]);
  await must(small, alice, 'amend', 'oscar', { successor: mail(small, 'bob') });
  await waitFor(small, alice, one => one.revision === 2 && one.state === 'awaiting-approval');
  await small.db.store.query('insert into handover.open_runs select * from away where leaver = $1', [
    small.cast.bob.id,
  ]);
  await small.db.store.query('drop table away');
  const slow = await trap(small.db.desk, 'tickets', 'perform pg_sleep(0.1);');
  await Promise.all([agree(small, alice), agree(small, bob)]);
  const [one, other] = await Promise.all([waitFor(small, alice, stuck), waitFor(small, bob, stuckOrDone)]);
  await slow.mend();
  expect(one.state).not.toBe('closed');
  const { off, holding } = await offAndHolding();
  expect(holding).toEqual([]);
  // Bob may go, if nothing of Alice's had been given to him by then.
  if (other.outcome !== 'completed') expect(off).toEqual([]);
});

test('the last two owners are switched off at once, and neither was the last when they were looked at: one stays', async () => {
  const { cast, db } = small;
  await db.crm.query(`update people set role = 'owner' where id = $1`, [cast.oscar.id]);
  const off = (user: Who) =>
    start(small, {
      user: mail(small, user),
      requestedBy: mail(small, 'alias'),
      successor: mail(small, 'maya'),
    });
  const [olivia, oscar] = await Promise.all([off('olivia'), off('oscar')]);
  for (const run of [olivia, oscar])
    expect(await planned(small, run)).toMatchObject({ state: 'awaiting-approval', findings: [] });
  // Both switches overlap: the first one commits when the other one stands behind it, and nobody else can
  // have let it through. Sooner than `lock_timeout`: whoever is refused a lock looks again, and would see
  // what it had overlooked before.
  await db.crm.query('create sequence public.stood_behind');
  const slow = await trap(
    db.crm,
    'people',
    `for n in 1..100 loop
       if exists (select from pg_locks where not granted and transactionid = pg_current_xact_id()::xid) then
         perform nextval('public.stood_behind');
         exit;
       end if;
       perform pg_sleep(0.02);
     end loop;`,
    { when: `new.status = 'inactive'` },
  );
  for (const run of [olivia, oscar]) await acknowledgeAll(small, run, 'alias');
  for (const run of [olivia, oscar]) {
    const { plan } = await small.world.offboardings.status(run.run);
    await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  }
  const statuses = await Promise.all([ended(small, olivia), ended(small, oscar)]);
  await slow.mend();
  const overlap = await db.crm.query('select is_called from public.stood_behind');
  await db.crm.query('drop sequence public.stood_behind');
  expect(statuses.map(status => status.outcome ?? status.state).sort()).toEqual([
    'completed',
    'needs-attention',
  ]);
  expect(overlap.rows[0].is_called).toBe(true);
  const stays = statuses.find(status => status.state === 'needs-attention')!;
  expect(stays.steps['crm/deactivate']).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/last active owner/),
  });
  expect(await owners()).toBe(1);

  await db.crm.query(`update people set role = 'owner' where id = $1`, [cast.carol.id]);
  const run = stays === statuses[0] ? olivia : oscar;
  await must(small, run, 'retry', 'alias');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  expect(await owners()).toBe(1);
});

async function owners(): Promise<number> {
  const { rows } = await small.db.crm.query(
    `select count(*)::int as n from people where role = 'owner' and status = 'active' and kind = 'human'`,
  );
  return rows[0].n as number;
}

function stuck({ state, findings }: Status): boolean {
  return state === 'needs-attention' || (state === 'needs-correction' && findings.length > 0);
}

function stuckOrDone(status: Status): boolean {
  return status.state === 'closed' || stuck(status);
}
