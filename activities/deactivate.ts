/**
 * The last effect on a system, and only with proof: a fresh look immediately before it, once more inside its
 * own transaction where the system has one, and a reading after it.
 */
import type { Connector, Inside } from '../connectors/connector.js';
import { accountsIn } from '../domain/accounts.js';
import { boundsOf } from '../domain/consequences.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Sight } from '../domain/look.js';
import type { Account } from '../domain/model.js';
import { deactivateId, type Plan, type PlanStep } from '../domain/plan.js';
import { mostAge } from '../domain/policy.js';
import { judgeProof, type Kept, keptIn, type Verdict } from '../domain/proof.js';
import { objectionToArrivals } from '../domain/rounds.js';
import type { Proof } from '../domain/run.js';
import { joined } from '../store/keys.js';
import type { RoundSet } from '../store/manifests.js';
import { scheduled, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { findOne } from './directory.js';
import { switchAccounts, switchedBefore } from './effects.js';
import { planOf, readAll, see } from './look.js';
import { beginSteps, claimDeactivation } from './open-runs.js';
import { leaverNow } from './recognise.js';
import { refusedSuccessors } from './successors.js';

export interface DeactivateInput {
  offboardingId: string;
  workflowId: string;
  /** Digest of the approved plan. */
  plan: string;
  system: string;
  /** Counts effects on accounts, so that a retry after a refusal is a new effect. */
  turn: number;
  waived: Record<string, string>;
  seen: Record<string, string>;
}

export type DeactivateResult =
  | { kind: 'deactivated'; bySomebodyElse: boolean; proof: Proof }
  | Exclude<Verdict, { kind: 'proven' | 'refused' }>
  | { kind: 'refused'; message: string };

export async function deactivate(deps: Deps, input: DeactivateInput): Promise<DeactivateResult> {
  const plan = await planOf(deps, input.plan);
  const accounts = accountsIn(plan.accounts, input.system);
  const connector = await deps.systems.get(input.system);
  const along = plan.steps.filter(({ system, late }) => system === input.system && late?.carried);
  const effect = {
    offboardingId: input.offboardingId,
    system: input.system,
    accounts,
    verb: 'deactivate',
    turn: input.turn,
    takers: Object.fromEntries(along.map(step => [step.category, step.successors[0]?.value ?? null])),
    besides: boundsOf(plan.steps.find(step => step.id === deactivateId(input.system)) ?? {}, plan.policy),
  } as const;
  const seeNow = async (inside?: Inside): Promise<Sight> => {
    const leaver = inside ? null : await leaverNow(deps, plan);
    return see(deps, connector, plan, { ...input, accounts }, leaver, inside);
  };
  const proveIt = async (inside?: Inside): Promise<Kept[]> => {
    const seen = await seeNow(inside);
    const later = plan.steps.flatMap(({ id, late }) => (late ? id : []));
    const verdict = judgeProof({ plan, systems: [input.system], looks: [seen], unread: [], later });
    if (verdict.kind !== 'proven') throw new NotProven(verdict);
    return verdict.kept;
  };
  let proof: Proof;
  let changed = true;
  let wasActive = true;
  try {
    if (await switchedBefore(deps, effect)) {
      // An attempt whose answer was lost proved and switched already: what landed since belongs to the time
      // after, and what it saw of what is kept is seen once more.
      proof = { at: new Date().toISOString(), within: false, kept: keptIn(await seeNow(), plan) };
    } else {
      const inTheWay = await claim(deps, input, plan);
      if (inTheWay) return { kind: 'refused', message: inTheWay };
      proof = { at: new Date().toISOString(), within: false, kept: await proveIt() };
      const active = (await readAll(deps, connector, accounts)).filter(account => account.active);
      wasActive = active.length > 0;
      // All of one person's accounts or none: what forbids one of them is asked before the first is switched.
      const guards = await connector.guards(active, whenAbandoned());
      if (guards.length > 0) return { kind: 'refused', message: guards.map(one => one.message).join(' ') };
      const objection = wasActive ? await objectionToCarry(deps, connector, plan, along, accounts) : null;
      if (objection) return { kind: 'refused', message: objection };
      const switched = await switchAccounts(deps, effect, {
        prove: async inside => {
          proof = { at: new Date().toISOString(), within: true, kept: await proveIt(inside) };
        },
        sending: () => mustBeFresh(proof, plan, connector.title),
      });
      if (switched.problems.length > 0) return { kind: 'refused', message: switched.problems.join(' ') };
      changed = switched.changed.length > 0;
    }
  } catch (error) {
    if (!(error instanceof NotProven)) throw error;
    const { verdict } = error;
    return verdict.kind === 'refused' ? { kind: 'refused', message: verdict.message } : verdict;
  }
  if (await anyActive(deps, connector, accounts)) {
    const subject = accounts.length === 1 ? 'the account' : `one of the ${accounts.length} accounts`;
    const message = `${connector.title} reported success, but reading shows that ${subject} is still active. Look at it there, then send "retry".`;
    return { kind: 'refused', message };
  }
  await deps.store.audit.append(input.offboardingId, [
    {
      subject: `deactivated ${input.system} ${input.turn}`,
      kind: 'deactivated',
      body: { system: input.system, changed, within: proof.within, kept: proof.kept },
    },
  ]);
  return { kind: 'deactivated', bySomebodyElse: !changed && !wasActive, proof };
}

/**
 * Why the switch may not take along what it would, as a sentence; null = it may. It is the last moment to ask
 * who takes it over and whether more has come than was approved: the call moves whatever there is. They are
 * registered, so that nobody switches them off meanwhile.
 */
async function objectionToCarry(
  deps: Deps,
  connector: Connector,
  plan: Plan,
  along: readonly PlanStep[],
  accounts: readonly Account[],
): Promise<string | null> {
  if (along.length === 0) return null;
  const leaver = await findOne(deps, `id:${plan.leaver.id}`);
  if ('sentence' in leaver) return leaver.sentence;
  const takersOf = (step: PlanStep) => (along.includes(step) ? step.successors : []);
  const refused = await refusedSuccessors(deps, connector, plan, accounts, leaver.person, takersOf);
  const starting = along.map(step => ({ id: step.id, takers: takersOf(step) }));
  const late = refused.length > 0 ? {} : await beginSteps(deps, plan.offboardingId, starting);
  for (const step of along) {
    const refusal = refused.find(one => one.step === step.id);
    const objection =
      (refusal && `${refusal.sentence} Send "amend" with another successor.`) ??
      late[step.id] ??
      (await noteArrivals(deps, connector, plan, step, accounts));
    if (objection) return `${step.id} goes along with the switch. ${objection}`;
  }
  return null;
}

/**
 * What goes along with the switch gets its pages before: afterwards nobody could say that it was the leaver's.
 * Says in a sentence why it may not go along.
 */
async function noteArrivals(
  { store: { manifests } }: Deps,
  connector: Connector,
  plan: Plan,
  step: PlanStep,
  accounts: readonly Account[],
): Promise<string | null> {
  const { manifest, policy } = plan;
  const { id, category } = step;
  const options = { size: policy.batch, signal: whenAbandoned() };
  const held = await joined(connector.pages(accounts, category, options));
  const { arrived } = await manifests.sort(manifest, id, held.keys);
  if (arrived.count === 0) return null;
  const arrivedBefore = await manifests.arrivedSoFar(manifest, id);
  const objection = objectionToArrivals({ step, plan, arrived: arrived.count, arrivedBefore });
  if (objection) return objection;
  const round = 1 + (await manifests.roundsFrom(manifest, id, 0));
  const sets: RoundSet[] = [{ ...arrived, assignment: null, origin: 'arrived' }];
  await manifests.addRound(manifest, id, round, sets, policy.batch);
  return null;
}

/** A look that took too long to be worth anything is taken again by the next attempt. */
function mustBeFresh({ at }: Proof, { policy }: Plan, title: string): void {
  const age = Date.now() - Date.parse(at);
  if (age <= mostAge(policy)) return;
  const says = `What was seen of ${title} is ${Math.ceil(age / 1000)} s old, and the policy lets ${policy.observedWithinMinutes} minutes count at a switch: it is looked at again.`;
  throw new HandoverFailure('transient', says);
}

/** Takes a switch back, where the system has transactions. */
class NotProven extends Error {
  constructor(readonly verdict: Exclude<Verdict, { kind: 'proven' }>) {
    super('It is not proven that nothing is left.');
  }
}

async function anyActive(deps: Deps, connector: Connector, accounts: readonly Account[]): Promise<boolean> {
  return (await readAll(deps, connector, accounts)).some(account => account.active);
}

/**
 * Two runs never work against each other: nobody is switched off while another open run still hands things to
 * them.
 */
async function claim(deps: Deps, input: DeactivateInput, plan: Plan): Promise<string | null> {
  const { id, human } = plan.leaver;
  // A run that was reset after its end has no row of its own any more.
  const { offboardingId, workflowId } = input;
  await deps.store.runs.open(
    { leaver: id, human, offboarding: offboardingId, workflow: workflowId, preview: false },
    scheduled(),
  );
  const inTheWay = await claimDeactivation(deps, input.offboardingId);
  if (!inTheWay) return null;
  return `Another offboarding (${inTheWay.workflow}) is still handing items over to this leaver. Amend that run's successors or let it finish, then send "retry".`;
}
