/** Writes down what people decided and how a run ended. */
import { leastSure } from '../domain/effect.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Outcome } from '../domain/model.js';
import { departure, mode, type Run } from '../domain/run.js';
import type { Deps } from './deps.js';
import { settleAll } from './effects.js';
import { outOfPatience, scheduled, waited } from './guard.js';

export interface RecordDecisionInput {
  offboardingId: string;
  /** Temporal run id and the number of the message in it: what a reset re-applies is judged, and recorded, again. */
  runId: string;
  number: number;
  message: string;
  /** Who said they sent it; nobody proved it. */
  by: string | null;
  decider: { id: string; name: string } | null;
  accepted: boolean;
  sentence: string;
  plan: string | null;
  payload: unknown;
}

export async function recordDecision(deps: Deps, input: RecordDecisionInput): Promise<void> {
  const { offboardingId, runId, number, ...body } = input;
  await deps.store.audit.append(offboardingId, [
    {
      subject: `decision ${runId} ${number}`,
      kind: input.accepted ? 'decision' : 'refusal',
      body: { ...body, identity: 'claimed' },
    },
  ]);
}

/** Settles what nobody saw end, and says how many items each step really changed. */
export async function settleLedger(deps: Deps, input: { offboardingId: string }): Promise<{ changed: Record<string, number> }> {
  await settleAll(deps, input.offboardingId);
  return { changed: await deps.store.ledger.changed(input.offboardingId) };
}

export interface CloseRunInput {
  run: Run;
  /** Temporal run id: a run that was reset after its end closes a second time, and says so in an addendum. */
  runId: string;
  outcome: Outcome;
  sentence: string;
}

/** Writes the certificate, once, and frees the register. */
export async function closeRun(deps: Deps, input: CloseRunInput): Promise<{ certificate: string }> {
  const { run } = input;
  const { store } = deps;
  // What the closing entry lists is all there is: an attempt that was left behind gets no receipt from here on.
  await store.ledger.fence(run.offboardingId, scheduled());
  await settleAll(deps, run.offboardingId).catch(error => leavePending(deps, error));
  const receipts = await store.ledger.all(run.offboardingId);
  await store.audit.append(run.offboardingId, [
    {
      subject: `closed ${input.runId}`,
      kind: 'closed',
      body: {
        outcome: input.outcome,
        sentence: input.sentence,
        receipts: receipts.map(receipt => ({
          step: receipt.step,
          page: receipt.page,
          part: receipt.part,
          state: receipt.state,
          sure: receipt.sure,
          mark: receipt.mark,
          changed: receipt.effect?.changed ?? null,
          digest: receipt.digest,
        })),
      },
    },
  ]);
  const chain = await store.audit.read(run.offboardingId);
  const certificate = await certify(deps, run.offboardingId, input.runId, {
    run: input.runId,
    offboarding: run.offboardingId,
    workflow: run.workflowId,
    leaver: run.leaver,
    requester: run.requester,
    outcome: input.outcome,
    sentence: input.sentence,
    mode: mode(run),
    departure: departure(run),
    plan: run.plan ? { revision: run.plan.revision, digest: run.plan.digest } : null,
    accounts: run.plan?.accounts ?? [],
    access: run.access,
    steps: (run.plan?.steps ?? []).map(step => ({
      id: step.id,
      title: step.title,
      do: step.do,
      baseline: step.baseline,
      successors: step.successors.map((successor, n) => ({
        label: successor.label,
        personId: successor.personId,
        items: step.counts[n] ?? 0,
      })),
      ...run.steps[step.id],
      // How sure it is that the items were changed by us: the systems were asked, or could only be read again.
      evidence: leastSure(receipts.filter(one => one.step === step.id && one.state === 'done').map(one => one.sure)),
    })),
    acknowledgements: run.acknowledgements,
    approvals: run.approvals,
    identity: 'claimed',
    waivers: run.waivers,
    proofs: run.proofs,
    coverage: 'not checked',
    times: run.times,
    chain: chain.head,
  });
  await store.runs.close(run.offboardingId);
  return { certificate: certificate.digest };
}

/** Longer than a transaction may sit idle: an attempt in the middle of one is waited for, as is a restart of its system. */
const SETTLE_MS = 2 * 60_000;

/** A system that is out of reach for longer must not keep the run from its closing. */
function leavePending(deps: Deps, error: unknown): void {
  const final = error instanceof HandoverFailure && (outOfPatience(error.kind, deps.patience) || waited() > SETTLE_MS);
  if (!final) throw error;
}

/** Once per Temporal run: the first ending is the certificate, one after a reset an addendum that cites it. */
async function certify(
  deps: Deps,
  offboarding: string,
  runId: string,
  body: Record<string, unknown>,
): Promise<{ digest: string }> {
  const { archive } = deps.store;
  const given = await archive.certificates(offboarding);
  const mine = given.find(certificate => certificate.body.run === runId);
  if (mine) return mine;
  if (given.length === 0) return archive.certify(offboarding, body);
  return archive.addendum(offboarding, { ...body, certificate: given[0]!.digest });
}
