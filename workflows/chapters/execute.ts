/** The steps in order. What fails stops only what depends on it; then the run parks and waits for people. */
import type { StepsResult } from '../../activities/run-steps.js';
import { type Group, nextGroup, stuckSteps } from '../../domain/order.js';
import type { PlanStep } from '../../domain/plan.js';
import { number, takers } from '../../domain/report.js';
import {
  failedSteps,
  handedOver,
  isWaived,
  notSwitchedOff,
  openAcknowledgements,
  type Run,
  type StepProgress,
} from '../../domain/run.js';
import { summary } from '../../domain/summary.js';
import type { Desk } from '../desk.js';
import { type Attempt, attempt, long } from '../proxies.js';
import { lookAgain, lookAtAll, waivedKeys } from './look-again.js';

export async function execute(desk: Desk): Promise<void> {
  const { run } = desk;
  // Before the first step the world may re-open the approval; from then on the plan is locked, and what moved parks its step.
  if (run.started) await refuseSuccessors(desk);
  else if (!(await lookAgain(desk))) return;
  desk.change({ started: true, retry: false });
  desk.enter('executing', 'Handing over.');
  for (let group = nextGroup(run); group && !desk.stopped(); group = nextGroup(run)) {
    if (run.pausedBy) await desk.wait(() => run.pausedBy === null);
    else await runGroup(desk, group);
  }
  if (desk.stopped()) return;
  for (const { step, waitsFor } of stuckSteps(run))
    progress(desk, step, { state: 'not-run', message: `Waits for "${waitsFor}".` });
  if (failedSteps(run).length > 0) return park(desk);
  desk.change({ times: { ...run.times, handedOver: run.times.handedOver ?? new Date().toISOString() } });
  if (run.plan!.steps.some(step => step.phase === 'deactivate' && run.steps[step.id]?.state !== 'completed')) {
    return desk.enter('deactivating', `${handedOver(run)}. Proving it before anybody is switched off.`);
  }
  const active = notSwitchedOff(run);
  const reminder = ` The person is still active in ${active.join(', ')}; start a run with "execute-and-deactivate" to switch them off later.`;
  desk.change({ state: 'closed', outcome: 'completed', sentence: `${handedOver(run)}.${active.length > 0 ? reminder : ''}` });
}

/** A successor who stopped being eligible is never silently replaced: their unfinished steps fail with the reason. */
async function refuseSuccessors(desk: Desk): Promise<void> {
  const { run } = desk;
  const { looks, unread } = await lookAtAll(run, 'May the successors still take over?');
  for (const { step, sentence } of looks.flatMap(look => look.refused)) {
    if (run.steps[step]?.state === 'queued')
      progress(desk, step, { state: 'failed', message: `${sentence} Send "amend" with another successor.` });
  }
  if (unread.length > 0) desk.enter('executing', unread.join(' '));
}

async function runGroup(desk: Desk, group: Group): Promise<void> {
  const { run } = desk;
  progressAll(desk, Object.fromEntries(group.steps.map(step => [step.id, { state: 'running', message: null }])));
  const ran = await attempt(() =>
    desk.interruptible(() =>
      long.runSteps.executeWithOptions({ summary: summaryOf(run, group) }, [
        {
          offboardingId: run.offboardingId,
          plan: run.plan!.digest,
          system: group.system,
          steps: group.steps.map(step => step.id),
          retries: run.retries,
          waived: waivedKeys(run),
        },
      ]),
    ),
  );
  progressAll(desk, Object.fromEntries(group.steps.map(step => [step.id, outcomeOf(run, step.id, ran)])));
}

/** A step the activity did not get to is queued again: the slice was over, or the run is paused. */
function outcomeOf(run: Run, id: string, ran: Attempt<StepsResult | null>): Partial<StepProgress> {
  if (!ran.ok) return { state: 'failed', message: ran.sentence };
  const result = ran.value?.steps[id];
  if (!result) return { state: 'queued' };
  const { state, ...counts } = result;
  if (state === 'unfinished') return { ...counts, state: 'queued' };
  return { ...counts, state: state === 'completed' && isWaived(run, id) ? 'skipped' : state };
}

export function progress(desk: Desk, id: string, changes: Partial<StepProgress>): void {
  progressAll(desk, { [id]: changes });
}

/** All at once: every change of the remaining items is an event of its own in the history. */
function progressAll(desk: Desk, changes: Record<string, Partial<StepProgress>>): void {
  const { run } = desk;
  const changed = Object.entries(changes).map(([id, change]) => [id, { ...run.steps[id]!, ...change }]);
  desk.change({ steps: { ...run.steps, ...Object.fromEntries(changed) } });
}

/** "Transfer 1,204 open tasks → Bob" */
function summaryOf(run: Run, group: Group): string {
  const [first, ...others] = group.steps as [PlanStep, ...PlanStep[]];
  const what = `${first.do} ${number(first.baseline.count)} ${first.title}: ${run.leaver.name}${takers(first)}`;
  return summary(others.length > 0 ? `${what}, and ${others.length} more steps of ${group.system}` : what);
}

/** Parks the run: nobody is switched off, everything that worked stays done. */
export function park(desk: Desk): void {
  const { run } = desk;
  for (const step of run.plan!.steps) {
    if (step.phase === 'deactivate' && run.steps[step.id]?.state === 'queued')
      progress(desk, step.id, { state: 'not-run', message: 'Not every step succeeded.' });
  }
  const failed = failedSteps(run);
  const what =
    failed.length > 0
      ? `${failed.length} step${failed.length === 1 ? '' : 's'} failed: ${failed.join(', ')}.`
      : `Acknowledge again: ${openAcknowledgements(run)
          .map(item => item.subject)
          .join(', ')}.`;
  const open = Object.entries(run.access)
    .filter(([, access]) => access === 'open')
    .map(([system]) => system);
  desk.enter('needs-attention', `${what}${open.length > 0 ? ` The leaver stays active in ${open.join(', ')}.` : ''}`);
}

export async function attention(desk: Desk): Promise<void> {
  const { run } = desk;
  await desk.wait(
    () =>
      run.retry || run.replan || run.finish !== null || (failedSteps(run).length === 0 && openAcknowledgements(run).length === 0),
  );
  if (desk.stopped()) return;
  if (run.finish) return finish(desk);
  if (run.replan) return desk.enter('preparing', 'Making a plan for what is left.');
  desk.change({ retry: true, retries: run.retries + 1, failedProofs: 0 });
  const open = Object.entries(run.steps).filter(([, { state }]) => state === 'failed' || state === 'not-run');
  progressAll(desk, Object.fromEntries(open.map(([id]) => [id, { state: 'queued', message: null, leftover: null }])));
  desk.enter('executing', 'Trying again what is not done yet.');
}

function finish(desk: Desk): void {
  const { run } = desk;
  const { by, reason } = run.finish!;
  const active = notSwitchedOff(run);
  desk.change({
    state: 'closed',
    outcome: 'completed-partially',
    sentence: `Closed by ${by.name} with steps left: ${reason}. ${active.length > 0 ? `Not switched off: ${active.join(', ')}.` : 'The leaver is switched off everywhere.'}`,
  });
}
