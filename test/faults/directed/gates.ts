import { Context } from '@temporalio/activity';
import { expect } from 'vitest';

/**
 * Doors before and behind activities: a test closes one, waits until somebody stands at it, does its
 * mischief, and opens it again.
 */
type Verb = (input: never) => Promise<unknown>;
export type Side = 'before' | 'after';

export interface Gate {
  /** Settles when an activity has come to the door. */
  arrived: Promise<void>;
  open(): void;
  /** Opens it, and whoever stood there fails: what they have done is done, and nobody gets to know. */
  lose(): void;
}

export class Gates {
  #closed: { name: string; side: Side; passing: number; arrive: () => void; opened: Promise<void> }[] = [];
  #open: (() => void)[] = [];
  #inside = 0;
  /** True: whoever is held lies still, as under SIGSTOP. */
  frozen = false;

  /** For a worker's `wrap`. `after`: the effect is done and recorded, Temporal does not know yet. */
  readonly wrap = (activities: object): object =>
    Object.fromEntries(
      Object.entries(activities as Record<string, Verb>).map(([name, verb]) => [
        name,
        async (input: never) => {
          this.#inside++;
          try {
            await this.#pass(name, 'before');
            const result = await verb(input);
            await this.#pass(name, 'after');
            return result;
          } finally {
            this.#inside--;
          }
        },
      ]),
    );

  /** Holds the `nth` activity of this name from now on; earlier and later ones pass. */
  close(name: string, side: Side, nth = 1): Gate {
    let arrive!: () => void;
    let open!: () => void;
    let lose!: () => void;
    const arrived = new Promise<void>(resolve => {
      arrive = resolve;
    });
    const opened = new Promise<void>((resolve, reject) => {
      open = resolve;
      lose = () => reject(new Error('the answer was lost'));
    });
    this.#closed.push({ name, side, passing: nth - 1, arrive, opened });
    this.#open.push(open);
    return { arrived, open, lose };
  }

  /** Nobody is held any more. */
  openAll(): void {
    this.#closed = [];
    for (const open of this.#open.splice(0)) open();
  }

  /** Until no activity is under way any more, neither a held one nor any other. */
  async quiet(): Promise<void> {
    await expect.poll(() => this.#inside, { timeout: 30_000, interval: 50 }).toBe(0);
  }

  async #pass(name: string, side: Side): Promise<void> {
    const gate = this.#closed.find(one => one.name === name && one.side === side);
    if (!gate) return;
    if (gate.passing-- > 0) return;
    this.#closed = this.#closed.filter(one => one !== gate);
    gate.arrive();
    // Whoever is held is alive, and Temporal tells them with a heartbeat's answer that they no longer count;
    // the frozen hear nothing.
    const context = Context.current();
    const alive = setInterval(() => {
      if (!this.frozen) context.heartbeat();
    }, 200);
    await gate.opened.finally(() => clearInterval(alive));
  }
}
