/**
 * What is true in a drawn schema, by a model that shares no code with the engine and asks no database: which
 * rows go, change or stand in the way when the leaver's items are removed, or merged with what Bob has.
 */
import type { DrawnRow, DrawnSchema } from './draw.js';

const ALICE = 1;
const BOB = 2;

export interface Outcome {
  /** The items that the work names: those that go, and those that get another owner. */
  removed: DrawnRow[];
  moved: DrawnRow[];
  /** Rows that go along, rows that lose a reference and stay, and how many stand in the way; by table. */
  deleted: Record<string, number>;
  changed: Record<string, number>;
  refused: Record<string, number>;
  /** Rows that are in the way of one item and go with another: which comes first is PostgreSQL's to say. */
  undecided: boolean;
  /** References that are set: a row may lose two. */
  written: Record<string, number>;
  /** What the triggers do to the side table. */
  wiped: number;
  marked: number;
  /** Every row as it is afterwards, where nothing stood in the way. */
  left: string[];
}

export function outcomeOf(drawn: DrawnSchema): Outcome {
  const { does, tables, rows } = drawn;
  const mine = rows.filter(row => row.owner === ALICE);
  const his = rows.filter(row => row.owner === BOB);
  const collides = (row: DrawnRow): boolean =>
    !row.old &&
    row.place !== null &&
    // An index of a table knows nothing of rows that lie in a child.
    his.some(other => !other.old && other.place === row.place && other.child === row.child && !row.child);
  const removed = does === 'remove' ? mine : mine.filter(collides);
  const gone = new Set<DrawnRow>(removed);
  const sets = new Map<DrawnRow, Map<number, string | null>>();
  const blocked = new Set<DrawnRow>();
  const same = (a: string | null, b: string, key: string): boolean =>
    a !== null && (key === 'mixed' ? a.toLowerCase() === b.toLowerCase() : a === b);
  const queue = [...removed];
  for (let row = queue.shift(); row; row = queue.shift()) {
    if (row.child) continue;
    for (const [n, table] of tables.entries())
      for (const [r, ref] of table.refs.entries()) {
        if (ref.to !== row.table) continue;
        const referring = rows.filter(
          one => one.table === n && !one.child && same(one.refs[r]!, row!.id, tables[row!.table]!.key),
        );
        for (const one of referring) {
          if (ref.onDelete === 'cascade') {
            if (gone.has(one)) continue;
            gone.add(one);
            queue.push(one);
          } else if (ref.onDelete === 'set null' || ref.onDelete === 'set default') {
            const value = ref.onDelete === 'set null' ? null : rows.find(other => other.table === ref.to)!.id;
            sets.set(one, (sets.get(one) ?? new Map()).set(r, value));
          } else blocked.add(one);
        }
      }
  }
  const along = [...gone].filter(row => !removed.includes(row));
  const stays = (row: DrawnRow): boolean => !gone.has(row);
  const changed = [...sets.keys()].filter(stays);
  const acts = (kind: string): number => [...gone].filter(row => tables[row.table]!.trigger === kind).length;
  const moved = does === 'merge' ? mine.filter(stays) : [];
  return {
    removed,
    moved,
    deleted: counts(along),
    changed: counts(changed),
    refused: counts([...blocked].filter(stays)),
    undecided: [...blocked].some(row => gone.has(row)),
    written: counts([...sets].flatMap(([row, columns]) => [...columns].map(() => row))),
    wiped: acts('wipe'),
    marked: acts('mark'),
    left: rows
      .filter(stays)
      .map(row => {
        const refs = row.refs.map((value, r) => (sets.get(row)?.has(r) ? sets.get(row)!.get(r)! : value));
        return said({ ...row, owner: moved.includes(row) ? BOB : row.owner, refs });
      })
      .sort(),
  };
}

export function said({ table, id, owner, refs }: Pick<DrawnRow, 'table' | 'id' | 'owner' | 'refs'>): string {
  return [`t${table}`, id, owner ?? '-', ...refs.map(one => one ?? '-')].join(' ');
}

function counts(rows: readonly DrawnRow[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { table } of rows) found[`app.t${table}`] = (found[`app.t${table}`] ?? 0) + 1;
  return found;
}
