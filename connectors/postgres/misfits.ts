/**
 * `check`, before every plan: what fits is remembered for as long as nothing changes that could make a
 * difference, so that a look costs one statement. What does not fit is asked again each time: whoever mends it
 * shall not wait.
 */
import type { Problem } from '../connector.js';
import { check } from './check.js';
import { splitTable } from './names.js';
import { NextReading } from './next-reading.js';
import { tablesOf } from './rules.js';
import type { Target } from './target.js';

/** What is not in the stamp (a function that a condition calls, say) is noticed after this long. */
const FRESH_MS = 15 * 60_000;

export class RememberedCheck {
  #fits: { stamp: string; at: number } | null = null;

  readonly #stamp = new NextReading(() => this.#read());

  constructor(private readonly target: Target) {}

  async misfits(signal?: AbortSignal): Promise<Problem[]> {
    const stamp = await this.#stamp.ask(signal);
    if (this.#fits?.stamp === stamp && Date.now() - this.#fits.at < FRESH_MS) return [];
    const at = Date.now();
    const problems = await check(this.target, signal);
    this.#fits = problems.length === 0 ? { stamp, at } : null;
    return problems;
  }

  #read(): Promise<string> {
    const tables = tablesOf(this.target.catalog).map(one => splitTable(one.table));
    const values = [tables.map(one => one.schema), tables.map(one => one.name)];
    const options = { mode: 'glance', doing: 'asking whether the schema has changed' } as const;
    return this.target.session.transaction(options, async tx => {
      const [row] = await tx.repeated<{ stamp: string }>(STAMP, values);
      return [row!.stamp, tx.server.version, tx.server.standby, tx.server.read_only].join(' ');
    });
  }
}

/**
 * Every version of every row that PostgreSQL keeps about these tables and what is a part of them: columns,
 * rights, constraints, indexes, triggers and their functions, types; and what our role is.
 */
const STAMP = `
WITH RECURSIVE part(oid) AS (
  SELECT c.oid FROM unnest($1::text[], $2::text[]) AS w(schema, name)
    JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  UNION SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid)
SELECT pg_catalog.md5(pg_catalog.string_agg(found.row, ',' ORDER BY found.row)) AS stamp FROM (
  SELECT pg_catalog.concat_ws(' ', c.oid, c.xmin) FROM part JOIN pg_catalog.pg_class c ON c.oid = part.oid
  UNION ALL
  SELECT pg_catalog.concat_ws(' ', a.attrelid, a.attnum, a.xmin, t.xmin, (SELECT count(*) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid))
    FROM part JOIN pg_catalog.pg_attribute a ON a.attrelid = part.oid LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
   WHERE a.attnum > 0
  UNION ALL
  SELECT pg_catalog.concat_ws(' ', k.oid, k.xmin) FROM part JOIN pg_catalog.pg_constraint k ON part.oid IN (k.conrelid, k.confrelid)
  UNION ALL
  SELECT pg_catalog.concat_ws(' ', i.indexrelid, i.xmin) FROM part JOIN pg_catalog.pg_index i ON i.indrelid = part.oid
  UNION ALL
  SELECT pg_catalog.concat_ws(' ', t.oid, t.xmin, p.xmin)
    FROM part JOIN pg_catalog.pg_trigger t ON t.tgrelid = part.oid JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
   WHERE NOT t.tgisinternal
  UNION ALL
  SELECT pg_catalog.concat_ws(' ', r.oid, r.rolsuper, r.rolbypassrls, (SELECT pg_catalog.string_agg(m.roleid::text, ' ' ORDER BY m.roleid)
                                                                         FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid))
    FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) AS found(row)`;
