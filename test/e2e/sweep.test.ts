/** After the switch: what still lands on the leaver is caught, exactly once, by the rules that were approved. */
import { expect, test } from 'vitest';
import type { Sweep } from '../../domain/sweep.js';
import { handOver, mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

const SECOND = 1 / 86_400;

const small = useSmallWorld({
  change: config => {
    config.policy.sweep = { rhythm: [{ everyDays: 2 * SECOND, forDays: 16 * SECOND }], returns: 3 };
  },
});

async function sweepOf(offboardingId: string): Promise<{
  status(): Promise<Sweep>;
  until(is: (sweep: Sweep) => boolean): Promise<Sweep>;
  result(): Promise<Sweep>;
}> {
  const { offboardings } = small.world;
  const id = offboardings.ids.sweep(offboardingId);
  small.started.add(id);
  const handle = offboardings.handle(id);
  const status = () => handle.query<Sweep>('status');
  return {
    status,
    result: () => handle.result() as Promise<Sweep>,
    async until(is) {
      const end = Date.now() + 40_000;
      for (;;) {
        const now = await status();
        if (is(now)) return now;
        if (Date.now() > end) throw new Error(`It never came to that: ${JSON.stringify(now)}`);
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    },
  };
}

async function land(id: number, who: 'alice' | 'maya' = 'alice'): Promise<void> {
  await small.db.crm.query(
    `insert into accounts (id, name, owner_id, region) values ($1, 'straggler', $2, 'north')
       on conflict (id) do update set owner_id = excluded.owner_id`,
    [id, small.cast[who].id],
  );
}

async function ownerOf(id: number): Promise<string> {
  const { rows } = await small.db.crm.query('select owner_id::text as owner from accounts where id = $1', [
    id,
  ]);
  return rows[0].owner as string;
}

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
  const sweep = await sweepOf(offboardingId);
  await land(900_001);
  const caught = await sweep.until(now => now.moved > 0);
  expect(caught).toMatchObject({ moved: 1, addenda: [1] });
  expect(await ownerOf(900_001)).toBe(String(small.cast.maya.id));
  const after = await sweep.result();
  expect(after).toMatchObject({ state: 'closed', outcome: 'ended', moved: 1, addenda: [1], open: [] });
  const [addendum] = await addenda(offboardingId);
  expect(addendum).toMatchObject({
    number: 1,
    sweep: after.sweepId,
    moved: 1,
    certificate: status.certificate,
    steps: [{ step: 'crm/accounts', state: 'completed', changed: 1, successors: [small.cast.maya.name] }],
  });
  expect(mail(small, 'maya')).toBeTruthy();
});
