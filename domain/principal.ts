/**
 * Principals: whom Temporal itself let in when it took a signal, as its own event says. A server that passes
 * them on proves by that whose a decision is, unless something in the history says that it does not: then the
 * decision stays a claim, and the doubt is a sentence. How a history is read stands elsewhere
 * (`activities/principals.ts`).
 */

/** How principals are understood here. */
export interface Principals {
  /** What a principal's name is in the directory; compared letter by letter. */
  person: 'id' | 'email' | 'login';
  /** Names of the workers' own principals: they are never people. */
  workers: readonly string[];
}

export interface Principal {
  /** `jwt` for whoever came with a token of their own. */
  type: string;
  name: string;
}

/** Where a signal stands in the history of the execution that took it. */
export interface SignalPlace {
  /** It is the n-th of its name in this execution; the first is 1. */
  nth: number;
  /** See `contentOf`: what was judged is what stands there. */
  content: string;
}

/** An event of a history, as far as it says who did what. */
export type Trace = { id: number; by: Principal | null } & (
  | { kind: 'signal'; name: string; fromWorkflow: boolean /** As it travels. */; payload: unknown }
  /** A workflow task that a reset ended: signals that follow were sent again, by whoever reset the run. */
  | { kind: 'reset' }
  /** A workflow task was scheduled: what a reset sends again comes before. */
  | { kind: 'scheduled' }
  /** The result of a workflow task or of an activity. */
  | { kind: 'worked' }
);

type Signal = Extract<Trace, { kind: 'signal' }>;

/** Of a signal that is another one than what was judged, or none. */
export const NOT_THERE = 'the history of this run has no such signal in its place';

/** What type of principal a person's token makes. */
const PERSONAL = 'jwt';

/**
 * Who sent this signal, by Temporal's own word, and what stands in its place; or why it does not say, as a
 * clause that follows "because".
 */
export function senderOf(
  history: readonly Trace[],
  { name, nth }: { name: string; nth: number },
  principals: Principals,
): { event: number; principal: string; payload: unknown } | { doubt: string } {
  const { workers } = principals;
  const signal = history.filter(trace => trace.kind === 'signal' && trace.name === name)[nth - 1] as
    | Signal
    | undefined;
  if (!signal) return { doubt: NOT_THERE };
  const { id: event, by, payload } = signal;
  if (signal.fromWorkflow) return { doubt: 'a workflow sent it, and no person' };
  if (isSentAgain(history, signal))
    return { doubt: 'a reset of this run sent it again, and Temporal names whoever reset it' };
  if (!by) return { doubt: 'Temporal does not say who sent it' };
  if (!isPersonal(by)) return { doubt: `Temporal says "${by.type}/${by.name}" sent it, which is no person` };
  if (workers.includes(by.name)) return { doubt: `Temporal says a worker sent it ("${by.name}")` };
  const foreign = foreignWork(history, principals);
  return foreign === null ? { event, principal: by.name, payload } : { doubt: foreign };
}

/**
 * Whoever may poll can answer in a worker's place, and say that anything is proved. Why nothing is believed of a
 * run with this history, as a clause without names; null = all work on it was the workers' own.
 */
export function foreignWork(history: readonly Trace[], { workers }: Principals): string | null {
  const isOurs = ({ by }: Trace): boolean => by !== null && isPersonal(by) && workers.includes(by.name);
  const foreign = history.find(trace => trace.kind === 'worked' && !isOurs(trace));
  if (!foreign) return null;
  return foreign.by
    ? `event ${foreign.id} of this run's history is the work of somebody who is no worker of the configuration`
    : `Temporal does not say who did the work of event ${foreign.id} of this run's history`;
}

function isPersonal({ type, name }: Principal): boolean {
  return type === PERSONAL && name !== '';
}

/** Between a task that a reset ended and the next one that is scheduled there is nothing but what it sent again. */
function isSentAgain(history: readonly Trace[], signal: Signal): boolean {
  const before = history.slice(0, history.indexOf(signal));
  const last = before.findLast(({ kind }) => kind === 'reset' || kind === 'scheduled');
  return last?.kind === 'reset';
}
