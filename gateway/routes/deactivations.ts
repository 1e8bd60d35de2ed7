/** The guard: an identity provider, an HR hook or a "deactivate" button asks before somebody is switched off. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Holdings } from '../../domain/inquiry.js';
import { FAILURES_OF_A_BODY } from '../answers.js';
import { idempotency, keyOf, runIn } from '../asked.js';
import { startFor } from '../forward.js';
import type { Gateway } from '../gateway.js';

const user = z.string().trim().min(1).max(320).describe('An e-mail, a login, or id:<directory id>.');

export const holdings = z.object({
  id: z.string(),
  name: z.string(),
  clear: z.boolean().describe('Nothing is left, and everything could be looked at.'),
  needsApproval: z
    .boolean()
    .describe(
      'Not where it is clear and the policy wants none then (nothingLeft): they can be switched off at once.',
    ),
  holds: z.array(
    z.object({ step: z.string(), title: z.string(), do: z.string(), count: z.number().nullable() }),
  ),
  open: z.array(z.string()).describe('What could not be decided: each of them means that it is not clear.'),
  start: z.string().describe('The request to start with, ready to paste.'),
});

export function deactivations(app: FastifyInstance, gateway: Gateway): void {
  const { behind } = gateway;

  app.post('/deactivations/check', {
    config: { may: 'checkDeactivation' },
    schema: {
      operationId: 'checkDeactivation',
      summary: 'Does this person still own work?',
      security: [{ bearer: [] }],
      body: z.strictObject({ user }),
      response: { 200: holdings, ...FAILURES_OF_A_BODY },
    },
    handler: async ({ body }) => behind.ask<Holdings>({ ask: 'owns', user: (body as { user: string }).user }),
  });

  app.post('/deactivations', {
    config: { may: 'deactivate' },
    schema: {
      operationId: 'deactivate',
      summary:
        'Switch this person off: by an offboarding, at once where nothing is left and the policy wants no approval then (nothingLeft).',
      security: [{ bearer: [] }],
      headers: idempotency,
      body: z.strictObject({
        user,
        successor: z.string().min(1).max(320).default('manager').describe('As in a request.'),
      }),
      response: {
        202: z
          .looseObject({ clear: z.boolean(), sentence: z.string() })
          .describe('An offboarding is under way, and switches them off at its end.'),
        409: z
          .looseObject({ clear: z.boolean(), sentence: z.string() })
          .describe('None could be started, and why.'),
        ...FAILURES_OF_A_BODY,
      },
    },
    links: { 202: runIn('/offboarding/workflowId') },
    handler: async ({ body, caller, headers }, reply) => {
      const { user: who, successor } = body as { user: string; successor: string };
      const held = await behind.ask<Holdings>({ ask: 'owns', user: who });
      const request = { user: `id:${held.id}`, successor };
      const { code, answer } = await startFor(
        gateway,
        caller,
        request,
        keyOf(headers, caller, 'deactivate', request),
      );
      const what = held.clear
        ? `${held.name} holds nothing that anybody would miss`
        : `${held.name} still holds something`;
      const why = 'reason' in answer ? answer.reason : answer.next;
      if (code === 409) {
        const sentence = `${what}, and no offboarding could be started: ${why}`;
        return reply.code(409).send({ sentence, ...held, offboarding: answer });
      }
      const begun = code === 200 ? 'is under way already' : 'was started';
      const when = held.needsApproval
        ? 'as soon as it is approved'
        : 'at once, since nobody need approve that';
      const end = held.clear
        ? `has nothing to hand over, and switches them off ${when}`
        : 'switches them off at its end';
      const sentence = `${what}: an offboarding ${begun}, and ${end}. ${why}`;
      return reply.code(202).send({ sentence, ...held, offboarding: answer });
    },
  });
}
