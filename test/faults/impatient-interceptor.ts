/**
 * Workflow code: every activity that heartbeats is given up after a few seconds of silence instead of the
 * shipped fifteen.
 */
import type { WorkflowInterceptors } from '@temporalio/workflow';

/** A little longer than the three seconds between two heartbeats (activities/attempt.ts). */
export const HEARTBEAT_TIMEOUT_MS = 5_000;

export const interceptors = (): WorkflowInterceptors => ({
  outbound: [
    {
      scheduleActivity: (input, next) =>
        next(
          input.options.heartbeatTimeout
            ? { ...input, options: { ...input.options, heartbeatTimeout: HEARTBEAT_TIMEOUT_MS } }
            : input,
        ),
    },
  ],
});
