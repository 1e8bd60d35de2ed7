/** Asks the system whether something is done there: of the account as it was read, or by a call of its own. */
import type { EndingSpec } from './catalog.js';
import { isSo } from './condition.js';
import type { Target } from './target.js';

/**
 * False where nothing can show it. Throws where the system does not answer: that says neither.
 * @param raw the account as the system writes it
 */
export async function isSeen(
  target: Target,
  { until, observe }: EndingSpec,
  { id, raw }: { id: string; raw: unknown },
  doing: string,
  signal?: AbortSignal,
): Promise<boolean> {
  if (until !== undefined) return isSo(raw, until);
  if (observe === undefined) return false;
  const call = { spec: observe, filling: { values: { user: id } }, doing };
  const { body } = await target.client.demand(call, signal);
  return saysSomething(body) && isSo(body, observe.until);
}

/** An answer without anything in it would fulfil every condition that something is not there. */
const saysSomething = (body: unknown): boolean =>
  body !== undefined &&
  body !== null &&
  (typeof body !== 'object' || Array.isArray(body) || Object.keys(body).length > 0);
