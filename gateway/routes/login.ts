/** Where a command line learns how its user logs in: with which issuer, as which client. None of it is secret. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Gateway } from '../gateway.js';

export function login(app: FastifyInstance, { logins }: Gateway): void {
  app.get('/login', {
    config: { may: 'open' },
    schema: {
      operationId: 'waysIn',
      summary: 'How to log in from a command line: the device authorization grant of these issuers.',
      response: {
        200: z.object({
          issuers: z.array(
            z.object({
              issuer: z.string(),
              client: z.string(),
              scope: z.string(),
              resource: z.string().nullable(),
            }),
          ),
        }),
      },
    },
    handler: async () => ({ issuers: logins }),
  });
}
