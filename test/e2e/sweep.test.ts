/** After the switch: what still lands on the leaver is caught, exactly once, by the rules that were approved. */
import { expect, test } from 'vitest';
import { record } from '../replay/histories.js';
import { handOver, mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { land, ownerOf, soon, sweepOf } from './sweeps.js';

const small = useSmallWorld({ change: soon });

async function addenda(offboardingId: string): Promise<Record<string, unknown>[]> {
  const { rows } = await small.db.store.query(
    'select number, body from handover.certificate_bodies where offboarding = $1 and number > 0 order by number',
    [offboardingId],
  );
  return rows.map(row => ({ number: row.number, ...JSON.parse(row.body as string) }));
}

test('what lands after the switch follows the approved rule and becomes an addendum; then it ends', async () => {
  const { status, offboardingId } = await handOver(small);
  expect(status.outcome).toBe('completed');
  const sweep = await sweepOf(small, offboardingId);
  await land(small, 900_001);
  const caught = await sweep.until(now => now.moved > 0);
  expect(caught).toMatchObject({ moved: 1, addenda: [1] });
  expect(await ownerOf(small, 900_001)).toBe(String(small.cast.maya.id));
  const after = await sweep.result();
  expect(after).toMatchObject({ state: 'closed', outcome: 'ended', moved: 1, addenda: [1], open: [] });
  const { ids } = small.world.offboardings;
  await record('sweep', small.world.offboardings.handle(ids.sweep(offboardingId)), [small.password]);
  const [addendum] = await addenda(offboardingId);
  expect(addendum).toMatchObject({
    number: 1,
    sweep: after.sweepId,
    moved: 1,
    certificate: status.certificate,
    steps: [{ step: 'crm/accounts', state: 'completed', changed: 1, successors: [small.cast.maya.name] }],
  });
});

test('whatever lands at whatever moment is found exactly once', async () => {
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  const ids = Array.from({ length: 7 }, (_, n) => 910_000 + n);
  for (const id of ids) {
    await new Promise(resolve => setTimeout(resolve, Math.random() * 1_200));
    await land(small, id);
  }
  const after = await sweep.result();
  expect(after).toMatchObject({ outcome: 'ended', moved: ids.length });
  for (const id of ids) expect(await ownerOf(small, id)).toBe(String(small.cast.maya.id));
  const { rows } = await small.db.store.query(
    `select unnest(p.keys) as key from handover.manifest_pages p join handover.receipts r using (manifest, step, page)
      where r.offboarding = $1 and r.aborted = 0 and r.changed > 0`,
    [after.sweepId],
  );
  expect(rows.map(row => Number(row.key)).sort()).toEqual(ids);
  expect((await addenda(offboardingId)).map(({ number }) => number)).toEqual(after.addenda);
});

test('what comes back three times is left alone, by name, and people are told at once', async () => {
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  for (const moved of [1, 2, 3]) {
    await land(small, 920_001);
    await sweep.until(now => now.moved === moved);
  }
  await land(small, 920_001);
  const stopped = await sweep.until(now => now.open.length > 0);
  expect(stopped.open).toMatchObject([
    { subject: 'crm/accounts', says: expect.stringContaining('920001 came back 3 times') },
  ]);
  expect(stopped.moved).toBe(3);
  // What else lands there is handed over all the same.
  await land(small, 920_002);
  const after = await sweep.until(now => now.moved === 4);
  expect(await ownerOf(small, 920_001)).toBe(String(small.cast.alice.id));
  expect(await ownerOf(small, 920_002)).toBe(String(small.cast.maya.id));
  const { rows } = await small.db.store.query(
    `select body from handover.audit join handover.audit_bodies using (offboarding, seq) where offboarding = $1 and kind = 'notice'`,
    [after.sweepId],
  );
  const told = rows.map(row => JSON.parse(row.body as string) as Record<string, unknown>);
  expect(told).toContainEqual(
    expect.objectContaining({ notice: 'escalation', audience: expect.arrayContaining(['approvers']) }),
  );
  await land(small, 920_001, 'maya');
});

test('somebody who is switched on again ends it, with a word', async () => {
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  await small.db.crm.query(`update people set status = 'active' where id = $1`, [small.cast.alice.id]);
  expect(await sweep.result()).toMatchObject({
    outcome: 'switched-on-again',
    sentence: 'Alice Anders was switched on again in crm: the sweep ends.',
  });
  await small.db.crm.query(`update people set status = 'inactive' where id = $1`, [small.cast.alice.id]);
});

test('what no rule covers waits for people and holds up no round; only operators decide', async () => {
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  await small.db.crm.query(`insert into approvals (id, approver_id, subject) values (930001, $1, 'late')`, [
    small.cast.alice.id,
  ]);
  const open = await sweep.until(now => now.open.length > 0);
  expect(open.open).toMatchObject([{ subject: 'crm/approvals' }]);
  await land(small, 930_002);
  await sweep.until(now => now.moved === 1);
  const { ids } = small.world.offboardings;
  const send = (name: string, by: Parameters<typeof mail>[1], more = {}) =>
    small.world.offboardings.decide(ids.sweep(offboardingId), name, { by: mail(small, by), ...more });
  const subject = { category: 'crm/approvals' };
  expect(await send('acknowledge', 'alice', subject)).toMatchObject({ verdict: 'refused' });
  expect(await send('acknowledge', 'maya', subject)).toMatchObject({ verdict: 'refused' });
  expect(await send('acknowledge', 'olivia', subject)).toMatchObject({ verdict: 'accepted' });
  const { round } = await sweep.status();
  expect(await sweep.until(now => now.round > round + 1)).toMatchObject({ open: [] });
  expect(await send('finish', 'olivia', { reason: 'enough' })).toMatchObject({ verdict: 'accepted' });
  expect(await sweep.result()).toMatchObject({
    outcome: 'finished',
    sentence: expect.stringContaining('enough'),
  });
});
