/**
 * Who owned one item: every manifest page that names it, with the receipt of its move and the decisions
 * behind the plan.
 */
import { approvalsIn } from '../../domain/approved.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { ItemException } from '../../domain/model.js';
import { identityWords } from '../../domain/people.js';
import type { Plan, PlanStep } from '../../domain/plan.js';
import { isIntact } from '../../store/plans.js';
import type { Store } from '../../store/store.js';
import type { ItemTrace, PlanRow } from '../../store/trail.js';

/** What became of one item. */
export interface Passed {
  step: string;
  key: string;
  /** `id`: null where it is no person. */
  from: { id: string | null; name: string };
  /** Null where nobody takes over. */
  to: { personId: string | null; label: string } | null;
  /** When it moved; null when it did not. */
  at: string | null;
  fate:
    | 'moved'
    | 'removed'
    | 'revoked'
    | 'cleared'
    | 'given-back'
    | 'planned'
    | 'unsettled'
    | 'not-moved'
    | 'acknowledged';
  /** Why it was not moved. */
  why: string | null;
  /** The owner column before and after, as the system stores it. */
  receipt: { page: number; mark: string; from: string | null; to: string | null; digest: string } | null;
}

/** The same, with whose run and plan it was. */
export interface Passage extends Passed {
  offboarding: string;
  workflow: string | null;
  plan: {
    digest: string;
    revision: number;
    made: string;
    approvedBy: { name: string; id: string | null; at: string; identity: string }[];
  };
}

/**
 * A plan as people approved it.
 * @throws HandoverFailure where it says something else by now: whatever is told by it would be a lie
 */
export function planIn({ digest, body, revision, offboarding }: PlanRow): Plan {
  if (isIntact({ digest, body })) return JSON.parse(body) as Plan;
  const plan = `The plan ${digest.slice(0, 12)} (revision ${revision} of offboarding ${offboarding})`;
  const next = `See "handover audit ${offboarding} --verify".`;
  throw new HandoverFailure(
    'rejected',
    `${plan} no longer gives its digest: it was changed, and nobody can say by it who owned what. ${next}`,
  );
}

/** @param step `system/category`, or `system/` for a whole system; null = everywhere */
export async function ownersOf(store: Store, key: string, step: string | null): Promise<Passage[]> {
  const { trail } = store;
  const passages: Passage[] = [];
  for (const trace of await trail.item(key, step)) {
    const row = await trail.planOf(trace.manifest);
    // Two attempts at a plan write two manifests; only one of them is ever carried out.
    if (!row) continue;
    const plan = planIn(row);
    const known = await trail.known(row.offboarding);
    const { entries } = await store.audit.read(row.offboarding);
    const approvedBy = approvalsIn(entries, row).map(({ by, at }) => ({
      name: by.name,
      id: by.id,
      at,
      identity: identityWords(by.identity),
    }));
    passages.push({
      ...passageOf(key, trace, plan),
      offboarding: row.offboarding,
      workflow: known?.workflow ?? null,
      plan: { digest: row.digest, revision: row.revision, made: row.made, approvedBy },
    });
  }
  return passages;
}

export function passageOf(key: string, trace: ItemTrace, plan: Plan): Passed {
  const step = plan.steps.find(one => one.id === trace.step);
  const { receipt } = trace;
  const { from, to } = between(trace, plan, step);
  const exception = receipt ? exceptionOf(receipt.exceptions, key) : undefined;
  const fate = ((): Passed['fate'] => {
    if (!receipt) return step?.phase === 'manual' ? 'acknowledged' : 'planned';
    if (receipt.state === 'intended') return 'unsettled';
    if (exception) return 'not-moved';
    if (plan.givesBack) return 'given-back';
    switch (step?.do) {
      case 'revoke':
        return 'revoked';
      case 'clear':
        return 'cleared';
      default:
        return step?.do === 'transfer' ? 'moved' : 'removed';
    }
  })();
  return {
    step: trace.step,
    key,
    from,
    to,
    at: receipt?.at ?? null,
    fate,
    why: exception
      ? `${exception.kind}: ${exception.why}${exception.said ? `: ${exception.said}` : ''}`
      : null,
    receipt: receipt
      ? {
          page: receipt.page,
          mark: receipt.mark,
          from: trace.owner,
          to: receipt.takers[trace.taker] ?? null,
          digest: receipt.digest,
        }
      : null,
  };
}

/**
 * From whom it goes to whom. What is given back goes from whoever covered, or from nobody where a row was taken
 * away.
 */
function between(
  { step: id, taker, owner }: ItemTrace,
  { leaver, givesBack }: Plan,
  step: PlanStep | undefined,
): Pick<Passed, 'from' | 'to'> {
  if (givesBack) {
    const holder = givesBack.holders[id]?.find(({ value }) => value === owner);
    return {
      from: { id: holder?.personId ?? null, name: holder?.label ?? owner ?? 'nobody' },
      to: { personId: leaver.id, label: leaver.name },
    };
  }
  const successor = step?.do === 'transfer' ? step.successors[taker] : undefined;
  return {
    from: leaver,
    to: successor ? { personId: successor.personId, label: successor.label } : null,
  };
}

function exceptionOf(text: string, key: string): ItemException | undefined {
  return (JSON.parse(text) as ItemException[]).find(exception => exception.key === key);
}
