/** The guard: an identity provider, an HR hook or a "deactivate" button asks before somebody is switched off. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Holdings } from '../../domain/inquiry.js';
import { FAILURES } from '../answers.js';
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

export function deactivations(app: FastifyInstance, { behind }: Gateway): void {
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
}
