/**
 * Logs of a deployed process: a JSON line per event on standard output, readable lines on a terminal.
 * Passwords in URLs never get out.
 */
import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

/** `postgres://user:secret@host/db` becomes `postgres://user:***@host/db`, wherever it stands in a text. */
export function withoutPasswords(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s/?#:@"']*):[^\s/?#"']*@/gi, '$1:***@');
}

export function openLog(out: NodeJS.WriteStream = process.stdout, level = 'info'): Logger {
  const lines = { write: (text: string) => out.write(text) };
  const target = out.isTTY
    ? pretty({ destination: lines as never, ignore: 'pid,hostname', sync: true })
    : lines;
  // Over the finished line, so that nothing an error or a library says can slip by.
  const careful: DestinationStream = { write: line => target.write(withoutPasswords(line)) };
  const words = { level: (label: string) => ({ level: label }) };
  return pino(
    { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime, formatters: words },
    careful,
  );
}
