/**
 * The gateway as an HTTP service: what it consists of, in which order. Everything but its own description and
 * its health asks who is calling, then whether they may, and only then what they want.
 */
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';
import type { WayIn } from '../client/device-login.js';
import { answerFailures, answerUnreadable, readJson } from './answers.js';
import type { Behind } from './behind.js';
import { calledOf } from './called.js';
import type { Callers } from './callers.js';
import { doorOf } from './door.js';
import type { Gateway } from './gateway.js';
import { logoutsBy } from './oidc.js';
import { deactivations } from './routes/deactivations.js';
import { decisions } from './routes/decisions.js';
import { documents } from './routes/documents.js';
import { health } from './routes/health.js';
import { items } from './routes/items.js';
import { login } from './routes/login.js';
import { logout } from './routes/logout.js';
import { offboardings } from './routes/offboardings.js';
import { progress } from './routes/progress.js';
import { webhooks } from './routes/webhooks.js';
import type { Seal } from './sign.js';
import { statusesOf } from './statuses.js';
import type { Webhook } from './webhooks/webhook.js';

export interface ServerOptions {
  behind: Behind;
  callers: Callers;
  seal: Seal;
  /** By name. */
  webhooks?: ReadonlyMap<string, Webhook>;
  /** How the command line logs people in. */
  logins?: readonly WayIn[];
  logoutIn?: Gateway['logoutIn'];
  logger?: FastifyBaseLogger;
  version?: string;
  /** So many strangers a minute are told so from one address; 30 unless told. */
  guesses?: number;
}

/** An override of 200 items is far smaller. */
const LONGEST_BODY = 256 * 1024;

export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const app = Fastify({
    ...(options.logger ? { loggerInstance: options.logger } : { logger: false }),
    bodyLimit: LONGEST_BODY,
    // A whole request must have come by then, so that nobody holds a connection open byte by byte.
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    // No address of a request that Node reads at all is longer: how long a part may be, its route says.
    routerOptions: { maxParamLength: 16_384 },
    clientErrorHandler: answerUnreadable,
    // What a caller calls a request is nothing that we log.
    requestIdHeader: false,
  });
  const { behind, callers, seal } = options;
  const gateway: Gateway = {
    behind,
    callers,
    called: calledOf(behind),
    seal,
    statuses: statusesOf(behind),
    webhooks: options.webhooks ?? new Map(),
    logins: options.logins ?? [],
    logoutIn: options.logoutIn ?? logoutsBy([]),
  };
  await app.register(helmet, {
    // Nothing here is a page: no script, no frame, no form.
    contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  });
  await app.register(rateLimit, { max: 60_000, timeWindow: '1 minute' });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Handover',
        version: options.version ?? '0',
        description:
          'Start offboardings, look at them, decide about them. What the gateway forwards it signs, so that workers can tell a proved decision from a claimed one.',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig: { unrepresentable: 'any' } }),
  });
  readJson(app);
  answerFailures(app, options.guesses);
  doorOf(app, gateway);
  // No answer of ours may lie in a cache: each is about a person.
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  for (const routes of [
    health,
    login,
    logout,
    offboardings,
    items,
    documents,
    decisions,
    deactivations,
    progress,
    webhooks,
  ])
    await app.register(async scope => routes(scope, gateway));
  await app.ready();
  return app;
}
