/**
 * One statement by PostgreSQL's extended protocol, in one round trip with what must hold while it is read and
 * what must hold while it runs:
 *
 *   first    settings under which its names are looked up and its plan is made
 *   parse    the text becomes what PostgreSQL takes it for; it can only ever be one statement
 *   bind     values, and the plan
 *   behind   settings under which it runs: triggers and functions that it calls are the application's
 *   execute
 *
 * node-postgres knows no such order, so that the messages are sent here. Nothing of it lasts beyond the
 * transaction: a pooler that hands the connection to somebody else afterwards hands nothing of ours with it.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';

export interface Asked {
  text: string;
  values: readonly unknown[];
  /** Prepared under this name, once per connection; null: not kept. */
  name: string | null;
  /** Are settings prepared as well? Behind a pooler the next transaction may find another server. */
  keep: boolean;
  /** Statements without values and without anything to say but `onFirst`. */
  first: string | null;
  behind: string | null;
  /** The row of `first`, as soon as it is there: before the statement itself has ended. */
  onFirst?: (row: (string | null)[]) => void;
}

export interface Answered {
  rows: Record<string, unknown>[];
  rowCount: number;
}

/** What node-postgres hands to whoever speaks over a connection: the messages of the protocol. */
interface Wire {
  parse(message: { name: string; text: string; types: number[] }): void;
  bind(message: { portal: string; statement: string; values: unknown[] }): void;
  describe(message: { type: 'P'; name: string }): void;
  execute(message: { portal: string; rows: number }): void;
  close(message: { type: 'P' | 'S'; name: string }): void;
  flush(): void;
  sync(): void;
  stream: { cork?(): void; uncork?(): void };
}

interface Field {
  name: string;
  dataTypeID: number;
}

/** Names that a connection's server surely knows. */
const prepared = new WeakMap<object, Set<string>>();
/** The portal of settings: the statement's own has no name. */
const SETTINGS = 'handover';

/** @param parserOf how values of a type are read */
export function exchange(
  client: pg.ClientBase,
  asked: Asked,
  parserOf: (oid: number) => (text: string) => unknown,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    client.query(
      new Exchange(asked, parserOf, (error, answer) => (error ? reject(stackOf(error)) : resolve(answer!))),
    );
  });
}

class Exchange implements pg.Submittable {
  readonly callback: (error: Error | null, answer?: Answered) => void;
  #commands: ('first' | 'behind' | 'own')[];
  #fields: { name: string; parse: (text: string) => unknown }[] = [];
  #rows: Record<string, unknown>[] = [];
  #rowCount = 0;
  #broken: Error | null = null;
  #fresh: string[] = [];
  #known: Set<string> | null = null;

  constructor(
    private readonly asked: Asked,
    private readonly parserOf: (oid: number) => (text: string) => unknown,
    callback: (error: Error | null, answer?: Answered) => void,
  ) {
    this.callback = callback;
    this.#commands = [
      ...(asked.first === null ? [] : ['first' as const]),
      ...(asked.behind === null ? [] : ['behind' as const]),
      'own',
    ];
  }

  submit = (connection: unknown): void => {
    const wire = connection as Wire;
    this.#known = prepared.get(wire) ?? new Set();
    prepared.set(wire, this.#known);
    const { text, values, name, keep, first, behind } = this.asked;
    wire.stream.cork?.();
    try {
      if (first !== null) {
        this.#settings(wire, first, keep);
        // Whoever wants to cancel the statement needs what this says before the statement ends.
        if (this.asked.onFirst) wire.flush();
      }
      const statement = this.#parsed(wire, name, text);
      wire.bind({ portal: '', statement, values: values.map(asText) });
      wire.describe({ type: 'P', name: '' });
      if (behind !== null) this.#settings(wire, behind, keep);
      wire.execute({ portal: '', rows: 0 });
      wire.sync();
    } finally {
      wire.stream.uncork?.();
    }
  };

  #settings(wire: Wire, text: string, keep: boolean): void {
    const statement = this.#parsed(wire, keep ? `settings ${text}` : null, text);
    wire.bind({ portal: SETTINGS, statement, values: [] });
    wire.execute({ portal: SETTINGS, rows: 0 });
    wire.close({ type: 'P', name: SETTINGS });
  }

  /** The name under which the server knows the text. */
  #parsed(wire: Wire, name: string | null, text: string): string {
    if (name === null) {
      wire.parse({ name: '', text, types: [] });
      return '';
    }
    const short = shortOf(name);
    if (this.#known!.has(short)) return short;
    // An earlier attempt that failed may have left it there.
    wire.close({ type: 'S', name: short });
    wire.parse({ name: short, text, types: [] });
    this.#fresh.push(short);
    return short;
  }

  handleRowDescription({ fields }: { fields: Field[] }): void {
    this.#fields = fields.map(({ name, dataTypeID }) => ({ name, parse: this.parserOf(dataTypeID) }));
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    if (this.#commands[0] === 'first') this.asked.onFirst?.(fields);
    if (this.#commands[0] !== 'own' || this.#broken) return;
    try {
      const row: Record<string, unknown> = {};
      for (const [n, { name, parse }] of this.#fields.entries()) {
        const value = fields[n] ?? null;
        row[name] = value === null ? null : parse(value);
      }
      this.#rows.push(row);
    } catch (error) {
      this.#broken = error as Error;
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    if (this.#commands.shift() === 'own') this.#rowCount = Number(/\d+$/.exec(text)?.[0] ?? 0);
  }

  handleError(error: Error): void {
    this.callback(error);
  }

  handleReadyForQuery(): void {
    for (const name of this.#fresh) this.#known!.add(name);
    if (this.#broken) this.callback(this.#broken);
    else this.callback(null, { rows: this.#rows, rowCount: this.#rowCount });
  }

  handleEmptyQuery(): void {
    this.#commands.shift();
  }

  handlePortalSuspended(): void {}

  handleCopyInResponse(connection: { sendCopyFail(why: string): void }): void {
    connection.sendCopyFail('nothing is copied here');
  }

  handleCopyData(): void {}
}

/** PostgreSQL cuts names at 63 bytes. */
const shortOf = (name: string): string =>
  `handover-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;

/** A value as PostgreSQL reads it in text; an array as its literal. */
function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return arrayLiteral(value);
  return String(value);
}

function arrayLiteral(values: readonly unknown[]): string {
  const elements = values.map(value => {
    const text = asText(value);
    return text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${elements.join(',')}}`;
}

/** Where the statement was asked for, and not where its answer came in. */
function stackOf(error: Error): Error {
  Error.captureStackTrace(error);
  return error;
}
