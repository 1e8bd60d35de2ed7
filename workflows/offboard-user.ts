/**
 * The offboarding of one person, as a story: prepare, wait for people, wait for the date, execute, prove, switch off, close. Every
 * chapter ends in a named state; decisions reach it through the desk. Nothing is deactivated unless every step succeeded and a fresh
 * look shows that nothing is left; a failure parks the run and keeps its history.
 */
import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import { parseRequest } from '../domain/request.js';
import { newRun, type Participant } from '../domain/run.js';
import { archive } from './archive-run.js';
import { close } from './chapters/close.js';
import { deactivate } from './chapters/deactivate.js';
import { attention, execute } from './chapters/execute.js';
import { approval, correction, date } from './chapters/gates.js';
import { prepare } from './chapters/prepare.js';
import { type Desk, openDesk } from './desk.js';
import { type OffboardUserInput, offboardingWorkflowId, type Report } from './messages.js';

export async function offboardUser(input?: OffboardUserInput): Promise<Report> {
  const { workflowId } = workflowInfo();
  const refusal = misused(input, workflowId);
  if (refusal) return refused(refusal);
  const { offboardingId, order, leaver, requester } = input as OffboardUserInput;
  const desk = openDesk(newRun({ offboardingId, workflowId, order, leaver, requester, now: new Date().toISOString() }));
  // A cancellation is noted by the desk and ends the story at its next safe boundary, with a report.
  return CancellationScope.nonCancellable(async () => {
    await archive.start(offboardingId);
    await live(desk);
    const report = await close(desk);
    await archive.tell(offboardingId);
    await desk.settled();
    return report;
  });
}

const STORY: Record<Exclude<Desk['run']['state'], 'closed'>, (desk: Desk) => Promise<void>> = {
  preparing: prepare,
  'needs-correction': correction,
  'awaiting-approval': approval,
  scheduled: date,
  executing: execute,
  'needs-attention': attention,
  deactivating: deactivate,
};

async function live(desk: Desk): Promise<void> {
  while (desk.run.state !== 'closed') {
    if (desk.stopped()) return desk.change({ outcome: 'cancelled', state: 'closed', sentence: 'Cancelled.' });
    await STORY[desk.run.state](desk);
  }
}

/** Somebody may start this type by hand in the Temporal UI: say what to do instead, and change nothing. */
function misused(input: OffboardUserInput | undefined, workflowId: string): string | null {
  const instead =
    'Start "requestOffboarding" with {"user": "...", "requestedBy": "..."}: it looks the person up and starts this workflow under the right id.';
  if (!UUID.test(String(input?.offboardingId)) || !isParticipant(input?.leaver) || !isParticipant(input?.requester))
    return `This workflow is not started by hand. ${instead}`;
  const order = parseRequest(input?.order);
  if (!order.ok) return `${order.sentence} ${instead}`;
  const expected = offboardingWorkflowId(input!.leaver.id);
  if (workflowId !== expected)
    return `The offboarding of this person runs under the id "${expected}", so that there is only one; this one was started as "${workflowId}". ${instead}`;
  return null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function isParticipant(given: unknown): given is Participant {
  const { id, name, human } = (given ?? {}) as Record<string, unknown>;
  return [id, name, human].every(value => typeof value === 'string' && value !== '');
}

function refused(sentence: string): Report {
  return { outcome: 'refused', sentence, offboardingId: null, certificate: null, access: {}, steps: [], findings: [] };
}
