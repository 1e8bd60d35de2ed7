/** What callers say in every request: which run, in whose name, and that asking again is the same request. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Problem } from '../client/problem.js';
import { canonicalJson } from '../domain/plan.js';
import { DECISIONS } from '../domain/request.js';
import { sha256 } from '../store/digest.js';
import { type Known, personOf } from './roles.js';

export const RUN = z.object({
  run: z
    .string()
    .min(1)
    .max(400)
    .describe(
      'Of its leaver a directory id (17, or id:17), an e-mail or a login; or an offboarding id (a uuid), or a workflow id (offboarding%2F17, sweep%2F<offboarding id>, give-back%2F<offboarding id>).',
    ),
});

/**
 * For the description: what can be asked next about a run that an answer names.
 * @param at where, as a JSON pointer
 */
export function runIn(at: string): Record<string, { operationId: string; parameters: { run: string } }> {
  const next = ['showOffboarding', 'listPlans', 'listMoved', 'downloadAudit', ...DECISIONS];
  const parameters = { run: `$response.body#${at}` };
  return Object.fromEntries(next.map(operationId => [operationId, { operationId, parameters }]));
}

/** A header that makes asking again safe. */
export const idempotency = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, 'use 1 to 128 printable characters without spaces')
    .optional()
    .describe('Sent again with the same key and the same words, nothing happens twice.'),
});

/**
 * What makes a message the same when it is sent again: who sends it, what it asks for (of which run), its words,
 * and the key. Nobody shares a key with anybody else, and it loses no second message.
 * @param message the operation, the run's workflow id where there is one, and the body
 */
export function keyOf(
  headers: unknown,
  { name, person }: Pick<Known, 'name' | 'person'>,
  ...message: unknown[]
): string {
  const key = (headers as { 'idempotency-key'?: string })['idempotency-key'];
  return key === undefined ? randomUUID() : sha256(canonicalJson([name, person, key, ...message]));
}

/**
 * A message in the caller's own name: what the credential says, by directory id, so that it means one person.
 * Naming somebody else is refused.
 */
export function inNameOf(
  caller: Known,
  body: Record<string, unknown>,
  key: 'by' | 'requestedBy',
): Record<string, unknown> {
  const person = personOf(caller);
  const said = body[key];
  const own = [undefined, '', caller.person, person.id, `id:${person.id}`];
  if (!own.includes(said as string))
    throw new Problem(
      'refused',
      `You are ${person.name}, and "${key}" names "${String(said).slice(0, 80)}": nobody decides in somebody else's name. Leave "${key}" out.`,
    );
  return { ...body, [key]: `id:${person.id}` };
}
