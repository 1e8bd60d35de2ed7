/** Every decision, forwarded to its run with a statement about who it was. */

import { WorkflowNotFoundError } from '@temporalio/client';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Problem } from '../../client/problem.js';
import { DECISIONS, type DecisionName, decisionSchemas, parseDecision } from '../../domain/request.js';
import { FAILURES } from '../answers.js';
import { idempotency, inNameOf, keyOf, RUN } from '../asked.js';
import type { Behind } from '../behind.js';
import { seen } from '../door.js';
import type { Gateway } from '../gateway.js';
import type { Known } from '../roles.js';

const answer = z.looseObject({
  verdict: z.enum(['accepted', 'refused', 'unknown', 'sent']),
  sentence: z.string(),
});

const SUMMARY: Record<DecisionName, string> = {
  approve: 'Approve a plan, or the skip of a step. You are the one who decides.',
  reject: 'Reject a plan: the run closes.',
  acknowledge: 'Say that you have seen what must be done by hand.',
  amend: 'Change successors, overrides, identities, mode, departure or date: a new plan.',
  execute: 'Give the final confirmation, where the policy wants one.',
  pause: 'Stop after the batch in hand.',
  resume: 'Go on after a pause.',
  retry: 'Prepare again, or run again what is not done yet.',
  skip: 'Leave the items of a failed step with the leaver, once an approver agrees.',
  finish: 'Close a parked run as completed-partially.',
  cancel: 'Stop at the next safe boundary.',
};

export function decisions(app: FastifyInstance, gateway: Gateway): void {
  for (const name of DECISIONS) {
    app.post(`/offboardings/:run/decisions/${name}`, {
      config: { may: name },
      schema: {
        operationId: name,
        summary: SUMMARY[name],
        security: [{ bearer: [] }],
        params: RUN,
        headers: idempotency,
        body: (decisionSchemas[name] as z.ZodObject)
          .omit({ by: true })
          .extend({ by: z.string().optional().describe('Only you; it may be left out.') }),
        response: {
          200: answer,
          202: answer.describe('No verdict yet: it stands in the run later.'),
          409: answer.describe('Refused, recorded, and nothing was changed.'),
          ...FAILURES,
        },
      },
      handler: async (request, reply) => {
        const { run } = request.params as { run: string };
        const { workflowId, status } = await seen(gateway, request, run);
        const given = await forward(gateway, request.caller, {
          workflowId,
          offboarding: status.offboardingId,
          name,
          body: request.body as Record<string, unknown>,
          id: keyOf(request.headers, request.caller),
        });
        return reply.code(CODE[given.verdict]).send(given);
      },
    });
  }
}

export const CODE = { accepted: 200, refused: 409, unknown: 202, sent: 202 } as const;

export interface Forwarded {
  workflowId: string;
  offboarding: string;
  name: DecisionName;
  body: Record<string, unknown>;
  id: string;
}

/** Signs a decision of the caller's and hands it to the run. */
export async function forward(
  gateway: Gateway,
  caller: Known,
  { workflowId, offboarding, name, body, id }: Forwarded,
): ReturnType<Behind['decide']> {
  const decision = inNameOf(caller, body, 'by');
  const parsed = parseDecision(name, decision);
  if (!parsed.ok) throw new Problem('usage', parsed.sentence);
  const by = decision.by as string;
  const sealed = await gateway.seal(decision, { run: offboarding, message: name, by, how: caller.how });
  try {
    return await gateway.behind.decide(workflowId, name, sealed, id);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    const sentence = 'The offboarding is closed: nothing can be decided any more.';
    return { verdict: 'refused', sentence, state: 'closed', plan: null };
  }
}
