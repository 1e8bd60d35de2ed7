/** The last effect, system by system, the directory last, each with a fresh proof immediately before it. */
import type { DeactivateResult } from '../../activities/deactivate.js';
import { deactivateId } from '../../domain/plan.js';
import { judgeProof, switchedOnAgain } from '../../domain/proof.js';
import { handedOver, notSwitchedOff, type Run, waivedItems } from '../../domain/run.js';
import { summary } from '../../domain/summary.js';
import type { Desk } from '../desk.js';
import { attempt, long } from '../proxies.js';
import { park, progress } from './execute.js';
import { lookAtAll, reopen, seenKeys, waivedKeys } from './look-again.js';

export async function deactivate(desk: Desk): Promise<void> {
  const { run } = desk;
  const plan = run.plan!;
  if (run.pausedBy) await desk.wait(() => run.pausedBy === null);
  if (desk.stopped()) return;
  // Nobody is switched off anywhere while something is left somewhere.
  if (!(await nothingLeft(desk)) || desk.stopped()) return;
  for (const account of plan.accounts) {
    const id = deactivateId(account.system);
    if (run.steps[id] === undefined || run.steps[id].state === 'completed') continue;
    if (run.pausedBy) await desk.wait(() => run.pausedBy === null);
    if (desk.stopped()) return;
    progress(desk, id, { state: 'running', message: null });
    desk.change({ turns: run.turns + 1 });
    const done = await attempt(() =>
      long.deactivate.executeWithOptions(
        { summary: summary(`Prove that nothing is left in ${account.system}, then switch ${run.leaver.name} off`) },
        [
          {
            offboardingId: run.offboardingId,
            workflowId: run.workflowId,
            plan: plan.digest,
            system: account.system,
            turn: run.turns,
            waived: waivedKeys(run),
            seen: seenKeys(run),
          },
        ],
      ),
    );
    const result: DeactivateResult = done.ok ? done.value : { kind: 'refused', message: done.sentence };
    if (result.kind !== 'deactivated') return setBack(desk, id, result);
    const landed = result.after.map(item => `${item.count ?? 'unread'} in ${item.step}`).join(', ');
    progress(desk, id, {
      state: 'completed',
      message:
        [result.bySomebodyElse ? 'somebody else had switched it off' : '', landed ? `came after the switch: ${landed}` : '']
          .filter(Boolean)
          .join('; ') || null,
    });
    desk.change({
      access: { ...run.access, [account.system]: 'deactivated' },
      proofs: { ...run.proofs, [account.system]: { ...result.proof, after: result.after } },
    });
  }
  desk.change({ times: { ...run.times, deactivated: new Date().toISOString() } });
  desk.change({
    state: 'closed',
    outcome: 'completed',
    sentence: `${handedOver(run)}${waivedItems(run) > 0 ? '' : ', nothing is left'}, and the leaver is switched off.${stillOn(run)}${tooLate(run)}`,
  });
}

/** Systems that only people can switch somebody off in. */
function stillOn(run: Run): string {
  const systems = notSwitchedOff(run);
  return systems.length > 0 ? ` To be switched off by hand: ${systems.join(', ')}.` : '';
}

/** The last switch is not taken back half-way: whoever cancelled during it is told what became of it. */
function tooLate(run: Run): string {
  return run.cancellation ? ' The cancellation came while the last account was being switched off, too late to stop it.' : '';
}

async function nothingLeft(desk: Desk): Promise<boolean> {
  const { run } = desk;
  const plan = run.plan!;
  const { looks, unread } = await lookAtAll(run, 'Proof that nothing is left');
  const off = plan.accounts
    .map(account => account.system)
    .filter(system => run.steps[deactivateId(system)]?.state === 'completed');
  for (const system of switchedOnAgain(looks, off)) {
    progress(desk, deactivateId(system), { state: 'queued', message: null });
    desk.change({ access: { ...run.access, [system]: 'open' } });
  }
  const systems = plan.accounts.filter(account => account.status === 'found').map(account => account.system);
  const verdict = judgeProof({ plan, systems, looks, unread });
  switch (verdict.kind) {
    case 'proven':
      return true;
    case 'left':
      again(desk, verdict.steps);
      return false;
    case 'reopened':
      reopen(desk, verdict.looks);
      park(desk);
      return false;
    case 'refused': {
      const first = plan.steps.find(step => step.phase === 'deactivate' && run.steps[step.id]?.state !== 'completed')!;
      progress(desk, first.id, { state: 'failed', message: verdict.message });
      park(desk);
      return false;
    }
  }
}

function setBack(desk: Desk, id: string, result: Exclude<DeactivateResult, { kind: 'deactivated' }>): void {
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

/** Something landed on the leaver between the steps and the proof: move it too, a few times, then ask people. */
function again(desk: Desk, left: { step: string; count: number }[]): void {
  const { run } = desk;
  const proofs = run.failedProofs + 1;
  desk.change({ failedProofs: proofs });
  const tired = proofs > run.plan!.policy.rounds;
  for (const { step, count } of left) {
    progress(
      desk,
      step,
      tired
        ? { state: 'failed', message: `${count} items keep coming. Stop that, then send "retry".`, remaining: count }
        : { state: 'queued', remaining: count },
    );
  }
  if (tired) return park(desk);
  desk.enter(
    'executing',
    `${left.reduce((sum, item) => sum + item.count, 0)} items came in the meantime: handing them over too.`,
  );
}
