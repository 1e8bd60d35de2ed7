/**
 * What a run claims at its end, held against everything that is there: every column of every table, every
 * entry and every former name of the leaver, and each line of the certificate.
 */
import {
  GROUND,
  type Ground,
  keyOf,
  MERE_NUMBERS,
  PEOPLE,
  REMAINS,
  SYSTEMS,
  type SystemName,
  TABLES,
  type TextRow,
} from '../small-world/ground.js';
import type { Told } from './evidence.js';
import { folded, type Human, humanOf, lastEffect, laterThan, type Name } from './person.js';
import { type Certificate, plainKey, reportOf, waivedKeys } from './reality.js';
import { leaverIn, type Tied } from './tie.js';
import type { Say } from './violation.js';

/** A run at its end, and what it should have known by then. */
interface Ended {
  tied: Tied;
  run: Told;
  report: Certificate;
  human: Human;
  /** True of rows that others wrote after the run's last effect. */
  isLater: ReturnType<typeof laterThan>;
  say: Say;
}

export function checkClaims(tied: Tied, say: Say): void {
  for (const run of tied.runs) {
    const report = reportOf(run);
    if (report?.outcome !== 'completed' && report?.outcome !== 'nothing-to-do') continue;
    const ended = { tied, run, report, human: humanOf(tied, run), isLater: laterThan(tied, run), say };
    checkEntries(ended);
    checkAbsence(ended);
    if (report.outcome !== 'completed') continue;
    checkEverywhere(ended);
    checkStays(ended);
    checkAfterwards(ended);
    checkNotCovered(ended);
  }
}

/**
 * I16, I18, I19: nothing bears a name of the leaver, wherever it stands, but what a step is about, what
 * remains by the ground's word, and what the certificate names as not covered.
 */
function checkEverywhere(ended: Ended): void {
  const { tied, report, human, isLater, say } = ended;
  const found = new Map<string, { name: Name; place: string; count: number }>();
  for (const { system, table, row, key } of everyRow(tied)) {
    if (!wasAsked(report, system)) continue;
    if (key !== null && isLater(system, table, key)) continue;
    for (const [column, value] of Object.entries(row)) {
      const place = `${system}.${table}.${column}`;
      if (value === null || isMereNumber(system, table, column)) continue;
      for (const part of partsOf(value)) {
        const name = human.names.get(part);
        if (!name?.where.includes(system) || mayStand(ended, name, { system, table, column, row })) continue;
        const id = `${place} ${name.value}`;
        found.set(id, { name, place, count: (found.get(id)?.count ?? 0) + 1 });
      }
    }
  }
  for (const { name, place, count } of found.values()) {
    const [system] = place.split('.');
    const named = place.slice(system!.length + 1);
    if (report.notCovered.some(line => line.includes(named) || isUnchecked(line, system as SystemName)))
      continue;
    say(
      BY_NAME[name.since],
      `${place} still holds ${count} of the leaver, as ${name.value} ${WORDS[name.since]}`,
    );
  }
}

const BY_NAME = { now: 'I16', former: 'I18', vanished: 'I19' } as const;
const WORDS = {
  now: '(and no step is about it)',
  former: '(nobody is called so today)',
  vanished: '(an entry that is gone)',
};

/** Every row of every table; no key where nobody described the table. */
function* everyRow({
  now,
  elsewhere,
}: Tied): Generator<{ system: SystemName; table: string; row: TextRow; key: string | null }> {
  for (const system of SYSTEMS) {
    for (const [table, rows] of Object.entries(now[system]))
      for (const [key, row] of rows) yield { system, table, row, key };
    for (const [table, rows] of Object.entries(elsewhere[system]))
      for (const row of rows) yield { system, table, row, key: null };
  }
}

/** A key of one column names its own row, and nobody else. */
function isMereNumber(system: SystemName, table: string, column: string): boolean {
  const key = TABLES[system][table] ?? [];
  return (key.length === 1 && key[0] === column) || MERE_NUMBERS.includes(`${system}.${table}.${column}`);
}

/** A value, and whatever stands in it if it is a list or an object. */
function partsOf(value: string): string[] {
  if (!/^[[{]/.test(value)) return [folded(value)];
  try {
    return leavesOf(JSON.parse(value)).map(folded);
  } catch {
    return [folded(value)];
  }
}

function leavesOf(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(leavesOf);
  return value === null ? [] : [String(value)];
}

function mayStand(
  { tied, run, human, report }: Ended,
  name: Name,
  { system, table, column, row }: { system: SystemName; table: string; column: string; row: TextRow },
): boolean {
  const at = (one: { system: SystemName; table: string }): boolean =>
    one.system === system && one.table === table;
  if (REMAINS.some(one => at(one) && one.column === column && one.holds(row))) return true;
  const ground = GROUND.find(one => at(one) && one.owner === column && one.holds(row));
  if (!ground) return false;
  // What is kept or left to people is counted by checkStays.
  if (!changes(run, ground)) return true;
  // I2 is about the accounts and steps of the plan, checkEntries about entries that stand beside them.
  const isHandled = leaverIn(run, system).has(name.value);
  if (isHandled ? stepOf(run, ground) : name.since === 'now' && human.entries[system].has(name.value))
    return true;
  if (isLeftOut(report, system, name.value)) return true;
  const waived = waivedKeys(run, tied.frozen).get(ground.step);
  return waived?.has(plainKey(keyOf(system, table, row))) ?? false;
}

/** A plan that is silent about a category does not make it one that is kept. */
function changes(run: Told, ground: Ground): boolean {
  return !['keep', 'acknowledge'].includes(stepOf(run, ground)?.do ?? ground.do);
}

function stepOf({ plans }: Told, ground: Ground): { do: string } | undefined {
  return plans.at(-1)?.plan.steps.find(one => one.id === ground.step);
}

/** Items of steps that change something, under one id; not those that came later. */
function itemsUnder({ tied, run, isLater }: Ended, system: SystemName, id: string): string[] {
  return GROUND.filter(one => one.system === system && changes(run, one)).flatMap(ground =>
    [...tied.now[system][ground.table]!.values()]
      .filter(row => row[ground.owner] === id && ground.holds(row))
      .filter(row => !isLater(system, ground.table, keyOf(system, ground.table, row)))
      .map(() => ground.step),
  );
}

/** What may be the leaver's and is not handled stands in the certificate by its name. */
function isLeftOut({ accounts }: Certificate, system: SystemName, id: string): boolean {
  return accounts.some(one => one.system === system && one.others?.some(other => other.id === id));
}

function isUnchecked(line: string, system: SystemName): boolean {
  return line.startsWith(`${PEOPLE[system].title}: whether every place`);
}

/** I17: every entry of the human being is off, or named as left out; and says the certificate so, it is. */
function checkEntries(ended: Ended): void {
  const { tied, run, report, human, isLater, say } = ended;
  for (const system of SYSTEMS) {
    const { table, gone } = PEOPLE[system];
    if (!wasAsked(report, system)) continue;
    for (const id of human.entries[system]) {
      const row = tied.now[system][table]!.get(id);
      if (!row || isLater(system, table, id) || isLeftOut(report, system, id)) continue;
      const isOn = row.status !== gone;
      const isHandled = leaverIn(run, system).has(id);
      if (isHandled && isOn && report.access[system] === 'deactivated')
        say('I17', `${system}.${table} ${id} is said to be switched off, and is ${row.status}`);
      if (isHandled) continue;
      const held = itemsUnder(ended, system, id);
      if (isOn && report.mode === 'execute-and-deactivate')
        say('I17', `${system}.${table} ${id} is the leaver too, still ${row.status}, and named nowhere`);
      if (held.length > 0)
        say(
          'I17',
          `${system}.${table} ${id} is the leaver too, holds ${held.length} (${held[0]}), and is named nowhere`,
        );
    }
  }
}

/** A request may be about some systems only; the certificate says so. */
function wasAsked({ notCovered }: Certificate, system: SystemName): boolean {
  const only = notCovered.find(line => /^Only .* looked at, as the request asked/.test(line));
  return !only || new RegExp(`\\b${system}\\b`).test(only);
}

/** I20: "no account" and "nothing to hand over" are true. */
function checkAbsence(ended: Ended): void {
  const { tied, report, human, isLater, say } = ended;
  for (const system of SYSTEMS) {
    const { table, gone } = PEOPLE[system];
    if (!wasAsked(report, system)) continue;
    const said = report.accounts.find(one => one.system === system);
    for (const id of human.entries[system]) {
      const row = tied.now[system][table]!.get(id);
      if (row && isLater(system, table, id)) continue;
      const held = itemsUnder(ended, system, id);
      const isAbsent = report.access[system] === 'absent' || said?.accounts.length === 0;
      if (isAbsent && (row || held.length > 0) && !isLeftOut(report, system, id))
        say(
          'I20',
          `there is said to be no account in ${system}, and there is ${id}, with ${held.length} items`,
        );
      if (report.outcome !== 'nothing-to-do') continue;
      if (held.length > 0)
        say('I20', `there is said to be nothing to hand over, and ${id} holds ${held.length} (${held[0]})`);
      if (row && row.status !== gone && report.mode === 'execute-and-deactivate')
        say('I20', `there is said to be nobody to switch off, and ${system}.${table} ${id} is ${row.status}`);
    }
  }
}

/** I21: what stays is counted as it is, and nothing else is called "nothing". */
function checkStays({ tied, run, report, isLater, say }: Ended): void {
  const waived = waivedKeys(run, tied.frozen);
  let stays = 0;
  for (const ground of GROUND) {
    const step = run.plans.at(-1)!.plan.steps.find(one => one.id === ground.step);
    if (!step) continue;
    const owners = leaverIn(run, ground.system);
    const held = [...tied.now[ground.system][ground.table]!.values()].filter(
      row => owners.has(row[ground.owner] ?? null) && ground.holds(row),
    );
    const keys = held
      .map(row => keyOf(ground.system, ground.table, row))
      .filter(key => !changes(run, ground) || waived.get(ground.step)?.has(plainKey(key)));
    const sure = keys.filter(key => !isLater(ground.system, ground.table, key)).length;
    // What others wrote since may have been there, or may not.
    const moving = [...tied.before[ground.system][ground.table]!.keys(), ...keys].filter(key =>
      isLater(ground.system, ground.table, key),
    ).length;
    const said = report.stays.find(one => one.step === ground.step)?.count ?? 0;
    if (said < sure || said > sure + moving)
      say('I21', `${ground.step}: ${sure} stay with the leaver, and the certificate says ${said}`);
    stays += sure;
  }
  if (stays > 0 && /nothing is left/.test(report.sentence))
    say('I21', `the sentence says that nothing is left, and ${stays} items are`);
}

/** I21: what came between the switches is said, and nothing else is said to have come. */
function checkAfterwards({ tied, run, report, isLater, say }: Ended): void {
  const last = lastEffect(tied, run);
  if (!report.afterwards || !last) return;
  for (const system of SYSTEMS.filter(one => report.afterwards!.onAgain.includes(one))) {
    const { table, gone } = PEOPLE[system];
    const isOff = (id: string | null): boolean =>
      tied.now[system][table]!.get(id!)?.status === gone && !isLater(system, table, id!);
    if ([...leaverIn(run, system)].every(isOff))
      say('I21', `the leaver is said to be on again in ${system}, and is off`);
  }
  for (const ground of GROUND.filter(one => changes(run, one))) {
    const off = tied.effects.find(
      one => one.run === run && one.verb === 'deactivate' && one.event.system === ground.system,
    );
    const owners = leaverIn(run, ground.system);
    const landed = tied.events.filter(
      one =>
        !one.engine &&
        one.system === ground.system &&
        one.table === ground.table &&
        one.new !== null &&
        owners.has(one.new[ground.owner] ?? null) &&
        ground.holds(one.new),
    );
    const between = landed.filter(one => {
      const row = tied.now[one.system][one.table]!.get(one.key);
      const stillThere = row && owners.has(row[ground.owner] ?? null) && ground.holds(row);
      return off && stillThere && one.seq > off.event.seq && one.at < last.at;
    });
    const came = report.afterwards.came.find(one => one.where === ground.step);
    // Null says that it could not be read.
    const said = came ? (came.count ?? Number.NaN) : 0;
    const least = new Set(between.map(one => one.key)).size;
    const most = new Set(landed.map(one => one.key)).size;
    if (said < least)
      say('I21', `${ground.step}: ${least} came after the switch, the certificate says ${said}`);
    if (said > most) say('I21', `${ground.step}: ${said} are said to have come, the witness saw ${most}`);
  }
}

/** I21: what the run does not vouch for is said in so many words. */
function checkNotCovered({ tied, run, report, human, isLater, say }: Ended): void {
  const mustSay = (words: string): void => {
    if (!report.notCovered.some(line => line.includes(words)))
      say('I21', `the certificate does not say among what it does not cover: ${words}`);
  };
  for (const system of SYSTEMS) {
    const { title, table, gone } = PEOPLE[system];
    if (!run.plans.at(-1)!.plan.systems.some(one => one.system === system)) continue;
    const isOn = (id: string): boolean =>
      leaverIn(run, system).has(id) &&
      !isLater(system, table, id) &&
      (tied.now[system][table]!.get(id)?.status ?? gone) !== gone;
    if ([...human.entries[system]].some(isOn)) mustSay(`${title}: the account is still there`);
  }
  const attested = report.stays.filter(({ how }) => how === 'acknowledged');
  for (const { step, count } of attested)
    mustSay(`${step}: ${count} still there; what becomes of them is attested`);
  for (const { step, sure } of run.receipts)
    if (sure === 'read') mustSay(`${step}: some effects were only read to be so`);
  const doubtful = report.notCovered.find(line => line.endsWith('is claimed, not verified.'));
  for (const name of claimed(run, report))
    if (!doubtful?.includes(name))
      say('I21', `the certificate does not say that the decision of ${name} is only claimed`);
}

/** Who decided, in the trail's words, without having proved who they are. */
function claimed(run: Told, { approvals }: Certificate): Set<string> {
  const digest = run.plans.at(-1)!.digest;
  return new Set(
    run.audit
      .filter(row => row.kind === 'decision')
      .map(row => JSON.parse(row.body) as Decision)
      .filter(one => one.accepted && one.plan === digest && one.identity?.kind === 'claimed')
      .filter(one => approvals.some(({ by }) => by.id === one.decider?.id))
      .map(one => one.decider!.name),
  );
}

interface Decision {
  accepted: boolean;
  plan: string | null;
  identity: { kind: string } | null;
  decider: { id: string; name: string } | null;
}
