/** What comes after a cover: on its date, what it still holds is given back. */
import { uuid4 } from '@temporalio/workflow';
import { comesBack } from '../../../domain/dates.js';
import type { GiveBackInput } from '../../../domain/give-back.js';
import { DEFAULT_INSTALLATION, idsOf, installationOf } from '../../../domain/ids.js';
import { changedItems } from '../../../domain/run.js';
import { GIVE_BACK } from '../../messages.js';
import type { Desk } from '../desk.js';
import { begin } from './after.js';

/** Starts the give-back of a cover that has moved anything. */
export async function beginGiveBack(desk: Desk): Promise<void> {
  const { run } = desk;
  const { plan, certificate } = run;
  if (plan?.giveBackAt === undefined || certificate === null || changedItems(run) === 0) return;
  const { id, name, human, marks } = run.leaver;
  const input: GiveBackInput = {
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
  const { giveBack } = idsOf(installationOf(run.workflowId) ?? DEFAULT_INSTALLATION);
  await begin(desk, {
    type: GIVE_BACK,
    workflowId: giveBack(run.offboardingId),
    id: input.giveBackId,
    input,
    says: `Gives back to ${name} what a cover holds`,
  });
}
