/**
 * How it is known what is said, in one word on every line of status and certificate. A word never turns into
 * a better one by itself.
 *
 *   asked       of an effect: the system itself said what became of it
 *   read        of an effect: it was only seen to be so afterwards, which somebody else may have done too
 *   unsettled   of an effect: nobody could find out
 *   observed    of a state: it was read, at a time that is said
 *   attested    a person says so (an acknowledgement), and nothing of ours has checked it
 *
 * A decision is `claimed` or `verified`: see `identityWords`.
 */
import { leastSure, type Sure } from './effect.js';
import { isEffect, type PlanStep } from './plan.js';
import type { Run } from './run.js';

export type Evidence = EffectEvidence | 'observed' | 'attested';

/** Of a step's effects, by the weakest of them. */
export type EffectEvidence = Sure | 'unsettled';

/** Null = there were no effects. */
export function evidenceOf(
  receipts: readonly { state: 'intended' | 'done' | 'aborted'; sure: Sure | null }[],
): EffectEvidence | null {
  if (receipts.some(receipt => receipt.state === 'intended')) return 'unsettled';
  // What came to nothing says nothing about what was done.
  return leastSure(receipts.filter(receipt => receipt.state === 'done').map(receipt => receipt.sure));
}

/** Of what is said about a step now; null = nothing is said that could be known. */
export function evidenceNow(
  run: Pick<Run, 'steps' | 'acknowledgements'>,
  step: PlanStep,
  effects: EffectEvidence | null = run.steps[step.id]?.evidence ?? null,
): Evidence | null {
  if (step.phase === 'manual') return run.acknowledgements[step.id]?.by ? 'attested' : 'observed';
  // An account that was switched is read once more: that it is off was seen.
  if (step.phase === 'deactivate') return run.steps[step.id]?.state === 'completed' ? 'observed' : null;
  return isEffect(step) ? (effects ?? 'observed') : 'observed';
}
