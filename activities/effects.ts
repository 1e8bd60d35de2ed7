/**
 * Effects with a receipt. Whatever changes a target goes through here: the intent is durable before anything
 * is sent, and where nobody saw how it ended, the target's connector finds out, and nobody guesses.
 */
import type { Connector, Inside, Witness } from '../connectors/connector.js';
import type { Bounds } from '../domain/consequences.js';
import {
  ACCESS_VERBS,
  type AccessChange,
  type AccessVerb,
  type Batch,
  type Done,
  type Fate,
  type Intent,
  type Mark,
  type Undoing,
  type Work,
} from '../domain/effect.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Account } from '../domain/model.js';
import { type NewReceipt, type Receipt, ReceiptExists, type ReceiptId } from '../store/ledger.js';
import { outOfPatience, scheduled, whenAbandoned, within } from './attempt.js';
import type { Deps } from './deps.js';
import { isBlockedByUs } from './our-blocks.js';

/**
 * Settles every intent of an offboarding that nobody saw end, also those of plans that were replaced. Throws
 * what kept the first one from being settled, after it has tried them all, in every system that answers.
 * `afterwards`: the offboarding has closed, and its chain is told.
 */
export async function settleAll(deps: Deps, offboardingId: string, afterwards = false): Promise<void> {
  const owed = await deps.store.ledger.unsettled(offboardingId);
  const failures: unknown[] = [];
  const settleIn = async (system: string): Promise<void> => {
    for (const receipt of owed.filter(({ step }) => step.startsWith(`${system}/`))) {
      try {
        const connector = await deps.systems.get(system);
        await settle(deps, connector, receipt, { signal: within(ANSWER_MS), afterwards });
      } catch (error) {
        failures.push(error);
        // A system that is away is not waited for once per receipt.
        if (error instanceof HandoverFailure && error.kind === 'transient') return;
      }
    }
  };
  await Promise.all([...new Set(owed.map(({ step }) => step.split('/')[0]!))].map(settleIn));
  if (failures.length > 0) throw failures[0];
}

/** Whoever only asks what became of effects waits this long for one: a system that is away is asked later. */
const ANSWER_MS = 8_000;

/** Settles one receipt: how many items it changed, or null when it came to nothing and may be tried again. */
export async function settle(
  deps: Deps,
  connector: Connector,
  receipt: Receipt,
  { signal = whenAbandoned(), afterwards = false }: { signal?: AbortSignal; afterwards?: boolean } = {},
): Promise<number | null> {
  if (receipt.state === 'done') return receipt.effect!.changed;
  const { ledger } = deps.store;
  const end = afterwards ? ledger.endAfterwards : ledger.end;
  const fate = await connector.fateOf(await workOf(deps, receipt), receipt, signal);
  switch (fate.kind) {
    case 'happened':
    case 'partly':
      await end(receipt, { state: 'done', sure: fate.sure, effect: fate.effect });
      return changedBy(connector, receipt, fate);
    case 'did-not':
      await end(receipt, { state: 'aborted', sure: fate.sure });
      return null;
    case 'under-way':
      throw new HandoverFailure(
        'locked',
        `Another attempt at ${receipt.step} is still under way in ${connector.title}.`,
      );
    case 'unknown':
      throw new HandoverFailure(
        'rejected',
        `${fate.why} Compare ${receipt.step} with its receipt (page ${receipt.page}) by hand.`,
      );
  }
}

function changedBy(
  connector: Connector,
  receipt: Receipt,
  fate: Extract<Fate, { kind: 'happened' | 'partly' }>,
): number {
  const effect = fate.effect ?? receipt.effect;
  if (!effect)
    throw new Error(
      `The connector of ${connector.title} says that ${receipt.mark} happened, and not what it did.`,
    );
  return effect.changed;
}

/** What a receipt's intent was about. */
async function workOf(deps: Deps, receipt: Receipt): Promise<Work> {
  const [, category] = receipt.step.split('/') as [string, string];
  const { did, took, takers } = receipt;
  const accounts = receipt.accounts.map(identities => ({ identities, active: true, blocked: false }));
  if (isAccess(did)) return { kind: 'access', verb: did, account: accounts[0]! };
  const part = await deps.store.manifests.part(receipt);
  if (!part) {
    throw new HandoverFailure(
      'rejected',
      `The receipt of ${receipt.step} page ${receipt.page} has no page in its manifest: nobody can say what it was about.`,
    );
  }
  // What is given back goes from the cover to whoever had it, wherever it is read again.
  const does = did === 'give-back' ? 'transfer' : did;
  return { kind: 'batch', category, do: does, accounts, ...part, count: took, takers };
}

function isAccess(did: Receipt['did']): did is AccessVerb {
  return (ACCESS_VERBS as readonly string[]).includes(did);
}

/** What must hold of an access change. Where one of them throws, nothing is changed. */
export interface Proving {
  /** Looks at what it leaves, before it is final, where the system can show that. */
  prove(inside: Inside): Promise<void>;
  /** The last moment before anything is sent. */
  sending(): void;
}

/** Where an effect has its receipt. */
export interface Place extends ReceiptId {
  offboarding: string;
  first: number;
}

export interface Performed {
  /** How many of the work's keys this effect was about. */
  took: number;
  changed: number;
  /** False where an earlier attempt had done it. */
  byUs: boolean;
  /** Did anything happen besides? True where nobody has looked. */
  elsewhere: boolean;
}

/**
 * Does work, or the first part of it, exactly once, with a receipt.
 * @param done marks of earlier effects of the step whose answers came: they are written down along with the next receipt, and so is this
 *   one's with the one after it. What is in there at the end is the caller's to write down.
 */
export function perform(
  deps: Deps,
  connector: Connector,
  work: Work,
  place: Place,
  done: Mark[],
  proving?: Proving,
): Promise<Performed> {
  const sending: Sending = {
    send: witness => connector.apply(work, witness, whenAbandoned()),
    receipt: intent => receiptOf(place, work, intent),
  };
  return once(deps, connector, sending, place, done, proving);
}

/**
 * Gives back what an effect did, as far as it is still as that left it, exactly once, with a receipt of its
 * own.
 * @param accounts from whom it comes, as identities
 * @param done see `perform`
 */
export function giveBack(
  deps: Deps,
  connector: Connector,
  undoing: Undoing & { work: Batch },
  accounts: NewReceipt['accounts'],
  place: Place,
  done: Mark[],
): Promise<Performed> {
  const sending: Sending = {
    send: witness => connector.restore(undoing, witness, whenAbandoned()),
    receipt: intent => ({
      ...place,
      ...intent,
      did: 'give-back',
      accounts,
      takers: [...undoing.owners.values],
    }),
  };
  return once(deps, connector, sending, place, done);
}

/** What is sent, and the receipt that it gets. */
interface Sending {
  send(witness: Witness): Promise<Done>;
  receipt(intent: Intent): NewReceipt;
}

async function once(
  deps: Deps,
  connector: Connector,
  sending: Sending,
  place: Place,
  done: Mark[],
  proving?: Proving,
): Promise<Performed> {
  const { ledger } = deps.store;
  let sent: Intent | undefined;
  const witness: Witness = {
    async intend(intent) {
      proving?.sending();
      const earlier = done.splice(0);
      try {
        await ledger.begin(sending.receipt(intent), earlier, scheduled());
      } catch (error) {
        done.push(...earlier);
        throw error;
      }
      sent = intent;
    },
    ...(proving && { prove: inside => proving.prove(inside) }),
  };
  try {
    const { mark, took, effect, sure } = await sending.send(witness);
    // What was known beforehand and has been confirmed can wait for the next receipt.
    if (sent?.effect && sure === 'asked') done.push(mark);
    else await ledger.end({ ...place, mark }, { state: 'done', sure, effect: sent?.effect ? null : effect });
    const elsewhere = (effect.elsewhere ?? []).length > 0;
    return { took, changed: effect.changed, byUs: true, elsewhere };
  } catch (error) {
    const faster = error instanceof ReceiptExists;
    if (!faster && !sent) throw error;
    // Another attempt was faster; or our answer is lost: what became of it is asked before anything is
    // reported.
    const receipt = await ledger.find(place);
    const ours = receipt !== null && receipt.mark === sent?.mark;
    if (!faster && !ours) throw error;
    const settled = receipt && settle(deps, connector, receipt);
    const changed = await (faster ? settled : settled!.catch(() => null));
    if (receipt && changed !== null) return { took: receipt.took, changed, byUs: !faster, elsewhere: true };
    if (!faster) throw error;
    return once(deps, connector, sending, place, done, proving);
  }
}

function receiptOf(place: Place, work: Work, intent: Intent): NewReceipt {
  return {
    ...place,
    ...intent,
    did: work.kind === 'batch' ? work.do : work.verb,
    accounts: (work.kind === 'batch' ? work.accounts : [work.account]).map(({ identities }) => identities),
    takers: work.kind === 'batch' ? work.takers : [],
  };
}

export interface SwitchInput {
  offboardingId: string;
  system: string;
  accounts: readonly Account[];
  verb: AccessVerb;
  /** Counts effects on accounts in one run, so that each happens once. */
  turn: number;
  /** What it may do besides, as the plan has shown it. */
  besides?: Bounds;
  /** Who takes what it carries along, by category. */
  takers?: AccessChange['takers'];
}

/**
 * Effects on accounts have no keys: the offboarding's own id stands in for a manifest, and the nth account is
 * the nth part.
 */
function placeOf({ offboardingId, system, verb, turn }: SwitchInput, n: number): Place {
  const step = `${system}/${verb}`;
  return { offboarding: offboardingId, manifest: offboardingId, step, page: turn, part: n + 1, first: n };
}

/** Did an earlier attempt at this very effect happen to every account, although its answer was lost? */
export async function switchedBefore(deps: Deps, input: SwitchInput): Promise<boolean> {
  const connector = await deps.systems.get(input.system);
  for (const [n, { gone }] of input.accounts.entries()) {
    if (gone) continue;
    const earlier = await deps.store.ledger.find(placeOf(input, n));
    if (!earlier || (await settle(deps, connector, earlier)) === null) return false;
  }
  return true;
}

/** `problems`: why accounts could not be switched, as sentences. */
export interface Switched {
  changed: Account[];
  problems: string[];
}

/**
 * Blocks, unblocks, deactivates or reactivates accounts, each exactly once per offboarding and turn, with a
 * receipt of its own. One that cannot be switched stops none of the others.
 */
export async function switchAccounts(deps: Deps, input: SwitchInput, proving?: Proving): Promise<Switched> {
  const switched: Switched = { changed: [], problems: [] };
  for (const [n, account] of input.accounts.entries()) {
    if (account.gone) continue;
    try {
      if (await switchAccount(deps, input, account, placeOf(input, n), proving))
        switched.changed.push(account);
    } catch (error) {
      if (!(error instanceof HandoverFailure) || !outOfPatience(error.kind, deps.patience)) throw error;
      switched.problems.push(error.message);
    }
  }
  return switched;
}

/** What the change that this one takes back, or makes final, kept of the account. */
async function keptBy(deps: Deps, connector: Connector, verb: AccessVerb, account: Account) {
  const [user] = account.identities.user ?? [];
  const before = { unblock: 'block', reactivate: 'deactivate', deactivate: 'block', block: null } as const;
  const did = before[verb];
  if (did === null || user === undefined) return undefined;
  if (verb === 'deactivate' && !(await isBlockedByUs(deps, connector, account))) return undefined;
  return deps.store.ledger.keptOf(connector.system, did, user);
}

/** True where it was changed, now or by an earlier attempt. */
async function switchAccount(
  deps: Deps,
  { system, verb, besides, takers }: SwitchInput,
  account: Account,
  place: Place,
  proving: Proving | undefined,
): Promise<boolean> {
  const connector = await deps.systems.get(system);
  const earlier = await deps.store.ledger.find(place);
  const before = earlier && (await settle(deps, connector, earlier));
  if (before !== null) return before > 0;
  const done: Mark[] = [];
  const undoes = await keptBy(deps, connector, verb, account);
  const work: Work = {
    kind: 'access',
    verb,
    account,
    ...(undoes && { undoes }),
    ...(besides && { besides }),
    ...(takers && { takers }),
  };
  const { changed } = await perform(deps, connector, work, place, done, proving);
  await deps.store.ledger.done(place, done);
  return changed > 0;
}
