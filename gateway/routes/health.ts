/** What a load balancer, a container and a curious caller ask first. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { FAILURES } from '../answers.js';
import type { Gateway } from '../gateway.js';

export function health(app: FastifyInstance, { behind }: Gateway): void {
  app.get('/health', {
    config: { may: 'open' },
    schema: {
      operationId: 'health',
      summary: 'Is this process alive?',
      response: { 200: z.object({ alive: z.literal(true) }) },
    },
    handler: async () => ({ alive: true }),
  });

  app.get('/ready', {
    config: { may: 'open' },
    schema: {
      operationId: 'ready',
      summary: 'Do Temporal and the store answer?',
      response: { 200: z.object({ ready: z.literal(true) }), 503: FAILURES[503] },
    },
    handler: async (request, reply) => {
      const ailments = await behind.ailments();
      if (ailments.length === 0) return { ready: true };
      request.log.warn({ ailments }, 'Not ready.');
      return reply.code(503).send({ error: 'Temporal or the store does not answer.', kind: 'out-of-reach' });
    },
  });

  app.get('/openapi.json', {
    config: { may: 'open' },
    schema: { operationId: 'openapi', summary: 'This description.', response: { 200: z.looseObject({}) } },
    handler: async () => app.swagger(),
  });

  app.get('/me', {
    config: { may: 'whoAmI' },
    schema: {
      operationId: 'whoAmI',
      summary: 'Who am I here, and what may I do?',
      security: [{ bearer: [] }],
      response: {
        200: z.object({
          name: z.string().nullable().describe('Null for a tool that is nobody.'),
          id: z.string().nullable(),
          roles: z.array(z.string()),
          through: z.string(),
        }),
        ...FAILURES,
      },
    },
    handler: async ({ caller }) => ({
      name: caller.as?.name ?? null,
      id: caller.as?.id ?? null,
      roles: caller.roles,
      through: caller.how,
    }),
  });
}
