/**
 * What the SDK or the server would stumble over before any code of ours sees it. Part of every bundle
 * (workers/bundle.ts).
 */
import { defaultPayloadConverter } from '@temporalio/common';
import type { WorkflowInterceptors } from '@temporalio/workflow';
import { getActivator } from '@temporalio/workflow/lib/global-attributes.js';
import { MESSAGE, TEMPORAL } from '../domain/limits.js';

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

export const interceptors = (): WorkflowInterceptors => ({
  internals: [
    {
      activate(input, next) {
        const { activation } = input;
        const jobs = (activation.jobs ?? []).filter(({ doUpdate }) => bytesOf(doUpdate?.input) <= MOST_BYTES);
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
        const updates = jobs.filter(({ doUpdate }) => doUpdate);
        const others = jobs.filter(({ doUpdate }) => !doUpdate);
        // What has happened comes before what is asked, and to its end: see `onceStill`.
        next({ ...input, activation: { ...activation, jobs: others } });
        if (updates.length > 0)
          onceStill(() => next({ ...input, activation: { ...activation, jobs: updates } }));
      },
    },
  ],
});

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
 * Calls it once nothing moves any more: every promise is settled, and no condition holds.
 *
 * Temporal gives a worker that takes a run up again what has happened and the updates one after the other (after
 * a task that timed out, or did nothing), and both at once when the run is replayed; behind a reset, in another
 * order. The SDK accepts an update while it reads, before anything of ours has gone on: then the events stand in
 * one order in the history and in another in the replay, and no worker can take the run up any more. It has no
 * hook for "once still", so this stands ahead of all conditions that it asks.
 */
function onceStill(call: () => void): void {
  const activator = getActivator();
  let isAsked = false;
  const ahead = {
    // Asked once in each round: conditions that held earlier in it are gone, and what they woke is yet to come.
    fn() {
      if (isAsked) return false;
      isAsked = true;
      void Promise.resolve().then(() => {
        isAsked = false;
      });
      return [...activator.blockedConditions.values()].every(one => one === ahead || !one.fn());
    },
    resolve() {
      // A workflow that has ended takes nothing: Temporal tells the sender so, or asks the execution after it.
      if (!activator.completed) void Promise.resolve().then(call);
    },
  };
  const others = [...activator.blockedConditions];
  activator.blockedConditions.clear();
  for (const [seq, one] of [[0, ahead] as const, ...others]) activator.blockedConditions.set(seq, one);
}
