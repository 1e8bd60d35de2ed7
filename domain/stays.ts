/**
 * What stays with the leaver, and who accepted that. Whatever is said at an end counts all of it in the same
 * sentence, and "nothing is left" is said of nothing else.
 */
import { STAYS_AND_KEEPS } from './plan.js';
import { isWaived, type Run } from './run.js';
import { items } from './words.js';

export interface Stay {
  step: string;
  title: string;
  /**
   * A skip left it, a person has seen it and settles it by hand or leaves it, or the approved plan keeps it.
   */
  how: 'skipped' | 'acknowledged' | 'kept';
  /** As many as the last look showed. */
  count: number;
  /** Names of those who accepted it; of what is kept, those who approved the plan. */
  by: string[];
  why: string | null;
}

export function stays(run: Run): Stay[] {
  const approvers = run.approvals.map(({ by }) => by.name);
  const all = (run.plan?.steps ?? []).flatMap((step): Stay[] => {
    const { id, title } = step;
    const held = run.held?.[id];
    const waiver = isWaived(run, id) ? run.waivers[id]! : null;
    if (waiver) {
      const count = Math.min(held ?? waiver.leftover.count, waiver.leftover.count);
      const by = waiver.approvals.map(one => one.by.name);
      return [{ step: id, title, how: 'skipped', count, by, why: waiver.reason }];
    }
    const seen = run.acknowledgements[id];
    const now = held ?? run.shown[id]?.count ?? step.baseline.count;
    if (step.phase === 'manual' && seen)
      return [
        {
          step: id,
          title,
          how: 'acknowledged',
          count: now,
          by: [seen.by?.name ?? 'nobody'],
          why: step.reason,
        },
      ];
    if (step.phase !== 'keep') return [];
    return [{ step: id, title, how: 'kept', count: now, by: approvers, why: step.reason }];
  });
  return all.filter(({ count }) => count > 0);
}

/** Items that people let stay, one by one or as a category: what a search for closed runs looks for. */
export function acceptedItems(run: Run): number {
  return sumOf(stays(run).filter(({ how }) => how !== 'kept'));
}

/** What can be said once every step is completed or skipped; no full stop. */
export function handedOver(run: Run): string {
  const parts = staysInWords(run);
  return parts === null
    ? 'Everything is handed over'
    : `Everything is handed over but what was accepted to stay (${parts})`;
}

/** "2 items acknowledged by Olivia; 7 items kept as the plan says"; null = nothing stays. */
export function staysInWords(run: Run): string | null {
  const all = stays(run);
  const of = (how: Stay['how']): Stay[] => all.filter(stay => stay.how === how);
  const parts = [
    said(of('skipped'), stay => `skipped, approved by ${names(stay)}`),
    said(of('acknowledged'), stay => `acknowledged by ${names(stay)}`),
    said(
      of('kept').filter(({ why }) => why === STAYS_AND_KEEPS),
      () => 'kept because the person stays',
    ),
    said(
      of('kept').filter(({ why }) => why !== STAYS_AND_KEEPS),
      () => 'kept as the approved plan says',
    ),
  ].filter(Boolean);
  return parts.length > 0 ? parts.join('; ') : null;
}

function said(some: readonly Stay[], words: (some: readonly Stay[]) => string): string {
  return some.length > 0 ? `${items(sumOf(some))} ${words(some)}` : '';
}

function sumOf(some: readonly Stay[]): number {
  return some.reduce((sum, { count }) => sum + count, 0);
}

function names(some: readonly Stay[]): string {
  const all = [...new Set(some.flatMap(({ by }) => by))];
  const more = all.length - 3;
  return `${all.slice(0, 3).join(' and ')}${more > 0 ? ` and ${more} more` : ''}`;
}
