/**
 * What a certificate does not vouch for, as sentences: printed in it, so that nobody takes its silence for an
 * answer.
 */
import type { GivenApproval } from './approved.js';
import { toWatch } from './bombs.js';
import { evidenceOf } from './evidence.js';
import { own } from './own.js';
import type { Identity } from './people.js';
import { deactivateId, isEffect, sayUndone } from './plan.js';
import type { Run } from './run.js';
import { stays } from './stays.js';
import { lastDay, sweepOf } from './sweep.js';
import { minuteOf, number } from './words.js';

interface Receipt {
  step: string;
  state: 'intended' | 'done' | 'aborted';
  sure: 'asked' | 'read' | null;
}

/** @param approvals of every plan of the run */
export function notCovered(
  run: Run,
  receipts: readonly Receipt[],
  approvals: readonly Pick<GivenApproval, 'by'>[],
): string[] {
  const { plan } = run;
  if (!plan) return ['There was no plan, so nothing was looked at beyond what is said here.'];
  return [
    ...placesOf(run),
    ...systemsOf(run),
    ...stepsOf(run, receipts),
    ...bombsOf(run),
    ...stays(run)
      .filter(({ how }) => how === 'acknowledged')
      .map(
        ({ step, count, by }) =>
          `${step}: ${count} still there; what becomes of them is attested by ${by[0]} alone.`,
      ),
    ...decisionsOf(run, approvals),
  ];
}

function placesOf(run: Run): string[] {
  return run.plan!.systems.flatMap(({ system, title }) => {
    const covered = own(run.coverage ?? {}, system);
    if (covered?.kind !== 'read')
      return [`${title}: whether every place that can hold a person is in its catalog was not checked.`];
    const { open, more, undecided, unread = [], unreadMore = 0 } = covered;
    const names = `${open.map(({ place }) => place).join(', ')}${more > 0 ? ` and ${number(more)} more` : ''}`;
    return [
      ...(open.length > 0 ? [`${title}: ${names} can hold a person and stand in no catalog.`] : []),
      ...(unread.length > 0
        ? [
            `${title}: ${unread.map(({ place }) => place).join(', ')}${unreadMore > 0 ? ` and ${number(unreadMore)} more` : ''} could not be looked at for people.`,
          ]
        : []),
      ...(undecided > 0
        ? [`${title}: of ${number(undecided)} places it is not certain whether they hold people.`]
        : []),
    ];
  });
}

function systemsOf(run: Run): string[] {
  const { plan, order } = run;
  const asked = order.systems
    ? [`Only ${order.systems.join(', ')} were looked at, as the request asked.`]
    : [];
  const each = plan!.systems.flatMap(({ system, title, switchOff }) => {
    const access = run.access[system];
    if (access === 'absent') return [`${title}: no account was found, so nothing was looked at there.`];
    if (switchOff === 'by-hand' && access !== 'deactivated')
      return [`${title}: that the account is switched off is attested, not seen.`];
    if (access === 'open' || access === 'blocked')
      return [`${title}: the account is still there (${access}).`];
    if (run.steps[deactivateId(system)]?.state !== 'completed') return [];
    const proof = run.proofs[system];
    if (!proof) return [`${title}: what it showed before the switch is not recorded.`];
    return proof.within
      ? []
      : [`${title}: what came in the moment between the last look and the switch was not seen before it.`];
  });
  return [...asked, ...each, ...plan!.systems.flatMap(sayUndone)];
}

function stepsOf(run: Run, receipts: readonly Receipt[]): string[] {
  return run.plan!.steps.flatMap(step => {
    if (!isEffect(step) && step.phase !== 'deactivate') return [];
    const state = run.steps[step.id]?.state;
    const evidence = evidenceOf(receipts.filter(receipt => receipt.step === step.id));
    return [
      ...(state === 'completed' || state === 'skipped'
        ? []
        : [`${step.id} was not finished (${state ?? 'not-run'}).`]),
      ...(evidence === 'read' ? [`${step.id}: some effects were only read to be so, not asked for.`] : []),
      ...(evidence === 'unsettled' ? [`${step.id}: what became of some effects is not known.`] : []),
    ];
  });
}

/** What acts by itself when nobody looks any more. */
function bombsOf(run: Run): string[] {
  const { plan, times } = run;
  const off = times.deactivated;
  const policy = off === null ? null : sweepOf(plan!.policy);
  const until = policy && lastDay(policy, off!);
  // What has acted by the time the run ends is no news.
  const { beyond } = toWatch(plan!, off ?? times.requested, until);
  const steps = [...new Set(beyond.map(({ step }) => step))];
  return steps.map(id => {
    const theirs = beyond.filter(({ step }) => step === id);
    const many = theirs.reduce((sum, { count }) => sum + count, 0);
    const why = until === null ? 'there is no sweep' : `the sweep ends by ${minuteOf(until)}`;
    return `${id}: ${number(many)} ${many === 1 ? 'acts' : 'act'} by ${many === 1 ? 'itself' : 'themselves'} from ${minuteOf(theirs[0]!.at)} on, and nobody looks then whose ${many === 1 ? 'it is' : 'they are'}: ${why}.`;
  });
}

function decisionsOf(run: Run, approved: readonly Pick<GivenApproval, 'by'>[]): string[] {
  const signed = [
    ...approved.map(({ by }) => by),
    ...Object.values(run.acknowledgements).flatMap(({ by }) => by ?? []),
    ...Object.values(run.waivers).flatMap(({ approvals }) => approvals.map(({ by }) => by)),
  ];
  const isClaimed = ({ identity }: { identity: Identity }): boolean => identity.kind === 'claimed';
  const names = [...new Set(signed.filter(isClaimed).map(({ name }) => name))];
  return names.length > 0
    ? [`That the decisions of ${names.join(', ')} are theirs is claimed, not verified.`]
    : [];
}
