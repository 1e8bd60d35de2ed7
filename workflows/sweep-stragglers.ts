/**
 * Looks after somebody who was switched off: whatever still lands on them follows the rules that were approved
 * for it, and what these do not cover is put to people. A round never waits for an answer. It has an id, a
 * chain and a fence of its own, and ends by itself.
 */
import {
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { StepResult } from '../activities/run-steps.js';
import { instant } from '../domain/request.js';
import {
  asked,
  nextMoment,
  type Sweep,
  type SweepInput,
  type SweepOutcome,
  sweepDetails,
} from '../domain/sweep.js';
import { isContinued } from './continued.js';
import { STATUS } from './messages.js';
import { ask, long, quick } from './proxies.js';

/** Rounds of one execution, so that a history stays small. */
const ROUNDS = 30;

export async function sweepStragglers(input: SweepInput, carried?: Sweep): Promise<Sweep> {
  const sweep = carried && isContinued() ? carried : begun(input);
  setHandler(defineQuery<Sweep>(STATUS), () => sweep, {
    description: 'The whole state of this sweep as JSON',
  });
  let isCancelled = false;
  CancellationScope.current().cancelRequested.catch(() => {
    isCancelled = true;
  });
  return CancellationScope.nonCancellable(async () => {
    const before = sweep.round;
    while (!sweep.outcome) {
      const next = nextMoment(input.policy, input.began, Math.max(Date.now(), lastMoment(sweep)));
      if (next === null) {
        ended(sweep, 'ended', 'The last round is over: nothing lands on them any more that nobody knows of.');
        break;
      }
      change(sweep, { state: 'waiting', next: new Date(next).toISOString() });
      if (sweep.round - before >= ROUNDS) await continueAsNew<typeof sweepStragglers>(input, sweep);
      const summary = `Until round ${sweep.round + 1} of the sweep`;
      await condition(() => isCancelled, Math.max(1, next - Date.now()), { summary });
      if (isCancelled) ended(sweep, 'cancelled', 'Cancelled in Temporal.');
      else await round(sweep);
    }
    const { sweepId, outcome, sentence, round: rounds, moved } = sweep;
    await ask(quick.endSweep, 'The sweep is over', {
      sweepId,
      outcome: outcome!,
      sentence,
      rounds,
      moved,
    });
    change(sweep, { state: 'closed', next: null });
    return sweep;
  });
}

function begun(input: SweepInput): Sweep {
  return {
    ...input,
    workflowId: workflowInfo().workflowId,
    state: 'waiting',
    outcome: null,
    sentence: 'Waits for its first round.',
    round: 0,
    next: null,
    moved: 0,
    addenda: [],
    open: [],
    acknowledged: {},
    refused: [],
  };
}

function lastMoment({ next }: Sweep): number {
  return next === null ? 0 : instant(next);
}

/** One round: look, hand over what follows a rule, write down what came of it. */
async function round(sweep: Sweep): Promise<void> {
  const number = sweep.round + 1;
  change(sweep, { state: 'sweeping', round: number, sentence: `Round ${number} is under way.` });
  const input = inputOf(sweep);
  const looked = await ask(
    long.sweepLook,
    `Round ${number}: what has landed on ${sweep.leaver.name}?`,
    input,
  );
  if (!looked.ok) return noted(sweep, `Round ${number} could not look: ${looked.sentence}`);
  const { aside, again, due, questions } = looked.value;
  if (aside)
    return ended(
      sweep,
      'stood-aside',
      'Another offboarding of the same person is open: it looks after them now.',
    );
  if (again.length > 0)
    return ended(
      sweep,
      'switched-on-again',
      `${sweep.leaver.name} was switched on again in ${again.join(', ')}: the sweep ends.`,
    );
  const { workflowId } = sweep;
  const found = [...questions];
  const results: Record<string, StepResult> = {};
  let made: string | null = null;
  if (due.length > 0) {
    const { runId } = workflowInfo();
    const planned = await ask(long.planRound, `Round ${number}: what follows which rule?`, {
      ...input,
      workflowId,
      runId,
      round: number,
      due,
    });
    if (!planned.ok) return noted(sweep, `Round ${number} could not be planned: ${planned.sentence}`);
    found.push(...planned.value.questions);
    made = planned.value.plan;
    for (const { system, steps } of made === null ? [] : planned.value.systems) {
      const count = due.filter(({ step }) => steps.includes(step)).reduce((sum, one) => sum + one.count, 0);
      const says = `Hand over ${count} stragglers in ${system}`;
      for (let open = steps; open.length > 0; ) {
        const run = await ask(long.runSteps, says, {
          offboardingId: sweep.sweepId,
          plan: made!,
          system,
          steps: open,
          retries: 0,
          waived: {},
          aside: planned.value.aside,
        });
        if (!run.ok) {
          found.push({ subject: system, says: `${system}: ${run.sentence}`, mark: `failed ${number}` });
          break;
        }
        Object.assign(results, run.value.steps);
        open = open.filter(id => !results[id] || results[id].state === 'unfinished');
      }
    }
    for (const [step, { state, message }] of Object.entries(results))
      if (state === 'failed' || state === 'not-run')
        found.push({
          subject: step,
          says: message ?? `${step} did not go through.`,
          mark: `failed ${number}`,
        });
  }
  const now = new Date().toISOString();
  const open = asked(sweep, found, now);
  const fresh = open.filter(
    one => !sweep.open.some(({ subject, mark }) => subject === one.subject && mark === one.mark),
  );
  const closed = await ask(quick.closeRound, `Round ${number} is written down`, {
    ...input,
    workflowId,
    round: number,
    made,
    results,
    questions: fresh.map(({ subject, says, mark }) => ({ subject, says, mark })),
  });
  change(sweep, { open });
  if (!closed.ok) return noted(sweep, `Round ${number} could not be written down: ${closed.sentence}`);
  const { addendum, moved } = closed.value;
  change(sweep, {
    moved: sweep.moved + moved,
    addenda: addendum === null ? sweep.addenda : [...sweep.addenda, addendum],
    sentence: sayRound(number, moved, open.length),
  });
}

function sayRound(number: number, moved: number, open: number): string {
  const caught =
    moved > 0 ? `caught ${moved} and handed over by the approved rules` : 'found nothing to hand over';
  return `Round ${number} ${caught}${open > 0 ? `; ${open} for people` : ''}.`;
}

function inputOf(sweep: Sweep): SweepInput {
  const { sweepId, offboardingId, of, leaver, plan, policy, waiting, off, waived, seen, began } = sweep;
  return { sweepId, offboardingId, of, leaver, plan, policy, waiting, off, waived, seen, began };
}

function noted(sweep: Sweep, sentence: string): void {
  change(sweep, { sentence });
}

function ended(sweep: Sweep, outcome: SweepOutcome, sentence: string): void {
  change(sweep, { outcome, sentence });
}

/** Changes the sweep and what operators see of it. */
function change(sweep: Sweep, news: Partial<Sweep>): void {
  Object.assign(sweep, news);
  setCurrentDetails(sweepDetails(sweep));
  const { outcome, next, open } = sweep;
  upsertSearchAttributes({
    OffboardingState: [outcome ? 'closed' : `sweep-${sweep.state}`],
    OffboardingOutcome: outcome ? [outcome] : [],
    OffboardingLeaver: [sweep.leaver.id.slice(0, 200)],
    OffboardingWaitingOn: [open.length > 0 && !outcome ? 'attention' : 'nobody'],
    OffboardingDue: next === null || outcome ? [] : [new Date(next)],
  });
}
