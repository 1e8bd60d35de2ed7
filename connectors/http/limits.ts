/**
 * When the next call may be sent: so many at a time, so many in a time by the whole fleet, none while the
 * system has asked for a pause, and none that would use up what others live on as well (budget headers).
 */
import { randomUUID } from 'node:crypto';
import type { Budgets, Pace } from '../catalog/budgets.js';
import { millisecondsOf } from '../duration.js';
import type { HttpCatalog } from './catalog.js';
import { pause } from './pause.js';

/** Of a pause that others have caused a worker hears after this long at the latest. */
const ASK_AGAIN_MS = 500;
/** Without a word on how long: so long at first, twice as long each time after that. */
const BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 60_000;

/** What a call is for: only one that writes has a moment after which it is not begun. */
type Errand = 'read' | 'write';

export class Limits {
  readonly #places: Places;
  /** Turns are given out one after the other: nobody goes on a turn that somebody else still waits for. */
  readonly #line = new Places(1);
  readonly #rates: readonly { name: string; pace: Pace; ready: number; until: number }[];
  #asked = 0;
  #pausedUntil = 0;
  #throttles = 0;

  constructor(
    private readonly spec: HttpCatalog['limits'],
    private readonly budgets: Budgets,
  ) {
    this.#places = new Places(spec.concurrency);
    this.#rates = spec.rate.map(({ requests, per }) => ({
      name: `${requests}/${per}`,
      pace: paceOf(requests, millisecondsOf(per)),
      ready: 0,
      until: 0,
    }));
  }

  /** Calls per millisecond at most; null where the catalog says nothing. */
  get pace(): number | null {
    const paces = this.#rates.map(({ pace }) => 1 / pace.everyMs);
    return paces.length > 0 ? Math.min(...paces) : null;
  }

  /**
   * Waits until it is our turn, does the call, and gives the place back.
   * @param until of a call that writes: it is not begun after this moment, and null is answered then
   */
  async within<T>(
    group: string | undefined,
    call: () => Promise<T>,
    signal: AbortSignal | undefined,
    until?: number,
  ): Promise<T | null> {
    const back = await this.#places.take(signal, until === undefined ? 'read' : 'write');
    try {
      const end = until ?? Number.POSITIVE_INFINITY;
      if (!(await this.#inLine(signal, end))) return null;
      if (group === undefined) return await call();
      return await this.#alone(group, call, signal, end);
    } finally {
      back();
    }
  }

  /** The system has asked us to wait, or has only said that it is too much: nobody calls meanwhile. */
  async throttled(waitMs: number | null): Promise<number> {
    const backoff = Math.min(LONGEST_BACKOFF_MS, BACKOFF_MS * 2 ** this.#throttles);
    this.#throttles = Math.min(this.#throttles + 1, 10);
    const ms = waitMs ?? Math.round(backoff * (0.75 + Math.random() / 2));
    await this.#pause(ms);
    return ms;
  }

  /** An answer that was none of that: what it says of a budget is heeded. */
  async heard(headers: Readonly<Record<string, string>>): Promise<void> {
    this.#throttles = 0;
    const { budget } = this.spec;
    if (!budget) return;
    const left = leftOf(budget, headers);
    if (left === null || left.share >= Number(budget.keep_free.replace('%', '')) / 100) return;
    const reset = budget.reset && Number(headers[budget.reset.header.toLowerCase()]);
    const unit = budget.reset?.unit ?? 's';
    const ms =
      reset === undefined || !Number.isFinite(reset)
        ? LONGEST_BACKOFF_MS
        : unit === 'epoch'
          ? reset * 1_000 - Date.now()
          : unit === 's'
            ? reset * 1_000
            : reset;
    await this.#pause(Math.max(0, ms));
  }

  async #pause(ms: number): Promise<void> {
    this.#pausedUntil = Math.max(this.#pausedUntil, Date.now() + ms);
    await this.budgets.pause(ms);
  }

  async #inLine(signal: AbortSignal | undefined, until: number): Promise<boolean> {
    const next = await this.#line.take(signal);
    try {
      return await this.#turn(signal, until);
    } finally {
      next();
    }
  }

  async #turn(signal: AbortSignal | undefined, until: number): Promise<boolean> {
    for (const one of this.#rates) {
      if (one.ready <= 0 || one.until < Date.now()) {
        // A few at a time, so that a fast system does not cost a question to the store for each call.
        one.ready = Math.min(10, one.pace.burst);
        const ms = await this.budgets.take(one.name, one.pace, one.ready);
        one.until = Date.now() + ms + 1_000;
        if (!(await wait(ms, signal, until))) return false;
      }
      one.ready -= 1;
    }
    for (;;) {
      const now = Date.now();
      if (now - this.#asked > ASK_AGAIN_MS) {
        this.#asked = now;
        this.#pausedUntil = Math.max(this.#pausedUntil, now + (await this.budgets.paused()));
      }
      if (this.#pausedUntil <= Date.now()) return Date.now() <= until;
      if (!(await wait(this.#pausedUntil - Date.now(), signal, until))) return false;
    }
  }

  /** In a group whose calls get in each other's way, wherever they come from. */
  async #alone<T>(
    group: string,
    call: () => Promise<T>,
    signal: AbortSignal | undefined,
    until: number,
  ): Promise<T | null> {
    const places = this.spec.groups[group] ?? 1;
    const holder = randomUUID();
    for (let ms = 20; !(await this.budgets.enter(group, places, holder, HELD_MS)); ms *= 1.5)
      if (!(await wait(Math.min(ms, 1_000), signal, until))) return null;
    try {
      return await call();
    } finally {
      await this.budgets.leave(group, holder);
    }
  }
}

/** A tenth may come at once, and the rest evenly: in no stretch of that length are there more than so many. */
function paceOf(requests: number, perMs: number): Pace {
  const burst = Math.max(1, Math.floor(requests / 10));
  return { burst, everyMs: perMs / Math.max(1, requests - burst) };
}

/** Longer than any call takes: only who has died holds a place for so long. */
const HELD_MS = 5 * 60_000;

async function wait(ms: number, signal: AbortSignal | undefined, until: number): Promise<boolean> {
  if (Date.now() + ms > until) return false;
  await pause(ms, signal);
  return true;
}

function leftOf(
  { remaining, limit, usage }: NonNullable<HttpCatalog['limits']['budget']>,
  headers: Readonly<Record<string, string>>,
): { share: number } | null {
  const number = (name: string | undefined): number =>
    name === undefined ? Number.NaN : Number.parseFloat(headers[name.toLowerCase()] ?? '');
  if (usage !== undefined) {
    const [, used, of] = /(\d+)\s*\/\s*(\d+)/.exec(headers[usage.toLowerCase()] ?? '') ?? [];
    return used === undefined || Number(of) === 0 ? null : { share: 1 - Number(used) / Number(of) };
  }
  const left = number(remaining);
  const all = number(limit);
  if (Number.isNaN(left)) return null;
  // Without a limit beside it, the last call is the one that is left to others.
  return Number.isNaN(all) || all === 0 ? { share: left > 1 ? 1 : 0 } : { share: left / all };
}

/**
 * So many places. Who waits is served in turn, and of those who read and those who write in alternation: a
 * batch whose last item was sent would otherwise wait until every item of the next one is, to be read again.
 */
class Places {
  #free: number;
  #last: Errand = 'write';
  readonly #waiting: Record<Errand, (() => void)[]> = { read: [], write: [] };

  constructor(count: number) {
    this.#free = count;
  }

  async take(signal?: AbortSignal, errand: Errand = 'read'): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>(resolve => this.#waiting[errand].push(resolve));
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#next();
      if (next) next();
      else this.#free += 1;
    };
  }

  #next(): (() => void) | undefined {
    const { read, write } = this.#waiting;
    const turn: Errand = this.#last === 'write' ? 'read' : 'write';
    this.#last = this.#waiting[turn].length > 0 ? turn : this.#last;
    return this.#waiting[turn].shift() ?? read.shift() ?? write.shift();
  }
}
