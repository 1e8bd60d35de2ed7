/** What tools send by themselves: signed, once, and turned into a start or a decision by a mapping. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Problem } from '../../client/problem.js';
import { canonicalJson } from '../../domain/plan.js';
import { DECISIONS, type DecisionName } from '../../domain/request.js';
import { sha256 } from '../../store/digest.js';
import { isRun } from '../../workflows/messages.js';
import { FAILURES_OF_A_BODY } from '../answers.js';
import { inNameOf } from '../asked.js';
import { Stranger } from '../callers.js';
import { decideFor, startFor } from '../forward.js';
import type { Gateway } from '../gateway.js';
import { forbidden } from '../roles.js';
import { deliveryOf, type Meaning, meaningOf } from '../webhooks/mapping.js';
import { SCHEMES } from '../webhooks/signatures.js';
import { bodyOf, type Webhook } from '../webhooks/webhook.js';

const answer = z.looseObject({
  did: z.enum(['decided', 'started', 'ignored', 'refused']),
  sentence: z.string(),
});
type Answer = z.infer<typeof answer>;

/** Schemes that refuse what was sent too long ago. */
const DATED: ReadonlySet<string> = new Set(['standard', 'slack']);

/** Slack takes an answer for lost after three seconds, and sends the same again. */
const SLACK_MS = 2_500;

export function webhooks(app: FastifyInstance, gateway: Gateway): void {
  // Signatures are over the raw bytes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.post('/webhooks/:name', {
    config: { may: 'signed' },
    schema: {
      operationId: 'receiveWebhook',
      summary: 'What a tool sends by itself; signed as the file of webhooks says.',
      params: z.object({ name: z.string().min(1).max(40) }),
      consumes: ['application/json', 'application/x-www-form-urlencoded'],
      body: z.unknown().describe('As the tool sends it; whatever its type is called.'),
      response: { 200: answer, 202: answer, 409: answer, 422: answer, ...FAILURES_OF_A_BODY },
    },
    handler: async (request, reply) => {
      const { name } = request.params as { name: string };
      const hook = gateway.webhooks.get(name);
      if (!hook) throw new Problem('not-found', `No webhook is called "${name}" here.`);
      const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const signedId = await checked(gateway, hook, request, raw);
      const body = bodyOf(raw, String(request.headers['content-type'] ?? ''), request.headers);
      if (!body) throw new Problem('usage', 'The body is no JSON.');
      // A body that nothing names is its own name.
      const named = signedId ?? deliveryOf(hook.mapping, body) ?? sha256(raw);
      if (typeof named === 'object') return reply.code(422).send({ did: 'refused', ...named });
      const undated = !DATED.has(hook.signed.scheme);
      // What is kept for ever is no word of the tool's: it might name somebody.
      const id = undated ? sha256(named) : named;
      const delivery = await gateway.behind.deliveries.take(name, id, { undated });
      if (delivery.kind === 'past')
        return reply.code(409).send({
          did: 'ignored',
          sentence: 'The same delivery came more than a week ago, and each counts once.',
        });
      if (delivery.kind === 'under-way')
        return reply
          .code(202)
          .send({ did: 'ignored', sentence: 'The same delivery is being worked on already.' });
      if (delivery.kind === 'answered') return say(reply, hook, delivery.answer as Said);
      const work = act(gateway, hook, meaningOf(hook.mapping, body), id).then(
        async said => {
          // Without a verdict it may be asked again, under the same id, until there is one.
          if (said.code === 202) await gateway.behind.deliveries.release(name, id);
          else await gateway.behind.deliveries.settle(name, id, said);
          return said;
        },
        async (error: unknown) => {
          // Whoever was refused may be let in later; what is out of reach is sent again.
          await gateway.behind.deliveries.release(name, id);
          throw error;
        },
      );
      if (hook.signed.scheme !== 'slack') return say(reply, hook, await work);
      const said = await Promise.race([work, later(SLACK_MS)]);
      if (said) return say(reply, hook, said);
      work.catch(error =>
        request.log.error({ err: error }, 'A webhook came to nothing after it was answered.'),
      );
      return say(reply, hook, {
        code: 200,
        body: { did: 'decided', sentence: 'Taken in: its verdict will stand in the run.' },
      });
    },
  });
}

interface Said {
  code: number;
  body: Answer;
}

/** Slack shows people no more than that something failed, where it is answered with anything but 200. */
function say(
  reply: { code(code: number): { send(body: unknown): unknown } },
  hook: Webhook,
  said: Said,
): unknown {
  return hook.signed.scheme === 'slack'
    ? reply.code(200).send({ response_type: 'ephemeral', text: said.body.sentence, ...said.body })
    : reply.code(said.code).send(said.body);
}

function later(ms: number): Promise<null> {
  return new Promise(resolve => {
    setTimeout(() => resolve(null), ms).unref();
  });
}

/** @returns what the scheme calls the delivery. Throws `Stranger` where the signature is none of ours. */
async function checked(
  gateway: Gateway,
  hook: Webhook,
  { headers }: FastifyRequest,
  raw: Buffer,
): Promise<string | null> {
  if (hook.signed.scheme === 'token') {
    const { name } = await gateway.callers.bearer(headers.authorization);
    if (hook.signed.tokens.some(token => name === `token "${token}"`)) return null;
    throw new Stranger(`The ${name} is not one that the webhook "${hook.name}" takes.`);
  }
  const { scheme, secrets } = hook.signed;
  const verdict = SCHEMES[scheme](secrets, headers, raw, Math.floor(Date.now() / 1000));
  if (verdict.ok) return verdict.id;
  throw new Stranger(verdict.sentence);
}

async function act(gateway: Gateway, hook: Webhook, meaning: Meaning, delivery: string): Promise<Said> {
  switch (meaning.kind) {
    case 'ignored':
      return { code: 200, body: { did: 'ignored', sentence: meaning.sentence } };
    case 'refused':
      return { code: 422, body: { did: 'refused', sentence: meaning.sentence } };
    case 'start':
    case 'decide':
      return carryOut(gateway, hook, meaning, delivery);
  }
}

async function carryOut(
  gateway: Gateway,
  hook: Webhook,
  meaning: Extract<Meaning, { kind: 'start' | 'decide' }>,
  delivery: string,
): Promise<Said> {
  const how = `the webhook "${hook.name}" (${SAYS[hook.signed.scheme]})`;
  const caller = await gateway.callers.known({
    name: `webhook "${hook.name}"`,
    how,
    person: meaning.by,
    roles: 'directory',
  });
  const objection = forbidden(caller, meaning.kind === 'start' ? 'startOffboarding' : meaning.name);
  if (objection) throw new Problem('refused', objection);
  if (meaning.kind === 'start') {
    const { code, answer } = await startFor(gateway, caller, meaning.request, idOf(hook, delivery));
    const did = code < 300 ? 'started' : 'refused';
    return { code, body: { did, sentence: 'reason' in answer ? answer.reason : answer.next, ...answer } };
  }
  const workflowId = await gateway.called(meaning.run);
  const own = inNameOf(caller, meaning.body, 'by');
  // The same event may come under several names: a decision on one plan by one person is one decision, for as
  // long as it stands.
  const same = PER_PLAN.has(meaning.name)
    ? canonicalJson([
        workflowId,
        meaning.name,
        own,
        await judgedAnewSince(gateway, workflowId, meaning.name, own.by),
      ])
    : delivery;
  const { code, answer } = await decideFor(gateway, caller, {
    workflowId,
    name: meaning.name,
    body: meaning.body,
    id: idOf(hook, same),
  });
  return { code, body: { did: code < 300 ? 'decided' : 'refused', ...answer } };
}

/**
 * Since when the run may judge such a decision otherwise than before: this person was refused, or it has begun
 * to wait for approvals again. Temporal answers the same id with the same verdict for ever.
 */
async function judgedAnewSince(
  { statuses }: Gateway,
  workflowId: string,
  name: DecisionName,
  by: unknown,
): Promise<(string | null)[]> {
  const { status } = await statuses.of(workflowId);
  const refused = status.refused?.findLast(one => one.message === name && one.by === by)?.at ?? null;
  const waits = isRun(status) && status.state === 'awaiting-approval' ? (status.since ?? null) : null;
  return [refused, waits];
}

const PER_PLAN: ReadonlySet<string> = new Set(
  DECISIONS.filter(name => ['approve', 'reject', 'execute'].includes(name)),
);

const SAYS = {
  standard: 'signed, Standard Webhooks',
  slack: 'signed by Slack',
  hub: 'signed, X-Hub-Signature',
  token: 'a bearer token',
} as const;

function idOf({ name }: Webhook, what: string): string {
  return `webhook-${name}-${sha256(what).slice(0, 32)}`;
}
