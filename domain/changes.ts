/**
 * What one revision of a plan says that the one before it did not: whoever approved that one knows the rest.
 */
import { accountsIn, sayAccount } from './accounts.js';
import { sayDates } from './dates.js';
import { canonicalJson, type Plan, type PlanStep } from './plan.js';
import { takers } from './view.js';
import { number } from './words.js';

type Undigested = Omit<Plan, 'digest'>;

/** As sentences, the general first and then step by step in the order of the newer plan; empty = nothing. */
export function changesSince(before: Undigested, after: Undigested): string[] {
  return [...whole(before, after), ...inSystems(before, after), ...inSteps(before, after)];
}

/** The same as notes of the newer plan, the first ones of many. */
export function changeNotes(before: Undigested, after: Undigested): string[] {
  const all = changesSince(before, after);
  const notes = all.slice(0, MOST).map(change => `Since plan ${before.revision}: ${change}`);
  const more = all.length - MOST;
  return more > 0 ? [...notes, `Since plan ${before.revision}: ${number(more)} more changes.`] : notes;
}

/** Who has more to read sees no change among them. */
const MOST = 20;

function whole(before: Undigested, after: Undigested): string[] {
  const when = (plan: Undigested): string => sayDates(plan) ?? 'access ends as soon as it is approved';
  const differs = (of: (plan: Undigested) => unknown): boolean =>
    canonicalJson(of(before)) !== canonicalJson(of(after));
  return [
    ...(before.mode === after.mode ? [] : [`The mode is ${after.mode} instead of ${before.mode}.`]),
    ...(before.departure === after.departure
      ? []
      : [`The departure is ${after.departure} instead of ${before.departure}.`]),
    ...(when(before) === when(after) ? [] : [`The dates: ${when(after)}; before: ${when(before)}.`]),
    ...(differs(plan => plan.policy) ? ['The policy is another one.'] : []),
    ...(before.overridesDigest === after.overridesDigest
      ? []
      : ['Other items have a successor of their own.']),
  ];
}

function inSystems(before: Undigested, after: Undigested): string[] {
  const known = new Map(before.systems.map(one => [one.system, one]));
  const come = after.systems.flatMap(one => {
    const was = known.get(one.system);
    if (!was) return [`${one.title} was not in it before.`];
    const accounts = (plan: Undigested): string[] => accountsIn(plan.accounts, one.system).map(sayAccount);
    const [then, now] = [accounts(before), accounts(after)];
    return [
      ...now.filter(each => !then.includes(each)).map(each => `${one.title}: ${each} is one of theirs now.`),
      ...then.filter(each => !now.includes(each)).map(each => `${one.title}: ${each} is left out now.`),
      ...(was.catalog === one.catalog ? [] : [`${one.title}: its catalog does something else.`]),
      ...(was.switchOff === one.switchOff ? [] : [`${one.title}: accounts are switched off in another way.`]),
    ];
  });
  const left = before.systems.filter(one => !after.systems.some(({ system }) => system === one.system));
  return [...come, ...left.map(({ title }) => `${title} is not in it any more.`)];
}

function inSteps(before: Undigested, after: Undigested): string[] {
  const known = new Map(before.steps.map(step => [step.id, step]));
  const come = after.steps.flatMap(step => {
    const was = known.get(step.id);
    if (!was) return isWorthALine(step) ? [`${step.id}: ${says(step)}; it was not in it before.`] : [];
    if (says(was) !== says(step)) return [`${step.id}: ${says(step)}, instead of ${says(was)}.`];
    return [
      ...(was.baseline.fingerprint === step.baseline.fingerprint
        ? []
        : [`${step.id}: as many as before, and other items.`]),
      ...(canonicalJson(was.elsewhere ?? []) === canonicalJson(step.elsewhere ?? [])
        ? []
        : [`${step.id}: what it changes besides is something else.`]),
    ];
  });
  const left = before.steps.filter(
    step => isWorthALine(step) && !after.steps.some(({ id }) => id === step.id),
  );
  return [...come, ...left.map(step => `${step.id}: not in it any more; it was ${says(step)}.`)];
}

/** A category without anything in it is in every plan, and nobody's news. */
const isWorthALine = ({ phase, baseline }: PlanStep): boolean => phase === 'deactivate' || baseline.count > 0;

function says(step: PlanStep): string {
  if (step.phase === 'deactivate') return 'switched off';
  if (step.phase === 'manual' || step.phase === 'keep')
    return `${number(step.baseline.count)} ${step.title} (${step.do})`;
  return `${number(step.baseline.count)} ${step.title}${takers(step)}`;
}
