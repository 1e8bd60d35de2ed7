/** The steps in order. What fails stops only what depends on it; then the run parks and waits for people. */
import type { RunStepsInput, StepsResult } from '../../../activities/run-steps.js';
import { accessEnds, comesBack } from '../../../domain/dates.js';
import { lateSteps } from '../../../domain/late.js';
import { type Group, nextGroup, stuckSteps } from '../../../domain/order.js';
import type { PlanStep } from '../../../domain/plan.js';
import {
  doneSoFar,
  failedSteps,
  isWaived,
  notSwitchedOff,
  openAcknowledgements,
  type Run,
  type StepProgress,
} from '../../../domain/run.js';
import { handedOver } from '../../../domain/stays.js';
import { takers } from '../../../domain/view.js';
import { number } from '../../../domain/words.js';
import { type Attempt, ask, long, prompt } from '../../proxies.js';
import { close, type Desk, type Happening } from '../desk.js';
import { decided } from './decided.js';
import { isLater } from './gates.js';
import { lookAgain, lookAtAll, waivedKeys } from './look-again.js';

export async function execute(desk: Desk): Promise<Happening> {
  const { run } = desk;
  // Before the first step the world may re-open the approval; from then on the plan is locked, and what moved
  // parks its step.
  const happened = run.started ? await refuseSuccessors(desk) : await begin(desk);
  if (happened) return happened;
  desk.change({ started: true });
  desk.say('Handing over.');
  for (let group = nextGroup(run); group && !desk.stopped(); group = nextGroup(run)) {
    await desk.breathe();
    if (run.pausedBy) await desk.whilePaused();
    else await runGroup(desk, group);
  }
  if (desk.stopped()) return decided(desk)!;
  for (const { step, waitsFor } of stuckSteps(run))
    progress(desk, step, { state: 'not-run', message: `Waits for "${waitsFor}".` });
  if (failedSteps(run).length > 0) return park(desk);
  if (lateSteps(run).length === 0)
    desk.change({ times: { ...run.times, handedOver: run.times.handedOver ?? new Date().toISOString() } });
  // What moved only after the switch is proved once more, like everything else.
  if (run.times.deactivated && run.plan!.steps.some(({ late }) => late))
    return { event: 'handed-over', says: `${handedOver(run)}. Proving once more that nothing is left.` };
  const switches = run.plan!.steps.some(
    step => step.phase === 'deactivate' && run.steps[step.id]?.state !== 'completed',
  );
  if (switches && isLater(desk)) {
    // Before the switch the world is compared with the plan once more, as before the first step.
    desk.change({ started: false });
    const then = `Access ends ${accessEnds(run.plan!)}; what comes until then is handed over before that.`;
    return { event: 'handed-over-early', says: `${handedOver(run)}. ${then}` };
  }
  if (switches)
    return { event: 'handed-over', says: `${handedOver(run)}. Proving it before anybody is switched off.` };
  const back = comesBack(run.plan!);
  if (back !== null) return close('completed', `${handedOver(run)} as cover until ${back}.`);
  const active = notSwitchedOff(run);
  const reminder = ` The person is still active in ${active.join(', ')}; start a run with "execute-and-deactivate" to switch them off later.`;
  return close('completed', `${handedOver(run)}.${active.length > 0 ? reminder : ''}`);
}

/** Null = the plan stands as it was approved, and nothing that is known now would stop it at its very end. */
async function begin(desk: Desk): Promise<Happening | null> {
  const { moved, inTheWay } = await lookAgain(desk);
  const last = desk.run.plan!.steps.find(step => step.phase === 'deactivate');
  if (moved || inTheWay.length === 0 || !last) return moved;
  progress(desk, last.id, { state: 'failed', message: `${inTheWay.join(' ')} Then send "retry".` });
  return { ...park(desk), says: `${doneSoFar(desk.run)} ${inTheWay.join(' ')}` };
}

/**
 * A successor who stopped being eligible is never silently replaced: their unfinished steps fail with the
 * reason.
 */
async function refuseSuccessors(desk: Desk): Promise<null> {
  const { run } = desk;
  const { looks, unread } = await lookAtAll(desk, 'May the successors still take over?', true);
  for (const { step, sentence } of looks.flatMap(look => look.refused)) {
    if (run.steps[step]?.state === 'queued')
      progress(desk, step, { state: 'failed', message: `${sentence} Send "amend" with another successor.` });
  }
  if (unread.length > 0) desk.say(unread.join(' '));
  return null;
}

async function runGroup(desk: Desk, group: Group): Promise<void> {
  const { run } = desk;
  progressAll(
    desk,
    Object.fromEntries(group.steps.map(step => [step.id, { state: 'running', message: null }])),
  );
  const input = {
    offboardingId: run.offboardingId,
    plan: run.plan!.digest,
    system: group.system,
    steps: group.steps.map(step => step.id),
    retries: run.retries,
    waived: waivedKeys(run),
  };
  const answers = await desk.interruptible(() =>
    Promise.all([ask(long.runSteps, summaryOf(run, group), input)]),
  );
  const ran = answers?.[0] ?? (await soFar(input));
  progressAll(desk, Object.fromEntries(group.steps.map(step => [step.id, outcomeOf(run, step.id, ran)])));
}

/**
 * Whoever was to stop at the next boundary died before: what is done by then is asked for, not guessed. Null
 * where nobody answers soon either: then the next look will tell.
 */
async function soFar(input: RunStepsInput): Promise<Attempt<StepsResult> | null> {
  const found = await ask(prompt.stepsSoFar, `How far ${input.system} is`, input);
  return found.ok ? found : null;
}

/** A step the activity did not get to is queued again: the slice was over, or the run is paused. */
function outcomeOf(run: Run, id: string, ran: Attempt<StepsResult> | null): Partial<StepProgress> {
  if (ran && !ran.ok) return { state: 'failed', message: ran.sentence };
  const result = ran?.value.steps[id];
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
  return others.length > 0 ? `${what}, and ${others.length} more steps of ${group.system}` : what;
}

/** Parks the run: nobody is switched off, everything that worked stays done. */
export function park(desk: Desk): Happening {
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
  const active = open.length > 0 ? ` The leaver stays active in ${open.join(', ')}.` : '';
  const off = run.times.deactivated && open.length === 0 ? ' The leaver is switched off already.' : '';
  return { event: 'parked', says: `${what}${active}${off}` };
}

export async function attention(desk: Desk): Promise<Happening> {
  const { run } = desk;
  const settled = (): boolean => failedSteps(run).length === 0 && openAcknowledgements(run).length === 0;
  await desk.wait(() => run.turn !== null || settled());
  const turn = decided(desk);
  if (turn && turn.event !== 'retried') return turn;
  desk.change({ retries: run.retries + 1, failedProofs: 0 });
  const open = Object.entries(run.steps).filter(([, { state }]) => state === 'failed' || state === 'not-run');
  const again: Partial<StepProgress> = { state: 'queued', message: null, leftover: null };
  progressAll(desk, Object.fromEntries(open.map(([id]) => [id, again])));
  return { event: 'retried', says: 'Trying again what is not done yet.' };
}
