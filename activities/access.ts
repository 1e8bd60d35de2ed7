/** The reversible block of an unplanned departure, and giving sign-in back. Neither is the deactivation. */
import type { Account } from '../domain/model.js';
import type { Deps } from './deps.js';
import { switchAccounts } from './effects.js';

export interface AccessInput {
  offboardingId: string;
  system: string;
  accounts: readonly Account[];
  /** Counts blocks and unblocks of one run, so that each happens once. */
  turn: number;
}

/** `ours`: accounts that this run changed; what others had blocked is not ours to give back. */
export type AccessResult = { access: 'blocked' | 'open'; ours: readonly Account[]; message: string | null };

/** A block that cannot be done stops nothing; it stays visible as `access open` with its reason. */
export async function blockAccess(deps: Deps, input: AccessInput): Promise<AccessResult> {
  const connector = await deps.systems.get(input.system);
  if (connector.access.block !== 'system')
    return {
      access: 'open',
      ours: [],
      message: `The catalog of ${connector.title} says no way to block sign-in: do it by hand.`,
    };
  const { changed: ours, problems } = await switchAccounts(deps, { ...input, verb: 'block' });
  if (problems.length > 0) return { access: 'open', ours, message: problems.join(' ') };
  await recordAccess(deps, input, 'blocked');
  return { access: 'blocked', ours, message: null };
}

/** Gives sign-in back after a cancelled run. */
export async function restoreAccess(deps: Deps, input: AccessInput): Promise<AccessResult> {
  const { changed: ours, problems } = await switchAccounts(deps, { ...input, verb: 'unblock' });
  if (problems.length > 0) return { access: 'blocked', ours, message: problems.join(' ') };
  await recordAccess(deps, input, 'open');
  return { access: 'open', ours, message: null };
}

async function recordAccess(deps: Deps, input: AccessInput, access: string): Promise<void> {
  await deps.store.audit.append(input.offboardingId, [
    {
      subject: `access ${input.system} ${access} ${input.turn}`,
      kind: 'access',
      body: { system: input.system, access },
    },
  ]);
}
