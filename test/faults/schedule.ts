/**
 * Which faults hit a run, where, and in what kind of world: drawn from a seed, so that a failure is repeated
 * from its number.
 */
import { type Dice, dice } from './dice.js';

/** Connections of the worker that can suffer on their own. */
export type LinkName = 'crm' | 'desk' | 'store' | 'temporal';

export type FaultKind =
  /** SIGKILL of every worker process; another one is started. */
  | { kind: 'kill-worker'; downMs: number }
  /** SIGSTOP until another worker has taken over, then SIGCONT: two attempts at once. */
  | { kind: 'stop-worker'; extraMs: number }
  /**
   * SIGKILL of the targets' postmaster (and the store's, where they share it), recovery on the same files.
   */
  | { kind: 'kill-postgres'; downMs: number }
  /** An operator's fast restart. */
  | { kind: 'restart-postgres'; downMs: number }
  | { kind: 'kill-temporal'; downMs: number }
  /**
   * The answer of the `nth` COMMIT (for the store: also of a stored receipt) from here on is lost; `times`
   * times in a row.
   */
  | { kind: 'cut-commit'; link: 'crm' | 'desk' | 'store'; nth: number; times: number; answered: boolean }
  | { kind: 'hold-link'; link: LinkName; ms: number }
  | { kind: 'reset-link'; link: LinkName }
  /** pg_terminate_backend of every session of the engine. */
  | { kind: 'terminate-sessions' }
  /** So many signals that nobody can mean, fifty at once. */
  | { kind: 'flood'; count: number }
  /** Messages that are wrong in shape or in content, drawn from a seed of their own. */
  | { kind: 'send-hostile'; count: number; draw: number }
  /** Signals of nearly as many bytes as the server takes. */
  | { kind: 'send-big'; count: number }
  /** Somebody resets the run to a task of its past, as far back as drawn (0 = its last task, 1 = its first). */
  | { kind: 'reset-run'; back: number };

export type Fault = FaultKind & {
  /** Share of the big category's batches with a receipt, at which it strikes. */
  at: number;
};

export interface Schedule {
  seed: number;
  /** Items of the leaver in the big category. */
  items: number;
  /** Keys of one batch. */
  batch: number;
  /** Added to every message between worker and databases. */
  delayMs: number;
  writers: number;
  /** The store has a database server of its own. */
  storeApart: boolean;
  /** The shipped heartbeat timeout instead of the short one. */
  patient: boolean;
  faults: Fault[];
  /** What lands on the leaver after the switch, and what dies then; without it nobody looks. */
  sweep?: SweepSchedule;
  /** The leaver is only away: what dies while they are given back what the cover still holds. */
  cover?: CoverSchedule;
}

export interface SweepSchedule {
  /** Milliseconds between two rounds. */
  everyMs: number;
  /** Moments at which something lands on the leaver, in milliseconds after the one before. */
  pauses: number[];
  /** Each strikes in a round, one after the other. */
  faults: FaultKind[];
}

export interface CoverSchedule {
  faults: Fault[];
}

type Draw = (d: Dice) => FaultKind;

const DRAWS: readonly (readonly [weight: number, draw: Draw])[] = [
  [4, d => ({ kind: 'kill-worker', downMs: d.whole(0, 1_000) })],
  [2, d => ({ kind: 'stop-worker', extraMs: d.whole(0, 1_500) })],
  [4, d => ({ kind: 'kill-postgres', downMs: d.whole(0, 1_500) })],
  [1, d => ({ kind: 'restart-postgres', downMs: d.whole(0, 800) })],
  [2, d => ({ kind: 'kill-temporal', downMs: d.whole(0, 1_500) })],
  [
    5,
    d => ({
      kind: 'cut-commit',
      link: d.pick(['crm', 'crm', 'crm', 'store'] as const),
      nth: d.whole(1, 4),
      times: d.whole(1, 3),
      answered: d.chance(0.7),
    }),
  ],
  [
    2,
    d => ({
      kind: 'hold-link',
      link: d.pick(['crm', 'store', 'temporal'] as const),
      ms: d.whole(300, 4_000),
    }),
  ],
  [2, d => ({ kind: 'reset-link', link: d.pick(['crm', 'store', 'temporal'] as const) })],
  [2, () => ({ kind: 'terminate-sessions' })],
  [1, d => ({ kind: 'flood', count: d.whole(200, 3_000) })],
  [2, d => ({ kind: 'send-hostile', count: d.whole(20, 80), draw: d.whole(1, 2 ** 30) })],
  [1, d => ({ kind: 'send-big', count: d.whole(1, 6) })],
  [1, d => ({ kind: 'reset-run', back: d.next() })],
];

export function drawFault(d: Dice): FaultKind {
  const all = DRAWS.flatMap(([weight, draw]) => Array<Draw>(weight).fill(draw));
  return d.pick(all)(d);
}

export function drawSchedule(seed: number): Schedule {
  const d = dice(seed);
  const batch = d.pick([25, 50, 100]);
  const batches = d.whole(50, 120);
  const sweep = drawSweep(dice(seed).fork(2_000));
  const cover = sweep ? null : drawCover(dice(seed).fork(3_000));
  return {
    seed,
    batch,
    items: batch * batches - d.whole(0, batch - 1),
    delayMs: d.whole(0, 3),
    writers: 20,
    storeApart: d.chance(0.5),
    patient: false,
    faults: Array.from({ length: d.whole(3, 6) }, () => ({
      ...drawFault(d),
      at: 0.03 + Math.round(d.next() * 85) / 100,
    })).sort((a, b) => a.at - b.at),
    ...(sweep && { sweep }),
    ...(cover && { cover }),
  };
}

/** Half of all schedules go on after the switch. */
function drawSweep(d: Dice): SweepSchedule | null {
  if (d.chance(0.5)) return null;
  const faults: Draw[] = [
    d => ({ kind: 'kill-worker', downMs: d.whole(0, 500) }),
    d => ({ kind: 'kill-worker', downMs: d.whole(0, 500) }),
    d => ({ kind: 'kill-postgres', downMs: d.whole(0, 800) }),
    d => ({ kind: 'kill-temporal', downMs: d.whole(0, 800) }),
    () => ({ kind: 'terminate-sessions' }),
  ];
  return {
    everyMs: d.whole(700, 2_000),
    pauses: Array.from({ length: d.whole(8, 25) }, () => d.whole(0, 1_500)),
    faults: Array.from({ length: d.whole(1, 3) }, () => d.pick(faults)(d)),
  };
}

/** Half of those that nobody is switched off in are a cover. */
function drawCover(d: Dice): CoverSchedule | null {
  if (d.chance(0.5)) return null;
  const faults = Array.from({ length: d.whole(2, 4) }, () => {
    let fault = drawFault(d);
    // It goes on by itself where it was; what people do to its history is tried elsewhere (e2e/begun-once).
    while (fault.kind === 'reset-run') fault = drawFault(d);
    return { ...fault, at: 0.03 + Math.round(d.next() * 70) / 100 };
  });
  return { faults: faults.sort((a, b) => a.at - b.at) };
}

/**
 * The run that the suite is named after: a hundred thousand items, the worker killed at a dozen random
 * places, and all else as well.
 */
export function longSchedule(seed: number, kills = 12): Schedule {
  const d = dice(seed);
  const place = (): number => 0.02 + Math.round(d.next() * 900) / 1000;
  const once: FaultKind[] = [
    { kind: 'stop-worker', extraMs: 2_000 },
    { kind: 'stop-worker', extraMs: 0 },
    { kind: 'kill-postgres', downMs: 1_000 },
    { kind: 'kill-postgres', downMs: 0 },
    { kind: 'restart-postgres', downMs: 500 },
    { kind: 'kill-temporal', downMs: 500 },
    { kind: 'kill-temporal', downMs: 2_000 },
    { kind: 'cut-commit', link: 'crm', nth: 2, times: 5, answered: true },
    { kind: 'cut-commit', link: 'crm', nth: 1, times: 3, answered: false },
    { kind: 'cut-commit', link: 'store', nth: 1, times: 3, answered: true },
    { kind: 'hold-link', link: 'crm', ms: 3_000 },
    { kind: 'hold-link', link: 'temporal', ms: 18_000 },
    { kind: 'reset-link', link: 'store' },
    { kind: 'terminate-sessions' },
  ];
  const all = [
    ...once,
    ...Array.from({ length: kills }, () => ({ kind: 'kill-worker', downMs: d.whole(0, 1_000) }) as const),
  ];
  return {
    seed,
    items: 100_000,
    batch: 500,
    delayMs: 1,
    writers: 20,
    storeApart: false,
    patient: true,
    faults: all.map(fault => ({ ...fault, at: place() })).sort((a, b) => a.at - b.at),
  };
}

export function describe(fault: Fault): string {
  const { kind, at, ...more } = fault;
  return `${(at * 100).toFixed(0)}% ${kind} ${Object.entries(more)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`.trimEnd();
}
