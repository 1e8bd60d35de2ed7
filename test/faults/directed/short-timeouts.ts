/**
 * Runs inside the workflow sandbox of the directed faults: the workflows as they are shipped, with shorter
 * patience for attempts that never answer. A minute for a quick activity and fifteen seconds between
 * heartbeats would make a hundred crashes take hours; what is retried, and how, stays the same. The shipped
 * times are proved by `the shipped timeouts` in crashes.test.ts.
 */
import type { WorkflowInterceptors } from '@temporalio/workflow';

export const interceptors = (): WorkflowInterceptors => ({
  outbound: [
    {
      scheduleActivity: (input, next) =>
        next({
          ...input,
          options: {
            ...input.options,
            startToCloseTimeout: '3s',
            ...(input.options.heartbeatTimeout && { heartbeatTimeout: '3s' }),
          },
        }),
    },
  ],
});
