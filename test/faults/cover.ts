/**
 * The leaver was only away: they are given back what the cover still holds, while servers and workers die and
 * colleagues go on with the same items. Somebody brings the date forward, approves, and has planned again what
 * parks.
 */
import type { GiveBackStatus } from '../../domain/give-back-view.js';
import { checkLiveness, checkVacuity, type Finding, type Struck } from './checks.js';
import { dice } from './dice.js';
import type { FaultWorld } from './fault-world.js';
import { pause } from './faults.js';
import { AGAIN_MS, decideAs, insist, type Parking } from './operator.js';
import type { CoverSchedule, Schedule } from './schedule.js';
import { strikeAll, watchReceipts } from './storm.js';
import { type Acknowledged, type Deed, startWriters, type Writers } from './writers.js';

/** Far enough that nothing happens by itself. */
export const COVERED_UNTIL = '2035-03-31T18:00[Europe/Berlin]';

export interface GivenBack {
  returned: number;
  parked: Parking[];
  faults: Struck[];
  writes: Partial<Record<Deed, number>>;
  acknowledged: Acknowledged[];
  /** From the last fault healed to the close. */
  endedAfterMs: number;
  findings: Finding[];
}

/** What must really have come in between: others took something from the cover, and something new came to it. */
const DEEDS: readonly Deed[] = ['steal-from-successor', 'give-to-successor'];

/**
 * From the date to the end of the give-back.
 * @param offboardingId of the run that has handed over
 * @param keys what colleagues work on
 */
export async function giveBackThrough(
  world: FaultWorld,
  schedule: Schedule & { cover: CoverSchedule },
  offboardingId: string,
  keys: readonly string[],
  { deadline, heartbeatTimeoutMs }: { deadline: number; heartbeatTimeoutMs: number },
): Promise<GivenBack> {
  const id = world.offboardings.ids.giveBack(offboardingId);
  const progress = watchReceipts(world.urls.store, 'give-back');
  const colleagues = startWriters({
    url: world.urls.crm,
    cast: world.cast,
    keys,
    count: schedule.writers,
    first: schedule.writers,
    toSuccessor: true,
    dice: dice(schedule.seed).fork(1_500),
    // A row that nobody else has written tells what became of a batch when a database was killed.
    pauseMs: 400,
  });
  try {
    while (!colleagues.acknowledged.some(({ deed }) => deed === 'steal-from-successor')) {
      if (Date.now() > deadline) throw new Error('Nobody ever took anything from the cover');
      await pause(20);
    }
    let closed = false;
    let healed: number | null = null;
    const over = (): boolean => closed || Date.now() > deadline;
    const storm = strikeAll(world, schedule.cover.faults, id, progress, over).then(({ struck }) => {
      healed = Date.now();
      return struck;
    });
    const operated = await operate(world, id, colleagues, deadline, () => healed !== null);
    closed = true;
    const faults = await storm;
    await colleagues.stop();
    for (const one of faults) one.receipts[1] = progress.receipts();
    const { status } = operated;
    const returned = Object.values(status.steps).reduce((sum, { changed }) => sum + changed, 0);
    const writes: GivenBack['writes'] = {};
    for (const { deed } of colleagues.acknowledged) writes[deed] = (writes[deed] ?? 0) + 1;
    const findings = [
      ...checkLiveness(operated, healed!, heartbeatTimeoutMs),
      ...checkVacuity(faults, writes, DEEDS).map(one => ({ ...one, message: `give-back: ${one.message}` })),
    ];
    if (status.outcome !== 'given-back')
      findings.push({
        invariant: 'I12',
        message: `the give-back ended as ${status.outcome}: ${status.sentence}`,
      });
    if (returned === 0) findings.push({ invariant: 'I14', message: 'nothing was given back' });
    return {
      returned,
      parked: operated.parked,
      faults,
      writes,
      acknowledged: colleagues.acknowledged,
      endedAfterMs: operated.closedAt - healed!,
      findings,
    };
  } finally {
    await colleagues.stop();
    progress.stop();
  }
}

/** What has parked is tried again after so long, whatever else may come. */
const PARKED_FOR_MS = 20_000;

/** Sees it to its end. `ready`: whether what has parked may be tried again by now. */
async function operate(
  world: FaultWorld,
  id: string,
  colleagues: Writers,
  deadline: number,
  ready: () => boolean,
): Promise<{ status: GiveBackStatus; closedAt: number; lastDecision: number; parked: Parking[] }> {
  const parked: Parking[] = [];
  const known = new Set<string>();
  const decided = new Map<string, number>();
  let lastDecision = Date.now();
  // Who could not be looked up just then was refused: whoever still waits for a word gets it once more.
  const decide = async (
    what: string,
    by: 'olivia' | 'priya',
    name: string,
    payload: object,
  ): Promise<void> => {
    if (Date.now() - (decided.get(what) ?? 0) <= AGAIN_MS) return;
    await decideAs(world, id, name, by, { ...payload }, deadline);
    lastDecision = Date.now();
    decided.set(what, lastDecision);
  };
  for (;;) {
    const status = await insist(deadline, 'the status of the give-back', () =>
      world.temporal.connection.withDeadline(Date.now() + 5_000, () =>
        world.offboardings.handle(id).query<GiveBackStatus>('status'),
      ),
    );
    const { state, revision, sentence, back } = status;
    if (state === 'closed') return { status, closedAt: Date.now(), lastDecision, parked };
    if (state === 'waiting') await decide('the date', 'olivia', 'amend', { giveBackAt: 'now' });
    if (state === 'awaiting-approval') await decide(back!.digest, 'priya', 'approve', { plan: back!.digest });
    if (state === 'needs-attention') {
      const name = `${revision} ${sentence}`;
      if (!known.has(name)) parked.push({ at: Date.now(), state, sentence });
      known.add(name);
      if (parked.length > 20) throw new Error(`The give-back parks again and again: ${sentence}`);
      // A fault that waits for the work to go on would wait for ever.
      if (ready() || Date.now() - parked.at(-1)!.at > PARKED_FOR_MS) {
        // What is taken from her as soon as she has it back would park it for ever.
        await colleagues.stop();
        await decide(`retry ${revision}`, 'olivia', 'retry', {});
      }
    }
    await pause(100);
  }
}
