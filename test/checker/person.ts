/**
 * Who the leaver is, found without asking anybody: every entry of the same human being, and every name that
 * stood for them at any time since the run began.
 */
import { PEOPLE, SYSTEMS, type SystemName, type TextRow } from '../small-world/ground.js';
import type { Event, Told } from './evidence.js';
import { leaverIn, nameOf, type Tied } from './tie.js';

/** A value that stands for the leaver where it is found. */
export interface Name {
  value: string;
  /** Ids of the desk are small numbers: they mean something there alone. */
  where: readonly SystemName[];
  /**
   * `now` as it is today; `former` if the leaver was called so when the run began or later, and nobody is
   * today; `vanished` if it is the id of an entry whose row is gone.
   */
  since: 'now' | 'former' | 'vanished';
}

export interface Human {
  /** Ids of every entry, also of those that are gone. */
  entries: Record<SystemName, Set<string>>;
  /** By their folded value. */
  names: Map<string, Name>;
}

export function humanOf(tied: Tied, run: Told): Human {
  const people = rowsSince(tied, run, 'crm');
  const mine = (one: TextRow): boolean => one.id === run.leaver;
  const numbers = valuesOf(people.filter(mine), 'person_no');
  const crm = new Set([
    run.leaver,
    ...known(tied, run, 'crm'),
    ...people.filter(one => numbers.has(folded(one.person_no))).map(one => one.id!),
  ]);
  const entries = people.filter(one => crm.has(one.id!));
  const others = [...tied.now.crm.people!.values()].filter(one => !crm.has(one.id!));
  const addresses = without(valuesOf(entries, 'email'), valuesOf(others, 'email'));
  const logins = without(valuesOf(entries, 'login'), valuesOf(others, 'login'));
  const agents = rowsSince(tied, run, 'desk').filter(one => one.kind !== 'queue');
  const isTheirs = (one: TextRow): boolean => addresses.has(folded(one.email));
  const desk = new Set([...known(tied, run, 'desk'), ...agents.filter(isTheirs).map(one => one.id!)]);
  for (const id of desk) if (isSomebodyElse(tied, id, valuesOf(others, 'email'))) desk.delete(id);

  const current = [...tied.now.crm.people!.values()].filter(one => crm.has(one.id!));
  const still = new Set([...valuesOf(current, 'email'), ...valuesOf(current, 'login')]);
  const names = new Map<string, Name>();
  for (const value of [...addresses, ...logins])
    names.set(value, { value, where: SYSTEMS, since: still.has(value) ? 'now' : 'former' });
  for (const [system, ids] of [['crm', crm] as const, ['desk', desk] as const])
    for (const id of ids) {
      const isThere = tied.now[system][PEOPLE[system].table]!.has(id);
      const where = system === 'crm' ? SYSTEMS : ([system] as const);
      names.set(id, { value: id, where, since: isThere ? 'now' : 'vanished' });
    }
  return { entries: { crm, desk }, names };
}

/** Upper and lower case, blanks around and Unicode forms make no other person; empty is nobody. */
export function folded(value: string | null | undefined): string {
  return (value ?? '').normalize('NFC').trim().toLowerCase();
}

/** Every version of every row of people from the run's beginning until now. */
function rowsSince({ before, now, events }: Tied, run: Told, system: SystemName): TextRow[] {
  const { table } = PEOPLE[system];
  const here = events.filter(event => event.system === system && event.table === table);
  const seen = new Set(here.map(event => event.key));
  const began = run.audit[0]?.at ?? new Date(0);
  return [
    ...now[system][table]!.values(),
    ...here.filter(event => event.at >= began).flatMap(event => [event.old, event.new]),
    // What changed behind the witness' back was so when the run began.
    ...[...before[system][table]!].filter(([key]) => !seen.has(key)).map(([, row]) => row),
  ].filter(row => row !== null);
}

/** What the plans of this person have ever known: an entry may have gone before this run began. */
function known(tied: Tied, run: Told, system: SystemName): string[] {
  const runs = tied.runs.filter(one => one.leaver === run.leaver);
  return runs
    .flatMap(one => (one.plans.length > 0 ? [...leaverIn(one, system)] : []))
    .filter(id => id !== null);
}

/** An id that was given to somebody else since. */
function isSomebodyElse({ now }: Tied, id: string, addresses: ReadonlySet<string>): boolean {
  return addresses.has(folded(now.desk.agents!.get(id)?.email));
}

function valuesOf(rows: TextRow[], column: string): Set<string> {
  return without(new Set(rows.map(row => folded(row[column]))), new Set(['']));
}

function without(all: Set<string>, those: ReadonlySet<string>): Set<string> {
  return new Set([...all].filter(one => !those.has(one)));
}

/** What others wrote after the last thing that the run itself did: no look of the run need have seen it. */
export function laterThan(
  tied: Tied,
  run: Told,
): (system: SystemName, table: string, key: string) => boolean {
  const mark = lastEffect(tied, run);
  const at = mark?.at ?? run.audit[0]?.at ?? new Date(0);
  const ours = new Set(tied.effects.filter(one => one.run === run).map(one => one.event));
  const later = new Set(
    tied.events
      .filter(event => !ours.has(event) && (event.at > at || event.txid === mark?.txid))
      .map(event => nameOf(event)),
  );
  return (system, table, key) => later.has(`${system}.${table} ${key}`);
}

export function lastEffect({ effects }: Tied, run: Told): Event | null {
  const mine = effects.filter(one => one.run === run).map(one => one.event);
  return mine.reduce<Event | null>((last, one) => (last && last.at >= one.at ? last : one), null);
}
