/** Every decision, forwarded to its run with a statement about who it was. */

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { DECISIONS, type DecisionName, decisionSchemas } from '../../domain/request.js';
import { FAILURES_OF_A_BODY } from '../answers.js';
import { idempotency, keyOf, RUN } from '../asked.js';
import { seen } from '../door.js';
import { type Deciding, decideFor, leaveFor } from '../forward.js';
import type { Gateway } from '../gateway.js';
import type { Known, Unseen } from '../roles.js';

const answer = z.looseObject({
  verdict: z.enum(['accepted', 'refused', 'unknown', 'sent']),
  sentence: z.string(),
});

const SUMMARY: Record<DecisionName, string> = {
  approve: 'Approve a plan, or the skip of a step. You are the one who decides.',
  reject: 'Reject a plan: the run closes. Of a give-back: everything stays where it is.',
  acknowledge: 'Say that you have seen what must be done by hand.',
  amend:
    'Change successors, overrides, identities, mode, departure or dates: a new plan. Of a give-back: its date.',
  execute: 'Give the final confirmation, where the policy wants one.',
  pause: 'Stop after the batch in hand.',
  resume: 'Go on after a pause.',
  retry: 'Prepare again, or run again what is not done yet. Of a sweep: the next round begins now.',
  skip: 'Leave the items of a failed step with the leaver, once an approver agrees.',
  finish: 'Close a parked run as completed-partially. Of what comes after one: it ends as it is.',
  cancel: 'Stop at the next safe boundary. Of a give-back: nothing more is given back.',
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
          ...FAILURES_OF_A_BODY,
        },
      },
      handler: async (request, reply) => {
        const { run } = request.params as { run: string };
        const body = request.body as Record<string, unknown>;
        const deciding = (by: Known | Unseen, workflowId: string): Deciding => {
          const id = keyOf(request.headers, by, name, workflowId, body);
          return { workflowId, name, body, id };
        };
        const { unseen, caller } = request;
        if (unseen) {
          const workflowId = await gateway.called(run);
          return reply.code(202).send(await leaveFor(gateway, unseen, deciding(unseen, workflowId)));
        }
        const { workflowId } = await seen(gateway, request, run);
        const { code, answer: said } = await decideFor(gateway, caller, deciding(caller, workflowId));
        return reply.code(code).send(said);
      },
    });
  }
}
