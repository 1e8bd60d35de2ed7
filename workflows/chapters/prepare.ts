/** Accounts, guards, the block of an unplanned departure, the first inventory, and one revision of the plan. */
import { workflowInfo } from '@temporalio/workflow';
import type { ResolvedAccounts } from '../../activities/accounts.js';
import type { Account, Finding } from '../../domain/model.js';
import { isEffect, type Plan, toAcknowledge } from '../../domain/plan.js';
import { number } from '../../domain/report.js';
import { type Access, changedItems, doneSoFar, queuedStep, type Run } from '../../domain/run.js';
import type { Desk } from '../desk.js';
import { attempt, long, quick } from '../proxies.js';

export async function prepare(desk: Desk): Promise<void> {
  const { run } = desk;
  desk.change({ replan: false, findings: [], approvals: [], confirmedBy: null, waivers: {} });
  const accounts = await resolveAccounts(desk);
  if (!accounts) return;
  if (run.order.departure === 'unplanned' && run.order.mode !== 'preview') await blockAll(desk, blockable(accounts));
  if (interrupted(desk)) return;
  if (accounts.findings.length > 0) return correct(desk, accounts.findings);

  desk.enter(
    'preparing',
    `Looking at what the leaver owns in ${accounts.accounts.filter(one => one.status === 'found').length} systems.`,
  );
  const present = accounts.accounts.filter(account => account.status === 'found');
  // A system that is out of reach for hours must not keep an amendment or a cancellation waiting.
  const looks = await desk.interruptible(() =>
    Promise.all(
      present.map(account =>
        attempt(() =>
          long.look.executeWithOptions({ summary: `Inventory of ${account.system}` }, [
            { offboardingId: run.offboardingId, account, plan: null, waived: {}, seen: {} },
          ]),
        ),
      ),
    ),
  );
  if (interrupted(desk)) return;
  if (!looks) return void (await desk.wait(() => run.pausedBy === null || run.replan));
  const unread = looks.flatMap((look, n): Finding[] =>
    look.ok
      ? []
      : [
          {
            code: 'system-unreachable',
            system: present[n]!.system,
            step: null,
            message: `${present[n]!.system} could not be read: ${look.sentence} Mend it and send "retry".`,
          },
        ],
  );
  if (unread.length > 0) return correct(desk, unread);

  const revision = run.revision + 1;
  const made = await attempt(() =>
    long.makePlan.executeWithOptions({ summary: `Plan, revision ${revision}` }, [
      {
        offboardingId: run.offboardingId,
        runId: workflowInfo().runId,
        revision,
        leaverId: run.leaver.id,
        order: run.order,
        accounts: accounts.accounts,
        inventories: looks.flatMap(look => (look.ok ? { system: look.value.system, inventory: look.value.inventory } : [])),
        acknowledgements: run.acknowledgements,
      },
    ]),
  );
  desk.change({ revision });
  if (!made.ok)
    return correct(desk, [
      {
        code: 'system-unreachable',
        system: null,
        step: null,
        message: `The plan could not be made: ${made.sentence} Send "retry" once it is mended.`,
      },
    ]);
  if (!made.value.plan) return correct(desk, made.value.findings);
  adopt(desk, made.value.plan, made.value.reopened);
}

async function resolveAccounts(desk: Desk): Promise<ResolvedAccounts | null> {
  const { run } = desk;
  const resolved = await attempt(() =>
    quick.resolveAccounts.executeWithOptions({ summary: 'Accounts of the leaver, and whether they may be switched off' }, [
      {
        offboardingId: run.offboardingId,
        workflowId: run.workflowId,
        leaver: run.leaver,
        requester: run.requester,
        order: run.order,
      },
    ]),
  );
  if (!resolved.ok) {
    correct(desk, [
      { code: 'system-unreachable', system: null, step: null, message: `${resolved.sentence} Mend it and send "retry".` },
    ]);
    return null;
  }
  const { objection, accounts } = resolved.value;
  if (objection) {
    desk.change({ state: 'closed', outcome: 'refused', sentence: objection });
    return null;
  }
  const access = Object.fromEntries(accounts.map((account): [string, Access] => [account.system, accessOf(run, account)]));
  desk.change({ access: { ...run.access, ...access }, accounts });
  return resolved.value;
}

/** As it was read now: a block that somebody lifted is no block any more. */
function accessOf(run: Run, account: Account): Access {
  if (account.status === 'absent') return 'absent';
  if (!account.active) return run.access[account.system] === 'deactivated' ? 'deactivated' : 'was-inactive';
  return account.blocked ? 'blocked' : 'open';
}

/** Guards come before the block: a protected account is never touched, the last owner of a system keeps access to it. */
function blockable({ accounts, findings }: ResolvedAccounts): Account[] {
  if (findings.some(finding => finding.code === 'leaver-protected')) return [];
  const guarded = findings.filter(finding => finding.code === 'last-owner').map(finding => finding.system);
  return accounts.filter(account => !guarded.includes(account.system));
}

/** The one effect before approval: reversible, as soon as an account is known. A failed block stops nothing and stays visible. */
async function blockAll(desk: Desk, accounts: readonly Account[]): Promise<void> {
  const { run } = desk;
  const turn = run.turns + 1;
  desk.change({ turns: turn });
  await Promise.all(
    accounts
      .filter(account => account.status === 'found' && run.access[account.system] === 'open')
      .map(async account => {
        const { system } = account;
        const blocked = await attempt(() =>
          quick.blockAccess.executeWithOptions({ summary: `Block sign-in in ${system}` }, [
            { offboardingId: run.offboardingId, account, turn },
          ]),
        );
        const problem = blocked.ok ? blocked.value.message : blocked.sentence;
        if (problem) return desk.change({ blockProblems: { ...run.blockProblems, [system]: problem } });
        desk.change({
          access: { ...run.access, [system]: 'blocked' },
          blockedByUs: blocked.ok && blocked.value.ours ? [...run.blockedByUs, system] : run.blockedByUs,
        });
      }),
  );
  const open = Object.values(run.access).filter(access => access === 'open').length;
  if (open === 0 && !run.times.blocked) desk.change({ times: { ...run.times, blocked: new Date().toISOString() } });
}

/** An amendment or a cancellation that came meanwhile makes this round moot. */
function interrupted(desk: Desk): boolean {
  return desk.stopped() || desk.run.replan || desk.run.state === 'closed';
}

function correct(desk: Desk, findings: Finding[]): void {
  if (interrupted(desk)) return;
  desk.change({ findings });
  desk.enter(
    'needs-correction',
    `${findings.length} thing${findings.length === 1 ? '' : 's'} must be settled before there is a plan. ${changedItems(desk.run) > 0 ? doneSoFar(desk.run) : 'Nothing but a block was written yet.'}`,
  );
}

/** A new revision: approvals were voided, acknowledgements survive unless there is something nobody has seen. */
function adopt(desk: Desk, plan: Plan, reopened: readonly string[]): void {
  const { run } = desk;
  const acknowledgements = Object.fromEntries(
    Object.entries(run.acknowledgements).filter(([subject]) => !reopened.includes(subject)),
  );
  const steps = Object.fromEntries(
    plan.steps
      .filter(step => isEffect(step) || step.phase === 'deactivate')
      .map(step => [step.id, carried(run, step.id, step.baseline.count)]),
  );
  desk.change({ plan, steps, acknowledgements, shown: {}, retries: 0, started: false, failedProofs: 0 });
  if (interrupted(desk)) return;
  if (plan.mode === 'preview') {
    return desk.change({
      state: 'closed',
      outcome: 'previewed',
      sentence: 'This was a preview: nobody was asked and nothing was changed.',
    });
  }
  const items = plan.steps.filter(isEffect).reduce((sum, step) => sum + step.baseline.count, 0);
  const switches = plan.steps.some(step => step.phase === 'deactivate');
  if (items === 0 && !switches && toAcknowledge(plan).length === 0 && changedItems(run) === 0) {
    return desk.change({
      state: 'closed',
      outcome: 'nothing-to-do',
      sentence: 'There is nothing to hand over and nobody to switch off.',
    });
  }
  desk.enter('awaiting-approval', `${number(items)} items are to be handed over; the plan waits for people.`);
}

/** What an earlier revision did stays counted; what it left is queued again. */
function carried(run: Run, id: string, baseline: number): Run['steps'][string] {
  const earlier = run.steps[id];
  if (!earlier) return queuedStep();
  // A deactivation that the new plan names again is to be done again: somebody switched the account back on.
  if (earlier.state === 'completed' && baseline === 0 && !id.endsWith('/deactivate')) return earlier;
  return { ...earlier, state: 'queued', message: null, remaining: null, leftover: null };
}
