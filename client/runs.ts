/**
 * Offboardings as a typed client: what the CLI, tests and other programs use. Everything here can also be
 * done in the Temporal UI.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Client,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionDescription,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ArchiveReport } from '../domain/archive.js';
import type { GiveBackStatus } from '../domain/give-back-view.js';
import { DEFAULT_INSTALLATION, foreignId, type Ids, idsOf, type Kind, kindOf } from '../domain/ids.js';
import { LAST, priorityOf } from '../domain/priority.js';
import type { DecisionName, OffboardingRequest } from '../domain/request.js';
import type { SweepStatus } from '../domain/sweep-view.js';
import { updatesFull } from '../runtime/temporal.js';
import {
  ARCHIVE_CLOSED,
  type ArchiveRequest,
  type DecisionAnswer,
  GIVE_BACK,
  NOT_YET,
  OFFBOARD_USER,
  REFUSED,
  REQUEST_OFFBOARDING,
  type Report,
  type RequestAnswer,
  STATUS,
  type Status,
  SWEEP_STRAGGLERS,
} from '../workflows/messages.js';

/** A task that a dead worker left begins once Temporal's patience with that one is over. */
const NOT_YET_FOR_MS = 30_000;

export interface Listed {
  kind: Kind;
  workflowId: string;
  runId: string;
  /** Directory id of the leaver; null where the run has not said it. */
  leaver: string | null;
  state: string;
  outcome: string | null;
  waitingOn: string;
  mode: string;
  remaining: number;
  /** Items that people let stay with the leaver, by approved skips and acknowledgements; 0 while it is open. */
  accepted: number;
  due: string | null;
  started: string;
  closed: string | null;
}

/** An answer that did not come in time. The decision may still be applied: ask again with the same `id`. */
export interface Unanswered {
  verdict: 'unknown';
  sentence: string;
  id: string;
}

/** A decision that went as a signal, which nobody answers: what came of it stands in the status. */
export interface Told {
  verdict: 'sent';
  sentence: string;
}

/** Says what the Temporal UI's pending activities show: how far the running steps are. */
export interface LiveProgress {
  steps: Record<string, { changed: number; of: number }>;
  current: string;
  /** What the current step waits for, where that is somebody else's doing. */
  waits?: string;
}

/** What can be seen of a run without asking it. */
export interface Glance {
  /** Which execution, and how long its history is: as long as this stays, the run stays as it is. */
  moment: string;
  /** What its running activities have reported; null when nothing is running. */
  live: LiveProgress | null;
}

type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];

/** The answer inside the failure of a refused update; null for every other error. */
export function refusedAnswer(error: unknown): DecisionAnswer | null {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : null;
  return cause instanceof ApplicationFailure && cause.type === REFUSED
    ? (cause.details?.[0] as DecisionAnswer)
    : null;
}

export class Offboardings {
  readonly ids: Ids;

  constructor(
    private readonly temporal: Client,
    private readonly taskQueue: string,
    installation = DEFAULT_INSTALLATION,
  ) {
    this.ids = idsOf(installation);
  }

  /** Sends a request through the front door and waits for its answer. */
  async request(request: OffboardingRequest | unknown): Promise<RequestAnswer> {
    return this.temporal.workflow.execute(REQUEST_OFFBOARDING, {
      taskQueue: this.taskQueue,
      workflowId: this.ids.request(randomUUID()),
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
      priority: priorityOf(request),
      args: [request],
    }) as Promise<RequestAnswer>;
  }

  /**
   * The same with a deadline. Without an answer in time the request still stands and is worked on once there
   * is a worker; asking again with the same `id` sends nothing twice and answers what became of it.
   */
  async ask(
    request: OffboardingRequest | unknown,
    options: { id?: string; timeoutMs?: number } = {},
  ): Promise<RequestAnswer | Unanswered> {
    const id = options.id ?? randomUUID();
    const timeoutMs = options.timeoutMs ?? 30_000;
    const workflowId = this.ids.request(id);
    try {
      await this.temporal.workflow.start(REQUEST_OFFBOARDING, {
        taskQueue: this.taskQueue,
        workflowId,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        priority: priorityOf(request),
        args: [request],
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    try {
      return await this.temporal.connection.withDeadline(
        Date.now() + timeoutMs,
        () => this.temporal.workflow.getHandle(workflowId).result() as Promise<RequestAnswer>,
      );
    } catch (error) {
      if (!isDeadline(error)) throw error;
      const sentence = `No answer within ${timeoutMs / 1000} s: perhaps no worker is running. The request stands and is worked on once there is one; ask again with the same id ${id}.`;
      return { verdict: 'unknown', sentence, id };
    }
  }

  /** `run` is a workflow id (`offboarding/17`) or a directory id. */
  handle(run: string, runId?: string) {
    const foreign = foreignId(this.ids, run);
    if (foreign) throw new Error(foreign);
    return this.temporal.workflow.getHandle(run.includes('/') ? run : this.ids.offboarding(run), runId);
  }

  /**
   * Sends one decision as an update and waits for its verdict. With nobody there to judge it (no worker), the
   * answer is `unknown` after `timeoutMs`; asking again with the same `id` never decides twice. Where the run
   * has as many updates as Temporal takes, it is sent as a signal.
   */
  async decide(
    run: string,
    name: DecisionName | string,
    payload: unknown,
    options: { id?: string; timeoutMs?: number } = {},
  ): Promise<DecisionAnswer | Unanswered | Told> {
    const id = options.id ?? randomUUID();
    const timeoutMs = options.timeoutMs ?? 20_000;
    try {
      return await this.temporal.connection.withDeadline(Date.now() + timeoutMs, () =>
        this.handle(run).executeUpdate<DecisionAnswer, [unknown]>(name, { args: [payload], updateId: id }),
      );
    } catch (error) {
      const refused = refusedAnswer(error);
      if (refused) return refused;
      const full = updatesFull(error);
      if (full) {
        await this.tell(run, name, payload);
        const sentence = `Temporal takes no more updates for this run now (${full}): it was sent as a signal, which nobody answers. What came of it stands in the status.`;
        return { verdict: 'sent', sentence };
      }
      if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw error;
      const sentence = `No answer within ${timeoutMs / 1000} s: perhaps no worker is running. The decision may still be applied; ask again with the same id ${id}.`;
      return { verdict: 'unknown', sentence, id };
    }
  }

  /** The same as a signal: fire and forget. */
  async tell(run: string, name: DecisionName | string, ...payload: unknown[]): Promise<void> {
    await this.handle(run).signal(name, ...payload);
  }

  async status(run: string, runId?: string): Promise<Status> {
    return this.#status<Status>(run, runId);
  }

  /** The same of a sweep. @param run its workflow id */
  async sweep(run: string, runId?: string): Promise<SweepStatus> {
    return this.#status<SweepStatus>(run, runId);
  }

  /** The same of a give-back. @param run its workflow id */
  async giveBack(run: string, runId?: string): Promise<GiveBackStatus> {
    return this.#status<GiveBackStatus>(run, runId);
  }

  async #status<S>(run: string, runId?: string): Promise<S> {
    const until = Date.now() + NOT_YET_FOR_MS;
    for (;;) {
      try {
        return await this.handle(run, runId).query<S>(STATUS);
      } catch (error) {
        if (!(error instanceof Error && error.message.includes(NOT_YET)) || Date.now() > until) throw error;
        await pause(500);
      }
    }
  }

  /** The report of a closed run; waits for the close. */
  async result(run: string): Promise<Report> {
    return this.handle(run).result() as Promise<Report>;
  }

  /**
   * Looks at what has closed at once, instead of within minutes: everything that Temporal still knows, or the
   * runs of one offboarding's workflow id. Waits until the look is over.
   */
  async archive(run?: string): Promise<ArchiveReport> {
    const request: ArchiveRequest = run ? { workflowId: this.handle(run).workflowId } : { everything: true };
    return this.temporal.workflow.execute(ARCHIVE_CLOSED, {
      taskQueue: this.taskQueue,
      workflowId: this.ids.look(randomUUID()),
      priority: LAST,
      args: [request],
    }) as Promise<ArchiveReport>;
  }

  /**
   * What can be seen of a run without asking it: whoever follows one looks again and again, and Temporal
   * Cloud bills each question.
   */
  async glance(run: string, runId?: string): Promise<Glance> {
    const description = await this.handle(run, runId).describe();
    const { pendingActivities, workflowExecutionInfo } = description.raw;
    const live = (pendingActivities ?? []).map(reported).find(isLive) ?? null;
    return { moment: `${description.runId} ${workflowExecutionInfo?.historyLength ?? 0}`, live };
  }

  /** What the running activities have reported; null when nothing is running. */
  async live(run: string): Promise<LiveProgress | null> {
    return (await this.glance(run)).live;
  }

  /** What the running activities wait for: a lock of somebody else's, or the next attempt after a failure. */
  async waits(run: string): Promise<string | null> {
    const { raw } = await this.handle(run).describe();
    for (const activity of raw.pendingActivities ?? []) {
      const { attempt, lastFailure } = activity;
      const details = reported(activity);
      if (isLive(details) && details.waits) return details.waits;
      if ((attempt ?? 0) > 1 && lastFailure?.message)
        return `attempt ${attempt} after a failure: ${lastFailure.message}`;
    }
    return null;
  }

  /** Offboardings and what comes after them by a visibility query on the search attributes, newest first. */
  async *list(query = ''): AsyncIterable<Listed> {
    const { offboardings, sweeps, giveBacks } = this.ids;
    const ours =
      `((WorkflowType = "${OFFBOARD_USER}" and WorkflowId STARTS_WITH "${offboardings}")` +
      ` or (WorkflowType = "${SWEEP_STRAGGLERS}" and WorkflowId STARTS_WITH "${sweeps}")` +
      ` or (WorkflowType = "${GIVE_BACK}" and WorkflowId STARTS_WITH "${giveBacks}"))`;
    const where = query ? `${ours} and (${query})` : ours;
    for await (const run of this.temporal.workflow.list({ query: where })) {
      // A condition with brackets of its own may have led further.
      const kind = kindOf(this.ids, run.workflowId);
      if (!kind) continue;
      // An execution that went on in a fresh one is the same run, which the newest stands for.
      if (run.status.name === 'CONTINUED_AS_NEW') continue;
      const attribute = (name: string): unknown =>
        (run.searchAttributes as Record<string, unknown[] | undefined>)[name]?.[0];
      const due = attribute('OffboardingDue');
      const leaver = attribute('OffboardingLeaver') as string | undefined;
      yield {
        kind,
        workflowId: run.workflowId,
        runId: run.runId,
        leaver: kind === 'offboarding' ? run.workflowId.slice(offboardings.length) : (leaver ?? null),
        state:
          run.status.name === 'RUNNING' || run.status.name === 'COMPLETED'
            ? String(attribute('OffboardingState') ?? (kind === 'offboarding' ? 'preparing' : 'waiting'))
            : run.status.name.toLowerCase(),
        outcome: (attribute('OffboardingOutcome') as string | undefined) ?? null,
        waitingOn:
          run.status.name === 'RUNNING' ? String(attribute('OffboardingWaitingOn') ?? 'nobody') : 'nobody',
        mode: kind !== 'offboarding' ? kind : String(attribute('OffboardingMode') ?? ''),
        remaining: Number(attribute('OffboardingRemaining') ?? 0),
        accepted: Number(attribute('OffboardingAccepted') ?? 0),
        due: due instanceof Date ? due.toISOString() : null,
        started: run.startTime.toISOString(),
        closed: run.closeTime?.toISOString() ?? null,
      };
    }
  }

  /** Waits until `until` holds for the status; polls, since a run may wait for weeks between two changes. */
  async waitFor(
    run: string,
    until: (status: Status) => boolean,
    options: { timeoutMs?: number; everyMs?: number } = {},
  ): Promise<Status> {
    const deadline = Date.now() + (options.timeoutMs ?? 30_000);
    for (;;) {
      const status = await this.status(run).catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      });
      if (status && until(status)) return status;
      if (Date.now() > deadline) {
        throw new Error(
          `${run} did not get there in time; it is in "${status?.state ?? 'no state'}": ${status?.sentence ?? 'no such run'}`,
        );
      }
      await new Promise(resolve => setTimeout(resolve, options.everyMs ?? 100));
    }
  }
}

/** gRPC 4: the deadline passed before there was an answer. */
function isDeadline(error: unknown): boolean {
  const cause = isGrpcServiceError(error) ? error : (error as { cause?: unknown }).cause;
  return isGrpcServiceError(cause) && Number(cause.code) === 4;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The last heartbeat of an activity that is running. */
function reported({ heartbeatDetails }: PendingActivity): unknown {
  const data = heartbeatDetails?.payloads?.[0]?.data;
  return data ? parse(Buffer.from(data).toString()) : null;
}

function isLive(details: unknown): details is LiveProgress {
  return typeof details === 'object' && details !== null && 'steps' in details && 'current' in details;
}
