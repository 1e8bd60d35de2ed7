/**
 * Who has sent a webhook: its signature over the raw bytes, by the schemes of those who send them. Two secrets
 * may be good at a time, so that one can take the place of the other.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Headers in lower case; one that came twice is a list, and proves nothing. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

export type Checked =
  /** `id`: what its sender calls this delivery; null where the scheme has no name for it. */
  { ok: true; id: string | null } | { ok: false; sentence: string };

/** How far a webhook's clock may be from ours, both ways: what is older was recorded and played again. */
export const WINDOW_S = 300;

type Check = (secrets: readonly string[], headers: Headers, body: Buffer, nowS: number) => Checked;

/** Standard Webhooks, https://www.standardwebhooks.com: HMAC-SHA-256 over `id.timestamp.body`, base64. */
const standard: Check = (secrets, headers, body, nowS) => {
  const id = one(headers, 'webhook-id');
  const sentAt = one(headers, 'webhook-timestamp');
  const given = one(headers, 'webhook-signature');
  if (!id || !sentAt || !given)
    return no('It must carry webhook-id, webhook-timestamp and webhook-signature, each once.');
  const late = outside(sentAt, nowS);
  if (late) return no(late);
  const signatures = given.split(' ').flatMap(part => (part.startsWith('v1,') ? [part.slice(3)] : []));
  const content = Buffer.concat([Buffer.from(`${id}.${sentAt}.`), body]);
  const good = secrets.some(secret => {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    const expected = createHmac('sha256', key).update(content).digest('base64');
    return any(signatures, signature => equal(signature, expected));
  });
  return good ? { ok: true, id } : no(WRONG);
};

/** Slack, https://docs.slack.dev/authentication/verifying-requests-from-slack: hex over `v0:timestamp:body`. */
const slack: Check = (secrets, headers, body, nowS) => {
  const sentAt = one(headers, 'x-slack-request-timestamp');
  const given = one(headers, 'x-slack-signature');
  if (!sentAt || !given)
    return no('It must carry x-slack-request-timestamp and x-slack-signature, each once.');
  const late = outside(sentAt, nowS);
  if (late) return no(late);
  const content = Buffer.concat([Buffer.from(`v0:${sentAt}:`), body]);
  const good = any(secrets, secret =>
    equal(given, `v0=${createHmac('sha256', secret).update(content).digest('hex')}`),
  );
  // Slack gives a delivery no name; its bodies carry one of their own (trigger_id), so no two are the same.
  return good ? { ok: true, id: createHash('sha256').update(body).digest('hex') } : no(WRONG);
};

/**
 * X-Hub-Signature, as Jira signs (https://developer.atlassian.com/cloud/jira/platform/webhooks): hex over the
 * body alone. It has no time in it: a delivery is told apart by its body, or by what the mapping names there.
 */
const hub: Check = (secrets, headers, body) => {
  const given = one(headers, 'x-hub-signature-256') ?? one(headers, 'x-hub-signature');
  if (!given) return no('It must carry x-hub-signature, once.');
  const good = any(secrets, secret =>
    equal(given, `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`),
  );
  return good ? { ok: true, id: null } : no(WRONG);
};

export const SCHEMES = { standard, slack, hub } as const satisfies Record<string, Check>;
export type Scheme = keyof typeof SCHEMES;

const WRONG = 'Its signature is none of ours: look at the secret, and at whether something changed the body.';

function no(sentence: string): Checked {
  return { ok: false, sentence };
}

function one(headers: Headers, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Why a moment is outside the window; null = it is inside. */
function outside(sentAt: string, nowS: number): string | null {
  if (!/^\d{1,12}$/.test(sentAt)) return 'Its timestamp is no number of seconds since 1970.';
  const age = nowS - Number(sentAt);
  if (age > WINDOW_S) return 'It was signed more than five minutes ago: it may be an old one, sent again.';
  return age < -WINDOW_S ? 'It was signed more than five minutes in the future: set the clocks.' : null;
}

/** In a time that does not tell where they differ. */
function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Tries all of them, whichever fits. */
function any<T>(all: readonly T[], fits: (one: T) => boolean): boolean {
  let found = false;
  for (const each of all) if (fits(each)) found = true;
  return found;
}
