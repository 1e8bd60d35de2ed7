/** Waiting that an abort ends, with its own reason. */
import { setTimeout as sleep } from 'node:timers/promises';

export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  await sleep(ms, undefined, signal ? { signal } : {}).catch(error => {
    signal?.throwIfAborted();
    throw error;
  });
}
