/** What somebody holds, item by item. Workers look; the gateway has no credential of any system. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Problem } from '../../client/problem.js';
import type { ItemsShown } from '../../domain/inquiry.js';
import { isGiveBack, isRun } from '../../workflows/messages.js';
import { FAILURES } from '../answers.js';
import { RUN } from '../asked.js';
import { seen } from '../door.js';
import type { Gateway } from '../gateway.js';

const query = z.strictObject({
  search: z.string().min(1).max(200).optional().describe('Only items with this in their label or key.'),
  sort: z
    .string()
    .regex(
      /^-?[A-Za-z0-9_]{1,100}$/,
      'name "label" or an attribute, with "-" in front for the other direction',
    )
    .optional(),
  after: z.string().min(1).max(1_000).optional().describe('`next` of the page before.'),
  limit: z.coerce.number().int().min(1).max(500).default(25),
});

export function items(app: FastifyInstance, gateway: Gateway): void {
  app.get('/offboardings/:run/items/:system/:category', {
    config: { may: 'listItems' },
    schema: {
      operationId: 'listItems',
      summary: 'Items of one category now, page by page, with the successor of each by the plan.',
      security: [{ bearer: [] }],
      params: RUN.extend({ system: z.string().min(1).max(100), category: z.string().min(1).max(100) }),
      querystring: query,
      response: {
        200: z.object({
          items: z.array(
            z.object({
              key: z.string(),
              label: z.string().nullable(),
              link: z.string().nullable(),
              attributes: z.record(z.string(), z.string().nullable()),
              firesAt: z.string().nullable(),
              successor: z.string().nullable(),
            }),
          ),
          next: z.string().nullable(),
          total: z.number().describe('By the plan, whatever is searched for.'),
          columns: z.array(z.string()),
        }),
        ...FAILURES,
      },
    },
    handler: async request => {
      const { run, system, category } = request.params as { run: string; system: string; category: string };
      const { search, sort, after, limit } = request.query as z.output<typeof query>;
      const { status } = await seen(gateway, request, run);
      const plan = isRun(status)
        ? status.plan?.digest
        : (isGiveBack(status) && status.back?.digest) || status.plan;
      if (!plan) throw new Problem('not-found', `There is no plan yet: ${status.sentence}`);
      return gateway.behind.ask<ItemsShown>({
        ask: 'items',
        plan,
        step: `${system}/${category}`,
        search: search ?? null,
        sort: sort ?? null,
        after: after ?? null,
        limit,
      });
    },
  });
}
