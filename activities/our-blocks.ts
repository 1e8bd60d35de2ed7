/**
 * Which accounts that read as off are only blocked: where a system has one way to be off (a lock, no role) its
 * answers look the same, and the ledger alone knows what was meant.
 */
import type { Connector } from '../connectors/connector.js';
import type { Account } from '../domain/model.js';
import type { Deps } from './deps.js';

type System = Pick<Connector, 'system' | 'blockIsOff'>;

/**
 * The accounts as they were read, those that are off by a block of ours as active and blocked. What others have
 * meant by it since is nowhere to be seen, so that a lock of theirs upon our block passes for our block.
 */
export async function withOurBlocks(
  deps: Deps,
  system: System,
  accounts: readonly Account[],
): Promise<Account[]> {
  return Promise.all(
    accounts.map(async account =>
      !account.active && !account.gone && (await isBlockedByUs(deps, system, account))
        ? { ...account, active: true, blocked: true }
        : account,
    ),
  );
}

/** Does a block of ours stand of which reading the account says nothing? */
export async function isBlockedByUs(
  { store }: Deps,
  { system, blockIsOff }: System,
  { identities }: Account,
): Promise<boolean> {
  const [user] = identities.user ?? [];
  return blockIsOff === true && user !== undefined && store.ledger.isBlocked(system, user);
}
