/** How whatever goes wrong is answered: one shape, one sentence, and nothing that helps an attacker. */
import { maxHeaderSize, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { clean } from '../client/clean.js';
import { type ProblemKind, problemOf } from '../client/problem.js';
import { objection } from '../domain/door.js';
import { mistakesOf } from '../domain/mistake.js';
import { Stranger } from './callers.js';

/** What every failure looks like. */
export const failure = z.object({
  error: z.string().describe('A sentence: what was given, what is allowed, what to do next.'),
  kind: z.enum(['usage', 'refused', 'not-found', 'out-of-reach', 'unexpected', 'stranger', 'too-many']),
});

const STATUS: Record<ProblemKind, number> = {
  usage: 400,
  refused: 403,
  'not-found': 404,
  'out-of-reach': 503,
  unexpected: 500,
};

/** Statuses of failures, for every route's description. */
export const FAILURES = {
  400: failure.describe('It cannot be read.'),
  401: failure.describe('Nobody is recognised.'),
  403: failure.describe('It is known who asks, and they may not.'),
  404: failure.describe('There is no such thing.'),
  429: failure.describe('Too many, too fast.'),
  431: failure.describe('The address and the headers are too long together.'),
  503: failure.describe('Temporal, the store, or a worker does not answer: asking again is safe.'),
};

/** The same, where a body is sent. */
export const FAILURES_OF_A_BODY = {
  ...FAILURES,
  413: failure.describe('The body is too long.'),
  415: failure.describe('The body is of a type that is not read here.'),
};

/**
 * JSON that nothing here can stumble over: brackets within brackets would exhaust the stack of whatever reads
 * them later.
 */
export function readJson(app: FastifyInstance): void {
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, said, done) => {
    const refuse = (sentence: string): void => done(Object.assign(new Error(sentence), { statusCode: 400 }));
    if (said === '') return refuse('The body is empty, and must be one JSON object.');
    let given: unknown;
    try {
      given = JSON.parse(said as string);
    } catch {
      return refuse('The body is no JSON.');
    }
    const why = objection(given);
    return why === null ? done(null, given) : refuse(`Cannot read the body: ${why}.`);
  });
}

/**
 * What Node gives up on before it is a request: nobody gets to see it but the socket.
 * @param code of Node's own error
 */
export function answerUnreadable({ code }: { code?: string }, socket: Duplex): void {
  const [status, error] = UNREADABLE[code ?? ''] ?? [400, 'This is no HTTP request that can be read.'];
  const body = JSON.stringify({ error, kind: 'usage' } satisfies z.infer<typeof failure>);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json',
    'cache-control: no-store',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  // Whoever has hung up gets none.
  if (code !== 'ECONNRESET' && socket.writable) socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  else socket.destroy();
}

const UNREADABLE: Record<string, [status: number, sentence: string]> = {
  HPE_HEADER_OVERFLOW: [
    431,
    `The address and the headers of a request are at most ${maxHeaderSize / 1024} KiB together.`,
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not come whole in time.'],
};

/** @param guesses so many of one address are refused one by one in a minute, before all of them are */
export function answerFailures(app: FastifyInstance, guesses = 30): void {
  const strangers = app.createRateLimit({ max: guesses, timeWindow: '1 minute' });

  const routes: { shape: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    const shape = new RegExp(`^${url.replace(/:[a-z]+/g, '[^/]+')}$`);
    routes.push({ shape, methods: [method].flat() });
  });
  // Before a body is read: what there is none of is none whatever is sent there.
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return;
    const [at] = request.url.split('?', 1) as [string];
    const taken = [...new Set(routes.filter(one => one.shape.test(at)).flatMap(one => one.methods))];
    const where = at.slice(0, 200);
    if (taken.length === 0)
      return say(
        reply,
        404,
        'not-found',
        `There is nothing at ${request.method} ${where}: see /openapi.json.`,
      );
    reply.header('allow', taken.join(', '));
    return say(reply, 405, 'usage', `${request.method} does nothing at ${where}: use ${taken.join(' or ')}.`);
  });

  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    if (error instanceof Stranger) {
      // Counted per address: whoever guesses is slowed down.
      const limit = await strangers(request);
      if (!limit.isAllowed && limit.isExceeded)
        return say(
          reply.header('retry-after', limit.ttlInSeconds),
          429,
          'too-many',
          'Too many attempts from here: wait a minute.',
        );
      reply.header('www-authenticate', 'Bearer realm="handover"');
      return say(reply, 401, 'stranger', error.message);
    }
    const { statusCode } = error;
    // What the framework refuses: bodies too long, not JSON, of another type; and its limits.
    if (statusCode === 429) return say(reply, 429, 'too-many', 'Too many requests: wait a moment.');
    if (statusCode === 413) return say(reply, 413, 'usage', 'That is too long for one request.');
    if (statusCode && statusCode >= 400 && statusCode < 500)
      return say(reply, statusCode, 'usage', framework(error, request));
    const problem = problemOf(error);
    if (problem.kind === 'unexpected') {
      request.log.error({ err: problem.cause ?? problem }, 'A request could not be answered.');
      return say(
        reply,
        500,
        'unexpected',
        `Something went wrong here, and is in the log under ${request.id}.`,
      );
    }
    return say(reply, STATUS[problem.kind], problem.kind, problem.message);
  });

  // Everything that is given is read with zod, and what is wrong with it said in our own words.
  app.setValidatorCompiler(({ schema, httpPart }) => given => {
    const what = WHAT[httpPart ?? ''] ?? 'the request';
    // A body passed it when it was read.
    const why = httpPart === 'body' ? null : objection(given);
    if (why !== null) return { error: new Error(`Cannot read ${what}: ${why}.`) };
    const empty = httpPart === 'querystring' && emptyIn(given as Record<string, unknown>);
    if (empty) return { error: new Error(`Cannot read ${what}: "${empty}" is empty; leave it out.`) };
    const read = (schema as z.ZodType).safeParse(given);
    if (read.success) return { value: read.data };
    const said = mistakesOf(read.error.issues, given, schema as z.ZodType).slice(0, 5);
    const each = said.map(
      one => `${one.path.length > 0 ? `"${one.path.map(String).join('.')}"` : 'it'} ${one.says}`,
    );
    return { error: new Error(`Cannot read ${what}: ${each.join('; ')}.`) };
  });
  // Answers are described by their schemas, and tested against them; they are not made by them.
  app.setSerializerCompiler(() => answer => JSON.stringify(answer));
}

/** Read as a number, nothing at all would be 0. */
function emptyIn(query: Record<string, unknown>): string | undefined {
  return Object.keys(query).find(key => query[key] === '');
}

const WHAT: Record<string, string> = {
  body: 'the body',
  querystring: 'the query',
  params: 'the path',
  headers: 'the headers',
};

function say(reply: FastifyReply, status: number, kind: z.infer<typeof failure>['kind'], sentence: string) {
  return reply
    .code(status)
    .type('application/json')
    .send({ error: clean(sentence), kind });
}

function framework(error: FastifyError, request: FastifyRequest): string {
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return `A body is JSON (application/json); given was "${String(request.headers['content-type']).slice(0, 80)}".`;
    // What our own readers say, below.
    case 'FST_ERR_VALIDATION':
    case undefined:
      return error.message;
    default:
      return `The request cannot be read: ${error.message.replace(/\.$/, '')}.`;
  }
}
