/** The guard: an identity provider, an HR hook or a "deactivate" button asks before somebody is switched off. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Holdings } from '../../domain/inquiry.js';
import { FAILURES } from '../answers.js';
import { idempotency, keyOf } from '../asked.js';
import { startFor } from '../forward.js';
import type { Gateway } from '../gateway.js';

const user = z.string().trim().min(1).max(320).describe('An e-mail, a login, or id:<directory id>.');

export const holdings = z.object({
  id: z.string(),
  name: z.string(),
  clear: z.boolean().describe('Nothing is left, and everything could be looked at.'),
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
      response: { 200: holdings, ...FAILURES },
    },
    handler: async ({ body }) => behind.ask<Holdings>({ ask: 'owns', user: (body as { user: string }).user }),
  });

  app.post('/deactivations', {
    config: { may: 'deactivate' },
    schema: {
      operationId: 'deactivate',
      summary:
        'May this person be switched off now? Where they still hold something an offboarding is started instead.',
      security: [{ bearer: [] }],
      headers: idempotency,
      body: z.strictObject({
        user,
        successor: z.string().min(1).max(320).default('manager').describe('As in a request.'),
      }),
      response: {
        200: z
          .looseObject({ go: z.literal(true), sentence: z.string() })
          .describe('Nothing is left: switch them off in your own system.'),
        202: z
          .looseObject({ go: z.literal(false), sentence: z.string() })
          .describe('Do not: an offboarding is under way, and switches them off at its end.'),
        409: z.looseObject({ go: z.literal(false), sentence: z.string() }).describe('Do not, and why.'),
        ...FAILURES,
      },
    },
    handler: async ({ body, caller, headers }, reply) => {
      const { user: who, successor } = body as { user: string; successor: string };
      const held = await behind.ask<Holdings>({ ask: 'owns', user: who });
      if (held.clear) {
        const sentence = `${held.name} holds nothing that anybody would miss: go ahead.`;
        return reply.code(200).send({ go: true, sentence, ...held });
      }
      const request = { user: `id:${held.id}`, successor };
      const { code, answer } = await startFor(gateway, caller, request, keyOf(headers, caller));
      const why = 'reason' in answer ? answer.reason : answer.next;
      const sentence =
        code === 409
          ? `${held.name} still holds something, and no offboarding could be started: ${why}`
          : `${held.name} still holds something: an offboarding ${code === 200 ? 'is under way already' : 'was started'}, and switches them off at its end. ${why}`;
      return reply.code(code === 409 ? 409 : 202).send({ go: false, sentence, ...held, offboarding: answer });
    },
  });
}
