/**
 * Attempts that die at an effect. A dead attempt does nothing more: whatever it would have gone on with never
 * comes back to it, and Temporal hears that it is gone and gives the activity to another attempt, as it does
 * when a worker process is killed.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Systems } from '../../activities/deps.js';
import type { Connector, Effects, Witness } from '../../connectors/connector.js';
import { listOf } from '../../connectors/keys.js';
import type { Work } from '../../domain/effect.js';

/**
 * Where the attempt dies: before the effect; when its intent is durable and nothing was sent; when it has
 * happened and its answer has not been heard; when the answer was heard and nobody was told; when the whole
 * activity is done and its result is lost.
 */
export const POINTS = ['before', 'intended', 'happened', 'answered', 'result-lost'] as const;
export type Point = (typeof POINTS)[number];

interface Attempt {
  dead: boolean;
  die(): void;
}

/** Every effect, and every activity that has had one, dies once at this point. */
export class Crashes {
  /** The effects and activities that have died. */
  readonly died = new Set<string>();
  readonly #attempts = new AsyncLocalStorage<Attempt>();

  constructor(readonly point: Point) {}

  activities<T extends object>(activities: T): T {
    return Object.fromEntries(
      Object.entries(activities as Record<string, (input: unknown) => Promise<unknown>>).map(
        ([name, verb]) => [
          name,
          async (input: unknown) => {
            let die = () => {};
            const death = new Promise<never>((_, reject) => {
              die = () => reject(new Error('the worker is gone'));
            });
            const attempt: Attempt = { dead: false, die };
            const result = await Promise.race([this.#attempts.run(attempt, () => verb(input)), death]);
            const changes =
              name === 'runSteps' ||
              name === 'deactivate' ||
              name === 'blockAccess' ||
              name === 'restoreAccess';
            const what = `${name} ${JSON.stringify(input)}`;
            if (this.point === 'result-lost' && changes && !this.died.has(what)) {
              this.died.add(what);
              throw new Error('the worker is gone');
            }
            return result;
          },
        ],
      ),
    ) as T;
  }

  /** From now on the connectors behind these systems die, too. */
  install(systems: Systems): void {
    const open = systems.get.bind(systems);
    systems.get = async system => this.#dying(await open(system));
  }

  #dying(connector: Connector): Connector {
    const { system } = connector;
    const apply: Effects['apply'] = async (work, witness, signal) => {
      if (this.#dies('before', system, work)) return never();
      const dying: Witness = {
        intend: async intent => {
          await witness.intend(intent);
          // With a process its connections are gone: what it had begun and not made final comes to nothing.
          if (this.#dies('intended', system, work)) throw new Error('the worker is gone');
        },
      };
      const done = await connector.apply(work, dying, signal).catch(error => {
        if (this.#attempts.getStore()?.dead) return never();
        throw error;
      });
      if (this.#dies('happened', system, work) || this.#dies('answered', system, work)) return never();
      return done;
    };
    return { ...connector, apply };
  }

  /** Does the attempt die here, for the first time that this effect passes, or is it dead already? */
  #dies(point: Point, system: string, work: Work): boolean {
    const attempt = this.#attempts.getStore();
    const what = nameOf(system, work);
    if (attempt && point === this.point && !this.died.has(what)) {
      this.died.add(what);
      attempt.dead = true;
      attempt.die();
    }
    return attempt?.dead ?? false;
  }
}

/** Whoever is dead goes no further. */
const never = (): Promise<never> => new Promise(() => {});

function nameOf(system: string, work: Work): string {
  return work.kind === 'access'
    ? `${system} ${work.verb} ${JSON.stringify(work.account.identities)}`
    : `${system}/${work.category} ${listOf(work.keys)[0]}`;
}
