/**
 * The line in front of a system's connections: first come, first served. Whoever stands in it holds nothing
 * of the same system, and leaves it when the time is over or nobody wants the work any more.
 */
export class Line {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(readonly places: number) {
    this.#free = places;
  }

  /**
   * Resolves when a place is free; what it gives is called to free it again, once. Null when none was free in
   * time. @throws the signal's reason
   */
  async enter(ms: number, signal?: AbortSignal): Promise<(() => void) | null> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return () => this.#leave();
    }
    const served = await this.#wait(ms, signal);
    if (served) return () => this.#leave();
    signal?.throwIfAborted();
    return null;
  }

  #wait(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise(resolve => {
      const end = (served: boolean): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', giveUp);
        resolve(served);
      };
      const mine = (): void => end(true);
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(mine), 1);
        end(false);
      };
      const timer = setTimeout(giveUp, ms);
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(mine);
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
