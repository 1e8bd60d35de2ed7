/**
 * How a plan comes about: what the leaver holds, what the catalogs say and what was asked for become steps,
 * and everything that stands in the way becomes a finding that says what to do. Values in, values out: the
 * same facts give the same plan, whatever order they came in. Looking people up, reading keys and writing the
 * manifest are done by whoever asks.
 */
import { existing } from './accounts.js';
import { type Assignment, assigner } from './assign.js';
import { allowingLine, type Danger, type Foresight, mustBeAllowed, sayConsequence } from './consequences.js';
import { type Covered, uncovered } from './coverage.js';
import { combined } from './keys.js';
import type {
  Account,
  CategoryInventory,
  Disposition,
  Finding,
  ItemKey,
  Other,
  Person,
  Successor,
  SystemAccounts,
} from './model.js';
import type { When } from './moment.js';
import { own } from './own.js';
import {
  type ByHand,
  deactivateId,
  isEffect,
  orderSteps,
  type Plan,
  type PlanStep,
  phaseOf,
  STAYS_AND_KEEPS,
  type Undone,
  withMembershipEdges,
} from './plan.js';
import type { Policy } from './policy.js';
import type { FullOrder, Order } from './request.js';

/** What a catalog says about one category. */
export interface CategoryRule {
  category: string;
  title: string;
  do: Disposition;
  inflow: boolean;
  after: readonly string[];
  page: string | null;
  reason: string | null;
  /** They act in the person's name by themselves. */
  actsAs: boolean;
  /** Category here: whoever takes that over takes this over. */
  successorOf: string | null;
  /** It goes although the person stays. */
  goesOnRoleChange: boolean;
  /** It can be done only while the account is active. */
  needsActive?: true;
  /** It can be done only once the account is off. */
  afterSwitch?: { withinDays: number | null; carried?: true };
  /** Its only item is the account itself: it ends with it, and where the person stays it stays. */
  ofAccount?: true;
  /** The system itself shows when people have settled it. */
  observed?: true;
}

/** What is known about one system before anything is planned there. */
export interface SystemFacts {
  system: string;
  title: string;
  /** Digest of the catalog. */
  catalog: string;
  /** In the catalog's order. */
  categories: readonly CategoryRule[];
  /** Who blocks an account there, and who switches it off. */
  blockedBy: 'system' | 'person' | 'nobody';
  switchedOffBy: 'system' | 'person' | 'nobody';
  /** Where and how, where a person does it. */
  byHand?: ByHand | undefined;
  /** What of an account no offboarding ends there. */
  undone?: readonly Undone[];
  /** All of this person's accounts there; none where they are absent. */
  accounts: readonly Account[];
  /** What may be theirs as well and is left out, and what speaks against these accounts. */
  others: readonly Other[];
  warnings: readonly string[];
  /** Where they are absent: may this person be? */
  accountExpected: boolean;
  inventory: readonly CategoryInventory[];
  /** What can hold a person there. */
  coverage?: Covered;
}

export interface Facts {
  order: FullOrder;
  /** Names of the configured systems, in their order, and which of them is the directory. */
  configured: readonly string[];
  directory: string;
  policy: Pick<Policy, 'coverage'>;
  systems: readonly SystemFacts[];
}

/** A plan without anybody who takes over: who that is must be looked up, step by step. */
export interface Draft {
  mode: Plan['mode'];
  modeReason: string | null;
  accounts: SystemAccounts[];
  systems: Plan['systems'];
  /** By system, in the catalogs' order. */
  steps: PlanStep[];
  findings: Finding[];
}

export function draftOf(facts: Facts): Draft {
  const systems = inOrder(facts);
  const { mode, reason } = effectiveMode(
    facts.order,
    systems.flatMap(one => existing(one.accounts)),
  );
  const planned = systems.map(one => stepsOf(one, facts, mode));
  const steps = planned.flatMap(one => one.steps);
  return {
    mode,
    modeReason: reason,
    accounts: systems.map(({ system, accounts, others, warnings }) => ({
      system,
      accounts,
      others,
      warnings,
    })),
    systems: systems.map(one => ({
      system: one.system,
      title: one.title,
      catalog: one.catalog,
      accountExpected: existing(one.accounts).length > 0 || one.accountExpected,
      ...endingOf(one, mode),
    })),
    steps,
    findings: [...planned.flatMap(one => one.findings), ...tooEarly(steps)],
  };
}

/** The directory last: it is what people sign in with, and what tells us who they are. */
function inOrder({ systems, configured, directory }: Facts): SystemFacts[] {
  const rank = ({ system }: SystemFacts): number =>
    system === directory ? Number.MAX_SAFE_INTEGER : configured.indexOf(system);
  return [...systems].sort((a, b) => rank(a) - rank(b));
}

/**
 * Whoever is switched off everywhere already cannot be deactivated any more; what they still own is handed
 * over all the same.
 */
function effectiveMode(
  order: Order,
  present: readonly Account[],
): { mode: Order['mode']; reason: string | null } {
  if (order.mode !== 'execute-and-deactivate' || present.some(account => account.active))
    return { mode: order.mode, reason: null };
  return {
    mode: 'execute-only',
    reason:
      present.length === 0
        ? 'the leaver has no account in any of these systems'
        : 'every account of the leaver is inactive already',
  };
}

/**
 * A plan never promises what the system cannot do: without a way to switch somebody off it is a thing for
 * people.
 */
function switchOffOf(
  { accounts, switchedOffBy }: SystemFacts,
  mode: Order['mode'],
): Plan['systems'][number]['switchOff'] {
  if (mode !== 'execute-and-deactivate' || existing(accounts).length === 0) return 'never';
  // An account that is off already may be on again by then: the last step makes sure of it.
  if (switchedOffBy === 'system') return 'api';
  return accounts.some(account => account.active) && switchedOffBy === 'person' ? 'by-hand' : 'never';
}

/** How the account ends there, and what of it does not. */
function endingOf(
  facts: SystemFacts,
  mode: Order['mode'],
): Pick<Plan['systems'][number], 'switchOff' | 'byHand' | 'undone'> {
  const switchOff = switchOffOf(facts, mode);
  const { byHand, undone = [] } = facts;
  const page = pageOf(byHand?.page ?? null, facts.accounts);
  return {
    switchOff,
    ...(switchOff === 'by-hand' && byHand && { byHand: { ...byHand, page } }),
    ...(switchOff !== 'never' && undone.length > 0 && { undone }),
  };
}

/** A page may be about one account: `{user}` stands for it. */
function pageOf(page: string | null, accounts: readonly Account[]): string | null {
  const [user = ''] = existing(accounts)[0]?.identities.user ?? [];
  return page?.replaceAll('{user}', encodeURIComponent(user)) ?? null;
}

function stepsOf(
  facts: SystemFacts,
  { order, policy }: Facts,
  mode: Order['mode'],
): Pick<Draft, 'steps' | 'findings'> {
  if (facts.accounts.length === 0) return { steps: [], findings: [] };
  const steps: PlanStep[] = [];
  const findings: Finding[] = [];
  const off = switchOffOf(facts, mode);
  for (const rule of facts.categories) {
    const held = facts.inventory.find(one => one.category === rule.category);
    if (held?.complete) {
      const step = stepOf(facts, rule, held, order);
      const why = contradiction(step, rule, { facts, order, mode, off });
      if (why !== null) findings.push(finding('order-contradiction', step, why));
      steps.push(isEffect(step) ? aroundSwitch(step, rule, mode, off) : step);
    } else
      findings.push(unreadable(facts.system, rule, held?.problem ?? 'It was not part of the inventory.'));
  }
  const open = off === 'never' ? null : uncovered(policy, facts);
  if (open) findings.push(unclassified(facts.system, open));
  if (off === 'api') steps.push(deactivation(facts));
  return { steps, findings };
}

/** The step where it belongs, seen from the switch. A preview shows it and does nothing. */
function aroundSwitch(
  step: PlanStep,
  { afterSwitch }: CategoryRule,
  mode: Order['mode'],
  off: Plan['systems'][number]['switchOff'],
): PlanStep {
  if (!afterSwitch || (off !== 'api' && mode !== 'preview')) return step;
  return { ...step, late: afterSwitch, after: [...step.after, deactivateId(step.system)] };
}

/** Why the step could never run in this run; null = it can. What holds nothing is no reason to ask anybody. */
function contradiction(
  step: PlanStep,
  rule: CategoryRule,
  {
    facts,
    order,
    mode,
    off,
  }: { facts: SystemFacts; order: Order; mode: Order['mode']; off: Plan['systems'][number]['switchOff'] },
): string | null {
  if (!isEffect(step) || step.baseline.count === 0 || mode === 'preview') return null;
  const accounts = existing(facts.accounts);
  const items = `: ${step.baseline.count} items`;
  if (rule.needsActive && !accounts.some(({ active, blocked }) => active && !blocked))
    return `${items} that can be handed over only while the account is active, and it is not. Switch it on for that time, or hand them over by hand, then send "retry".`;
  if (rule.needsActive && order.departure === 'unplanned' && facts.blockedBy !== 'nobody')
    return `${items} that can be handed over only while the account is active, and an unplanned departure blocks it first. Send "amend" with "departure": "planned", or hand them over by hand and send "retry".`;
  if (rule.afterSwitch?.carried && !accounts.some(({ active }) => active))
    return `${items} that go along with the switch, and the account is off already. Hand them over by hand, or switch it on for that time, then send "retry".`;
  if (rule.afterSwitch && !rule.ofAccount && off !== 'api' && accounts.some(({ active }) => active))
    return `${items} that can be handed over only once the account is off, and this run does not switch it off. Send "amend" with "mode": "execute-and-deactivate", or hand them over by hand and send "retry".`;
  return null;
}

/** What comes before the switch cannot wait for what comes after it. */
function tooEarly(steps: readonly PlanStep[]): Finding[] {
  const late = new Set(steps.filter(step => step.late).map(step => step.id));
  return steps.flatMap(step => {
    const other = step.late || !isEffect(step) ? undefined : step.after.find(id => late.has(id));
    if (other === undefined) return [];
    const says = ` comes before the switch and waits for ${other}, which comes after it: their catalogs contradict each other. Mend "switch" or "after" there, then send "retry".`;
    return finding('order-contradiction', step, says);
  });
}

function unreadable(system: string, { category, title }: CategoryRule, why: string): Finding {
  const step = `${system}/${category}`;
  const message = `${title} (${step}) could not be read: ${why} Mend it and send "retry".`;
  return { code: 'category-unreadable', system, step, message };
}

/** What is in no catalog would be left behind without a word. */
function unclassified(system: string, says: string): Finding {
  const message = `${says} Nobody is switched off there before that; then send "retry".`;
  return { code: 'place-unclassified', system, step: null, message };
}

function stepOf(
  { system, accounts }: SystemFacts,
  rule: CategoryRule,
  held: CategoryInventory,
  order: Order,
): PlanStep {
  // Somebody who stays keeps groups and tokens, unless the catalog says otherwise; only what they own moves.
  const isTaken =
    rule.do === 'remove' || rule.do === 'revoke' || rule.do === 'clear' || rule.ofAccount === true;
  // Whoever comes back wants all of it as it was: only what can be given back is touched.
  const comesBack = order.giveBackAt !== undefined;
  const isGivenBack = comesBack ? rule.inflow && rule.do === 'remove' : rule.inflow || rule.goesOnRoleChange;
  const stays = order.mode === 'execute-only' && isTaken && !isGivenBack;
  const disposition = stays ? 'keep' : rule.do;
  return {
    id: `${system}/${rule.category}`,
    system,
    category: rule.category,
    title: rule.title,
    do: disposition,
    phase: phaseOf({ do: disposition, inflow: rule.inflow }),
    after: rule.after.map(name => (name.includes('/') ? name : `${system}/${name}`)),
    baseline: { count: held.count, fingerprint: held.fingerprint },
    ...NOBODY,
    page: pageOf(rule.page, accounts),
    firesAt: held.firesAt,
    reason: stays ? STAYS_AND_KEEPS : rule.reason,
    ...(rule.observed && disposition === 'acknowledge' && { observed: true as const }),
    ...(rule.actsAs && { actsAs: true as const }),
    ...(rule.successorOf !== null && { successorOf: rule.successorOf }),
  };
}

function deactivation({ system, title, accounts: all }: SystemFacts): PlanStep {
  const accounts = existing(all);
  const n = accounts.length;
  const which = n === 1 ? 'the account' : n === 2 ? 'both accounts' : `all ${n} accounts`;
  const switches = `switch ${which} off`;
  const makesSure = `make sure that ${which} ${n === 1 ? 'stays' : 'stay'} off`;
  return {
    id: deactivateId(system),
    system,
    category: 'deactivate',
    title: `${accounts.some(account => account.active) ? switches : makesSure} in ${title}`,
    do: 'deactivate',
    phase: 'deactivate',
    after: [],
    baseline: { count: 0, fingerprint: '0' },
    ...NOBODY,
    page: null,
    firesAt: null,
    reason: null,
  };
}

const NOBODY = {
  rule: null,
  successors: [],
  assignment: { kind: 'one' },
  pool: 0,
  counts: [],
  overrides: 0,
} satisfies Partial<PlanStep>;

/** What a successor rule comes to in one step. */
export interface Takers {
  successors: Successor[];
  assignment: Assignment;
  /** How it is said in the plan. */
  rule: string;
  /** Why somebody cannot take over, as sentences. */
  refusals: string[];
  /** Whom a pool goes on without, and why: "Ines is not active". */
  leftOut: string[];
}

/**
 * The step with those who take it over. What holds nothing needs nobody: it says who takes what may come
 * later, where the rule can say so, and is no reason to ask anybody anything, unless it goes along with the
 * switch.
 */
export function withTakers(
  step: PlanStep,
  takers: Takers | null,
): { step: PlanStep; findings: Finding[]; notes: string[] } {
  const empty = step.baseline.count === 0;
  // The switch names one person, whatever there is by then: what comes until it must not go to nobody.
  if (step.late?.carried && takers?.assignment.kind !== 'one')
    return { step, findings: [oneTakesAll(step, takers?.rule)], notes: [] };
  // Shared out item by item, the two would go different ways.
  if (step.successorOf !== undefined && takers !== null && takers.assignment.kind !== 'one' && !empty)
    return { step, findings: [sharedOut(step, takers.rule)], notes: [] };
  if (takers === null) return { step, findings: empty ? [] : [nobodyTakes(step)], notes: [] };
  const refused = takers.refusals.length > 0;
  if (refused && (!empty || step.late?.carried))
    return { step, findings: takers.refusals.map(refusal => refusedTaker(step, refusal)), notes: [] };
  const { rule, assignment } = takers;
  const successors = refused ? [] : takers.successors;
  return {
    step: { ...step, rule, assignment, successors, pool: successors.length, counts: successors.map(() => 0) },
    findings: [],
    notes: empty ? [] : takers.leftOut.length > 0 ? [smallerPool(step, takers.leftOut)] : [],
  };
}

function smallerPool({ id, title }: PlanStep, leftOut: readonly string[]): string {
  const more = leftOut.length - NAMED_AT_MOST;
  const named = leftOut.slice(0, NAMED_AT_MOST).join('; ');
  return `${title} (${id}): left out of the pool: ${named}${more > 0 ? `; and ${more} more` : ''}.`;
}

/** A plan is read by people, and travels. */
const NAMED_AT_MOST = 20;

function sharedOut(step: PlanStep, rule: string): Finding {
  const { system, successorOf } = step;
  return finding(
    'successor-refused',
    step,
    ` goes to whoever takes over ${system}/${successorOf}, which is shared out (${rule}): name one person there.`,
  );
}

function oneTakesAll(step: PlanStep, rule: string | undefined): Finding {
  const given = rule === undefined ? 'nobody takes it over' : `it is shared out (${rule})`;
  return finding(
    rule === undefined ? 'successor-missing' : 'successor-refused',
    step,
    ` goes to one person along with the switch, and ${given}. Send amend with {"successors": {"${step.id}": "<e-mail>"}}.`,
  );
}

function nobodyTakes(step: PlanStep): Finding {
  return finding(
    'successor-missing',
    step,
    `: ${step.baseline.count} items and nobody to take them over. Send amend with {"successors": {"${step.id}": "<e-mail>"}}.`,
  );
}

/** The step with what it does besides, and what of it the catalog must allow first. */
export function withForesight(
  step: PlanStep,
  foresight: Foresight | undefined,
): { step: PlanStep; findings: Finding[]; notes: string[] } {
  const { besides: found, unknown } = foresight ?? { besides: [], unknown: null };
  const notes = unknown
    ? [
        `${step.title} (${step.id}): what triggers would change besides could not be tried (${unknown}). More than is shown here is not done.`,
      ]
    : [];
  if (found.length === 0) return { step, findings: [], notes };
  const refused = found.filter(mustBeAllowed);
  const said = refused.map(sayConsequence).join('; ');
  const unallowed = `: ${said}. Nothing that the catalog does not allow is deleted or changed along with items: if it is meant, cascades: [${refused.map(allowingLine).join(', ')}]; otherwise hand these rows over first. Then send "retry".`;
  const inTheWay = found.filter(one => one.does === 'refuse' && one.count !== 0);
  const obstacles = `: ${inTheWay.map(sayConsequence).join('; ')}. Deal with them first, by a category of their own or by hand, then send "retry".`;
  return {
    step: { ...step, elsewhere: [...found] },
    findings: [
      ...(refused.length > 0 ? [finding('effect-elsewhere', step, unallowed)] : []),
      ...(inTheWay.length > 0 ? [finding('effect-refused', step, obstacles)] : []),
    ],
    notes,
  };
}

/** The plan's systems, each with what deleting the account there would do. */
export function withDangers(
  systems: Plan['systems'],
  dangers: Readonly<Record<string, Danger[]>>,
): Plan['systems'] {
  return systems.map(one => {
    const danger = own(dangers, one.system);
    return danger ? { ...one, danger } : one;
  });
}

/** Somebody may not take over what they were named for. */
export function refusedTaker(step: PlanStep, refusal: string): Finding {
  return finding('successor-refused', step, `: ${refusal}`);
}

/** Who is named for one item: a successor, or why they cannot be. */
export type Named = { successor: Successor; refusal?: undefined; leftOut?: undefined } | Refused;

export interface Refused {
  successor?: undefined;
  /** A sentence. */
  refusal: string;
  /** What is said where a pool goes on without them; without it, somebody must settle the question first. */
  leftOut?: string;
}

/** The step with the successors of single items behind those of its rule, and per key which of them it is. */
export function withOverrides(
  step: PlanStep,
  named: readonly (readonly [key: ItemKey, taker: Named])[],
): { step: PlanStep; overrides: Map<ItemKey, number>; findings: Finding[] } {
  const overrides = new Map<ItemKey, number>();
  if (step.do !== 'transfer' || step.late?.carried) {
    const goes = step.late?.carried ? 'goes to one person along with the switch' : 'is not handed to anybody';
    const findings = named.map(([key]) =>
      finding('override-unknown', step, ` ${goes}, so "${key}" cannot have a successor of its own.`),
    );
    return { step, overrides, findings: listed(findings) };
  }
  const successors = [...step.successors];
  const findings: Finding[] = [];
  for (const [key, { successor, refusal }] of named) {
    if (!successor) {
      findings.push(finding('successor-refused', step, `, item ${key}: ${refusal}`));
      continue;
    }
    const known = successors.findIndex(one => one.value === successor.value && one.kind === successor.kind);
    overrides.set(key, known < 0 ? successors.push(successor) - 1 : known);
  }
  const counts = successors.map((_, n) => step.counts[n] ?? 0);
  return {
    step: { ...step, successors, counts, overrides: overrides.size },
    overrides,
    findings: listed(findings),
  };
}

/** Overrides name items that the leaver does not hold. */
export function unheld(step: PlanStep, keys: readonly ItemKey[]): Finding[] {
  return listed(
    keys.map(key =>
      finding('override-unknown', step, `: the leaver does not hold "${key}", which an override names.`),
    ),
  );
}

/** Overrides that nobody knows, where a request names them by their digest. */
export function overridesMissing(reference: string): Finding {
  return {
    code: 'override-unknown',
    system: null,
    step: null,
    message: `The store has no overrides "${reference}": "amend" with the file of them (--overrides), which puts them there, or take them back with "overrides": null.`,
  };
}

/** Findings travel in the history: of a hundred thousand overrides, the first mistakes are enough. */
const MOST_LISTED = 20;

function listed(findings: Finding[]): Finding[] {
  const next = findings[MOST_LISTED];
  if (!next) return findings;
  const message = `The same goes for ${findings.length - MOST_LISTED} more.`;
  return [...findings.slice(0, MOST_LISTED), { ...next, message }];
}

/** Pages of a step as they are written: who takes which key, and what comes of it for the step. */
export interface Sharing {
  /**
   * Which successor takes each key of the page, -1 = nobody; null where one takes all, so that nobody has to
   * look at the keys. Pages come in the order of the system.
   */
  share(
    page: { count: number; fingerprint: string; attributes: (string | null)[] | null },
    keys: () => ItemKey[],
  ): number[] | null;
  /** The keys that a successor takes; null = all of the step. */
  takenBy(successor: number): ItemKey[] | null;
  /**
   * The baseline becomes what was written: the two must never differ. `unmet`: overrides whose key was not
   * there.
   */
  finish(): { step: PlanStep; findings: Finding[]; unmet: ItemKey[] };
}

export function sharing(step: PlanStep, overrides: ReadonlyMap<ItemKey, number>): Sharing {
  const transfers = step.do === 'transfer';
  const single = step.assignment.kind === 'one' && overrides.size === 0;
  const assign = assigner(step.assignment, step.pool, overrides);
  const taken: ItemKey[][] = step.successors.map(() => []);
  const nobody: ItemKey[] = [];
  const unmet = new Set(overrides.keys());
  let count = 0;
  let fingerprint = '0';
  return {
    share(page, keys) {
      count += page.count;
      fingerprint = combined([fingerprint, page.fingerprint]);
      if (!transfers || single) return null;
      return keys().map((key, n) => {
        const index = assign.next(key, page.attributes?.[n] ?? null);
        unmet.delete(key);
        (taken[index] ?? nobody).push(key);
        return index;
      });
    },
    takenBy: successor => (single ? null : taken[successor]!),
    finish() {
      const counts = single
        ? step.successors.map((_, n) => (n === 0 ? count : 0))
        : taken.map(keys => keys.length);
      return {
        step: { ...step, baseline: { count, fingerprint }, counts: transfers ? counts : [] },
        findings: nobody.length > 0 ? [unmatched(step, nobody)] : [],
        unmet: [...unmet],
      };
    },
  };
}

function unmatched(step: PlanStep, keys: readonly ItemKey[]): Finding {
  const first = keys.slice(0, 5).join(', ');
  return finding(
    'successor-missing',
    step,
    step.assignment.kind === 'first-of'
      ? `: none of those who are named may own ${keys.length} items (${first}); name one who may.`
      : `: the match rule names nobody for ${keys.length} items (${first}); add "otherwise".`,
  );
}

/** Names of the request's "successors" and "overrides" that are no system and no category of this run. */
export function unknownNames({ order, systems }: Facts, steps: readonly PlanStep[]): Finding[] {
  const known = new Set(
    systems.flatMap(one => [
      one.system,
      ...one.categories.map(category => `${one.system}/${category.category}`),
    ]),
  );
  const named = new Set([...Object.keys(order.successors ?? {}), ...Object.keys(order.overrides ?? {})]);
  const effects = steps.filter(isEffect).map(step => step.id);
  const unknown = [...named].filter(name => !known.has(name)).sort();
  return listed(
    unknown.map(name => ({
      code: 'override-unknown',
      system: null,
      step: null,
      message: `"successors" or "overrides" name "${name}", which is no system or category of this run; known are ${effects.join(', ')}.`,
    })),
  );
}

/** What a plan says beyond its steps. */
export interface Given {
  offboardingId: string;
  revision: number;
  manifest: string;
  leaver: Pick<Person, 'id' | 'name' | 'human'>;
  order: FullOrder;
  effectiveAt: When | null;
  /** Null = when access ends. */
  handoverAt: When | 'approval' | null;
  /** Null = it is no cover. */
  giveBackAt: When | null;
  policy: Policy;
  overridesDigest: string;
  named: Plan['named'];
  notes: string[];
  rules: Plan['rules'];
}

/**
 * The plan, but for its digest. @throws HandoverFailure (`configuration`) where the catalogs' edges go round
 * in a circle
 */
export function planFrom(given: Given, draft: Omit<Draft, 'findings'>): Omit<Plan, 'digest'> {
  const { id, name, human } = given.leaver;
  return {
    version: 1,
    offboardingId: given.offboardingId,
    revision: given.revision,
    manifest: given.manifest,
    leaver: { id, name, human },
    mode: draft.mode,
    modeReason: draft.modeReason,
    departure: given.order.departure,
    effectiveAt: given.effectiveAt?.at ?? null,
    ...(given.effectiveAt && { effectiveSays: given.effectiveAt.says }),
    ...handoverOf(given),
    ...(given.giveBackAt && { giveBackAt: given.giveBackAt.at, giveBackSays: given.giveBackAt.says }),
    accounts: draft.accounts,
    systems: draft.systems,
    steps: orderSteps(withMembershipEdges(draft.steps)),
    policy: given.policy,
    overridesDigest: given.overridesDigest,
    ...(given.named && Object.keys(given.named).length > 0 && { named: given.named }),
    notes: given.notes,
    rules: given.rules,
  };
}

function handoverOf({ handoverAt }: Given): Pick<Plan, 'handoverAt' | 'handoverSays'> {
  if (handoverAt === null) return {};
  if (handoverAt === 'approval') return { handoverAt };
  return { handoverAt: handoverAt.at, handoverSays: handoverAt.says };
}

function finding(code: Finding['code'], { system, id, title }: PlanStep, says: string): Finding {
  return { code, system, step: id, message: `${title} (${id})${says}` };
}
