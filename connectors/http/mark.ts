/**
 * The mark of an effect: what it is called, how it is compared with what others do, and the moment from which
 * its time runs. Nobody can be asked about a call without an answer, so time decides: what is not sent by half
 * of it is not sent any more, and by its end a call has landed, or never will.
 */
import { randomUUID } from 'node:crypto';
import type { Intended, Intent } from '../../domain/effect.js';
import type { Witness } from '../connector.js';
import type { Target } from './target.js';

/** `etag`, `version`: the system itself refuses what was changed meanwhile. `read`: we read it just before. */
export type Compared = 'etag' | 'version' | 'read';

const SAYS: Record<Compared, string> = {
  etag: 'compared by ETag',
  version: 'compared by version',
  read: 'compared by reading just before',
};

export function newMark(compared: Compared): string {
  return `call ${randomUUID()} ${SAYS[compared]} of ${new Date().toISOString()}`;
}

function markedAt({ mark }: Pick<Intended, 'mark'>): number {
  return Date.parse(mark.slice(mark.lastIndexOf(' ') + 1));
}

/** After this nothing of the effect is sent any more. */
export const lastSend = (target: Target, intent: Pick<Intended, 'mark'>): number =>
  markedAt(intent) + target.landsWithinMs / 2;

/** By then every call of the effect has landed, or never will. */
export const landed = (target: Target, intent: Pick<Intended, 'mark'>): number =>
  markedAt(intent) + target.landsWithinMs;

/** From here on the effect may be under way: nothing may be sent before the witness has it. */
export async function intended(
  target: Target,
  witness: Witness,
  signal: AbortSignal | undefined,
  about: Pick<Intent, 'took' | 'owners'> & Partial<Intent> & { compared?: Compared },
): Promise<Intent> {
  const { compared = 'read', ...rest } = about;
  const intent: Intent = { mark: newMark(compared), before: [], effect: null, ...rest };
  signal?.throwIfAborted();
  await witness.intend(intent);
  signal?.throwIfAborted();
  if (!intent.effect && Date.now() > lastSend(target, intent))
    throw target.failure('transient', 'it took too long to make the intent durable, so nothing was sent');
  return intent;
}
