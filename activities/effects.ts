/**
 * Effects with a receipt. Whatever changes a target goes through here: the receipt is durable before the target commits, and a
 * receipt whose outcome nobody saw is settled by asking the target, never by guessing.
 */
import type { BatchEffect, BeforeCommit, Connector } from '../connectors/connector.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Account } from '../domain/model.js';
import { type NewReceipt, type Receipt, ReceiptExists, type ReceiptId } from '../store/ledger.js';
import { parseKeys } from '../store/manifests.js';
import type { Deps } from './deps.js';
import { scheduled, signal } from './guard.js';

/**
 * Settles every pending receipt of an offboarding, also those of plans that were replaced and of answers that were lost. Throws what
 * kept the first one from being settled, after it has tried them all.
 */
export async function settleAll(deps: Deps, offboardingId: string): Promise<void> {
  const failures: unknown[] = [];
  for (const receipt of await deps.store.ledger.unsettled(offboardingId)) {
    const [system] = receipt.step.split('/');
    await deps.systems
      .get(system!)
      .then(connector => settle(deps, connector, receipt))
      .catch(error => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

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
      return settleByReading(deps, connector, receipt);
  }
}

/** The target has forgotten the transaction (it is very old): the rows are all that is left to ask. */
async function settleByReading(deps: Deps, connector: Connector, receipt: Receipt): Promise<boolean> {
  const page = await deps.store.manifests.page(receipt.manifest, receipt.step, receipt.page);
  const category = receipt.step.slice(receipt.step.indexOf('/') + 1);
  if (page && receipt.takers.length > 0) {
    let found = 0;
    for (const taker of new Set(receipt.takers)) {
      found += parseKeys(await connector.ownedBy(category, page.keys, taker, signal())).length;
    }
    if (found === 0) {
      await deps.store.ledger.abort(receipt, receipt.transaction);
      return false;
    }
    if (found >= receipt.changed) {
      await deps.store.ledger.commit(receipt, [receipt.transaction]);
      return true;
    }
  }
  throw new HandoverFailure(
    'rejected',
    `${connector.title} no longer knows transaction ${receipt.transaction} of ${receipt.step} (page ${receipt.page}), and the rows do not tell what became of it: compare them with the receipt by hand.`,
  );
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

/** Did an earlier attempt at this very effect happen, although its answer was lost? */
export async function switchedBefore(deps: Deps, input: SwitchInput): Promise<boolean> {
  const earlier = await deps.store.ledger.find(switchId(input));
  return earlier !== null && (await settle(deps, await deps.systems.get(input.account.system), earlier));
}

interface SwitchInput {
  offboardingId: string;
  account: Account;
  verb: Switch;
  turn: number;
}

/** Effects on accounts have no keys: the offboarding's own id stands in for a manifest. */
function switchId({ offboardingId, account, verb, turn }: SwitchInput): ReceiptId & { offboarding: string } {
  return { offboarding: offboardingId, manifest: offboardingId, step: `${account.system}/${verb}`, page: turn };
}

/** Blocks, unblocks, deactivates or reactivates an account exactly once per offboarding and turn, with a receipt. */
export async function switchAccount(deps: Deps, input: SwitchInput): Promise<{ changed: boolean }> {
  const { account, verb } = input;
  const connector = await deps.systems.get(account.system);
  const id = switchId(input);
  const earlier = await deps.store.ledger.find(id);
  if (earlier && (await settle(deps, connector, earlier))) return { changed: earlier.changed > 0 };
  let effect: BatchEffect | undefined;
  const beforeCommit: BeforeCommit = async given => {
    effect = given;
    await deps.store.ledger.begin(receiptOf(id, given, { takers: [], from: null }), [], scheduled());
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
