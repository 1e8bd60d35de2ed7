/**
 * What the SDK or the server would stumble over before any code of ours sees it. Part of every bundle
 * (workers/bundle.ts).
 */
import { defaultPayloadConverter } from '@temporalio/common';
import type { ActivateInput, WorkflowInterceptors, WorkflowInternalsInterceptor } from '@temporalio/workflow';
import { MESSAGE, TEMPORAL } from '../domain/limits.js';
import { NOT_YET } from './messages.js';

/**
 * Names that begin as Temporal's own do: the SDK throws at one that nobody has installed, and then the task
 * fails for ever. Each gets a name of its own, and is refused like any other that does not exist.
 */
const RESERVED = /^__(temporal_|stack_trace|enhanced_stack_trace)/;

/**
 * An update's answer holds the whole update again, and the server terminates a run for an answer beyond its
 * limit, a refusal as well. One that is left alone is rejected by the server itself, and leaves no trace.
 */
const MOST_BYTES = TEMPORAL.payload - 64 * 1024;

export const interceptors = (): WorkflowInterceptors => {
  let last: Activation | null = null;
  const activate: NonNullable<WorkflowInternalsInterceptor['activate']> = (input, next) => {
    const { activation } = input;
    // The question fails, and the worker forgets the run; the task finds it as it is for everybody.
    if (last && readsAhead(activation, last)) throw new Error(NOT_YET);
    last = { ...activation, jobs: null };
    activation.jobs = inOrder((activation.jobs ?? []).filter(isAnswerable));
    for (const { signalWorkflow, doUpdate } of activation.jobs) {
      if (signalWorkflow) {
        signalWorkflow.signalName = harmless(signalWorkflow.signalName);
        signalWorkflow.input = small(signalWorkflow.input);
      }
      if (doUpdate) {
        doUpdate.name = harmless(doUpdate.name);
        doUpdate.input = small(doUpdate.input);
      }
    }
    return next(input);
  };
  return { internals: [{ activate }] };
};

const isAnswerable = ({ doUpdate }: Job): boolean => bytesOf(doUpdate?.input) <= MOST_BYTES;

/**
 * Updates last. An execution that goes on from a reset gets updates of before ahead of signals, and behind them
 * when it is replayed: only an order of our own is the same every time.
 */
const inOrder = (jobs: readonly Job[]): Job[] => [
  ...jobs.filter(({ doUpdate }) => !doUpdate),
  ...jobs.filter(({ doUpdate }) => doUpdate),
];

type Payloads = readonly { data?: Uint8Array | null }[] | null | undefined;

function bytesOf(payloads: Payloads): number {
  return (payloads ?? []).reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
}

/** What is too large is not even decoded: a task has time for so many megabytes of JSON, and no more. */
function small<P extends Payloads>(payloads: P): P {
  const bytes = bytesOf(payloads);
  return bytes <= MESSAGE.bytes
    ? payloads
    : ([defaultPayloadConverter.toPayload({ tooLarge: bytes })] as unknown as P);
}

function harmless(name: string | null | undefined): string {
  return name && RESERVED.test(name) ? `reserved ${name}` : (name ?? '');
}

/**
 * Whether a worker that took a run up only because somebody asks it something reads on behind its last task:
 * what has come since belongs to a task that has not begun. It would be taken by itself there, and together
 * with all else of that task when the run is replayed: in another order, so that no worker could take the run
 * up any more. Every task begins at a time of its own. What was read ahead has that of the task before it,
 * and more of the history behind it; with no more of it, the same task goes on, as where something is
 * cancelled before it was handed out, which ends at once by the core's own word. A task that the server has
 * forgotten meanwhile (an update's, which is no part of the history before it is done) may read ahead as
 * well: what it says is not taken.
 */
function readsAhead(now: Activation, before: Activation): boolean {
  const isFurther = Number(now.historyLength ?? 0) > Number(before.historyLength ?? 0);
  return !now.isReplaying && isFurther && isSameTask(now, before) && (now.jobs ?? []).some(isEvent);
}

/** A server that counts no bytes, as one for tests does, may also begin several tasks in a moment. */
function isSameTask(one: Activation, other: Activation): boolean {
  const size = Number(one.historySizeBytes ?? 0);
  const isSameTime =
    Number(one.timestamp?.seconds) === Number(other.timestamp?.seconds) &&
    one.timestamp?.nanos === other.timestamp?.nanos;
  return size > 0 && size === Number(other.historySizeBytes ?? 0) && isSameTime;
}

const isEvent = ({ queryWorkflow, doUpdate }: Job): boolean => !queryWorkflow && !doUpdate;

type Activation = ActivateInput['activation'];
type Job = NonNullable<Activation['jobs']>[number];
