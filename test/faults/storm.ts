/** The faults of a schedule, one after the other, and how far the work is at which they strike. */
import pg from 'pg';
import type { Struck } from './checks.js';
import type { FaultWorld } from './fault-world.js';
import { pause, strike } from './faults.js';
import { describe, type Fault } from './schedule.js';

/**
 * Strikes where the schedule says. A fault does not wait for the one before it to heal, unless both need the
 * same hands: a dead database cannot be killed, and a worker that is being started cannot be stopped.
 */
export async function strikeAll(
  world: FaultWorld,
  faults: readonly Fault[],
  run: string,
  progress: Progress,
  over: () => boolean,
): Promise<{ struck: Struck[] }> {
  const hands = new Map<string, Promise<unknown>>();
  const struck: Promise<Struck>[] = [];
  for (const fault of faults) {
    const hand = HANDS[fault.kind] ?? `link ${'link' in fault ? fault.link : ''}`;
    await hands.get(hand);
    while ((progress.receipts() === 0 || progress.share() < fault.at) && !over()) await pause(10);
    const receipts = progress.receipts();
    const doing = strike(world, fault, run, over).then(
      proof => ({ fault: describe(fault), receipts: [receipts, 0] as [number, number], ...proof }),
      (error: Error) => ({
        fault: describe(fault),
        receipts: [receipts, 0] as [number, number],
        happened: false,
        seen: { error: error.message },
      }),
    );
    struck.push(doing);
    hands.set(hand, doing);
  }
  return { struck: await Promise.all(struck) };
}

const HANDS: Partial<Record<Fault['kind'], string>> = {
  'kill-worker': 'workers',
  'stop-worker': 'workers',
  'kill-postgres': 'postgres',
  'restart-postgres': 'postgres',
  'terminate-sessions': 'postgres',
  'kill-temporal': 'temporal',
};

export interface Progress {
  /** Committed or pending receipts of the big category. */
  receipts(): number;
  /** Of the approved batches, how many have a receipt. */
  share(): number;
  changed(): number;
  stop(): void;
}

/**
 * The newest known state of the ledger; while the store is down, the last one.
 * @param of the run, or what comes after it
 */
export function watchReceipts(connectionString: string, of: 'offboarding' | 'give-back'): Progress {
  let receipts = 0;
  let changed = 0;
  let pages = 0;
  let stopped = false;
  const look = async (): Promise<void> => {
    let client: pg.Client | null = null;
    while (!stopped) {
      try {
        if (!client) {
          client = new pg.Client({
            connectionString,
            application_name: 'observer',
            connectionTimeoutMillis: 2_000,
          });
          client.on('error', () => {});
          await client.connect();
        }
        const { rows } = await client.query(
          `with those as (select id from handover.offboardings where workflow ~ ('(^|/)' || $1 || '/'))
           select count(*)::int as n, coalesce(sum(changed), 0)::int as changed,
                  (select count(distinct page)::int
                     from handover.manifest_pages p join handover.manifests m on m.id = p.manifest
                    where step = 'crm/accounts' and round = 0 and m.offboarding in (table those)) as pages
             from handover.receipts where step = 'crm/accounts' and offboarding in (table those)`,
          [of],
        );
        pages = rows[0].pages;
        receipts = Math.max(receipts, rows[0].n);
        changed = Math.max(changed, rows[0].changed);
        await pause(15);
      } catch {
        // Down, or not migrated yet.
        await client?.end().catch(() => {});
        client = null;
        await pause(50);
      }
    }
    await client?.end().catch(() => {});
  };
  void look();
  return {
    receipts: () => receipts,
    share: () => (pages === 0 ? 0 : Math.min(1, receipts / pages)),
    changed: () => changed,
    stop: () => {
      stopped = true;
    },
  };
}
