/** Where a command line learns how its user logs in: with which issuer, as which client. None of it is secret. */
import type { FastifyInstance } from 'fastify';
import { waysIn } from '../../client/device-login.js';
import type { Gateway } from '../gateway.js';

export function login(app: FastifyInstance, { logins }: Gateway): void {
  app.get('/login', {
    config: { may: 'open' },
    schema: {
      operationId: 'waysIn',
      summary: 'How to log in from a command line: the device authorization grant of these issuers.',
      response: { 200: waysIn },
    },
    handler: async () => ({ issuers: logins }),
  });
}
