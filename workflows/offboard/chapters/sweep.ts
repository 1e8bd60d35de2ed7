/** What comes after a run that has switched somebody off: a sweep for whatever still lands on them. */
import { uuid4 } from '@temporalio/workflow';
import { DEFAULT_INSTALLATION, idsOf, installationOf } from '../../../domain/ids.js';
import { patienceFor } from '../../../domain/patience.js';
import { offAfter, type SweepInput, sweepOf } from '../../../domain/sweep.js';
import { SWEEP_STRAGGLERS } from '../../messages.js';
import type { Desk } from '../desk.js';
import { begin } from './after.js';
import { seenKeys, waivedKeys } from './look-again.js';

/** Starts the sweep, where somebody was switched off and the policy wants one. */
export async function beginSweep(desk: Desk): Promise<void> {
  const { run } = desk;
  const { plan } = run;
  const policy = plan && sweepOf(plan.policy);
  const off = offAfter(run);
  if (!policy || off.length === 0) return;
  const input: SweepInput = {
    sweepId: uuid4(),
    offboardingId: run.offboardingId,
    of: run.workflowId,
    leaver: run.leaver,
    plan: plan.digest,
    policy,
    patience: patienceFor(plan.policy.waiting, 'attention'),
    off,
    waived: waivedKeys(run),
    seen: seenKeys(run),
    began: run.times.deactivated ?? new Date().toISOString(),
  };
  const { sweep } = idsOf(installationOf(run.workflowId) ?? DEFAULT_INSTALLATION);
  await begin(desk, {
    type: SWEEP_STRAGGLERS,
    workflowId: sweep(run.offboardingId),
    id: input.sweepId,
    input,
    says: `Sweep after the offboarding of ${run.leaver.name}`,
  });
}
