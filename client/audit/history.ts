/**
 * What a workflow history says that matters in an audit: start, messages, work done and failed, the end. From
 * Temporal's own JSON.
 */

export interface Happening {
  /** ISO 8601, UTC. */
  at: string;
  kind: string;
  /** Who says so: our audit chain, the ledger, Temporal's history, the archive. */
  source: 'trail' | 'ledger' | 'history' | 'archive';
  sentence: string;
  details: Record<string, unknown>;
}

interface HistoryEvent {
  eventId?: string;
  eventTime?: string;
  eventType?: string;
  userMetadata?: { summary?: Payload };
  [attributes: string]: unknown;
}

interface Payload {
  data?: string | null;
}

type Attributes = Record<string, unknown>;

interface Recorded extends Attributes {
  kind: string;
  number: number;
}

const CLOSES: Record<string, string> = {
  WORKFLOW_EXECUTION_COMPLETED: 'COMPLETED',
  WORKFLOW_EXECUTION_FAILED: 'FAILED',
  WORKFLOW_EXECUTION_CANCELED: 'CANCELLED',
  WORKFLOW_EXECUTION_TERMINATED: 'TERMINATED',
  WORKFLOW_EXECUTION_TIMED_OUT: 'TIMED_OUT',
  WORKFLOW_EXECUTION_CONTINUED_AS_NEW: 'CONTINUED_AS_NEW',
};

export class History {
  readonly events: HistoryEvent[];

  /** @param json as `historyToJSON` gives it, or the same as text */
  constructor(json: unknown) {
    const value = typeof json === 'string' ? JSON.parse(json) : json;
    this.events = (value as { events?: HistoryEvent[] }).events ?? [];
  }

  /** RUNNING, or how it closed. */
  get status(): string {
    return CLOSES[typeOf(this.events.at(-1))] ?? 'RUNNING';
  }

  /** Whose history this is, by the input that it started with: what comes after an offboarding has its own id. */
  get offboarding(): string | null {
    const { input } = attributesOf(this.events[0]) as { input?: { payloads?: Payload[] } };
    const given = decode(input?.payloads?.[0]) as Record<
      'sweepId' | 'giveBackId' | 'offboardingId',
      unknown
    > | null;
    const id = given?.sweepId ?? given?.giveBackId ?? given?.offboardingId;
    return typeof id === 'string' ? id : null;
  }

  /** When its last event came about; null while it is open. */
  get endedAt(): string | null {
    return this.status === 'RUNNING' ? null : isoOf(this.events.at(-1)?.eventTime);
  }

  /** The run ids by which this history may be known: its own, or those of the runs that a reset made of it. */
  get runs(): string[] {
    const { originalExecutionRunId } = attributesOf(this.events[0]);
    const resets = this.events.map(event => attributesOf(event).newRunId);
    return [originalExecutionRunId, ...resets].filter(one => typeof one === 'string');
  }

  /** The run that this one goes on from, and the one that goes on from it. */
  get neighbours(): string[] {
    const before = attributesOf(this.events[0]).continuedExecutionRunId;
    const after = attributesOf(this.events.at(-1)).newExecutionRunId;
    return [before, after].filter(one => typeof one === 'string' && one !== '') as string[];
  }

  /** What the run had written into the chain, of messages and notices: subject → what was to be written. */
  get recorded(): Map<string, Record<string, unknown>> {
    const all = new Map<string, Record<string, unknown>>();
    const done = new Set(
      this.events
        .filter(event => typeOf(event) === 'ACTIVITY_TASK_COMPLETED')
        .map(event => String(attributesOf(event).scheduledEventId)),
    );
    for (const event of this.events) {
      const { activityType, input } = attributesOf(event) as {
        activityType?: { name?: string };
        input?: { payloads?: Payload[] };
      };
      if (activityType?.name !== 'record' || !done.has(String(event.eventId))) continue;
      const given = decode(input?.payloads?.[0]) as { runId?: string; entries?: Recorded[] } | null;
      for (const { kind, number, ...body } of given?.entries ?? [])
        all.set(`${kind} ${given!.runId} ${number}`, body);
    }
    return all;
  }

  /** The certificate that the run's own result names. */
  get certificate(): string | null {
    const last = this.events.at(-1);
    if (typeOf(last) !== 'WORKFLOW_EXECUTION_COMPLETED') return null;
    const { result } = attributesOf(last) as { result?: { payloads?: Payload[] } };
    const report = decode(result?.payloads?.[0]) as { certificate?: unknown } | null;
    return typeof report?.certificate === 'string' ? report.certificate : null;
  }

  happenings(run: string): Happening[] {
    const scheduled = new Map<string, { type: string; summary: string | null }>();
    const started = new Map<string, { at: string; attempt: number }>();
    const all: Happening[] = [];
    for (const event of this.events) {
      const attributes = attributesOf(event);
      const at = isoOf(event.eventTime);
      const tell = (kind: string, sentence: string, details: Record<string, unknown> = {}): void => {
        all.push({
          at,
          kind,
          source: 'history',
          sentence,
          details: { run, event: event.eventId, ...details },
        });
      };
      const id = String(attributes.scheduledEventId ?? '');
      switch (typeOf(event)) {
        case 'WORKFLOW_EXECUTION_STARTED':
          tell('run-started', 'the run started in Temporal');
          break;
        case 'WORKFLOW_EXECUTION_SIGNALED':
          tell('message', `signal "${attributes.signalName}" came in`, {
            name: attributes.signalName,
            identity: attributes.identity,
          });
          break;
        case 'WORKFLOW_EXECUTION_UPDATE_ACCEPTED': {
          const { input, meta } = (attributes.acceptedRequest ?? {}) as {
            input?: Attributes;
            meta?: Attributes;
          };
          tell('message', `update "${input?.name}" came in`, {
            name: input?.name,
            id: meta?.updateId,
            identity: meta?.identity,
          });
          break;
        }
        case 'WORKFLOW_EXECUTION_CANCEL_REQUESTED':
          tell('cancel-requested', `cancellation was asked for in Temporal${said(attributes.cause)}`, {
            identity: attributes.identity,
          });
          break;
        case 'ACTIVITY_TASK_SCHEDULED': {
          const { name } = attributes.activityType as { name: string };
          const summary = decode(event.userMetadata?.summary);
          scheduled.set(String(event.eventId), {
            type: name,
            summary: typeof summary === 'string' ? summary : null,
          });
          break;
        }
        case 'ACTIVITY_TASK_STARTED':
          started.set(id, { at, attempt: Number(attributes.attempt ?? 1) });
          break;
        case 'ACTIVITY_TASK_COMPLETED': {
          const work = scheduled.get(id);
          const start = started.get(id);
          const ms = start ? Date.parse(at) - Date.parse(start.at) : 0;
          const tries = start && start.attempt > 1 ? `, at attempt ${start.attempt}` : '';
          tell('work', `${work?.summary ?? work?.type} (${(ms / 1000).toFixed(1)} s${tries})`, {
            activity: work?.type,
            ms,
            attempt: start?.attempt,
          });
          break;
        }
        case 'ACTIVITY_TASK_FAILED':
        case 'ACTIVITY_TASK_TIMED_OUT': {
          const work = scheduled.get(id);
          const failure = attributes.failure as { message?: string } | undefined;
          tell('work-failed', `${work?.summary ?? work?.type}: ${failure?.message ?? 'failed'}`, {
            activity: work?.type,
          });
          break;
        }
        case 'WORKFLOW_TASK_FAILED':
          if (String(attributes.cause).endsWith('RESET_WORKFLOW'))
            tell('reset', 'the run was reset in Temporal and goes on from here');
          break;
        case 'WORKFLOW_EXECUTION_TERMINATED':
          tell('run-ended', `terminated in Temporal${said(attributes.reason)}`, {
            status: 'TERMINATED',
            identity: attributes.identity,
          });
          break;
        default: {
          const status = CLOSES[typeOf(event)];
          if (status) tell('run-ended', `the run ended in Temporal: ${status.toLowerCase()}`, { status });
        }
      }
    }
    return all;
  }
}

function typeOf(event: HistoryEvent | undefined): string {
  return String(event?.eventType ?? '').replace(/^EVENT_TYPE_/, '');
}

function attributesOf(event: HistoryEvent | undefined): Attributes {
  const name = Object.keys(event ?? {}).find(key => key.endsWith('EventAttributes'));
  return name ? (event![name] as Attributes) : {};
}

function said(text: unknown): string {
  return text ? `: ${String(text)}` : '';
}

function isoOf(time: unknown): string {
  return typeof time === 'string' ? new Date(time).toISOString() : new Date(0).toISOString();
}

function decode(payload: Payload | undefined): unknown {
  if (!payload?.data) return null;
  try {
    return JSON.parse(Buffer.from(payload.data, 'base64').toString());
  } catch {
    return null;
  }
}
