/** What a webhook would do, for somebody who writes a mapping: the same reading, and nothing is sent. */
import { parseDecision, parseRequest } from '../../domain/request.js';
import type { Meaning } from './mapping.js';

export { deliveryOf, meaningOf } from './mapping.js';
export { bodyOf, readWebhooks } from './webhook.js';

export interface Would {
  says: string;
  payload: Record<string, unknown>;
  ok: boolean;
  /** Why the message itself cannot be read, whoever sends it. */
  objection: string | null;
}

/** The message that a run, or the front door, would get. */
export function messageOf(meaning: Extract<Meaning, { kind: 'start' | 'decide' }>): Would {
  if (meaning.kind === 'start') {
    const payload = { ...meaning.request, requestedBy: meaning.by };
    const parsed = parseRequest(payload);
    return {
      says: `it asks for an offboarding, in the name of ${meaning.by}.`,
      payload,
      ok: parsed.ok,
      objection: parsed.ok ? null : parsed.sentence,
    };
  }
  const payload = { ...meaning.body, by: meaning.by };
  const parsed = parseDecision(meaning.name, payload);
  return {
    says: `"${meaning.name}" for ${meaning.run}, by ${meaning.by}.`,
    payload,
    ok: parsed.ok,
    objection: parsed.ok ? null : parsed.sentence,
  };
}
