/** The door: every route says which operation it is, and is opened only to whoever may. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../client/problem.js';
import { DECISIONS, type DecisionName } from '../domain/request.js';
import type { Gateway } from './gateway.js';
import { type Caller, forbidden, type Known, type Operation, ownRun, type Unseen } from './roles.js';
import type { Seen } from './statuses.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which operation it is; `open` is for everybody, `signed` for whoever signs what they send. */
    may?: Operation | 'whoAmI' | 'open' | 'signed';
  }
  interface FastifyRequest {
    caller: Known;
    /** Where no worker answers, whose credential it is: then there is no `caller`, and nothing is shown. */
    unseen?: Unseen;
  }
}

/** Refuses to start with a route that says nothing about who may call it. */
export function doorOf(app: FastifyInstance, { callers }: Gateway): void {
  app.decorateRequest('caller', null as unknown as Known);
  app.addHook('onRoute', route => {
    if (!route.config?.may)
      throw new Error(`${String(route.method)} ${route.url} does not say who may call it.`);
  });
  app.addHook('onRequest', async request => {
    const may = request.routeOptions.config.may;
    if (!may || may === 'open' || may === 'signed') return;
    const caller = await callers.bearer(request.headers.authorization);
    await caller.again?.(isDecision(may) || STARTS.has(may) ? 0 : LOOKED_AT_MS);
    try {
      request.caller = await callers.known(caller);
    } catch (error) {
      if (!isAway(error) || !isDecision(may)) throw error;
      request.unseen = unseenOf(caller, may, error);
      return;
    }
    const objection = forbidden(request.caller, may);
    if (objection) throw new Problem('refused', objection);
  });
}

/** What is decided can be left with the run: whoever judges it there looks up who sent it. */
function unseenOf({ person, roles, ...caller }: Caller, may: Operation, away: unknown): Unseen {
  if (person === null) throw away;
  const objection = roles === 'directory' ? null : forbidden({ ...caller, person, roles, as: null }, may);
  if (objection) throw new Problem('refused', objection, { cause: away });
  return { ...caller, person, roles };
}

/** So long somebody may still look after their identity provider has disabled them. */
const LOOKED_AT_MS = 60_000;
const STARTS: ReadonlySet<string> = new Set<Operation>(['startOffboarding', 'deactivate']);

const isAway = (error: unknown): boolean => error instanceof Problem && error.kind === 'out-of-reach';
const isDecision = (may: string): may is DecisionName => (DECISIONS as readonly string[]).includes(may);

/** The run, as far as this caller may see it. */
export async function seen(
  gateway: Gateway,
  request: FastifyRequest,
  given: string,
): Promise<Seen & { workflowId: string }> {
  const workflowId = await gateway.called(given);
  // By its id alone, so that nobody learns whether there is an offboarding of their own.
  const { as } = request.caller;
  if (as && workflowId === gateway.behind.ids.offboarding(as.id))
    throw new Problem('refused', ownRun(request.caller, { leaver: as })!);
  const one = await gateway.statuses.of(workflowId);
  const objection = ownRun(request.caller, one.status);
  if (objection) throw new Problem('refused', objection);
  return { ...one, workflowId };
}
