/**
 * Connections to one target database. Every statement of the connector runs in here: what writes in an
 * explicit transaction, under our settings (settings.ts), and cancelled in the database when the caller
 * aborts, because a statement whose client died still commits. No wait is without an end of our own
 * (deadlines.ts).
 *
 * Nothing outlives its transaction, so that a pooler may stand in between: where one is noticed (the server's
 * number is not the one that the connection was told), or the catalog says so, statements are not kept under
 * names either.
 */
import pg from 'pg';
import type { Mark } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import { millisecondsOf } from '../duration.js';
import type { Catalog } from './catalog.js';
import { type Ways, waysToConnect } from './connection.js';
import {
  answered,
  CANCEL_GRACE_MS,
  CLOSE_MS,
  CONNECT_MS,
  cut,
  hangUp,
  LINE_MS,
  OVERDUE_MS,
  unlessAborted,
} from './deadlines.js';
import { type Answered, exchange } from './exchange.js';
import { connectionIsUseless, isUnreachable, sqlState, toFailure } from './failures.js';
import { Line } from './line.js';
import { markOf, TIMELINE } from './mark.js';
import { type Begun, durable, type Server, type Settings, settingsFor, whoIsThere } from './settings.js';

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
  /** What the server said of itself when the connection was made. */
  readonly server: Server;
  /** Does a pooler stand in between? */
  readonly pooled: boolean;
  /** How many connections this process opens there at most. */
  readonly connections: number;
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

/** What a connection has prepared goes with it. */
const LIFETIME_S = 3_600;

/** What a session must know of its system: how it is called, and how long it may be waited for. */
export type Reached = Pick<Catalog, 'system' | 'connect'>;

/** Where transactions are run: a session, or one transaction that is open. */
export type Sessions = Pick<Session, 'transaction'>;

export class Session {
  #opening: Promise<Opened> | null = null;
  /** What is known of the server behind a connection. */
  readonly #known = new WeakMap<object, Known>();
  /**
   * Errors that our own statements threw: a callback's errors may look the same (it talks to a database, too)
   * but are not ours.
   */
  readonly #faults = new WeakSet<object>();
  readonly #line: Line;
  /** Connections that are open. */
  readonly #clients = new Set<pg.ClientBase>();

  constructor(
    private readonly catalog: Reached,
    private readonly url: string,
    poolSize: number,
    private readonly log: Log,
  ) {
    this.#line = new Line(poolSize);
  }

  /**
   * Runs `work` between BEGIN and COMMIT; a glance needs neither. Whatever it throws rolls back; database
   * errors come out as HandoverFailure, an abort as the signal's reason, and anything else as it is. From
   * COMMIT on an abort is too late: the outcome is reported instead, unless none comes any more.
   */
  async transaction<T>(options: TransactionOptions, work: (tx: Transaction) => Promise<T>): Promise<T> {
    const { signal, doing } = options;
    signal?.throwIfAborted();
    const { client, config, leave } = await this.#connect(doing, signal);
    let broken = false;
    const onBreak = () => {
      broken = true;
    };
    client.on('error', onBreak);
    const known = this.#known.get(client)!;
    const open = new Open(client, config, known, modeOf(options, known), this.#patience);
    const run = (text: string, values: readonly unknown[] = [], repeated = false) =>
      this.#cancellable(open, signal, () => open.ask(text, values, repeated));
    let reusable = false;
    try {
      const { mark } = await this.#begin(open, options);
      const { server } = open.known;
      const result = await work({
        mark,
        identity: { cluster: server.cluster, timeline: server.cluster === null ? 'NULL::text' : TIMELINE },
        server,
        pooled: open.known.pooled,
        connections: this.#line.places,
        recover: async () => {
          if (open.mode === 'read') await run('ROLLBACK TO SAVEPOINT beginning');
        },
        flush: () =>
          (server.version >= 170_000 ? run(flushing(server)) : this.#flushBeside(config, signal)).then(
            () => {},
          ),
        query: async <R extends Row>(text: string, values?: unknown[]) =>
          (await run(text, values)).rows as R[],
        repeated: async <R extends Row>(text: string, values: unknown[]) =>
          (await run(text, values, true)).rows as R[],
        execute: async (text, values) => (await run(text, values)).rowCount,
      });
      signal?.throwIfAborted();
      if (!(await this.#committed(open, signal))) throw this.#rolledBack(doing);
      reusable = true;
      return result;
    } catch (error) {
      const fault = this.#faults.has(error as object);
      if (!signal?.aborted && !broken && !(fault && connectionIsUseless(error)))
        reusable = await open.rollback();
      if (signal?.aborted) throw signal.reason;
      throw fault ? toFailure(error, this.catalog.system, doing) : error;
    } finally {
      client.off('error', onBreak);
      // After an abort a late cancel may still be on its way to this backend: the connection is not used
      // again.
      client.release(!reusable);
      leave();
    }
  }

  /** What is in use is given a moment to end, and then cut. */
  async close(): Promise<void> {
    const opened = await Promise.race([this.#opening?.catch(() => null), after(CLOSE_MS, null)]);
    await Promise.race([opened?.pool.end(), after(CLOSE_MS)]);
    for (const client of this.#clients) cut(client, 'closing');
  }

  /** How long a statement may take as the server sees it, and then some. */
  get #patience(): number {
    return millisecondsOf(this.catalog.connect.statement_timeout) + OVERDUE_MS;
  }

  async #connect(
    doing: string,
    signal: AbortSignal | undefined,
  ): Promise<{ client: pg.PoolClient; config: pg.ClientConfig; leave: () => void }> {
    const leave = await this.#line.enter(LINE_MS, signal);
    if (!leave) {
      const why = `all ${this.#line.places} connections that we have there were busy for ${LINE_MS / 1000} s`;
      throw new HandoverFailure('transient', `${this.catalog.system}: while ${doing}: ${why}`);
    }
    const taking = this.#take(doing);
    try {
      return { ...(await unlessAborted(taking, signal)), leave };
    } catch (error) {
      // A connection that comes after all is for the next one.
      void taking
        .then(({ client }) => client.release())
        .catch(() => {})
        .finally(leave);
      throw error;
    }
  }

  async #take(doing: string): Promise<{ client: pg.PoolClient; config: pg.ClientConfig }> {
    const opening = this.#opening ?? this.#open();
    this.#opening = opening;
    let opened: Opened | null = null;
    try {
      opened = await opening;
      const client = await opened.pool.connect();
      if (!this.#known.has(client)) {
        try {
          this.#known.set(client, await answered(client, CONNECT_MS, getToKnow(client, this.catalog)));
        } catch (error) {
          client.release(true);
          throw error;
        }
      }
      return { client, config: opened.config };
    } catch (error) {
      const failure = toFailure(error, this.catalog.system, doing);
      // The next attempt finds out anew how the server wants to be spoken to.
      if (this.#opening === opening && (!opened || failure.kind !== 'transient')) {
        this.#opening = null;
        opened?.pool.end().catch(() => {});
      }
      throw failure;
    }
  }

  /** Where there are two ways, the first connection says which is taken from then on. */
  async #open(): Promise<Opened> {
    const ways = waysToConnect(this.url, `the connection of ${this.catalog.system}`);
    const config = { ...(await firstThatConnects(ways)), ...COMMON };
    const pool = new pg.Pool({
      ...config,
      max: this.#line.places,
      idleTimeoutMillis: 30_000,
      maxLifetimeSeconds: LIFETIME_S,
      allowExitOnIdle: true,
    });
    // A connection that breaks while nobody uses it must not end the process; the next use opens a new one.
    pool.on('error', error =>
      this.log(`${this.catalog.system}: an idle connection broke (${error.message})`),
    );
    // Nor one that breaks in somebody's hands before a transaction listens: the statement it was for fails.
    pool.on('connect', client => {
      client.on('error', () => {});
      this.#clients.add(client);
      client.once('end', () => this.#clients.delete(client));
    });
    // One that is let go of because it does not answer says no goodbye either.
    pool.on('release', (error, client) => {
      if (error) setTimeout(() => this.#clients.has(client) && cut(client, 'no goodbye'), CLOSE_MS).unref();
    });
    return { pool, config };
  }

  /**
   * At most one round trip. A writer learns its transaction id here, so that no statement has to ask for it.
   */
  async #begin(open: Open, { idleMs, doing }: TransactionOptions): Promise<{ mark: Mark }> {
    if (open.mode === 'glance') return { mark: '' };
    const asks =
      open.mode === 'read'
        ? 'SAVEPOINT beginning'
        : `SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text AS id, ${open.known.server.cluster === null ? 'NULL::pg_catalog.text' : TIMELINE} AS timeline`;
    const row = await open.begin(idleMs, asks).catch((error: unknown) => {
      // The only thing that BEGIN can object to: 0A000 where every other statement that writes says 25006.
      if (sqlState(error) !== '0A000') this.#fault(error);
      const why = 'the database is read-only at the moment (a standby, or a failover is under way)';
      throw new HandoverFailure('transient', `${this.catalog.system}: while ${doing}: ${why}`, {
        cause: error,
      });
    });
    if (open.mode === 'read') return { mark: '' };
    return {
      mark: markOf({
        id: String(row?.id),
        cluster: open.known.server.cluster,
        timeline: (row?.timeline ?? null) as string | null,
        database: open.known.server.database,
        started: open.known.server.started,
      }),
    };
  }

  async #cancellable(
    open: Open,
    signal: AbortSignal | undefined,
    ask: () => Promise<Answered>,
  ): Promise<Answered> {
    signal?.throwIfAborted();
    const answer = ask();
    if (!signal) return answer.catch((error: unknown) => this.#fault(error));
    const onAbort = () => void this.#cancel(open, answer);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await answer.catch((error: unknown) => this.#fault(error));
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /**
   * A COMMIT is never cancelled: one that waits for a copy of the server would be over without it. Who asks to
   * stop waits a moment for its end, and then leaves it in doubt.
   */
  async #committed(open: Open, signal: AbortSignal | undefined): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      timer = setTimeout(() => cut(open.client, 'no answer to COMMIT'), CANCEL_GRACE_MS);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await open.commit();
    } catch (error) {
      return this.#fault(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Before PostgreSQL 17 only a commit flushes: one of another transaction's, which writes a message that
   * nobody reads.
   */
  async #flushBeside(config: pg.ClientConfig, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    try {
      await beside(config, this.#patience, other =>
        other.query(
          `BEGIN; SET LOCAL synchronous_commit = on; SELECT pg_catalog.pg_logical_emit_message(true, 'handover', ''); COMMIT`,
        ),
      );
    } catch (error) {
      this.#fault(error);
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
   * Asks the database to stop the statement, by the backend's own number and only while it is at this
   * transaction: behind a pooler it may be somebody else's a moment later. Cuts the socket if that fails.
   */
  async #cancel({ client, config, begun }: Open, answer: Promise<unknown>): Promise<void> {
    const timer = setTimeout(() => cut(client, 'no answer to a cancellation'), CANCEL_GRACE_MS);
    const done = (): void => clearTimeout(timer);
    answer.then(done, done);
    if (!begun) return;
    try {
      await beside({ ...config, connectionTimeoutMillis: CANCEL_GRACE_MS }, CANCEL_GRACE_MS, other =>
        other.query(
          `SELECT pg_catalog.pg_cancel_backend(a.pid) FROM pg_catalog.pg_stat_activity AS a
            WHERE a.pid OPERATOR(pg_catalog.=) $1::pg_catalog.int4
              AND a.xact_start OPERATOR(pg_catalog.=) pg_catalog.timezone('UTC', $2::pg_catalog.timestamp)`,
          [begun.pid, begun.since],
        ),
      );
    } catch (error) {
      this.log(
        `${this.catalog.system}: a statement could not be cancelled (${(error as Error).message}); its connection is cut instead`,
      );
    }
  }
}

interface Opened {
  pool: pg.Pool;
  /** For connections beside the pool. */
  config: pg.ClientConfig;
}

const COMMON: pg.ClientConfig = {
  application_name: 'handover',
  connectionTimeoutMillis: CONNECT_MS,
  keepAlive: true,
};

const after = <T = undefined>(ms: number, value?: T): Promise<T> =>
  new Promise(resolve => setTimeout(resolve, ms, value as T).unref());

/** With a connection of its own: others may have all that there are. @param ms for the answer */
async function beside(
  config: pg.ClientConfig,
  ms: number,
  work: (other: pg.Client) => Promise<unknown>,
): Promise<void> {
  const other = new pg.Client(config);
  other.on('error', () => {});
  try {
    await other.connect();
    await answered(other, ms, work(other));
  } finally {
    await hangUp(other);
  }
}

async function firstThatConnects([first, ...others]: Ways): Promise<pg.ClientConfig> {
  for (const way of others.length > 0 ? [first, ...others] : []) {
    const client = new pg.Client({ ...way, ...COMMON });
    client.on('error', () => {});
    try {
      await client.connect();
      return way;
    } catch (error) {
      // Nobody is there: the other way would not find anybody either.
      if (isUnreachable(error) || way === others.at(-1)) throw error;
    } finally {
      await hangUp(client);
    }
  }
  return first;
}

interface Known {
  server: Server;
  settings: Settings;
  /** Does another server's connection answer from one transaction to the next? */
  pooled: boolean;
}

async function getToKnow(client: pg.PoolClient, catalog: Reached): Promise<Known> {
  const ask = async (origin: boolean): Promise<Server> =>
    (await exchange(client, { ...PLAIN, text: whoIsThere(origin) }, parserOf)).rows[0] as Server;
  const server = await ask(true).catch((error: unknown) => {
    if (sqlState(error) === null) throw error;
    // Without it a transaction's number is all there is.
    return ask(false);
  });
  // A pooler makes up the number that a client is told for its cancel requests.
  const told = (client as unknown as { processID: number | null }).processID;
  const pooled =
    catalog.connect.pooler === 'transaction' || (catalog.connect.pooler !== 'session' && told !== server.pid);
  return { server, settings: settingsFor(catalog, server), pooled };
}

const PLAIN = { values: [], name: null, keep: false, first: null, behind: null };

type Mode = TransactionOptions['mode'];

/** What PostgreSQL takes into its plans from the application must be known before, which a glance cannot do. */
function modeOf({ mode }: TransactionOptions, { server }: Known): Mode {
  return mode === 'glance' && server.inlined ? 'read' : mode;
}

/** One transaction that is open, and whose settings are in force in it just now. */
class Open {
  begun: Begun | null = null;
  #force: 'ours' | 'theirs' | 'either' = 'either';
  #changed = false;

  constructor(
    readonly client: pg.PoolClient,
    /** For connections beside it. */
    readonly config: pg.ClientConfig,
    readonly known: Known,
    readonly mode: Mode,
    /** Milliseconds that the server may keep us waiting for an answer. */
    private readonly patience: number,
  ) {}

  /** @param asks one more statement behind the settings; its first row is the answer */
  async begin(idleMs: number | undefined, asks: string): Promise<Row | undefined> {
    const { settings } = this.known;
    const all = await this.#plain(`${settings.begin(this.mode as 'read' | 'write', idleMs)}; ${asks}`);
    // Several statements in one text answer with a list, whatever the type says.
    const [said, answer] = (all as unknown as pg.QueryResult<Row>[]).slice(-2);
    this.begun = said!.rows[0] as unknown as Begun;
    this.#force = 'ours';
    return answer?.rows[0];
  }

  async ask(text: string, values: readonly unknown[], repeated: boolean): Promise<Answered> {
    const { settings, pooled } = this.known;
    const kind = kindOf(text);
    const alone = this.mode === 'glance';
    if (kind.changes) this.#changed = true;
    const named = kind.planned && (alone || this.#force !== 'ours');
    const asked = {
      text,
      values,
      name: repeated && !pooled ? text : null,
      keep: !pooled,
      first: named ? (alone ? settings.all : settings.ours) : null,
      behind: kind.changes && this.mode === 'write' ? settings.theirs : null,
      ...(alone && { onFirst: ([pid, since]: (string | null)[]) => this.#begin(pid, since) }),
    };
    const before = this.#force;
    // Where a statement fails, or takes back what came since a savepoint, nobody knows what is in force.
    this.#force = 'either';
    const answer = await answered(this.client, this.patience, exchange(this.client, asked, parserOf));
    if (asked.behind !== null) this.#force = 'theirs';
    else if (kind.planned) this.#force = 'ours';
    else if (!kind.takesBack) this.#force = before;
    return answer;
  }

  #begin(pid: string | null | undefined, since: string | null | undefined): void {
    this.begun = { pid: Number(pid), since: String(since) };
  }

  /** False where the database rolled back instead. */
  async commit(): Promise<boolean> {
    if (this.mode === 'glance') return true;
    // What waits for COMMIT is the application's, too.
    if (this.#changed && this.#force !== 'theirs') await this.#plain(this.known.settings.theirs);
    const { command } = await this.#plain('COMMIT');
    return command === 'COMMIT';
  }

  /** Can the connection be used again? */
  async rollback(): Promise<boolean> {
    // A statement by itself has been taken back by itself.
    if (this.mode === 'glance') return true;
    return this.#plain('ROLLBACK').then(
      () => true,
      () => false,
    );
  }

  #plain(text: string): Promise<pg.QueryResult> {
    return answered(this.client, this.patience, this.client.query(text));
  }
}

/** `planned`: names are looked up in it. `changes`: it may run what is the application's, like a trigger. */
function kindOf(text: string): { planned: boolean; changes: boolean; takesBack: boolean } {
  const [word = ''] = /[a-z]+(?: +constraints)?/i.exec(text) ?? [];
  const verb = word.toLowerCase().replace(/ +/, ' ');
  const changes = ['with', 'insert', 'update', 'delete'].includes(verb) || text.startsWith(FLUSH);
  return {
    planned: changes || ['select', 'declare', 'explain'].includes(verb),
    changes: changes || verb === 'set constraints',
    takesBack: verb === 'rollback',
  };
}

/**
 * The last before COMMIT: what waits for that is to run as the application's. A trigger may have said meanwhile
 * that nobody needs to wait for the disk.
 */
const flushing = (server: Server): string =>
  `${FLUSH} ${durable(server)}, pg_catalog.pg_logical_emit_message(false, 'handover', '', true)`;
const FLUSH = 'SELECT /* flush */';

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
