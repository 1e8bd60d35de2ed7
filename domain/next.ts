/** The messages that fit a run now, ready to paste. What is empty in them is left to a person to fill in. */
import { isOver } from './lifecycle.js';
import type { DecisionName } from './request.js';
import { failedSteps, isApproved, isWaived, openAcknowledgements, quorum, type Run } from './run.js';
import { items } from './words.js';

/** Of many failed steps, so many can be pasted; the others are skipped by the same words. */
const SKIPS_SHOWN = 5;

export interface NextMessage {
  message: DecisionName;
  json: Record<string, unknown>;
  why: string;
}

/** Messages that fit now, ready to paste: `by` and what else is empty is left to fill in. */
export function nextMessages(run: Run): NextMessage[] {
  const resume: NextMessage = { message: 'resume', json: { by: '' }, why: 'goes on' };
  return run.pausedBy && !isOver(run.state) ? [resume, ...fitting(run)] : fitting(run);
}

function fitting(run: Run): NextMessage[] {
  const by = '';
  const plan = run.plan?.digest.slice(0, 12);
  switch (run.state) {
    case 'awaiting-approval': {
      const open = openAcknowledgements(run).map(item => item.subject);
      const messages: NextMessage[] = [];
      if (open.length > 0)
        messages.push({
          message: 'acknowledge',
          json: { by, category: open.length === 1 ? open[0] : open },
          why: 'seen, and handled or left as it is',
        });
      const { missing } = run.plan ? quorum(run, run.plan.policy) : { missing: null };
      if (run.plan && !isApproved(run, run.plan))
        messages.push({
          message: 'approve',
          json: { by, plan },
          why: `by an approver who neither asked for it nor leaves${missing ? `; ${missing}` : ''}`,
        });
      else if (run.plan?.policy.confirmation && open.length === 0)
        messages.push({ message: 'execute', json: { by, plan }, why: 'the final confirmation' });
      messages.push({
        message: 'reject',
        json: { by, plan, note: '' },
        why: 'closes the run without any change',
      });
      messages.push({
        message: 'amend',
        json: { by, successor: '' },
        why: 'another plan; approvals are void',
      });
      return [...messages, cancelling(run)];
    }
    case 'scheduled':
      return [
        { message: 'amend', json: { by, effectiveAt: 'now' }, why: 'to run it now, or at another date' },
        { message: 'reject', json: { by, plan, note: '' }, why: 'closes the run without any change' },
        cancelling(run),
      ];
    case 'needs-correction':
      return [
        {
          message: 'amend',
          json: { by, successor: '' },
          why: 'settle what is listed above; null takes back what was said',
        },
        { message: 'retry', json: { by }, why: 'look again after mending it elsewhere' },
        cancelling(run),
      ];
    case 'needs-attention': {
      const open = openAcknowledgements(run).map(item => item.subject);
      const waiting = Object.values(run.waivers).filter(waiver => !isWaived(run, waiver.step));
      const skippable = failedSteps(run).filter(id => run.steps[id]?.leftover);
      return [
        ...(open.length > 0
          ? [
              {
                message: 'acknowledge' as const,
                json: { by, category: open },
                why: 'new items came after it was acknowledged',
              },
            ]
          : []),
        ...waiting.map(waiver => ({
          message: 'approve' as const,
          json: { by, plan, step: waiver.step, keys: waiver.leftover.digest.slice(0, 12) },
          why: `approves the skip, which leaves ${items(waiver.leftover.count)}: ${waiver.reason}`,
        })),
        { message: 'retry', json: { by }, why: 'runs again only what is not done yet' },
        ...skippable.slice(0, SKIPS_SHOWN).map(step => ({
          message: 'skip' as const,
          json: { by, step, reason: '' },
          why: `leaves ${items(run.steps[step]!.leftover!.count)} with the leaver, once approved`,
        })),
        {
          message: 'amend',
          json: { by, ...amendable(run) },
          why: 'a new plan for what is left, to be approved again',
        },
        { message: 'finish', json: { by, reason: '' }, why: 'closes the run as completed-partially' },
        cancelling(run),
      ];
    }
    case 'executing':
    case 'deactivating':
      return run.pausedBy
        ? [
            { message: 'finish', json: { by, reason: '' }, why: 'closes the run as completed-partially' },
            cancelling(run),
          ]
        : [{ message: 'pause', json: { by }, why: 'stops after the current batch' }];
    case 'preparing':
    case 'closing':
    case 'closed':
      return [];
  }
}

function cancelling(run: Run): NextMessage {
  const { state, access } = run;
  const blocked = Object.values(access).includes('blocked');
  const why = ['needs-attention', 'executing', 'deactivating'].includes(state)
    ? 'ends the run here'
    : 'the person stays';
  return blocked
    ? {
        message: 'cancel',
        json: { by: '', access: 'restore' },
        why: `${why} and may sign in again ("keep" leaves the block)`,
      }
    : { message: 'cancel', json: { by: '' }, why };
}

/** The transfer that failed, with its successor left blank; any other trouble may need any other change. */
function amendable(run: Run): Record<string, unknown> {
  const failed = run.plan?.steps.find(
    step => step.do === 'transfer' && run.steps[step.id]?.state === 'failed',
  );
  return failed ? { successors: { [failed.id]: '' } } : { successor: '' };
}
