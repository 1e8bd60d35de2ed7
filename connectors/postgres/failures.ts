/**
 * The one translation from what PostgreSQL, node-postgres and the network say into our closed list of
 * failures. Nothing else in this folder looks at an SQLSTATE to decide what happens next, except the
 * isolation of single items (`refusesItem`).
 *
 * Messages carry the SQLSTATE, the name of a constraint and what PostgreSQL itself said, cut short and with
 * quoted values and e-mail addresses blanked. What a trigger or a function says is somebody's own text, and may
 * name anybody, quoted or not: failures are shown in clear, so of that they carry who said it. DETAIL, HINT
 * and CONTEXT are never taken.
 */
import pg from 'pg';
import { type FailureKind, HandoverFailure } from '../../domain/failure.js';

/** SQLSTATE of a statement that waited for a lock for longer than lock_timeout. */
export const LOCK_TIMEOUT = '55P03';

/** SQLSTATE of a statement that was cancelled, by its timeout or by somebody. */
export const TOOK_TOO_LONG = '57014';

interface Rule {
  /** SQLSTATE, or its first two characters. */
  codes: string[];
  kind: FailureKind;
  /** What it means here and what to do; follows "crm: while moving tasks: ". */
  says: string;
}

/** The first rule that fits wins: whole codes stand before their classes. */
const RULES: readonly Rule[] = [
  {
    codes: ['40P01'],
    kind: 'locked',
    says: 'the database ended a deadlock with another session by cancelling us',
  },
  {
    codes: ['40001', '40002'],
    kind: 'locked',
    says: 'another session changed the same rows at the same time',
  },
  {
    codes: ['55P03'],
    kind: 'locked',
    says: 'another session holds a lock on these rows or on the table for longer than lock_timeout',
  },
  { codes: ['55006'], kind: 'locked', says: 'another session is using the table' },
  {
    codes: ['57014'],
    kind: 'transient',
    says: 'the statement was cancelled: it took longer than statement_timeout (see connect.statement_timeout), or somebody cancelled it',
  },
  {
    codes: ['53300'],
    kind: 'transient',
    says: 'the database has no free connection slot: lower our pool size or raise max_connections',
  },
  { codes: ['53'], kind: 'transient', says: 'the database is out of disk space, memory or another resource' },
  {
    codes: ['25P03', '25P04', '57P05'],
    kind: 'transient',
    says: 'the database ended our transaction because it stayed open for too long',
  },
  {
    codes: ['25006'],
    kind: 'transient',
    says: 'the database is read-only at the moment (a standby, or a failover is under way)',
  },
  {
    codes: ['57', '08', '58'],
    kind: 'transient',
    says: 'the database is restarting or the connection broke',
  },
  {
    codes: ['42501'],
    kind: 'credential',
    says: 'our database role lacks a right, or row-level security hides rows from it',
  },
  { codes: ['28'], kind: 'credential', says: 'the database refused our credential' },
  { codes: ['3D000'], kind: 'credential', says: 'the connection names a database that does not exist' },
  {
    codes: ['26000', '42P05'],
    kind: 'configuration',
    says: 'a pooler in transaction mode stands in between: write connect: { pooler: transaction } into the catalog',
  },
  { codes: ['42', '0A', '3F'], kind: 'configuration', says: 'the catalog does not fit the live database' },
  {
    codes: ['23', '22', '44', 'P0', '27', '2F', '38', '39', '09', '21'],
    kind: 'rejected',
    says: 'the database refused the change',
  },
  { codes: ['XX'], kind: 'transient', says: 'the database reported an internal error' },
];

/** Nobody answers at all, as Node says it, and as node-postgres does. */
const NOBODY = /^(ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOENT|timeout expired)/;

export const isUnreachable = (error: unknown): boolean => {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  return NOBODY.test(code ?? message ?? '');
};

/**
 * A connection that has shown itself useless for more than the one statement: to a server that is a standby by
 * now, say. What the statement alone is to blame for is not.
 */
export function connectionIsUseless(error: unknown): boolean {
  return !['rejected', 'locked'].includes(toFailure(error, '', '').kind) && sqlState(error) !== TOOK_TOO_LONG;
}

/** Errors of the socket, as Node and node-postgres report them. */
const NETWORK =
  /ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|terminated|timeout|not queryable|closed/i;

/** What does not pass by itself, though it has no SQLSTATE: code and text of Node and node-postgres. */
const REFUSED: readonly { fits: RegExp; says: string }[] = [
  {
    fits: /server does not support SSL/,
    says: 'the server has no TLS, and the connection asks for it: see sslmode',
  },
  {
    fits: /^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|CERT_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERR_TLS_CERT)/,
    says: "the server's certificate is not one that the connection accepts: see sslmode and sslrootcert",
  },
  {
    fits: /^(ERR_SSL_|ERR_OSSL_|ERR_TLS_|EPROTO)|error establishing an SSL connection/,
    says: 'the server and we agree on no TLS: see sslmode, sslcert and sslkey',
  },
  {
    fits: /SASL|password must be a string/i,
    says: 'the server asks for a password in a way that we cannot answer',
  },
];

/**
 * `doing` continues "crm: while ...", e.g. "moving open tasks". A HandoverFailure passes through as it is.
 */
export function toFailure(error: unknown, system: string, doing: string): HandoverFailure {
  if (error instanceof HandoverFailure) return error;
  const code = sqlState(error);
  if (code === null) {
    const text = error instanceof Error ? error.message : String(error);
    const refused = REFUSED.find(one =>
      one.fits.test(`${(error as { code?: string } | null)?.code} ${text}`),
    );
    if (refused)
      return new HandoverFailure(
        'credential',
        `${system}: while ${doing}: ${refused.says} (${scrub(text)})`,
        {
          cause: error,
        },
      );
    const network = NETWORK.test(text) || NETWORK.test((error as { code?: string } | null)?.code ?? '');
    const says = network
      ? 'the database cannot be reached, or the connection broke'
      : 'something unexpected happened';
    return new HandoverFailure('transient', `${system}: while ${doing}: ${says} (${scrub(text)})`, {
      cause: error,
    });
  }
  const rule = RULES.find(r => r.codes.includes(code)) ?? RULES.find(r => r.codes.includes(code.slice(0, 2)));
  const kind = rule?.kind ?? 'rejected';
  const says = rule?.says ?? 'the database refused';
  return new HandoverFailure(kind, `${system}: while ${doing}: ${says} (${databaseSays(error)})`, {
    cause: error,
  });
}

/** True for errors that one row can cause: worth isolating. Everything else concerns the whole batch. */
export function refusesItem(error: unknown): boolean {
  const code = sqlState(error);
  return code !== null && toFailure(error, '', '').kind === 'rejected';
}

/** True where a fresh look at the live schema may say better what is wrong. */
export function schemaMayHaveDrifted(error: unknown): boolean {
  const code = sqlState(error);
  return code !== null && ['42', '3F', '0A', '22'].includes(code.slice(0, 2)) && code !== '42501';
}

/**
 * What the database said about one item: SQLSTATE, constraint and message, at most 200 characters of it,
 * without values; or the function that said it.
 */
export function databaseSays(error: unknown): string {
  const code = sqlState(error);
  const message = error instanceof Error ? error.message : String(error);
  const constraint =
    error instanceof pg.DatabaseError && error.constraint ? `, constraint ${error.constraint}` : '';
  const speaker = speakerOf(error);
  if (speaker !== null) return `${code}${constraint}, said by ${speaker}`;
  return `${code ?? 'no SQLSTATE'}${constraint}: ${scrub(message)}`;
}

/** The words of somebody's function, for the receipt alone; absent where PostgreSQL itself said it. */
export function wordsOf(error: unknown): { said?: string } {
  return speakerOf(error) === null ? {} : { said: scrub((error as Error).message) };
}

/** Whose words they are: PostgreSQL says in whose function it was. Null = its own. */
function speakerOf(error: unknown): string | null {
  if (!(error instanceof pg.DatabaseError) || !error.where) return null;
  const [, name] = /\bfunction "?([\w.$]+)"?/.exec(error.where) ?? [];
  return name === undefined ? 'a function' : `function ${name}`;
}

export function sqlState(error: unknown): string | null {
  return error instanceof pg.DatabaseError && error.code ? error.code : null;
}

/**
 * Blanks what may be somebody's data; names of tables, columns and constraints after these words are kept,
 * they help to mend it.
 */
const NAMED =
  /\b(constraint|relation|table|column|schema|type|function|operator|role|database|view|trigger|index|policy|sequence|publication|parameter) "[^"]*"/g;

export function scrub(text: string): string {
  const kept: string[] = [];
  const blanked = text
    .replace(/[\r\n]+/g, ' ')
    .replace(NAMED, name => `\u0001${kept.push(name) - 1}\u0002`)
    .replace(/\S+@\S+/g, '…')
    .replace(/"[^"]*"/g, '"…"')
    .replace(/'[^']*'/g, "'…'")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: our own markers, put in three lines above
    .replace(/\u0001(\d+)\u0002/g, (_, index: string) => kept[Number(index)] ?? '');
  return blanked.length > 200 ? `${blanked.slice(0, 199)}…` : blanked;
}
