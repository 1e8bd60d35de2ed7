/**
 * OpenID Connect Back-Channel Logout 1.0: an identity provider says that somebody's session is over, and from
 * then on nobody gets in with a token of it, through any gateway.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Problem } from '../../client/problem.js';
import { FAILURES_OF_A_BODY } from '../answers.js';
import type { Gateway } from '../gateway.js';

export function logout(app: FastifyInstance, { behind, logoutIn }: Gateway): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );

  app.post('/logout', {
    config: { may: 'signed' },
    schema: {
      operationId: 'receiveLogout',
      summary: 'An identity provider ends a session of somebody (OpenID Connect Back-Channel Logout 1.0).',
      consumes: ['application/x-www-form-urlencoded'],
      body: z.looseObject({
        logout_token: z
          .string()
          .min(1)
          .max(16_384)
          .describe('A JWT of the issuer, as the specification says.'),
      }),
      response: { 200: z.object({ ended: z.literal(true) }), ...FAILURES_OF_A_BODY },
    },
    handler: async request => {
      const logout = await logoutIn((request.body as { logout_token: string }).logout_token);
      if (!(await behind.logouts.take(logout)))
        throw new Problem('usage', 'This logout token was used before, and each counts once.');
      request.log.info({ issuer: logout.issuer, sid: logout.sid }, 'A session was ended by its issuer.');
      return { ended: true as const };
    },
  });
}
