/**
 * What no schema can say about a PostgreSQL catalog, and no general rule. What needs the live database is in
 * `check()`.
 */
import { own } from '../../domain/own.js';
import { VERBS, type Verb } from '../catalog/head.js';
import { didYouMean } from '../catalog/nearest.js';
import { onlyFor, type Path, type Report } from '../catalog/rules.js';
import type { Catalog, CategorySpec, SwitchSpec } from './catalog.js';
import { mistakeIn } from './conditions.js';
import { splitTable } from './names.js';

export function postgresRules(catalog: Catalog, report: Report): void {
  people(catalog, report);
  for (const [name, spec] of Object.entries(catalog.categories)) category(catalog, name, spec, report);
  switches(catalog, report);
  for (const [name, { switch: around }] of Object.entries(catalog.categories))
    if (around?.when === 'with')
      report(
        ['categories', name, 'switch', 'when'],
        'nothing is handed to a switch in a database: before, or after where only that works',
      );
  for (const { path, condition, scalar } of conditionsOf(catalog)) {
    const mistake = mistakeIn(condition);
    if (mistake) report(path, `the ${scalar ? 'expression' : 'condition'} cannot be used: ${mistake}`);
  }
  for (const { path, table } of tablesOf(catalog)) {
    if (/^(pg_|information_schema\.)/i.test(table))
      report(path, `${table} is a table of the database system itself, which is never touched`);
  }
}

function people(catalog: Catalog, report: Report): void {
  const { people: spec } = catalog;
  for (const [index, match] of spec.match.entries()) {
    const path = ['people', 'match', index];
    if (match.table && !match.person)
      report(path, `the table ${match.table} needs person: the column in it that holds the person's key`);
    if (!match.table && match.person)
      report([...path, 'person'], 'person is the column of a table of its own: table is missing');
  }
  if ('user' in catalog.identities)
    report(['identities', 'user'], 'user is always the key of people.table: choose another name');
  if (typeof spec.email === 'string' && spec.email.includes('.'))
    report(
      ['people', 'email'],
      `${spec.email} was given, a column of ${spec.table} is needed (or table, column and person)`,
    );
}

function category(catalog: Catalog, name: string, spec: CategorySpec, report: Report): void {
  const at = (...keys: Path): Path => ['categories', name, ...keys];
  const identities = ['user', ...Object.keys(catalog.identities)];
  if (!identities.includes(spec.owner.identity)) {
    report(
      at('owner', 'identity'),
      `there is no identity ${spec.owner.identity}${didYouMean(spec.owner.identity, identities)}; known are ${identities.join(', ')}`,
    );
  }
  if (new Set(spec.key).size < spec.key.length) report(at('key'), 'a column is named twice');
  onlyFor(spec, ['transfer'], report, at, {
    successor_must: spec.successor_must,
    unique: spec.unique,
  });
  onlyFor(spec, ['transfer', 'clear'], report, at, { mirrors: spec.mirrors.length > 0 || undefined });
  onlyFor(spec, ['transfer', 'remove', 'revoke', 'clear'], report, at, {
    cascades: spec.cascades.length > 0 || undefined,
  });
  onlyFor(spec, ['transfer'], report, at, { still_runs: spec.still_runs, groups: spec.groups });
  if (spec.still_runs !== undefined && !spec.acts_as)
    report(at('still_runs'), "it is about what acts in the person's name: acts_as: true is missing");
  links(spec, report, at);
  if (spec.owner.inside !== undefined) inside(spec, report, at);
  onlyFor(spec, ['remove', 'revoke', 'clear'], report, at, { set: spec.set });
  if (spec.successor_must_says && !spec.successor_must)
    report(at('successor_must_says'), 'it explains successor_must, which is missing');
  if (spec.set && !spec.when && own(spec.set, spec.owner.column) === undefined) {
    report(
      at('set'),
      `rows stay with the leaver after this set: say with when which rows still count, or set ${spec.owner.column} too`,
    );
  }
  if (Object.keys(spec.survives).length > 0 && !spec.unique)
    report(at('survives'), 'it says what outlives a merge, and without unique nothing is merged');
  for (const column of Object.keys(spec.survives))
    if ([spec.owner.column, ...spec.key, ...(spec.unique ?? [])].includes(column))
      report(at('survives', column), `${column} says which rows are merged: it is the same in both`);
  reserved(spec, report, at);
  secrets(spec, report, at);
}

/** Owners inside a column: the row stays whatever becomes of them, and a text is never written. */
function inside(spec: CategorySpec, report: Report, at: (...keys: Path) => Path): void {
  const isText = typeof spec.owner.inside === 'object' && 'text' in spec.owner.inside;
  const can = isText ? ['acknowledge', 'keep'] : ['transfer', 'clear', 'acknowledge', 'keep'];
  if (!can.includes(spec.do))
    report(
      at('do'),
      `${spec.do} was given; with owners inside ${isText ? 'a text' : 'a column'} allowed are ${can.join(', ')}`,
    );
  const given = { unique: spec.unique, set: spec.set, mirrors: spec.mirrors.length > 0 || undefined };
  for (const [key, value] of Object.entries(given))
    if (value !== undefined) report(at(key), `${key} has no meaning where the owner stands inside a column`);
  if (spec.key.includes(spec.owner.column))
    report(at('owner', 'inside'), `${spec.owner.column} is part of the key, which a change would alter`);
}

/** Rows of other tables that go with a row, or name its owner once more. */
function links(spec: CategorySpec, report: Report, at: (...keys: Path) => Path): void {
  const deletes =
    (spec.do === 'transfer' && spec.unique !== undefined) ||
    ((spec.do === 'remove' || spec.do === 'revoke') && !spec.set);
  if (spec.with.length > 0 && !deletes)
    report(
      at('with'),
      'with is for rows that go together with a deleted one, and no row of this category is deleted: it belongs to remove and revoke without set, and to transfer with unique',
    );
  for (const key of ['mirrors', 'with'] as const)
    for (const [i, link] of spec[key].entries()) {
      if (Object.keys(link.join).length === 0 && link.when === undefined)
        report(at(key, i), 'join or when is missing: which rows there belong to a row here');
      if (link.when !== undefined && bareName(link.table) === bareName(spec.table))
        report(
          at(key, i, 'when'),
          `${link.table} and ${spec.table} have the same bare name, so that a condition cannot tell them apart: say it with join`,
        );
    }
}

const bareName = (table: string): string => splitTable(table).name;

/** Columns that a change writes by itself must not be written by `touch` or `set` as well. */
function reserved(spec: CategorySpec, report: Report, at: (...keys: Path) => Path): void {
  const taken = new Map([
    ...spec.key.map(k => [k, 'the key'] as const),
    ...(spec.version ? [[spec.version, 'the version'] as const] : []),
  ]);
  for (const column of Object.keys(spec.touch)) {
    const what = column === spec.owner.column ? 'the owner' : taken.get(column);
    if (what) report(at('touch', column), `${column} is ${what}, which touch cannot set`);
    else if (spec.set && own(spec.set, column) !== undefined)
      report(at('touch', column), `${column} is in set already`);
  }
  for (const column of Object.keys(spec.set ?? {})) {
    const what = taken.get(column);
    if (what) report(at('set', column), `${column} is ${what}, which set cannot change`);
  }
}

function secrets(spec: CategorySpec, report: Report, at: (...keys: Path) => Path): void {
  const shown: [Path, string][] = [
    // A secret key is all right: items are then named by a digest of it.
    [at('owner', 'column'), spec.owner.column],
  ];
  for (const [path, column] of shown) {
    if (spec.secret.includes(column)) report(path, `${column} is secret and would be shown here`);
  }
  for (const column of Object.keys(spec.survives))
    if (spec.secret.includes(column))
      report(at('survives', column), `${column} is secret, and what outlives a merge is kept for an undo`);
}

function switches(catalog: Catalog, report: Report): void {
  const identities = ['user', ...Object.keys(catalog.identities)];
  for (const [name, spec] of switchesOf(catalog)) {
    const gives = name === 'unblock' || name === 'reactivate';
    const says = [spec.also_set, spec.also_insert, spec.also_delete.filter(({ kept }) => kept)].flat();
    if (Object.keys(spec.set).length === 0 && says.length === 0 && !(gives && spec.restore))
      report([name, 'set'], 'at least one column is needed, or also_set, also_insert, also_delete with kept');
    if (spec.restore && !gives)
      report([name, 'restore'], 'only unblock and reactivate give back: there is nothing to restore here');
    for (const [index, { values, table }] of spec.also_insert.entries())
      if (!Object.values(values).includes('$user'))
        report(
          [name, 'also_insert', index, 'values'],
          `no column of ${table} is $user, so that the row would be about nobody`,
        );
    if (own(spec.set, catalog.people.key) !== undefined)
      report(
        [name, 'set', catalog.people.key],
        `${catalog.people.key} is the key of people, which is never changed`,
      );
    for (const key of ['also_set', 'also_delete'] as const)
      for (const [index, entry] of spec[key].entries()) {
        if (!identities.includes(entry.identity)) {
          report(
            [name, key, index, 'identity'],
            `there is no identity ${entry.identity}${didYouMean(entry.identity, identities)}; known are ${identities.join(', ')}`,
          );
        }
      }
    for (const [index, { set, column }] of spec.also_set.entries())
      if (own(set, column) !== undefined)
        report([name, 'also_set', index, 'set', column], `${column} says whose row it is, and cannot be set`);
  }
  if (catalog.block && catalog.block.by !== 'nobody' && !catalog.people.blocked)
    report(['block'], 'people.blocked is missing: the condition that is true while the block is in place');
}

/** The switches that the database itself carries out. */
export function switchesOf(catalog: Catalog): [Verb, SwitchSpec][] {
  return VERBS.flatMap(name => {
    const spec = catalog[name];
    return spec?.by === 'system' ? [[name, spec] as [Verb, SwitchSpec]] : [];
  });
}

export interface PlacedCondition {
  path: Path;
  condition: string;
  /** The table whose bare name is the alias. */
  table: string;
  /** For `successor_must`: the identity that `successor` has as its column. */
  successor?: { category: string; identity: string };
  /** A second table that it may speak of under its bare name. */
  beside?: string;
  /** Not true or false, but one value. */
  scalar?: true;
}

/** Every condition of a catalog with its place. */
export function conditionsOf(catalog: Catalog): PlacedCondition[] {
  const found: PlacedCondition[] = [];
  const add = (
    path: Path,
    condition: string | undefined,
    table: string,
    successor?: PlacedCondition['successor'],
  ) => {
    if (condition !== undefined)
      found.push(successor ? { path, condition, table, successor } : { path, condition, table });
  };
  const value = (path: Path, condition: string, table: string) =>
    void found.push({ path, condition, table, scalar: true });
  const { people: p, guards } = catalog;
  add(['people', 'when'], p.when, p.table);
  add(['people', 'active'], p.active, p.table);
  add(['people', 'blocked'], p.blocked, p.table);
  add(['people', 'roles', 'operator'], p.roles?.operator, p.table);
  add(['people', 'roles', 'approver'], p.roles?.approver, p.table);
  if (typeof p.email === 'object') add(['people', 'email', 'when'], p.email.when, p.email.table);
  for (const [name, spec] of Object.entries(catalog.identities))
    if ('table' in spec) {
      add(['identities', name, 'when'], spec.when, spec.table);
      add(['identities', name, 'current'], spec.current, spec.table);
    } else if ('value' in spec) value(['identities', name, 'value'], spec.value, p.table);
  for (const [i, match] of p.match.entries())
    add(['people', 'match', i, 'when'], match.when, match.table ?? p.table);
  add(['guards', 'last_owner'], guards.last_owner, p.table);
  add(['guards', 'protected'], guards.protected, p.table);
  for (const [name, spec] of Object.entries(catalog.categories)) {
    add(['categories', name, 'when'], spec.when, spec.table);
    add(['categories', name, 'still_runs'], spec.still_runs, spec.table);
    if (spec.groups) add(['categories', name, 'groups', 'when'], spec.groups.when, spec.groups.table);
    const shown = Object.entries(spec.attributes).map(
      ([key, field]) => [['attributes', key], field] as const,
    );
    for (const [path, field] of [[['label'], spec.label] as const, ...shown])
      if (typeof field === 'object') value(['categories', name, ...path, 'value'], field.value, spec.table);
    for (const key of ['mirrors', 'with'] as const)
      for (const [i, { when, table }] of spec[key].entries())
        if (when !== undefined)
          found.push({
            path: ['categories', name, key, i, 'when'],
            condition: when,
            table: spec.table,
            beside: table,
          });
    add(['categories', name, 'successor_must'], spec.successor_must, spec.table, {
      category: name,
      identity: spec.owner.identity,
    });
  }
  for (const [name, spec] of switchesOf(catalog)) {
    add([name, 'verify'], spec.verify, p.table);
    for (const key of ['also_set', 'also_delete'] as const)
      for (const [i, { when, table }] of spec[key].entries()) add([name, key, i, 'when'], when, table);
  }
  return found;
}

/** Every table of a catalog with its place; one table may be named in several places. */
export function tablesOf(catalog: Catalog): { path: Path; table: string }[] {
  const found: { path: Path; table: string }[] = [{ path: ['people', 'table'], table: catalog.people.table }];
  if (typeof catalog.people.email === 'object')
    found.push({ path: ['people', 'email', 'table'], table: catalog.people.email.table });
  for (const [i, match] of catalog.people.match.entries())
    if (match.table) found.push({ path: ['people', 'match', i, 'table'], table: match.table });
  for (const [name, spec] of Object.entries(catalog.identities))
    if ('table' in spec) found.push({ path: ['identities', name, 'table'], table: spec.table });
  for (const [name, spec] of Object.entries(catalog.categories)) {
    found.push({ path: ['categories', name, 'table'], table: spec.table });
    if (spec.groups) found.push({ path: ['categories', name, 'groups', 'table'], table: spec.groups.table });
    for (const key of ['mirrors', 'with', 'cascades'] as const)
      for (const [i, { table }] of spec[key].entries())
        found.push({ path: ['categories', name, key, i, 'table'], table });
  }
  for (const [name, spec] of switchesOf(catalog)) {
    for (const key of ['also_set', 'also_insert', 'also_delete', 'cascades'] as const)
      for (const [i, entry] of spec[key].entries())
        found.push({ path: [name, key, i, 'table'], table: entry.table });
  }
  for (const [i, entry] of catalog.acknowledged.entries())
    found.push({ path: ['acknowledged', i, 'table'], table: entry.table });
  return found;
}
