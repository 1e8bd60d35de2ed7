/** Compares the world with the approved plan. What moved too far goes back to the people who approved it. */
import { reasonsToAskAgain } from '../../domain/drift.js';
import { type Look, sayUnread, type Unread } from '../../domain/look.js';
import { isWaived, type Run } from '../../domain/run.js';
import type { Desk } from '../desk.js';
import { attempt, long } from '../proxies.js';

/** Looks at every system of the plan. A system that cannot be read is named, with the reason. */
export async function lookAtAll(run: Run, purpose: string): Promise<{ looks: Look[]; unread: Unread[] }> {
  const plan = run.plan!;
  const present = plan.accounts.filter(account => account.status === 'found');
  const all = await Promise.all(
    present.map(account =>
      attempt(() =>
        long.look.executeWithOptions({ summary: `${purpose}: ${account.system}` }, [
          { offboardingId: run.offboardingId, account, plan: plan.digest, waived: waivedKeys(run), seen: seenKeys(run) },
        ]),
      ),
    ),
  );
  return {
    looks: all.flatMap(look => (look.ok ? look.value : [])),
    unread: all.flatMap((look, n) => (look.ok ? [] : { system: present[n]!.system, why: look.sentence })),
  };
}

/** True when the approved plan stands. Otherwise the run has gone back to planning or to acknowledgement. */
export async function lookAgain(desk: Desk): Promise<boolean> {
  const { run } = desk;
  const { looks, unread } = await lookAtAll(run, 'Has anything changed since the approval?');
  if (desk.stopped() || run.rejection) return false;
  if (run.replan) {
    desk.enter('preparing', 'Making a new revision of the plan.');
    return false;
  }
  const reasons = [...unread.map(sayUnread), ...reasonsToAskAgain(run.plan!, looks)];
  if (reasons.length > 0) {
    desk.enter('preparing', `The approval is open again. ${reasons.join(' ')}`);
    return false;
  }
  if (
    reopen(
      desk,
      looks.flatMap(look => look.steps),
    )
  ) {
    desk.enter('awaiting-approval', 'New items came after they were acknowledged: look at them again.');
    return false;
  }
  return true;
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
