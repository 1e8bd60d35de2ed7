/** Compares the world with the approved plan. What moved too far goes back to the people who approved it. */
import type { Standing } from '../../../activities/people.js';
import { concerned, fallen, recounted } from '../../../domain/approvers.js';
import { reasonsToAskAgain } from '../../../domain/drift.js';
import { coverageIn, type Look, type Sight, sayUnread, type Unread } from '../../../domain/look.js';
import { met } from '../../../domain/people.js';
import { isWaived, type Run } from '../../../domain/run.js';
import { type Attempt, ask, long, quick } from '../../proxies.js';
import type { Desk, Happening } from '../desk.js';
import { decided } from './decided.js';

/** What was seen of what stays with the leaver, of what is covered, and when. */
export function noteSeen(desk: Desk, sights: readonly Sight[]): void {
  const { run } = desk;
  const staying = run.plan!.steps.filter(
    ({ id, phase }) => phase === 'manual' || phase === 'keep' || isWaived(run, id),
  );
  const counts = sights.flatMap(sight => sight.steps.map(({ step, count }) => [step, count] as const));
  const held = Object.fromEntries(counts.filter(([step]) => staying.some(({ id }) => id === step)));
  desk.change({
    held: { ...run.held, ...held },
    coverage: { ...run.coverage, ...coverageIn(sights) },
  });
  desk.observed(sights.map(({ system }) => system));
}

/** Asks every system of the plan, also those where nobody was found before. */
function asked(run: Run, purpose: string, terms: boolean): Promise<Attempt<Look>>[] {
  const plan = run.plan!;
  return plan.accounts.map(({ system, accounts }) =>
    ask(long.look, `${purpose}: ${system}`, {
      offboardingId: run.offboardingId,
      system,
      accounts,
      plan: plan.digest,
      waived: waivedKeys(run),
      seen: seenKeys(run),
      terms,
    }),
  );
}

/**
 * Looks at every system of the plan. A system that cannot be read is named, with the reason; where the run is
 * to end before all have answered, every one is.
 * @param terms are successors, policy and rules compared as well?
 */
export async function lookAtAll(desk: Desk, purpose: string, terms: boolean): Promise<Looked> {
  const all = await throughPauses(desk, () => Promise.all(asked(desk.run, purpose, terms)));
  return noted(desk, all);
}

interface Looked {
  looks: Look[];
  unread: Unread[];
}

function noted(desk: Desk, all: Attempt<Look>[] | null): Looked {
  const systems = desk.run.plan!.accounts.map(({ system }) => system);
  if (!all) return { looks: [], unread: systems.map(system => ({ system, why: 'The run is to end.' })) };
  const looks = all.flatMap(look => (look.ok ? look.value : []));
  noteSeen(desk, looks);
  const unread = all.flatMap((look, n) => (look.ok ? [] : { system: systems[n]!, why: look.sentence }));
  return { looks, unread };
}

/**
 * Work that a pause or the end of the run breaks off where it would take long: a target may not answer at all.
 * After a pause it is begun again. Null = the run is to end.
 */
export async function throughPauses<T>(
  desk: Desk,
  work: () => Promise<Attempt<T>[]>,
): Promise<Attempt<T>[] | null> {
  for (;;) {
    const answers = await desk.interruptible(work);
    if (answers) return answers;
    // A history that has grown too long breaks work off as well: the chapter begins again in a fresh execution.
    await desk.breathe();
    await desk.whilePaused();
    if (desk.stopped()) return null;
  }
}

/**
 * `moved`: null when the approved plan stands. Otherwise the run goes back to planning, to approval or to
 * acknowledgement, or people have decided. `inTheWay`: other runs that keep this leaver from being switched
 * off.
 */
export async function lookAgain(desk: Desk): Promise<{ moved: Happening | null; inTheWay: string[] }> {
  const { run } = desk;
  const answers = await throughPauses<Look | Standing>(desk, () =>
    Promise.all([...asked(run, 'Has anything changed since the approval?', true), standingNow(run)]),
  );
  const people = answers?.pop() as Attempt<Standing>;
  const { looks, unread } = noted(desk, answers as Attempt<Look>[] | null);
  const turn = decided(desk);
  if (turn) return { moved: turn, inTheWay: [] };
  const reasons = [
    ...unread.map(sayUnread),
    ...(people.ok ? [] : [`Whether those who approved still may could not be found out: ${people.sentence}`]),
    ...reasonsToAskAgain(run.plan!, looks),
  ];
  if (reasons.length > 0 || !people.ok)
    return back('moved', `The approval is open again. ${reasons.join(' ')}`);
  const lost = recount(desk, people.value);
  const unseen = reopen(
    desk,
    looks.flatMap(look => look.steps),
  );
  if (lost) return back('recounted', `The approval is open again. ${lost}`);
  if (unseen) return back('unseen', 'New items came after they were acknowledged: look at them again.');
  return { moved: null, inTheWay: people.value.inTheWay };
}

function back(event: Happening['event'], says: string): { moved: Happening; inTheWay: string[] } {
  return { moved: { event, says }, inTheWay: [] };
}

function standingNow(run: Run): Promise<Attempt<Standing>> {
  return ask(quick.standing, 'May those who approved still do so?', {
    offboardingId: run.offboardingId,
    leaverId: run.leaver.id,
    people: concerned(run),
  });
}

/** Approvals of people who may not approve any more are gone. Null = what is left of the plan's is enough. */
function recount(desk: Desk, { people }: Standing): string | null {
  const { run } = desk;
  desk.change({
    humans: met(
      run.humans ?? {},
      Object.values(people).flatMap(person => person ?? []),
    ),
  });
  const { approvals, waivers, stands, lost } = recounted(run, people);
  const notice = fallen(run.plan!.digest, run.approvals, { approvals, lost });
  if (notice) desk.note({ ...notice, state: run.state });
  desk.change({ approvals, waivers, ...(stands ? {} : { confirmedBy: null }) });
  return stands ? null : lost.join(' ');
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
