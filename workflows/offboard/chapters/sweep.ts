/** What comes after a run that has switched somebody off: a sweep for whatever still lands on them. */
import { uuid4 } from '@temporalio/workflow';
import { DEFAULT_INSTALLATION, idsOf, installationOf } from '../../../domain/ids.js';
import { patienceFor } from '../../../domain/patience.js';
import { isApproved, type Run } from '../../../domain/run.js';
import { offAfter, type SweepInput, sweepOf } from '../../../domain/sweep.js';
import { SWEEP_STRAGGLERS } from '../../messages.js';
import type { Desk } from '../desk.js';
import { begin } from './after.js';
import { seenKeys, waivedKeys } from './look-again.js';

/** What a sweep after this run is to look after; null where nobody was switched off or the policy wants none. */
export function sweepAfter(run: Run): SweepInput | null {
  const { plan } = run;
  const policy = plan && sweepOf(plan.policy);
  const off = offAfter(run);
  if (!policy || off.length === 0) return null;
  return {
    sweepId: uuid4(),
    offboardingId: run.offboardingId,
    of: run.workflowId,
    leaver: run.leaver,
    plan: plan.digest,
    approved: isApproved(run, plan),
    policy,
    patience: patienceFor(plan.policy.waiting, 'attention'),
    off,
    waived: waivedKeys(run),
    seen: seenKeys(run),
    began: run.times.deactivated ?? new Date().toISOString(),
  };
}

/** Starts the sweep that the closing entry has announced. */
export async function beginSweep(desk: Desk, input: SweepInput): Promise<void> {
  const { run } = desk;
  const { sweep } = idsOf(installationOf(run.workflowId) ?? DEFAULT_INSTALLATION);
  await begin(desk, {
    type: SWEEP_STRAGGLERS,
    workflowId: sweep(run.offboardingId),
    id: input.sweepId,
    input,
    says: `Sweep after the offboarding of ${run.leaver.name}`,
  });
}
