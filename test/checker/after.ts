/** What a sweep and a give-back have alike: the run before has begun them, and behind their end nothing counts. */
import type { After, AuditRow, Told } from './evidence.js';
import type { Say } from './violation.js';

export function bodiesOf<T>(audit: readonly AuditRow[], kind: string): T[] {
  return audit.filter(row => row.kind === kind).map(row => JSON.parse(row.body) as T);
}

/** I9: who plans or moves something was opened before, once, for the run that announced it as it closed. */
export function checkBegun(run: Told, after: After, kind: 'sweep' | 'give-back', say: Say): void {
  const { id, audit, plans, receipts } = after;
  if (plans.length + receipts.length === 0) return;
  const opened = audit.filter(row => row.kind === 'opened');
  const planned = audit.find(row => row.kind === 'planned');
  const [first] = opened;
  if (!first || opened.length > 1 || (planned && planned.seq < first.seq))
    say('I9', `the ${kind} was opened ${opened.length} times before it planned anything`);
  for (const { of } of bodiesOf<{ of: string }>(audit, 'opened'))
    if (of !== run.offboarding) say('I9', `the ${kind} says that it comes after ${of}`);
  const announced = bodiesOf<{ after?: { kind: string; id: string }[] }>(run.audit, 'closed');
  if (!announced.some(body => body.after?.some(one => one.kind === kind && one.id === id)))
    say('I9', `the run before the ${kind} has not announced it as it closed`);
}

/** I9: nothing is decided or done behind the entry that it ends with. */
export function checkNothingBehind(after: After, end: AuditRow, kind: string, say: Say): void {
  for (const { seq, kind: what, subject } of after.audit)
    if (seq > end.seq && !AFTER_THE_END.has(what))
      say('I9', `entry ${seq} (${subject}) stands behind the end of its ${kind}`);
}

const AFTER_THE_END = new Set(['refusal', 'flood', 'notice', 'purged', 'settled']);
