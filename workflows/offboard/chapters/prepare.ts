/**
 * Accounts, guards, the block of an unplanned departure, the first inventory, and one revision of the plan.
 */
import { workflowInfo } from '@temporalio/workflow';
import type { ResolvedAccounts } from '../../../activities/accounts.js';
import { existing, union } from '../../../domain/accounts.js';
import { coverageIn, type Look } from '../../../domain/look.js';
import type { Finding, SystemAccounts } from '../../../domain/model.js';
import { met } from '../../../domain/people.js';
import { isDeactivation, isEffect, othersSubject, type Plan, toAcknowledge } from '../../../domain/plan.js';
import {
  type Access,
  blockedSystems,
  changedItems,
  doneSoFar,
  queuedStep,
  type Run,
} from '../../../domain/run.js';
import { number } from '../../../domain/words.js';
import { type Attempt, ask, long, quick } from '../../proxies.js';
import { close, type Desk, type Happening } from '../desk.js';
import { decided } from './decided.js';

export async function prepare(desk: Desk): Promise<Happening> {
  const { run } = desk;
  desk.change({ findings: [], approvals: [], confirmedBy: null, waivers: {} });
  const resolved = await resolveAccounts(desk);
  if (!resolved) return interrupted(desk);
  if (!resolved.ok)
    return obstructed(desk, [unreachable(null, `${resolved.sentence} Mend it and send "retry".`)]);
  const { objection, accounts, findings } = resolved.value;
  if (objection) return close('refused', objection);
  if (run.order.departure === 'unplanned' && !run.times.sudden)
    desk.change({ times: { ...run.times, sudden: new Date().toISOString() } });
  if (run.order.departure === 'unplanned' && run.order.mode !== 'preview')
    await blockAll(desk, blockable(resolved.value));
  // An amendment or a cancellation that came meanwhile makes this round moot.
  if (decided(desk)) return decided(desk)!;
  if (findings.length > 0) return obstructed(desk, findings);

  const present = accounts.filter(one => one.accounts.length > 0);
  desk.say(`Looking at what the leaver owns in ${present.length} systems.`);
  // A system that is out of reach for hours must not keep an amendment or a cancellation waiting.
  const looks = await desk.interruptible(() => Promise.all(present.map(one => firstLook(run, one))));
  if (!looks || decided(desk)) return interrupted(desk);
  desk.observed(present.filter((_, n) => looks[n]!.ok).map(({ system }) => system));
  const unread = looks.flatMap((look, n): Finding[] => {
    if (look.ok) return [];
    const { system } = present[n]!;
    return [unreachable(system, `${system} could not be read: ${look.sentence} Mend it and send "retry".`)];
  });
  if (unread.length > 0) return obstructed(desk, unread);

  desk.change({ coverage: coverageIn(looks.flatMap(look => (look.ok ? look.value : []))) });
  const revision = run.revision + 1;
  const input = {
    offboardingId: run.offboardingId,
    runId: workflowInfo().runId,
    revision,
    leaverId: run.leaver.id,
    order: run.order,
    accounts,
    inventories: looks.flatMap(look =>
      look.ok
        ? { system: look.value.system, inventory: look.value.inventory, coverage: look.value.coverage }
        : [],
    ),
    acknowledgements: run.acknowledgements,
    cause: {
      leaver: run.leaver,
      requester: run.requester,
      amendedBy: run.amendedBy,
      humans: run.humans ?? {},
    },
  };
  const made = await interruptible(desk, () => ask(long.makePlan, `Plan, revision ${revision}`, input));
  if (!made) return interrupted(desk);
  desk.change({ revision });
  if (!made.ok) {
    const sentence = `The plan could not be made: ${made.sentence} Send "retry" once it is mended.`;
    return obstructed(desk, [unreachable(null, sentence)]);
  }
  if (!made.value.plan) return obstructed(desk, made.value.findings);
  return adopt(desk, made.value.plan, made.value.reopened);
}

/** What a pause, an amendment or the end of the run broke off is done again once that is over, if at all. */
async function interrupted(desk: Desk): Promise<Happening> {
  const { run } = desk;
  await desk.wait(() => run.pausedBy === null || run.turn !== null);
  return decided(desk) ?? { event: 'anew', says: run.sentence };
}

async function interruptible<T>(desk: Desk, work: () => Promise<Attempt<T>>): Promise<Attempt<T> | null> {
  return (await desk.interruptible(() => Promise.all([work()])))?.[0] ?? null;
}

function firstLook(run: Run, { system, accounts }: SystemAccounts): Promise<Attempt<Look>> {
  return ask(long.look, `Inventory of ${system}`, {
    offboardingId: run.offboardingId,
    system,
    accounts,
    plan: null,
    waived: {},
    seen: {},
    terms: false,
  });
}

function unreachable(system: string | null, message: string): Finding {
  return { code: 'system-unreachable', system, step: null, message };
}

/** Null = it was broken off. */
async function resolveAccounts(desk: Desk): Promise<Attempt<ResolvedAccounts> | null> {
  const { run } = desk;
  const says = 'Accounts of the leaver, and whether they may be switched off';
  const resolved = await interruptible(desk, () =>
    ask(quick.resolveAccounts, says, {
      offboardingId: run.offboardingId,
      first: workflowInfo().firstExecutionRunId,
      workflowId: run.workflowId,
      leaver: run.leaver,
      requester: run.requester,
      unproved: run.unproved,
      before: run.seenAccounts,
      order: run.order,
    }),
  );
  if (!resolved?.ok || resolved.value.objection) return resolved;
  const { leaver, accounts, seen, blockedByUs, earlierBlocks, switchedOff, patience, clocks } =
    resolved.value;
  // Workers of before said nothing of how they are known.
  const requester = { ...run.requester, ...resolved.value.requester };
  const isOff = (system: string): boolean =>
    run.access[system] === 'deactivated' || switchedOff.includes(system);
  const access = Object.fromEntries(
    accounts.map((one): [string, Access] => [one.system, accessOf(one, isOff(one.system))]),
  );
  const humans = met(run.humans ?? {}, [leaver, requester]);
  desk.observed(accounts.map(({ system }) => system));
  desk.change({
    leaver,
    requester,
    unproved: undefined,
    humans,
    patience,
    clocks,
    access: { ...run.access, ...access },
    accounts,
    seenAccounts: union(run.seenAccounts, seen),
    blockedByUs,
    ...(earlierBlocks.length > 0 || run.earlierBlocks ? { earlierBlocks } : {}),
  });
  return resolved;
}

/**
 * As it was read now: a block that somebody lifted is no block any more.
 * @param byThisRun whether the last word of this run was to switch it off
 */
function accessOf({ accounts: all }: SystemAccounts, byThisRun: boolean): Access {
  const accounts = existing(all);
  if (accounts.length === 0) return 'absent';
  const on = accounts.filter(account => account.active);
  if (on.length === 0) return byThisRun ? 'deactivated' : 'was-inactive';
  return on.every(account => account.blocked) ? 'blocked' : 'open';
}

/**
 * Guards come before the block: a protected account is never touched, the last owner of a system keeps access
 * to it.
 */
function blockable({ accounts, findings }: ResolvedAccounts): SystemAccounts[] {
  if (findings.some(finding => finding.code === 'leaver-protected')) return [];
  const guarded = findings.filter(finding => finding.code === 'last-owner').map(finding => finding.system);
  return accounts.filter(({ system }) => !guarded.includes(system));
}

/**
 * The one effect before approval: reversible, as soon as an account is known. A failed block stops nothing
 * and stays visible.
 */
async function blockAll(desk: Desk, all: readonly SystemAccounts[]): Promise<void> {
  const { run } = desk;
  const turn = run.turns + 1;
  desk.change({ turns: turn });
  await Promise.all(
    all
      .filter(({ system }) => run.access[system] === 'open')
      .map(async ({ system, accounts, warnings = [] }) => {
        const { offboardingId, leaver } = run;
        const input = { offboardingId, leaverId: leaver.id, system, accounts, warnings, turn };
        const blocked = await ask(quick.blockAccess, `Block sign-in in ${system}`, input);
        if (blocked.ok && blocked.value.ours.length > 0)
          desk.change({ blockedByUs: [...run.blockedByUs, { system, accounts: blocked.value.ours }] });
        const problem = blocked.ok ? blocked.value.message : blocked.sentence;
        if (problem) return desk.change({ blockProblems: { ...run.blockProblems, [system]: problem } });
        desk.change({ access: { ...run.access, [system]: 'blocked' } });
      }),
  );
  const open = Object.values(run.access).filter(access => access === 'open').length;
  if (open === 0 && !run.times.blocked)
    desk.change({ times: { ...run.times, blocked: new Date().toISOString() } });
}

function obstructed(desk: Desk, findings: Finding[]): Happening {
  if (decided(desk)) return decided(desk)!;
  desk.change({ findings });
  const things = `${findings.length} thing${findings.length === 1 ? '' : 's'} must be settled before there is a plan.`;
  const besides = blockedSystems(desk.run).length > 0 ? 'Nothing but a block' : 'Nothing';
  const done = changedItems(desk.run) > 0 ? doneSoFar(desk.run) : `${besides} was written yet.`;
  return { event: 'obstructed', says: `${things} ${done}` };
}

/**
 * A new revision: approvals were voided, acknowledgements survive unless there is something nobody has seen.
 */
function adopt(desk: Desk, plan: Plan, reopened: readonly string[]): Happening {
  const { run } = desk;
  const unseen = [...reopened, ...othersUnseen(run.plan, plan)];
  const acknowledgements = Object.fromEntries(
    // What was only seen done is seen again by the plan itself: where it is not any more, people are asked.
    Object.entries(run.acknowledgements).filter(([subject, { by }]) => by && !unseen.includes(subject)),
  );
  const steps = Object.fromEntries(
    plan.steps
      .filter(step => isEffect(step) || step.phase === 'deactivate')
      .map(step => [step.id, carried(run, step.id, step.baseline.count)]),
  );
  desk.change({
    plan,
    steps,
    ...droppedBy(run, steps),
    acknowledgements,
    shown: {},
    held: {},
    retries: 0,
    started: false,
    failedProofs: 0,
  });
  if (plan.mode === 'preview')
    return close('previewed', 'This was a preview: nobody was asked and nothing was changed.');
  const items = plan.steps.filter(isEffect).reduce((sum, step) => sum + step.baseline.count, 0);
  const switches = plan.steps.some(step => step.phase === 'deactivate');
  if (items === 0 && !switches && toAcknowledge(plan).length === 0 && changedItems(run) === 0)
    return close('nothing-to-do', 'There is nothing to hand over and nobody to switch off.');
  return {
    event: 'planned',
    says: `${number(items)} items are to be handed over; the plan waits for people.`,
  };
}

/** What may be theirs and is left out was acknowledged by name: another name is to be seen first. */
function othersUnseen(before: Plan | null, { accounts }: Plan): string[] {
  const known = (system: string): string[] =>
    before?.accounts.find(one => one.system === system)?.others?.map(({ id }) => id) ?? [];
  return accounts
    .filter(({ system, others = [] }) => others.some(({ id }) => !known(system).includes(id)))
    .map(({ system }) => othersSubject(system));
}

/** What an earlier revision did stays counted; what it left is queued again. */
function carried(run: Run, id: string, baseline: number): Run['steps'][string] {
  const known = run.steps[id] ?? run.dropped?.[id];
  if (!known) return queuedStep();
  const earlier = known.changed > 0 ? { ...known, before: known.changed } : known;
  // A deactivation that the new plan names again is to be done again: somebody switched the account back on.
  if (earlier.state === 'completed' && baseline === 0 && !isDeactivation(id)) return earlier;
  return { ...earlier, state: 'queued', message: null, remaining: null, leftover: null };
}

/** What was done in steps that the new plan has no more is still done. */
function droppedBy(run: Run, steps: Run['steps']): Pick<Run, 'dropped'> {
  const all = Object.entries({ ...run.dropped, ...run.steps });
  const dropped = all.filter(([id, { changed }]) => !steps[id] && changed > 0);
  return dropped.length > 0 || run.dropped ? { dropped: Object.fromEntries(dropped) } : {};
}
