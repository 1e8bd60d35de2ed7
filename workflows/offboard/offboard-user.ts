/**
 * The offboarding of one person, as a story: prepare, wait for people, wait for the date, execute, prove,
 * switch off, close. Every chapter returns what happened, and the lifecycle says which state that leads to;
 * decisions reach it through the desk. Nothing is deactivated unless every step succeeded and a fresh look
 * shows that nothing is left; a failure parks the run and keeps its history.
 */
import { CancellationScope, continueAsNew, workflowInfo } from '@temporalio/workflow';
import { objection } from '../../domain/door.js';
import { DEFAULT_INSTALLATION, idsOf, installationOf } from '../../domain/ids.js';
import { isOutcome, isOver } from '../../domain/lifecycle.js';
import type { RunState } from '../../domain/model.js';
import type { Participant, Signer } from '../../domain/people.js';
import { type Order, parsePeople, parseRequest } from '../../domain/request.js';
import { newRun, type Run } from '../../domain/run.js';
import { contentOf, type Letter } from '../../domain/statement.js';
import { isContinued, isLongLived } from '../continued.js';
import type { OffboardUserInput, Report } from '../messages.js';
import { certify } from './chapters/close.js';
import { deactivate } from './chapters/deactivate.js';
import { decided } from './chapters/decided.js';
import { attention, execute } from './chapters/execute.js';
import { approval, correction, date } from './chapters/gates.js';
import { prepare } from './chapters/prepare.js';
import { type Desk, type Happening, openDesk, type Renewal } from './desk.js';

export async function offboardUser(input?: unknown): Promise<Report> {
  const { workflowId } = workflowInfo();
  const read = readInput(input, workflowId);
  if ('refusal' in read) return refused(read.refusal);
  const run = read.carried ?? newRun({ ...read, workflowId, now: new Date().toISOString() });
  const desk = openDesk(run, renewal(run));
  // A cancellation is noted by the desk and ends the story at its next safe boundary, with a report.
  return CancellationScope.nonCancellable(async () => {
    await live(desk);
    const report = await certify(desk);
    await desk.settled();
    // The very last: from here on nothing of the run is open.
    desk.happened({ event: 'certified', says: desk.run.sentence });
    return report;
  });
}

const STORY: Record<Exclude<RunState, 'closing' | 'closed'>, (desk: Desk) => Promise<Happening>> = {
  preparing: prepare,
  'needs-correction': correction,
  'awaiting-approval': approval,
  scheduled: date,
  executing: execute,
  'needs-attention': attention,
  deactivating: deactivate,
};

async function live(desk: Desk): Promise<void> {
  const { run } = desk;
  while (!isOver(run.state)) {
    await desk.breathe();
    const happening = (desk.stopped() && decided(desk)) || (await STORY[run.state](desk));
    // What was decided in the very moment in which a chapter ended still counts, but for an ending that
    // cannot be taken back.
    desk.happened((!isOutcome(happening.event) && decided(desk)) || happening);
  }
}

interface Read {
  offboardingId: string;
  order: Order;
  leaver: Participant;
  requester: Signer;
  unproved?: Letter;
  carried?: Run | undefined;
}

/**
 * Somebody may start this type by hand in the Temporal UI: say what to do instead, and change nothing. What
 * can be read is no more than what somebody wrote; the first chapter asks the directory who these people are.
 */
function readInput(input: unknown, workflowId: string): Read | { refusal: string } {
  const instead =
    'Start "requestOffboarding" with {"user": "...", "requestedBy": "..."}: it looks the person up and starts this workflow under the right id.';
  const { carried, ...given } = (
    typeof input === 'object' && input !== null ? input : {}
  ) as Partial<OffboardUserInput>;
  const people = objection(given) === null ? parsePeople(given) : null;
  if (!people) return { refusal: `This workflow is not started by hand. ${instead}` };
  const order = parseRequest(given.order);
  if (!order.ok) return { refusal: `${order.sentence} ${instead}` };
  // The id says whose offboarding it is, and the first chapter's worker whether it is its own.
  const { offboarding } = idsOf(installationOf(workflowId) ?? DEFAULT_INSTALLATION);
  const expected = offboarding(people.leaver.id);
  if (workflowId !== expected) {
    return {
      refusal: `The offboarding of this person runs under the id "${expected}", so that there is only one; this one was started as "${workflowId}". ${instead}`,
    };
  }
  const asked = { ...people, order: order.value, requester: { ...people.requester, identity: CLAIMED } };
  if (carried === undefined) return { ...asked, ...unproved(given, order.value) };
  if (!isContinued())
    return { refusal: `This workflow goes on from an earlier one only by itself. ${instead}` };
  return { ...asked, carried: { ...carried, requester: { ...asked.requester, ...carried.requester } } };
}

const CLAIMED = { kind: 'claimed' } as const;

/** What came with a request counts for the one front door that it was sent to, and for whom that started. */
function unproved(
  { order, statement }: Partial<OffboardUserInput>,
  { requestedBy }: Order,
): { unproved?: Letter } {
  if (typeof statement !== 'string') return {};
  const { parent, runId } = workflowInfo();
  const seal = { statement, ...contentOf(order) };
  return { unproved: { name: 'request', run: null, by: requestedBy, use: parent?.runId ?? runId, seal } };
}

/**
 * Histories have an end: where the server suggests it, the run goes on in a fresh execution, with everything
 * it knows. Its store, its chain and its id are the same; who looks at it is shown the latest.
 */
function renewal(run: Run): Renewal {
  return {
    isDue: isLongLived,
    begin() {
      const { offboardingId, order, leaver, requester } = run;
      return continueAsNew<typeof offboardUser>({ offboardingId, order, leaver, requester, carried: run });
    },
  };
}

function refused(sentence: string): Report {
  return {
    outcome: 'refused',
    sentence,
    offboardingId: null,
    certificate: null,
    access: {},
    steps: [],
    findings: [],
  };
}
