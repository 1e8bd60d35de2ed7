/**
 * The shape of a run, read from its history: which activities were started in one breath, and where it waited
 * for a message.
 */
import type { History } from '../harness/history.js';

/** The activities that were started at once, by name, or a signal waited for. */
export type Move = string[] | 'gate';

export function shapeOf(history: History): Move[] {
  const shape: Move[] = [];
  for (const event of history.events ?? []) {
    if (event.workflowTaskCompletedEventAttributes) shape.push([]);
    if (event.workflowExecutionSignaledEventAttributes) shape.push('gate');
    const last = shape.at(-1);
    const activity = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (activity && Array.isArray(last)) last.push(activity);
  }
  return shape.filter(move => move.length > 0);
}

export function activitiesIn(shape: readonly Move[]): number {
  return shape.reduce<number>((sum, move) => sum + (move === 'gate' ? 0 : move.length), 0);
}
