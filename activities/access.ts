/** The reversible block of an unplanned departure, and giving sign-in back. Neither is the deactivation. */
import { HandoverFailure } from '../domain/failure.js';
import type { Account } from '../domain/model.js';
import type { Deps } from './deps.js';
import { switchAccount } from './effects.js';
import { outOfPatience } from './guard.js';

export interface AccessInput {
  offboardingId: string;
  account: Account;
  /** Counts blocks and unblocks of one run, so that each happens once. */
  turn: number;
}

/** `ours`: this run changed it; what others had blocked is not ours to give back. */
export type AccessResult = { access: 'blocked' | 'open'; ours: boolean; message: string | null };

/** A block that cannot be done stops nothing; it stays visible as `access open` with its reason. */
export async function blockAccess(deps: Deps, input: AccessInput): Promise<AccessResult> {
  const connector = await deps.systems.get(input.account.system);
  if (connector.access.block !== 'system')
    return {
      access: 'open',
      ours: false,
      message: `The catalog of ${connector.title} says no way to block sign-in: do it by hand.`,
    };
  let ours: boolean;
  try {
    ours = (await switchAccount(deps, { ...input, verb: 'block' })).changed;
  } catch (error) {
    if (!(error instanceof HandoverFailure) || !outOfPatience(error.kind, deps.patience)) throw error;
    return { access: 'open', ours: false, message: error.message };
  }
  await recordAccess(deps, input, 'blocked');
  return { access: 'blocked', ours, message: null };
}

/** Gives sign-in back after a cancelled run. */
export async function restoreAccess(deps: Deps, input: AccessInput): Promise<AccessResult> {
  try {
    await switchAccount(deps, { ...input, verb: 'unblock' });
  } catch (error) {
    if (!(error instanceof HandoverFailure) || !outOfPatience(error.kind, deps.patience)) throw error;
    return { access: 'blocked', ours: true, message: error.message };
  }
  await recordAccess(deps, input, 'open');
  return { access: 'open', ours: true, message: null };
}

async function recordAccess(deps: Deps, input: AccessInput, access: string): Promise<void> {
  await deps.store.audit.append(input.offboardingId, [
    {
      subject: `access ${input.account.system} ${access} ${input.turn}`,
      kind: 'access',
      body: { system: input.account.system, access },
    },
  ]);
}
