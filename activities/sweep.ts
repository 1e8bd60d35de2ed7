/**
 * A round after the switch: looks as the proof of the run did, hands over by the approved rules what has landed
 * on the leaver since, and writes down what came of it. The sweep's plans are the approved one, cut down to what
 * was found: they have pages, receipts and a chain of the sweep's own. May run twice at any point.
 */
import { activityInfo } from '@temporalio/activity';
import { accountsIn } from '../domain/accounts.js';
import { doneUnder, gainedIn } from '../domain/approved.js';
import { type StepBomb, toWatch } from '../domain/bombs.js';
import { listed } from '../domain/certificate.js';
import type { ReceiptSummary } from '../domain/effect.js';
import type { ItemKey } from '../domain/model.js';
import { isEffect, type Plan, type PlanStep, takersInTurn } from '../domain/plan.js';
import { takersOfArrivals } from '../domain/rounds.js';
import {
  apartFromReturning,
  beyondRule,
  type Due,
  type Found,
  foundIn,
  lastDay,
  type Question,
  type SweepInput,
  type SweepOutcome,
  sweptIn,
} from '../domain/sweep.js';
import type { AuditEntry } from '../store/audit.js';
import { keysOf, listOf, sharesOf } from '../store/keys.js';
import { scheduled, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { findOne } from './directory.js';
import { settleAll } from './effects.js';
import { lookOnceMore, planOf } from './look.js';
import { leaving } from './open-runs.js';
import { type Ended, openAfter } from './ownership.js';
import type { StepResult } from './run-steps.js';
import { refusedSuccessors } from './successors.js';

export interface SweepLook extends Found {
  /** Another offboarding of the same person is open: that one looks after them. */
  aside: boolean;
}

/** A sweep as its activities know it. */
type Named = SweepInput & { workflowId: string };

/**
 * Opens the sweep, or says why not; what is to act by itself it looks at just before.
 * @param first see `Owner`
 */
export async function openSweep(
  deps: Deps,
  { workflowId, first, ...input }: Named & { first: string },
): Promise<{ refused: string | null; bombs: StepBomb[] }> {
  const refused = await openAfter(deps, 'sweep', input.sweepId, { workflowId, first }, input);
  const plan = refused === null ? await deps.store.plans.find(input.plan) : null;
  if (!plan) return { refused, bombs: [] };
  const { watched } = toWatch(plan, new Date().toISOString(), lastDay(input.policy, input.began));
  return { refused, bombs: watched };
}

/** What has landed on the leaver since, in every system of the plan. */
export async function sweepLook(deps: Deps, input: SweepInput): Promise<SweepLook> {
  const plan = await planOf(deps, input.plan);
  const aside = (await leaving(deps, [plan.leaver], input.offboardingId)).size > 0;
  if (aside) return { aside, again: [], due: [], questions: [] };
  const { sights, unread } = await lookOnceMore(deps, input, sweptIn(plan, input));
  const found = foundIn(plan, sights, unread, input);
  const questions: Question[] = [];
  for (const question of found.questions) questions.push(await marked(deps, plan, input, question));
  return { aside, ...found, questions };
}

/** A question with the very catalog and items that it is about in its mark: as many others are another one. */
async function marked(
  deps: Deps,
  plan: Plan,
  { waived }: SweepInput,
  { about, ...question }: Question,
): Promise<Question> {
  if (!about) return question;
  const connector = await deps.systems.get(about.system);
  const accounts = accountsIn(plan.accounts, about.system);
  const options = { size: plan.policy.batch, signal: whenAbandoned() };
  const marks = [question.mark, connector.catalogDigest];
  for (const step of plan.steps.filter(({ id }) => about.steps.includes(id))) {
    const keys: ItemKey[] = [];
    const skipped = waived[step.id];
    for await (const page of connector.pages(accounts, step.category, options)) {
      const { keys: some } = skipped ? await deps.store.manifests.beyond(page.keys, skipped) : page;
      keys.push(...listOf(some));
    }
    marks.push(await markOf(deps, keys));
  }
  return { ...question, mark: marks.join(' ') };
}

/** Exactly these, in whatever order a system names them. */
async function markOf({ store }: Deps, keys: readonly ItemKey[]): Promise<string> {
  return (await store.manifests.freeze(keysOf([...keys].sort()))).digest;
}

export interface PlanRoundInput extends Named {
  /** Temporal run id. */
  runId: string;
  round: number;
  due: Due[];
}

export interface PlannedRound {
  /** Digest; null = nothing follows a rule. */
  plan: string | null;
  systems: { system: string; steps: string[] }[];
  /** Frozen keys that are left alone, by step. */
  aside: Record<string, string>;
  questions: Question[];
}

/**
 * The approved plan, cut down to what a round has found: the same rules, the same successors, other keys. What
 * no rule covers, or has come back too often, is a question.
 */
export async function planRound(deps: Deps, input: PlanRoundInput): Promise<PlannedRound> {
  const { store } = deps;
  const { sweepId, round, runId } = input;
  const approved = await planOf(deps, input.plan);
  const manifest = await store.plans.manifest(sweepId);
  const leaver = await findOne(deps, `id:${approved.leaver.id}`);
  const steps: PlanStep[] = [];
  const aside: Record<string, string> = {};
  const questions: Question[] = [];
  for (const { step: id } of input.due) {
    const step = approved.steps.find(one => one.id === id && isEffect(one));
    if (!step) continue;
    const { moving, left } = await keysIn(deps, input, approved, step);
    if (left.length > 0) {
      const frozen = await store.manifests.freeze(keysOf(left));
      aside[id] = frozen.digest;
      questions.push({
        subject: id,
        says: comesBack(step, left, input.policy.returns),
        mark: frozen.digest,
        escalates: true,
      });
    }
    if (moving.length === 0) continue;
    const problem =
      beyondRule(approved, input, step, moving.length) ??
      ('sentence' in leaver ? leaver.sentence : await refusalOf(deps, approved, step, leaver.person));
    const shared = problem === null ? await sharesIn(deps, approved, step, moving) : { problem };
    if ('problem' in shared) {
      const mark = `${await markOf(deps, moving)}: ${shared.problem}`;
      questions.push({ subject: id, says: shared.problem, mark });
      continue;
    }
    steps.push(await written(deps, approved, step, manifest, moving, shared.takers));
  }
  if (steps.length === 0) return { plan: null, systems: [], aside, questions };
  const ids = steps.map(({ id }) => id);
  const { digest: _, ...rest } = approved;
  const next = {
    ...rest,
    offboardingId: sweepId,
    revision: round,
    manifest,
    steps: steps.map(step => ({ ...step, after: step.after.filter(other => ids.includes(other)) })),
    notes: [`Found by round ${round} of the sweep; its rules are those of the plan ${approved.digest}.`],
  };
  const plan = await store.plans.save(next, runId, []);
  await store.audit.append(sweepId, [
    {
      subject: `plan ${plan.digest}`,
      kind: 'planned',
      body: {
        revision: round,
        digest: plan.digest,
        of: approved.digest,
        steps: plan.steps.length,
        sealed: (await store.manifests.seals(sweepId)).find(one => one.manifest === plan.manifest),
      },
    },
  ]);
  const systems = [...new Set(plan.steps.map(({ system }) => system))].map(system => ({
    system,
    steps: plan.steps.filter(step => step.system === system).map(({ id }) => id),
  }));
  return { plan: plan.digest, systems, aside, questions };
}

/** What is there now and nobody waived; `left` has come back too often. */
async function keysIn(
  deps: Deps,
  { sweepId, offboardingId, policy }: PlanRoundInput,
  plan: Plan,
  step: PlanStep,
): Promise<{ moving: ItemKey[]; left: ItemKey[] }> {
  const connector = await deps.systems.get(step.system);
  const accounts = accountsIn(plan.accounts, step.system);
  const keys: ItemKey[] = [];
  const options = { size: plan.policy.batch, signal: whenAbandoned() };
  for await (const page of connector.pages(accounts, step.category, options)) keys.push(...listOf(page.keys));
  const times = await deps.store.manifests.timesShown([offboardingId, sweepId], step.id, keys);
  return apartFromReturning(keys, times, policy);
}

function comesBack(step: PlanStep, keys: readonly ItemKey[], returns: number): string {
  const named = keys.slice(0, 5).join(', ') + (keys.length > 5 ? ', …' : '');
  const times = returns === 1 ? 'once' : `${returns} times`;
  return `${step.title} (${step.id}): ${named} came back ${times} after being handed over. Something keeps giving them to the leaver: they are left alone until people stop it.`;
}

async function refusalOf(
  deps: Deps,
  plan: Plan,
  step: PlanStep,
  leaver: Parameters<typeof refusedSuccessors>[4],
): Promise<string | null> {
  const connector = await deps.systems.get(step.system);
  const accounts = accountsIn(plan.accounts, step.system);
  const checked = (other: PlanStep) => (other.id === step.id ? step.successors : []);
  const [refused] = await refusedSuccessors(deps, connector, plan, accounts, leaver, checked);
  return refused ? `${step.title} (${step.id}): ${refused.sentence}` : null;
}

/** Which of the step's successors takes each key; null = all go to the first. */
async function sharesIn(
  deps: Deps,
  plan: Plan,
  step: PlanStep,
  keys: readonly ItemKey[],
): Promise<{ takers: number[] | null } | { problem: string }> {
  if (step.do !== 'transfer' || step.successors.length < 2) return { takers: null };
  const connector = await deps.systems.get(step.system);
  const accounts = accountsIn(plan.accounts, step.system);
  const attribute = step.assignment.kind === 'match' ? step.assignment.attribute : undefined;
  const firstOf = takersInTurn(step);
  const values = new Map<ItemKey, string | null>();
  if (attribute !== undefined || firstOf !== undefined) {
    const options = { size: plan.policy.batch, attribute, firstOf, signal: whenAbandoned() };
    for await (const page of connector.pages(accounts, step.category, options))
      for (const [n, key] of listOf(page.keys).entries()) values.set(key, page.attributes?.[n] ?? null);
  }
  return takersOfArrivals(step, keys, values);
}

async function written(
  deps: Deps,
  plan: Plan,
  step: PlanStep,
  manifest: string,
  keys: readonly ItemKey[],
  takers: readonly number[] | null,
): Promise<PlanStep> {
  const { batch } = plan.policy;
  for (let n = 0; n * batch < keys.length; n++) {
    const some = keys.slice(n * batch, (n + 1) * batch);
    await deps.store.manifests.write(manifest, step.id, n + 1, {
      keys: keysOf(some),
      count: some.length,
      order: 'none',
      low: null,
      high: null,
      fingerprint: '',
      assignment: takers && sharesOf(takers.slice(n * batch, (n + 1) * batch)),
    });
  }
  const counts = step.successors.map((_, n) =>
    takers ? takers.filter(taker => taker === n).length : n === 0 ? keys.length : 0,
  );
  return { ...step, baseline: { count: keys.length, fingerprint: '' }, counts, overrides: 0 };
}

export interface CloseRoundInput extends Pick<Named, 'sweepId' | 'offboardingId' | 'workflowId'> {
  round: number;
  /** Digest of the round's plan; null = nothing was moved. */
  made: string | null;
  results: Record<string, StepResult>;
  /** What people are asked now that they were not asked before. */
  questions: Question[];
  /** How many findings still stand that people were asked about before. */
  stands: number;
}

/**
 * Writes down what a round came to: a short entry of the sweep's chain where nothing was found, and otherwise
 * an addendum to the certificate as well. Effects are told once, by the first round after it is known what
 * became of them. Written twice, it is there once.
 */
export async function closeRound(
  deps: Deps,
  input: CloseRoundInput,
): Promise<{ addendum: number | null; moved: number }> {
  const { audit } = deps.store;
  const { sweepId, round, made, results, questions } = input;
  const stands = input.stands > 0 && { stands: input.stands };
  const plan = made === null ? null : await planOf(deps, made);
  const before = (await audit.read(sweepId)).entries;
  // A sweep that was reset comes to the same number again, with another plan.
  const isOther = before.some(one => one.subject === `round ${round}` && (one.body.plan ?? null) !== made);
  const subject = isOther && made !== null ? `round ${round} ${made}` : `round ${round}`;
  const all = await deps.store.ledger.all(sweepId);
  const receipts = untold(all, before);
  const moved = receipts.reduce(
    (sum, { state, changed }) => sum + (state === 'done' ? (changed ?? 0) : 0),
    0,
  );
  const isQuiet = made === null && questions.length === 0 && receipts.length === 0;
  const steps = Object.entries(results).map(([step, { state, message, changed, taken, gone, failed }]) => {
    const under = doneUnder(step, plan ? [{ plan, made: '', approvals: [] }] : [], all);
    const successors = gainedIn(under).map(({ label }) => label);
    return { step, state, message, changed, taken, gone, failed, successors };
  });
  const seals = plan ? await deps.store.manifests.seals(sweepId) : [];
  const manifests = seals.filter(({ manifest }) => manifest === plan?.manifest);
  const found = isQuiet
    ? { round, ...stands }
    : { round, plan: made, moved, steps, questions, ...stands, receipts, manifests };
  await audit.append(sweepId, [{ subject, kind: isQuiet ? 'quiet-round' : 'swept', body: found }]);
  // What an earlier attempt has written is what counts.
  const told = (await audit.read(sweepId)).entries.find(one => one.subject === subject)!;
  if (told.kind === 'quiet-round') return { addendum: null, moved: 0 };
  return addTo(deps, input, told);
}

/** Adds what a round has found to the certificate, and to the chain of the run before; twice, it is there once. */
async function addTo(
  { store: { archive, audit } }: Deps,
  { sweepId, offboardingId, workflowId }: Pick<Named, 'sweepId' | 'offboardingId' | 'workflowId'>,
  { body: told }: AuditEntry,
): Promise<{ addendum: number; moved: number }> {
  const { head } = await audit.read(sweepId);
  const [certificate] = await archive.certificates(offboardingId);
  const { number, digest } = await archive.addendum(
    offboardingId,
    {
      ...told,
      sweep: sweepId,
      workflow: workflowId,
      offboarding: offboardingId,
      certificate: certificate?.digest ?? null,
      sweepChain: head,
    },
    one => one.sweep === sweepId && one.round === told.round && one.plan === told.plan,
  );
  const body = { number, digest, sweep: sweepId, round: told.round, moved: told.moved };
  await audit.append(offboardingId, [
    { subject: `addendum ${number} ${digest} ${sweepId}`, kind: 'addendum', body },
  ]);
  return { addendum: number, moved: Number(told.moved) };
}

/** A sweep that was ended between the two has written down what a round came to, and added nothing. */
async function addWhatIsOwed(
  deps: Deps,
  named: Pick<Named, 'sweepId' | 'offboardingId' | 'workflowId'>,
): Promise<void> {
  const { audit } = deps.store;
  const { sweepId, offboardingId } = named;
  const added = (await audit.read(offboardingId)).entries.filter(
    ({ kind, subject }) => kind === 'addendum' && subject.endsWith(` ${sweepId}`),
  );
  // Where one was purged, nobody knows any more of which round it was.
  if (added.some(({ gone }) => gone)) return;
  const rounds = new Set(added.map(({ body }) => body.round));
  for (const entry of (await audit.read(sweepId)).entries)
    if (entry.kind === 'swept' && !entry.gone && !rounds.has(entry.body.round))
      await addTo(deps, named, entry);
}

/** Effects of the sweep that no round has told of yet, and of which it is known what became of them. */
function untold(
  receipts: readonly ReceiptSummary[],
  entries: readonly AuditEntry[],
): ReturnType<typeof listed>[] {
  const rounds = entries.filter(({ kind }) => kind === 'swept');
  // Where the body of one was purged, nobody knows any more what it told.
  if (rounds.some(({ gone }) => gone)) return [];
  const told = new Set(
    rounds.flatMap(({ body }) => (body.receipts as { digest: string }[]).map(({ digest }) => digest)),
  );
  return receipts.map(listed).filter(({ state, digest }) => state !== 'intended' && !told.has(digest));
}

export interface EndSweepInput extends Pick<Named, 'sweepId' | 'offboardingId' | 'workflowId'> {
  outcome: SweepOutcome | 'broken-off';
  sentence: string;
}

/** The sweep is over: nothing of it gets a receipt from here on. Answers the number of a last addendum. */
export async function endSweep(
  deps: Deps,
  input: EndSweepInput,
): Promise<{ addendum: number | null; moved: number }> {
  await deps.store.ledger.fence(input.sweepId, scheduled());
  return tellEnd(deps, { ...input, runId: activityInfo().workflowExecution!.runId });
}

/**
 * The end of a sweep behind its fence, also of one that ran no code at it: what it has handed over and nobody
 * wrote down becomes an addendum as well. One that was reset after its end and has gone on ends again. Throws
 * where a system does not say what became of an effect: whoever asks again goes on from there.
 */
export async function tellEnd(
  deps: Deps,
  { outcome, sentence, runId, ...named }: Ended<EndSweepInput>,
): Promise<{ addendum: number | null; moved: number }> {
  const { audit, ledger, manifests, runs } = deps.store;
  const { sweepId } = named;
  const { entries } = await audit.read(sweepId);
  const nothing = { addendum: null, moved: 0 };
  if (isOver(entries)) return nothing;
  await settleAll(deps, sweepId);
  await addWhatIsOwed(deps, named);
  const rounds = entries.filter(({ subject }) => subject.startsWith('round ')).length;
  const isOwing = untold(await ledger.all(sweepId), entries).length > 0;
  const last = isOwing
    ? await closeRound(deps, {
        ...named,
        round: rounds + 1,
        made: null,
        results: {},
        questions: [],
        stands: 0,
      })
    : nothing;
  const told = (await audit.read(sweepId)).entries.filter(({ kind }) => kind === 'swept');
  const moved = told.reduce((sum, { body }) => sum + Number(body.moved ?? 0), 0);
  const body = { outcome, sentence, rounds, moved, manifests: await manifests.seals(sweepId) };
  await audit.append(sweepId, [{ subject: `${ENDED} ${runId}`, kind: ENDED, body }]);
  await runs.close(sweepId);
  return last;
}

/** The kind of the entry with which a sweep ends. */
const ENDED = 'sweep-ended';
/** What a sweep that goes on after its end writes first. */
const GOES_ON: readonly string[] = ['planned', 'swept', 'quiet-round'];

function isOver(entries: readonly AuditEntry[]): boolean {
  const last = entries.findLast(({ kind }) => kind === ENDED || GOES_ON.includes(kind));
  return last?.kind === ENDED;
}
