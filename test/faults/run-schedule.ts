/**
 * One schedule from the first request to the verdict: a run of the small world under faults, and everything
 * that can be said about it.
 */
import pg from 'pg';
import { checkInvariants } from '../checker/check.js';
import {
  checkAcknowledged,
  checkAtRest,
  checkLiveness,
  checkSecrets,
  checkStopped,
  checkVacuity,
  type Finding,
  type Struck,
} from './checks.js';
import { dice } from './dice.js';
import { type FaultWorld, openFaultWorld } from './fault-world.js';
import { pause, strike } from './faults.js';
import { HEARTBEAT_TIMEOUT_MS } from './impatient-interceptor.js';
import { insist, type Operated, operate, type Parking, request, statusOf } from './operator.js';
import { describe, type Fault, type Schedule } from './schedule.js';
import type { FaultServers } from './servers.js';
import { type Swept, sweepThrough } from './sweep.js';
import { type Deed, startWriters } from './writers.js';

export interface Outcome {
  seed: number;
  items: number;
  batches: number;
  faults: Struck[];
  /** Worker processes that were killed. */
  kills: number;
  /** Worker processes in all. */
  workers: number;
  peakMemoryMiB: number;
  writes: Partial<Record<Deed, number>>;
  unanswered: number;
  moved: number;
  parked: Parking[];
  /** Pieces of text searched for canaries, in characters. */
  searched: number;
  seconds: number;
  /** From the last fault healed to the close. */
  endedAfterMs: number;
  /** Milliseconds of building the world, of the run, of judging it. */
  spent: [number, number, number];
  /** What happened after the switch; null = nobody looked. */
  swept: Omit<Swept, 'findings'> | null;
  findings: Finding[];
}

/** A quick activity whose worker was killed is tried again after a minute. */
const SWEEP_WITHIN_MS = 400_000;

const DEEDS: readonly Deed[] = [
  'take',
  'take-for-successor',
  'steal-from-successor',
  'give',
  'give-back',
  'delete',
  'edit',
];
/** As workflows/proxies.ts says. */
const SHIPPED_HEARTBEAT_TIMEOUT_MS = 15_000;

export interface RunOptions {
  servers: FaultServers;
  /** Milliseconds after which a run that has not ended counts as stuck. */
  withinMs?: number;
  /** Does something to the world before it is judged: proofs of the judges. */
  tamper?: (world: FaultWorld) => Promise<void>;
}

export async function runSchedule(schedule: Schedule, options: RunOptions): Promise<Outcome> {
  const began = Date.now();
  const deadline = began + (options.withinMs ?? 240_000);
  const world = await openFaultWorld(options.servers, schedule);
  const progress = watchReceipts(world.urls.store);
  const findings: Finding[] = [];
  const writers = startWriters({
    url: world.urls.crm,
    cast: world.cast,
    keys: [...world.before.crm.accounts!]
      .filter(([, row]) => row.owner_id === world.cast.alice.id)
      .map(([key]) => key),
    count: schedule.writers,
    dice: dice(schedule.seed).fork(1_000),
    pauseMs: 80,
  });
  try {
    await world.fleet.start();
    const started = await request(world, deadline);
    const ready = Date.now();
    let atRest = false;
    let closed = false;
    const over = (): boolean => closed || Date.now() > deadline;
    const storm = strikeAll(world, schedule.faults, started.run, progress, over).then(async struck => {
      // Gifts may reach the leaver until the approved items are done; from then on the world calms down.
      while (progress.share() < 1 && !over()) await pause(20);
      await writers.stopGiving();
      atRest = true;
      return { ...struck, healed: Date.now() };
    });
    const toItsEnd = (): Promise<Operated> =>
      operate(world, started, deadline, () => atRest).catch(async (error: Error) => {
        const status = await statusOf(world, started.run).catch(() => null);
        const outputs = world.fleet.all.map(
          (worker, n) => `worker ${n} ${JSON.stringify(worker.exit())}: ${worker.output().slice(-1_500)}`,
        );
        throw new Error(
          `${error.message}; ${JSON.stringify({ state: status?.state, steps: status?.steps })}; ${outputs.join('\n')}`,
        );
      });
    const first = await toItsEnd();
    closed = true;
    const { struck, healed } = await storm;
    // Whoever resets a run after its last step lets it begin again, with nothing left to do; and where that took
    // as long as the run, it was seen at its end before it went back to its people.
    const isReset = schedule.faults.some(({ kind }) => kind === 'reset-run');
    const operated = isReset ? await toItsEnd() : first;
    const ends = new Set(isReset ? ['completed', 'nothing-to-do'] : ['completed']);
    await writers.stop();
    const receipts = progress.receipts();
    for (const one of struck) one.receipts[1] = receipts;
    if (!ends.has(operated.status.outcome ?? ''))
      findings.push({
        invariant: 'I12',
        message: `the run closed as ${operated.status.outcome}: ${operated.status.sentence}`,
      });
    const { outcome, access, order } = operated.status;
    // A run that began again finds them off already; the sweep is the one that began before.
    const isOff = [first, operated].some(({ status }) =>
      Object.values(status.access).includes('deactivated'),
    );
    if (schedule.sweep && outcome === 'completed' && !isOff)
      findings.push({
        invariant: 'I14',
        message: `nobody was switched off: ${order.mode}, ${JSON.stringify(access)}`,
      });
    const swept =
      schedule.sweep && isOff
        ? await sweepThrough(world, schedule.sweep, started.offboardingId, Date.now() + SWEEP_WITHIN_MS)
        : null;
    findings.push(...(swept?.findings ?? []));
    // What has closed is archived by a look; the schedule's may be minutes away.
    await insist(Date.now() + 60_000, 'a look at what has closed', () => world.offboardings.archive());
    findings.push(
      ...checkLiveness(
        operated,
        healed,
        schedule.patient ? SHIPPED_HEARTBEAT_TIMEOUT_MS : HEARTBEAT_TIMEOUT_MS,
      ),
      ...(await checkAtRest(world)),
    );
    await options.tamper?.(world);
    const secrets = await checkSecrets(world);
    findings.push(...secrets.findings, ...(await checkStopped(world)));
    findings.push(...(await checkInvariants(world.db, world.before)));
    findings.push(...(await checkAcknowledged(world, writers.acknowledged)));
    const writes: Outcome['writes'] = {};
    for (const { deed } of writers.acknowledged) writes[deed] = (writes[deed] ?? 0) + 1;
    findings.push(...checkVacuity(struck, writes, DEEDS));
    return {
      seed: schedule.seed,
      items: schedule.items,
      batches: receipts,
      faults: struck,
      kills: world.fleet.all.filter(worker => worker.exit()?.signal === 'SIGKILL').length,
      workers: world.fleet.all.length,
      peakMemoryMiB: Math.max(...world.fleet.all.map(worker => worker.peakMemory())),
      writes,
      unanswered: writers.unanswered(),
      moved: progress.changed(),
      parked: isReset ? [...first.parked, ...operated.parked] : operated.parked,
      searched: secrets.searched,
      seconds: Math.round((Date.now() - began) / 100) / 10,
      endedAfterMs: operated.closedAt - healed,
      swept: swept && withoutFindings(swept),
      spent: [ready - began, operated.closedAt - ready, Date.now() - operated.closedAt],
      findings,
    };
  } finally {
    await writers.stop();
    progress.stop();
    await world.stop();
  }
}

/**
 * Strikes where the schedule says. A fault does not wait for the one before it to heal, unless both need the
 * same hands: a dead database cannot be killed, and a worker that is being started cannot be stopped.
 */
async function strikeAll(
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

interface Progress {
  /** Committed or pending receipts of the big category. */
  receipts(): number;
  /** Of the approved batches, how many have a receipt. */
  share(): number;
  changed(): number;
  stop(): void;
}

/** The newest known state of the ledger; while the store is down, the last one. */
function watchReceipts(connectionString: string): Progress {
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
          `select count(*)::int as n, coalesce(sum(changed), 0)::int as changed,
                  (select coalesce(max(page) + 1, 0)::int from handover.manifest_pages where step = 'crm/accounts' and round = 0) as pages
             from handover.receipts where step = 'crm/accounts'`,
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

function withoutFindings({ findings: _, ...swept }: Swept): Omit<Swept, 'findings'> {
  return swept;
}
