/**
 * What the leaver is in every system, and whether somebody may switch them off at all. Also opens the run in
 * the register.
 */

import { inOrder } from '../domain/accounts.js';
import { foreignId } from '../domain/ids.js';
import type { Account, Finding, Person, SystemAccounts } from '../domain/model.js';
import type { ClockLimits, PatienceOfWaits } from '../domain/patience.js';
import { mayRequest, type Participant, type Signer } from '../domain/people.js';
import { deactivateId } from '../domain/plan.js';
import type { Order } from '../domain/request.js';
import type { EarlierBlock } from '../domain/run.js';
import type { Letter } from '../domain/statement.js';
import { isFinal, OUTAGE_MS, scheduled, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { findOne } from './directory.js';
import { foreignTo } from './ownership.js';
import { identified, participant } from './people.js';
import { prove } from './prove.js';
import { pinnedIn, type Recogniser, recogniserOf } from './recognise.js';

export interface ResolveAccountsInput {
  offboardingId: string;
  /** See `Owner`. */
  first: string;
  workflowId: string;
  leaver: Participant;
  requester: Signer;
  /** See `Run.unproved`. */
  unproved?: Letter | undefined;
  /**
   * What this run has resolved so far: what was the leaver's stays theirs until it is somebody else's. Where
   * there is any, a person number that was changed since is news, and no sign of a forged start.
   */
  before: SystemAccounts[];
  order: Order;
}

export interface ResolvedAccounts {
  /** Why this offboarding may not be at all; then nothing was looked up. */
  objection: string | null;
  /** Both as the directory knows them now: what a workflow was started with is only what somebody wrote. */
  leaver: Participant;
  requester: Signer;
  /** Every system that could be asked, also those without an account. */
  accounts: SystemAccounts[];
  /** Those, and what is theirs for certain where something else of theirs is a question: to be remembered. */
  seen: SystemAccounts[];
  /** Those of them whose block is ours, by this run or an earlier one that is over. */
  blockedByUs: SystemAccounts[];
  /** Blocks that others of the same person's offboardings have made. */
  earlierBlocks: EarlierBlock[];
  /** Systems in which this offboarding has switched somebody off, which a run that was reset does not remember. */
  switchedOff: string[];
  findings: Finding[];
  /** How long people are waited for until a plan pins a policy. */
  patience: PatienceOfWaits;
  /** When the clocks of a sudden departure are late until then. */
  clocks: ClockLimits;
}

export async function resolveAccounts(deps: Deps, input: ResolveAccountsInput): Promise<ResolvedAccounts> {
  const foreign = await foreignTo(deps, input);
  const people = foreign === null ? await peopleOf(deps, input) : { objection: foreign };
  const { waiting: patience, clocks } = (await deps.rules()).policy;
  if ('objection' in people) {
    const { leaver, requester } = input;
    return {
      objection: people.objection,
      leaver,
      requester,
      accounts: [],
      seen: [],
      blockedByUs: [],
      earlierBlocks: [],
      switchedOff: [],
      findings: [],
      patience,
      clocks,
    };
  }
  const { person, leaver, requester } = people;
  await deps.store.runs.open(
    {
      leaver: input.leaver.id,
      human: person.human,
      offboarding: input.offboardingId,
      workflow: input.workflowId,
      preview: input.order.mode === 'preview',
    },
    scheduled(),
  );
  const { offboardingId: id, workflowId: workflow, order } = input;
  await deps.store.offboardings.ordered({
    id,
    workflow,
    leaver: input.leaver.id,
    human: person.human,
    order,
  });
  await deps.store.audit.append(input.offboardingId, [
    {
      subject: 'requested',
      kind: 'requested',
      body: {
        workflow: input.workflowId,
        first: input.first,
        leaver: input.leaver.id,
        request: input.order,
        identity: requester.identity,
        ...(input.unproved?.seal && { statement: input.unproved.seal.statement }),
      },
    },
  ]);
  const unknown = (input.order.systems ?? []).filter(system => !deps.systems.names.includes(system));
  if (unknown.length > 0) {
    return {
      objection: null,
      leaver,
      requester,
      patience,
      clocks,
      accounts: [],
      seen: [],
      blockedByUs: [],
      earlierBlocks: [],
      switchedOff: [],
      findings: unknown.map(system => ({
        code: 'system-unreachable',
        system,
        step: null,
        message: `There is no system "${system}"; configured are ${deps.systems.names.join(', ')}. Send "amend" with the right "systems".`,
      })),
    };
  }
  const systems = input.order.systems ?? deps.systems.names;
  const recogniser = await recogniserOf(deps, person, input.before);
  const each = await Promise.all(systems.map(system => resolveIn(deps, system, recogniser, input.order)));
  return {
    objection: null,
    leaver,
    requester,
    patience,
    clocks,
    accounts: each.flatMap(one => one.found ?? []),
    seen: each.flatMap(one => one.found ?? one.sure ?? []),
    ...(await blocksOf(
      deps,
      person,
      input.offboardingId,
      each.flatMap(one => one.found ?? []),
    )),
    switchedOff: await switchedOffBy(deps, input.offboardingId, systems),
    findings: each.flatMap(one => one.findings),
  };
}

async function switchedOffBy(
  { store }: Deps,
  offboardingId: string,
  systems: readonly string[],
): Promise<string[]> {
  const changed = await store.ledger.changed(offboardingId);
  return systems.filter(system => (changed[deactivateId(system)] ?? 0) > 0);
}

/**
 * Who somebody is may have changed since, or be told by nobody but the workflow's input: both are looked up
 * by id, and an input that says something else about them is not believed.
 */
async function peopleOf(
  deps: Deps,
  input: ResolveAccountsInput,
): Promise<{ objection: string } | { person: Person; leaver: Participant; requester: Signer }> {
  // A workflow knows its installation by its id alone, which anybody may choose: a worker knows which it
  // serves.
  const foreign = foreignId(deps.ids, input.workflowId);
  if (foreign)
    return { objection: `${foreign} Start "requestOffboarding" on the task queue of that one instead.` };
  const found = await findOne(deps, `id:${input.leaver.id}`);
  if ('sentence' in found) return { objection: found.sentence };
  const asking = await identified(deps, `id:${input.requester.id}`);
  if (asking.kind !== 'one') return { objection: asking.sentence };
  const leaver = participant(found.person);
  const requester = { ...participant(asking.person), identity: input.requester.identity };
  const first = input.before.length === 0;
  if (first && leaver.human !== input.leaver.human)
    return { objection: 'The directory no longer says that the leaver is who was asked about: start again.' };
  if (first && requester.human !== input.requester.human)
    return { objection: 'The directory no longer says that the requester is who asked: start again.' };
  const objection = mayRequest(leaver, asking.person);
  if (objection || !input.unproved)
    return objection ? { objection } : { person: found.person, leaver, requester };
  const proof = await prove(deps, input.unproved);
  if (!proof.ok) return { objection: proof.sentence };
  const asked = await identified(deps, input.unproved.by);
  if (asked.kind !== 'one' || asked.person.id !== requester.id)
    return { objection: `The request is from "${input.unproved.by}", and that is not ${requester.name}.` };
  return { person: found.person, leaver, requester: { ...requester, identity: proof.identity } };
}

/**
 * Whose block it is says the ledger; that it still stands, the reading. One that an open run of the same person
 * has made (they may have several entries in the directory) is that run's to give back.
 */
async function blocksOf(
  deps: Deps,
  person: Person,
  offboardingId: string,
  all: readonly SystemAccounts[],
): Promise<Pick<ResolvedAccounts, 'blockedByUs' | 'earlierBlocks'>> {
  const blocks = await deps.store.ledger.blocked(person);
  const open = blocks.length > 0 ? await deps.store.runs.leaving([person], offboardingId) : [];
  const blockedByUs: SystemAccounts[] = [];
  const earlierBlocks: EarlierBlock[] = [];
  for (const { system, accounts } of all) {
    const ours: Account[] = [];
    for (const account of accounts.filter(({ active, blocked }) => active && blocked)) {
      const [user] = account.identities.user ?? [];
      const block = blocks.find(one => one.system === system && one.identities.user?.[0] === user);
      if (!block) continue;
      const { offboarding, at, by } = block;
      const running = open.find(one => one.offboarding === offboarding)?.workflow ?? null;
      // Several accounts of one system are one block to people.
      const isKnown = earlierBlocks.some(one => one.system === system && one.offboarding === offboarding);
      if (offboarding !== offboardingId && !isKnown)
        earlierBlocks.push({ system, at, offboarding, by, open: running });
      if (running === null) ours.push(account);
    }
    if (ours.length > 0) blockedByUs.push({ system, accounts: ours });
  }
  return { blockedByUs, earlierBlocks };
}

/** One system out of reach must not hide what the others say. */
export async function resolveIn(
  deps: Deps,
  system: string,
  recogniser: Recogniser,
  order: Order,
): Promise<{ found: SystemAccounts | null; sure?: SystemAccounts; findings: Finding[] }> {
  const finding = (code: Finding['code'], message: string): Finding => ({
    code,
    system,
    step: null,
    message,
  });
  try {
    const connector = await deps.systems.get(system);
    const resolution = await recogniser.in(connector, pinnedIn(order, system));
    switch (resolution.kind) {
      case 'found': {
        const { accounts } = resolution.accounts;
        const guards = await connector.guards(accounts, whenAbandoned());
        return {
          found: resolution.accounts,
          findings: guards
            .filter(
              guard =>
                guard.kind !== 'last-owner' ||
                order.mode === 'execute-and-deactivate' ||
                order.departure === 'unplanned',
            )
            .map(guard =>
              finding(guard.kind === 'last-owner' ? 'last-owner' : 'leaver-protected', guard.message),
            ),
        };
      }
      case 'absent':
        return { found: { system, accounts: [], others: resolution.others }, findings: [] };
      case 'ambiguous': {
        const { identity, candidates, why, sure = [] } = resolution;
        const which = candidates.map(({ label }) => label).join(', ');
        const ids = candidates.map(({ id }) => id);
        const amend = JSON.stringify({
          identities: { [system]: { [identity]: ids.length > 1 ? ids : (ids[0] ?? '<id>') } },
        });
        const says = why ?? `Several accounts fit: ${which}.`;
        return {
          found: null,
          ...(sure.length > 0 && { sure: { system, accounts: inOrder(sure) } }),
          findings: [
            finding(
              'account-ambiguous',
              `${connector.title}: ${says} Say which are this person's, e.g. amend with ${amend}; [] where none is.`,
            ),
          ],
        };
      }
    }
  } catch (error) {
    // A passing fault is given half a minute; then the other systems, and whoever must be blocked in them,
    // wait no longer.
    if (isFinal(error, deps.patience, OUTAGE_MS)) {
      return {
        found: null,
        findings: [finding('system-unreachable', `${error.message} Mend it and send "retry".`)],
      };
    }
    throw error;
  }
}
