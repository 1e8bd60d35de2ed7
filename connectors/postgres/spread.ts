/**
 * How far a change spreads: which rows of which tables foreign keys delete, change or stand up for when some
 * rows are deleted or get other values. One statement counts them all, only by reading.
 *
 * A set of rows is a CTE: those that are asked about, and per table those that go along (`delete`), those that
 * are written (`change`) and those that keep the database from doing it (`refuse`). A table that refers to
 * itself is followed to the end; where several tables refer to each other in a circle, the circle is followed
 * once, and the count says that there may be more.
 */
import type { Does } from '../../domain/consequences.js';
import type { Link, Links } from './links.js';
import { aliasOf, quote, quoteTable } from './names.js';

/**
 * What happens to rows: they go, only from the partition that they lie in, or these columns of theirs get other
 * values.
 */
export type Event =
  | { does: 'delete'; fromPartition?: boolean }
  | { does: 'change'; columns: readonly string[] };

/** Rows that something happens to, named by SQL: `FROM` item with `alias`, and which of them. */
export interface Origin {
  table: string;
  from: string;
  alias: string;
  where: string;
  event: Event;
}

/** Rows of a table that are dealt with by name elsewhere, so that no rule will find them: an SQL condition. */
export type Named = (table: string, columns: readonly string[]) => string | null;

export interface Reached {
  table: string;
  does: Does | 'refuse';
  /** The foreign keys that do it. */
  links: Link[];
  /** Not followed to the end. */
  more: boolean;
  /** Tables whose columns our role may not read, so that nothing can be counted. */
  unreadable: boolean;
}

interface Node {
  table: string;
  does: Does | 'refuse';
  /** Columns that are written. */
  columns: Set<string>;
  /** By which keys, from which rows. */
  by: { link: Link; rows: string[] | null; source: Node | null }[];
  more: boolean;
}

export interface Spread {
  reached: Reached[];
  /** Counts per entry of `reached`, in its order, as `n` and `count`; null where nothing is reached. */
  statement: string | null;
  /** Tables of which rows are deleted or changed, the origin included. */
  touched: { table: string; on: 'delete' | 'update' | 'insert' }[];
}

export function spreadOf(links: Links, origin: Origin, named: Named = () => null): Spread {
  const nodes = follow(links, origin);
  const reached = nodes.map(({ table, does, by, more }) => ({
    table,
    does,
    links: [...new Set(by.map(one => one.link))],
    more,
    unreadable: by.some(one => !one.link.maySelect),
  }));
  return {
    reached,
    statement: nodes.length > 0 ? statementOf(links, origin, nodes, named) : null,
    touched: [origin.event, ...nodes].flatMap((one, n) => {
      const table = n === 0 ? origin.table : (one as Node).table;
      if (one.does === 'refuse') return [];
      return [{ table, on: one.does === 'delete' ? ('delete' as const) : ('update' as const) }];
    }),
  };
}

/** The tables that are reached, each after those that it is reached from. */
function follow(links: Links, origin: Origin): Node[] {
  const nodes = new Map<string, Node>();
  const nodeFor = (table: string, does: Node['does']): Node => {
    const key = `${does} ${table}`;
    const node = nodes.get(key) ?? { table, does, columns: new Set<string>(), by: [], more: false };
    nodes.set(key, node);
    return node;
  };
  const visit = (source: Node | null, table: string, event: Event): void => {
    for (const { link, rows } of links.into(table)) {
      // The whole table still has such a row; whoever refers to the partition alone has lost it.
      if (event.does === 'delete' && event.fromPartition && rows === null) continue;
      const next = consequence(link, event);
      if (!next) continue;
      const node = nodeFor(link.from, next.does);
      if (source && node !== source && standsOn(source, node)) {
        node.more = true;
        continue;
      }
      const isNew = node.by.length === 0 || next.columns.some(column => !node.columns.has(column));
      if (!node.by.some(one => one.link === link && one.source === source))
        node.by.push({ link, rows, source });
      for (const column of next.columns) node.columns.add(column);
      if (node === source || next.does === 'refuse' || !isNew) continue;
      const columns = [...node.columns];
      visit(node, link.from, next.does === 'delete' ? { does: 'delete' } : { does: 'change', columns });
    }
  };
  visit(null, origin.table, origin.event);
  const ordered: Node[] = [];
  const place = (node: Node): void => {
    if (ordered.includes(node)) return;
    for (const { source } of node.by) if (source && source !== node) place(source);
    ordered.push(node);
  };
  for (const node of nodes.values()) place(node);
  return ordered;
}

/** Is a node reached from another one, directly or over others? */
function standsOn(node: Node, other: Node): boolean {
  return node.by.some(
    ({ source }) => source !== null && source !== node && (source === other || standsOn(source, other)),
  );
}

/** What a foreign key does to the rows that refer. */
function consequence(link: Link, event: Event): { does: Node['does']; columns: string[] } | null {
  const own = link.on.map(one => one.from);
  if (event.does === 'change' && !link.on.some(one => event.columns.includes(one.to))) return null;
  switch (event.does === 'delete' ? link.onDelete : link.onUpdate) {
    case 'cascade':
      return event.does === 'delete' ? { does: 'delete', columns: [] } : { does: 'change', columns: own };
    case 'set null':
    case 'set default':
      return { does: 'change', columns: event.does === 'delete' ? link.sets : own };
    default:
      return { does: 'refuse', columns: [] };
  }
}

function statementOf(links: Links, origin: Origin, nodes: readonly Node[], named: Named): string {
  const name = (node: Node | null): string => (node === null ? 'ho_origin' : `ho_set${nodes.indexOf(node)}`);
  /** Columns that others refer to. */
  const wanted = (source: Node | null): string[] => [
    ...new Set(
      nodes.flatMap(node =>
        node.by.filter(one => one.source === source).flatMap(one => one.link.on.map(({ to }) => to)),
      ),
    ),
  ];
  const columns = (alias: string, source: Node | null): string =>
    [
      `${alias}.tableoid AS ho_t`,
      `${alias}.ctid AS ho_c`,
      ...wanted(source).map(column => `${alias}.${quote(column)} AS ${quote(column)}`),
    ].join(', ');
  const refers = (alias: string, { link, rows }: Node['by'][number]): string =>
    [
      ...link.on.map(({ from, to, equals }) => `ho_of.${quote(to)} ${equals} ${alias}.${quote(from)}`),
      ...(rows === null ? [] : [`ho_of.ho_t = ANY ('{${rows.join(',')}}'::oid[])`]),
    ].join(' AND ');
  const exempt = ({ link }: Node['by'][number]): string => {
    const dealtWith = named(
      link.from,
      link.on.map(one => one.from),
    );
    return dealtWith === null ? '' : ` AND (${dealtWith}) IS NOT TRUE`;
  };
  const ctes = [
    `ho_origin AS MATERIALIZED (
  SELECT ${columns(origin.alias, null)} FROM ${origin.from} WHERE ${origin.where})`,
    ...nodes.map(node => {
      const alias = aliasOf(node.table);
      // A rule reaches the rows of the very table that refers, and those of its partitions.
      const only = links.relation(node.table)?.partitioned ? '' : 'ONLY ';
      const from = `${only}${quoteTable(node.table)} AS ${alias}`;
      const first = node.by.filter(one => one.source !== node);
      const again = node.by.filter(one => one.source === node);
      const start = `SELECT ${columns(alias, node)} FROM ${from}
   WHERE ${first.map(one => `(EXISTS (SELECT FROM ${name(one.source)} AS ho_of WHERE ${refers(alias, one)})${exempt(one)})`).join(' OR ')}`;
      if (again.length === 0) return `${name(node)} AS MATERIALIZED (\n  ${start})`;
      const on = again.map(one => `(${refers(alias, one)}${exempt(one)})`).join(' OR ');
      return `${name(node)} AS MATERIALIZED (
  ${start}
  UNION
  SELECT ${columns(alias, node)} FROM ${name(node)} AS ho_of JOIN ${from} ON ${on})`;
    }),
  ];
  const counts = nodes.map((node, n) => {
    // What goes with the others is not counted as changed, nor as in the way; what was asked about is not
    // counted at all.
    const gone = nodes.filter(one => one.table === node.table && one.does === 'delete' && one !== node);
    const sameTable =
      origin.table === node.table && (node.does === origin.event.does || origin.event.does === 'delete');
    const without = [...gone.map(name), ...(sameTable ? ['ho_origin'] : [])].map(
      set =>
        `NOT EXISTS (SELECT FROM ${set} AS ho_gone WHERE ho_gone.ho_t = ho_row.ho_t AND ho_gone.ho_c = ho_row.ho_c)`,
    );
    return `SELECT ${n} AS n, (SELECT count(*) FROM ${name(node)} AS ho_row${without.length > 0 ? ` WHERE ${without.join(' AND ')}` : ''})::text AS count`;
  });
  return `WITH RECURSIVE ${ctes.join(',\n')}\n${counts.join('\nUNION ALL ')}`;
}
