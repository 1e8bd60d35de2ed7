/**
 * What goes first where workers have more to do than they can. Activities have the priority of their workflow,
 * unless it says otherwise: an execution keeps the one that it was started with for its own tasks, also where
 * it is amended to another departure, and so does the one that goes on from it.
 */

/** Temporal's priority: 1 goes first, 3 is what holds without a word, 5 goes last. */
export interface Priority {
  priorityKey: number;
}

/** A sudden departure waits behind no batch. */
const SUDDEN: Priority = { priorityKey: 1 };
const PLANNED: Priority = { priorityKey: 3 };
/** Sweeps and archives: behind everything that somebody waits for. */
export const LAST: Priority = { priorityKey: 5 };

/** Of an offboarding and the request for it. @param request as it came: nobody has read it yet */
export function priorityOf(request: unknown): Priority {
  const departure = (request as { departure?: unknown } | null | undefined)?.departure;
  return departure === 'unplanned' ? SUDDEN : PLANNED;
}
