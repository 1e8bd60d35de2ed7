// Handover itself with Redmine as its only system and its directory: a worker on the shared Temporal, a store
// of its own.

import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../../activities/index.js';
import { refusedAnswer } from '../../client/runs.js';
import type { Connector } from '../../connectors/connector.js';
import { PATIENCE_MS } from '../../domain/failure.js';
import { DEFAULT_INSTALLATION, idsOf } from '../../domain/ids.js';
import type { RunState } from '../../domain/model.js';
import { policySchema } from '../../domain/policy.js';
import type { DecisionName, OffboardingRequest } from '../../domain/request.js';
import type { Sweep } from '../../domain/sweep.js';
import { openStore } from '../../store/store.js';
import {
  type DecisionAnswer,
  REQUEST_OFFBOARDING,
  type Report,
  type RequestAnswer,
  STATUS,
  type Status,
} from '../../workflows/messages.js';
import { createTestDatabase, temporalAddress } from '../support/servers.js';

/** States in which people must say something. */
const WAITING: RunState[] = ['needs-correction', 'awaiting-approval'];
// Every phase takes a second or two here.
const SETTLES_WITHIN_MS = 60_000;

export interface Engine {
  /** Asks for an offboarding and gives back the run that was started. */
  request(request: OffboardingRequest): Promise<OffboardingRun>;
  stop(): Promise<void>;
}

export interface OffboardingRun {
  /**
   * The state of the run once it waits for people or has closed; with `state`, once it is in that one (or
   * parked, or closed).
   */
  settled(state?: RunState): Promise<Status>;
  decide(name: DecisionName, decision: Record<string, unknown>): Promise<DecisionAnswer>;
  report(): Promise<Report>;
  /** What comes after its switch: as it is once it has handed something over, and then ended by somebody. */
  swept(by: string): Promise<Sweep>;
}

/** @param policy as in a configuration */
export async function startEngine(redmine: Connector, policy: object = {}): Promise<Engine> {
  Runtime.install({
    logger: {
      log: () => {},
      trace: () => {},
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: console.error,
    },
  });
  const database = await createTestDatabase('redmine_store');
  const store = await openStore(database.url);
  const connection = await Connection.connect({ address: temporalAddress() });
  const native = await NativeConnection.connect({ address: temporalAddress() });
  const client = new Client({ connection });
  const taskQueue = `redmine-${randomBytes(4).toString('hex')}`;
  const worker = await Worker.create({
    connection: native,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    activities: createActivities({
      store,
      ids: idsOf(DEFAULT_INSTALLATION),
      systems: { names: [redmine.system], directory: redmine.system, get: async () => redmine },
      rules: async () => ({
        policy: policySchema.parse(policy),
        standing: [],
        roles: { operators: 'directory', approvers: 'directory' },
        statements: [],
        principals: null,
        zone: 'UTC',
      }),
      temporal: client,
      patience: PATIENCE_MS,
    }),
  });
  const running = worker.run();

  return {
    request: async request => {
      const workflowId = `request-${randomBytes(4).toString('hex')}`;
      const answer: RequestAnswer = await client.workflow.execute(REQUEST_OFFBOARDING, {
        taskQueue,
        workflowId,
        args: [request],
      });
      if (answer.answer !== 'started')
        throw new Error(`The offboarding was not started: ${JSON.stringify(answer)}`);
      const sweep = idsOf(DEFAULT_INSTALLATION).sweep(answer.offboardingId);
      return runOf(client.workflow.getHandle(answer.workflowId), client.workflow.getHandle(sweep));
    },
    stop: async () => {
      worker.shutdown();
      await running;
      await Promise.all([connection.close(), native.close(), store.close()]);
      await database.drop();
    },
  };
}

function runOf(handle: WorkflowHandle, sweep: WorkflowHandle): OffboardingRun {
  return {
    settled: async state => {
      const ends: RunState[] = [...(state ? [state] : WAITING), 'needs-attention', 'closed'];
      const deadline = Date.now() + SETTLES_WITHIN_MS;
      for (;;) {
        const status = await handle.query<Status>(STATUS);
        if (ends.includes(status.state)) return status;
        if (Date.now() > deadline) {
          const { state: is, sentence, findings } = status;
          throw new Error(
            `The run is still "${is}" (${sentence}) ${findings.map(({ message }) => message).join(' ')}`,
          );
        }
        await new Promise(resolve => setTimeout(resolve, 100));
      }
    },
    decide: (name, decision) =>
      handle
        .executeUpdate<DecisionAnswer, [unknown]>(name, { args: [decision] })
        .catch((error: unknown) => refusedAnswer(error) ?? Promise.reject(error)),
    report: () => handle.result() as Promise<Report>,
    async swept(by) {
      const deadline = Date.now() + SETTLES_WITHIN_MS;
      for (;;) {
        const now = await sweep.query<Sweep>(STATUS);
        if (now.moved > 0) break;
        if (Date.now() > deadline) throw new Error(`The sweep has caught nothing: ${JSON.stringify(now)}`);
        await new Promise(resolve => setTimeout(resolve, 100));
      }
      await sweep.executeUpdate('finish', { args: [{ by, reason: 'seen' }] });
      return (await sweep.result()) as Sweep;
    },
  };
}
