/**
 * What people do with a run, in few words: ask for it, look at it, acknowledge, approve, wait for it to come
 * to rest.
 */
import { expect } from 'vitest';
import type { DecisionName } from '../../domain/request.js';
import type { DecisionAnswer, Status } from '../../workflows/messages.js';
import type { Who } from './cast.js';
import type { SmallWorld } from './world.js';

export interface Started {
  /** Workflow id. */
  run: string;
  offboardingId: string;
}

const FAST = { everyMs: 150, timeoutMs: 30_000 };
const AT_REST = ['closed', 'needs-attention', 'needs-correction', 'awaiting-approval', 'scheduled'];

export function mail(small: SmallWorld, who: Who): string {
  return small.cast[who].email;
}

/** Olivia asks for Alice's offboarding, her manager takes over, unless the request says otherwise. */
export async function start(small: SmallWorld, request: Record<string, unknown> = {}): Promise<Started> {
  const answer = await small.world.offboardings.request({
    user: mail(small, 'alice'),
    requestedBy: mail(small, 'olivia'),
    successor: 'manager',
    ...request,
  });
  if (answer.answer !== 'started') throw new Error(`Not started: ${JSON.stringify(answer)}`);
  small.started.add(answer.workflowId);
  return { run: answer.workflowId, offboardingId: answer.offboardingId };
}

export function waitFor(
  small: SmallWorld,
  { run }: Started,
  until: (status: Status) => boolean,
  timeoutMs = FAST.timeoutMs,
): Promise<Status> {
  return small.world.offboardings.waitFor(run, until, { ...FAST, timeoutMs });
}

/** Waits for the plan, or for what stands in its way. */
export function planned(small: SmallWorld, started: Started): Promise<Status> {
  return waitFor(small, started, status => AT_REST.includes(status.state));
}

/** Waits until the run has closed, parked, or gone back to its people. */
export function atRest(small: SmallWorld, started: Started, timeoutMs?: number): Promise<Status> {
  return waitFor(small, started, status => AT_REST.includes(status.state), timeoutMs);
}

export async function ended(small: SmallWorld, started: Started): Promise<Status> {
  const status = await waitFor(
    small,
    started,
    ({ state }) => state === 'closed' || state === 'needs-attention',
  );
  if (status.state === 'closed') await small.world.offboardings.result(started.run);
  return status;
}

export async function decide(
  small: SmallWorld,
  { run }: Started,
  name: DecisionName,
  by: Who,
  more: Record<string, unknown> = {},
): Promise<DecisionAnswer> {
  const answer = await small.world.offboardings.decide(run, name, { by: mail(small, by), ...more });
  if (answer.verdict === 'unknown' || answer.verdict === 'sent') throw new Error(answer.sentence);
  return answer;
}

/**
 * The same, and it must be accepted. What starts a parked run again is awaited, so that nobody takes the old
 * state for the new one.
 */
export async function must(
  small: SmallWorld,
  started: Started,
  name: DecisionName,
  by: Who,
  more: Record<string, unknown> = {},
): Promise<DecisionAnswer> {
  const { state, retries } = await small.world.offboardings.status(started.run);
  const answer = await decide(small, started, name, by, more);
  expect(answer).toMatchObject({ verdict: 'accepted' });
  const again = name === 'retry' || (name === 'approve' && more.step !== undefined);
  if (state === 'needs-attention' && again) await waitFor(small, started, status => status.retries > retries);
  return answer;
}

export async function acknowledgeAll(small: SmallWorld, started: Started, by: Who = 'olivia'): Promise<void> {
  const { next } = await small.world.offboardings.status(started.run);
  const category = next.find(message => message.message === 'acknowledge')?.json.category;
  if (category !== undefined) await must(small, started, 'acknowledge', by, { category });
}

/** Acknowledges everything, then approves the plan as it stands. */
export async function agree(small: SmallWorld, started: Started, by: Who = 'priya'): Promise<void> {
  await acknowledgeAll(small, started);
  const { plan } = await small.world.offboardings.status(started.run);
  await must(small, started, 'approve', by, { plan: plan!.digest });
}

/** The whole thread: request, plan, acknowledgements, approval, and then to the end or to where it parks. */
export async function handOver(
  small: SmallWorld,
  request: Record<string, unknown> = {},
): Promise<Started & { status: Status }> {
  const started = await start(small, request);
  const plan = await planned(small, started);
  expect(plan.findings).toEqual([]);
  expect(plan.state).toBe('awaiting-approval');
  await agree(small, started);
  return { ...started, status: await ended(small, started) };
}

export function statesOf(status: Status): Record<string, string> {
  return Object.fromEntries(Object.entries(status.steps).map(([id, step]) => [id, step.state]));
}
