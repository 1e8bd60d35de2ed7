/**
 * Whose run it is, as the stored plan of it knows them: also when no worker answers, and when Temporal and the
 * directory have forgotten both.
 */
import { isSame, markOf, marksOf, type Participant } from '../domain/people.js';
import type { Plan } from '../domain/plan.js';
import { sha256 } from '../store/digest.js';

/** Somebody as a credential names them: `id:17`, an e-mail or a login. */
export function namedAs(who: string): Participant {
  if (who.startsWith('id:')) return { id: who.slice(3), name: who, human: who.slice(3) };
  return {
    id: `as ${who}`,
    name: who,
    human: `as ${who}`,
    marks: marks(who.includes('@') ? 'email' : 'login', who),
  };
}

/** Are they the leaver of these plans, by the directory's id, or by what any account of the leaver was called? */
export function isLeaverOf(plans: readonly Plan[], who: Participant): boolean {
  return plans.some(({ leaver, accounts }) => {
    const values = accounts.flatMap(system =>
      system.accounts.flatMap(one => Object.values(one.identities).flat()),
    );
    // A bare number is one thing here and another there: it identifies nobody.
    const names = [...new Set(values)].filter(value => !/^\d+$/.test(value));
    const known = names.flatMap(value => [...marks('email', value), ...marks('login', value)]);
    return isSame({}, who, { ...leaver, marks: known });
  });
}

function marks(by: 'email' | 'login', value: string): string[] {
  return marksOf([{ by, value }]).map(mark => markOf(sha256(mark)));
}
