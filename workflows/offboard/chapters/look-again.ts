/** Compares the world with the approved plan. What moved too far goes back to the people who approved it. */
import { reasonsToAskAgain } from '../../../domain/drift.js';
import { coverageIn, type Look, sayUnread, type Unread } from '../../../domain/look.js';
import { isWaived, type Run } from '../../../domain/run.js';
import { ask, long } from '../../proxies.js';
import type { Desk, Happening } from '../desk.js';
import { decided } from './decided.js';

/** Looks at every system of the plan. A system that cannot be read is named, with the reason. */
export async function lookAtAll(desk: Desk, purpose: string): Promise<{ looks: Look[]; unread: Unread[] }> {
  const { run } = desk;
  const plan = run.plan!;
  const present = plan.accounts.filter(({ accounts }) => accounts.length > 0);
  const all = await Promise.all(
    present.map(({ system, accounts }) =>
      ask(long.look, `${purpose}: ${system}`, {
        offboardingId: run.offboardingId,
        system,
        accounts,
        plan: plan.digest,
        waived: waivedKeys(run),
        seen: seenKeys(run),
      }),
    ),
  );
  const looks = all.flatMap(look => (look.ok ? look.value : []));
  desk.change({ coverage: { ...run.coverage, ...coverageIn(looks) } });
  return {
    looks,
    unread: all.flatMap((look, n) => (look.ok ? [] : { system: present[n]!.system, why: look.sentence })),
  };
}

/**
 * Null when the approved plan stands. Otherwise the run goes back to planning or to acknowledgement, or
 * people have decided.
 */
export async function lookAgain(desk: Desk): Promise<Happening | null> {
  const { run } = desk;
  const { looks, unread } = await lookAtAll(desk, 'Has anything changed since the approval?');
  const turn = decided(desk);
  if (turn) return turn;
  const reasons = [...unread.map(sayUnread), ...reasonsToAskAgain(run.plan!, looks)];
  if (reasons.length > 0) return { event: 'moved', says: `The approval is open again. ${reasons.join(' ')}` };
  const all = looks.flatMap(look => look.steps);
  if (!reopen(desk, all)) return null;
  return { event: 'unseen', says: 'New items came after they were acknowledged: look at them again.' };
}

/** Manual categories with keys that nobody has seen lose their acknowledgement. True when there were any. */
export function reopen(desk: Desk, looks: Look['steps']): boolean {
  const { run } = desk;
  const unseen = looks.filter(look => look.frozen !== null);
  if (unseen.length === 0) return false;
  const acknowledgements = { ...run.acknowledgements };
  const shown = { ...run.shown };
  for (const look of unseen) {
    delete acknowledgements[look.step];
    shown[look.step] = { frozen: look.frozen!.digest, count: look.frozen!.count };
  }
  desk.change({ acknowledgements, shown });
  return true;
}

/** Frozen keys of approved skips, by step. */
export function waivedKeys(run: Run): Record<string, string> {
  return Object.fromEntries(
    Object.values(run.waivers)
      .filter(waiver => isWaived(run, waiver.step))
      .map(waiver => [waiver.step, waiver.leftover.digest]),
  );
}

/** Frozen keys that acknowledgements have seen, where they are not simply the plan's. */
export function seenKeys(run: Run): Record<string, string> {
  return Object.fromEntries(
    Object.entries(run.acknowledgements)
      .filter(([, acknowledgement]) => acknowledgement.frozen !== null)
      .map(([subject, acknowledgement]) => [subject, acknowledgement.frozen!]),
  );
}
