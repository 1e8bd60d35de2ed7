/** What the leaver is in every system, and whether somebody may switch them off at all. Also opens the run in the register. */
import { HandoverFailure } from '../domain/failure.js';
import type { Account, Finding, Person } from '../domain/model.js';
import type { Order } from '../domain/request.js';
import type { Deps } from './deps.js';
import { signal } from './guard.js';
import { findOne } from './people.js';

export interface ResolveAccountsInput {
  offboardingId: string;
  workflowId: string;
  leaverId: string;
  order: Order;
}

export interface ResolvedAccounts {
  accounts: Account[];
  findings: Finding[];
}

export async function resolveAccounts(deps: Deps, input: ResolveAccountsInput): Promise<ResolvedAccounts> {
  const found = await findOne(deps, `id:${input.leaverId}`);
  if ('sentence' in found) throw new HandoverFailure('rejected', found.sentence);
  await deps.store.runs.open({ leaver: input.leaverId, offboarding: input.offboardingId, workflow: input.workflowId });
  await deps.store.audit.append(input.offboardingId, [
    {
      subject: 'requested',
      kind: 'requested',
      body: { workflow: input.workflowId, leaver: input.leaverId, request: input.order },
    },
  ]);
  const unknown = (input.order.systems ?? []).filter(system => !deps.systems.names.includes(system));
  if (unknown.length > 0) {
    return {
      accounts: [],
      findings: unknown.map(system => ({
        code: 'system-unreachable',
        system,
        step: null,
        message: `There is no system "${system}"; configured are ${deps.systems.names.join(', ')}. Send "amend" with the right "systems".`,
      })),
    };
  }
  const systems = input.order.systems ?? deps.systems.names;
  const each = await Promise.all(systems.map(system => resolveIn(deps, system, found.person, input.order)));
  return { accounts: each.flatMap(one => one.account ?? []), findings: each.flatMap(one => one.findings) };
}

/** One system out of reach must not hide what the others say. */
async function resolveIn(
  deps: Deps,
  system: string,
  person: Person,
  order: Order,
): Promise<{ account: Account | null; findings: Finding[] }> {
  const finding = (code: Finding['code'], message: string): Finding => ({ code, system, step: null, message });
  try {
    const connector = await deps.systems.get(system);
    const resolution = await connector.resolveAccount(person, order.identities?.[system] ?? {}, signal());
    switch (resolution.kind) {
      case 'found': {
        const guards = await connector.guards(resolution.account, signal());
        return {
          account: resolution.account,
          findings: guards
            .filter(guard => guard.kind !== 'last-owner' || order.mode === 'execute-and-deactivate')
            .map(guard => finding(guard.kind === 'last-owner' ? 'last-owner' : 'leaver-protected', guard.message)),
        };
      }
      case 'absent':
        return { account: { system, status: 'absent', identities: {}, active: false, blocked: false }, findings: [] };
      case 'ambiguous': {
        const candidates = resolution.candidates.map(candidate => `${candidate.label} (${candidate.id})`).join(', ');
        const amend = JSON.stringify({
          identities: { [system]: { [resolution.identity]: resolution.candidates[0]?.id ?? '<id>' } },
        });
        return {
          account: null,
          findings: [
            finding(
              'account-ambiguous',
              `Several accounts fit in ${connector.title}: ${candidates}. Say which, e.g. amend with ${amend}.`,
            ),
          ],
        };
      }
    }
  } catch (error) {
    if (error instanceof HandoverFailure && error.kind !== 'transient' && error.kind !== 'throttled') {
      return { account: null, findings: [finding('system-unreachable', `${error.message} Mend it and send "retry".`)] };
    }
    throw error;
  }
}
