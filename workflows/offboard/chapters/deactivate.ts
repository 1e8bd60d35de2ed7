/**
 * The switch, system by system, the directory last, each with a fresh proof immediately before it. It is the
 * last effect, unless something moves only afterwards: then that is handed over, and proven here once more.
 */
import type { DeactivateResult } from '../../../activities/deactivate.js';
import { leftOut } from '../../../domain/accounts.js';
import { lateSteps, sayLate } from '../../../domain/late.js';
import { deactivateId } from '../../../domain/plan.js';
import { cameIn, judgeProof, lostIn, switchedOnAgain } from '../../../domain/proof.js';
import { type Afterwards, notSwitchedOff, type Run } from '../../../domain/run.js';
import { handedOver, stays } from '../../../domain/stays.js';
import { ask, long } from '../../proxies.js';
import { close, type Desk, type Happening } from '../desk.js';
import { decided } from './decided.js';
import { park, progress } from './execute.js';
import { lookAtAll, noteSeen, reopen, seenKeys, throughPauses, waivedKeys } from './look-again.js';

export async function deactivate(desk: Desk): Promise<Happening> {
  const { run } = desk;
  const plan = run.plan!;
  await desk.whilePaused();
  if (desk.stopped()) return decided(desk)!;
  // Nobody is switched off anywhere while something is left somewhere.
  const left = await whatIsLeft(desk);
  if (left) return left;
  for (const { system } of plan.systems) {
    const id = deactivateId(system);
    if (run.steps[id] === undefined || run.steps[id].state === 'completed') continue;
    await desk.whilePaused();
    if (desk.stopped()) return decided(desk)!;
    const result = await switchOff(desk, system);
    if (!result) return brokenOff(desk, id);
    if (result.kind !== 'deactivated') return setBack(desk, id, result);
    const message = result.bySomebodyElse ? 'somebody else had switched it off' : null;
    progress(desk, id, { state: 'completed', message });
    desk.observed([system]);
    desk.change({
      access: { ...run.access, [system]: 'deactivated' },
      proofs: { ...run.proofs, [system]: result.proof },
    });
  }
  desk.change({ times: { ...run.times, deactivated: run.times.deactivated ?? new Date().toISOString() } });
  if (lateSteps(run).length > 0) return { event: 'switched-off', says: sayLate(run) };
  const afterwards = await lookOnceMore(desk);
  const others = leftOut(plan.accounts);
  const nothing =
    stays(run).length > 0 || others.length > 0 || foundSomething(afterwards) ? '' : ', nothing is left';
  return close(
    'completed',
    `${handedOver(run)}${nothing}, and the leaver ${afterwards.onAgain.length > 0 ? 'was' : 'is'} switched off.${sayLeftOut(others)}${stillOn(run)}${sayAfterwards(afterwards)}${tooLate(run)}`,
  );
}

/** What came while the accounts were switched off one after the other, wherever it came. */
async function lookOnceMore(desk: Desk): Promise<Afterwards> {
  const { run } = desk;
  const plan = run.plan!;
  const systems = plan.accounts.map(({ system }) => system);
  const off = plan.systems.map(({ system }) => system).filter(system => run.access[system] === 'deactivated');
  const says = `The last look: has anything come to ${run.leaver.name} meanwhile?`;
  const input = { plan: plan.digest, waived: waivedKeys(run), seen: seenKeys(run) };
  const answers = await throughPauses(desk, () => Promise.all([ask(long.lookOnceMore, says, input)]));
  const found = answers?.[0] ?? { ok: false, sentence: 'It was broken off: the run is to end.' };
  const { sights, unread } = found.ok
    ? found.value
    : { sights: [], unread: systems.map(system => ({ system, why: found.sentence })) };
  noteSeen(desk, sights);
  const afterwards: Afterwards = {
    at: new Date().toISOString(),
    came: cameIn({ plan, systems, looks: sights, unread }),
    accountsChanged: sights.flatMap(sight => sight.accountsChanged),
    onAgain: switchedOnAgain(sights, off),
    lost: lostIn({ plan, looks: sights }),
    danger: Object.fromEntries(
      sights.flatMap(({ system, danger = [] }) => (danger.length > 0 ? [[system, danger]] : [])),
    ),
  };
  for (const system of afterwards.onAgain) desk.change({ access: { ...run.access, [system]: 'open' } });
  desk.change({ afterwards });
  return afterwards;
}

/** Null = the run is to end, and the system did not answer: nobody knows yet whether it was done. */
async function switchOff(desk: Desk, system: string): Promise<DeactivateResult | null> {
  const { run } = desk;
  progress(desk, deactivateId(system), { state: 'running', message: null });
  desk.change({ turns: run.turns + 1 });
  const says = `Prove that nothing is left in ${system}, then switch ${run.leaver.name} off`;
  const input = {
    offboardingId: run.offboardingId,
    workflowId: run.workflowId,
    plan: run.plan!.digest,
    system,
    turn: run.turns,
    waived: waivedKeys(run),
    seen: seenKeys(run),
  };
  const answers = await throughPauses(desk, () => Promise.all([ask(long.deactivate, says, input)]));
  const [done] = answers ?? [];
  if (!done) return null;
  return done.ok ? done.value : { kind: 'refused', message: done.sentence };
}

/** The close asks what became of it. */
function brokenOff(desk: Desk, id: string): Happening {
  const message = 'It was broken off: the system did not answer.';
  progress(desk, id, { state: 'failed', message });
  return decided(desk)!;
}

function foundSomething({ came, accountsChanged }: Afterwards): boolean {
  return came.length > 0 || accountsChanged.length > 0;
}

/** What the last look found, as the end of a sentence; empty where it found nothing. */
function sayAfterwards({ came, accountsChanged, onAgain, lost = [] }: Afterwards): string {
  const found = came.filter(({ count }) => count !== null).map(({ where, count }) => `${count} in ${where}`);
  const unread = came.filter(({ count }) => count === null).map(({ where }) => where);
  return [
    found.length > 0 ? ` Came while accounts were switched off: ${found.join(', ')}.` : '',
    unread.length > 0 ? ` The last look could not read ${unread.join(', ')}.` : '',
    lost.length > 0
      ? ` Kept, and not as it was: ${lost.map(({ step, before, now }) => `${step} (${before} when planned, ${now} now)`).join(', ')}.`
      : '',
    ...accountsChanged.map(sentence => ` ${sentence}`),
    onAgain.length > 0 ? ` On again by somebody else: ${onAgain.join(', ')}.` : '',
  ].join('');
}

/** What may be the leaver's and is in nobody's hands: people acknowledged it by name. */
function sayLeftOut(others: ReturnType<typeof leftOut>): string {
  const where = others.map(({ system, count }) => `${count} in ${system}`).join(', ');
  return where && ` Left out although it may be theirs, as acknowledged: ${where}.`;
}

/** Systems that only people can switch somebody off in. */
function stillOn(run: Run): string {
  const systems = notSwitchedOff(run);
  return systems.length > 0 ? ` To be switched off by hand: ${systems.join(', ')}.` : '';
}

/** The last switch is not taken back half-way: whoever cancelled during it is told what became of it. */
function tooLate(run: Run): string {
  return run.turn?.kind === 'cancel'
    ? ' The cancellation came while the last account was being switched off, too late to stop it.'
    : '';
}

/** Null when a fresh look at every system shows nothing; else what happens instead of the switch. */
async function whatIsLeft(desk: Desk): Promise<Happening | null> {
  const { run } = desk;
  const plan = run.plan!;
  const { looks, unread } = await lookAtAll(desk, 'Proof that nothing is left', false);
  if (desk.stopped()) return decided(desk);
  const off = plan.systems
    .map(({ system }) => system)
    .filter(system => run.steps[deactivateId(system)]?.state === 'completed');
  for (const system of switchedOnAgain(looks, off)) {
    progress(desk, deactivateId(system), { state: 'queued', message: null });
    desk.change({ access: { ...run.access, [system]: 'open' } });
  }
  const systems = plan.accounts.map(({ system }) => system);
  // Also what has its turn after a switch that is made already, where a history goes on between two of them.
  const later = lateSteps(run)
    .filter(({ id }) => run.steps[id]?.state === 'queued')
    .map(({ id }) => id);
  const verdict = judgeProof({ plan, systems, looks, unread, later });
  switch (verdict.kind) {
    case 'proven':
      return null;
    case 'left':
      return again(desk, verdict.steps);
    case 'reopened':
      reopen(desk, verdict.looks);
      return park(desk);
    case 'refused': {
      const first = plan.steps.find(
        step => step.phase === 'deactivate' && run.steps[step.id]?.state !== 'completed',
      )!;
      progress(desk, first.id, { state: 'failed', message: verdict.message });
      return park(desk);
    }
  }
}

function setBack(
  desk: Desk,
  id: string,
  result: Exclude<DeactivateResult, { kind: 'deactivated' }>,
): Happening {
  switch (result.kind) {
    case 'left':
      progress(desk, id, { state: 'queued' });
      return again(desk, result.steps);
    case 'reopened':
      progress(desk, id, { state: 'queued' });
      reopen(desk, result.looks);
      return park(desk);
    case 'refused':
      progress(desk, id, { state: 'failed', message: result.message });
      return park(desk);
  }
}

/**
 * Something landed on the leaver between the steps and the proof: move it too, a few times, then ask people.
 */
function again(desk: Desk, left: { step: string; count: number }[]): Happening {
  const { run } = desk;
  const proofs = run.failedProofs + 1;
  desk.change({ failedProofs: proofs });
  const tired = proofs > run.plan!.policy.rounds;
  for (const { step, count } of left) {
    progress(
      desk,
      step,
      tired
        ? {
            state: 'failed',
            message: `${count} items keep coming. Stop that, then send "retry".`,
            remaining: count,
          }
        : { state: 'queued', remaining: count },
    );
  }
  if (tired) return park(desk);
  const came = left.reduce((sum, item) => sum + item.count, 0);
  return { event: 'arrived', says: `${came} items came in the meantime: handing them over too.` };
}
