/**
 * The shape of a run, read from its history: how many activities were started in one breath, and where it
 * waited for a message.
 */
import type { History } from '../harness/history.js';

/** A number of activities started at once, or a signal waited for. */
export type Move = number | 'gate';

export function shapeOf(history: History): Move[] {
  const shape: Move[] = [];
  for (const event of history.events ?? []) {
    if (event.workflowTaskCompletedEventAttributes) shape.push(0);
    if (event.workflowExecutionSignaledEventAttributes) shape.push('gate');
    const last = shape.at(-1);
    if (event.activityTaskScheduledEventAttributes)
      shape[shape.length - 1] = typeof last === 'number' ? last + 1 : 1;
  }
  return shape.filter(move => move !== 0);
}

export function activitiesIn(shape: readonly Move[]): number {
  return shape.reduce<number>((sum, move) => sum + (move === 'gate' ? 0 : move), 0);
}
