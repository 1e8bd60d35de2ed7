/** Starts what comes after a run, under the one id that is kept for it, whatever else runs there. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import { NOT_BEGUN } from '../../../domain/certificate.js';
import { LAST } from '../../../domain/priority.js';
import { summary } from '../../../domain/summary.js';
import { ask, quick } from '../../proxies.js';
import type { Desk } from '../desk.js';

export interface After {
  type: string;
  workflowId: string;
  /** Its own id. */
  id: string;
  input: object;
  says: string;
}

/** Whoever takes the id again and again is not fought for ever: then people are told that nothing comes. */
const TRIES = 3;

/** Starts it. What stands in its way there and is none of ours gives way, and people are told. */
export async function begin(desk: Desk, after: After): Promise<void> {
  const { type, workflowId } = after;
  for (let tries = 0; tries < TRIES; tries++) {
    if (await started(after)) return;
    const room = await ask(quick.makeRoom, `What runs under ${workflowId}?`, { workflowId, type });
    if (!room.ok) return inTheWay(desk, after, room.sentence);
    // A run that was reset after its end has started it before.
    if (room.value.taken) return;
    const other = room.value.terminated;
    if (other !== null)
      tell(
        desk,
        'id-taken',
        `Another workflow ("${other}") ran under ${workflowId}, which is not its id: it was ended.`,
      );
  }
  return inTheWay(desk, after, 'Something takes that id again and again.');
}

/** False = something runs under its id. */
async function started({ type, workflowId, id, input, says }: After): Promise<boolean> {
  try {
    await startChild(type, {
      workflowId,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { offboardingId: id },
      priority: LAST,
      staticSummary: summary(says),
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

/** It never begins, and the run says so. */
function inTheWay(desk: Desk, { workflowId }: After, why: string): void {
  const says = `${workflowId} could not be started, and nothing comes after this run: ${why}`;
  tell(desk, NOT_BEGUN, says);
  desk.say(`${desk.run.sentence} ${says}`);
}

function tell(desk: Desk, notice: string, sentence: string): void {
  const audience = ['operators', 'requester', 'approvers'];
  desk.note({ notice, on: 'attention', state: desk.run.state, audience, sentence, since: null });
}
