/** Following a run costs no more questions than its history has changes: Temporal Cloud bills each. */
import { expect, test, vi } from 'vitest';
import { follow } from '../../client/follow.js';
import type { Reach } from '../../client/reach.js';
import type { Status } from '../../workflows/messages.js';

test('a run is asked only when its history has grown, and what its activities report is shown meanwhile', async () => {
  let events = 1;
  const status = vi.fn(async () => ({ state: 'executing', sentence: `at ${events}` }) as unknown as Status);
  const glance = vi.fn(async () => ({
    moment: `run ${events}`,
    live: { steps: {}, current: `batch ${glance.mock.calls.length}` },
  }));
  const described = { type: 'offboardUser', runId: 'run', status: { name: 'RUNNING' }, memo: {} };
  const reach = {
    offboardings: async () => ({ status, glance }),
    temporal: async () => ({ workflow: { getHandle: () => ({ describe: async () => described }) } }),
    ask: <T>(call: () => Promise<T>) => call(),
  } as unknown as Reach;
  const started = {
    kind: 'offboarding' as const,
    workflowId: 'offboarding/1',
    runId: 'run',
    status: 'RUNNING',
    offboardingId: null,
  };
  const sights = follow(reach, started, 0);
  const next = async () => (await sights.next()).value;
  for (let look = 1; look <= 20; look++)
    expect(await next()).toMatchObject({ status: { sentence: 'at 1' }, live: { current: `batch ${look}` } });
  expect(status).toHaveBeenCalledTimes(1);
  events = 2;
  expect(await next()).toMatchObject({ status: { sentence: 'at 2' } });
  await next();
  expect(status).toHaveBeenCalledTimes(2);
});
