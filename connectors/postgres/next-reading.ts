import { unlessAborted } from './deadlines.js';

/**
 * One reading for everybody who asks before it begins: what is asked of a database in general, by many runs
 * at once. Nobody gets what was read before they asked.
 */
export class NextReading<T> {
  #running: Promise<unknown> | null = null;
  #next: Promise<T> | null = null;

  /** @param read is nobody's in particular, so that nobody's cancellation ends it */
  constructor(private readonly read: () => Promise<T>) {}

  /** A reading that begins after this call; an abort leaves it to the others. */
  ask(signal?: AbortSignal): Promise<T> {
    return unlessAborted(this.#reading(), signal);
  }

  #reading(): Promise<T> {
    if (!this.#running) return this.#begin();
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<T> {
    const reading = this.read();
    const running = reading.then(
      () => {},
      () => {},
    );
    this.#running = running;
    void running.then(() => {
      if (this.#running === running) this.#running = null;
    });
    return reading;
  }
}
