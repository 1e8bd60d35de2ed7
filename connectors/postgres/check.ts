/**
 * Everything the live system says against the catalog, all of it at once: names, types, keys that identify
 * nothing, conditions, rights that are missing. Run by `handover check` and before a plan is made; an empty
 * list means that the catalog can be used.
 */
import { HandoverFailure } from '../../domain/failure.js';
import type { KeyPath } from '../catalog/loaded.js';
import type { Problem } from '../connector.js';
import { hangsOnRow } from './alongside.js';
import { applySettings } from './application-settings.js';
import type { Binder, BoundAlong, BoundCategory, BoundMirror, BoundPeople } from './binding.js';
import type { CategorySpec } from './catalog.js';
import { checkCondition } from './conditions.js';
import { toFailure } from './failures.js';
import { closedSequences, grant, grantSchema, grantSequence } from './grants.js';
import type { BoundInside } from './inside.js';
import type { LiveColumn, LiveTable } from './live.js';
import { aliasOf, quote, quoteTable, splitTable, successorBeside } from './names.js';
import { conditionsOf, switchesOf } from './rules.js';
import { objectionsTo } from './server.js';
import type { Transaction } from './session.js';
import type { Target } from './target.js';
import { checkTriggers } from './triggers.js';
import { checkValues } from './values.js';

export async function check(target: Target, signal?: AbortSignal): Promise<Problem[]> {
  const { binder } = await target.binding(true, signal);
  binder.problems.length = 0;
  const people = binder.people();
  binder.identities();
  if (people) checkPeople(binder, people);
  for (const name of Object.keys(target.catalog.categories)) {
    const category = binder.category(name);
    if (category) checkCategory(binder, category);
  }
  checkSwitches(binder, people);
  for (const [i, entry] of target.catalog.acknowledged.entries()) {
    const table = binder.table(entry.table, ['acknowledged', i, 'table']);
    if (entry.column !== '*') binder.column(table, entry.column, ['acknowledged', i, 'column']);
  }
  await target.session.transaction({ mode: 'glance', doing: 'checking the catalog', signal }, async tx => {
    for (const { path, message } of objectionsTo(tx, target.catalog)) binder.report(path, message);
    await checkConditions(target, tx, binder);
    await checkValues(tx, binder);
    await checkTriggers(tx, binder);
    await checkSequences(tx, binder);
  });
  await checkSettings(target, binder, signal);
  const seen = new Set<string>();
  return binder.problems
    .filter(p => !seen.has(p.where + p.message) && seen.add(p.where + p.message))
    .map(({ where, message }) => ({ where, message }));
}

function checkPeople(binder: Binder, people: BoundPeople): void {
  const { people: spec } = binder.catalog;
  readable(
    binder,
    people.table,
    ['people', 'table'],
    [people.key, people.name, people.manager, people.team, people.human],
  );
  if (people.table.kind === 'table' && !isUnique(people.table, [people.key.name])) {
    binder.report(
      ['people', 'key'],
      `${spec.table}.${spec.key} has no unique index: it does not say who is who`,
    );
  }
  if (!people.key.scalar)
    binder.report(
      ['people', 'key'],
      `${spec.table}.${spec.key} is of type ${people.key.shownType}; a key is a number, a text, a uuid or the like`,
    );
}

function checkCategory(binder: Binder, c: BoundCategory): void {
  const { spec } = c;
  const at = (...keys: (string | number)[]): KeyPath => ['categories', c.name, ...keys];
  const writes = spec.do !== 'keep' && spec.do !== 'acknowledge';
  if (writes) writable(binder, c.table, at('table'));
  else if (c.table.kind === 'foreign table' || c.table.kind === 'other')
    binder.report(at('table'), `${spec.table} is a ${c.table.kind}, which cannot be counted reliably`);
  checkKey(binder, c, at);
  if (spec.still_runs !== undefined && spec.key.includes(spec.owner.column))
    binder.report(
      at('still_runs'),
      `${spec.owner.column} is part of the key: what was handed over has another key and is not found again`,
    );
  checkOwner(binder, c, at);
  for (const [i, entry] of spec.cascades.entries()) binder.table(entry.table, at('cascades', i, 'table'));
  if (c.firesAt && c.firesAt.kind !== 'time')
    binder.report(
      at('fires_at'),
      `${spec.table}.${spec.fires_at} is of type ${c.firesAt.shownType}, a date or time is needed`,
    );
  if (c.version && c.version.kind !== 'integer')
    binder.report(
      at('version'),
      `${spec.table}.${spec.version} is of type ${c.version.shownType}, a whole number is needed`,
    );
  for (const [i, mirror] of c.mirrors.entries()) {
    writable(binder, mirror.table, at('mirrors', i, 'table'));
    readable(binder, mirror.table, at('mirrors', i, 'table'), [
      mirror.owner,
      ...mirror.join.map(([there]) => there),
    ]);
    updatable(binder, mirror.table, at('mirrors', i, 'owner'), [mirror.owner]);
    if (mirror.unique || (c.unique && hangsOnRow(c, mirror))) deletable(binder, mirror, at('mirrors', i));
  }
  for (const [i, along] of c.with.entries()) {
    writable(binder, along.table, at('with', i, 'table'));
    deletable(binder, along, at('with', i));
  }
  const shown = [
    c.owner,
    c.label?.column ?? null,
    c.firesAt,
    c.version,
    ...c.key.columns,
    ...c.attributes.map(([, field]) => field.column),
    ...c.link,
  ];
  readable(binder, c.table, at('table'), shown);
  if (writes) checkRights(binder, c, at);
  if (c.groups) {
    readable(binder, c.groups.table, at('groups', 'table'), [c.groups.key, c.groups.name]);
    if (family(c.groups.key) !== family(c.owner) && family(c.owner) !== 'text')
      binder.report(
        at('groups', 'key'),
        `${c.groups.table.name}.${c.groups.key.name} is of type ${c.groups.key.shownType}, but the owner ${spec.owner.column} of type ${c.owner.shownType}`,
      );
  }
}

function checkKey(binder: Binder, c: BoundCategory, at: (...keys: (string | number)[]) => KeyPath): void {
  const { spec } = c;
  if (c.table.kind === 'table' && !isUnique(c.table, spec.key)) {
    const unique = c.table.unique.filter(u => u.where === null).map(u => u.columns.join(', '));
    const instead = unique.length > 0 ? `; unique there are ${unique.join(' | ')}` : '';
    binder.report(
      at('key'),
      `${spec.table} has no unique index over ${spec.key.join(', ')}: these columns do not name one row${instead}`,
    );
  }
  for (const [i, column] of c.key.columns.entries()) {
    if (!column.scalar)
      binder.report(
        at('key', i),
        `${spec.table}.${column.name} is of type ${column.shownType}; a key is made of numbers, texts, uuids or the like`,
      );
    if (!column.notNull && c.table.kind === 'table')
      binder.report(at('key', i), `${spec.table}.${column.name} may be NULL: such a row has no name`);
  }
}

function checkOwner(binder: Binder, c: BoundCategory, at: (...keys: (string | number)[]) => KeyPath): void {
  const { spec, owner } = c;
  const column = `${spec.table}.${spec.owner.column}`;
  if (c.inside && !holdsOwners(c.inside)) {
    binder.report(
      at('owner', 'inside'),
      `${column} is of type ${owner.shownType}, which ${NEEDED[c.inside.kind]}`,
    );
    return;
  }
  if (!owner.scalar) {
    binder.report(
      at('owner', 'column'),
      `${column} is of type ${owner.shownType}; an owner is one id: a number, a text, a uuid or the like; owners in a list or document are named with inside`,
    );
    return;
  }
  const identity = binder.identityColumn(spec.owner.identity);
  // Texts may hold anything that has a text; otherwise the types must be of one family, or no id would ever
  // fit.
  if (identity && family(identity) !== family(owner) && family(owner) !== 'text') {
    binder.report(
      at('owner', 'column'),
      `${column} is of type ${owner.shownType}, but the identity ${spec.owner.identity} is of type ${identity.shownType}: it must be another identity`,
    );
  }
  if (c.inside) return;
  if (spec.unassigned && owner.notNull)
    binder.report(at('unassigned'), `${column} is NOT NULL: items cannot be left without an owner`);
  if (spec.do === 'clear' && !spec.set && owner.notNull)
    binder.report(
      at('do'),
      `${column} is NOT NULL and cannot be cleared: say with set what is written instead`,
    );
  const whole = owner.kind === 'integer' || owner.kind === 'whole-number';
  for (const [queue, value] of Object.entries(spec.queues)) {
    if (whole && !/^-?\d+$/.test(String(value)))
      binder.report(
        at('queues', queue),
        `${JSON.stringify(value)} was given, but ${column} is of type ${owner.shownType}`,
      );
  }
}

function checkRights(binder: Binder, c: BoundCategory, at: (...keys: (string | number)[]) => KeyPath): void {
  const { spec } = c;
  const deletes = spec.unique !== undefined || ((spec.do === 'remove' || spec.do === 'revoke') && !c.set);
  if (deletes && !c.table.mayDelete)
    binder.report(
      at('table'),
      `our database role lacks DELETE on ${spec.table}: ${grant('DELETE', spec.table, binder.schema.role)}`,
    );
  if (deletes || c.set || spec.do === 'clear')
    readable(
      binder,
      c.table,
      at('secret'),
      c.image,
      'for the before-image (or name the column under secret)',
    );
  if (deletes && spec.do !== 'transfer') return;
  const written = [
    ...(spec.do === 'transfer' || (spec.do === 'clear' && !c.set) ? [c.owner] : []),
    ...(c.set ?? []).map(a => a.column),
    ...c.touch.map(t => t.column),
    ...c.survives.map(([column]) => column),
    c.version,
  ];
  updatable(binder, c.table, at('table'), written);
}

function checkSwitches(binder: Binder, people: BoundPeople | null): void {
  for (const [name, spec] of switchesOf(binder.catalog)) {
    for (const [i, entry] of spec.cascades.entries())
      binder.table(entry.table, [name, 'cascades', i, 'table']);
    if (people) {
      writable(binder, people.table, ['people', 'table']);
      const columns = binder.assignments(people.table, spec.set, [name, 'set']).map(a => a.column);
      updatable(binder, people.table, [name, 'set'], columns);
    }
    for (const [i, entry] of spec.also_set.entries()) {
      const path = [name, 'also_set', i];
      const table = binder.table(entry.table, [...path, 'table']);
      const column = binder.column(table, entry.column, [...path, 'column']);
      const set = binder.assignments(table, entry.set, [...path, 'set']).map(a => a.column);
      if (!table) continue;
      writable(binder, table, [...path, 'table']);
      readable(binder, table, [...path, 'table'], [column, ...set]);
      updatable(binder, table, [...path, 'set'], set);
    }
    for (const [i, entry] of spec.also_insert.entries()) {
      const path = [name, 'also_insert', i];
      const table = binder.table(entry.table, [...path, 'table']);
      const columns = binder.assignments(table, entry.values, [...path, 'values']).map(a => a.column);
      if (!table) continue;
      writable(binder, table, [...path, 'table']);
      readable(binder, table, [...path, 'table'], columns);
      if (!table.mayInsert)
        binder.report(
          [...path, 'table'],
          `our database role lacks INSERT on ${entry.table}: ${grant('INSERT', entry.table, binder.schema.role)}`,
        );
    }
    for (const [i, entry] of spec.also_delete.entries()) {
      const table = binder.table(entry.table, [name, 'also_delete', i, 'table']);
      const column = binder.column(table, entry.column, [name, 'also_delete', i, 'column']);
      if (!table || !column) continue;
      writable(binder, table, [name, 'also_delete', i, 'table']);
      readable(binder, table, [name, 'also_delete', i, 'column'], [column]);
      if (!table.mayDelete)
        binder.report(
          [name, 'also_delete', i, 'table'],
          `our database role lacks DELETE on ${entry.table}: ${grant('DELETE', entry.table, binder.schema.role)}`,
        );
    }
  }
}

/** What a switch inserts is numbered by a sequence, unless the catalog gives the number. */
async function checkSequences(tx: Transaction, binder: Binder): Promise<void> {
  for (const [name, spec] of switchesOf(binder.catalog))
    for (const [i, entry] of spec.also_insert.entries())
      for (const { column, sequence } of await closedSequences(tx, [entry.table])) {
        if (column in entry.values) continue;
        binder.report(
          [name, 'also_insert', i, 'table'],
          `our database role may not use the sequence that numbers the rows of ${entry.table}: ${grantSequence(sequence, binder.schema.role)}`,
        );
      }
}

/** In a transaction of their own: a name that belongs to an extension is refused. */
async function checkSettings(target: Target, binder: Binder, signal?: AbortSignal): Promise<void> {
  try {
    await target.session.transaction({ mode: 'read', doing: 'checking settings', signal }, tx =>
      applySettings(target, tx),
    );
  } catch (error) {
    if (!(error instanceof HandoverFailure) || error.kind !== 'configuration') throw error;
    binder.report(['settings'], error.message);
  }
}

function holdsOwners({ kind, column }: BoundInside): boolean {
  if (kind === 'array') return column.type.endsWith('[]');
  return kind === 'json'
    ? ['json', 'jsonb'].includes(column.type)
    : column.kind === 'text' || isDocument(column);
}

const isDocument = ({ type }: LiveColumn): boolean => ['json', 'jsonb', 'xml', 'hstore'].includes(type);
const NEEDED = {
  array: 'is no array: an array such as bigint[] is needed',
  json: 'is no document: json or jsonb is needed',
  text: 'is no text',
};

async function checkConditions(target: Target, tx: Transaction, binder: Binder): Promise<void> {
  for (const { path, condition, table, successor, scalar, beside: other } of conditionsOf(target.catalog)) {
    // Its table is missing: said already, and nothing can be asked about the condition.
    if (![table, ...(other ? [other] : [])].every(name => binder.schema.tables.has(name))) continue;
    const identity = successor && binder.category(successor.category)?.owner;
    if (successor && !identity) continue;
    const beside = other
      ? ` CROSS JOIN ${quoteTable(other)} AS ${aliasOf(other)}`
      : successor && identity
        ? ` CROSS JOIN (SELECT NULL::${identity.type} AS ${quote(successor.identity)}) AS ${successorBeside(aliasOf(table))}`
        : '';
    try {
      const says = await checkCondition(tx, {
        condition,
        scalar,
        from: `${quoteTable(table)} AS ${aliasOf(table)}${beside}`,
      });
      if (says) binder.report(path, `the ${scalar ? 'expression' : 'condition'} cannot be used: ${says}`);
    } catch (error) {
      throw toFailure(error, target.system, 'checking conditions');
    }
  }
}

/**
 * A table whose rows we write must be one: what is written to a view, or past a rule, is not what happens.
 */
function writable(binder: Binder, table: LiveTable, path: KeyPath): void {
  if (table.kind !== 'table')
    binder.report(
      path,
      `${table.name} is a ${table.kind === 'other' ? 'relation that is no table' : table.kind}: only tables can be written to; name the table behind it`,
    );
  else if (table.rewritten)
    binder.report(
      path,
      `${table.name} has rewrite rules or INSTEAD OF triggers: what is written to it is not what happens`,
    );
  if (table.rowSecurity)
    binder.report(
      path,
      `row-level security of ${table.name} hides rows from our database role, so that nothing read there would be complete: use a role with BYPASSRLS or the owner of the table`,
    );
}

/** Rows of another table that are deleted with those of a category, and kept for an undo. */
function deletable(binder: Binder, { table, image }: BoundAlong | BoundMirror, path: KeyPath): void {
  if (!table.mayDelete)
    binder.report(
      [...path, 'table'],
      `our database role lacks DELETE on ${table.name}: ${grant('DELETE', table.name, binder.schema.role)}`,
    );
  readable(
    binder,
    table,
    [...path, 'table'],
    image,
    'for the before-image (or name the column under secret)',
  );
}

function readable(
  binder: Binder,
  table: LiveTable,
  path: KeyPath,
  columns: (LiveColumn | null)[],
  why = '',
): void {
  if (!table.mayEnter) {
    const { schema } = splitTable(table.name);
    binder.report(
      path,
      `our database role may not use the schema ${schema}: ${grantSchema(schema, binder.schema.role)}`,
    );
  }
  const missing = [...new Set(columns.flatMap(c => (c && !c.maySelect ? [c.name] : [])))];
  if (missing.length === 0) return;
  binder.report(
    path,
    `our database role lacks SELECT on ${missing.join(', ')} of ${table.name}${why ? ` ${why}` : ''}: ${grant('SELECT', table.name, binder.schema.role, missing)}`,
  );
}

function updatable(binder: Binder, table: LiveTable, path: KeyPath, columns: (LiveColumn | null)[]): void {
  const generated = columns.flatMap(c => (c?.generated ? [c.name] : []));
  if (generated.length > 0)
    binder.report(
      path,
      `${generated.join(', ')} of ${table.name} is generated by the database and cannot be set`,
    );
  const missing = [...new Set(columns.flatMap(c => (c && !c.mayUpdate ? [c.name] : [])))];
  if (missing.length === 0) return;
  binder.report(
    path,
    `our database role lacks UPDATE on ${missing.join(', ')} of ${table.name}: ${grant('UPDATE', table.name, binder.schema.role, missing)}`,
  );
}

/** Some unique index without a predicate covers no more than these columns. */
const isUnique = (table: LiveTable, columns: CategorySpec['key']): boolean =>
  table.unique.some(u => u.where === null && u.columns.every(c => columns.includes(c)));

const family = (column: LiveColumn): string =>
  column.kind === 'integer' || column.kind === 'whole-number' || column.type === 'numeric'
    ? 'number'
    : column.kind === 'text'
      ? 'text'
      : column.type;
