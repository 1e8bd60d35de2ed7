/** Writes down what people decided and how a run ended. */
import { type Approved, approvalsIn } from '../domain/approved.js';
import {
  type Closing,
  certificateOf,
  closingEntry,
  type Earlier,
  type Recount,
  recounted,
  withCounts,
} from '../domain/certificate.js';
import { HandoverFailure } from '../domain/failure.js';
import type { SummedFlood } from '../domain/flood.js';
import { kindOf } from '../domain/ids.js';
import type { Identity } from '../domain/people.js';
import type { Plan } from '../domain/plan.js';
import type { Run } from '../domain/run.js';
import type { AuditEntry } from '../store/audit.js';
import { isFinal, scheduled } from './attempt.js';
import type { Deps } from './deps.js';
import { settleAll } from './effects.js';
import { itsOwn, type Owner } from './ownership.js';

/** A message and its verdict. */
export interface DecisionEntry {
  kind: 'decision';
  /** Counts the messages of one Temporal run: what a reset re-applies is judged, and recorded, again. */
  number: number;
  message: string;
  /** Who the message says it is from. */
  by: string | null;
  decider: { id: string; name: string } | null;
  /** Whether that was proved. */
  identity: Identity;
  /** What proved it, so that others can check it with the gateway's public key. */
  statement?: string;
  accepted: boolean;
  sentence: string;
  plan: string | null;
  payload: unknown;
}

/** Something that came about without a decision, and that people should be told. */
export interface NoticeEntry {
  kind: 'notice';
  /** Counts the notices of one Temporal run. */
  number: number;
  /** `waits`, `reminder`, `escalation`, `expiry`, or a word of the workflow's own. */
  notice: string;
  /** What is waited for. */
  on: string;
  state: string;
  audience: string[];
  sentence: string;
  /** Since when the run waits for them; ISO 8601. */
  since: string | null;
  /** Whose approvals of a plan count no more from here on, by directory id. */
  recount?: { plan: string; lost: string[] };
}

/** Refused messages in such numbers that they are counted instead of told one by one. */
export interface FloodEntry extends SummedFlood {
  kind: 'flood';
  /** Counts the floods of one Temporal run. */
  number: number;
}

export type TrailEntry = DecisionEntry | NoticeEntry | FloodEntry;

export interface RecordInput extends Owner {
  /** Temporal run id: a reset begins to count anew. */
  runId: string;
  /** In the order in which they came about. */
  entries: TrailEntry[];
}

/** Adds to the audit trail. Recorded twice, it is there once. */
export async function record(deps: Deps, input: RecordInput): Promise<void> {
  const { offboardingId, runId, entries } = input;
  await itsOwn(deps, input);
  await deps.store.audit.append(
    offboardingId,
    entries.map(entry => {
      const { kind, number, ...body } = entry;
      const shown = entry.kind === 'decision' && !entry.accepted ? 'refusal' : kind;
      return { subject: `${kind} ${runId} ${number}`, kind: shown, body: { ...body } };
    }),
  );
}

/**
 * Settles what nobody saw end, and says how many items each step really changed, as far as anybody knows: what
 * its system does not tell is pending, and settled later.
 */
export async function settleLedger(deps: Deps, input: Owner): Promise<{ changed: Record<string, number> }> {
  await itsOwn(deps, input);
  await settleAll(deps, input.offboardingId).catch(error => leavePending(deps, error));
  return { changed: await deps.store.ledger.changed(input.offboardingId) };
}

/** A run that was reset after its end closes a second time, and says so in an addendum. */
export interface CloseRunInput extends Closing {
  /** See `Owner`. */
  first: string;
}

/** Writes the certificate, once, and frees the register. Answers as well what the run remembered wrongly. */
export async function closeRun(
  deps: Deps,
  input: CloseRunInput,
): Promise<{ certificate: string; counts: Recount }> {
  const { store } = deps;
  await itsOwn(deps, { offboardingId: input.run.offboardingId, first: input.first });
  // What the closing entry lists is all there is: an attempt that was left behind gets no receipt from here
  // on.
  const { offboardingId } = input.run;
  await store.ledger.fence(offboardingId, scheduled());
  await settleAll(deps, offboardingId).catch(error => leavePending(deps, error));
  const receipts = await store.ledger.all(offboardingId);
  const counts = recounted(input.run, receipts);
  const run = { ...input.run, ...withCounts(input.run, counts) };
  const manifests = await store.manifests.seals(run.offboardingId);
  await store.audit.append(run.offboardingId, [
    {
      subject: `closed ${input.runId}`,
      kind: 'closed',
      body: closingEntry(input, receipts, manifests),
    },
  ]);
  const chain = await store.audit.read(run.offboardingId);
  const plans = await plansWith(deps, run, chain.entries);
  const whole = { ...run, plan: wholePlan(run.plan, plans) };
  const body = certificateOf({ ...input, run: whole }, receipts, chain.head, await earlier(deps, run), plans);
  const certificate = await certify(deps, run.offboardingId, input.runId, body);
  await store.runs.close(run.offboardingId);
  return { certificate: certificate.digest, counts };
}

/** Every plan of an offboarding, with who had approved it. */
async function plansWith({ store }: Deps, run: Run, entries: readonly AuditEntry[]): Promise<Approved[]> {
  const all = await store.plans.all(run.offboardingId);
  return all.map(({ plan, made }) => ({ plan, made, approvals: approvalsIn(entries, plan) }));
}

async function earlier({ ids, store }: Deps, { offboardingId }: Run): Promise<Earlier[]> {
  const before = (await store.offboardings.before(offboardingId)).filter(
    ({ workflow }) => kindOf(ids, workflow) === 'offboarding',
  );
  return Promise.all(
    before.map(async ({ offboarding, requested, closed }) => {
      const certificates = await store.archive.certificates(offboarding);
      const ending = certificates.findLast(({ body }) => typeof body?.run === 'string');
      return {
        offboarding,
        requested: requested.toISOString(),
        closed: closed?.toISOString() ?? null,
        outcome: (ending?.body?.outcome as string | undefined) ?? null,
      };
    }),
  );
}

/** What the run carries of its plan is an outline; the certificate names everybody, as far as the store has it. */
function wholePlan(outline: Plan | null, plans: readonly Approved[]): Plan | null {
  return plans.find(({ plan }) => plan.digest === outline?.digest)?.plan ?? outline;
}

/** Longer than a transaction may sit idle: an attempt in the middle of one is waited for. */
const SETTLE_MS = 2 * 60_000;
/** A system that restarts is back by then. One that does not answer is asked again when the run has closed. */
const AWAY_MS = 7_000;

/** What cannot be settled now must not keep the run from its closing; a system that is away least of all. */
function leavePending(deps: Deps, error: unknown): void {
  const away = error instanceof HandoverFailure && ['transient', 'throttled'].includes(error.kind);
  if (!isFinal(error, deps.patience, away ? AWAY_MS : SETTLE_MS)) throw error;
}

/**
 * Once per Temporal run: the first ending is the certificate, one after a reset an addendum that cites it.
 */
async function certify(
  deps: Deps,
  offboarding: string,
  runId: string,
  body: Record<string, unknown>,
): Promise<{ digest: string }> {
  const { archive } = deps.store;
  const given = await archive.certificates(offboarding);
  const mine = given.find(certificate => certificate.body?.run === runId);
  if (mine) return mine;
  if (given.length === 0) return archive.certify(offboarding, body);
  return archive.addendum(offboarding, { ...body, certificate: given[0]!.digest }, one => one.run === runId);
}
