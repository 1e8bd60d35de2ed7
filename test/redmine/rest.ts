// Redmine's REST API as one user. Thin on purpose: the judge must not share a mistake with what it judges.

import { z } from 'zod';

export interface Reply {
  status: number;
  body: unknown;
}

export interface Rest {
  get<T>(path: string, shape: z.ZodType<T>): Promise<T>;
  /**
   * Every entry of a paged list, by the page size that Redmine says it used: it caps `limit` at 100 without a
   * word.
   */
  list<T>(path: string, name: string, entry: z.ZodType<T>): Promise<T[]>;
  /** Throws unless Redmine did it. */
  post(path: string, body: unknown): Promise<unknown>;
  put(path: string, body: unknown): Promise<void>;
  delete(path: string): Promise<void>;
  /** Whatever Redmine answers, refusals included. */
  send(method: string, path: string, body?: unknown): Promise<Reply>;
}

export function restAs(baseUrl: string, apiKey: string): Rest {
  const send = async (method: string, path: string, body?: unknown): Promise<Reply> => {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: { 'X-Redmine-API-Key': apiKey, 'Content-Type': 'application/json', 'Accept-Language': 'en' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') && text.trim() !== '';
    return { status: response.status, body: json ? JSON.parse(text) : text };
  };
  const done = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const reply = await send(method, path, body);
    if (reply.status < 300) return reply.body;
    throw new Error(
      `Redmine answered ${reply.status} to ${method} ${path}: ${JSON.stringify(reply.body).slice(0, 300)}`,
    );
  };
  const get = async <T>(path: string, shape: z.ZodType<T>): Promise<T> =>
    shape.parse(await done('GET', path));

  return {
    get,
    send,
    list: async <T>(path: string, name: string, entry: z.ZodType<T>): Promise<T[]> => {
      const page = z.object({
        [name]: z.array(entry),
        total_count: z.number(),
        limit: z.number(),
        offset: z.number(),
      });
      const found: T[] = [];
      for (;;) {
        const separator = path.includes('?') ? '&' : '?';
        const reply = (await get(`${path}${separator}offset=${found.length}&limit=100`, page)) as Record<
          string,
          unknown
        >;
        const entries = reply[name] as T[];
        found.push(...entries);
        if (found.length >= (reply.total_count as number)) return found;
        if (entries.length === 0)
          throw new Error(
            `Redmine promised ${reply.total_count} entries of ${path} and gave ${found.length}`,
          );
      }
    },
    post: (path, body) => done('POST', path, body),
    put: async (path, body) => {
      await done('PUT', path, body);
    },
    delete: async path => {
      await done('DELETE', path);
    },
  };
}

/** Runs `work` over all inputs, a few at a time: one Ruby process answers them all. */
export async function fewAtATime<I, O>(
  inputs: readonly I[],
  work: (input: I) => Promise<O>,
  width = 4,
): Promise<O[]> {
  const results: O[] = new Array(inputs.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < inputs.length) {
      const index = next++;
      results[index] = await work(inputs[index]!);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
