/**
 * What `demo` and `dev` print on: marks, colours where they are wanted, and one line that says what is going
 * on right now.
 */
import { relative } from 'node:path';
import type { Writable } from 'node:stream';
import pc from 'picocolors';

export interface Screen {
  readonly live: boolean;
  line(text?: string): void;
  /** A note that matters less, e.g. that a port was taken. */
  note(text: string): void;
  /** Says what is being done; the answer says that it is done, with how long it took. */
  busy(text: string): (done?: string) => void;
  /** What one sees of the running work; replaced by the next line. Nothing where nobody watches live. */
  flash(text: string): void;
  title(number: number, text: string): void;
  colours: typeof pc;
  /** The last word has been said: what was under way says no more. */
  hush(): void;
}

const INDENT = '   ';

export function screenOn(out: Writable & { isTTY?: boolean; columns?: number } = process.stdout): Screen {
  const live = Boolean(out.isTTY);
  let flashed = '';
  let silent = false;
  const width = (): number => out.columns ?? 100;
  const clear = (): void => {
    if (flashed) out.write('\r\x1b[2K');
  };
  const redraw = (): void => {
    if (flashed) out.write(pc.dim(flashed.slice(0, width() - 1)));
  };
  const line = (text = ''): void => {
    if (silent) return;
    clear();
    out.write(`${text}\n`);
    redraw();
  };
  const flash = (text: string): void => {
    if (!live || silent) return;
    clear();
    flashed = text;
    redraw();
  };
  return {
    live,
    line,
    note: text => line(pc.dim(`${INDENT}${text}`)),
    flash,
    busy(text) {
      const started = Date.now();
      const seconds = (): string => ((Date.now() - started) / 1000).toFixed(1);
      const draw = (): void => flash(`${INDENT}${text} ... ${seconds()} s`);
      draw();
      const timer = live ? setInterval(draw, 200) : undefined;
      return done => {
        clearInterval(timer);
        flash('');
        if (done) line(`${INDENT}${pc.green('✓')} ${done} ${pc.dim(`${seconds()} s`)}`);
      };
    },
    title(number, text) {
      line();
      line(`${pc.cyan(pc.bold(String(number)))}  ${pc.bold(text)}`);
    },
    colours: pc,
    hush() {
      flash('');
      silent = true;
    },
  };
}

/** Everything under a title stands behind this. */
export function indented(text: string): string {
  return `${INDENT}${text}`;
}

/**
 * Words in columns, so that a list of counts reads as a table: [["6,000", "open tasks", "Mei"]]. The first
 * column is numbers.
 */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map(row => row[n]!.length)));
  return rows.map(row =>
    row
      .map((cell, n) =>
        n === 0 ? cell.padStart(widths[n]!) : n === row.length - 1 ? cell : cell.padEnd(widths[n]!),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** A path as people type it: relative where that is shorter. */
export function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.length < path.length && !short.startsWith('..') ? short || '.' : path;
}
