/**
 * The trail of a workflow's messages: every verdict is written down by an activity, beside whatever goes on. A
 * store that is out of reach delays the trail, never the next decision; what came about meanwhile is recorded
 * at once. Refusals beyond those of an ordinary hour are summed up, and the sum is what is written.
 */
import { CancellationScope, condition, workflowInfo } from '@temporalio/workflow';
import type { DecisionEntry, NoticeEntry, TrailEntry } from '../activities/record.js';
import { type Counted, isAlone, type SummedFlood, summedUp } from '../domain/flood.js';
import { FLOOD } from '../domain/limits.js';
import { clip } from '../domain/mistake.js';
import { ask, quick } from './proxies.js';

export interface Trail {
  note(notice: Omit<NoticeEntry, 'kind' | 'number'>): void;
  decided(entry: DecisionEntry): void;
  /** False = it is only counted, and its entry goes into the sum's digest. */
  refused(entry: DecisionEntry, counted: Counted): boolean;
  /** Nothing is left to be written. */
  isWritten(): boolean;
  /** Sums are written at once until this is over. */
  atOnce<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * @param id of the offboarding, or of whatever is decided about
 * @param failed told why entries could not be written, or null once others were
 */
export function openTrail(id: string, failed: (sentence: string | null) => void): Trail {
  const unrecorded: TrailEntry[] = [];
  const lone: number[] = [];
  let sum: SummedFlood | null = null;
  let recording = false;
  let urgent = 0;
  let notes = 0;
  let floods = 0;

  const recorder = async (): Promise<void> => {
    for (;;) {
      await condition(() => unrecorded.length > 0);
      recording = true;
      const entries = unrecorded.splice(0, fitting(unrecorded));
      const { runId, firstExecutionRunId: first } = workflowInfo();
      const input = { offboardingId: id, runId, first, entries };
      const written = await ask(quick.record, saysOf(entries), input);
      const missing = entries.length === 1 ? 'One entry' : `${entries.length} entries`;
      failed(written.ok ? null : `${missing} of the audit trail could not be written: ${written.sentence}`);
      recording = false;
    }
  };
  const summing = async (): Promise<void> => {
    for (;;) {
      await condition(() => sum !== null);
      await condition(() => urgent > 0, FLOOD.sumForMs, { summary: 'Sums up what is refused' });
      unrecorded.push({ kind: 'flood', number: ++floods, ...(sum as unknown as SummedFlood) });
      sum = null;
    }
  };
  void CancellationScope.nonCancellable(recorder);
  void CancellationScope.nonCancellable(summing);

  return {
    note(notice) {
      unrecorded.push({ kind: 'notice', number: ++notes, ...notice });
    },
    decided(entry) {
      unrecorded.push(entry);
    },
    refused(entry, counted) {
      const now = Date.now();
      if (!isAlone(lone, now)) {
        sum = summedUp(sum, counted);
        return false;
      }
      lone.push(now);
      if (lone.length > FLOOD.oneByOne) lone.shift();
      unrecorded.push(entry);
      return true;
    },
    isWritten: () => unrecorded.length === 0 && !recording && sum === null,
    async atOnce(work) {
      urgent += 1;
      try {
        return await work();
      } finally {
        urgent -= 1;
      }
    },
  };
}

/** So many entries, and so many characters of them, fit an activity's input. */
const MOST_ENTRIES = 50;
const MOST_CHARACTERS = 300_000;

function fitting(entries: readonly TrailEntry[]): number {
  let characters = 0;
  for (const [n, entry] of entries.slice(0, MOST_ENTRIES).entries()) {
    characters += JSON.stringify(entry).length;
    if (n > 0 && characters > MOST_CHARACTERS) return n;
  }
  return MOST_ENTRIES;
}

/** "Accepted: approve", "Noted: reminder", and how many more. */
function saysOf(entries: readonly TrailEntry[]): string {
  const [first, ...others] = entries as [TrailEntry, ...TrailEntry[]];
  return others.length > 0 ? `${sayEntry(first)}, and ${others.length} more` : sayEntry(first);
}

function sayEntry(entry: TrailEntry): string {
  switch (entry.kind) {
    case 'notice':
      return `Noted: ${entry.notice}`;
    case 'flood':
      return `Refused: ${entry.count} more`;
    case 'decision':
      return `${entry.accepted ? 'Accepted' : 'Refused'}: ${clip(entry.message, 40)}`;
  }
}
