/**
 * Asks a worker what only a worker can answer, since it alone has the credentials of the systems. Question and
 * answer lie in the store; the workflow between them is handed an id.
 */
import { type Client, WorkflowFailedError } from '@temporalio/client';
import type { Ids } from '../domain/ids.js';
import type { Inquiry, InquiryAnswer } from '../domain/inquiry.js';
import { GRPC, grpcCode } from '../runtime/temporal.js';
import type { Inquiries } from '../store/inquiries.js';
import { INQUIRE } from '../workflows/messages.js';
import { Problem } from './problem.js';

export interface Asking {
  temporal: Client;
  taskQueue: string;
  ids: Ids;
  inquiries: Inquiries;
}

/** Looking through every system takes longer than one row. */
const PATIENCE_MS = 60_000;

/** Throws a `Problem` where there is no answer, or where it is that there is none. */
export async function inquire<T>(
  { temporal, taskQueue, ids, inquiries }: Asking,
  inquiry: Inquiry,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const id = await inquiries.ask(inquiry);
  try {
    await temporal.connection.withDeadline(Date.now() + patienceMs, () =>
      temporal.workflow.execute(INQUIRE, {
        taskQueue,
        workflowId: ids.inquiry(id),
        args: [id],
        // Nobody waits for it any longer.
        workflowExecutionTimeout: 2 * patienceMs,
      }),
    );
  } catch (error) {
    await inquiries.take(id);
    if (error instanceof WorkflowFailedError)
      throw new Problem('out-of-reach', `No worker could look that up: ${deepest(error)}`, { cause: error });
    if (grpcCode(error) === GRPC.deadlineExceeded) {
      const sentence = `No worker answered within ${patienceMs / 1000} s: perhaps none is running.`;
      throw new Problem('out-of-reach', sentence, { cause: error });
    }
    throw error;
  }
  const answer = (await inquiries.take(id)) as InquiryAnswer<T> | null;
  if (!answer) throw new Problem('out-of-reach', 'The answer got lost on its way: ask again.');
  if (answer.ok) return answer.value;
  throw new Problem(answer.kind, answer.sentence);
}

function deepest(error: Error): string {
  return error.cause instanceof Error ? deepest(error.cause) : error.message;
}
