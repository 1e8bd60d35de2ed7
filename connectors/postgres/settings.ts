/**
 * What we set, and for how long: every setting ends with its transaction, and the application's own triggers
 * and functions run under what our role has by default.
 *
 * Ours, while our statements are read and planned:
 *   search_path=''             a name without a schema resolves to nothing but pg_catalog, whoever may create
 *                              what in a schema that is searched
 *   row_security=off           rows that a policy would hide raise an error instead of being silently missing
 *
 * The application's again, while a change runs: triggers, index functions and whatever else it calls find
 * their tables, and a trigger that reads behind a policy reads what it always reads. What only reads runs under
 * ours: nothing that it calls may miss rows, and names that PostgreSQL prints carry their schema.
 *
 * Ours until the transaction ends:
 *   statement/lock_timeout     from the catalog
 *   idle_in_transaction_...    an attempt whose process was stopped loses its locks, and its COMMIT then
 *                              fails
 *   client_connection_check... a statement of a client that is gone is cancelled by the server itself
 *   parallel_setup_cost        a look at many small tables is over before PostgreSQL's helper processes have
 *                              started
 *   synchronous_commit         on, in what writes: what was said to be done is on disk by then
 *   DateStyle and the like     keys and before-images are text, which must read the same in every session;
 *                              set only where our role's default would write it differently. The time zone
 *                              stays the role's: where an application keeps local times without a zone, it is
 *                              the only way to say which.
 */
import pg from 'pg';
import type { Catalog } from './catalog.js';
import { HERE, TIMELINE } from './mark.js';

/**
 * Long enough for a receipt to be stored on a busy day, short enough that a stopped worker frees its locks
 * within a minute.
 */
const IDLE_MS = 60_000;
/**
 * What PostgreSQL reckons for starting helper processes, ten times its default: they take 5 ms, in which one
 * process alone counts fifty small tables (measured, bench/README.md). A count over a million rows is still
 * shared out.
 */
const PARALLEL_SETUP_COST = 10_000;

/** What a fresh connection is asked, in one statement. */
export interface Server {
  [column: string]: unknown;
  /** The backend's own number. */
  pid: number;
  version: number;
  standby: boolean;
  /** Whoever runs the database has made it read-only, which is theirs to lift. */
  read_only: boolean;
  cluster: string | null;
  timeline: string | null;
  /** The database's own number, and when the server was started. */
  database: string;
  started: string;
  /** Settings of our role that concern us, as they are without us. */
  defaults: Record<string, string>;
  /**
   * Tables with functions of SQL in their indexes: PostgreSQL puts the text of such a function into its plans,
   * and looks its names up when it does so for the first time on a connection.
   */
  inlined: string[] | null;
}

const WATCHED = [
  'DateStyle',
  'IntervalStyle',
  'bytea_output',
  'extra_float_digits',
  'standard_conforming_strings',
  'parallel_setup_cost',
  'client_connection_check_interval',
  'synchronous_commit',
  'fsync',
];

/** Who is there? `origin`: may our role read the server's identity? Not every server lets everybody. */
export function whoIsThere(origin: boolean): string {
  return `SELECT pg_catalog.pg_backend_pid() AS pid,
       pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version,
       pg_catalog.pg_is_in_recovery() AS standby,
       (SELECT s.reset_val FROM pg_catalog.pg_settings AS s
         WHERE s.name OPERATOR(pg_catalog.=) 'default_transaction_read_only') OPERATOR(pg_catalog.=) 'on' AS read_only,
       ${origin ? `(SELECT c.system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system() AS c)` : 'NULL::pg_catalog.text'} AS cluster,
       ${origin ? TIMELINE : 'NULL::pg_catalog.text'} AS timeline,
       ${HERE},
       (SELECT pg_catalog.json_object_agg(s.name, s.reset_val) FROM pg_catalog.pg_settings AS s
         WHERE s.name OPERATOR(pg_catalog.=) ANY ('{${WATCHED.join(',')}}'::pg_catalog.text[])) AS defaults,
       (SELECT pg_catalog.json_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, t.relname))
          FROM pg_catalog.pg_index AS i
          JOIN pg_catalog.pg_class AS t ON t.oid OPERATOR(pg_catalog.=) i.indrelid
          JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace
          JOIN pg_catalog.pg_depend AS d ON d.objid OPERATOR(pg_catalog.=) i.indexrelid
           AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
          JOIN pg_catalog.pg_proc AS p ON p.oid OPERATOR(pg_catalog.=) d.refobjid
          JOIN pg_catalog.pg_language AS l ON l.oid OPERATOR(pg_catalog.=) p.prolang
         WHERE l.lanname OPERATOR(pg_catalog.=) 'sql' AND p.proconfig IS NULL
           AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
           AND pg_catalog.has_any_column_privilege(t.oid, 'SELECT')) AS inlined`;
}

/** The texts that a connection's transactions are made of. */
export interface Settings {
  /** Everything, for a statement that is a transaction by itself: its answer is `Begun`. */
  all: string;
  /** Everything, behind BEGIN. */
  begin(mode: 'read' | 'write', idleMs: number | undefined): string;
  /** Only what names and plans need, within a transaction. */
  ours: string;
  /** What our role has by default, for what runs as a change is made. */
  theirs: string;
}

/** The first columns that `all` and the last statement of `begin` answer with. */
export interface Begun {
  /** The backend's number, and when its transaction began: together they name this transaction. */
  pid: number;
  since: string;
}

const BEGUN = `pg_catalog.pg_backend_pid() AS pid,
       pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.now()), 'YYYY-MM-DD HH24:MI:SS.US') AS since`;

/** @param value null gives the role's default back */
const set = (name: string, value: string | number | null): string =>
  `pg_catalog.set_config('${name}', ${value === null ? 'NULL' : pg.escapeLiteral(String(value))}, true)`;

export function settingsFor({ connect }: Pick<Catalog, 'connect'>, server: Server): Settings {
  const { defaults } = server;
  const names = [set('search_path', ''), set('row_security', 'off')];
  const lasting = (idleMs: number): string[] => [
    set('statement_timeout', connect.statement_timeout),
    set('lock_timeout', connect.lock_timeout),
    set('idle_in_transaction_session_timeout', Math.round(idleMs)),
    // A leaver owns one row or a million: a plan made for nobody in particular would be wrong for one of them.
    set('plan_cache_mode', 'force_custom_plan'),
    set('parallel_setup_cost', Math.max(Number(defaults.parallel_setup_cost), PARALLEL_SETUP_COST)),
    // Not in every PostgreSQL that we can speak to, nor on every machine.
    ...(defaults.client_connection_check_interval === undefined
      ? []
      : [set('client_connection_check_interval', '5s')]),
    ...shapesOfText(defaults),
  ];
  const inlined = (server.inlined ?? []).map(table => `SELECT FROM ${table} LIMIT 0`);
  return {
    all: `SELECT ${[BEGUN, set('transaction_read_only', 'on'), ...names, ...lasting(IDLE_MS)].join(', ')}`,
    begin: (mode, idleMs = IDLE_MS) => {
      const how =
        mode === 'read'
          ? 'REPEATABLE READ READ ONLY'
          : `READ COMMITTED${server.read_only ? '' : ' READ WRITE'}`;
      const texts = [
        `BEGIN ISOLATION LEVEL ${how}`,
        ...(inlined.length > 0 ? [`SELECT ${set('search_path', null)}`, ...inlined] : []),
        `SELECT ${[BEGUN, ...lasting(idleMs), ...(mode === 'write' ? [durable(server)] : []), ...names].join(', ')}`,
      ];
      return texts.join('; ');
    },
    ours: `SELECT ${names.join(', ')}`,
    theirs: `SELECT ${[set('search_path', null), set('row_security', null)].join(', ')}`,
  };
}

/**
 * A COMMIT that is answered has reached the disk, of a copy that is waited for as well. Whoever asks for more
 * by default gets more.
 */
export const durable = ({ defaults }: Pick<Server, 'defaults'>): string =>
  set('synchronous_commit', defaults.synchronous_commit === 'remote_apply' ? 'remote_apply' : 'on');

function shapesOfText(defaults: Record<string, string>): string[] {
  const needed: [name: string, value: string, fits: (value: string) => boolean][] = [
    ['DateStyle', 'ISO, YMD', value => value.startsWith('ISO')],
    ['IntervalStyle', 'postgres', value => value === 'postgres'],
    ['bytea_output', 'hex', value => value === 'hex'],
    ['extra_float_digits', '1', value => Number(value) > 0],
    ['standard_conforming_strings', 'on', value => value === 'on'],
  ];
  return needed.flatMap(([name, value, fits]) => (fits(defaults[name] ?? '') ? [] : [set(name, value)]));
}
