/** What the store has of a run: its plans, what moved to whom, its certificate and its audit trail. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Problem } from '../../client/problem.js';
import { changesSince } from '../../domain/changes.js';
import { comesAfter } from '../../domain/ids.js';
import type { Decider } from '../../domain/people.js';
import { AFTER, whatFollowed } from '../after.js';
import { FAILURES } from '../answers.js';
import { RUN } from '../asked.js';
import { unlessForgotten } from '../behind.js';
import { UUID } from '../called.js';
import type { Gateway } from '../gateway.js';
import { isLeaverOf } from '../leaver.js';
import { type Known, OWN_RUN, ownRun } from '../roles.js';

export function documents(app: FastifyInstance, gateway: Gateway): void {
  const { behind } = gateway;

  app.get('/offboardings/:run/plans', {
    config: { may: 'listPlans' },
    schema: {
      operationId: 'listPlans',
      summary: 'Every revision of the plan, oldest first, and what each says that the one before it did not.',
      security: [{ bearer: [] }],
      params: RUN,
      response: {
        200: z.object({
          plans: z.array(
            z.object({
              revision: z.number(),
              digest: z.string(),
              made: z.string(),
              changes: z.array(z.string()),
            }),
          ),
        }),
        ...FAILURES,
      },
    },
    handler: async ({ params, caller }) => {
      const offboarding = await offboardingNamed(caller, (params as { run: string }).run);
      const all = await behind.plans(offboarding);
      return {
        plans: all.map(({ plan, made }, n) => ({
          revision: plan.revision,
          digest: plan.digest,
          made,
          changes: n === 0 ? [] : changesSince(all[n - 1]!.plan, plan),
        })),
      };
    },
  });

  app.get('/offboardings/:run/moved', {
    config: { may: 'listMoved' },
    schema: {
      operationId: 'listMoved',
      summary: 'What moved to whom, item by item, as far as it is done; those that were left alone say why.',
      security: [{ bearer: [] }],
      params: RUN,
      querystring: z.strictObject({
        after: z.coerce.number().int().min(0).max(1e9).default(0).describe('`next` of the page before.'),
        limit: z.coerce.number().int().min(1).max(1_000).default(100),
      }),
      response: {
        200: z.object({
          items: z.array(
            z.object({
              step: z.string(),
              key: z.string(),
              from: z.looseObject({ id: z.string().nullable(), name: z.string() }),
              to: z.object({ personId: z.string().nullable(), label: z.string() }).nullable(),
              at: z.string().nullable(),
              fate: z.enum([
                'moved',
                'removed',
                'revoked',
                'cleared',
                'given-back',
                'unsettled',
                'not-moved',
              ]),
              why: z.string().nullable(),
              receipt: z
                .object({
                  page: z.number(),
                  mark: z.string(),
                  from: z.string().nullable(),
                  to: z.string().nullable(),
                  digest: z.string(),
                })
                .nullable()
                .describe('The owner before and after, as the system stores it.'),
            }),
          ),
          next: z.number().nullable(),
          total: z.number(),
        }),
        ...FAILURES,
      },
    },
    handler: async ({ params, query, caller }) => {
      const offboarding = await offboardingNamed(caller, (params as { run: string }).run);
      return behind.moved(offboarding, query as { after: number; limit: number });
    },
  });

  app.get('/offboardings/:run/certificate', {
    config: { may: 'showCertificate' },
    schema: {
      operationId: 'showCertificate',
      summary: 'The closing document with its addenda, oldest first.',
      security: [{ bearer: [] }],
      params: RUN,
      response: {
        200: z.object({
          offboarding: z.string(),
          certificates: z.array(
            z.object({ number: z.number(), digest: z.string(), at: z.string(), body: z.unknown() }),
          ),
          after: AFTER,
        }),
        ...FAILURES,
      },
    },
    handler: async ({ params, caller }) => {
      const named = await offboardingNamed(caller, (params as { run: string }).run);
      const offboarding = await before(named);
      const certificates = await behind.certificates(offboarding);
      if (certificates.length === 0)
        throw new Problem('not-found', 'There is no certificate yet: a run gets it when it closes.');
      return { offboarding, certificates, after: await whatFollowed(behind, offboarding) };
    },
  });

  app.get('/offboardings/:run/audit', {
    config: { may: 'downloadAudit' },
    schema: {
      operationId: 'downloadAudit',
      summary: 'Everything that was recorded, as JSON lines, oldest first.',
      security: [{ bearer: [] }],
      params: RUN,
      response: { 200: { content: { 'application/x-ndjson': { schema: z.string() } } }, ...FAILURES },
    },
    handler: async ({ params, caller }, reply) => {
      const offboarding = await offboardingNamed(caller, (params as { run: string }).run);
      const happenings = await behind.audit(offboarding);
      const lines = happenings.map(one => `${JSON.stringify({ offboarding, ...one })}\n`);
      return reply
        .header('content-disposition', `attachment; filename="audit-${offboarding}.jsonl"`)
        .type('application/x-ndjson')
        .send(lines.join(''));
    },
  });

  /** A run may be forgotten by Temporal, while the store knows it for years. */
  async function offboardingNamed(caller: Known, given: string): Promise<string> {
    const workflowId = await gateway.called(given);
    const offboarding = async (): Promise<string> =>
      UUID.test(given) ? given.toLowerCase() : behind.offboardingOf(workflowId);
    const objection = await isTheirOwn(caller, workflowId, offboarding);
    if (objection) throw new Problem('refused', objection);
    return offboarding();
  }

  /** What a sweep finds, and what is given back, becomes addenda to the certificate of the offboarding before it. */
  async function before(named: string): Promise<string> {
    const { ids } = behind;
    const workflowId = await behind.workflowOf(named);
    return comesAfter(ids, workflowId) ?? named;
  }

  /**
   * Every run under a workflow id is of one person, whom the newest of them or the directory knows best; where
   * both have forgotten them, their plans do.
   */
  async function isTheirOwn(
    caller: Known,
    workflowId: string,
    offboarding: () => Promise<string>,
  ): Promise<string | null> {
    const { as } = caller;
    if (!as) return null;
    if (workflowId === behind.ids.offboarding(as.id)) return ownRun(caller, { leaver: as });
    const known = await gateway.statuses.of(workflowId).catch(unlessForgotten);
    if (known) return ownRun(caller, known.status);
    const before = comesAfter(behind.ids, workflowId);
    if (before !== null) {
      return isTheirOwn(caller, await behind.workflowOf(before), async () => before);
    }
    const id = workflowId.slice(behind.ids.offboardings.length);
    const leaver = await behind.ask<Decider>({ ask: 'person', who: `id:${id}` }).catch(unlessForgotten);
    if (leaver) return ownRun(caller, { leaver });
    const plans = await behind.plans(await offboarding());
    return isLeaverOf(
      plans.map(one => one.plan),
      as,
    )
      ? OWN_RUN
      : null;
  }
}
