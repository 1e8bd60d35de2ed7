/** Following a run: a stream that shows what changes, shared, and that asks the run no more than it must. */
import { get } from 'node:http';
import { expect, test, vi } from 'vitest';
import { statusesOf } from '../../gateway/statuses.js';
import type { Status } from '../../workflows/messages.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';

const small = useSmallWorld({ change: withGateway() });
const front = useGateway(small);

interface Sent {
  event: string;
  data: { status?: Status; outcome?: string };
}

/** What a stream sends until it ends. @param opened is told when the first of it has come */
function streamOf(path: string, opened: () => void): Promise<Sent[]> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${front.tokenOf('oscar')}` };
    get(`${front.gateway.url}${path}`, { headers }, answer => {
      let text = '';
      answer.setEncoding('utf8').on('data', chunk => {
        text += chunk;
        if (text.includes('event: status')) opened();
      });
      answer.on('end', () =>
        resolve(
          [...text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, event, data]) => ({
            event: event!,
            data: JSON.parse(data!),
          })),
        ),
      );
    }).on('error', reject);
  });
}

test('a stream shows each state of a run once, in order, to its end, to as many as look', async () => {
  const run = await front.begin();
  const path = `/offboardings/${encodeURIComponent(run.run)}`;
  const all: Promise<Sent[]>[] = [];
  for (let n = 0; n < 5; n++)
    await new Promise<void>(opened => {
      all.push(streamOf(`${path}/progress`, opened));
    });
  await front.acknowledge(run);
  await front.call('priya', 'POST', `${path}/decisions/approve`, { plan: run.status.plan!.digest });
  for (const stream of await Promise.all(all)) {
    const states = stream.flatMap(({ data }) => data.status?.state ?? []);
    expect(states[0]).toBe('awaiting-approval');
    expect(states.at(-1)).toBe('closed');
    expect(stream.at(-1)).toMatchObject({ event: 'end', data: { outcome: 'completed' } });
    const shown = stream.map(({ data }) => JSON.stringify(data.status));
    expect(new Set(shown).size, 'nothing is said twice in a row').toBe(shown.length);
  }
});

test('a run is asked only when its history has grown, however many look however long', async () => {
  let events = 1;
  const asked = vi.fn(async () => ({ state: 'awaiting-approval', remaining: events }) as unknown as Status);
  const glance = vi.fn(async () => ({ moment: `run ${events}`, live: null }));
  let now = 0;
  const statuses = statusesOf({ status: asked, glance }, () => now);
  const all = () => Promise.all(Array.from({ length: 50 }, () => statuses.of('offboarding/1')));
  for (let second = 0; second < 60; second++) {
    await all();
    now += 1_000;
  }
  expect(glance).toHaveBeenCalledTimes(60);
  expect(asked).toHaveBeenCalledTimes(1);
  events = 2;
  const answers = await all();
  expect(answers.every(({ status }) => (status as unknown as { remaining: number }).remaining === 2)).toBe(
    true,
  );
  expect(asked).toHaveBeenCalledTimes(2);
  // An answer that failed is none.
  asked.mockRejectedValueOnce(new Error('No worker answered.'));
  events = 3;
  now += 1_000;
  await expect(statuses.of('offboarding/1')).rejects.toThrow('No worker');
  expect((await statuses.of('offboarding/1')).status).toMatchObject({ remaining: 3 });
});
