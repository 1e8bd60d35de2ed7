/**
 * A small made-up offboarding as values, for tests of the pure core: Alice leaves, Olivia asked for it, Priya
 * may approve.
 */
import type { Sender } from '../../domain/judge.js';
import type { RunState } from '../../domain/model.js';
import type { Plan, PlanStep } from '../../domain/plan.js';
import { policySchema } from '../../domain/policy.js';
import type { FullOrder } from '../../domain/request.js';
import { newRun, queuedStep, type Run, type StepProgress } from '../../domain/run.js';

export const NOW = '2026-11-20T10:00:00.000Z';
export const DIGEST = 'a1b2c3d4e5f6'.padEnd(64, '0');
/** Of the keys that a skip would leave. */
export const LEFT = 'feed00c0ffee'.padEnd(64, '0');

export function decider(name: string, more: Partial<Sender> = {}): Sender {
  const id = name.toLowerCase();
  const may = { barred: null, doubt: null, operator: true, approver: true };
  return { id, name, human: id, ...may, identity: { kind: 'claimed' }, ...more };
}

export const alice = decider('Alice');
export const bob = decider('Bob');
export const olivia = decider('Olivia', { approver: false });
export const priya = decider('Priya', { operator: false });
export const dan = decider('Dan', { operator: false });

export const order: FullOrder = {
  user: 'alice@demo.example',
  requestedBy: 'olivia@demo.example',
  mode: 'execute-and-deactivate',
  departure: 'planned',
};

export function step(id: string, more: Partial<PlanStep> = {}): PlanStep {
  const [system, category] = id.split('/') as [string, string];
  return {
    id,
    system,
    category,
    title: category.replaceAll('_', ' '),
    do: 'transfer',
    phase: 'transfer',
    after: [],
    baseline: { count: 3, fingerprint: '7' },
    rule: 'person',
    successors: [{ kind: 'person', personId: 'bob', human: 'bob', label: 'Bob', value: '2' }],
    assignment: { kind: 'one' },
    pool: 1,
    counts: [3],
    overrides: 0,
    page: null,
    firesAt: null,
    reason: null,
    ...more,
  };
}

/** Nobody takes these over. */
const nobody = { rule: null, successors: [], counts: [] };

export const tasks = step('crm/tasks', { title: 'open tasks' });
export const teams = step('crm/teams', {
  title: 'team memberships',
  do: 'remove',
  phase: 'membership',
  ...nobody,
});
export const mailbox = step('crm/mailbox', {
  title: 'shared mailboxes',
  do: 'acknowledge',
  phase: 'manual',
  page: 'https://crm.example/mailboxes',
  ...nobody,
});
export const closedTasks = step('crm/closed_tasks', {
  do: 'keep',
  phase: 'keep',
  reason: 'history stays',
  ...nobody,
});
export const off = step('crm/deactivate', {
  title: 'switch the account off in CRM',
  do: 'deactivate',
  phase: 'deactivate',
  baseline: { count: 0, fingerprint: '0' },
  ...nobody,
});

export function plan(more: Partial<Plan> = {}): Plan {
  return {
    version: 1,
    offboardingId: 'o-1',
    revision: 1,
    manifest: 'm-1',
    leaver: { id: alice.id, name: alice.name, human: alice.human },
    mode: 'execute-and-deactivate',
    modeReason: null,
    departure: 'planned',
    effectiveAt: null,
    accounts: [{ system: 'crm', accounts: [{ identities: { user: ['1'] }, active: true, blocked: false }] }],
    systems: [{ system: 'crm', title: 'CRM', catalog: 'c-1', accountExpected: false, switchOff: 'api' }],
    steps: [tasks, teams, mailbox, closedTasks, off],
    policy: policySchema.parse({}),
    overridesDigest: 'none',
    notes: [],
    rules: { standing: 's', steps: {} },
    digest: DIGEST,
    ...more,
  };
}

export function progress(more: Partial<StepProgress> = {}): StepProgress {
  return { ...queuedStep(), ...more };
}

/** A run as it typically is in that state. */
export function runIn(state: RunState, more: Partial<Run> = {}): Run {
  const fresh = newRun({
    offboardingId: 'o-1',
    workflowId: 'offboarding/alice',
    order,
    leaver: alice,
    requester: olivia,
    now: NOW,
  });
  const withoutPlan = state === 'preparing' || state === 'needs-correction';
  const queued = { 'crm/tasks': progress(), 'crm/teams': progress(), 'crm/deactivate': progress() };
  const failed = {
    'crm/tasks': progress({
      state: 'failed',
      message: '2 items were refused (4: locked by accounting).',
      changed: 1,
      failed: 2,
      remaining: 2,
      leftover: { digest: LEFT, count: 2, sample: ['4', '5'] },
    }),
    'crm/teams': progress({ state: 'not-run', message: 'Waits for "crm/tasks".' }),
    'crm/deactivate': progress({ state: 'not-run', message: 'Not every step succeeded.' }),
  };
  const approved = [{ by: priya, at: NOW }];
  const acknowledged = { 'crm/mailbox': { by: olivia, at: NOW, frozen: null, manifest: 'm-1', count: 3 } };
  const decided =
    state === 'awaiting-approval' ? {} : { approvals: approved, acknowledgements: acknowledged };
  return {
    ...fresh,
    state,
    outcome: state === 'closed' || state === 'closing' ? 'completed' : null,
    sentence: `It is ${state}.`,
    ...(withoutPlan
      ? {}
      : {
          plan: plan(),
          revision: 1,
          access: { crm: 'open' as const },
          steps: state === 'needs-attention' ? failed : queued,
          ...decided,
        }),
    ...more,
  };
}

export const STATES: RunState[] = [
  'preparing',
  'needs-correction',
  'awaiting-approval',
  'scheduled',
  'executing',
  'needs-attention',
  'deactivating',
  'closing',
  'closed',
];
