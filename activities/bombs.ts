/**
 * Looks who owns what is about to act by itself, and writes down what it saw. Only reads the target; written
 * twice, it is there once.
 */
import type { Connector } from '../connectors/connector.js';
import { accountsIn, valuesOf } from '../domain/accounts.js';
import { type BombSeen, isAlone, type Keeper, type StepBomb, saySeen } from '../domain/bombs.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Plan, PlanStep } from '../domain/plan.js';
import type { SweepInput } from '../domain/sweep.js';
import { isFinal, OUTAGE_MS, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { findOne } from './directory.js';
import { planOf } from './look.js';

export interface LookAtBombsInput extends Pick<SweepInput, 'sweepId' | 'plan'> {
  bombs: StepBomb[];
}

/** Every item that the bombs name, as it is now. */
export async function lookAtBombs(
  deps: Deps,
  { sweepId, plan: digest, bombs }: LookAtBombsInput,
): Promise<{ seen: BombSeen[] }> {
  const plan = await planOf(deps, digest);
  const seen: BombSeen[] = [];
  for (const bomb of bombs) {
    const step = plan.steps.find(({ id }) => id === bomb.step);
    if (step) seen.push(...(await lookAt(deps, plan, step, bomb)));
  }
  await deps.store.audit.append(
    sweepId,
    seen.map(one => ({
      // Looked at again, it may be somebody else's by then.
      subject: `bomb ${one.step} ${one.key} ${one.at} ${one.keeper.kind}`,
      kind: isAlone(one) ? 'bomb-alone' : 'bomb-seen',
      body: { ...one, says: saySeen(one) },
    })),
  );
  return { seen };
}

async function lookAt(deps: Deps, plan: Plan, step: PlanStep, bomb: StepBomb): Promise<BombSeen[]> {
  const { id, title, system, category } = step;
  const as = (key: string, keeper: Keeper, at: string | null = null): BombSeen => ({
    step: id,
    title,
    key,
    at: at ?? bomb.at,
    keeper,
  });
  try {
    const connector = await deps.systems.get(system);
    if (!connector.keepers) throw new HandoverFailure('configuration', `${connector.title} cannot say.`);
    const identity = identityOf(connector, category);
    const theirs = valuesOf(accountsIn(plan.accounts, system), identity);
    const among = [...theirs, ...step.successors.flatMap(({ value }) => value ?? [])];
    const found = await connector.keepers(category, bomb.keys, among, whenAbandoned());
    const seen: BombSeen[] = [];
    for (const key of bomb.keys) {
      const now = found.find(one => one.key === key);
      const keeper: Keeper = now
        ? await keeperOf(deps, connector, plan, step, now.owner, theirs)
        : { kind: 'gone' };
      seen.push(as(key, keeper, now?.firesAt));
    }
    return seen;
  } catch (error) {
    // Whoever waits for it to act is told that nobody can see; what passes is tried again before that.
    if (!isFinal(error, deps.patience, OUTAGE_MS)) throw error;
    return bomb.keys.map(key => as(key, { kind: 'unknown', why: error.message }));
  }
}

function identityOf(connector: Connector, category: string): string {
  return connector.categories.find(one => one.category === category)?.identity ?? 'user';
}

async function keeperOf(
  deps: Deps,
  connector: Connector,
  plan: Plan,
  step: PlanStep,
  owner: string | null,
  theirs: readonly string[],
): Promise<Keeper> {
  if (owner === null) return { kind: 'nobody' };
  if (theirs.includes(owner)) return { kind: 'leaver', name: plan.leaver.name };
  const known = step.successors.find(({ value }) => value === owner);
  if (known && known.kind !== 'person') return { kind: 'queue', name: known.label };
  const name = known?.label ?? owner;
  if (identityOf(connector, step.category) !== 'user') return person(deps, name, known?.personId ?? null);
  try {
    const account = { identities: { user: [owner] }, active: true, blocked: false };
    const { active, blocked, label } = await connector.readAccount(account, whenAbandoned());
    const there: Keeper = {
      kind: 'somebody',
      name: known?.label ?? label ?? owner,
      active: active && !blocked,
    };
    return there.active && known?.personId ? person(deps, name, known.personId) : there;
  } catch (error) {
    // Whoever has no account any more will not answer.
    if (!(error instanceof HandoverFailure) || error.kind !== 'rejected') throw error;
    return { kind: 'somebody', name, active: false };
  }
}

/** As the directory says; of somebody whom it does not know nothing is claimed. */
async function person(deps: Deps, name: string, id: string | null): Promise<Keeper> {
  if (id === null) return { kind: 'unknown', why: `it is owned by ${name}, whom no rule of the plan names.` };
  const found = await findOne(deps, `id:${id}`);
  const active = 'person' in found && found.person.active && !found.person.blocked;
  return { kind: 'somebody', name, active };
}
