/** What comes after a cover: on its date, what it still holds is given back. */
import { uuid4 } from '@temporalio/workflow';
import { comesBack } from '../../../domain/dates.js';
import type { GiveBackInput } from '../../../domain/give-back.js';
import { DEFAULT_INSTALLATION, idsOf, installationOf } from '../../../domain/ids.js';
import { changedItems, type Run } from '../../../domain/run.js';
import { GIVE_BACK } from '../../messages.js';
import type { Desk } from '../desk.js';
import { begin } from './after.js';

/** What is to be given back after this run; null where it is no cover, or has moved nothing. */
export function giveBackAfter(run: Run): GiveBackInput | null {
  const { plan } = run;
  if (plan?.giveBackAt === undefined || changedItems(run) === 0) return null;
  const { id, name, human, marks } = run.leaver;
  return {
    giveBackId: uuid4(),
    offboardingId: run.offboardingId,
    of: run.workflowId,
    leaver: { id, name, human, ...(marks && { marks }) },
    requester: run.requester,
    amendedBy: run.amendedBy,
    humans: run.humans ?? {},
    plan: plan.digest,
    policy: plan.policy,
    due: plan.giveBackAt,
    dueSays: comesBack(plan)!,
  };
}

/** Starts the give-back that the closing entry has announced. */
export async function beginGiveBack(desk: Desk, input: GiveBackInput): Promise<void> {
  const { run } = desk;
  const { giveBack } = idsOf(installationOf(run.workflowId) ?? DEFAULT_INSTALLATION);
  await begin(desk, {
    type: GIVE_BACK,
    workflowId: giveBack(run.offboardingId),
    id: input.giveBackId,
    input,
    says: `Gives back to ${run.leaver.name} what a cover holds`,
  });
}
