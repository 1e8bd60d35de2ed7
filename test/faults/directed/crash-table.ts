/**
 * Where a worker dies, as data. Every activity, before its effect (a), after it (b) and after its report (c);
 * every batch and every switch before its transaction (a), with its receipt stored and COMMIT not sent (r),
 * and after COMMIT (b); each at its first, a middle and its last turn.
 */
import type { Deps } from '../../../activities/deps.js';
import { createActivities } from '../../../activities/index.js';

/** What people do meanwhile. Each story passes other activities. */
export type Story =
  | 'handed over'
  | 'archived'
  | 'blocked and given back'
  | 'asked for twice'
  | 'swept'
  | 'swept under a taken id'
  | 'covered and given back';

interface Turns {
  story: Story;
  /** Which turns of the story: the first, one in the middle, the last. */
  at: number[];
}

/**
 * They change nothing anywhere, and no story of ours has them. `stepsSoFar` is asked only where a worker
 * died while its run was to stop: what it finds is claimed by test/e2e/messages. `answerInquiry` looks
 * something up for whoever waits at a gateway, and is asked again where no answer comes. `lookAtBombs` and
 * `lookIfDone` look again at a later moment in any case.
 */
export const IN_NO_STORY = ['stepsSoFar', 'answerInquiry', 'lookAtBombs', 'lookIfDone'];

/** Activity → the turns at which to die. An activity that is missing here fails the test. */
export const TURNS: Record<string, Turns> = {
  introduce: { story: 'handed over', at: [1] },
  // Whoever acknowledges, and whoever approves.
  identify: { story: 'handed over', at: [1, 2] },
  openRequest: { story: 'asked for twice', at: [1] },
  standing: { story: 'handed over', at: [1] },
  resolveAccounts: { story: 'handed over', at: [1] },
  blockAccess: { story: 'blocked and given back', at: [1, 2] },
  restoreAccess: { story: 'blocked and given back', at: [1, 2] },
  // Two systems: inventory, once more before anything is changed, and the proof.
  look: { story: 'handed over', at: [1, 3, 6] },
  makePlan: { story: 'handed over', at: [1] },
  runSteps: { story: 'handed over', at: [1, 3, 5] },
  deactivate: { story: 'handed over', at: [1, 2] },
  lookOnceMore: { story: 'handed over', at: [1] },
  record: { story: 'handed over', at: [1, 2] },
  settleLedger: { story: 'blocked and given back', at: [1] },
  closeRun: { story: 'handed over', at: [1] },
  archiveClosed: { story: 'archived', at: [1] },
  makeRoom: { story: 'swept under a taken id', at: [1] },
  openSweep: { story: 'swept', at: [1] },
  // Three rounds at least: one finds something, others do not.
  sweepLook: { story: 'swept', at: [1, 3] },
  planRound: { story: 'swept', at: [1] },
  closeRound: { story: 'swept', at: [1] },
  endSweep: { story: 'swept', at: [1] },
  openGiveBack: { story: 'covered and given back', at: [1] },
  placeMoment: { story: 'covered and given back', at: [1] },
  planGiveBack: { story: 'covered and given back', at: [1] },
  // A system at a time.
  returnSteps: { story: 'covered and given back', at: [1, 2] },
  endGiveBack: { story: 'covered and given back', at: [1] },
};

const RESTORES: Turns = { story: 'covered and given back', at: [1, 3] };
const BATCHES: Turns = { story: 'handed over', at: [1, 7, 13] };
const SWITCHES: Turns[] = [
  { story: 'handed over', at: [1, 2] },
  // Three accounts are blocked, then unblocked.
  { story: 'blocked and given back', at: [1, 3, 4, 6] },
];

export interface Crash {
  /** For HANDOVER_CRASH_AT: `runSteps:b:3`. */
  at: string;
  story: Story;
}

export const activityNames = Object.keys(createActivities({ patience: {} } as Deps));

export const CRASHES: Crash[] = [
  ...Object.entries(TURNS).flatMap(([name, turns]) => crashes(name, ['a', 'b', 'c'], turns)),
  ...crashes('batch', ['a', 'r', 'b'], BATCHES),
  ...crashes('restore', ['a', 'r', 'b'], RESTORES),
  ...SWITCHES.flatMap(turns => crashes('switch', ['a', 'r', 'b'], turns)),
];

function crashes(name: string, points: string[], { story, at }: Turns): Crash[] {
  return points.flatMap(point => at.map(turn => ({ at: `${name}:${point}:${turn}`, story })));
}

/** One of each name: points and turns alternate. */
export function oneOfEach(all: Crash[]): Crash[] {
  const names = [...new Set(all.map(crash => `${crash.at.split(':')[0]} ${crash.story}`))];
  return names.flatMap((name, n) => {
    const mine = all.filter(crash => `${crash.at.split(':')[0]} ${crash.story}` === name);
    return name.startsWith('batch') ? mine.filter((_, m) => m % 4 === 0) : [mine[(n * 4 + 1) % mine.length]!];
  });
}
