/**
 * Looks after somebody who was switched off: whatever still lands on them follows the rules that were approved
 * for it, and what these do not cover is put to people. A round never waits for an answer. It has an id, a
 * chain and a fence of its own, and ends by itself.
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
import type { StepResult } from '../activities/run-steps.js';
import { type BombSeen, isAlone, nextWatch, type StepBomb, saySeen } from '../domain/bombs.js';
import { instant } from '../domain/request.js';
import {
  asked,
  askedWithout,
  type Due,
  isEnd,
  isSweepInput,
  judgeSweep,
  nextMoment,
  nextSweepBell,
  type OpenQuestion,
  parseSweepDecision,
  type Question,
  ROUND,
  type Sweep,
  type SweepDecision,
  type SweepInput,
  type SweepOutcome,
  stillSeen,
} from '../domain/sweep.js';
import { type SweepStatus, sweepDetails, sweepStatus, sweepWaitsOn } from '../domain/sweep-view.js';
import { WAITS } from '../domain/waiting.js';
import { isContinued, isLongLived } from './continued.js';
import { type Inbox, openInbox } from './inbox.js';
import { REFUSED, STATUS } from './messages.js';
import { ask, long, quick, watching } from './proxies.js';
import { show } from './shown.js';

/** Rounds of one execution, so that a history stays small. */
const ROUNDS = 30;

export async function sweepStragglers(input: SweepInput, carried?: Sweep): Promise<Sweep> {
  if (!isSweepInput(input))
    throw ApplicationFailure.nonRetryable(
      'A sweep is started by the offboarding that it comes after, and by nobody by hand.',
    );
  const sweep = carried && isContinued() ? carried : begun(input);
  setHandler(defineQuery<SweepStatus>(STATUS), () => sweepStatus(sweep), {
    description: 'The whole state of this sweep as JSON',
  });
  CancellationScope.current().cancelRequested.catch(() => {
    if (!sweep.outcome) change(sweep, { turn: { outcome: 'cancelled', says: 'Cancelled in Temporal.' } });
  });
  return CancellationScope.nonCancellable(async () => {
    if (sweep !== carried) await opened(sweep);
    const inbox = inboxOf(sweep);
    ringBells(sweep, inbox);
    const before = sweep.round;
    let watches = 0;
    while (!sweep.outcome) {
      const next = sweep.ahead
        ? lastMoment(sweep)
        : nextMoment(input.policy, input.began, Math.max(Date.now(), lastMoment(sweep)));
      const watch = nextWatch(sweep.bombs);
      if (next === null && watch === null) {
        ended(sweep, 'ended', 'The last round is over.');
        break;
      }
      const isLong = sweep.round - before + watches >= ROUNDS || isLongLived(inbox.taken);
      // Before the next round is announced: a fresh execution counts from the last one that is over.
      if (isLong) {
        await inbox.settled();
        await continueAsNew<typeof sweepStragglers>(input, sweep);
      }
      const isWatch = watch !== null && (next === null || watch.at < next);
      change(sweep, { state: 'waiting', due: next === null ? null : new Date(next).toISOString() });
      const at = isWatch ? watch.at : next!;
      const summary = isWatch
        ? `Until ${watch.bombs[0]!.step} is about to act by itself`
        : `Until round ${sweep.round + 1} of the sweep`;
      const isAwake = (): boolean => sweep.turn !== null || isLongLived(inbox.taken);
      const isEarly = await condition(isAwake, Math.max(1, at - Date.now()), { summary });
      // A flood is not gathered until the next round, which may be a week away and is still to come.
      const isFlooded = isEarly && sweep.turn === null;
      sweep.ahead = isFlooded && next !== null;
      if (isFlooded) continue;
      if (!isWatch || sweep.turn !== null) {
        await took(sweep, inbox);
        continue;
      }
      watches += 1;
      // The round that was announced is still to come.
      change(sweep, { due: null });
      await watchOver(sweep, inbox, watch.bombs);
    }
    const { sweepId, offboardingId, workflowId, outcome, sentence } = sweep;
    await inbox.settled();
    const over = await ask(quick.endSweep, 'The sweep is over', {
      sweepId,
      offboardingId,
      workflowId,
      outcome: outcome!,
      sentence,
    });
    const problem = over.ok ? '' : ` Its end could not be written down: ${over.sentence}`;
    if (over.ok) added(sweep, over.value);
    change(sweep, { state: 'closed', due: null, waits: null, sentence: `${sentence}${problem}` });
    await inbox.settled();
    return sweep;
  });
}

/** Before it decides or writes anything: what it names must be its own. */
async function opened(sweep: Sweep): Promise<void> {
  const { workflowId } = sweep;
  const known = await ask(quick.openSweep, 'Which offboarding does this come after?', {
    ...inputOf(sweep),
    workflowId,
    first: workflowInfo().firstExecutionRunId,
  });
  const why = known.ok ? known.value.refused : known.sentence;
  if (why !== null) throw ApplicationFailure.nonRetryable(why, REFUSED);
  if (known.ok) change(sweep, { bombs: known.value.bombs });
}

/**
 * Just before something acts by itself: who owns it? What is still the leaver's is not left to the next round,
 * and what nobody would answer is put to people at once.
 */
async function watchOver(sweep: Sweep, inbox: Inbox, bombs: readonly StepBomb[]): Promise<void> {
  change(sweep, { bombs: sweep.bombs.filter(one => !bombs.includes(one)) });
  const first = await lookAt(sweep, bombs);
  const theirs = first.seen.filter(({ keeper }) => keeper.kind === 'leaver').map(({ step }) => step);
  if (theirs.length > 0) await round(sweep, inbox);
  if (sweep.outcome) return;
  const again = bombs.filter(({ step }) => theirs.includes(step));
  const last = again.length > 0 ? await lookAt(sweep, again) : { seen: [] };
  const seen = [...first.seen.filter(({ step }) => !theirs.includes(step)), ...last.seen];
  const alone = seen.filter(isAlone);
  const now = new Date().toISOString();
  const questions: OpenQuestion[] = [
    ...alone.map(one => ({
      subject: `${one.step}/${one.key}`,
      says: saySeen(one),
      mark: one.at,
      since: now,
    })),
    ...[first, last].flatMap(({ problem }) =>
      problem ? [{ subject: bombs[0]!.step, says: problem, mark: bombs[0]!.at, since: now }] : [],
    ),
  ].map(one => ({ ...one, stays: true as const }));
  const says = seen.length > 0 ? saySeen(seen[0]!) : sweep.sentence;
  const more = seen.length > 1 ? ` And ${seen.length - 1} more were looked at.` : '';
  change(sweep, { sentence: `${says}${more}` });
  if (questions.length === 0) return;
  const others = sweep.open.filter(one => questions.every(({ subject }) => subject !== one.subject));
  change(sweep, { open: [...others, ...questions], waits: sweep.waits ?? { since: now, told: 0 } });
  tell(sweep, inbox, 'bomb', [...WAITS.attention.audience, ...WAITS.attention.escalation], questions);
}

/** `problem`: why nobody can say whose they are. */
async function lookAt(
  sweep: Sweep,
  bombs: readonly StepBomb[],
): Promise<{ seen: BombSeen[]; problem?: string }> {
  const { sweepId, plan } = sweep;
  const says = `Who owns what acts by itself from ${bombs[0]!.at} on?`;
  const answer = await ask(watching.lookAtBombs, says, { sweepId, plan, bombs: [...bombs] });
  if (answer.ok) return answer.value;
  return {
    seen: [],
    problem: `Whose ${bombs[0]!.keys.join(', ')} are could not be seen: ${answer.sentence}`,
  };
}

/** What people decided, or the next round. */
async function took(sweep: Sweep, inbox: Inbox): Promise<void> {
  const { turn } = sweep;
  if (isEnd(turn)) return ended(sweep, turn.outcome, turn.says);
  // A round that was asked for comes on top of the rhythm.
  if (turn === 'retry') change(sweep, { turn: null, due: null });
  await round(sweep, inbox);
}

const MESSAGES: Record<SweepDecision['name'], string> = {
  acknowledge: 'An operator has seen what no rule settles: {"by", "category"}',
  retry: 'An operator has the next round begin now: {"by"}',
  finish: 'An operator ends the sweep: {"by", "reason"}',
};

function inboxOf(sweep: Sweep): Inbox {
  return openInbox<SweepDecision>({
    trail: sweep.sweepId,
    messages: MESSAGES,
    parse: parseSweepDecision,
    beside: () => [sweep.leaver.id],
    judge(decision, who) {
      const { changes, ...verdict } = judgeSweep(sweep, decision, who);
      change(sweep, changes);
      return verdict;
    },
    judged({ judged, refused }) {
      change(sweep, { decided: sweep.decided + judged, refused: [...sweep.refused, ...refused].slice(-20) });
    },
    now: () => ({ state: sweep.state, plan: sweep.plan }),
  });
}

/** Tells people what waits for them, reminds them, and tells others, beside the rounds. */
function ringBells(sweep: Sweep, inbox: Inbox): void {
  const loop = async (): Promise<void> => {
    for (;;) {
      await condition(() => sweep.waits !== null);
      const bell = nextSweepBell(sweep)!;
      const ms = bell.at - Date.now();
      const told = sweep.waits!.told;
      const moved = (): boolean => sweep.waits === null || sweep.waits.told !== told;
      const summary = 'Tells people what no rule settles';
      if (ms > 0 && (await condition(moved, ms, { summary }))) continue;
      tell(sweep, inbox, bell.notice, bell.audience, sweep.open);
      change(sweep, { waits: { ...sweep.waits!, told: told + 1 } });
    }
  };
  void CancellationScope.nonCancellable(loop);
}

function tell(
  sweep: Sweep,
  inbox: Inbox,
  notice: string,
  audience: readonly string[],
  questions: readonly Pick<OpenQuestion, 'says'>[],
): void {
  const said = questions.slice(0, 10).map(({ says }) => says);
  const more = questions.length > said.length ? ` And ${questions.length - said.length} more.` : '';
  inbox.note({
    notice,
    on: 'attention',
    state: sweep.state,
    audience: [...audience],
    sentence: `${said.join(' ')}${more}`,
    since: sweep.waits?.since ?? null,
  });
}

function begun(input: SweepInput): Sweep {
  return {
    ...input,
    workflowId: workflowInfo().workflowId,
    state: 'waiting',
    outcome: null,
    sentence: 'Waits for its first round.',
    round: 0,
    due: null,
    ahead: false,
    moved: 0,
    addenda: [],
    open: [],
    bombs: [],
    acknowledged: {},
    waits: null,
    turn: null,
    decided: 0,
    refused: [],
  };
}

function lastMoment({ due }: Sweep): number {
  return due === null ? 0 : instant(due);
}

/** One round: look, hand over what follows a rule, write down what came of it. */
async function round(sweep: Sweep, inbox: Inbox): Promise<void> {
  const number = sweep.round + 1;
  change(sweep, { state: 'sweeping', round: number, sentence: `Round ${number} is under way.` });
  const input = inputOf(sweep);
  const looked = await ask(
    long.sweepLook,
    `Round ${number}: what has landed on ${sweep.leaver.name}?`,
    input,
  );
  if (!looked.ok)
    return failed(sweep, inbox, `Round ${number} could not look: ${looked.sentence}`, looked.sentence);
  const { aside, again, due, questions } = looked.value;
  if (aside)
    return ended(
      sweep,
      'stood-aside',
      'Another offboarding of the same person is open: it looks after them now.',
    );
  const { audience, escalation } = WAITS.attention;
  if (again.length > 0) {
    const says = `${sweep.leaver.name} was switched on again in ${again.join(', ')}: the sweep ends.`;
    tell(sweep, inbox, 'switched-on-again', [...audience, ...escalation], [{ says }]);
    return ended(sweep, 'switched-on-again', says);
  }
  const caught = due.length > 0 ? await handOver(sweep, input, due) : NOTHING;
  const { made, results } = caught;
  const now = new Date().toISOString();
  const all = [...questions, ...caught.questions];
  const open = asked(sweep, all, now);
  const fresh = open.filter(
    one => !sweep.open.some(({ subject, mark }) => subject === one.subject && mark === one.mark),
  );
  const { sweepId, offboardingId, workflowId } = sweep;
  const closed = await ask(quick.closeRound, `Round ${number} is written down`, {
    sweepId,
    offboardingId,
    workflowId,
    round: number,
    made,
    results,
    questions: fresh.map(({ subject, says, mark }) => ({ subject, says, mark })),
    stands: all.length - fresh.length,
  });
  change(sweep, {
    open: asked(sweep, all, now),
    acknowledged: stillSeen(sweep, all),
    waits: sweep.waits ?? { since: now, told: 0 },
  });
  const everybody = fresh.filter(({ escalates }) => escalates);
  if (everybody.length > 0) tell(sweep, inbox, 'escalation', [...audience, ...escalation], everybody);
  if (!closed.ok) {
    const says = `Round ${number} could not be written down: ${closed.sentence}`;
    return failed(sweep, inbox, says, closed.sentence);
  }
  added(sweep, closed.value);
  const seen = all.filter(({ subject, mark }) => sweep.acknowledged[subject] === mark).length;
  noted(sweep, sayRound(number, closed.value.moved, sweep.open.length, seen));
}

/** A round that did not come about is put to people like whatever a round finds. */
function failed(sweep: Sweep, inbox: Inbox, says: string, why: string): void {
  const now = new Date().toISOString();
  const isKnown = sweep.open.some(({ subject, mark }) => subject === ROUND && mark === why);
  const open = askedWithout(sweep, { says, mark: why }, now);
  const others = sweep.waits;
  change(sweep, { open, waits: others ?? { since: now, told: 0 }, sentence: says });
  // Whoever is told about something else would hear of it with the next reminder only.
  const news = open.filter(({ subject }) => subject === ROUND);
  if (others && others.told > 0 && !isKnown && news.length > 0)
    tell(sweep, inbox, 'waits', WAITS.attention.audience, news);
}

/** Counts what was written down; the same addendum only once. */
function added(sweep: Sweep, { addendum, moved }: { addendum: number | null; moved: number }): void {
  if (addendum === null || sweep.addenda.includes(addendum)) return;
  change(sweep, { moved: sweep.moved + moved, addenda: [...sweep.addenda, addendum] });
}

/** `made`: digest of the round's plan; null = nothing follows a rule. */
interface Caught {
  made: string | null;
  results: Record<string, StepResult>;
  questions: Question[];
}

const NOTHING: Caught = { made: null, results: {}, questions: [] };

/** Hands over what follows a rule; a question where that could not even be planned. */
async function handOver(
  { sweepId, workflowId, round: number }: Sweep,
  input: SweepInput,
  due: readonly Due[],
): Promise<Caught> {
  const { runId } = workflowInfo();
  const planned = await ask(long.planRound, `Round ${number}: what follows which rule?`, {
    ...input,
    workflowId,
    runId,
    round: number,
    due: [...due],
  });
  if (!planned.ok) {
    const says = `Round ${number} could not be planned: ${planned.sentence}`;
    return { ...NOTHING, questions: [{ subject: ROUND, says, mark: planned.sentence }] };
  }
  const { plan: made, systems, aside, questions } = planned.value;
  const caught: Caught = { made, results: {}, questions: [...questions] };
  const mark = `failed ${number}`;
  for (const { system, steps } of made === null ? [] : systems) {
    const count = due.filter(({ step }) => steps.includes(step)).reduce((sum, one) => sum + one.count, 0);
    const says = `Hand over ${count} stragglers in ${system}`;
    // An activity answers before all is done, where it is much.
    for (let open = steps; open.length > 0; ) {
      const order = {
        offboardingId: sweepId,
        plan: made!,
        system,
        steps: open,
        retries: 0,
        waived: {},
        aside,
      };
      const run = await ask(long.runSteps, says, order);
      if (!run.ok) {
        caught.questions.push({ subject: system, says: `${system}: ${run.sentence}`, mark });
        break;
      }
      Object.assign(caught.results, run.value.steps);
      open = open.filter(id => (caught.results[id]?.state ?? 'unfinished') === 'unfinished');
    }
  }
  for (const [step, { state, message }] of Object.entries(caught.results))
    if (state === 'failed' || state === 'not-run')
      caught.questions.push({ subject: step, says: message ?? `${step} did not go through.`, mark });
  return caught;
}

function sayRound(number: number, moved: number, open: number, seen: number): string {
  const caught =
    moved > 0 ? `caught ${moved} and handed over by the approved rules` : 'found nothing to hand over';
  const asks = open > 0 ? `; ${open} for people` : '';
  return `Round ${number} ${caught}${asks}${seen > 0 ? `; ${seen} that people have seen` : ''}.`;
}

function inputOf(sweep: Sweep): SweepInput {
  const { sweepId, offboardingId, of, leaver, plan, approved, policy, patience, off, waived, seen, began } =
    sweep;
  return { sweepId, offboardingId, of, leaver, plan, approved, policy, patience, off, waived, seen, began };
}

function noted(sweep: Sweep, sentence: string): void {
  change(sweep, { sentence });
}

function ended(sweep: Sweep, outcome: SweepOutcome, sentence: string): void {
  change(sweep, { outcome, sentence });
}

/** Changes the sweep and what operators see of it. */
function change(sweep: Sweep, news: Partial<Sweep>): void {
  Object.assign(sweep, news);
  if (sweep.open.length === 0) sweep.waits = null;
  const { outcome, due } = sweep;
  show({
    details: sweepDetails(sweep),
    attributes: {
      OffboardingState: [sweep.state],
      OffboardingOutcome: outcome ? [outcome] : [],
      OffboardingLeaver: [sweep.leaver.id.slice(0, 200)],
      OffboardingWaitingOn: [sweepWaitsOn(sweep)],
      OffboardingDue: due === null || outcome ? [] : [new Date(due)],
    },
  });
}
