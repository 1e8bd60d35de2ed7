/**
 * The catalog bound to the live schema: for every name its table or column as found, or a problem that says
 * where it is written, what is missing and what exists. Statements are built from bound parts only.
 */

import { AS_PEOPLE_WRITE, type Fold } from '../../domain/fold.js';
import { own } from '../../domain/own.js';
import { type Computed, linkFields } from '../catalog/head.js';
import type { CatalogFile, KeyPath } from '../catalog/loaded.js';
import { didYouMean } from '../catalog/nearest.js';
import type { Problem } from '../connector.js';
import type { Catalog, CategorySpec } from './catalog.js';
import { exclusiveByWord, exclusivesOf } from './collide.js';
import { foldSql } from './fold.js';
import { type BoundInside, boundInside, holdsSql, ownerInside } from './inside.js';
import { type KeyShape, keyShape } from './keys.js';
import type { Exclusive, LiveColumn, LiveSchema, LiveTable } from './live.js';
import { aliasOf, type Placeholders, quote, quoteTable, splitTable, successorBeside } from './names.js';

/** A value of `touch` or `set`: `$now`, `$null`, or bound as it stands. */
export interface SetColumn {
  column: LiveColumn;
  value: string | number | boolean;
}

/** Rows of another table that belong to a row of the category. */
export interface BoundLink {
  table: LiveTable;
  /** Column there → column of the category's table. */
  join: [there: LiveColumn, here: LiveColumn][];
  /** Both tables under their bare names. */
  when: string | undefined;
}

export interface BoundMirror extends BoundLink {
  owner: LiveColumn;
  /** Columns that may stand beside an owner only once. */
  unique: LiveColumn[] | null;
  image: LiveColumn[];
}

export interface BoundAlong extends BoundLink {
  image: LiveColumn[];
  secret: string[];
}

/** A part of a row as SQL; `column` where it is one. */
export interface BoundField {
  sql: string;
  column: LiveColumn | null;
}

export interface BoundCategory {
  name: string;
  spec: CategorySpec;
  table: LiveTable;
  /** `"public"."tasks" AS "tasks"` */
  from: string;
  alias: string;
  key: KeyShape;
  owner: LiveColumn;
  /** Where the owner stands inside a column: `owner` is then one of them, as if it stood alone. */
  inside: BoundInside | null;
  /** What is not cared about when owners are compared, and that as SQL; null where the column's `=` says it. */
  folds: readonly Fold[];
  fold: ((text: string) => string) | null;
  /** Further columns, where the catalog names them. */
  label: BoundField | null;
  firesAt: LiveColumn | null;
  version: LiveColumn | null;
  attributes: [name: string, field: BoundField][];
  link: LiveColumn[];
  touch: SetColumn[];
  set: SetColumn[] | null;
  mirrors: BoundMirror[];
  /** Who can own such a row besides people. */
  groups: { table: LiveTable; key: LiveColumn; name: LiveColumn } | null;
  /** What is deleted together with a row. */
  with: BoundAlong[];
  unique: LiveColumn[] | null;
  /** What `unique` stands for: indexes that do not allow two such rows. */
  exclusive: Exclusive[];
  /** What outlives a merge: of a column, its values, the strongest first. */
  survives: [column: LiveColumn, values: string[]][];
  /** Columns of a before-image: all but secret and generated ones. */
  image: LiveColumn[];
}

export interface BoundPeople {
  table: LiveTable;
  from: string;
  alias: string;
  key: LiveColumn;
  name: LiveColumn;
  email:
    | { column: LiveColumn }
    | { table: string; alias: string; column: LiveColumn; person: LiveColumn; when: string | undefined }
    | null;
  match: {
    by: 'email' | 'login' | 'id' | 'number';
    fold: (text: string) => string;
    column: LiveColumn;
    table: string | null;
    alias: string;
    person: LiveColumn | null;
    when: string | undefined;
  }[];
  manager: LiveColumn | null;
  team: LiveColumn | null;
  human: LiveColumn | null;
}

export type BoundIdentity = {
  folds: readonly Fold[];
  fold: (text: string) => string;
  /** Which of the directory's values of a person it holds; null where the catalog does not tell. */
  kind: 'email' | 'login' | 'number' | null;
} /** A value of the person's own row, as SQL over it. */ & (
  | { name: string; value: string }
  | {
      name: string;
      table: string;
      alias: string;
      key: LiveColumn;
      person: LiveColumn;
      when: string | undefined;
      /** True for the row whose value is written, of several; undefined = nobody says. */
      current: string | undefined;
    }
);

/** Looks names up and collects what is wrong, each under the part of the catalog that it spoils. */
export class Binder {
  readonly problems: (Problem & { path: KeyPath })[] = [];

  constructor(
    readonly catalog: Catalog,
    readonly file: CatalogFile,
    readonly schema: LiveSchema,
  ) {}

  report(path: KeyPath, message: string): void {
    this.problems.push({ path, where: this.file.where(path), message });
  }

  table(name: string, path: KeyPath): LiveTable | null {
    const table = this.schema.tables.get(name);
    if (table) return table;
    const { schema } = splitTable(name);
    const says = this.schema.schemas.has(schema)
      ? `there is no table ${name}${didYouMean(name, this.schema.known)}`
      : `there is no schema ${schema}${didYouMean(schema, this.schema.schemas)}`;
    this.report(path, `${says} in the database of ${this.catalog.system}`);
    return null;
  }

  column(table: LiveTable | null, name: string, path: KeyPath): LiveColumn | null {
    if (!table) return null;
    const column = table.columns.get(name);
    if (column) return column;
    const names = [...table.columns.keys()];
    const listed = names.length > 25 ? `${names.slice(0, 25).join(', ')}, ...` : names.join(', ');
    this.report(
      path,
      `${table.name} has no column ${name}${didYouMean(name, names)}; its columns are ${listed}`,
    );
    return null;
  }

  maybe(table: LiveTable | null, name: string | undefined, path: KeyPath): LiveColumn | null {
    return name === undefined ? null : this.column(table, name, path);
  }

  #field(table: LiveTable | null, field: string | Computed, path: KeyPath): BoundField | null {
    if (typeof field !== 'string') return { sql: `(${field.value})`, column: null };
    const column = this.column(table, field, path);
    return column && table && { sql: `${aliasOf(table.name)}.${quote(column.name)}`, column };
  }

  /** Null when something the category cannot do without is missing; the problems say what. */
  category(name: string): BoundCategory | null {
    const spec = own(this.catalog.categories, name);
    if (!spec) return null;
    const before = this.problems.length;
    const at = (...keys: (string | number)[]): KeyPath => ['categories', name, ...keys];
    const table = this.table(spec.table, at('table'));
    const keyColumns = spec.key.map((column, i) => this.column(table, column, at('key', i)));
    const column = this.column(table, spec.owner.column, at('owner', 'column'));
    const rest = {
      label: spec.label === undefined ? null : this.#field(table, spec.label, at('label')),
      firesAt: this.maybe(table, spec.fires_at, at('fires_at')),
      version: this.maybe(table, spec.version, at('version')),
      attributes: Object.entries(spec.attributes).map(
        ([a, field]) => [a, this.#field(table, field, at('attributes', a))] as const,
      ),
      link: linkFields(spec.link).map(c => this.column(table, c, at('link'))),
      touch: this.#assignments(table, spec.touch, at('touch')),
      set: spec.set ? this.#assignments(table, spec.set, at('set')) : null,
      survives: Object.entries(spec.survives).map(
        ([name, ranks]) => [this.column(table, name, at('survives', name)), ranks.map(String)] as const,
      ),
      unique: spec.unique?.map((c, i) => this.column(table, c, at('unique', i))) ?? null,
      mirrors: spec.mirrors.map((mirror, i) => {
        const link = this.#link(table, mirror, at('mirrors', i));
        return {
          ...link,
          owner: this.column(link.table, mirror.owner, at('mirrors', i, 'owner')),
          unique:
            mirror.unique?.map((c, n) => this.column(link.table, c, at('mirrors', i, 'unique', n))) ?? null,
        };
      }),
      groups: spec.groups ? this.#groups(spec.groups, at('groups')) : null,
      with: spec.with.map((along, i) => {
        for (const [n, secret] of along.secret.entries())
          this.column(this.schema.tables.get(along.table) ?? null, secret, at('with', i, 'secret', n));
        return { ...this.#link(table, along, at('with', i), along.secret), secret: along.secret };
      }),
    };
    for (const [i, secret] of spec.secret.entries()) this.column(table, secret, at('secret', i));
    if (this.problems.length > before || !table || !column) return null;
    // No problem was reported: every column above was found.
    const inside = spec.owner.inside === undefined ? null : boundInside(spec.owner.inside, column);
    const owner = inside ? ownerInside(inside) : column;
    return {
      name,
      spec,
      table,
      from: `${quoteTable(table.name)} AS ${aliasOf(table.name)}`,
      alias: aliasOf(table.name),
      key: keyShape(keyColumns as LiveColumn[], spec.secret),
      owner,
      inside,
      ...this.#foldOfOwner(spec, owner),
      ...(rest as Pick<
        BoundCategory,
        'label' | 'firesAt' | 'version' | 'link' | 'touch' | 'set' | 'unique' | 'mirrors' | 'with' | 'groups'
      > & {
        attributes: [string, BoundField][];
        survives: [LiveColumn, string[]][];
      }),
      exclusive: spec.unique ? keptApart(table, column, spec.unique) : [],
      image: inside ? [column] : imageColumns(table, spec.secret),
    };
  }

  #groups(spec: NonNullable<CategorySpec['groups']>, at: KeyPath) {
    const table = this.table(spec.table, [...at, 'table']);
    return {
      table,
      key: this.column(table, spec.key, [...at, 'key']),
      name: this.column(table, spec.name, [...at, 'name']),
    };
  }

  #link(
    table: LiveTable | null,
    link: { table: string; join: Record<string, string>; when?: string | undefined },
    at: KeyPath,
    secret: readonly string[] = [],
  ) {
    const other = this.table(link.table, [...at, 'table']);
    return {
      table: other,
      join: Object.entries(link.join).map(([there, here]) => {
        const path = [...at, 'join', there];
        return [this.column(other, there, path), this.column(table, here, path)] as const;
      }),
      when: link.when,
      image: imageColumns(other, secret),
    };
  }

  people(): BoundPeople | null {
    const { people: spec } = this.catalog;
    const before = this.problems.length;
    const table = this.table(spec.table, ['people', 'table']);
    const bound = {
      key: this.column(table, spec.key, ['people', 'key']),
      name: this.column(table, spec.name, ['people', 'name']),
      email: this.#email(table),
      match: spec.match.map((m, i) => {
        const at = (key: string): KeyPath => ['people', 'match', i, key];
        const other = m.table ? this.table(m.table, at('table')) : table;
        return {
          by: m.by,
          fold: this.folding(m.fold),
          column: this.column(other, m.column, at('column')),
          table: m.table ?? null,
          alias: aliasOf(m.table ?? spec.table),
          person: m.table ? this.maybe(other, m.person, at('person')) : null,
          when: m.when,
        };
      }),
      manager: this.maybe(table, spec.manager, ['people', 'manager']),
      team: this.maybe(table, spec.team, ['people', 'team']),
      human: this.maybe(table, spec.human, ['people', 'human']),
    };
    if (this.problems.length > before || !table) return null;
    return {
      table,
      from: `${quoteTable(table.name)} AS ${aliasOf(table.name)}`,
      alias: aliasOf(table.name),
      ...bound,
    } as BoundPeople;
  }

  #email(table: LiveTable | null): unknown {
    const spec = this.catalog.people.email;
    if (spec === undefined) return null;
    if (typeof spec === 'string') return { column: this.column(table, spec, ['people', 'email']) };
    const at = (key: string): KeyPath => ['people', 'email', key];
    const other = this.table(spec.table, at('table'));
    return {
      table: spec.table,
      alias: aliasOf(spec.table),
      column: this.column(other, spec.column, at('column')),
      person: this.column(other, spec.person, at('person')),
      when: spec.when,
    };
  }

  identities(): BoundIdentity[] {
    const people = this.schema.tables.get(this.catalog.people.table) ?? null;
    return Object.entries(this.catalog.identities).flatMap(([name, spec]): BoundIdentity[] => {
      const at = (key: string): KeyPath => ['identities', name, key];
      const folds = foldsOf(this.catalog, name);
      const common = { name, folds, fold: this.folding(folds), kind: kindOf(this.catalog, name, spec) };
      if ('value' in spec) return [{ ...common, value: `(${spec.value})` }];
      if ('column' in spec) {
        const column = this.column(people, spec.column, at('column'));
        const value = `${aliasOf(this.catalog.people.table)}.${quote(spec.column)}`;
        return column ? [{ ...common, value }] : [];
      }
      const table = this.table(spec.table, at('table'));
      const key = this.column(table, spec.key, at('key'));
      const person = this.column(table, spec.person, at('person'));
      return key && person
        ? [
            {
              ...common,
              table: spec.table,
              alias: aliasOf(spec.table),
              key,
              person,
              when: spec.when,
              current: spec.current,
            },
          ]
        : [];
    });
  }

  /** A fold as this database writes it. */
  folding(folds: readonly Fold[]): (text: string) => string {
    return text => foldSql(text, folds, this.schema.letters);
  }

  /** Numbers, uuids and the like have one form only: the column's type has folded them already. */
  #foldOfOwner({ owner: spec }: CategorySpec, owner: LiveColumn): Pick<BoundCategory, 'folds' | 'fold'> {
    const folds = owner.kind === 'text' ? (spec.fold ?? foldsOf(this.catalog, spec.identity)) : [];
    return { folds, fold: folds.length > 0 ? this.folding(folds) : null };
  }

  /** The type that values of an identity have, as far as it could be bound. */
  identityColumn(name: string): LiveColumn | null {
    const people = this.schema.tables.get(this.catalog.people.table);
    if (name === 'user') return people?.columns.get(this.catalog.people.key) ?? null;
    const spec = own(this.catalog.identities, name);
    if (!spec || 'value' in spec) return null;
    return 'column' in spec
      ? (people?.columns.get(spec.column) ?? null)
      : (this.schema.tables.get(spec.table)?.columns.get(spec.key) ?? null);
  }

  assignments(
    table: LiveTable | null,
    values: Record<string, string | number | boolean>,
    path: KeyPath,
  ): SetColumn[] {
    return this.#assignments(table, values, path);
  }

  #assignments(
    table: LiveTable | null,
    values: Record<string, string | number | boolean>,
    path: KeyPath,
  ): SetColumn[] {
    return Object.entries(values).flatMap(([name, value]) => {
      const column = this.column(table, name, [...path, name]);
      return column ? [{ column, value }] : [];
    });
  }
}

/** How values of an identity are compared: e-mail addresses as people write them, unless the catalog says. */
export function foldsOf(catalog: Catalog, identity: string): readonly Fold[] {
  const spec = own(catalog.identities, identity);
  if (!spec) return [];
  return spec.fold ?? (kindOf(catalog, identity, spec) === 'email' ? AS_PEOPLE_WRITE : []);
}

/** What an identity's column is by the rules that recognise people, or by its name. */
function kindOf(
  { people }: Catalog,
  name: string,
  spec: Catalog['identities'][string],
): 'email' | 'login' | 'number' | null {
  const table = 'table' in spec ? spec.table : people.table;
  const column = 'table' in spec ? spec.key : 'column' in spec ? spec.column : null;
  const { email, human } = people;
  const said = typeof email === 'string' ? { table: people.table, column: email } : email;
  const known = [
    ...(said ? [{ by: 'email' as const, ...said }] : []),
    ...(typeof human === 'string' ? [{ by: 'number' as const, table: people.table, column: human }] : []),
    ...people.match.flatMap(({ by, ...m }) =>
      by === 'id' ? [] : [{ by, ...m, table: m.table ?? people.table }],
    ),
  ];
  const found = known.find(one => one.table === table && one.column === column);
  return found?.by ?? (/e_?mail/.test(name) ? 'email' : null);
}

/** By the indexes of the table, or where there is none by the application alone. */
function keptApart(table: LiveTable, owner: LiveColumn, named: readonly string[]): Exclusive[] {
  const indexed = exclusivesOf(table, owner.name, named);
  if (indexed.length > 0) return indexed;
  return [
    exclusiveByWord(
      owner,
      named.flatMap(column => table.columns.get(column) ?? []),
    ),
  ];
}

function imageColumns(table: LiveTable | null, secret: readonly string[]): LiveColumn[] {
  return [...(table?.columns.values() ?? [])].filter(c => !c.generated && !secret.includes(c.name));
}

/** May `successor` own the row, as a condition that stands beside the table? Groups are not asked. */
export function successorCondition(c: Pick<BoundCategory, 'spec' | 'groups' | 'alias'>): string | undefined {
  const { successor_must: must, owner } = c.spec;
  if (must === undefined || !c.groups) return must;
  const successor = `${successorBeside(c.alias)}.${quote(owner.identity)}`;
  const isGroup = `EXISTS (SELECT FROM ${quoteTable(c.groups.table.name)} AS ho_group WHERE ho_group.${quote(c.groups.key.name)}::text = ${successor}::text)`;
  return `${isGroup} OR (${must})`;
}

type Owned = Pick<BoundCategory, 'alias' | 'owner' | 'fold' | 'inside'>;

/** An owner column compared with an expression of its own type, as it stands: the compare-and-set. */
export const ownedExactlyBy = (
  { alias, owner, inside }: Pick<Owned, 'alias' | 'owner' | 'inside'>,
  value: string,
): string =>
  inside
    ? holdsSql(inside, alias, `ARRAY[(${value})::text]`, null)
    : `${alias}.${quote(owner.name)} ${owner.equals} ${value}`;

/** Two values of an owner column that are the same to the application. */
export const sameOwner = ({ owner, fold }: Pick<Owned, 'owner' | 'fold'>, one: string, other: string) =>
  fold ? `${fold(`(${one})::text`)} = ${fold(`(${other})::text`)}` : `${one} ${owner.equals} ${other}`;

/** An owner column compared with an expression, as the application compares. */
export const ownedBy = (category: Owned, value: string): string =>
  category.inside
    ? holdsSql(category.inside, category.alias, `ARRAY[(${value})::text]`, category.fold)
    : sameOwner(category, `${category.alias}.${quote(category.owner.name)}`, value);

/** The same for one of several values. One alone is compared as such: PostgreSQL plans that best. */
export const ownedByAny = (category: Owned, owners: readonly string[], bind: Placeholders): string => {
  const { alias, owner, fold, inside } = category;
  if (inside) return holdsSql(inside, alias, bind.add(owners, 'text[]'), fold);
  if (owners.length === 1) return ownedBy(category, bind.add(owners[0], owner.type));
  if (!fold) return ownedExactlyBy(category, `ANY (${bind.add(owners, `${owner.type}[]`)})`);
  const wanted = `ARRAY(SELECT ${fold('ho_owner.value')} FROM unnest(${bind.add(owners, 'text[]')}) AS ho_owner(value))`;
  return `${fold(`${alias}.${quote(owner.name)}::text`)} = ANY (${wanted})`;
};

/**
 * ` AND (condition)` or nothing. The line break ends nothing: comments are refused when the catalog is
 * loaded.
 */
export const andWhen = (condition: string | undefined): string =>
  condition === undefined ? '' : ` AND (${condition})`;
