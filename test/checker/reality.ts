/**
 * Invariants that the rows and the witness decide: nothing lost, stolen, moved twice or wrongly, and nobody
 * switched off too early.
 */
import {
  GROUND,
  type Ground,
  keyOf,
  PEOPLE,
  SYSTEMS,
  type SystemName,
  TABLES,
  type TextRow,
} from '../small-world/ground.js';
import type { Event, Told } from './evidence.js';
import { type Effect, leaverIn, nameOf, type Tied } from './tie.js';
import type { Say } from './violation.js';

/**
 * I1: the rows of every table are those from before, plus and minus what others added and removed, minus what
 * a step removes.
 */
export function checkRows(tied: Tied, say: Say): void {
  const { before, now, events } = tied;
  const effects = [...tied.effects, ...tied.swept];
  const besides = [...tied.besides, ...tied.sweptBesides];
  for (const system of SYSTEMS)
    for (const table of Object.keys(TABLES[system])) {
      const here = events.filter(event => event.system === system && event.table === table);
      const others = new Set(here.filter(event => !event.engine).map(event => event.key));
      for (const key of before[system][table]!.keys()) {
        if (now[system][table]!.has(key) || others.has(key)) continue;
        const effect = effects.find(
          one =>
            one.event.op === 'delete' &&
            one.event.system === system &&
            one.event.table === table &&
            one.event.key === key,
        );
        const along = besides.some(
          ({ event }) => event.op === 'delete' && nameOf(event) === `${system}.${table} ${key}`,
        );
        // What goes along with an item is another invariant's (besides.ts).
        if (along) continue;
        if (!effect) say('I1', `${system}.${table} ${key} is gone, and nobody was seen removing it`);
        else if (!mayDelete(effect, now))
          say(
            'I1',
            `${system}.${table} ${key} was removed by ${effect.receipt.step}, which may not remove anything`,
          );
      }
      for (const key of now[system][table]!.keys())
        if (!before[system][table]!.has(key) && !others.has(key))
          say('I1', `${system}.${table} ${key} has appeared out of nothing`);
    }
}

/** Memberships are removed; a row that the successor has already goes away; a switch ends sessions. */
function mayDelete({ event, ground, verb, plan, page }: Effect, now: Tied['now']): boolean {
  if (verb !== null) return PEOPLE[event.system].alsoDeletes.includes(event.table);
  if (ground?.do === 'remove') return true;
  if (!ground?.unique || !plan || !page) return false;
  const taker = takerOf(ground, plan.plan.steps, page, event.key);
  return [...now[event.system][event.table]!.values()].some(
    row => row[ground.owner] === taker && row[ground.unique!] === event.old![ground.unique!],
  );
}

/** Who the approved plan says takes this item. */
export function takerOf(
  ground: Ground,
  steps: { id: string; successors: { value: string | null }[] }[],
  page: { keys: string[]; assignment: number[] | null },
  key: string,
): string | null | undefined {
  const index = page.assignment?.[placesOn(page).get(plainKey(key)) ?? -1] ?? 0;
  return steps.find(step => step.id === ground.step)?.successors[index]?.value;
}

/** Key → place. */
function placesOn(page: { keys: string[] }): Map<string, number> {
  const known = places.get(page) ?? new Map(page.keys.map((key, n) => [plainKey(key), n]));
  places.set(page, known);
  return known;
}

const places = new WeakMap<object, Map<string, number>>();

/** A composite key however it is spaced. */
export function plainKey(key: string): string {
  return key.startsWith('[') ? JSON.stringify(JSON.parse(key)) : key;
}

/**
 * I3 none stolen, I4 none moved twice, I5 right target, I10 what others did stays, and no other column is
 * touched (I15).
 */
export function checkMoves({ effects, swept, events, now }: Tied, say: Say): void {
  const last = new Map<string, Effect>();
  for (const effect of [...effects, ...swept]) {
    const { event, ground, run, plan, page, receipt } = effect;
    if (!ground) {
      checkSwitch(effect, say);
      continue;
    }
    const leaver = leaverIn(run, event.system);
    if (event.op === 'insert') say('I1', `${nameOf(event)} was made by the engine`);
    if (!leaver.has(event.old?.[ground.owner] ?? null))
      say(
        'I3',
        `${nameOf(event)} belonged to ${event.old?.[ground.owner]}, not to the leaver ${[...leaver].join(', ')}, when ${receipt.step} changed it`,
      );
    const id = `${run.offboarding} ${ground.step} ${event.key}`;
    const earlier = last.get(id);
    last.set(id, effect);
    if (earlier && !cameBack(events, earlier.event, event, ground, leaver))
      say('I4', `${nameOf(event)} was changed twice by ${receipt.step}`);
    if (event.op === 'update' && ground.do === 'transfer') {
      const taker = plan && page ? takerOf(ground, plan.plan.steps, page, event.key) : undefined;
      if (taker === undefined || event.new![ground.owner] !== taker)
        say('I5', `${nameOf(event)} went to ${event.new![ground.owner]}, but the plan says ${taker}`);
    }
    if (event.op === 'delete' && ground.do !== 'remove' && !ground.unique)
      say('I1', `${nameOf(event)} was deleted by ${receipt.step}`);
    if (event.op === 'update') {
      const may = [...ground.may, ...(ground.do === 'transfer' ? [ground.owner] : [])];
      const touched = changedColumns(event).filter(column => !may.includes(column));
      if (touched.length > 0)
        say('I15', `${nameOf(event)}: ${receipt.step} also changed ${touched.join(', ')}`);
    }
  }
  const newest = new Map(events.map(event => [nameOf(event), event]));
  for (const event of events.filter(one => !one.engine && one.op === 'update')) {
    if (newest.get(nameOf(event)) !== event) continue;
    const row = now[event.system][event.table]!.get(event.key);
    const lost = changedColumns(event).filter(column => row && row[column] !== event.new![column]);
    if (lost.length > 0)
      say('I10', `${nameOf(event)}: what somebody else wrote into ${lost.join(', ')} is not there any more`);
  }
}

function checkSwitch({ event, run, verb }: Effect, say: Say): void {
  const { table, switches } = PEOPLE[event.system];
  const leaver = leaverIn(run, event.system);
  if (event.table !== table) {
    if (event.op !== 'delete' || !leaver.has(event.old!.person_id ?? null))
      say('I15', `${nameOf(event)} was changed by ${verb}`);
    return;
  }
  if (!leaver.has(event.key))
    say('I3', `${nameOf(event)} was switched by ${verb}, but the leaver is ${[...leaver].join(', ')}`);
  const touched = changedColumns(event).filter(column => !switches.includes(column));
  if (event.op !== 'update' || touched.length > 0)
    say('I15', `${nameOf(event)}: ${verb} also changed ${touched.join(', ')}`);
}

function changedColumns(event: Event): string[] {
  return Object.keys(event.new ?? {}).filter(column => event.new![column] !== event.old?.[column]);
}

/** Somebody gave it back to the leaver between the two. */
function cameBack(
  events: Event[],
  earlier: Event,
  later: Event,
  ground: Ground,
  leaver: ReadonlySet<string | null>,
): boolean {
  return events.some(
    one =>
      !one.engine &&
      one.system === later.system &&
      one.table === later.table &&
      one.key === later.key &&
      one.seq > earlier.seq &&
      one.seq < later.seq &&
      leaver.has(one.new?.[ground.owner] ?? null),
  );
}

/**
 * I15: what is kept, and what belongs to nobody's plan, is byte for byte as before, but for what others did.
 */
export function checkKept(tied: Tied, say: Say): void {
  const { before, now, events } = tied;
  const effects = [...tied.effects, ...tied.swept];
  const besides = [...tied.besides, ...tied.sweptBesides];
  const touched = new Set(
    [...events.filter(event => !event.engine), ...[...effects, ...besides].map(({ event }) => event)].map(
      event => nameOf(event),
    ),
  );
  for (const system of SYSTEMS)
    for (const [table, rows] of Object.entries(before[system])) {
      for (const [key, row] of rows) {
        const current = now[system][table]!.get(key);
        const same = current && JSON.stringify(sorted(current)) === JSON.stringify(sorted(row));
        if (current && !same && !touched.has(`${system}.${table} ${key}`))
          say('I15', `${system}.${table} ${key} is not as before, and nobody was seen`);
      }
    }
  for (const { event, ground, receipt } of effects) {
    const kept = GROUND.find(
      one =>
        one.do === 'keep' &&
        one.system === event.system &&
        one.table === event.table &&
        event.old &&
        one.holds(event.old),
    );
    if (kept && ground) say('I15', `${nameOf(event)} is kept (${kept.step}), and ${receipt.step} changed it`);
    if (ground?.do === 'acknowledge')
      say('I15', `${nameOf(event)} is for people to decide, and the engine changed it`);
  }
}

function sorted(row: TextRow): [string, string | null][] {
  return Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * I2 and I7: who is switched off holds nothing but what was waived, and was switched off last, after
 * everything was approved, but for what its plan has shown to move only afterwards.
 */
export function checkDeactivation(tied: Tied, say: Say): void {
  for (const run of tied.runs) {
    const latest = run.plans.at(-1);
    if (!latest) continue;
    const switches = tied.effects.filter(
      one =>
        one.run === run && one.verb === 'deactivate' && one.event.table === PEOPLE[one.event.system].table,
    );
    const declared = latest.plan.steps.flatMap(step => (step.late ? step.id : []));
    const moves = tied.effects.filter(
      one => one.run === run && one.verb === null && !declared.includes(one.ground?.step ?? ''),
    );
    for (const off of switches) {
      const directory = off.event.system === 'crm';
      const late = moves.find(
        move => (directory || move.event.system === off.event.system) && move.event.txid > off.event.txid,
      );
      if (late)
        say(
          'I7',
          `${nameOf(late.event)} was moved after the leaver had been switched off in ${off.event.system}`,
        );
      if (directory && switches.some(one => one.event.system !== 'crm' && one.event.txid > off.event.txid))
        say('I7', 'the directory was not the last to be switched off');
    }
    checkNothingLeft(tied, run, switches, say);
  }
}

function checkNothingLeft(tied: Tied, run: Told, switches: Effect[], say: Say): void {
  const plan = run.plans.at(-1)!.plan;
  const report = reportOf(run);
  const waived = waivedKeys(run, tied.frozen);
  for (const ground of GROUND) {
    const step = plan.steps.find(one => one.id === ground.step);
    if (!step || !EFFECTFUL.includes(step.do)) continue;
    const off = switches.find(one => one.event.system === ground.system);
    const last =
      off?.event ??
      tied.effects.filter(one => one.run === run && one.ground?.step === ground.step).at(-1)?.event;
    const held = heldBy(tied.now, ground, leaverIn(run, ground.system)).filter(
      key => !waived.get(ground.step)?.has(plainKey(key)),
    );
    const left = held.filter(key => !landedLater(tied, ground, key, off?.event ?? null));
    if (off && left.length > 0)
      say(
        'I7',
        `the leaver is switched off in ${ground.system} and still holds ${left.length} of ${ground.step} (${left[0]})`,
      );
    const claimed = report?.steps.find(one => one.id === ground.step);
    const unexplained = held.filter(key => !landedLater(tied, ground, key, last ?? null));
    if (
      report &&
      claimed &&
      unexplained.length > 0 &&
      (claimed.state === 'completed' || claimed.state === 'skipped')
    )
      say(
        'I2',
        `${ground.step} is reported as ${claimed.state}, and the leaver still holds ${unexplained.length} (${unexplained[0]})`,
      );
    if (report && unexplained.length > 0 && report.outcome === 'completed')
      say(
        'I2',
        `the run is reported as completed, and the leaver still holds ${unexplained.length} of ${ground.step}`,
      );
  }
  for (const off of switches) {
    const steps = plan.steps.filter(step => EFFECTFUL.includes(step.do));
    for (const step of steps) {
      const ended = lastStep(run, step.id);
      if (step.baseline.count > 0 && ended !== 'completed')
        say(
          'I7',
          `the leaver was switched off in ${off.event.system}, and ${step.id} has not ended well (${ended ?? 'it never ran'})`,
        );
    }
  }
}

const EFFECTFUL = ['transfer', 'remove', 'revoke', 'clear'];

function heldBy(now: Tied['now'], ground: Ground, owners: ReadonlySet<string | null>): string[] {
  return [...now[ground.system][ground.table]!.values()]
    .filter(row => owners.has(row[ground.owner] ?? null) && ground.holds(row))
    .map(row => keyOf(ground.system, ground.table, row));
}

/** Somebody else, or a give-back, put it there after `mark`, perhaps in the same breath. */
function landedLater({ events, returned }: Tied, ground: Ground, key: string, mark: Event | null): boolean {
  if (!mark) return false;
  const later = (one: Event): boolean =>
    one.txid === mark.txid || (one.system === mark.system ? one.seq > mark.seq : one.txid > mark.txid);
  return events.some(
    one =>
      one.system === ground.system &&
      one.table === ground.table &&
      one.key === key &&
      later(one) &&
      (!one.engine || returned.some(({ event }) => event === one)),
  );
}

export interface Certificate {
  outcome: string;
  mode: string;
  sentence: string;
  accounts: { system: string; accounts: object[]; others?: { id: string }[] }[];
  access: Partial<Record<SystemName, string>>;
  approvals: { by: { id: string } }[];
  stays: { step: string; how: string; count: number }[];
  /** Null until somebody was switched off. */
  afterwards: { came: { where: string; count: number | null }[]; onAgain: string[] } | null;
  notCovered: string[];
  steps: {
    id: string;
    state?: string;
    changed?: number;
    arrived?: number;
    message?: string | null;
    under: {
      digest: string;
      approvedBy: string[];
      changed: number;
      successors: { personId: string | null; items: number }[];
    }[];
  }[];
}

export function reportOf(run: Told): Certificate | null {
  const body = run.certificates[0]?.body;
  return body ? (JSON.parse(body) as Certificate) : null;
}

/** What approved skips waive, from the decisions in the trail. */
export function waivedKeys(run: Told, frozen: Map<string, string[]>): Map<string, Set<string>> {
  const body = run.certificates[0]?.body ?? run.audit.filter(row => row.kind === 'decision').at(-1)?.body;
  const waivers = body ? ((JSON.parse(body) as { waivers?: Record<string, Waiver> }).waivers ?? {}) : {};
  return new Map(
    Object.values(waivers)
      .filter(waiver => waiver.approvals.length > 0)
      .map(waiver => [waiver.step, new Set((frozen.get(waiver.leftover.digest) ?? []).map(plainKey))]),
  );
}

interface Waiver {
  step: string;
  approvals: object[];
  leftover: { digest: string };
}

function lastStep(run: Told, step: string): string | null {
  const ends = run.audit.filter(
    row => row.kind.startsWith('step-') && (JSON.parse(row.body) as { step: string }).step === step,
  );
  return ends.at(-1)?.kind.slice('step-'.length) ?? null;
}

/** Names of systems in which the row of this person says that they are switched off. */
export function goneIn(now: Tied['now'], ids: Record<SystemName, string | null>): SystemName[] {
  return SYSTEMS.filter(system => {
    const id = ids[system];
    return id !== null && now[system][PEOPLE[system].table]!.get(id)?.status === PEOPLE[system].gone;
  });
}
