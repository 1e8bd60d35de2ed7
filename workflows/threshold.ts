/**
 * What the SDK or the server would stumble over before any code of ours sees it. Part of every bundle
 * (workers/bundle.ts).
 */
import { defaultPayloadConverter } from '@temporalio/common';
import type { ActivateInput, WorkflowInterceptors } from '@temporalio/workflow';
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
  let size = 0;
  return {
    internals: [
      {
        activate(input, next) {
          const { activation } = input;
          // The question fails, and the worker forgets the run; the task finds it as it is for everybody.
          if (readsAhead(activation, size)) throw new Error(NOT_YET);
          size = Number(activation.historySizeBytes ?? 0);
          const jobs = (activation.jobs ?? []).filter(
            ({ doUpdate }) => bytesOf(doUpdate?.input) <= MOST_BYTES,
          );
          for (const { signalWorkflow, doUpdate } of jobs) {
            if (signalWorkflow) {
              signalWorkflow.signalName = harmless(signalWorkflow.signalName);
              signalWorkflow.input = small(signalWorkflow.input);
            }
            if (doUpdate) {
              doUpdate.name = harmless(doUpdate.name);
              doUpdate.input = small(doUpdate.input);
            }
          }
          // An execution that goes on from a reset gets updates of before ahead of signals, and behind them when it is
          // replayed: an order of our own is the same every time.
          activation.jobs = [
            ...jobs.filter(({ doUpdate }) => !doUpdate),
            ...jobs.filter(({ doUpdate }) => doUpdate),
          ];
          return next(input);
        },
      },
    ],
  };
};

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
 * Whether a worker that took a run up only because somebody asks it something reads on behind its last task: what
 * has come since belongs to a task that has not begun. It would be taken by itself there, and together with all
 * else of that task when the run is replayed: in another order, so that no worker could take the run up any more.
 * Every task that begins is of another size of the history; what was read ahead is of the same.
 */
function readsAhead({ isReplaying, historySizeBytes, jobs }: Activation, last: number): boolean {
  const size = Number(historySizeBytes ?? 0);
  return !isReplaying && size > 0 && size === last && (jobs ?? []).some(isEvent);
}

const isEvent = ({ queryWorkflow, doUpdate }: Job): boolean => !queryWorkflow && !doUpdate;

type Activation = ActivateInput['activation'];
type Job = NonNullable<Activation['jobs']>[number];
