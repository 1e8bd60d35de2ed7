/**
 * What `check` warns of: people whom no rule can find, owners who are nearly somebody, and comparisons that a
 * large table has no index for. Nothing here keeps a catalog from being used.
 */

import type { KeyPath } from '../catalog/loaded.js';
import type { Problem } from '../connector.js';
import { andWhen, type BoundCategory, type BoundPeople } from './binding.js';
import { quote, quoteTable } from './names.js';
import { looselyOwned, missingFolds, ownersOf } from './near.js';
import { knownSql } from './people.js';
import { doubtsAbout } from './server.js';
import type { Transaction } from './session.js';
import type { BoundCatalog, Target } from './target.js';

/** Below this many rows PostgreSQL reads a table faster than anybody could notice. */
const LARGE = 50_000;

export async function doubts(target: Target, signal?: AbortSignal): Promise<Problem[]> {
  const binding = await target.binding(true, signal);
  return target.session.transaction({ mode: 'read', doing: 'looking for doubts', signal }, async tx => {
    const said = [
      ...doubtsAbout(tx, target.catalog),
      ...(await tooFewConnections(tx)),
      ...(await unfindable(target, tx, binding.people())),
      ...(await nearlyOwned(tx, binding)),
      ...(await withoutIndex(tx, binding)),
      ...uniqueByWord(binding),
    ];
    return said.map(({ path, message }) => ({ where: target.file.where(path), message }));
  });
}

interface Doubt {
  path: KeyPath;
  message: string;
}

/** A worker must find room for all of its connections, beside everybody else's. */
async function tooFewConnections(tx: Transaction): Promise<Doubt[]> {
  const [room] = await tx.query<{ most: number }>(
    `SELECT least(nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1),
                  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int) AS most
       FROM pg_roles AS r, pg_database AS d WHERE r.rolname = current_user AND d.datname = current_database()`,
  );
  if (!room || tx.connections <= room.most) return [];
  const message = `a worker opens up to ${tx.connections} connections there, and only ${room.most} are let in (max_connections, or the limit of our role or of the database): lower connections.systems in the configuration, or raise the limit`;
  return [{ path: ['system'], message }];
}

/** Active people with no value in any rule, and values that several people have. */
async function unfindable({ catalog }: Target, tx: Transaction, people: BoundPeople): Promise<Doubt[]> {
  const path = ['people', 'match'];
  const blank = `btrim(ho_each ->> 'value', E' \\t\\r\\n\\u00a0') = ''`;
  const valued = `SELECT ho_each ->> 'by' AS by, lower(btrim(ho_each ->> 'value')) AS value
                    FROM json_array_elements(${knownSql(people)}) AS ho_each WHERE NOT ${blank}`;
  const from = `${people.from} WHERE (${catalog.people.active})${andWhen(catalog.people.when)}`;
  const [unknown] = await tx.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM ${from} AND NOT EXISTS (${valued})`,
  );
  const shared = await tx.query<{ by: string; count: number; people: number }>(
    `SELECT ho_all.by, count(*)::int AS count, sum(ho_all.n)::int AS people FROM (
       SELECT ho_value.by, ho_value.value, count(*) AS n
         FROM ${people.from} CROSS JOIN LATERAL (${valued}) AS ho_value
        WHERE (${catalog.people.active})${andWhen(catalog.people.when)} AND ho_value.by <> 'number'
        GROUP BY 1, 2 HAVING count(*) > 1) AS ho_all GROUP BY 1 ORDER BY 1`,
  );
  const rulesById = people.match.some(({ by }) => by === 'id');
  return [
    ...(unknown!.count > 0 && !rulesById
      ? [
          {
            path,
            message: `${unknown!.count} active people have no value in any of these columns: no rule can recognise them`,
          },
        ]
      : []),
    ...shared.map(({ by, count, people: n }) => ({
      path,
      message: `${n} active people share ${count === 1 ? `one ${by}` : `${count} values of ${by}`}: such a value identifies nobody`,
    })),
  ];
}

/** Owners who are nobody to the letter, and somebody when they are compared more loosely. */
async function nearlyOwned(tx: Transaction, binding: BoundCatalog): Promise<Doubt[]> {
  const found: Doubt[] = [];
  for (const c of looselyOwned(binding)) {
    const values = identityValues(binding, c);
    const missing = missingFolds(c);
    if (!values || (c.table.rows > LARGE && !c.table.leads.includes(c.owner.name))) continue;
    const exactly = binding.binder.folding(c.folds);
    const loosely = binding.binder.folding([...c.folds, ...missing]);
    const [row] = await tx.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM (${ownersOf(c)}) AS ho_one(owner)
        WHERE NOT EXISTS (SELECT FROM (${values}) AS ho_id(value) WHERE ${exactly('ho_id.value')} = ${exactly('ho_one.owner')})
          AND EXISTS (SELECT FROM (${values}) AS ho_id(value) WHERE ${loosely('ho_id.value')} = ${loosely('ho_one.owner')})`,
    );
    if (row!.count > 0)
      found.push({
        path: ['categories', c.name, 'owner'],
        message: `${row!.count} owners in ${c.table.name}.${c.owner.name} are nobody to the letter, and somebody but for ${missing.join(', ')}: say with fold what the application does not care about`,
      });
  }
  return found;
}

function identityValues(binding: BoundCatalog, c: BoundCategory): string | null {
  const people = binding.people();
  const name = c.spec.owner.identity;
  if (name === 'user') return `SELECT ${people.alias}.${quote(people.key.name)}::text FROM ${people.from}`;
  const identity = binding.identities().find(one => one.name === name);
  if (!identity) return null;
  return 'table' in identity
    ? `SELECT ${identity.alias}.${quote(identity.key.name)}::text FROM ${quoteTable(identity.table)} AS ${identity.alias}`
    : `SELECT ${identity.value}::text FROM ${people.from}`;
}

/** What only the application keeps apart: a merge then locks the whole table for as long as a batch takes. */
function uniqueByWord(binding: BoundCatalog): Doubt[] {
  return Object.keys(binding.binder.catalog.categories).flatMap(name => {
    const c = binding.fitting(name);
    if (!c?.exclusive.some(({ byWord }) => byWord)) return [];
    const columns = [c.spec.owner.column, ...(c.spec.unique ?? [])].join(', ');
    const message = `${c.table.name} has no unique index over ${columns}: your word counts, and others wait while a batch that moves such rows holds the table`;
    return [{ path: ['categories', name, 'unique'], message }];
  });
}

/** Comparisons with a fold over large tables: asked of PostgreSQL itself, with its other ways forbidden. */
async function withoutIndex(tx: Transaction, binding: BoundCatalog): Promise<Doubt[]> {
  const { binder } = binding;
  const people = binding.people();
  const compared: { path: KeyPath; table: string; alias: string; rows: number; text: string }[] = [];
  for (const [i, m] of people.match.entries()) {
    const name = m.table ?? people.table.name;
    const rows = binder.schema.tables.get(name)?.rows ?? 0;
    compared.push({
      path: ['people', 'match', i],
      table: name,
      alias: m.alias,
      rows,
      text: m.fold(`${quote(m.column.name)}::text`),
    });
  }
  for (const name of Object.keys(binder.catalog.categories)) {
    const c = binding.fitting(name);
    if (c?.fold)
      compared.push({
        path: ['categories', name, 'owner'],
        table: c.table.name,
        alias: c.alias,
        rows: c.table.rows,
        text: c.fold(`${quote(c.owner.name)}::text`),
      });
  }
  const found: Doubt[] = [];
  for (const { path, table, alias, rows, text } of compared) {
    if (rows < LARGE) continue;
    await tx.query('SET LOCAL enable_seqscan = off');
    const [plan] = await tx.query<{ 'QUERY PLAN': unknown }>(
      `EXPLAIN (FORMAT JSON) SELECT FROM ${quoteTable(table)} AS ${alias} WHERE ${text} = 'somebody'`,
    );
    await tx.query('SET LOCAL enable_seqscan = on');
    if (JSON.stringify(plan!['QUERY PLAN']).includes('Index Cond')) continue;
    found.push({
      path,
      message: `${table} has about ${Math.round(rows)} rows and no index for this comparison, so that all of them are read each time: CREATE INDEX CONCURRENTLY ON ${quoteTable(table)} ((${text}))`,
    });
  }
  return found;
}
