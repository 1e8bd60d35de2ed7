/** Writes down what people decided and how a run ended. */
import type { Outcome } from '../domain/model.js';
import type { Run } from '../domain/run.js';
import type { Deps } from './deps.js';

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

export interface CloseRunInput {
  run: Run;
  outcome: Outcome;
  sentence: string;
}

/** Writes the certificate, once, and frees the register. */
export async function closeRun(deps: Deps, input: CloseRunInput): Promise<{ certificate: string }> {
  const { run } = input;
  const { store } = deps;
  const receipts = await store.ledger.all(run.offboardingId);
  await store.audit.append(run.offboardingId, [
    {
      subject: 'closed',
      kind: 'closed',
      body: {
        outcome: input.outcome,
        sentence: input.sentence,
        receipts: receipts.map(receipt => ({
          step: receipt.step,
          page: receipt.page,
          transaction: receipt.transaction,
          changed: receipt.changed,
          digest: receipt.digest,
        })),
      },
    },
  ]);
  const chain = await store.audit.read(run.offboardingId);
  const earlier = await store.plans.latest(run.offboardingId);
  const certificate = await store.archive.certify(run.offboardingId, {
    offboarding: run.offboardingId,
    workflow: run.workflowId,
    leaver: run.leaver,
    requester: run.requester,
    outcome: input.outcome,
    sentence: input.sentence,
    mode: run.plan?.mode ?? run.order.mode,
    departure: run.plan?.departure ?? run.order.departure,
    plan: earlier ? { revision: earlier.revision, digest: earlier.digest } : null,
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
