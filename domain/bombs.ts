/**
 * Time bombs: items that act by themselves at a moment (snoozed, scheduled, callbacks). They are planned with
 * their date, people are told while one is about to act and still the leaver's, and afterwards the sweep looks
 * who owns one just before it acts. Values only: workflows wait, and activities look.
 */
import { isOver } from './lifecycle.js';
import type { Bomb, ItemKey } from './model.js';
import { isEffect, type Plan, type PlanStep } from './plan.js';
import { DAY_MS, instant } from './request.js';
import type { Run } from './run.js';
import { minuteOf, number } from './words.js';

/** Hours of a step that are planned one by one, and items of each that are looked at by name. */
export const MOST_HOURS = 24;
export const MOST_NAMED = 5;
/** Moments for which one sweep wakes up. */
const MOST_WATCHED = 100;
/** People are told a day before one acts, and a sweep looks an hour before. */
const TOLD_BEFORE_MS = DAY_MS;
export const LOOKS_BEFORE_MS = 60 * 60_000;

/** Items and their moments, hour by hour, the first hour first. */
export function byHour(items: readonly { key: ItemKey; at: string }[]): Bomb[] {
  const hours = new Map<string, Bomb>();
  const sorted = [...items].sort((a, b) => (a.at === b.at ? (a.key < b.key ? -1 : 1) : a.at < b.at ? -1 : 1));
  for (const { key, at } of sorted) {
    const hour = at.slice(0, 13);
    const bomb = hours.get(hour) ?? { at, keys: [], count: 0 };
    hours.set(hour, {
      at: bomb.at,
      keys: bomb.keys.length < MOST_NAMED ? [...bomb.keys, key] : bomb.keys,
      count: bomb.count + 1,
    });
  }
  return [...hours.values()];
}

/** The same, and of which step. */
export interface StepBomb extends Bomb {
  step: string;
}

function bombsIn(steps: readonly PlanStep[]): StepBomb[] {
  return steps
    .flatMap(({ id, bombs = [] }) => bombs.map(bomb => ({ step: id, ...bomb })))
    .sort((a, b) => instant(a.at) - instant(b.at));
}

/** What acts before the plan moves it, as sentences for whoever approves. @param moves ISO 8601; null = at once */
export function actsBefore(steps: readonly PlanStep[], moves: string | null): string[] {
  if (moves === null) return [];
  return steps.flatMap(step => {
    const before = (step.bombs ?? []).filter(({ at }) => instant(at) < instant(moves));
    if (before.length === 0 || !(isEffect(step) || step.phase === 'manual')) return [];
    const many = countOf(before);
    return `${step.title} (${step.id}): ${number(many)} ${many === 1 ? 'acts' : 'act'} by ${many === 1 ? 'itself' : 'themselves'} before items move (${minuteOf(moves)}), the first at ${minuteOf(before[0]!.at)}: choose an earlier date, or see to them by hand.`;
  });
}

type Waiting = Pick<Run, 'state' | 'plan' | 'steps' | 'acknowledgements' | 'bombsTold' | 'pausedBy'>;

/** Bombs of what is neither done nor acknowledged nor kept: they are still the leaver's. */
function openBombs({ plan, steps, acknowledgements }: Waiting): StepBomb[] {
  const open = (plan?.steps ?? []).filter(step =>
    step.phase === 'manual'
      ? acknowledgements[step.id] === undefined
      : isEffect(step) && !DONE.has(steps[step.id]?.state ?? 'queued'),
  );
  return bombsIn(open);
}

const DONE: ReadonlySet<string> = new Set(['completed', 'skipped']);

/** People are told of these now, all that act within a day of the moment. */
export interface BombBell {
  /** Milliseconds since the epoch. */
  at: number;
  bombs: StepBomb[];
}

/** The next moment at which people must hear of one; null = the run moves them, or nothing is left to say. */
export function nextBombBell(run: Waiting): BombBell | null {
  if (!isWaiting(run)) return null;
  const told = run.bombsTold ?? {};
  const all = openBombs(run).filter(one => one.count > (told[hourOf(one)] ?? 0));
  const [first] = all;
  if (!first) return null;
  const at = instant(first.at) - TOLD_BEFORE_MS;
  return { at, bombs: all.filter(one => instant(one.at) <= instant(first.at) + TOLD_BEFORE_MS) };
}

/** What is under way moves them by itself. */
function isWaiting({ state, pausedBy }: Waiting): boolean {
  if (isOver(state) || state === 'preparing') return false;
  return pausedBy !== null || (state !== 'executing' && state !== 'deactivating');
}

const hourOf = ({ step, at }: StepBomb): string => `${step} ${at.slice(0, 13)}`;

/**
 * What people have been told of, with this. A later plan may have more that acts in the same hour, or earlier:
 * it is told then. What is no longer open is forgotten.
 */
export function toldOfBombs(run: Waiting, { bombs }: BombBell): NonNullable<Run['bombsTold']> {
  const open = new Set(openBombs(run).map(hourOf));
  const before = Object.entries(run.bombsTold ?? {}).filter(([hour]) => open.has(hour));
  return Object.fromEntries([...before, ...bombs.map(one => [hourOf(one), one.count] as const)]);
}

/** What of it people have been told of and is still so, as sentences for the status. */
export function bombAlerts(run: Waiting): string[] {
  const { bombsTold: told } = run;
  if (!told || isOver(run.state)) return [];
  return sayBombs(
    run,
    openBombs(run).filter(one => told[hourOf(one)] !== undefined),
  );
}

/** "Scheduled callbacks (desk/callbacks): 3 act by themselves from 2026-12-01 08:30 UTC on (4711, …), and are ..." */
export function sayBombs({ plan }: Pick<Run, 'plan'>, bombs: readonly StepBomb[]): string[] {
  const steps = [...new Set(bombs.map(({ step }) => step))];
  return steps.map(id => {
    const theirs = bombs.filter(({ step }) => step === id);
    const title = plan?.steps.find(step => step.id === id)?.title ?? id;
    const many = countOf(theirs);
    const how = many === 1 ? 'acts by itself at' : 'act by themselves from';
    const first = theirs[0]!;
    return `${title} (${id}): ${number(many)} ${how} ${minuteOf(first.at)}${many === 1 ? '' : ' on'} (${named(first)}), and ${many === 1 ? 'is' : 'are'} still the leaver's.`;
  });
}

function countOf(bombs: readonly Bomb[]): number {
  return bombs.reduce((sum, { count }) => sum + count, 0);
}

function named({ keys, count }: Bomb): string {
  return `${keys.slice(0, 3).join(', ')}${count > Math.min(3, keys.length) ? ', …' : ''}`;
}

/** What a sweep looks at, the next first; `beyond`: moments that are too late or too many for it. */
export function toWatch(
  plan: Pick<Plan, 'steps'>,
  from: string,
  until: string | null,
): { watched: StepBomb[]; beyond: StepBomb[] } {
  const ahead = bombsIn(plan.steps).filter(({ at }) => instant(at) > instant(from));
  const inTime = ahead.filter(({ at }) => until !== null && instant(at) <= instant(until));
  const watched = inTime.slice(0, MOST_WATCHED);
  return { watched, beyond: ahead.filter(one => !watched.includes(one)) };
}

/** When the sweep wakes up for the first of them, and for which ones then; null = there is none. */
export function nextWatch(bombs: readonly StepBomb[]): { at: number; bombs: StepBomb[] } | null {
  const [first] = bombs;
  if (!first) return null;
  const at = instant(first.at) - LOOKS_BEFORE_MS;
  return { at, bombs: bombs.filter(one => instant(one.at) <= instant(first.at) + LOOKS_BEFORE_MS) };
}

/** Who owns an item that is about to act. */
export type Keeper =
  | { kind: 'somebody'; name: string; active: boolean }
  /** A queue, a pool, a group. */
  | { kind: 'queue'; name: string }
  | { kind: 'leaver'; name: string }
  | { kind: 'nobody' }
  /** Done, cancelled, or awake already. */
  | { kind: 'gone' }
  | { kind: 'unknown'; why: string };

/** One item, just before it acts. */
export interface BombSeen {
  step: string;
  title: string;
  key: ItemKey;
  /** When it acts as it is now; ISO 8601. */
  at: string;
  keeper: Keeper;
}

/** Is nobody there who would answer? */
export function isAlone({ keeper }: Pick<BombSeen, 'keeper'>): boolean {
  if (keeper.kind === 'somebody') return !keeper.active;
  return keeper.kind === 'leaver' || keeper.kind === 'nobody' || keeper.kind === 'unknown';
}

/** "Callbacks (desk/callbacks): 4711 acts at 2026-12-01 08:30 UTC. It is Bob Brandt's, who is active." */
export function saySeen({ step, title, key, at, keeper }: BombSeen): string {
  return `${title} (${step}): ${key} acts by itself at ${minuteOf(at)}. ${sayKeeper(keeper)}`;
}

function sayKeeper(keeper: Keeper): string {
  switch (keeper.kind) {
    case 'somebody':
      return keeper.active
        ? `It is ${keeper.name}'s, who is active.`
        : `It is ${keeper.name}'s, who is not active: nobody will answer.`;
    case 'queue':
      return `It is with ${keeper.name}.`;
    case 'leaver':
      return `It is still ${keeper.name}'s, who has left: nobody will answer.`;
    case 'nobody':
      return `It is nobody's: nobody will answer.`;
    case 'gone':
      return 'It is no longer there: done, withdrawn, or awake already.';
    case 'unknown':
      return `Whose it is could not be seen: ${keeper.why}`;
  }
}
