/** A run as it goes on, as server-sent events. Whoever cannot keep a stream open polls the run instead. */
import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { problemOf } from '../../client/problem.js';
import { FAILURES } from '../answers.js';
import { RUN } from '../asked.js';
import { seen } from '../door.js';
import type { Gateway } from '../gateway.js';
import { follow } from '../statuses.js';

/** Proxies close what is silent for longer. */
const SIGN_OF_LIFE_MS = 15_000;
/** Then the browser connects anew, and is asked who it is anew. */
const LONGEST_MS = 10 * 60_000;

export function progress(app: FastifyInstance, gateway: Gateway): void {
  app.get('/offboardings/:run/progress', {
    config: { may: 'followOffboarding' },
    schema: {
      operationId: 'followOffboarding',
      summary: 'Server-sent events: `status` whenever something changes, `end` when the run has closed.',
      security: [{ bearer: [] }],
      params: RUN,
      response: { 200: z.string().describe('text/event-stream'), ...FAILURES },
    },
    handler: async (request, reply) => {
      const { workflowId } = await seen(gateway, request, (request.params as { run: string }).run);
      const gone = new AbortController();
      reply.raw.on('close', () => gone.abort());
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
        clearInterval(alive);
        reply.raw.end();
      }
    },
  });
}
