/** A sweep as a test sees it, and what lands on the leaver meanwhile. */

import type { Sweep } from '../../domain/sweep.js';
import type { Config } from '../../runtime/config.js';
import type { SmallWorld } from '../small-world/world.js';

const SECOND = 1 / 86_400;

/** A round each second, twelve seconds long. */
export function soon(config: Config): void {
  config.policy.sweep = { rhythm: [{ everyDays: SECOND, forDays: 12 * SECOND }], returns: 3 };
  config.policy.drift = { floor: 10, percent: 5 };
}

export async function sweepOf(
  small: SmallWorld,
  offboardingId: string,
): Promise<{
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
        await new Promise(resolve => setTimeout(resolve, 150));
      }
    },
  };
}

export async function land(small: SmallWorld, id: number, who: 'alice' | 'maya' = 'alice'): Promise<void> {
  await small.db.crm.query(
    `insert into accounts (id, name, owner_id, region) values ($1, 'straggler', $2, 'north')
       on conflict (id) do update set owner_id = excluded.owner_id`,
    [id, small.cast[who].id],
  );
}

export async function ownerOf(small: SmallWorld, id: number): Promise<string> {
  const { rows } = await small.db.crm.query('select owner_id::text as owner from accounts where id = $1', [
    id,
  ]);
  return rows[0].owner as string;
}

/** As a policy says it: a round each second, for as long as a test may take. */
export const EACH_SECOND = { rhythm: [{ everyDays: SECOND, forDays: 600 * SECOND }], returns: 3 };

export function long(config: Config): void {
  soon(config);
  config.policy.sweep = EACH_SECOND;
}
