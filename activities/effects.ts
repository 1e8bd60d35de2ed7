/**
 * Effects with a receipt. Whatever changes a target goes through here: the receipt is durable before the target commits, and a
 * receipt whose outcome nobody saw is settled by asking the target, never by guessing.
 */
import type { BatchEffect, BeforeCommit, Connector } from '../connectors/connector.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Account } from '../domain/model.js';
import { type NewReceipt, type Receipt, ReceiptExists, type ReceiptId } from '../store/ledger.js';
import type { Deps } from './deps.js';
import { signal } from './guard.js';

/** Settles one receipt: true when its effect happened, false when it was rolled back and may be tried again. */
export async function settle(deps: Deps, connector: Connector, receipt: Receipt): Promise<boolean> {
  if (receipt.state === 'committed') return true;
  const fate = await connector.settle(receipt.transaction, signal());
  switch (fate) {
    case 'committed':
      await deps.store.ledger.commit(receipt, [receipt.transaction]);
      return true;
    case 'aborted':
      await deps.store.ledger.abort(receipt, receipt.transaction);
      return false;
    case 'in-progress':
      throw new HandoverFailure(
        'locked',
        `Another attempt at ${receipt.step} is still in the middle of its transaction in ${connector.title}.`,
      );
    case 'unknown':
      throw new HandoverFailure(
        'rejected',
        `${connector.title} no longer knows transaction ${receipt.transaction} of ${receipt.step} (page ${receipt.page}): compare the receipt with the rows by hand.`,
      );
  }
}

export function receiptOf(
  id: ReceiptId & { offboarding: string },
  effect: BatchEffect,
  owners: { takers: (string | null)[]; from: string | null },
): NewReceipt {
  return {
    ...id,
    transaction: effect.transaction,
    changed: effect.changed,
    merged: effect.merged,
    perTaker: effect.perTaker,
    takers: owners.takers,
    fromOwner: owners.from,
    exceptions: effect.exceptions,
    before: effect.before,
  };
}

export type Switch = 'block' | 'unblock' | 'deactivate' | 'reactivate';

/** Blocks, unblocks, deactivates or reactivates an account exactly once per offboarding and turn, with a receipt. */
export async function switchAccount(
  deps: Deps,
  input: { offboardingId: string; account: Account; verb: Switch; turn: number },
): Promise<{ changed: boolean }> {
  const { offboardingId, account, verb, turn } = input;
  const connector = await deps.systems.get(account.system);
  // Effects on accounts have no keys: the offboarding's own id stands in for a manifest.
  const id = { offboarding: offboardingId, manifest: offboardingId, step: `${account.system}/${verb}`, page: turn };
  const earlier = await deps.store.ledger.find(id);
  if (earlier && (await settle(deps, connector, earlier))) return { changed: earlier.changed > 0 };
  let effect: BatchEffect | undefined;
  const beforeCommit: BeforeCommit = async given => {
    effect = given;
    await deps.store.ledger.begin(receiptOf(id, given, { takers: [], from: null }), []);
  };
  try {
    await connector[verb](account, beforeCommit, signal());
  } catch (error) {
    if (!(error instanceof ReceiptExists)) throw error;
    // Another attempt was faster: what it did is what happened.
    return switchAccount(deps, input);
  }
  if (effect) await deps.store.ledger.commit(id, [effect.transaction]);
  return { changed: (effect?.changed ?? 0) > 0 };
}
