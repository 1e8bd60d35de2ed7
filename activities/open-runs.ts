/**
 * The register of open runs is a memory, and a run that was terminated could not strike itself off. So
 * whoever meets an entry that stands in somebody's way asks Temporal whether that run is open at all, and
 * strikes it off when it is not.
 */
import { activityInfo } from '@temporalio/activity';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { HandoverFailure } from '../domain/failure.js';
import { comesAfter } from '../domain/ids.js';
import type { Person, Successor } from '../domain/model.js';
import type { OpenRun } from '../store/open-runs.js';
import type { Deps } from './deps.js';

/**
 * Which of these people are leaving themselves, under whatever entry, by open runs other than `except` (an
 * offboarding id; null = by any). Directory ids.
 */
export async function leaving(
  deps: Deps,
  people: readonly Pick<Person, 'id' | 'human'>[],
  except: string | null,
): Promise<Set<string>> {
  const gone = new Set<string>();
  for (const run of await deps.store.runs.leaving(people, except)) {
    if (!(await isOpen(deps, run))) continue;
    const theirs = people.filter(({ id, human }) => id === run.leaver || human === run.human);
    for (const { id } of theirs) gone.add(id);
  }
  return gone;
}

/**
 * Open runs that are to hand items over to this leaver; as long as one does, nobody switches them off. What
 * comes after a run is registered for the minutes in which it hands over, and waited for at the switch.
 */
export async function naming(deps: Deps, leaver: string, except: string): Promise<OpenRun[]> {
  const open: OpenRun[] = [];
  for (const run of await deps.store.runs.naming(leaver, except))
    if (comesAfter(deps.ids, run.workflow) === null && (await isOpen(deps, run))) open.push(run);
  return open;
}

/** That another run is in the way of switching its successor off, and what to do about it. */
export function sayNaming({ workflow }: Pick<OpenRun, 'workflow'>): string {
  return `Another offboarding (${workflow}) is to hand items over to this leaver, who cannot be switched off before: amend that run, or let it finish first.`;
}

/**
 * Claims the right to switch the leaver off: two runs never work against each other. Returns the open run
 * that still hands items over to this leaver, or null when the claim stands.
 * @throws HandoverFailure while what comes after another run hands something over to them: it is asked again
 */
export async function claimDeactivation(deps: Deps, offboardingId: string): Promise<OpenRun | null> {
  for (;;) {
    const inTheWay = await deps.store.runs.claimDeactivation(offboardingId);
    if (!inTheWay) return null;
    if (!(await isOpen(deps, inTheWay))) continue;
    if (comesAfter(deps.ids, inTheWay.workflow) === null) return inTheWay;
    const says = `${inTheWay.workflow} is handing items over to this leaver at the moment.`;
    throw new HandoverFailure('locked', `${says} Send "retry" once it is through.`);
  }
}

/**
 * Registers who takes over in these steps before anything of them is done, also where an earlier proof had
 * struck them off: from now on nobody switches them off. Says per step, in a sentence, where that comes too
 * late.
 */
export async function beginSteps(
  deps: Deps,
  offboardingId: string,
  steps: readonly { id: string; takers: readonly Successor[] }[],
): Promise<Record<string, string>> {
  const successors = Object.fromEntries(
    steps
      .map(step => [step.id, step.takers.flatMap(taker => taker.personId ?? [])] as const)
      .filter(([, people]) => people.length > 0),
  );
  if (Object.keys(successors).length === 0) return {};
  const late = new Map<string, OpenRun>();
  for (const run of await deps.store.runs.beginSteps(offboardingId, successors, after(deps)))
    if (await isOpen(deps, run)) late.set(run.leaver, run);
  return Object.fromEntries(
    steps.flatMap(step => {
      const gone = step.takers.find(taker => taker.personId !== null && late.has(taker.personId));
      if (!gone) return [];
      const { workflow } = late.get(gone.personId!)!;
      const sentence = `${gone.label} is being switched off by an offboarding of their own (${workflow}). Send "amend" with another successor.`;
      return [[step.id, sentence]];
    }),
  );
}

/**
 * Strikes off whoever takes over in steps that have ended as these say. Where a run has failed at one it may go
 * on with it, and they stay; what comes after a run registers them anew in its next round or plan.
 */
export async function finishSteps(
  deps: Deps,
  offboardingId: string,
  ended: Readonly<Record<string, string>>,
): Promise<void> {
  const isAfter = after(deps) !== null;
  const through = Object.keys(ended).filter(id => isAfter || ended[id] === 'completed');
  if (through.length > 0) await deps.store.runs.finishSteps(offboardingId, through);
}

/** The id of the workflow that asks, where it comes after an offboarding: nothing else opens it in the register. */
function after({ ids }: Deps): string | null {
  const { workflowId } = activityInfo().workflowExecution!;
  return comesAfter(ids, workflowId) === null ? null : workflowId;
}

/** Strikes off every run that has closed without saying so, or that Temporal has forgotten. */
export async function reconcileRegister(deps: Deps): Promise<void> {
  const register = await deps.store.runs.all();
  if (register.length === 0) return;
  // A thousand runs may wait for weeks: they are listed, and only what is not among them is asked about.
  const query = `WorkflowType = "offboardUser" and ExecutionStatus = "Running" and WorkflowId STARTS_WITH "${deps.ids.offboardings}"`;
  const listed = new Set<string>();
  for await (const run of deps.temporal.workflow.list({ query })) listed.add(run.workflowId);
  for (const run of register) if (!listed.has(run.workflow)) await isOpen(deps, run);
}

/** False: the run has closed, and is no longer in the register. */
async function isOpen(deps: Deps, run: OpenRun): Promise<boolean> {
  const description = await described(deps.temporal, run.workflow);
  if (description?.status.name === 'RUNNING') return true;
  // Of what Temporal has forgotten (deleted, or its file fell back), an attempt may still be under way.
  const ended = description ? description.closeTime : new Date();
  if (ended) await deps.store.ledger.fence(run.offboarding, ended);
  await deps.store.runs.close(run.offboarding);
  return false;
}

/** What Temporal says of an execution, the newest under its id where none is named; null = it knows none. */
export async function described(
  temporal: Client,
  workflowId: string,
  runId?: string,
): Promise<WorkflowExecutionDescription | null> {
  try {
    return await temporal.workflow.getHandle(workflowId, runId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
