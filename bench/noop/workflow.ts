/**
 * The reference for everything that is about Temporal and not about our work: a workflow of the shape of an offboarding whose
 * activities do nothing. What the engine takes beyond it is ours.
 */
import { condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { Move } from './shape.js';

// As workflows/proxies.ts calls quick activities.
const { nothing } = proxyActivities<{ nothing(): Promise<void> }>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '7 days',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

export async function noop({ shape }: { shape: Move[] }): Promise<void> {
  let arrived = 0;
  let passed = 0;
  setHandler(defineSignal<[unknown?]>('pass'), () => {
    arrived++;
  });
  for (const move of shape) {
    if (move === 'gate') {
      passed++;
      await condition(() => arrived >= passed);
    } else {
      // Activities that the engine starts in one breath are started in one breath here.
      await Promise.all(Array.from({ length: move }, () => nothing()));
    }
  }
}
