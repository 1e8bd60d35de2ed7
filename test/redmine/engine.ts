// Handover itself with Redmine as its only system and its directory: a worker on the shared Temporal, a store of its own.

import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../../activities/index.js';
import type { Connector } from '../../connectors/connector.js';
import { PATIENCE_MS } from '../../domain/failure.js';
import { policySchema } from '../../domain/policy.js';
import type { DecisionName, OffboardingRequest } from '../../domain/request.js';
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

export interface Engine {
  /** Asks for an offboarding and gives back the run that was started. */
  request(request: OffboardingRequest): Promise<OffboardingRun>;
  stop(): Promise<void>;
}

export interface OffboardingRun {
  /** The state of the run once it waits for people or has closed. */
  settled(): Promise<Status>;
  decide(name: DecisionName, decision: Record<string, unknown>): Promise<DecisionAnswer>;
  report(): Promise<Report>;
}

export async function startEngine(redmine: Connector): Promise<Engine> {
  Runtime.install({
    logger: { log: () => {}, trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: console.error },
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
      systems: { names: [redmine.system], directory: redmine.system, get: async () => redmine },
      policy: policySchema.parse({}),
      standingRules: [],
      roles: { operators: 'directory', approvers: 'directory' },
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
      if (answer.answer !== 'started') throw new Error(`The offboarding was not started: ${JSON.stringify(answer)}`);
      return runOf(client.workflow.getHandle(answer.workflowId));
    },
    stop: async () => {
      worker.shutdown();
      await running;
      await Promise.all([connection.close(), native.close(), store.close()]);
      await database.drop();
    },
  };
}

function runOf(handle: WorkflowHandle): OffboardingRun {
  return {
    settled: async () => {
      for (;;) {
        const status = await handle.query<Status>(STATUS);
        if (['needs-correction', 'awaiting-approval', 'needs-attention', 'closed'].includes(status.state)) return status;
        await new Promise(resolve => setTimeout(resolve, 100));
      }
    },
    decide: (name, decision) => handle.executeUpdate<DecisionAnswer, [unknown]>(name, { args: [decision] }),
    report: () => handle.result() as Promise<Report>,
  };
}
