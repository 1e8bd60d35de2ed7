/**
 * Gives back what a cover still holds. Waits for its date, which may be changed; plans by looking who has what;
 * has that approved like any plan; and carries it out. It has an id, a chain and a fence of its own. Nothing
 * happens without an approval, and what others have taken over since stays with them.
 */
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { fallen } from '../domain/approvers.js';
import {
  backQuorum,
  broughtBack,
  type GiveBack,
  type GiveBackDecision,
  type GiveBackInput,
  type GiveBackOutcome,
  isGiveBackInput,
  judgeGiveBack,
  parseGiveBackDecision,
  plannedBack,
  type Returned,
  recountedBack,
  sayReturned,
  sayStaying,
} from '../domain/give-back.js';
import {
  asksOf,
  type GiveBackStatus,
  giveBackDetails,
  giveBackStatus,
  giveBackWaitsOn,
  nextBackBell,
} from '../domain/give-back-view.js';
import { met } from '../domain/people.js';
import type { Holding } from '../domain/plan.js';
import { DAY_MS, instant } from '../domain/request.js';
import { items } from '../domain/words.js';
import { isContinued, isLongLived } from './continued.js';
import { type Inbox, openInbox } from './inbox.js';
import { REFUSED, STATUS } from './messages.js';
import { ask, long, quick } from './proxies.js';
import { show } from './shown.js';

export async function giveBack(input: GiveBackInput, carried?: GiveBack): Promise<GiveBack> {
  if (!isGiveBackInput(input))
    throw ApplicationFailure.nonRetryable(
      'A give-back is started by the offboarding that it comes after, and by nobody by hand.',
    );
  const back = carried && isContinued() ? carried : begun(input);
  setHandler(defineQuery<GiveBackStatus>(STATUS), () => giveBackStatus(back), {
    description: 'The whole state of this give-back as JSON',
  });
  CancellationScope.current().cancelRequested.catch(() => {
    if (!back.outcome)
      change(back, { turn: { kind: 'end', outcome: 'cancelled', says: 'Cancelled in Temporal.' } });
  });
  return CancellationScope.nonCancellable(async () => {
    const inbox = inboxOf(back);
    if (back !== carried) await opened(back);
    ringBells(back, inbox);
    while (!back.outcome) await STORY[back.state as keyof typeof STORY](back, inbox);
    return closed(back, inbox);
  });
}

/** A date far away is waited for in pieces. */
const LONGEST_TIMER_MS = 30 * DAY_MS;

const STORY: Record<Exclude<GiveBack['state'], 'closed'>, (back: GiveBack, inbox: Inbox) => Promise<void>> = {
  waiting,
  planning,
  'awaiting-approval': approval,
  'giving-back': givingBack,
  'needs-attention': attention,
};

/** Before it decides or writes anything: what it names must be its own. */
async function opened(back: GiveBack): Promise<void> {
  const known = await ask(quick.openGiveBack, 'Which cover does this come after?', {
    ...inputOf(back),
    workflowId: back.workflowId,
    first: workflowInfo().firstExecutionRunId,
  });
  const why = known.ok ? known.value.refused : known.sentence;
  if (why !== null) throw ApplicationFailure.nonRetryable(why, REFUSED);
}

async function waiting(back: GiveBack, inbox: Inbox): Promise<void> {
  say(back, `Waits until ${back.dueSays}; then what the cover still holds is planned to go back.`);
  await breathe(back, inbox);
  const ms = instant(back.due) - Date.now();
  const summary = `Until ${back.dueSays}`;
  if (ms > 0)
    await condition(() => back.turn !== null || isLongLived(inbox.taken), Math.min(ms, LONGEST_TIMER_MS), {
      summary,
    });
  if (await turned(back)) return;
  if (instant(back.due) <= Date.now()) change(back, { state: 'planning' });
}

/** Who has what by now? */
async function planning(back: GiveBack): Promise<void> {
  say(back, 'Looking at what the cover still holds.');
  change(back, { back: null, approvals: [], revision: back.revision + 1 });
  const planned = await ask(long.planGiveBack, `What does the cover of ${back.leaver.name} still hold?`, {
    ...inputOf(back),
    workflowId: back.workflowId,
    runId: workflowInfo().runId,
    revision: back.revision,
  });
  if (await turned(back)) return;
  if (!planned.ok) return park(back, `It could not be planned: ${planned.sentence}`);
  const { value } = planned;
  if (value.kind === 'not-back') {
    const before = broughtBack(back.steps) > 0 ? ` Before that: ${sayReturned(back)}` : '';
    return ended(back, 'not-back', `${value.sentence}${before}`);
  }
  if (value.kind === 'problem') return park(back, value.sentence);
  if (value.back === null) {
    const stays = sayStays(value.holdings);
    return broughtBack(back.steps) > 0
      ? ended(back, 'given-back', `${sayReturned(back)}${stays}`)
      : ended(back, 'nothing-to-give-back', `The cover holds nothing any more.${stays}`);
  }
  change(back, { back: value.back, state: 'awaiting-approval' });
}

/** Approvals for this plan: as many, and by whom, as the policy wants. */
async function approval(back: GiveBack, inbox: Inbox): Promise<void> {
  // What was said of approvals that count no more stays to be read.
  if (back.waits === null) say(back, `${items(plannedBack(back.back!))} would go back: waits for approval.`);
  wait(back, 'approval');
  await breathe(back, inbox);
  await condition(() => back.turn !== null || backQuorum(back).met || isLongLived(inbox.taken));
  if ((await turned(back)) || !backQuorum(back).met) return;
  const now = await ask(quick.standing, 'May those who approved still do so?', {
    offboardingId: back.giveBackId,
    leaverId: back.leaver.id,
    people: back.approvals.map(({ by }) => by.id),
  });
  if (await turned(back)) return;
  if (!now.ok) return park(back, `Nobody could say whether those who approved still may: ${now.sentence}`);
  const { approvals, lost } = recountedBack(back, now.value.people);
  const notice = fallen(back.back!.digest, back.approvals, { approvals, lost });
  if (notice) inbox.note({ ...notice, state: back.state });
  change(back, { approvals });
  if (!backQuorum(back).met) return say(back, lost.join(' '));
  change(back, { state: 'giving-back' });
}

/** Steps in their order, a system at a time, each looked at afterwards. */
async function givingBack(back: GiveBack): Promise<void> {
  const { giveBackId, offboardingId } = back;
  const { digest: plan, holdings } = back.back!;
  say(back, 'Giving back.');
  const steps = holdings.filter(({ count }) => count > 0);
  const done = new Set<string>();
  for (const system of new Set(steps.map(one => one.system))) {
    const here = steps.filter(one => one.system === system);
    const count = here.reduce((sum, one) => sum + one.count, 0);
    // An activity answers before all is done, where it is much.
    for (let open = here.map(one => one.step); open.length > 0 && back.turn === null; ) {
      const ran = await ask(long.returnSteps, `Give back ${items(count)} in ${system}`, {
        giveBackId,
        offboardingId,
        plan,
        system,
        steps: open,
      });
      const results: Record<string, Returned> = ran.ok
        ? ran.value.steps
        : Object.fromEntries(open.map(step => [step, broken(back.steps[step], ran.sentence)]));
      change(back, { steps: { ...back.steps, ...results } });
      open = open.filter(step => (results[step]?.state ?? 'unfinished') === 'unfinished');
      for (const { step } of here) if (!open.includes(step)) done.add(step);
    }
  }
  if (await turned(back)) return;
  const failed = steps.flatMap(({ step }) =>
    back.steps[step]?.state === 'failed' ? (back.steps[step].message ?? step) : [],
  );
  if (failed.length > 0) return park(back, `${sayReturned(back)} ${[...new Set(failed)].join(' ')}`);
  ended(back, 'given-back', `${sayReturned(back)}${sayStays(holdings)}`);
}

function broken(before: Returned | undefined, message: string): Returned {
  const nothing = { changed: 0, taken: 0, gone: 0, failed: 0 };
  return { ...nothing, ...before, state: 'failed', message };
}

/** Something did not go through: people mend it and have it planned again, or end it as it is. */
async function attention(back: GiveBack, inbox: Inbox): Promise<void> {
  wait(back, 'attention');
  await breathe(back, inbox);
  await condition(() => back.turn !== null || isLongLived(inbox.taken));
  await turned(back);
}

/** What people decided, or that nobody did in time. False = nothing. */
async function turned(back: GiveBack): Promise<boolean> {
  const { turn } = back;
  if (turn === null) return false;
  switch (turn.kind) {
    case 'date':
      // It stands until it is placed: whatever is decided meanwhile is decided knowing of it.
      await moved(back, turn.at);
      break;
    case 'retry':
      change(back, { state: instant(back.due) > Date.now() ? 'waiting' : 'planning' });
      break;
    case 'end':
      ended(back, turn.outcome, `${turn.says}${broughtBack(back.steps) > 0 ? ` ${sayReturned(back)}` : ''}`);
      break;
  }
  // Another one may have come meanwhile, and is next.
  if (back.turn === turn) change(back, { turn: null });
  return true;
}

/** Another date: whatever was planned for the old one is planned again. */
async function moved(back: GiveBack, at: string): Promise<void> {
  const waitsAgain: Partial<GiveBack> = { state: 'waiting', back: null, approvals: [] };
  if (at === 'now') {
    const now = new Date().toISOString();
    return change(back, { ...waitsAgain, due: now, dueSays: 'now' });
  }
  const placed = await ask(quick.placeMoment, 'When is that?', { text: at });
  if (!placed.ok || 'problem' in placed.value) {
    const why = placed.ok ? ('problem' in placed.value ? placed.value.problem : '') : placed.sentence;
    return park(back, `The date "${at}" cannot be placed (${why}): send "amend" with another one.`);
  }
  change(back, { ...waitsAgain, due: placed.value.at, dueSays: placed.value.says });
}

const MESSAGES: Record<GiveBackDecision['name'], string> = {
  approve: 'An approver agrees to the plan: {"by", "plan"}',
  reject: 'An approver leaves everything where it is: {"by", "plan", "note"}',
  amend: 'An operator changes the date: {"by", "giveBackAt"}; "now" gives back at once',
  retry: 'An operator has what is not given back yet planned again: {"by"}',
  finish: 'An operator ends it as it is: {"by", "reason"}',
  cancel: 'An operator has nothing given back: {"by"}',
};

function inboxOf(back: GiveBack): Inbox {
  return openInbox<GiveBackDecision>({
    trail: back.giveBackId,
    messages: MESSAGES,
    parse: parseGiveBackDecision,
    beside: () => [back.leaver, back.requester, ...back.amendedBy].map(({ id }) => id),
    moments: decision =>
      decision.name === 'amend' && decision.giveBackAt !== 'now' ? [decision.giveBackAt] : [],
    met: people => change(back, { humans: met(back.humans, people) }),
    judge(decision, who, now) {
      const { changes, ...verdict } = judgeGiveBack(back, decision, who, now);
      change(back, changes);
      return verdict;
    },
    judged({ judged, refused }) {
      change(back, { decided: back.decided + judged, refused: [...back.refused, ...refused].slice(-20) });
    },
    now: () => ({ state: back.state, plan: back.back?.digest ?? back.plan }),
  });
}

/** Tells people what waits for them, reminds them, tells others, and ends what nobody decides. */
function ringBells(back: GiveBack, inbox: Inbox): void {
  const loop = async (): Promise<void> => {
    for (;;) {
      await condition(() => back.waits !== null);
      const waits = back.waits!;
      const bell = nextBackBell(back)!;
      const ms = bell.at - Date.now();
      const summary = 'Tells people what waits for them';
      if (ms > 0 && (await condition(() => back.waits !== waits, ms, { summary }))) continue;
      inbox.note({
        notice: bell.notice,
        on: waits.on,
        state: back.state,
        audience: [...bell.audience],
        sentence: waits.on === 'attention' ? back.sentence : asksOf(waits),
        since: waits.since,
      });
      change(back, { waits: { ...waits, told: waits.told + 1 } });
      if (bell.notice !== 'expiry') continue;
      const days = back.policy.waiting.expiresAfterDays;
      const says = `Nobody decided within ${days === 1 ? '1 day' : `${days} days`}: everything stays where it is.`;
      change(back, { waits: null, turn: { kind: 'end', outcome: 'expired', says } });
    }
  };
  void CancellationScope.nonCancellable(loop);
}

async function closed(back: GiveBack, inbox: Inbox): Promise<GiveBack> {
  const { giveBackId, offboardingId, workflowId, outcome, sentence } = back;
  await inbox.settled();
  const over = await ask(quick.endGiveBack, `The give-back is over: ${outcome}`, {
    giveBackId,
    offboardingId,
    workflowId,
    outcome: outcome!,
    sentence,
  });
  const problem = over.ok ? '' : ` Its end could not be written down: ${over.sentence}`;
  change(back, {
    state: 'closed',
    sentence: `${sentence}${problem}`,
    ...(over.ok && { addenda: [over.value.addendum] }),
  });
  await inbox.settled();
  return back;
}

function begun(input: GiveBackInput): GiveBack {
  return {
    ...input,
    workflowId: workflowInfo().workflowId,
    state: 'waiting',
    outcome: null,
    sentence: 'Begins.',
    revision: 0,
    back: null,
    approvals: [],
    steps: {},
    waits: null,
    turn: null,
    addenda: [],
    decided: 0,
    refused: [],
  };
}

function inputOf(back: GiveBack): GiveBackInput {
  const { giveBackId, offboardingId, of, leaver, requester, amendedBy, humans } = back;
  const { plan, policy, due, dueSays } = back;
  return { giveBackId, offboardingId, of, leaver, requester, amendedBy, humans, plan, policy, due, dueSays };
}

/** Histories have an end: while it waits for its date or for people, it goes on in a fresh execution. */
async function breathe(back: GiveBack, inbox: Inbox): Promise<void> {
  if (!isLongLived(inbox.taken)) return;
  await inbox.settled();
  if (back.turn === null) await continueAsNew<typeof giveBack>(inputOf(back), back);
}

function park(back: GiveBack, sentence: string): void {
  change(back, { state: 'needs-attention', sentence });
}

function ended(back: GiveBack, outcome: GiveBackOutcome, sentence: string): void {
  change(back, { outcome, sentence });
}

function say(back: GiveBack, sentence: string): void {
  change(back, { sentence });
}

function wait(back: GiveBack, on: 'approval' | 'attention'): void {
  if (back.waits?.on !== on) change(back, { waits: { on, since: new Date().toISOString(), told: 0 } });
}

function sayStays(holdings: readonly Holding[]): string {
  const each = holdings.flatMap(({ title, stays }) =>
    stays.map(({ why, count }) => `${title}: ${sayStaying(count)} (${why}).`),
  );
  return each.map(one => ` ${one}`).join('');
}

/** Changes the give-back and what operators see of it. */
function change(back: GiveBack, news: Partial<GiveBack>): void {
  Object.assign(back, news);
  const { state, outcome, due, waits } = back;
  const asks = state === 'awaiting-approval' ? 'approval' : state === 'needs-attention' ? 'attention' : null;
  if (waits && (outcome || waits.on !== asks)) back.waits = null;
  show({
    details: giveBackDetails(back),
    attributes: {
      OffboardingState: [state],
      OffboardingOutcome: outcome ? [outcome] : [],
      OffboardingLeaver: [back.leaver.id.slice(0, 200)],
      OffboardingWaitingOn: [outcome ? 'nobody' : giveBackWaitsOn(back)],
      OffboardingDue: state === 'waiting' && !outcome ? [new Date(due)] : [],
    },
  });
}
