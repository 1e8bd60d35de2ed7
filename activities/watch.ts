/** Looks whether somebody has done by hand what a run waits for. Only reads the target, and takes no long. */
import { accountsIn, existing } from '../domain/accounts.js';
import { HandoverFailure } from '../domain/failure.js';
import { deactivateId, type Plan } from '../domain/plan.js';
import { keysOf } from '../store/keys.js';
import { whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { planOf, readAll } from './look.js';

export interface WatchInput {
  /** Digest of the plan. */
  plan: string;
  /** What is open, as it is acknowledged: ids of manual steps, or of switches by hand. */
  subjects: string[];
}

export interface Watched {
  /** Those that the system shows as done. */
  done: string[];
  /** The digest of no keys at all: what comes again has been seen by nobody. */
  nothing: string;
  /** Why a system did not answer: it says neither. */
  problem: string | null;
}

export async function lookIfDone(deps: Deps, { plan: digest, subjects }: WatchInput): Promise<Watched> {
  const plan = await planOf(deps, digest);
  const done: string[] = [];
  let problem: string | null = null;
  for (const subject of subjects) {
    try {
      if (await isDone(deps, plan, subject)) done.push(subject);
    } catch (error) {
      if (!(error instanceof HandoverFailure)) throw error;
      problem ??= error.message;
    }
  }
  const nothing = await deps.store.manifests.freeze(keysOf([]));
  return { done, nothing: nothing.digest, problem };
}

async function isDone(deps: Deps, plan: Plan, subject: string): Promise<boolean> {
  const { system } = plan.systems.find(one => subject.startsWith(`${one.system}/`))!;
  const connector = await deps.systems.get(system);
  const accounts = accountsIn(plan.accounts, system);
  if (subject === deactivateId(system))
    return (await readAll(deps, connector, existing(accounts))).every(({ active }) => !active);
  const { category } = plan.steps.find(({ id }) => id === subject)!;
  const [held] = await connector.inventory(accounts, [category], whenAbandoned());
  if (!held?.complete) throw new HandoverFailure('rejected', held?.problem ?? `${subject} was not read.`);
  return held.count === 0;
}
