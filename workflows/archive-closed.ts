/**
 * Keeps the history of whatever has closed: no run can export its own close, a terminated one runs no code,
 * and Temporal forgets both. A schedule starts this every few minutes, `handover archive` at once.
 */
import { ApplicationFailure, continueAsNew, workflowInfo } from '@temporalio/workflow';
import { type ArchiveReport, added, NOTHING_ARCHIVED } from '../domain/archive.js';
import { LAST } from '../domain/priority.js';
import { parseArchiveRequest } from '../domain/request.js';
import { isContinued } from './continued.js';
import { ask, long } from './proxies.js';

/** What a look that went on in a fresh execution had done before. */
export interface Sofar {
  began: string;
  report: ArchiveReport;
}

export async function archiveClosed(request?: unknown, earlier?: unknown): Promise<ArchiveReport> {
  const asked = parseArchiveRequest(request ?? {});
  if (!asked.ok) throw ApplicationFailure.nonRetryable(asked.sentence, 'rejected');
  const sofar = isContinued() ? (earlier as Sofar) : null;
  const began = sofar?.began ?? new Date().toISOString();
  let report = sofar?.report ?? NOTHING_ARCHIVED;
  for (;;) {
    const { everything = false, workflowId = null } = asked.value;
    const look = { began, everything, workflowId };
    // A schedule gives its workflows no priority.
    const part = await ask(long.archiveClosed, 'Keep what has closed', look, LAST);
    // The next one begins anew; what this one did is done.
    if (!part.ok) throw ApplicationFailure.nonRetryable(part.sentence, part.kind);
    report = added(report, part.value.report);
    if (!part.value.more) return report;
    if (workflowInfo().historyLength > LONG)
      await continueAsNew<typeof archiveClosed>(asked.value, { began, report });
  }
}

/** Events: about ten thousand histories stored. */
const LONG = 600;
