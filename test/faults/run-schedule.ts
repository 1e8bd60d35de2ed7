/**
 * One schedule from the first request to the verdict: a run of the small world under faults, and everything
 * that can be said about it.
 */
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
import { COVERED_UNTIL, type GivenBack, giveBackThrough } from './cover.js';
import { dice } from './dice.js';
import { type FaultWorld, openFaultWorld } from './fault-world.js';
import { pause } from './faults.js';
import { HEARTBEAT_TIMEOUT_MS } from './impatient-interceptor.js';
import { insist, type Operated, operate, type Parking, request, statusOf } from './operator.js';
import type { Schedule } from './schedule.js';
import type { FaultServers } from './servers.js';
import { strikeAll, watchReceipts } from './storm.js';
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
  /** What happened as the cover gave back; null = it was none. */
  givenBack: Omit<GivenBack, 'findings' | 'acknowledged'> | null;
  findings: Finding[];
}

/** A quick activity whose worker was killed is tried again after a minute. */
const AFTERWARDS_WITHIN_MS = 400_000;

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
  const progress = watchReceipts(world.urls.store, 'offboarding');
  const findings: Finding[] = [];
  const keys = [...world.before.crm.accounts!]
    .filter(([, row]) => row.owner_id === world.cast.alice.id)
    .map(([key]) => key);
  const heartbeatTimeoutMs = schedule.patient ? SHIPPED_HEARTBEAT_TIMEOUT_MS : HEARTBEAT_TIMEOUT_MS;
  const writers = startWriters({
    url: world.urls.crm,
    cast: world.cast,
    keys,
    count: schedule.writers,
    dice: dice(schedule.seed).fork(1_000),
    pauseMs: 80,
  });
  try {
    await world.fleet.start();
    const { cover } = schedule;
    const started = await request(
      world,
      deadline,
      cover && { mode: 'execute-only', giveBackAt: COVERED_UNTIL },
    );
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
        ? await sweepThrough(world, schedule.sweep, started.offboardingId, Date.now() + AFTERWARDS_WITHIN_MS)
        : null;
    const covered = cover
      ? await giveBackThrough(world, { ...schedule, cover }, started.offboardingId, keys, {
          deadline: Date.now() + AFTERWARDS_WITHIN_MS,
          heartbeatTimeoutMs,
        })
      : null;
    findings.push(...(swept?.findings ?? []), ...(covered?.findings ?? []));
    // What has closed is archived by a look; the schedule's may be minutes away.
    await insist(Date.now() + 60_000, 'a look at what has closed', () => world.offboardings.archive());
    findings.push(...checkLiveness(operated, healed, heartbeatTimeoutMs), ...(await checkAtRest(world)));
    await options.tamper?.(world);
    const secrets = await checkSecrets(world);
    findings.push(...secrets.findings, ...(await checkStopped(world)));
    findings.push(...(await checkInvariants(world.db, world.before)));
    const acknowledged = [...writers.acknowledged, ...(covered?.acknowledged ?? [])];
    findings.push(...(await checkAcknowledged(world, acknowledged)));
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
      givenBack: covered && figuresOf(covered),
      spent: [ready - began, operated.closedAt - ready, Date.now() - operated.closedAt],
      findings,
    };
  } finally {
    await writers.stop();
    progress.stop();
    await world.stop();
  }
}

function withoutFindings({ findings: _, ...swept }: Swept): Omit<Swept, 'findings'> {
  return swept;
}

function figuresOf({
  findings: _,
  acknowledged: __,
  ...covered
}: GivenBack): NonNullable<Outcome['givenBack']> {
  return covered;
}
