/**
 * One look at what has closed. Every closed run of this installation, and of what comes after one, whose history
 * is not stored yet gets it stored; whatever it had under way gets no receipt any more (a terminated run could
 * not say so), and what became of effects that nobody saw end is asked. What fails is tried again by the next
 * look, and holds up nothing else.
 */
import type { WorkflowExecutionInfo } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { type ArchiveReport, added, lookSince, NOTHING_ARCHIVED } from '../domain/archive.js';
import { comesAfter, installationOf, kindOf } from '../domain/ids.js';
import type { Deps } from './deps.js';
import { settleAll } from './effects.js';
import { tellReturned } from './give-back.js';
import { described, reconcileRegister } from './open-runs.js';
import { tellEnd } from './sweep.js';

export interface ArchiveClosedInput {
  /** When the look began; ISO 8601. */
  began: string;
  /** Everything that Temporal still knows, not only what closed since the last look. */
  everything: boolean;
  /** Only the runs under this id. */
  workflowId: string | null;
}

export interface ArchivedPart {
  report: ArchiveReport;
  /** True when there may be more to store: the same is to be asked again. */
  more: boolean;
}

type Closed = Omit<WorkflowExecutionInfo, 'raw'>;

/** Of which the histories are stored. */
const KEPT = ['offboardUser', 'sweepStragglers', 'giveBack'];
/** Histories that one activity stores: a few seconds of work, which a worker that dies loses nothing of. */
const PART = 100;
/** How many that failed before are tried again in one look. */
const AGAIN = 20;
const PAGE = 100;

export async function archiveClosed(deps: Deps, input: ArchiveClosedInput): Promise<ArchivedPart> {
  const report: ArchiveReport = { stored: 0, workflows: [], failed: 0, failures: [] };
  const tried = await storeNew(deps, input, report);
  if (tried >= PART) return { report: added(NOTHING_ARCHIVED, report), more: true };
  await storeAgain(deps, input, report);
  await reconcileRegister(deps);
  await settleOwed(deps, input, report);
  if (input.workflowId === null) await deps.store.looks.finished(new Date(input.began));
  return { report: added(NOTHING_ARCHIVED, report), more: false };
}

/** Stores what nobody has tried to store; answers how many there were, up to PART. */
async function storeNew(deps: Deps, input: ArchiveClosedInput, report: ArchiveReport): Promise<number> {
  let tried = 0;
  for await (const page of pagesOf(closedRuns(deps, input))) {
    const untouched = await deps.store.looks.untouched(page.map(run => run.runId));
    for (const run of page) {
      if (!untouched.has(run.runId) || typeof run.memo?.offboardingId !== 'string') continue;
      if ((await keep(deps, run, report)) && ++tried === PART) return tried;
    }
  }
  return tried;
}

async function* closedRuns(
  deps: Deps,
  { everything, workflowId }: ArchiveClosedInput,
): AsyncIterable<Closed> {
  const { ids, store, temporal } = deps;
  let newest: Closed | null = null;
  const conditions = [
    `(${KEPT.map(type => `WorkflowType = "${type}"`).join(' or ')})`,
    'ExecutionStatus != "Running"',
  ];
  if (workflowId === null) {
    conditions.push(
      `(${[ids.offboardings, ids.sweeps, ids.giveBacks].map(one => `WorkflowId STARTS_WITH "${one}"`).join(' or ')})`,
    );
    const since = everything ? null : lookSince(await store.looks.last());
    if (since) conditions.push(`CloseTime > "${since.toISOString()}"`);
  } else {
    if (installationOf(workflowId) !== ids.installation) return;
    // What has closed this very moment is not listed yet.
    newest = await described(temporal, workflowId);
    if (newest && KEPT.includes(newest.type) && newest.status.name !== 'RUNNING') yield newest;
    conditions.push(`WorkflowId = "${workflowId.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  }
  for await (const run of temporal.workflow.list({ query: conditions.join(' and '), pageSize: PAGE }))
    if (run.runId !== newest?.runId) yield run;
}

async function* pagesOf<T>(all: AsyncIterable<T>): AsyncIterable<T[]> {
  let page: T[] = [];
  for await (const one of all) {
    if (page.push(one) < PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

/** Tries again what earlier looks could not store. */
async function storeAgain(deps: Deps, input: ArchiveClosedInput, report: ArchiveReport): Promise<void> {
  for (const { run, workflow } of await deps.store.looks.failures(AGAIN, new Date(input.began))) {
    if (input.workflowId !== null && workflow !== input.workflowId) continue;
    const closed = await described(deps.temporal, workflow, run);
    if (closed) await keep(deps, closed, report);
    else {
      await deps.store.looks.settled(run);
      fail(report, workflow, `Temporal has forgotten the history of run ${run} before it could be stored.`);
    }
  }
}

/**
 * Ends what the run left open, and stores its history. Storing comes last: it says that the rest is done.
 * False = it is none of ours.
 */
async function keep(deps: Deps, run: Closed, report: ArchiveReport): Promise<boolean> {
  const { store, temporal } = deps;
  const { workflowId, runId } = run;
  const offboarding = String(run.memo?.offboardingId);
  try {
    // Whoever starts a workflow by hand may say that it is any offboarding: the store knows which it is.
    const known = await store.offboardings.workflowOf(offboarding);
    if (known !== null && known !== workflowId) return false;
    const offboardingId = comesAfter(deps.ids, workflowId);
    // The first thing that what comes after an offboarding does is to have the store know it.
    if (offboardingId !== null && known === null) return false;
    // An execution that went on in a fresh one had come to rest, and ended nothing.
    const ended = run.status.name !== 'CONTINUED_AS_NEW';
    if (ended && run.closeTime) await store.ledger.fence(offboarding, run.closeTime);
    if (ended && !(await isOpen(deps, workflowId, offboarding))) {
      if (offboardingId === null) await store.runs.close(offboarding);
      else {
        const end = {
          offboardingId,
          workflowId,
          runId,
          outcome: 'broken-off',
          sentence: `It was ended in Temporal (${run.status.name.toLowerCase()}).`,
        } as const;
        if (kindOf(deps.ids, workflowId) === 'sweep') await tellEnd(deps, { ...end, sweepId: offboarding });
        else await tellReturned(deps, { ...end, giveBackId: offboarding });
      }
    }
    const history = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    const saved = await store.archive.save({
      run: runId,
      offboarding,
      workflow: workflowId,
      status: run.status.name,
      events: history.events?.length ?? 0,
      // As text it would be JSON inside JSON, which nobody can read who unpacks an archive by hand.
      history: JSON.parse(historyToJSON(history)) as unknown,
    });
    await store.looks.settled(runId);
    if (saved) {
      report.stored++;
      report.workflows.push(workflowId);
    }
  } catch (error) {
    const why = `The history of run ${runId} could not be stored: ${(error as Error).message}`;
    await store.looks.failed({ run: runId, workflow: workflowId, why });
    fail(report, workflowId, why);
  }
  return true;
}

/**
 * Asks what became of effects that nobody saw end, of every offboarding that is closed. A system that does
 * not answer is asked again by the next look.
 */
async function settleOwed(deps: Deps, input: ArchiveClosedInput, report: ArchiveReport): Promise<void> {
  for (const { offboarding, workflow } of await deps.store.ledger.owed()) {
    if (input.workflowId !== null && workflow !== input.workflowId) continue;
    // A run that was reset after its end settles its own effects.
    if (await isOpen(deps, workflow, offboarding)) continue;
    await settleAll(deps, offboarding, true).catch((error: Error) =>
      fail(report, workflow, `An effect could not be settled: ${error.message}`),
    );
  }
}

function fail(report: ArchiveReport, workflowId: string, why: string): void {
  report.failed++;
  report.failures.push({ workflowId, why });
}

/** Is the newest run under this id one of this offboarding, and open? */
async function isOpen(deps: Deps, workflowId: string, offboarding: string): Promise<boolean> {
  const newest = await described(deps.temporal, workflowId);
  return newest?.status.name === 'RUNNING' && newest.memo?.offboardingId === offboarding;
}
