/**
 * Logs of a deployed process: a JSON line per event on standard output, readable lines on a terminal. What the
 * process was given to connect with never gets out, whoever says it: the values are known, and are looked for.
 */
import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { secretsIn } from '../domain/address.js';

export type { Logger };

/** Takes every one of these connections and their passwords out of a text, also as they stand in JSON. */
export function withoutSecrets(connections: readonly string[]): (text: string) => string {
  const known = new Set(connections.flatMap(secretsIn));
  const written = [...known].flatMap(secret => [secret, JSON.stringify(secret).slice(1, -1)]);
  const all = [...new Set(written)].sort((a, b) => b.length - a.length);
  return text => all.reduce((left, secret) => left.replaceAll(secret, '***'), text);
}

/** @param connections whatever this process was given to connect with */
export function openLog(
  out: NodeJS.WriteStream = process.stdout,
  level = 'info',
  connections: readonly string[] = [],
): Logger {
  const clean = withoutSecrets(connections);
  const lines = { write: (text: string) => out.write(text) };
  const target = out.isTTY
    ? pretty({ destination: lines as never, ignore: 'pid,hostname', sync: true })
    : lines;
  // Over the finished line, so that nothing an error or a library says can slip by.
  const careful: DestinationStream = { write: line => target.write(clean(line)) };
  const words = { level: (label: string) => ({ level: label }) };
  return pino(
    { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime, formatters: words },
    careful,
  );
}
