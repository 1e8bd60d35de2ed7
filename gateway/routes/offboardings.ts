/** Starting, listing and showing offboardings. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Problem } from '../../client/problem.js';
import type { Listed } from '../../client/runs.js';
import { GIVE_BACK_STATES, type GiveBack } from '../../domain/give-back.js';
import type { Named } from '../../domain/inquiry.js';
import { LIFECYCLE } from '../../domain/lifecycle.js';
import type { RunState } from '../../domain/model.js';
import { WAITS_FOR_PEOPLE } from '../../domain/patience.js';
import { isSame } from '../../domain/people.js';
import { requestShape } from '../../domain/request.js';
import type { WaitingOn } from '../../domain/run.js';
import { SWEEP_STATES, type Sweep } from '../../domain/sweep.js';
import { isRun, isSweep } from '../../workflows/messages.js';
import { AFTER, whatFollowed } from '../after.js';
import { FAILURES, FAILURES_OF_A_BODY } from '../answers.js';
import { idempotency, keyOf, RUN, runIn } from '../asked.js';
import { seen } from '../door.js';
import { startFor } from '../forward.js';
import type { Gateway } from '../gateway.js';
import { type Known, ownRun } from '../roles.js';

type ListedState = RunState | Sweep['state'] | GiveBack['state'];
const STATES = [...new Set([...Object.keys(LIFECYCLE), ...SWEEP_STATES, ...GIVE_BACK_STATES])] as [
  ListedState,
  ...ListedState[],
];
const WAITING = ['nobody', 'date', ...WAITS_FOR_PEOPLE] as unknown as [WaitingOn, ...WaitingOn[]];

const listed = z.object({
  kind: z
    .enum(['offboarding', 'sweep', 'give-back'])
    .describe(
      'A sweep looks for what still lands on somebody after their switch; a give-back returns what a cover holds.',
    ),
  run: z.string().describe('Workflow id.'),
  leaver: z.object({ id: z.string(), name: z.string().nullable() }),
  state: z.string(),
  outcome: z.string().nullable(),
  waitingOn: z.string(),
  mode: z.string(),
  remaining: z.number(),
  due: z.string().nullable(),
  started: z.string(),
  closed: z.string().nullable(),
});

/** What the answer to a request looks like, whichever it is. */
export const requestAnswer = z.looseObject({
  answer: z.enum(['started', 'already-running', 'not-started', 'unknown']),
  next: z.string(),
});

export function offboardings(app: FastifyInstance, gateway: Gateway): void {
  const { behind } = gateway;

  app.get('/offboardings', {
    config: { may: 'listOffboardings' },
    schema: {
      operationId: 'listOffboardings',
      summary: 'The runs and what comes after them, newest first, page by page.',
      security: [{ bearer: [] }],
      querystring: z.strictObject({
        open: z.enum(['true', 'false']).optional().describe('Only runs that are open, or only closed ones.'),
        state: z.enum(STATES).optional(),
        waitingOn: z.enum(WAITING).optional(),
        leaver: z
          .string()
          .regex(/^[^"\\]{1,200}$/, 'give a directory id')
          .optional()
          .describe('A directory id.'),
        waitingFor: z.enum(['me']).optional().describe('Only runs that you can bring forward.'),
        page: z.coerce.number().int().min(1).max(200).default(1),
        limit: z.coerce.number().int().min(1).max(100).default(25),
      }),
      response: {
        200: z.object({ runs: z.array(listed), page: z.number(), more: z.boolean() }),
        ...FAILURES,
      },
    },
    links: { 200: runIn('/runs/0/run') },
    handler: async ({ query, caller }) => {
      const asked = query as {
        open?: 'true' | 'false';
        state?: ListedState;
        waitingOn?: WaitingOn;
        leaver?: string;
        waitingFor?: 'me';
        page: number;
        limit: number;
      };
      const conditions = [
        asked.open && `ExecutionStatus ${asked.open === 'true' ? '=' : '!='} "Running"`,
        asked.state && `OffboardingState = "${asked.state}"`,
        asked.waitingOn && `OffboardingWaitingOn = "${asked.waitingOn}" and ExecutionStatus = "Running"`,
        asked.leaver && `OffboardingLeaver = "${asked.leaver}"`,
        asked.waitingFor && `${waitingFor(caller)} and ExecutionStatus = "Running"`,
      ].filter(condition => typeof condition === 'string');
      const first = (asked.page - 1) * asked.limit;
      const found: Listed[] = [];
      let more = false;
      let n = 0;
      for await (const run of behind.list(conditions.join(' and '))) {
        if (!(await isShown(run, caller, asked.waitingFor !== undefined))) continue;
        n += 1;
        if (n <= first) continue;
        if (found.length === asked.limit) {
          more = true;
          break;
        }
        found.push(run);
      }
      const { names, same } = found.length === 0 ? NOBODY : await namesOf(found.map(leaverOf), caller);
      return {
        runs: found
          .filter(run => !same.includes(leaverOf(run)))
          .map(({ workflowId, runId: _runId, accepted: _accepted, ...run }) => ({
            ...run,
            run: workflowId,
            leaver: { id: leaverOf(run), name: names[leaverOf(run)] ?? null },
          })),
        page: asked.page,
        more,
      };
    },
  });

  app.post('/offboardings', {
    config: { may: 'startOffboarding' },
    schema: {
      operationId: 'startOffboarding',
      summary: 'Ask for the offboarding of one person. You are the one who asks.',
      security: [{ bearer: [] }],
      headers: idempotency,
      body: requestShape
        .omit({ requestedBy: true })
        .extend({ requestedBy: z.string().optional().describe('Only you; it may be left out.') }),
      response: {
        200: requestAnswer.describe('That person is being offboarded already.'),
        201: requestAnswer,
        202: requestAnswer.describe('No worker has answered yet: the request stands.'),
        409: requestAnswer.describe('Nothing was started, and why.'),
        ...FAILURES_OF_A_BODY,
      },
    },
    links: { 200: runIn('/workflowId'), 201: runIn('/workflowId') },
    handler: async ({ body, caller, headers }, reply) => {
      const { code, answer } = await startFor(
        gateway,
        caller,
        body as Record<string, unknown>,
        keyOf(headers, caller, 'start', body),
      );
      return reply.code(code).send(answer);
    },
  });

  app.get('/offboardings/:run', {
    config: { may: 'showOffboarding' },
    schema: {
      operationId: 'showOffboarding',
      summary: 'The whole state of a run, at most a second old, with the messages that fit now.',
      security: [{ bearer: [] }],
      params: RUN,
      response: {
        200: z.looseObject({
          at: z.string(),
          status: z.looseObject({ state: z.string(), sentence: z.string(), offboardingId: z.string() }),
          live: z.looseObject({}).nullable(),
          after: AFTER,
        }),
        ...FAILURES,
      },
    },
    handler: async request => {
      const { at, status, live } = await seen(gateway, request, (request.params as { run: string }).run);
      const isOver = isRun(status) && status.state === 'closed';
      const after = isOver ? await whatFollowed(behind, status.offboardingId) : [];
      return { at, status, live, after };
    },
  });

  const leaverOf = ({ leaver }: Pick<Listed, 'leaver'>): string => leaver ?? '';

  /** A list is worth something without names as well, but to whoever might find their own run in it. */
  const namesOf = (ids: string[], { as }: Known): Promise<Named> => {
    const asked = behind.ask<Named>({ ask: 'names', ids: [...new Set(ids)], beside: as?.id ?? null });
    return as ? asked : asked.catch(() => NOBODY);
  };

  /** Nobody finds their own offboarding in it; and what waits for somebody else waits not for me. */
  const isShown = async (run: Listed, caller: Known, mine: boolean): Promise<boolean> => {
    const { as } = caller;
    if (!as) return !mine;
    // Whose it is it says in its first task: until then it may be anybody's.
    if (run.leaver === null) return false;
    if (leaverOf(run) === as.id) return false;
    if (!mine) return true;
    const { status } = await gateway.statuses.of(run.workflowId);
    if (isSweep(status)) return !ownRun(caller, status);
    const humans = status.humans ?? {};
    if (isSame(humans, as, status.leaver)) return false;
    if (status.waitingOn !== 'approval') return true;
    const others = [...status.approvals.map(approval => approval.by), ...status.amendedBy, status.requester];
    return !others.some(one => isSame(humans, as, one));
  };
}

const NOBODY: Named = { names: {}, same: [] };

/** Whatever is waited for that this caller's roles can give. */
function waitingFor({ roles, as }: Known): string {
  if (!as) throw new Problem('usage', 'Nothing waits for a tool: "waitingFor" is for people.');
  const gives = (role: 'operator' | 'approver'): boolean =>
    roles.includes(role) || roles.includes('administrator');
  const waits = [
    ...(gives('approver') ? ['approval'] : []),
    ...(gives('operator') ? WAITS_FOR_PEOPLE.filter(on => on !== 'approval') : []),
  ];
  // Nothing at all: a condition that no run fulfils.
  if (waits.length === 0) return 'OffboardingWaitingOn = "nobody else"';
  return `(${waits.map(on => `OffboardingWaitingOn = "${on}"`).join(' or ')})`;
}
