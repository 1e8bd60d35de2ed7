/**
 * The last effect and what comes beside it: a switch is taken back where the look inside it finds something,
 * and what lands while accounts are switched off one after the other is found by the last look.
 */
import { expect, test } from 'vitest';
import { handOver, must } from '../small-world/drive.js';
import { byOthers, newTicket, trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

/** What others do just before the engine switches somebody off in a system. */
let others: Record<string, () => Promise<unknown>> = {};

const small = useSmallWorld({
  wrap: activities => ({
    ...activities,
    async deactivate(input: Parameters<typeof activities.deactivate>[0]) {
      const act = others[input.system];
      delete others[input.system];
      await act?.();
      return activities.deactivate(input);
    },
  }),
});

async function one(sql: string): Promise<unknown> {
  const { rows } = await small.db.desk.query({ text: sql, rowMode: 'array' });
  return (rows as unknown[][])[0]![0];
}
const heldTickets = () => one(`select count(*)::int from tickets where assignee_id = 17 and status = 'open'`);

test('a switch that brings the leaver new items is taken back, and the run says why it does not end', async () => {
  const mischief = await trap(small.db.desk, 'agents', byOthers(newTicket(700)), {
    when: `new.status = 'inactive'`,
    timing: 'after',
  });
  const { status } = await handOver(small);
  expect(status).toMatchObject({ state: 'needs-attention', access: { desk: 'open', crm: 'open' } });
  expect(status.steps['desk/tickets']).toMatchObject({ state: 'failed' });
  expect(await one('select status from agents where id = 17')).toBe('active');
  expect(await heldTickets()).toBe(0);
  await mischief.mend();
});

test('what lands between the proof of all systems and the switch of one is moved first', async () => {
  others = { desk: () => small.db.desk.query(newTicket(700)) };
  const { status } = await handOver(small);
  expect(status).toMatchObject({ outcome: 'completed', access: { desk: 'deactivated' } });
  expect(status.steps['desk/tickets']).toMatchObject({ arrived: 1 });
  expect(status.proofs.desk).toMatchObject({ within: true });
  expect(status.afterwards).toMatchObject({ came: [], onAgain: [] });
  expect(await heldTickets()).toBe(0);
});

test('what lands where the leaver is off already, before the last account is, is said wherever the end is told', async () => {
  others = {
    crm: () => small.db.desk.query(`${newTicket(700)}; update agents set status = 'active' where id = 17`),
  };
  const { status, offboardingId } = await handOver(small);
  expect(status).toMatchObject({ outcome: 'completed', access: { desk: 'open', crm: 'deactivated' } });
  const afterwards = { came: [{ where: 'desk/tickets', count: 1 }], onAgain: ['desk'] };
  expect(status.afterwards).toMatchObject(afterwards);
  expect(status.sentence).not.toContain('nothing is left');
  expect(status.sentence).toContain('Came while accounts were switched off: 1 in desk/tickets.');
  expect(status.sentence).toContain('the leaver was switched off.');
  expect(status.sentence).toContain('On again by somebody else: desk.');
  const { rows } = await small.db.store.query(
    'select body from handover.certificate_bodies where offboarding = $1',
    [offboardingId],
  );
  expect(JSON.parse(rows[0].body)).toMatchObject({ afterwards });
});

test('an account that is deleted just before its switch parks the run by name, and it can be finished', async () => {
  others = { crm: () => small.db.crm.query(`delete from people where id = ${small.cast.alice.id}`) };
  const run = await handOver(small);
  expect(run.status.state).toBe('needs-attention');
  expect(JSON.stringify(run.status.steps)).toMatch(/no longer exists/);
  await must(small, run, 'finish', 'olivia', { reason: 'the account was deleted' });
  expect(await small.world.offboardings.result(run.run)).toMatchObject({ outcome: 'completed-partially' });
});
