/** The end of every run: access as it was asked for, the certificate, the report. */
import { workflowInfo } from '@temporalio/workflow';
import { announced, withCounts } from '../../../domain/certificate.js';
import { deactivateId } from '../../../domain/plan.js';
import { changedItems, doneSoFar, type Run, type StepProgress } from '../../../domain/run.js';
import type { Report } from '../../messages.js';
import { ask, quick } from '../../proxies.js';
import type { Desk } from '../desk.js';
import { blockNote, offNote } from './decided.js';
import { beginGiveBack, giveBackAfter } from './give-back.js';
import { beginSweep, sweepAfter } from './sweep.js';

/** Ends what is half-way, writes the certificate, starts what comes after it, and says how it ended. */
export async function certify(desk: Desk): Promise<Report> {
  const { run } = desk;
  if (run.outcome !== 'completed') await settle(desk);
  if (run.outcome === 'cancelled') await endCancelled(desk);
  if (run.outcome === 'nothing-to-do' && changedItems(run) > 0)
    desk.change({ sentence: `${run.sentence} ${doneSoFar(run)}` });
  for (const [id, progress] of Object.entries(run.steps)) {
    if (progress.state === 'queued' || progress.state === 'running')
      desk.change({ steps: { ...run.steps, [id]: { ...progress, ...leftAt(run, progress) } } });
  }
  // What was decided stands in the chain before its closing entry, behind which nothing counts.
  await desk.settled();
  const [sweep, back] = [sweepAfter(run), giveBackAfter(run)];
  const { runId, firstExecutionRunId: first } = workflowInfo();
  const closed = await ask(quick.closeRun, `Certificate: ${run.outcome}`, {
    run,
    runId,
    first,
    outcome: run.outcome!,
    sentence: run.sentence,
    after: [
      ...(sweep ? [announced('sweep', sweep.sweepId, sweep)] : []),
      ...(back ? [announced('give-back', back.giveBackId, back)] : []),
    ],
  });
  if (!closed.ok) {
    desk.change({ sentence: `${run.sentence} The certificate could not be written: ${closed.sentence}` });
    return reportOf(run);
  }
  const { certificate, counts } = closed.value;
  desk.change({ certificate, ...withCounts(run, counts) });
  if (sweep) await beginSweep(desk, sweep);
  if (back) await beginGiveBack(desk, back);
  return reportOf(run);
}

/** What was begun and not finished is not "not run"; what a reset has made forget was done where nothing is left. */
function leftAt({ outcome }: Run, { changed }: StepProgress): Partial<StepProgress> {
  if (changed === 0) return { state: 'not-run' };
  return outcome === 'nothing-to-do'
    ? { state: 'completed', message: null }
    : { state: 'failed', message: 'The run ended before this step was finished.' };
}

async function endCancelled(desk: Desk): Promise<void> {
  const { run } = desk;
  if (run.turn?.kind !== 'cancel') return;
  const { by, access } = run.turn;
  const kept = access === 'restore' ? await restore(desk) : [];
  const who = by ? `by ${by.name}` : 'in Temporal';
  const why = kept.map(one => ` ${one}`).join('');
  desk.change({
    sentence: `Cancelled ${who}. ${doneSoFar(run)}${offNote(run)}${blockNote(run)}${why}`,
  });
}

/** Gives back only what is ours: an account that others had blocked stays blocked. Answers why one was not. */
async function restore(desk: Desk): Promise<string[]> {
  const { run } = desk;
  desk.change({ turns: run.turns + 1 });
  const kept: string[] = [];
  for (const { system, warnings = [] } of run.accounts) {
    const accounts = run.blockedByUs.flatMap(one => (one.system === system ? one.accounts : []));
    if (accounts.length === 0 || run.access[system] === 'deactivated') continue;
    const { offboardingId, leaver, turns: turn } = run;
    const input = { offboardingId, leaverId: leaver.id, system, accounts, warnings, turn };
    const restored = await ask(quick.restoreAccess, `Give sign-in back in ${system}`, input);
    if (restored.ok && restored.value.access === 'open')
      desk.change({
        access: { ...run.access, [system]: 'open' },
        blockedByUs: run.blockedByUs.filter(one => one.system !== system),
      });
    const problem = restored.ok ? restored.value.message : restored.sentence;
    if (problem) kept.push(problem);
  }
  return kept;
}

/** What the ledger says, also of an activity whose answer never came. */
async function settle(desk: Desk): Promise<void> {
  const { run } = desk;
  const settled = await ask(quick.settleLedger, 'What was really done', {
    offboardingId: run.offboardingId,
    first: workflowInfo().firstExecutionRunId,
  });
  if (!settled.ok) return;
  const steps = Object.entries(run.steps).map(([id, step]) => [
    id,
    { ...step, changed: settled.value.changed[id] ?? step.changed },
  ]);
  desk.change({ steps: Object.fromEntries(steps) });
  for (const { system, accounts } of run.accounts) {
    const id = deactivateId(system);
    // The switch whose answer never came was made after all.
    if (run.steps[id]?.state !== 'failed' || (settled.value.changed[id] ?? 0) < accounts.length) continue;
    desk.change({
      access: { ...run.access, [system]: 'deactivated' },
      steps: { ...run.steps, [id]: { ...run.steps[id], state: 'completed', message: null } },
    });
  }
}

function reportOf(run: Run): Report {
  return {
    outcome: run.outcome!,
    sentence: run.sentence,
    offboardingId: run.offboardingId,
    certificate: run.certificate,
    access: run.access,
    steps: (run.plan?.steps ?? []).flatMap(step => {
      const progress = run.steps[step.id];
      return progress
        ? {
            id: step.id,
            title: step.title,
            state: progress.state,
            changed: progress.changed,
            remaining: progress.remaining,
            message: progress.message,
          }
        : [];
    }),
    findings: run.findings,
  };
}
