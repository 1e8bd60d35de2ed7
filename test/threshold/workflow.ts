/**
 * What Temporal's core answers by itself, within the very task in which it was asked: nothing has come for the
 * run, and its code goes on all the same.
 */
import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  defineSignal,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
} from '@temporalio/workflow';

interface Activities {
  lastLong(): Promise<void>;
}

const activity = (cancellationType?: ActivityCancellationType): Activities =>
  proxyActivities<Activities>({
    startToCloseTimeout: '1 minute',
    retry: { maximumAttempts: 1 },
    cancellationType,
  });

/** By name: what is begun, and whether time passes before it is cancelled. */
const BEGUN: Record<string, { begin: () => Promise<unknown>; passes: boolean }> = {
  'an activity that was not handed out yet': { begin: () => activity().lastLong(), passes: false },
  'an activity whose end nobody waits for': {
    begin: () => activity(ActivityCancellationType.TRY_CANCEL).lastLong(),
    passes: true,
  },
  'an activity that is left to itself': {
    begin: () => activity(ActivityCancellationType.ABANDON).lastLong(),
    passes: true,
  },
  'a workflow that has not begun': { begin: () => executeChild('nothing'), passes: false },
  'a signal that was not sent yet': {
    begin: () => getExternalWorkflowHandle('nobody').signal('word'),
    passes: false,
  },
};

/** Begins something when it is told, cancels it, and says what came of it. */
export async function cancels(what: string): Promise<string> {
  let isTold = false;
  setHandler(defineSignal('go'), () => {
    isTold = true;
  });
  await condition(() => isTold);
  const { begin, passes } = BEGUN[what]!;
  try {
    await CancellationScope.cancellable(async () => {
      const begun = begin();
      if (passes) await sleep(100);
      CancellationScope.current().cancel();
      await begun;
    });
    return 'it was done';
  } catch (error) {
    if (!isCancellation(error)) throw error;
    return 'it was cancelled';
  }
}

export async function nothing(): Promise<void> {}
