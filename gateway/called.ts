/**
 * Which run is meant by what people call it: a workflow id (of what comes after one as well), an offboarding id,
 * or its leaver's directory id, e-mail or login.
 */
import { Problem } from '../client/problem.js';
import { foreignId, kindOf } from '../domain/ids.js';
import type { Called } from '../domain/inquiry.js';
import type { Decider } from '../domain/people.js';
import type { Behind } from './behind.js';

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A workflow id; says nothing about whether it runs. Throws a `Problem` where nobody, or several, are meant. */
export type RunCalled = (given: string) => Promise<string>;

/** Whoever polls a run by its leaver's name asks a worker no more often. */
const REMEMBERED_MS = 5_000;
const MOST_REMEMBERED = 1_000;

export function calledOf(behind: Behind, now: () => number = Date.now): RunCalled {
  const { ids } = behind;
  const known = new Map<string, { at: number; run: Promise<string> }>();

  const byPerson = async (given: string): Promise<string> => {
    if (given.includes('@')) {
      const person = await behind.ask<Decider>({ ask: 'person', who: given });
      return ids.offboarding(person.id);
    }
    return byWord(behind, given);
  };

  return async given => {
    if (UUID.test(given)) return behind.workflowOf(given.toLowerCase());
    if (given.includes('/')) {
      const foreign = foreignId(ids, given);
      if (foreign) throw new Problem('usage', foreign);
      if (!kindOf(ids, given))
        throw new Problem(
          'usage',
          `"${given}" is no offboarding: they are called ${ids.offboarding('<directory id>')}, sweeps ${ids.sweep('<offboarding id>')}, and give-backs ${ids.giveBack('<offboarding id>')}.`,
        );
      return given;
    }
    if (given.startsWith('id:')) return ids.offboarding(given.slice(3));
    const before = known.get(given);
    if (before && now() - before.at < REMEMBERED_MS) return before.run;
    const run = byPerson(given);
    known.delete(given);
    known.set(given, { at: now(), run });
    if (known.size > MOST_REMEMBERED) known.delete(known.keys().next().value!);
    run.catch(() => known.delete(given));
    return run;
  };
}

/** One person's id may be another one's login: nobody guesses. */
async function byWord(behind: Behind, word: string): Promise<string> {
  const { ids } = behind;
  const asId = ids.offboarding(word);
  let found: Called[];
  try {
    found = await behind.ask<Called[]>({ ask: 'called', word });
  } catch (error) {
    // Without its directory an id still names its run; a login cannot be looked up then.
    if (!(error instanceof Problem) || error.kind !== 'out-of-reach') throw error;
    const isThere = await behind.offboardingOf(asId).then(
      () => true,
      () => false,
    );
    if (isThere) return asId;
    throw error;
  }
  if (found.length > 1) {
    const candidates = found.map(({ id, name }) => `${name} (id:${id})`).join(' or ');
    throw new Problem('usage', `"${word}" may be ${candidates}. Say which: id:<directory id>.`);
  }
  // Whom the directory has forgotten, Temporal or the store may know.
  return ids.offboarding(found[0]?.id ?? word);
}
