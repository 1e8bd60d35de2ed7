/** The last effect, system by system, the directory last, each with a fresh proof immediately before it. */
import type { DeactivateResult } from '../../../activities/deactivate.js';
import { deactivateId } from '../../../domain/plan.js';
import { judgeProof, switchedOnAgain } from '../../../domain/proof.js';
import { handedOver, notSwitchedOff, type Run, waivedItems } from '../../../domain/run.js';
import { ask, long } from '../../proxies.js';
import { close, type Desk, type Happening } from '../desk.js';
import { decided } from './decided.js';
import { park, progress } from './execute.js';
import { lookAtAll, reopen, seenKeys, waivedKeys } from './look-again.js';

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
    if (result.kind !== 'deactivated') return setBack(desk, id, result);
    const landed = result.after.map(item => `${item.count ?? 'unread'} in ${item.step}`).join(', ');
    const said = [
      result.bySomebodyElse ? 'somebody else had switched it off' : '',
      landed ? `came after the switch: ${landed}` : '',
    ];
    progress(desk, id, { state: 'completed', message: said.filter(Boolean).join('; ') || null });
    const { at, kept, coverage } = result.proof;
    desk.change({
      access: { ...run.access, [system]: 'deactivated' },
      proofs: { ...run.proofs, [system]: { at, kept, after: result.after } },
      ...(coverage ? { coverage: { ...run.coverage, [system]: coverage } } : {}),
    });
  }
  desk.change({ times: { ...run.times, deactivated: new Date().toISOString() } });
  const nothing = waivedItems(run) > 0 ? '' : ', nothing is left';
  return close(
    'completed',
    `${handedOver(run)}${nothing}, and the leaver is switched off.${stillOn(run)}${tooLate(run)}`,
  );
}

async function switchOff(desk: Desk, system: string): Promise<DeactivateResult> {
  const { run } = desk;
  progress(desk, deactivateId(system), { state: 'running', message: null });
  desk.change({ turns: run.turns + 1 });
  const says = `Prove that nothing is left in ${system}, then switch ${run.leaver.name} off`;
  const done = await ask(long.deactivate, says, {
    offboardingId: run.offboardingId,
    workflowId: run.workflowId,
    plan: run.plan!.digest,
    system,
    turn: run.turns,
    waived: waivedKeys(run),
    seen: seenKeys(run),
  });
  return done.ok ? done.value : { kind: 'refused', message: done.sentence };
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
  const { looks, unread } = await lookAtAll(desk, 'Proof that nothing is left');
  const off = plan.systems
    .map(({ system }) => system)
    .filter(system => run.steps[deactivateId(system)]?.state === 'completed');
  for (const system of switchedOnAgain(looks, off)) {
    progress(desk, deactivateId(system), { state: 'queued', message: null });
    desk.change({ access: { ...run.access, [system]: 'open' } });
  }
  const systems = plan.accounts.filter(({ accounts }) => accounts.length > 0).map(({ system }) => system);
  const verdict = judgeProof({ plan, systems, looks, unread });
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
