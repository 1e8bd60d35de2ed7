/**
 * The script that an engineer writes: list what she has, change each with so many calls at a time, and, where
 * they are careful, read it again. No record, no plan, no second try.
 */
import { Agent, request } from 'undici';

/** `pages`: a hundred items in one call, after each hundred. `singly`: each item, right after its change. */
export type ReadsAgain = 'no' | 'pages' | 'singly';

export interface Script {
  base: string;
  concurrency: number;
  readsAgain: ReadsAgain;
}

interface Thing {
  id: string;
  owner: string;
}

const PAGE = 100;

/** Answers how many it changed, and how long the changing took, without the listing. */
export async function changeByHand({
  base,
  concurrency,
  readsAgain,
}: Script): Promise<{ items: number; ms: number }> {
  const dispatcher = new Agent({ connections: concurrency });
  const call = async (path: string, body?: object): Promise<unknown> => {
    const answer = await request(`${base}${path}`, {
      dispatcher,
      method: body ? 'PATCH' : 'GET',
      headers: { 'content-type': 'application/json' },
      body: body ? JSON.stringify(body) : null,
    });
    if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}`);
    return answer.body.json();
  };
  try {
    const ids: string[] = [];
    for (let page = 1, total = Number.POSITIVE_INFINITY; ids.length < total; page++) {
      const said = (await call(`/items?owner=1&page=${page}`)) as { items: Thing[]; total: number };
      ids.push(...said.items.map(({ id }) => id));
      total = said.total;
    }
    const moved = (thing: Thing): void => {
      if (thing.owner !== '2') throw new Error(`${thing.id} was not changed`);
    };
    const started = performance.now();
    const todo = Array.from({ length: Math.ceil(ids.length / PAGE) }, (_, n) =>
      ids.slice(n * PAGE, (n + 1) * PAGE),
    );
    const each = async (id: string): Promise<void> => {
      await call(`/items/${id}`, { owner: '2' });
      if (readsAgain === 'singly') moved((await call(`/items/${id}`)) as Thing);
    };
    for (const some of todo) {
      await inParallel(some, concurrency, each);
      if (readsAgain === 'pages')
        for (const thing of ((await call(`/items?ids=${some.join(',')}`)) as { items: Thing[] }).items)
          moved(thing);
    }
    return { items: ids.length, ms: performance.now() - started };
  } finally {
    await dispatcher.close();
  }
}

async function inParallel<T>(
  all: readonly T[],
  lanes: number,
  work: (one: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let n = next++; n < all.length; n = next++) await work(all[n]!);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
