/**
 * The inbox of any workflow that takes decisions. Every message exists twice under one name, as a signal and
 * as an update; handlers only enqueue. One loop judges the letters one after the other: who sent it, what the
 * rules say, what changes. Beside it the recorder writes every verdict into the audit trail, refusals as
 * well. An unknown name or an odd payload is a refusal, never a stuck task.
 *
 * It knows no offboarding: a workflow gives its messages, how they are read, and the rules.
 */
import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  defineSignal,
  defineUpdate,
  setDefaultSignalHandler,
  setDefaultUpdateHandler,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Letter as Sent } from '../activities/prove.js';
import type { DecisionEntry, NoticeEntry, TrailEntry } from '../activities/record.js';
import type { Sender } from '../domain/judge.js';
import type { Participant, Refusal } from '../domain/people.js';
import type { Parsed } from '../domain/request.js';
import { unsealed } from '../domain/statement.js';
import { REFUSED } from './messages.js';
import { ask, prompt, quick } from './proxies.js';

/** What a workflow says about its messages. */
export interface Rules<Decision extends { name: string; by: string }> {
  /**
   * The audit trail that every verdict goes into: the id of the offboarding, or of whatever is decided about.
   */
  trail: string;
  /** Message name → what it does, as the Temporal UI shows it. */
  messages: Readonly<Record<string, string>>;
  parse(name: string, payload: unknown): Parsed<Decision>;
  /** Directory ids of people whom the sender must not turn out to be. */
  beside?(decision: Decision): string[];
  /** Told of everybody who was looked up, as they are now. */
  met?(people: readonly Participant[]): void;
  /**
   * May this person decide this now? What is accepted has been applied when this returns. @param now ISO 8601
   */
  judge(decision: Decision, who: Sender, now: string): { accepted: boolean; sentence: string };
  /** Told of every refusal, to show it. */
  refused(refusal: Refusal): void;
  /** Told before each message is judged. */
  counted(): void;
  /** What callers are told beside the verdict, and what the trail keeps as the plan that was decided on. */
  now(): { state: string; plan: string | null };
}

/** What an update answers. */
export interface Answer {
  verdict: 'accepted' | 'refused';
  sentence: string;
  state: string;
  plan: string | null;
}

export interface Inbox {
  /** Tells the trail something that nobody decided: what came about, and who should know. */
  note(notice: Omit<NoticeEntry, 'kind' | 'number'>): void;
  /** Every message that came has been judged, answered and recorded. */
  isSettled(): boolean;
  /** Waits for that. */
  settled(): Promise<void>;
}

interface Letter {
  name: string;
  payload: unknown;
  answer?: (answer: Answer) => void;
}

/**
 * Installs every message and starts the loop. Call it before the first await, so that nothing that comes
 * early is lost.
 */
export function openInbox<Decision extends { name: string; by: string }>(rules: Rules<Decision>): Inbox {
  const letters: Letter[] = [];
  const unrecorded: TrailEntry[] = [];
  let judging = false;
  let recording = false;
  let judged = 0;
  let notes = 0;

  const isSettled = (): boolean =>
    letters.length === 0 && !judging && unrecorded.length === 0 && !recording && allHandlersFinished();
  const enqueue = (name: string, payload: unknown): void => {
    letters.push({ name, payload });
  };
  const enqueueAndAnswer = (name: string, payload: unknown): Promise<Answer> =>
    new Promise((accept, refuse) => {
      const answer = (given: Answer): void =>
        given.verdict === 'accepted' ? accept(given) : refuse(refusal(given));
      letters.push({ name, payload, answer });
    });
  for (const [name, description] of Object.entries(rules.messages)) {
    setHandler(defineSignal<[unknown?]>(name), payload => enqueue(name, payload), { description });
    setHandler(defineUpdate<Answer, [unknown?]>(name), payload => enqueueAndAnswer(name, payload), {
      description,
    });
  }
  setDefaultSignalHandler((name, ...payload) => enqueue(name, payload[0]));
  setDefaultUpdateHandler((name, ...payload) => enqueueAndAnswer(name, payload[0]));

  const loop = async (): Promise<void> => {
    for (;;) {
      await condition(() => letters.length > 0);
      const letter = letters.shift()!;
      judging = true;
      judged += 1;
      const { answer, entry } = await decide(rules, letter, judged);
      unrecorded.push(entry);
      letter.answer?.(answer);
      judging = false;
    }
  };
  // Beside the loop: a store that is out of reach delays the trail, never the next decision. What came about
  // meanwhile is recorded at once.
  const recorder = async (): Promise<void> => {
    for (;;) {
      await condition(() => unrecorded.length > 0);
      recording = true;
      const entries = unrecorded.splice(0, MOST_ENTRIES);
      await ask(quick.record, saysOf(entries), {
        offboardingId: rules.trail,
        runId: workflowInfo().runId,
        entries,
      });
      recording = false;
    }
  };
  void CancellationScope.nonCancellable(recorder);
  // Runs until the workflow completes: a message that comes while it closes is still judged and answered.
  void CancellationScope.nonCancellable(loop);

  return {
    note(notice) {
      notes += 1;
      unrecorded.push({ kind: 'notice', number: notes, ...notice });
    },
    isSettled,
    settled: () => condition(isSettled),
  };
}

/** So many letters fit an activity's input whatever they say: each is clipped. */
const MOST_ENTRIES = 50;

/** "Accepted: approve", "Noted: reminder", and how many more. */
function saysOf(entries: readonly TrailEntry[]): string {
  const [first, ...others] = entries as [TrailEntry, ...TrailEntry[]];
  const what =
    first.kind === 'notice'
      ? `Noted: ${first.notice}`
      : `${first.accepted ? 'Accepted' : 'Refused'}: ${clip(first.message, 40)}`;
  return others.length > 0 ? `${what}, and ${others.length} more` : what;
}

/** Judges one message. Whatever comes of it is to be recorded, a refusal as well. */
async function decide<Decision extends { name: string; by: string }>(
  rules: Rules<Decision>,
  letter: Letter,
  number: number,
): Promise<{ answer: Answer; entry: DecisionEntry }> {
  rules.counted();
  const { body, statement } = unsealed(letter.payload);
  const parsed = rules.parse(letter.name, body);
  const { sentence, accepted, who } = parsed.ok
    ? await identifyAndJudge(rules, parsed.value, {
        name: letter.name,
        run: rules.trail,
        use: `${workflowInfo().runId} ${number}`,
        ...(statement !== undefined && { sealed: { statement, body } }),
      })
    : { sentence: parsed.sentence, accepted: false, who: null };
  const by = claimedBy(letter.payload);
  if (!accepted) {
    rules.refused({ at: new Date().toISOString(), message: clip(letter.name, 40), by, reason: sentence });
  }
  const { state, plan } = rules.now();
  const entry: DecisionEntry = {
    kind: 'decision',
    number,
    message: clip(letter.name, 200),
    by,
    decider: who && { id: who.id, name: who.name },
    identity: who?.identity ?? { kind: 'claimed' },
    ...(who?.identity.kind === 'verified' && { statement: String(statement) }),
    accepted,
    sentence,
    plan,
    payload: parsed.ok ? parsed.value : clip(JSON.stringify(body) ?? 'nothing', 2000),
  };
  return { answer: { verdict: accepted ? 'accepted' : 'refused', sentence, state, plan }, entry };
}

async function identifyAndJudge<Decision extends { name: string; by: string }>(
  rules: Rules<Decision>,
  decision: Decision,
  letter: Sent,
): Promise<{ sentence: string; accepted: boolean; who: Sender | null }> {
  const { name, by } = decision;
  const input = { who: by, beside: rules.beside?.(decision), letter };
  const found = await ask(prompt.identify, `Who sends "${name}"?`, input);
  if (!found.ok) {
    const sentence = `The directory could not say who "${by}" is: ${found.sentence} Send it again.`;
    return { sentence, accepted: false, who: null };
  }
  if (found.value.kind !== 'one') return { sentence: found.value.sentence, accepted: false, who: null };
  const who = { ...found.value.person, identity: found.value.identity };
  try {
    rules.met?.([who, ...found.value.beside]);
    return { ...rules.judge(decision, who, new Date().toISOString()), who };
  } catch (error) {
    // A message must never stop a run, whatever it makes a rule stumble over.
    const sentence = `"${name}" could not be judged (${(error as Error).message}); nothing was changed.`;
    return { sentence, accepted: false, who };
  }
}

/**
 * It fails the update, never the run: the Temporal UI would call an ordinary answer successful. The sentence
 * may name people, and no codec encrypts a failure's message, so it stays in the detail, a payload like every
 * answer. No stack trace: nothing went wrong here.
 */
function refusal(answer: Answer): ApplicationFailure {
  const message =
    'Refused, and nothing was changed. The reason stands at the top of the current details: press R in User Metadata.';
  const failure = ApplicationFailure.create({
    type: REFUSED,
    message,
    nonRetryable: true,
    details: [answer],
  });
  failure.stack = '';
  return failure;
}

function claimedBy(payload: unknown): string | null {
  const by = (payload as { by?: unknown } | null | undefined)?.by;
  return typeof by === 'string' ? clip(by, 200) : null;
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
