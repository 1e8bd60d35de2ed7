/**
 * Whose an offboarding id is. Anybody who may start a workflow may write any id into its input, also that of
 * somebody else's run: what an execution writes down, settles or closes must be its own.
 */
import { activityInfo } from '@temporalio/activity';
import { type Announced, announced } from '../domain/certificate.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Deps } from './deps.js';

/** Of which execution an activity is asked to write. */
export interface Owner {
  offboardingId: string;
  /** The first execution's Temporal run id: a fresh execution and a reset keep it, a new start has its own. */
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

/**
 * Has the offboarding announced this, with just this input, as it closed? Whatever else is started after an
 * offboarding was started by somebody by hand. A run that was reset after its end has closed more than once.
 */
export async function isAnnounced(
  { store }: Deps,
  offboardingId: string,
  kind: Announced['kind'],
  id: string,
  input: object,
): Promise<boolean> {
  const { entries } = await store.audit.read(offboardingId);
  const { input: digest } = announced(kind, id, input);
  return entries
    .filter(entry => entry.kind === 'closed')
    .flatMap(({ body }) => (body.after ?? []) as Announced[])
    .some(one => one.kind === kind && one.id === id && one.input === digest);
}
