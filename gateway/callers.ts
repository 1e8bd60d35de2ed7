/**
 * Who is asking. A credential says which person it is; what that person is by now, the directory says, asked
 * through a worker and remembered for seconds: somebody who is switched off has nothing any more.
 */
import { Problem } from '../client/problem.js';
import type { Decider } from '../domain/people.js';
import type { Behind } from './behind.js';
import { type Caller, type Known, rolesOf } from './roles.js';

/** Recognises a bearer credential; null = it is not one of its own. */
export type Recognise = (bearer: string) => Promise<Caller | null>;

/** No credential, or one that nobody knows (any more). */
export class Stranger extends Error {
  override readonly name = 'Stranger';
}

export interface Callers {
  /**
   * Whose credential it is, without asking the directory. Throws `Stranger` where nobody is recognised.
   * @param header the whole Authorization header
   */
  bearer(header: string | undefined): Promise<Caller>;
  /** What they are, as the directory says. Throws a `Problem`, out of reach where no worker answers. */
  known(caller: Caller): Promise<Known>;
}

/** So long somebody may still look after they were switched off; decisions are judged afresh by workers. */
const REMEMBERED_MS = 5_000;
const MOST_REMEMBERED = 1_000;

export function callersOf(
  behind: Pick<Behind, 'ask'>,
  ways: readonly Recognise[],
  now: () => number = Date.now,
): Callers {
  const people = new Map<string, { at: number; person: Promise<Decider> }>();

  const lookUp = (who: string): Promise<Decider> => {
    const before = people.get(who);
    if (before && now() - before.at < REMEMBERED_MS) return before.person;
    const person = behind.ask<Decider>({ ask: 'person', who });
    people.delete(who);
    people.set(who, { at: now(), person });
    if (people.size > MOST_REMEMBERED) people.delete(people.keys().next().value!);
    person.catch(() => people.delete(who));
    return person;
  };

  const known = async (caller: Caller): Promise<Known> => {
    if (caller.person === null) return { ...caller, roles: caller.roles as Known['roles'], as: null };
    const as = await lookUp(caller.person).catch((error: unknown) => {
      if (error instanceof Problem && error.kind !== 'out-of-reach')
        throw new Problem('refused', `The ${caller.name} is nobody's: ${error.message}`, { cause: error });
      throw error;
    });
    return { ...caller, as, roles: caller.roles === 'directory' ? rolesOf(as) : caller.roles };
  };

  const bearer = async (header: string | undefined): Promise<Caller> => {
    const given = /^Bearer +([\x21-\x7e]{8,8192})$/i.exec(header ?? '')?.[1];
    if (!given)
      throw new Stranger(
        header === undefined
          ? 'Say who you are: send "Authorization: Bearer <token>".'
          : 'The Authorization header is no "Bearer <token>".',
      );
    let away: Problem | null = null;
    for (const recognise of ways) {
      try {
        const caller = await recognise(given);
        if (caller) return caller;
      } catch (error) {
        // One way in that is out of order closes no other.
        if (!(error instanceof Problem) || error.kind !== 'out-of-reach') throw error;
        away ??= error;
      }
    }
    if (away) throw away;
    throw new Stranger('That token is not known here, or no longer valid.');
  };

  return { known, bearer };
}
