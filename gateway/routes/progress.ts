/** A run as it goes on, as server-sent events. Whoever cannot keep a stream open polls the run instead. */
import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Problem, problemOf } from '../../client/problem.js';
import { FAILURES } from '../answers.js';
import { RUN } from '../asked.js';
import { Stranger } from '../callers.js';
import { seen } from '../door.js';
import type { Gateway } from '../gateway.js';
import { forbidden, ownRun } from '../roles.js';
import { follow } from '../statuses.js';

/** Proxies close what is silent for longer. */
const SIGN_OF_LIFE_MS = 15_000;
/** Then the browser connects anew, and is asked who it is anew. */
const LONGEST_MS = 10 * 60_000;
/**
 * So often it is asked whether whoever follows still may. Asking the directory is a question to a worker, which
 * Temporal Cloud bills; the rest costs nothing there.
 */
const STILL_MS = 10_000;

const event = z.looseObject({
  event: z.enum(['status', 'end', 'trouble']).optional().describe('None: no more than a sign of life.'),
  data: z.string().optional().describe('JSON.'),
});

export function progress(app: FastifyInstance, gateway: Gateway): void {
  app.get('/offboardings/:run/progress', {
    config: { may: 'followOffboarding' },
    schema: {
      operationId: 'followOffboarding',
      summary: 'Server-sent events: `status` whenever something changes, `end` when the run has closed.',
      security: [{ bearer: [] }],
      params: RUN,
      response: { 200: { content: { 'text/event-stream': { schema: event } } }, ...FAILURES },
    },
    handler: async (request, reply) => {
      const { workflowId } = await seen(gateway, request, (request.params as { run: string }).run);
      const gone = new AbortController();
      reply.raw.on('close', () => gone.abort());
      // Whoever hung up while it was looked whether they may has been told of already, and is not again.
      if (reply.raw.destroyed) gone.abort();
      const enough = setTimeout(() => gone.abort(), LONGEST_MS);
      const alive = setInterval(() => reply.raw.write(': alive\n\n'), SIGN_OF_LIFE_MS);
      reply.hijack();
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value);
      reply.raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Some proxies would collect the stream before they pass it on.
        'x-accel-buffering': 'no',
      });
      // Who reads slowly gets fewer of them, and what is newest then; nothing is piled up for them.
      const send = async (event: string, data: unknown): Promise<void> => {
        if (reply.raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) return;
        await once(reply.raw, 'drain', { signal: gone.signal }).catch(() => {});
      };
      const still = setInterval(async () => {
        const why = await hasLost(gateway, request.headers.authorization, workflowId);
        if (why === null || gone.signal.aborted) return;
        void send('trouble', { error: why });
        gone.abort();
      }, STILL_MS);
      try {
        // After a lost connection a browser waits this long.
        reply.raw.write('retry: 2000\n\n');
        for await (const { at, status, live } of follow(gateway.statuses, workflowId, gone.signal)) {
          await send('status', { at, status, live });
          if (status.state === 'closed')
            await send('end', { outcome: status.outcome, sentence: status.sentence });
        }
      } catch (error) {
        await send('trouble', { error: problemOf(error).message });
      } finally {
        clearTimeout(enough);
        clearInterval(still);
        clearInterval(alive);
        reply.raw.end();
      }
    },
  });
}

/** Why somebody who follows a run may not go on; null = they may, or nobody can say just now. */
async function hasLost(
  { callers, statuses }: Gateway,
  header: string | undefined,
  workflowId: string,
): Promise<string | null> {
  try {
    const caller = await callers.known(await callers.bearer(header));
    await caller.again?.(STILL_MS);
    const { status } = await statuses.of(workflowId);
    return forbidden(caller, 'followOffboarding') ?? ownRun(caller, status);
  } catch (error) {
    if (error instanceof Stranger) return error.message;
    return error instanceof Problem && error.kind === 'refused' ? error.message : null;
  }
}
