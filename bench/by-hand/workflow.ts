/**
 * What a good engineer writes from Temporal's samples for the two systems of bench/team: one workflow per
 * person. Look, ask, move everything, switch off. It keeps no ledger, makes no plan, proves nothing and
 * leaves no trail but its history.
 */
import { condition, defineQuery, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { Activities, Found, System } from './activities.js';

const { lookInto, moveCategory, switchOff } = proxyActivities<Activities>({
  // One statement each, over at most some thousands of rows.
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1s', maximumInterval: '1 minute', nonRetryableErrorTypes: ['NotFound'] },
});

export const approve = defineSignal<[{ by: string }]>('approve');
export const found = defineQuery<Record<System, Found> | null>('found');

export interface Order {
  /** E-mails, which both systems know. */
  leaver: string;
  successor: string;
}

export interface Result {
  approvedBy: string | null;
  /** Items moved. */
  moved: number;
}

export async function offboardByHand({ leaver, successor }: Order): Promise<Result> {
  let approvedBy: string | null = null;
  let holds: Record<System, Found> | null = null;
  setHandler(approve, ({ by }) => {
    approvedBy = by;
  });
  setHandler(found, () => holds);

  const [office, desk] = await Promise.all([
    lookInto('office', leaver, successor),
    lookInto('desk', leaver, successor),
  ]);
  holds = { office, desk };
  if (!(await condition(() => approvedBy !== null, '30 days'))) return { approvedBy, moved: 0 };

  // Categories do not depend on each other: all at once.
  const moves = (['office', 'desk'] as const).flatMap(system => {
    const { leaverId, successorId, items } = holds![system];
    return Object.keys(items).map(category => moveCategory(system, category, leaverId, successorId));
  });
  const moved = (await Promise.all(moves)).reduce((sum, rows) => sum + rows, 0);

  await switchOff('desk', desk.leaverId);
  // The office is the directory: last.
  await switchOff('office', office.leaverId);
  return { approvedBy, moved };
}
