/**
 * Where a command writes: lines for people or JSON for programs on stdout, everything else on stderr. Names
 * and titles come from other systems, so whatever is printed is cleaned here, in one place.
 */
import pc from 'picocolors';

export interface Stream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface Io {
  stdout: Stream;
  stderr: Stream;
  env: NodeJS.ProcessEnv;
  cwd: string;
}

export type Colours = ReturnType<typeof pc.createColors>;

export class Terminal {
  readonly colours: Colours;
  readonly isTTY: boolean;

  constructor(
    readonly io: Io,
    /** Programs read stdout: JSON and nothing else. */
    readonly wantsJson: boolean,
  ) {
    const { env, stdout } = io;
    this.isTTY = stdout.isTTY === true && env.TERM !== 'dumb';
    this.colours = pc.createColors(this.isTTY && !env.NO_COLOR && !wantsJson);
  }

  /** A line for people; with --json it is left out. */
  say(line = ''): void {
    if (!this.wantsJson) this.io.stdout.write(`${line}\n`);
  }

  /** One JSON value on a line of its own. */
  json(value: unknown): void {
    if (this.wantsJson) this.io.stdout.write(`${toJson(value)}\n`);
  }

  warn(line: string): void {
    this.io.stderr.write(`${line}\n`);
  }

  get columns(): number {
    return this.io.stdout.columns ?? 120;
  }
}

/** JSON that is as harmless on a terminal; it parses to the same value. */
function toJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, Math.max(1, length - 1))}…` : text;
}
