/**
 * Whose an offboarding id is. Anybody who may start a workflow may write any id into its input, also that of
 * somebody else's run: what an execution writes down, settles or closes must be its own.
 */
import { isDeepStrictEqual } from 'node:util';
import { activityInfo } from '@temporalio/activity';
import { type Announced, announced } from '../domain/certificate.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Participant } from '../domain/people.js';
import type { Deps } from './deps.js';

/** Of which execution an activity is asked to write. */
export interface Owner {
  offboardingId: string;
  /** The first execution's Temporal run id: fresh executions and resets keep it, a new start has its own. */
  first: string;
}

/** Why this id is not the asking workflow's, in a sentence; null = it is, or it is nobody's yet. */
export async function foreignTo({ store }: Deps, { offboardingId, first }: Owner): Promise<string | null> {
  const owner = await store.offboardings.ownerOf(offboardingId);
  if (owner === null) return null;
  const { workflowId } = activityInfo().workflowExecution!;
  if (owner.workflow !== workflowId)
    return `The id ${offboardingId} is that of ${owner.workflow}, and none of this workflow's.`;
  return owner.first === null || owner.first === first
    ? null
    : `The id ${offboardingId} is that of an earlier run of ${workflowId}: a new offboarding has a new id. Start "requestOffboarding".`;
}

/** @throws HandoverFailure where the id is another's: nothing is written. */
export async function itsOwn(deps: Deps, owner: Owner): Promise<void> {
  const sentence = await foreignTo(deps, owner);
  if (sentence !== null) throw new HandoverFailure('rejected', sentence);
}

/** What a workflow that comes after an offboarding is started with. */
export interface AfterInput {
  offboardingId: string;
  leaver: Pick<Participant, 'id' | 'human'>;
}

/** How it ended, and the execution (Temporal run id) that did. */
export type Ended<Input> = Input & { runId: string };

/**
 * Makes what comes after an offboarding known to the store under its own id. Answers with a sentence where the
 * offboarding has not announced it, with just this input, as it closed, or where another start has opened it
 * before: somebody has started it by hand. A fresh execution and a reset keep the first execution's id.
 */
export async function openAfter(
  deps: Deps,
  kind: Announced['kind'],
  id: string,
  { workflowId, first }: { workflowId: string; first: string },
  input: AfterInput,
): Promise<string | null> {
  const { ids, store } = deps;
  const { offboardingId, leaver } = input;
  const expected = { sweep: ids.sweep, 'give-back': ids.giveBack }[kind](offboardingId);
  const owner = await store.offboardings.workflowOf(id);
  const isOurs = workflowId === expected && (owner === null || owner === workflowId);
  if (!isOurs || !(await isAnnounced(deps, offboardingId, announced(kind, id, input))))
    return `${workflowId} comes after no offboarding that has announced it as it closed: a ${kind} is started by the offboarding before it.`;
  const order = await store.offboardings.orderOf(offboardingId);
  if (order)
    await store.offboardings.ordered({
      id,
      workflow: workflowId,
      leaver: leaver.id,
      human: leaver.human,
      order,
    });
  // Whoever comes first stands in its chain; of two that say so at once as well.
  const body = { of: offboardingId, first, workflow: workflowId, leaver: leaver.id, human: leaver.human };
  await store.audit.append(id, [{ subject: 'opened', kind: 'opened', body }]);
  return (await foreignTo(deps, { offboardingId: id, first })) === null
    ? null
    : `${workflowId} was begun before, and a ${kind} is begun once: this one does nothing. To have the earlier execution go on, reset it in Temporal.`;
}

/** A run that was reset after its end has closed more than once. */
async function isAnnounced({ store }: Deps, offboardingId: string, what: Announced): Promise<boolean> {
  const { entries } = await store.audit.read(offboardingId);
  return entries
    .filter(({ kind }) => kind === 'closed')
    .flatMap(({ body }) => (body.after ?? []) as Announced[])
    .some(one => isDeepStrictEqual(one, what));
}
