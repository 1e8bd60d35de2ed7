/**
 * Where a run's time went, read from its history: how long activities and workflow tasks waited, and how long
 * they took.
 */
import type { WorkflowHandle } from '@temporalio/client';

export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
export type HistoryEvent = NonNullable<History['events']>[number];

/**
 * Of one kind of task: how many, how long they lay on the task queue, how long a worker had them.
 * Milliseconds in all.
 */
export interface Spent {
  name: string;
  count: number;
  waited: number;
  worked: number;
}

export function timeOf(event: HistoryEvent): number {
  return Number(event.eventTime?.seconds ?? 0) * 1000 + Number(event.eventTime?.nanos ?? 0) / 1e6;
}

/** Activities by name, and workflow tasks under `workflow task`; the most time first. */
export function spentIn(histories: readonly History[]): Spent[] {
  const spent = new Map<string, Spent>();
  for (const { events } of histories) {
    const begun = new Map<string, { name: string; scheduled: number; started: number }>();
    for (const event of events ?? []) {
      const at = timeOf(event);
      const scheduled = event.activityTaskScheduledEventAttributes;
      if (scheduled || event.workflowTaskScheduledEventAttributes) {
        const name = scheduled?.activityType?.name ?? 'workflow task';
        begun.set(String(event.eventId), { name, scheduled: at, started: at });
      }
      const started = event.activityTaskStartedEventAttributes ?? event.workflowTaskStartedEventAttributes;
      const waiting = started && begun.get(String(started.scheduledEventId));
      if (waiting) waiting.started = at;
      const done = event.activityTaskCompletedEventAttributes ?? event.workflowTaskCompletedEventAttributes;
      const task = done && begun.get(String(done.scheduledEventId));
      if (!task) continue;
      const sum = spent.get(task.name) ?? { name: task.name, count: 0, waited: 0, worked: 0 };
      sum.count++;
      sum.waited += task.started - task.scheduled;
      sum.worked += at - task.started;
      spent.set(task.name, sum);
    }
  }
  return [...spent.values()].sort((a, b) => b.waited + b.worked - a.waited - a.worked);
}

/** "runSteps 12,900 + 3 ms (1), ..." per run: at work, and on the queue before. */
export function spentInWords(histories: readonly History[], atLeastMs = 0.5): string {
  const runs = histories.length;
  return spentIn(histories)
    .filter(({ waited, worked }) => (waited + worked) / runs >= atLeastMs)
    .map(
      ({ name, count, waited, worked }) =>
        `${name} x${round(count / runs)}: ${round(worked / runs)} + ${round(waited / runs)}`,
    )
    .join(', ');
}

function round(number: number): number {
  return number < 10 ? Math.round(number * 10) / 10 : Math.round(number);
}
