/**
 * Connections to one target database. Every statement of the connector runs in here: what writes in an
 * explicit transaction, under our settings, and cancelled in the database when the caller aborts, because a
 * statement whose client died still commits.
 *
 *   search_path=''             a name without a schema resolves to nothing but pg_catalog
 *   row_security=off           rows that a policy would hide raise an error instead of being silently missing
 *   statement/lock_timeout     from the catalog
 *   idle_in_transaction_...    an attempt whose process was stopped loses its locks, and its COMMIT then
 *                              fails
 *   client_connection_check... a statement of a client that is gone is cancelled by the server itself
 *   parallel_setup_cost        a look at many small tables is over before PostgreSQL's helper processes have
 *                              started
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Mark } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Catalog } from './catalog.js';
import { sqlState, toFailure } from './failures.js';
import { markOf, TIMELINE } from './mark.js';

export type Log = (message: string) => void;

export interface Row {
  [column: string]: unknown;
}

export interface Identity {
  /** The system identifier, which a cluster has from its making on; null where our role may not read it. */
  cluster: string | null;
  /** SQL that gives the timeline as text, or NULL. */
  timeline: string;
}

/** One open transaction; in a glance, every statement is one by itself. */
export interface Transaction {
  /**
   * Tells a writer from every other transaction, here and after a restore from a backup; empty for readers.
   */
  readonly mark: Mark;
  /** What can be read of the server's identity, over this connection. */
  readonly identity: Identity;
  /** Runs a statement and says how many rows it changed. */
  execute(text: string, values?: unknown[]): Promise<number>;
  query<R extends Row = Row>(text: string, values?: unknown[]): Promise<R[]>;
  /**
   * The same for a text that comes again and again and whose columns keep their types and collations whatever
   * becomes of the tables: the database reads and checks it once per connection, and plans it for the values
   * of each time.
   */
  repeated<R extends Row = Row>(text: string, values: unknown[]): Promise<R[]>;
  /**
   * Brings what this transaction has written so far into the database's log on disk. Before a receipt names
   * the transaction, or a crash of the server could lose every trace of it and give its id to somebody else,
   * whose COMMIT would then be taken for ours.
   */
  flush(): Promise<void>;
  /** Readers only: goes on after a statement that failed, in the same snapshot if it is one. */
  recover(): Promise<void>;
}

export interface TransactionOptions {
  /**
   * `write` is READ COMMITTED, so that a compare-and-set sees what others committed; `read` is one frozen
   * snapshot; `glance` is for one statement that reads, which is a frozen snapshot by itself and needs no
   * BEGIN and COMMIT around it.
   */
  mode: 'glance' | 'read' | 'write';
  /** Continues "while ..." in failures. */
  doing: string;
  signal?: AbortSignal;
  /** Milliseconds this transaction may sit idle, where a consumer works between our statements. */
  idleMs?: number;
}

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
/** What a connection has prepared goes with it. */
const LIFETIME_S = 3_600;
/** How long a cancelled statement may take to end before its socket is cut. */
const CANCEL_GRACE_MS = 5_000;

/** What a session must know of its system: how it is called, and how long it may be waited for. */
export type Reached = Pick<Catalog, 'system' | 'connect'>;

/** Where transactions are run: a session, or one transaction that is open. */
export type Sessions = Pick<Session, 'transaction'>;

export class Session {
  readonly #pool: pg.Pool;
  readonly #config: pg.ClientConfig;
  /** Connections under our settings, and how a writer begins there. */
  readonly #prepared = new WeakMap<object, Prepared>();
  /**
   * Errors that our own statements threw: a callback's errors may look the same (it talks to a database, too)
   * but are not ours.
   */
  readonly #faults = new WeakSet<object>();

  constructor(
    private readonly catalog: Reached,
    url: string,
    poolSize: number,
    private readonly log: Log,
  ) {
    this.#config = {
      connectionString: url,
      application_name: 'handover',
      // Waiting for a free connection of the pool counts as well, and many runs may share it.
      connectionTimeoutMillis: 30_000,
      keepAlive: true,
      // Everything that leaves the database is text or JSON text that our SQL shaped: no date or number is
      // guessed at.
      types: { getTypeParser: (oid: number) => parserOf(oid) } as pg.CustomTypesConfig,
    };
    this.#pool = new pg.Pool({
      ...this.#config,
      max: poolSize,
      idleTimeoutMillis: 30_000,
      maxLifetimeSeconds: LIFETIME_S,
      allowExitOnIdle: true,
    });
    // A connection that breaks while nobody uses it must not end the process; the next use opens a new one.
    this.#pool.on('error', error =>
      this.log(`${catalog.system}: an idle connection broke (${error.message})`),
    );
    // Nor one that breaks in somebody's hands before a transaction listens: the statement it was for fails.
    this.#pool.on('connect', client => void client.on('error', () => {}));
  }

  /**
   * Runs `work` between BEGIN and COMMIT; a glance needs neither. Whatever it throws rolls back; database
   * errors come out as HandoverFailure, an abort as the signal's reason, and anything else as it is. From
   * COMMIT on an abort is too late: the outcome is reported instead.
   */
  async transaction<T>(options: TransactionOptions, work: (tx: Transaction) => Promise<T>): Promise<T> {
    const { signal, doing } = options;
    signal?.throwIfAborted();
    const client = await this.#connect(doing);
    let broken = false;
    const onBreak = () => {
      broken = true;
    };
    client.on('error', onBreak);
    const run = <R extends Row>(text: string, values?: unknown[]) =>
      this.#cancellable<R>(client, signal, { text, values });
    let reusable = false;
    try {
      const prepared = this.#prepared.get(client)!;
      const { mark, version } = await begin(run, options, this.catalog.system, prepared);
      const result = await work({
        mark,
        identity: prepared.identity,
        recover: async () => {
          if (options.mode === 'read') await run('ROLLBACK TO SAVEPOINT beginning');
        },
        flush: () => (version >= 170_000 ? run(FLUSH) : this.#flushBeside(signal)).then(() => {}),
        query: async <R extends Row>(text: string, values?: unknown[]) => (await run<R>(text, values)).rows,
        repeated: async <R extends Row>(text: string, values: unknown[]) =>
          (await this.#cancellable<R>(client, signal, { name: nameOf(text), text, values })).rows,
        execute: async (text, values) => (await run(text, values)).rowCount ?? 0,
      });
      signal?.throwIfAborted();
      if (options.mode !== 'glance') {
        const end = await client.query('COMMIT').catch((error: unknown) => this.#fault(error));
        if (end.command !== 'COMMIT') throw this.#rolledBack(doing);
      }
      reusable = true;
      return result;
    } catch (error) {
      if (!signal?.aborted && !broken && !reusable) {
        reusable = await client.query('ROLLBACK').then(
          () => true,
          () => false,
        );
      }
      if (signal?.aborted) throw signal.reason;
      throw this.#faults.has(error as object) ? toFailure(error, this.catalog.system, doing) : error;
    } finally {
      client.off('error', onBreak);
      // After an abort a late cancel may still be on its way to this backend: the connection is not used
      // again.
      client.release(!reusable);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #connect(doing: string): Promise<pg.PoolClient> {
    try {
      const client = await this.#pool.connect();
      if (!this.#prepared.has(client)) {
        try {
          this.#prepared.set(client, await prepare(client, this.catalog));
        } catch (error) {
          client.release(true);
          throw error;
        }
      }
      return client;
    } catch (error) {
      throw toFailure(error, this.catalog.system, doing);
    }
  }

  async #cancellable<R extends Row>(
    client: pg.PoolClient,
    signal: AbortSignal | undefined,
    statement: pg.QueryConfig,
  ): Promise<pg.QueryResult<R>> {
    signal?.throwIfAborted();
    const answer = client.query<R>(statement);
    if (!signal) return answer.catch((error: unknown) => this.#fault(error));
    const onAbort = () => void this.#cancel(client, answer);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await answer.catch((error: unknown) => this.#fault(error));
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Before PostgreSQL 17 only a commit flushes: one of another transaction's, which writes a message that
   * nobody reads.
   */
  async #flushBeside(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const other = new pg.Client(this.#config);
    other.on('error', () => {});
    try {
      await other.connect();
      await other.query(
        `SET synchronous_commit = on; SELECT pg_catalog.pg_logical_emit_message(true, 'handover', '')`,
      );
    } catch (error) {
      this.#fault(error);
    } finally {
      await other.end().catch(() => {});
    }
  }

  #fault(error: unknown): never {
    this.#faults.add(error as object);
    throw error;
  }

  #rolledBack(doing: string): HandoverFailure {
    return new HandoverFailure(
      'transient',
      `${this.catalog.system}: while ${doing}: the database rolled the transaction back instead of committing it`,
    );
  }

  /**
   * Asks the database to stop the statement, from a connection of its own: the pool may be exhausted. Cuts
   * the socket if that fails.
   */
  async #cancel(client: pg.PoolClient, answer: Promise<unknown>): Promise<void> {
    const wire = client as unknown as {
      processID: number | null;
      connection: { stream: { destroy(): void } };
    };
    const cut = setTimeout(() => wire.connection.stream.destroy(), CANCEL_GRACE_MS);
    answer.then(
      () => clearTimeout(cut),
      () => clearTimeout(cut),
    );
    const other = new pg.Client({ ...this.#config, connectionTimeoutMillis: CANCEL_GRACE_MS });
    other.on('error', () => {});
    try {
      await other.connect();
      await other.query('SELECT pg_cancel_backend($1)', [wire.processID]);
    } catch (error) {
      this.log(
        `${this.catalog.system}: a statement could not be cancelled (${(error as Error).message}); its connection is cut instead`,
      );
    } finally {
      await other.end().catch(() => {});
    }
  }
}

type Run = (text: string) => Promise<pg.QueryResult<Row>>;

const FLUSH = `SELECT pg_catalog.pg_logical_emit_message(false, 'handover', '', true)`;

interface Prepared {
  /**
   * How a writer begins: nothing where whoever runs the database has made it read-only, which is theirs to
   * lift.
   */
  begins: 'READ WRITE' | '';
  identity: Identity;
}

async function prepare(client: pg.PoolClient, catalog: Reached): Promise<Prepared> {
  await client.query(settings(catalog));
  const readOnly = `(SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only') AS read_only`;
  const ask = async (cluster: string, timeline: string): Promise<Prepared> => {
    const { rows } = await client.query(`SELECT ${readOnly}, ${cluster} AS cluster, ${timeline} AS timeline`);
    const [row] = rows as { read_only: string; cluster: string | null }[];
    return {
      begins: row?.read_only === 'on' ? '' : 'READ WRITE',
      identity: { cluster: row?.cluster ?? null, timeline },
    };
  };
  try {
    return await ask('(SELECT system_identifier::text FROM pg_catalog.pg_control_system())', TIMELINE);
  } catch (error) {
    if (sqlState(error) === null) throw error;
    // Not every server lets everybody read it. Then a transaction's number is all there is.
    return ask('NULL::text', 'NULL::text');
  }
}

/**
 * At most one round trip. A writer learns its transaction id and the server's version here, so that no
 * statement has to ask for them.
 */
async function begin(
  run: Run,
  { mode, idleMs, doing }: TransactionOptions,
  system: string,
  { begins, identity }: Prepared,
): Promise<{ mark: Mark; version: number }> {
  if (mode === 'glance') return { mark: '', version: 0 };
  const idle = idleMs ? `; SET LOCAL idle_in_transaction_session_timeout = ${Math.round(idleMs)}` : '';
  if (mode === 'read') {
    await run(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY${idle}; SAVEPOINT beginning`);
    return { mark: '', version: 0 };
  }
  const results = await run(
    `BEGIN ISOLATION LEVEL READ COMMITTED ${begins}${idle};
     SELECT pg_current_xact_id()::text AS id, current_setting('server_version_num') AS version, ${identity.timeline} AS timeline`,
  ).catch((error: unknown) => {
    // The only thing that BEGIN can object to: 0A000 where every other statement that writes says 25006.
    if (sqlState(error) !== '0A000') throw error;
    const why = 'the database is read-only at the moment (a standby, or a failover is under way)';
    throw new HandoverFailure('transient', `${system}: while ${doing}: ${why}`, { cause: error });
  });
  // Several statements in one text answer with a list, whatever the type says.
  const last = (results as unknown as pg.QueryResult<Row>[]).at(-1)?.rows[0];
  const mark = markOf({
    id: String(last?.id),
    cluster: identity.cluster,
    timeline: (last?.timeline ?? null) as string | null,
  });
  return { mark, version: Number(last?.version) };
}

/** PostgreSQL cuts names at 63 bytes. */
function nameOf(text: string): string {
  return `handover-${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}

function settings(catalog: Reached): string {
  const { statement_timeout, lock_timeout } = catalog.connect;
  return [
    `SET search_path = ''`,
    'SET row_security = off',
    // Only a transaction that says so writes.
    'SET default_transaction_read_only = on',
    `SET default_transaction_isolation = 'read committed'`,
    `SET statement_timeout = ${pg.escapeLiteral(statement_timeout)}`,
    `SET lock_timeout = ${pg.escapeLiteral(lock_timeout)}`,
    `SET idle_in_transaction_session_timeout = ${IDLE_MS}`,
    // Not in every PostgreSQL that we can speak to.
    `SELECT set_config(name, '5s', false) FROM pg_catalog.pg_settings WHERE name = 'client_connection_check_interval'`,
    `SELECT set_config(name, greatest(setting::float, ${PARALLEL_SETUP_COST})::text, false) FROM pg_catalog.pg_settings WHERE name = 'parallel_setup_cost'`,
    // A leaver owns one row or a million: a plan made for nobody in particular would be wrong for one of
    // them.
    `SET plan_cache_mode = force_custom_plan`,
    // Keys and before-images are text: it must read the same in every session, whatever the role or the
    // database prefer. The time zone stays the role's: where an application keeps local times without a zone,
    // it is the only way to say which.
    `SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1`,
    `SET standard_conforming_strings = on`,
  ].join('; ');
}

/** Booleans, 32-bit integers and JSON are parsed; everything else stays the text that PostgreSQL sent. */
function parserOf(oid: number): (text: string) => unknown {
  if (oid === 16) return text => text === 't';
  if (oid === 21 || oid === 23) return Number;
  if (oid === 114 || oid === 3802) return text => JSON.parse(text) as unknown;
  if (oid === 1009) return parseTexts;
  return text => text;
}

/** A text[] literal as its elements. */
export const parseTexts = pg.types.getTypeParser(
  1009 as Parameters<typeof pg.types.getTypeParser>[0],
) as unknown as (literal: string) => (string | null)[];
