/** The reversible block of an unplanned departure, and giving sign-in back. Neither is the deactivation. */
import type { Connector } from '../connectors/connector.js';
import { sayAccount } from '../domain/accounts.js';
import type { Account } from '../domain/model.js';
import { isFinal, OUTAGE_MS, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { findOne } from './directory.js';
import { switchAccounts } from './effects.js';
import { readAll } from './look.js';
import { recogniserOf } from './recognise.js';

export interface AccessInput {
  offboardingId: string;
  system: string;
  accounts: readonly Account[];
  leaverId: string;
  /** What was known to speak against these accounts being the leaver's. */
  warnings: readonly string[];
  /** Counts blocks and unblocks of one run, so that each happens once. */
  turn: number;
}

/** `ours`: accounts that this run changed; what others had blocked is not ours to give back. */
export type AccessResult = { access: 'blocked' | 'open'; ours: readonly Account[]; message: string | null };

/** A block that cannot be done stops nothing; it stays visible as `access open` with its reason. */
export async function blockAccess(deps: Deps, input: AccessInput): Promise<AccessResult> {
  try {
    return await blockIn(deps, input);
  } catch (error) {
    if (!isFinal(error, deps.patience, OUTAGE_MS)) throw error;
    return { access: 'open', ours: [], message: `${error.message} Mend it and send "retry".` };
  }
}

async function blockIn(deps: Deps, input: AccessInput): Promise<AccessResult> {
  const connector = await deps.systems.get(input.system);
  if (connector.access.block !== 'system')
    return {
      access: 'open',
      ours: [],
      message: byHand(connector),
    };
  const { changed: ours, problems } = await switchAccounts(deps, { ...input, verb: 'block' });
  if (problems.length > 0) return { access: 'open', ours, message: problems.join(' ') };
  // An old receipt, or a success that was none, is no block: what is said of it is what can be read.
  const open = (await readAll(deps, connector, input.accounts)).filter(
    ({ active, blocked }) => active && !blocked,
  );
  if (open.length > 0) {
    const which = open.map(sayAccount).join('; ');
    const message = `${connector.title}: reading shows that sign-in is not blocked: ${which}. Look at it there, then send "retry".`;
    return { access: 'open', ours, message };
  }
  const inside = await signedIn(connector, input.accounts);
  if (inside.length > 0) {
    const message = `${connector.title}: sign-in is blocked, and reading still shows: ${inside.join(', ')}. End them there; the switch tries it again.`;
    return { access: 'open', ours, message };
  }
  await recordAccess(deps, input, 'blocked');
  return { access: 'blocked', ours, message: null };
}

function byHand({ title, access, byHand: said }: Connector): string {
  const { page, reason } = said?.block ?? { page: null, reason: null };
  if (access.block !== 'person' || (page === null && reason === null))
    return `The catalog of ${title} says no way to block sign-in: do it by hand.`;
  const where = page === null ? '' : ` at ${page}`;
  return `${title}: sign-in is blocked by a person${where}${reason === null ? '' : ` (${reason})`}.`;
}

/** What of the accounts outlives a block, where the system can end it and shows whether it has. */
async function signedIn(connector: Connector, accounts: readonly Account[]): Promise<string[]> {
  const ending = connector.categories.filter(one => one.ofAccount && one.do === 'revoke');
  if (ending.length === 0) return [];
  const names = ending.map(({ category }) => category);
  const held = await connector.inventory(accounts, names, whenAbandoned());
  return ending
    .filter(({ category }) => held.some(one => one.category === category && (!one.complete || one.count > 0)))
    .map(({ title }) => title);
}

/**
 * Gives sign-in back after a cancelled run, where the block is still what keeps the leaver out: an account
 * that others have switched off since, or that is somebody else's by now, is left as it is.
 */
export async function restoreAccess(deps: Deps, input: AccessInput): Promise<AccessResult> {
  try {
    return await restoreIn(deps, input);
  } catch (error) {
    if (!isFinal(error, deps.patience, OUTAGE_MS)) throw error;
    return { access: 'blocked', ours: [], message: `Sign-in could not be given back. ${error.message}` };
  }
}

async function restoreIn(deps: Deps, input: AccessInput): Promise<AccessResult> {
  const connector = await deps.systems.get(input.system);
  const kept = (await reliedOn(deps, connector, input)) ?? (await notTheirs(deps, connector, input));
  if (kept) return { access: 'blocked', ours: [], message: kept };
  const before = await readAll(deps, connector, input.accounts);
  const on = before.filter(({ active }) => active);
  const off = before.filter(({ active }) => !active).map(sayAccount);
  const { changed: ours, problems } = await switchAccounts(deps, { ...input, accounts: on, verb: 'unblock' });
  const still = (await readAll(deps, connector, on))
    .filter(({ active, blocked }) => !active || blocked)
    .map(sayAccount);
  const { title } = connector;
  const message = [
    off.length > 0 ? `${title}: switched off by somebody since, and left as it is: ${off.join('; ')}.` : '',
    ...problems,
    still.length > 0 && problems.length === 0
      ? `${title}: reading shows that sign-in is still blocked: ${still.join('; ')}.`
      : '',
  ];
  const says = message.filter(Boolean).join(' ');
  if (says) return { access: 'blocked', ours, message: says };
  await recordAccess(deps, input, 'open');
  return { access: 'open', ours, message: null };
}

/**
 * Another open run of the same person (by another entry of theirs) that wants them kept out, as a sentence: a
 * block is never lifted under somebody else's feet.
 */
async function reliedOn(
  deps: Deps,
  connector: Connector,
  { leaverId, offboardingId }: AccessInput,
): Promise<string | null> {
  const found = await findOne(deps, `id:${leaverId}`);
  if ('sentence' in found) return null;
  for (const { offboarding, workflow } of await deps.store.runs.leaving([found.person], offboardingId)) {
    const order = await deps.store.offboardings.orderOf(offboarding);
    if (order && order.departure !== 'unplanned') continue;
    return `${connector.title}: another sudden departure of the same person is open (${workflow}) and needs the block: it is left as it is, and that one's to give back.`;
  }
  return null;
}

/** Why these accounts are no longer the leaver's to be given back, as a sentence. */
async function notTheirs(deps: Deps, connector: Connector, input: AccessInput): Promise<string | null> {
  const found = await findOne(deps, `id:${input.leaverId}`);
  if ('sentence' in found) return found.sentence;
  const users = input.accounts.flatMap(({ identities }) => identities.user ?? []);
  const now = await (await recogniserOf(deps, found.person)).in(connector, { user: users });
  if (now.kind !== 'found')
    return `${connector.title}: it is no longer certain who ${found.person.name} is there.`;
  const news = now.accounts.warnings?.filter(warning => !input.warnings.includes(warning)) ?? [];
  return news.length > 0 ? `${news.join(' ')} It is left as it is.` : null;
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
