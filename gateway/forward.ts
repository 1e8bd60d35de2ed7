/** Hands on what a caller asks for, in their own name and signed. */
import { WorkflowNotFoundError } from '@temporalio/client';
import { Problem } from '../client/problem.js';
import { kindOf } from '../domain/ids.js';
import { type DecisionName, parseDecision, parseRequest } from '../domain/request.js';
import { trailOf } from '../workflows/messages.js';
import { inNameOf } from './asked.js';
import type { Behind, Sent } from './behind.js';
import type { Gateway } from './gateway.js';
import { isLeaverOf, namedAs } from './leaver.js';
import { type Known, OWN_RUN, ownRun, type Unseen } from './roles.js';

type Started = Exclude<Awaited<ReturnType<Behind['start']>>, { verdict: 'unknown' }>;

const STARTED = { started: 201, 'already-running': 200, 'not-started': 409 } as const;

/** @returns the HTTP status that fits, and the answer */
export async function startFor(
  gateway: Gateway,
  caller: Known,
  body: Record<string, unknown>,
  id: string,
): Promise<{
  code: 200 | 201 | 202 | 409;
  answer: Started | { answer: 'unknown'; next: string };
}> {
  const request = inNameOf(caller, body, 'requestedBy');
  const parsed = parseRequest(request);
  if (!parsed.ok) throw new Problem('usage', parsed.sentence);
  const by = request.requestedBy as string;
  const sealed = await gateway.seal(request, { run: null, message: 'request', by, how: caller.how });
  const answer = await gateway.behind.start(sealed, id);
  if ('verdict' in answer) return { code: 202, answer: { answer: 'unknown', next: UNANSWERED } };
  return { code: STARTED[answer.answer], answer };
}

/** What is asked under, Temporal knows; callers know what they sent. */
const UNANSWERED =
  'No answer yet: perhaps no worker is running, and it may still count. Send it again as it was, with the same Idempotency-Key, and it counts once.';

/** Under which decisions that were left are remembered; no webhook is called so. */
const LEFT = 'left with its run';

/** Nobody knows yet what becomes of it. */
interface Unknown {
  verdict: 'unknown';
  sentence: string;
}

/**
 * Leaves a decision with its run while no worker answers: one that comes looks up who sent it, and judges it then.
 * Sent again under the same id, it is left once.
 */
export async function leaveFor(
  gateway: Gateway,
  caller: Unseen,
  deciding: Deciding,
): Promise<Sent | Unknown> {
  const { deliveries } = gateway.behind;
  const { id, name } = deciding;
  const delivery = await deliveries.take(LEFT, id);
  if (delivery.kind === 'answered') return delivery.answer as Sent;
  // Whoever has it may fail, or die over it, and then it was never left.
  if (delivery.kind !== 'first') return { verdict: 'unknown', sentence: UNANSWERED };
  try {
    await leave(gateway, caller, deciding);
  } catch (error) {
    await deliveries.release(LEFT, id);
    throw error;
  }
  await deliveries.settle(LEFT, id, left(name));
  return left(name);
}

const left = (name: DecisionName): Sent => ({
  verdict: 'sent',
  sentence: `No worker answers just now: "${name}" was left with the run, and its verdict will stand there. Do not send it again.`,
});

async function leave(
  gateway: Gateway,
  { person, how }: Unseen,
  { workflowId, name, body }: Deciding,
): Promise<void> {
  const decision = { ...body, by: person };
  if (![undefined, '', person].includes(body.by as string))
    throw new Problem(
      'refused',
      `You are ${person}: nobody decides in somebody else's name. Leave "by" out.`,
    );
  const parsed = parseDecision(name, decision);
  if (!parsed.ok) throw new Problem('usage', parsed.sentence);
  const run = await gateway.behind.offboardingOf(workflowId);
  const plans = (await gateway.behind.plans(run)).map(one => one.plan);
  if (isLeaverOf(plans, namedAs(person))) throw new Problem('refused', OWN_RUN);
  const sealed = await gateway.seal(decision, { run, message: name, by: person, how });
  await gateway.behind.leave(workflowId, name, sealed).catch((error: unknown) => {
    if (error instanceof WorkflowNotFoundError)
      throw new Problem('refused', over(gateway, workflowId), { cause: error });
    throw error;
  });
}

function over({ behind }: Gateway, workflowId: string): string {
  const kind = kindOf(behind.ids, workflowId) ?? 'offboarding';
  const what = kind === 'offboarding' ? 'offboarding is closed' : `${kind} is over`;
  return `The ${what}: nothing can be decided any more.`;
}

export interface Deciding {
  workflowId: string;
  name: DecisionName;
  body: Record<string, unknown>;
  /** Sent twice under the same one, it is decided once. */
  id: string;
}

type Decided = Exclude<Awaited<ReturnType<Behind['decide']>>, { verdict: 'unknown' }>;

const DECIDED = { accepted: 200, refused: 409, unknown: 202, sent: 202 } as const;

/** The run itself judges it; here it is only made sure that it is nobody's own. */
export async function decideFor(
  gateway: Gateway,
  caller: Known,
  { workflowId, name, body, id }: Deciding,
): Promise<{ code: 200 | 202 | 409; answer: Decided | Unknown }> {
  // It may have been left with its run while no worker answered.
  const before = (await gateway.behind.deliveries.answerTo(LEFT, id)) as Sent | null;
  if (before) return { code: DECIDED[before.verdict], answer: before };
  const decision = inNameOf(caller, body, 'by');
  const parsed = parseDecision(name, decision);
  if (!parsed.ok) throw new Problem('usage', parsed.sentence);
  const { status } = await gateway.statuses.of(workflowId);
  const objection = ownRun(caller, status);
  if (objection) throw new Problem('refused', objection);
  const by = decision.by as string;
  const sealed = await gateway.seal(decision, {
    run: trailOf(status),
    message: name,
    by,
    how: caller.how,
  });
  const answer = await gateway.behind.decide(workflowId, name, sealed, id).catch((error: unknown) => {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return {
      verdict: 'refused' as const,
      sentence: over(gateway, workflowId),
      state: 'closed' as const,
      plan: null,
    };
  });
  if (answer.verdict === 'unknown')
    return { code: 202, answer: { verdict: 'unknown', sentence: UNANSWERED } };
  return { code: DECIDED[answer.verdict], answer };
}
