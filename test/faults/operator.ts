/**
 * The people of a run while servers die under them: everything is asked again under the same id until there
 * is an answer. A run that parks is brought to its end as an operator would: with "retry", and with a new
 * approval where the plan is a new one.
 */
import { randomUUID } from 'node:crypto';
import type { Status } from '../../workflows/messages.js';
import type { Who } from '../small-world/cast.js';
import type { FaultWorld } from './fault-world.js';
import { pause } from './faults.js';

export interface Parking {
  at: number;
  state: string;
  sentence: string;
}

export interface Operated {
  run: string;
  offboardingId: string;
  closedAt: number;
  status: Status;
  parked: Parking[];
  /** When people last did something that the run was waiting for. */
  lastDecision: number;
}

/** @param more of the request */
export async function request(
  { offboardings, cast }: FaultWorld,
  deadline: number,
  more: Record<string, unknown> = {},
): Promise<{ run: string; offboardingId: string }> {
  const id = randomUUID();
  const order = { user: cast.alice.email, requestedBy: cast.olivia.email, successor: 'manager', ...more };
  const answer = await insist(deadline, 'the request', async () => {
    const said = await offboardings.ask(order, { id, timeoutMs: 5_000 });
    return 'answer' in said ? said : null;
  });
  if (answer.answer !== 'started') throw new Error(`Not started: ${JSON.stringify(answer)}`);
  return { run: answer.workflowId, offboardingId: answer.offboardingId };
}

/** A plan that still waits after so long is approved once more. */
export const AGAIN_MS = 5_000;

/**
 * Sees the run to its end. `ready`: whether a parked run may be tried again by now (the world has come to
 * rest).
 */
export async function operate(
  world: FaultWorld,
  started: { run: string; offboardingId: string },
  deadline: number,
  ready: () => boolean,
): Promise<Operated> {
  const { run } = started;
  const parked: Parking[] = [];
  const done = new Set<string>();
  const approved = new Map<string, number>();
  let lastDecision = Date.now();
  const decide = async (name: string, by: Who, payload: Record<string, unknown>): Promise<void> => {
    await decideAs(world, run, name, by, payload, deadline);
    lastDecision = Date.now();
  };
  for (;;) {
    const status = await insist(deadline, 'the status', () => statusOf(world, run));
    if (status.state === 'closed') return { ...started, closedAt: Date.now(), status, parked, lastDecision };
    if (status.state === 'awaiting-approval') {
      const due = status.next.find(one => one.message === 'acknowledge')?.json.category;
      if (due !== undefined) await decide('acknowledge', 'olivia', { category: due });
      // A run that was reset may be back before its approval.
      else if (Date.now() - (approved.get(status.plan!.digest) ?? 0) > AGAIN_MS) {
        approved.set(status.plan!.digest, Date.now());
        await decide('approve', 'priya', { plan: status.plan!.digest });
      }
    } else if (status.state === 'needs-attention' || status.state === 'needs-correction') {
      const name = `${status.state} ${status.retries} ${status.sentence}`;
      if (!done.has(name)) parked.push({ at: Date.now(), state: status.state, sentence: sentenceOf(status) });
      done.add(name);
      if (parked.length > 20) throw new Error(`Parks again and again: ${parked.at(-1)!.sentence}`);
      if (ready()) await decide('retry', 'olivia', {});
    }
    await pause(100);
  }
}

/** Decides once, and asks until there is an answer. @param run workflow id, also of what comes after a run */
export async function decideAs(
  { offboardings, cast }: FaultWorld,
  run: string,
  name: string,
  by: Who,
  payload: Record<string, unknown>,
  deadline: number,
): Promise<void> {
  const id = randomUUID();
  await insist(deadline, name, async () => {
    const body = { by: cast[by].email, ...payload };
    const answer = await offboardings.decide(run, name, body, { id, timeoutMs: 5_000 });
    return answer.verdict === 'unknown' ? null : answer;
  });
}

export function statusOf({ temporal, offboardings }: FaultWorld, run: string): Promise<Status> {
  return temporal.connection.withDeadline(Date.now() + 5_000, () => offboardings.status(run));
}

function sentenceOf(status: Status): string {
  const steps = Object.values(status.steps).flatMap(step => (step.message ? [step.message] : []));
  return [status.sentence, ...status.findings.map(finding => JSON.stringify(finding)), ...steps].join(' | ');
}

/** Again until there is an answer: servers come back. */
export async function insist<T>(deadline: number, what: string, ask: () => Promise<T | null>): Promise<T> {
  for (;;) {
    let why = 'nobody answered';
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (error) {
      why = (error as Error).message;
    }
    if (Date.now() > deadline) throw new Error(`No answer to ${what} in time: ${why}`);
    await pause(100);
  }
}
