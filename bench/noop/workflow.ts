/**
 * The reference for everything that is about Temporal and not about our work: workflows of the shape of an
 * offboarding whose activities do nothing. What the engine takes beyond them is ours. `noop` is one
 * workflow; `noopDoor` starts it as the front door starts a run. A worker of bench/bare does a little in the
 * same places.
 */
import {
  condition,
  defineSignal,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Move } from './shape.js';

// As workflows/proxies.ts calls quick activities.
const { inPlaceOf } = proxyActivities<InPlace>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '7 days',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

const PASS = 'pass';

export interface InPlace {
  /** `activity`: the one of ours whose place it takes. `nth`: how many of that name came before it. */
  inPlaceOf(activity: string, nth: number): Promise<void>;
}

export interface Parts {
  door: Move[];
  run: Move[];
}

export async function noop({ shape }: { shape: Move[] }): Promise<void> {
  await player()(shape);
}

export async function noopDoor({ door, run }: Parts): Promise<void> {
  await player()(door);
  await startChild('noop', {
    workflowId: workflowInfo().workflowId.replace('door', 'run'),
    args: [{ shape: run }],
    parentClosePolicy: ParentClosePolicy.ABANDON,
  });
}

/** Installs the signal, and answers what goes through a shape. */
function player(): (shape: Move[]) => Promise<void> {
  let arrived = 0;
  let passed = 0;
  const seen = new Map<string, number>();
  const next = (activity: string): number => {
    const nth = seen.get(activity) ?? 0;
    seen.set(activity, nth + 1);
    return nth;
  };
  setHandler(defineSignal<[unknown?]>(PASS), () => {
    arrived++;
  });
  return async shape => {
    for (const move of shape) {
      if (move === 'gate') {
        passed++;
        await condition(() => arrived >= passed);
      } else {
        // Activities that the engine starts in one breath are started in one breath here.
        await Promise.all(move.map(activity => inPlaceOf(activity, next(activity))));
      }
    }
  };
}
