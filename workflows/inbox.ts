/**
 * The inbox of any workflow that takes decisions. Every message exists twice under one name, as a signal and
 * as an update; handlers only enqueue. One loop judges the letters, a few in each workflow task: who sent
 * them, what the rules say, what changes. Every verdict goes into the audit trail, refusals as well. An
 * unknown name or an odd payload is a refusal, never a stuck task.
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
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Identified } from '../activities/people.js';
import type { Proof } from '../activities/prove.js';
import type { DecisionEntry, NoticeEntry } from '../activities/record.js';
import { written } from '../domain/door.js';
import type { Counted, RefusedFor } from '../domain/flood.js';
import type { Sender } from '../domain/judge.js';
import { FLOOD } from '../domain/limits.js';
import { clip } from '../domain/mistake.js';
import type { Participant, Refusal } from '../domain/people.js';
import type { Parsed } from '../domain/request.js';
import { contentOf, type Letter as Sent, unsealed } from '../domain/statement.js';
import { REFUSED } from './messages.js';
import { type Attempt, ask, prompt } from './proxies.js';
import { openTrail } from './trail.js';

/** What a workflow says about its messages. */
export interface Rules<Decision extends { name: string; by: string }> {
  /**
   * The audit trail that every verdict goes into: the id of the offboarding, or of whatever is decided about.
   */
  trail: string;
  /** Message name → what it does, as the Temporal UI shows it. */
  messages: Readonly<Record<string, string>>;
  /**
   * Signals by which activities of ours say something: nobody decides anything by them. False = this one is
   * none of theirs, and is refused like any other message.
   */
  told?: Readonly<Record<string, (payload: unknown) => boolean>>;
  parse(name: string, payload: unknown): Parsed<Decision>;
  /** Directory ids of people whom the sender must not turn out to be. */
  beside?(decision: Decision): string[];
  /** Dates that it names, as they were written. */
  moments?(decision: Decision): string[];
  /** Told of everybody who was looked up, as they are now. */
  met?(people: readonly Participant[]): void;
  /**
   * May this person decide this now? What is accepted has been applied when this returns. @param now ISO 8601
   */
  judge(decision: Decision, who: Sender, now: string): { accepted: boolean; sentence: string };
  /** Told what came of a few messages. */
  judged(round: Round): void;
  /** Told why the trail could not be written; null = it can. */
  unrecorded?(sentence: string | null): void;
  /** What callers are told beside the verdict, and what the trail keeps as the plan that was decided on. */
  now(): { state: string; plan: string | null };
}

/** What came of messages that were judged together. */
export interface Round {
  /** How many they were. */
  judged: number;
  refused: Refusal[];
  /** Those of the refused that the trail only counts, because there are too many. */
  counted: Counted[];
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
  /** What this execution has taken so far: Temporal lets it take only so many. */
  readonly taken: { signals: number; updates: number };
}

interface Letter {
  name: string;
  payload: unknown;
  /** A signal is the n-th of its name in this execution; absent: it is none, or no message of ours. */
  nth?: number;
  answer?: (answer: Answer) => void;
}

/**
 * Installs every message and starts the loop. Call it before the first await, so that nothing that comes
 * early is lost.
 */
export function openInbox<Decision extends { name: string; by: string }>(rules: Rules<Decision>): Inbox {
  const letters: Letter[] = [];
  const taken = { signals: 0, updates: 0 };
  const trail = openTrail(rules.trail, sentence => rules.unrecorded?.(sentence));
  let judging = false;
  let judged = 0;

  const isSettled = (): boolean =>
    letters.length === 0 && !judging && trail.isWritten() && allHandlersFinished();
  // Counted as they come, so that each is found in the history again. A fresh execution has a history of its
  // own, and counts anew; one that goes on from a reset has what was before in its own, and replays it.
  const came = new Map(Object.keys(rules.messages).map(name => [name, 0]));
  const enqueue = (name: string, payload: unknown): void => {
    taken.signals += 1;
    const before = came.get(name);
    if (before !== undefined) came.set(name, before + 1);
    letters.push({ name, payload, ...(before !== undefined && { nth: before + 1 }) });
  };
  const enqueueAndAnswer = (name: string, payload: unknown): Promise<Answer> => {
    taken.updates += 1;
    return new Promise((accept, refuse) => {
      const answer = (given: Answer): void =>
        given.verdict === 'accepted' ? accept(given) : refuse(refusal(given));
      letters.push({ name, payload, answer });
    });
  };
  for (const [name, description] of Object.entries(rules.messages)) {
    setHandler(defineSignal<[unknown?]>(name), payload => enqueue(name, payload), { description });
    setHandler(defineUpdate<Answer, [unknown?]>(name), payload => enqueueAndAnswer(name, payload), {
      description,
    });
  }
  for (const [name, take] of Object.entries(rules.told ?? {})) {
    const description = 'Handover says this to itself; nobody sends it by hand';
    setHandler(defineSignal<[unknown?]>(name), payload => void (take(payload) || enqueue(name, payload)), {
      description,
    });
  }
  setDefaultSignalHandler((name, ...payload) => enqueue(name, payload[0]));
  setDefaultUpdateHandler((name, ...payload) => enqueueAndAnswer(name, payload[0]));

  const loop = async (): Promise<void> => {
    for (;;) {
      await condition(() => letters.length > 0);
      judging = true;
      const few = readFew();
      const senders = await lookUp(rules, few);
      // A promise does not end a workflow task, an activity and a timer do: whoever judged all of a flood in
      // one task would be killed, and everybody else's worker with it.
      if (senders.people.size === 0 && letters.length > 0) await sleep(1);
      judgeFew(few, senders);
      judging = false;
    }
  };
  const readFew = (): Read<Decision>[] => {
    const few: Read<Decision>[] = [];
    let decisions = 0;
    while (letters.length > 0 && few.length < FLOOD.letters && decisions < FLOOD.decisions) {
      const letter = letters.shift()!;
      const { body, statement } = unsealed(letter.payload);
      const parsed = rules.parse(letter.name, body);
      few.push({ letter, number: ++judged, parsed, body, statement });
      if (parsed.ok) decisions += 1;
    }
    return few;
  };
  const judgeFew = (few: readonly Read<Decision>[], senders: Senders): void => {
    const round: Round = { judged: few.length, refused: [], counted: [] };
    for (const read of few) {
      const verdict = judgeOne(rules, read, senders);
      const entry = entryOf(rules, read, verdict);
      if (verdict.refusedFor === null) trail.decided(entry);
      else {
        const at = new Date().toISOString();
        const { by } = entry;
        const message = clip(entry.message, 40);
        const counted = { number: read.number, at, message, by, reason: verdict.refusedFor, whole: entry };
        if (!trail.refused(entry, counted)) round.counted.push(counted);
        round.refused.push({ at, message, by, reason: verdict.sentence });
      }
      read.letter.answer?.({
        verdict: verdict.refusedFor === null ? 'accepted' : 'refused',
        sentence: verdict.sentence,
        ...rules.now(),
      });
    }
    rules.judged(round);
  };
  // Runs until the workflow completes: a message that comes while it closes is still judged and answered.
  void CancellationScope.nonCancellable(loop);

  return {
    note: trail.note,
    isSettled,
    settled: () => trail.atOnce(() => condition(isSettled)),
    taken,
  };
}

interface Read<Decision> {
  letter: Letter;
  /** Counts the messages of this execution. */
  number: number;
  parsed: Parsed<Decision>;
  /** The message without what came as a proof. */
  body: unknown;
  /** What came as a proof; undefined where nothing did. */
  statement: string | undefined;
}

/** What is known of who sent a few messages. */
interface Senders {
  /** Who messages say they are from → who that is, or why nobody could say. */
  people: ReadonlyMap<string, Attempt<Identified>>;
  /** Number of a message → whether that is proved. */
  proofs: ReadonlyMap<number, Proof>;
  /** Moments that nobody can place → why. */
  unclear: Readonly<Record<string, string>>;
}

const NOBODY: Senders = { people: new Map(), proofs: new Map(), unclear: {} };

/** Looks up whoever sent these, all at once: an activity for each would make a history too long. */
async function lookUp<Decision extends { name: string; by: string }>(
  rules: Rules<Decision>,
  few: readonly Read<Decision>[],
): Promise<Senders> {
  const decisions = few.flatMap(({ parsed }) => (parsed.ok ? parsed.value : []));
  const who = [...new Set(decisions.map(({ by }) => by))];
  if (who.length === 0) return NOBODY;
  const beside = [...new Set(decisions.flatMap(decision => rules.beside?.(decision) ?? []))];
  const says = who.length === 1 ? `Who sends "${decisions[0]!.name}"?` : `Who are these ${who.length}?`;
  const sent = few.filter(({ parsed }) => parsed.ok);
  const letters = sent.map(read => letterOf(rules, read));
  const moments = decisions.flatMap(decision => rules.moments?.(decision) ?? []);
  const found = await ask(prompt.identify, says, { who, beside, letters, moments });
  if (!found.ok) return { ...NOBODY, people: new Map(who.map(one => [one, found])) };
  const people = found.value.found.flatMap(one => (one.kind === 'one' ? one.person : []));
  rules.met?.([...people, ...found.value.beside]);
  const proofs = sent.flatMap(({ number }, n): [number, Proof][] => {
    const proof = found.value.proofs?.[n];
    return proof ? [[number, proof]] : [];
  });
  return {
    people: new Map(who.map((one, n) => [one, { ok: true, value: found.value.found[n]! }])),
    proofs: new Map(proofs),
    unclear: found.value.unclear ?? {},
  };
}

/** What is to be proved: that this message, as it came, is whose it says it is. */
function letterOf<Decision extends { name: string; by: string }>(
  rules: Rules<Decision>,
  { letter, number, parsed, body, statement }: Read<Decision>,
): Sent {
  return {
    name: letter.name,
    run: rules.trail,
    by: parsed.ok ? parsed.value.by : '',
    use: `${workflowInfo().runId} ${number}`,
    ...(statement !== undefined && { seal: { statement, ...contentOf(body) } }),
    ...(letter.nth !== undefined && { signal: { nth: letter.nth, content: contentOf(body).content } }),
  };
}

interface Verdict {
  sentence: string;
  /** Null = accepted. */
  refusedFor: RefusedFor | null;
  who: Sender | null;
}

function judgeOne<Decision extends { name: string; by: string }>(
  rules: Rules<Decision>,
  { letter, number, parsed }: Read<Decision>,
  senders: Senders,
): Verdict {
  if (!parsed.ok) {
    const isKnown = Object.hasOwn(rules.messages, letter.name);
    return { sentence: parsed.sentence, refusedFor: isKnown ? 'unreadable' : 'no-such-message', who: null };
  }
  const { name, by } = parsed.value;
  const proof = senders.proofs.get(number);
  if (proof && !proof.ok) return { sentence: proof.sentence, refusedFor: 'unproved', who: null };
  const found = senders.people.get(by)!;
  if (!found.ok) {
    const sentence = `The directory could not say who "${by}" is: ${found.sentence} Send it again.`;
    return { sentence, refusedFor: 'unknown-sender', who: null };
  }
  if (found.value.kind !== 'one')
    return { sentence: found.value.sentence, refusedFor: 'unknown-sender', who: null };
  const who = { ...found.value.person, identity: proof?.identity ?? found.value.identity };
  const unclear = (rules.moments?.(parsed.value) ?? []).flatMap(text => senders.unclear[text] ?? []);
  if (unclear.length > 0) return { sentence: `${unclear.join('; ')}.`, refusedFor: 'unreadable', who };
  try {
    const { accepted, sentence } = rules.judge(parsed.value, who, new Date().toISOString());
    return { sentence, refusedFor: accepted ? null : 'not-allowed', who };
  } catch (error) {
    // A message must never stop a run, whatever it makes a rule stumble over.
    const sentence = `"${name}" could not be judged (${(error as Error).message}); nothing was changed.`;
    return { sentence, refusedFor: 'not-allowed', who };
  }
}

function entryOf<Decision extends { name: string; by: string }>(
  rules: Rules<Decision>,
  { letter, number, parsed, body, statement }: Read<Decision>,
  { sentence, refusedFor, who }: Verdict,
): DecisionEntry {
  return {
    kind: 'decision',
    number,
    message: clip(letter.name, 200),
    by: claimedBy(letter.payload),
    decider: who && { id: who.id, name: who.name },
    identity: who?.identity ?? { kind: 'claimed' },
    ...(who?.identity.kind === 'verified' && statement !== undefined && { statement }),
    accepted: refusedFor === null,
    sentence,
    plan: rules.now().plan,
    payload: parsed.ok ? parsed.value : written(body, 2000),
  };
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
