/**
 * Who takes a decision: the run itself, on the sender's word; or a gateway in front of it, which knows who is
 * logged in. Which one says the command line, else the policy.
 */
import { randomUUID } from 'node:crypto';
import { WorkflowNotFoundError } from '@temporalio/client';
import { type DecisionName, parseDecision } from '../../domain/request.js';
import type { DecisionAnswer, State } from '../../workflows/messages.js';
import { readGiveBack, readSweep } from '../afterwards.js';
import { readStatus } from '../follow.js';
import { type GatewayClient, gatewayAddress, gatewayClient } from '../gateway.js';
import { loginsOf } from '../logins.js';
import { Problem } from '../problem.js';
import type { Reach } from '../reach.js';
import type { Told, Unanswered } from '../runs.js';
import { findRun, type LiveRun } from '../which-run.js';
import type { Session } from './command.js';
import { said } from './command.js';

export interface Addressee {
  run: Pick<LiveRun, 'workflowId' | 'status' | 'kind'>;
  status(): Promise<State>;
  /** Null where the run has closed. @param id of an earlier answer that was unknown */
  send(
    name: DecisionName,
    payload: Record<string, unknown>,
    id: string | undefined,
  ): Promise<DecisionAnswer | Unanswered | Told | null>;
}

/** The gateway that is named, or that the policy asks for; null = what is decided goes straight to its run. */
export async function gatewayFor(
  { reach, terminal }: Session,
  named: string | undefined,
): Promise<GatewayClient | null> {
  const at = (address: string): GatewayClient =>
    gatewayClient(gatewayAddress(address), loginsOf(terminal.io.env));
  if (named !== undefined) return at(named);
  const { config } = await reach.installation();
  if (config.policy.decisions !== 'verified') return null;
  if (config.gateway?.address !== undefined) return at(config.gateway.address);
  if (config.temporal.principals) return null;
  throw new Problem(
    'usage',
    `Under "decisions: verified" what is only said to be yours does not count, and ${config.file} does not say where the gateway is: write it there (gateway.address), or name it with --gateway.`,
  );
}

/** Throws a `Problem` where there is no such run, or nobody may see it. */
export async function addresseeOf(
  session: Session,
  run: string,
  gateway: GatewayClient | null,
): Promise<Addressee> {
  // It finds what is meant by itself, and what kind of run that is.
  return gateway
    ? addresseeBehind(gateway, { workflowId: run, kind: 'offboarding' })
    : straight(session, await findRun(session.reach, run));
}

const READ: Record<LiveRun['kind'], (reach: Reach, run: LiveRun) => Promise<State>> = {
  offboarding: readStatus,
  sweep: readSweep,
  'give-back': readGiveBack,
};

function straight({ reach }: Session, run: LiveRun): Addressee {
  return {
    run,
    status: (): Promise<State> => READ[run.kind](reach, run),
    async send(name, payload, id) {
      const decision = { ...payload, by: said(payload.by as string | undefined) };
      const parsed = parseDecision(name, decision);
      if (!parsed.ok) throw new Problem('usage', parsed.sentence);
      if (run.status !== 'RUNNING') return null;
      const offboardings = await reach.offboardings();
      const { config } = await reach.installation();
      try {
        // An update's event names the worker that took it; a signal's names us, where Temporal passes that on.
        if (config.policy.decisions === 'verified' && config.temporal.principals) {
          await offboardings.tell(run.workflowId, name, decision);
          return { verdict: 'sent', sentence: SENT };
        }
        return await offboardings.decide(run.workflowId, name, decision, { id, timeoutMs: reach.patienceMs });
      } catch (error) {
        // It closed between our look and our message.
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },
  };
}

const SENT =
  'It was sent as a signal, so that Temporal itself says whose it is; nobody answers one. What came of it stands in the status.';

/** @param run whatever it is called at the gateway, which judges whether it has closed */
export function addresseeBehind(
  gateway: GatewayClient,
  run: Pick<LiveRun, 'workflowId' | 'kind'>,
): Addressee {
  const path = `/offboardings/${encodeURIComponent(run.workflowId)}`;
  const look = async (): Promise<State> => (await gateway.call('GET', path)).body.status as State;
  return {
    run: { ...run, status: 'RUNNING' },
    status: look,
    async send(name, payload, id = randomUUID()) {
      const { body } = await gateway.call('POST', `${path}/decisions/${name}`, payload, {
        'idempotency-key': id,
      });
      const answer = body as unknown as DecisionAnswer | Unanswered | Told;
      return answer.verdict === 'unknown' ? { ...answer, id } : answer;
    },
  };
}
