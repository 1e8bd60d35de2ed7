/**
 * Schemas that were drawn: tables that refer to each other by keys of every type and rule, partitioned,
 * inherited, deferrable, over domains and generated columns, with triggers; rows in them; and what is done to
 * the leaver's. Pure: the same seed gives the same SQL.
 */
import type { Dice } from '../faults/dice.js';

export type Rule = 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default';

export interface Ref {
  column: string;
  to: number;
  onDelete: Rule;
}

export interface DrawnTable {
  name: string;
  /** How its key is written; `mixed`: equal in upper and lower case. */
  key: 'bigint' | 'text' | 'mixed' | 'domain' | 'uuid';
  refs: Ref[];
  /** What its trigger does when a row goes: it wipes, marks or adds rows of the side table. */
  trigger: 'wipe' | 'mark' | 'add' | null;
}

export interface DrawnRow {
  table: number;
  id: string;
  /** Of items: whose. */
  owner: number | null;
  /** Of items: two with one owner in one place collide, unless one of them is old. */
  place: string | null;
  old: boolean;
  /** Lies in a child that only inherits, which no key refers to. */
  child: boolean;
  refs: (string | null)[];
}

export interface DrawnSchema {
  does: 'remove' | 'merge';
  tables: DrawnTable[];
  rows: DrawnRow[];
  sql: string;
  categories: string;
  words: string;
}

const RULES: Rule[] = ['no action', 'restrict', 'cascade', 'cascade', 'cascade', 'set null', 'set default'];
const TYPE = { bigint: 'bigint', text: 'text', mixed: 'citext', domain: 'code', uuid: 'uuid' } as const;
const ALICE = 1;
const BOB = 2;
const CAROL = 3;
/** The row that `set default` gives: nobody's, and never deleted. */
const NOBODYS = 0;

export function drawSchema(dice: Dice): DrawnSchema {
  const does = dice.chance(0.6) ? 'remove' : 'merge';
  const tables: DrawnTable[] = [];
  const count = dice.whole(2, 5);
  for (let n = 0; n < count; n++) {
    const refs = Array.from({ length: n === 0 ? dice.whole(0, 1) : dice.whole(1, 2) }, (_, r) => {
      const to = n > 0 && dice.chance(0.85) ? dice.whole(0, n - 1) : n;
      const onDelete = dice.pick(RULES);
      return { column: `r${r}`, to, onDelete };
    });
    tables.push({
      name: `t${n}`,
      key: dice.pick(['bigint', 'text', 'mixed', 'domain', 'uuid'] as const),
      refs,
      trigger: n > 0 && dice.chance(0.2) ? dice.pick(['wipe', 'mark', 'add'] as const) : null,
    });
  }
  const shape = tables.map((table, n) => shapeOf(dice, table, n));
  const rows = rowsOf(dice, tables, shape[0]!.child);
  const words = tables
    .map(({ name, key, refs, trigger }, n) => {
      const said = refs.map(({ column, to, onDelete }) => `${column}→t${to} ${onDelete}`).join(', ');
      return `${name}(${key}${shape[n]!.partitioned ? ', parted' : ''}${trigger ? `, ${trigger}` : ''}): ${said}`;
    })
    .join('; ');
  const unique = does === 'merge' ? ', unique: [place]' : '';
  return {
    does,
    tables,
    rows,
    words: `${does}; ${words}`,
    sql: sqlOf(tables, shape, rows),
    categories: `t0: { title: Items, do: ${does === 'merge' ? 'transfer' : 'remove'}, table: app.t0, key: [id], owner: { column: owner }${unique}`,
  };
}

interface Shape {
  partitioned: boolean;
  child: boolean;
  deferrable: boolean[];
  index: string;
}

function shapeOf(dice: Dice, { key, refs }: DrawnTable, n: number): Shape {
  const partitioned = (key === 'bigint' || key === 'text' || key === 'uuid') && n > 0 && dice.chance(0.3);
  return {
    partitioned,
    child: n === 0 && dice.chance(0.3),
    deferrable: refs.map(({ onDelete }) => onDelete !== 'restrict' && dice.chance(0.3)),
    index: dice.pick(['(place, owner)', '(owner, lower(place))', '(place, owner) nulls']),
  };
}

function rowsOf(dice: Dice, tables: readonly DrawnTable[], child: boolean): DrawnRow[] {
  const rows: DrawnRow[] = [];
  const nobodys = (table: number): DrawnRow => ({
    table,
    id: idOf(tables[table]!, NOBODYS),
    owner: table === 0 ? CAROL : null,
    place: null,
    old: false,
    child: false,
    refs: tables[table]!.refs.map(() => null),
  });
  for (const [n, table] of tables.entries()) {
    rows.push(nobodys(n));
    const own: DrawnRow[] = [];
    for (let i = 1; i <= dice.whole(2, 7); i++) {
      const owner = n === 0 ? dice.pick([ALICE, ALICE, BOB, CAROL]) : null;
      // Whoever has a place has it once, but for what is old.
      const place = n === 0 && dice.chance(0.7) ? `p${i % 3}` : null;
      const taken = own.some(one => one.owner === owner && one.place === place && !one.old);
      const row: DrawnRow = {
        table: n,
        id: idOf(table, i),
        owner,
        place,
        old: n === 0 && place !== null && (taken || dice.chance(0.3)),
        child: child && n === 0 && dice.chance(0.3),
        refs: table.refs.map(({ to }) => {
          const there = [...rows, ...own].filter(one => one.table === to && !one.child);
          if (dice.chance(0.2) || there.length === 0) return null;
          const { id } = dice.pick(there);
          return tables[to]!.key === 'mixed' && dice.chance(0.5) ? id.toUpperCase() : id;
        }),
      };
      own.push(row);
    }
    rows.push(...own);
  }
  return rows;
}

function idOf({ name, key }: DrawnTable, n: number): string {
  if (key === 'bigint') return String(n);
  if (key === 'uuid') return `00000000-0000-0000-0000-00000000000${n}`;
  return `${name}_${n}`;
}

const text = (value: string | number | null): string => (value === null ? 'null' : `'${value}'`);

function sqlOf(tables: readonly DrawnTable[], shapes: readonly Shape[], rows: readonly DrawnRow[]): string {
  const made = tables.map(({ name, key, refs }, n) => {
    const { partitioned, child, index } = shapes[n]!;
    const columns = [
      `id ${TYPE[key]} not null`,
      ...(n === 0
        ? [
            'owner bigint',
            'place text',
            'old boolean not null',
            'shown text generated always as (place || place) stored',
          ]
        : []),
      ...refs.map(
        ({ column, to, onDelete }) =>
          `${column} ${TYPE[tables[to]!.key]}${onDelete === 'set default' ? ` default ${text(idOf(tables[to]!, NOBODYS))}` : ''}`,
      ),
      'primary key (id)',
    ];
    const parts = partitioned
      ? [0, 1].map(
          part =>
            `create table app.${name}_${part} partition of app.${name} for values with (modulus 2, remainder ${part})`,
        )
      : [];
    return [
      `create table app.${name} (${columns.join(', ')})${partitioned ? ' partition by hash (id)' : ''}`,
      ...parts,
      ...(child ? [`create table app.${name}_child (primary key (id)) inherits (app.${name})`] : []),
      ...(n === 0
        ? [
            `create unique index on app.t0 ${index === '(place, owner) nulls' ? '(place, owner)' : index} where not old`,
          ]
        : []),
    ].join(';\n');
  });
  const filled = rows.map(({ table, id, owner, place, old, child, refs }) => {
    const { name, refs: keys } = tables[table]!;
    const columns = ['id', ...(table === 0 ? ['owner', 'place', 'old'] : []), ...keys.map(one => one.column)];
    const values = [
      text(id),
      ...(table === 0 ? [text(owner), text(place), String(old)] : []),
      ...refs.map(text),
    ];
    return `insert into app.${name}${child ? '_child' : ''} (${columns.join(', ')}) values (${values.join(', ')})`;
  });
  const linked = tables.flatMap(({ name, refs }, n) =>
    refs.map(
      ({ column, to, onDelete }, r) =>
        `alter table app.${name} add foreign key (${column}) references app.t${to} (id) on delete ${onDelete}${shapes[n]!.deferrable[r] ? ' deferrable initially deferred' : ''}`,
    ),
  );
  const acts = tables.flatMap(({ name, trigger }) =>
    trigger
      ? [
          `create function app.${name}_act() returns trigger language plpgsql as $$ begin ${ACT[trigger]} return old; end $$`,
          `create trigger act after delete on app.${name} for each row execute function app.${name}_act()`,
        ]
      : [],
  );
  return [
    'drop schema if exists app cascade',
    'create schema app',
    `create domain app.code as text check (value <> '')`,
    'create table app.side (id int generated always as identity primary key, mark int not null)',
    'insert into app.side (mark) select 0 from generate_series(1, 40)',
    ...made,
    ...filled,
    ...linked,
    ...acts,
  ]
    .join(';\n')
    .replaceAll(' citext', ' public.citext')
    .replaceAll(' code', ' app.code');
}

const ACT = {
  wipe: 'delete from app.side where id = (select min(id) from app.side);',
  mark: 'update app.side set mark = mark + 1 where id = (select max(id) from app.side);',
  add: 'insert into app.side (mark) values (1);',
};
