/**
 * How a system knows who calls. Secrets are parts of the connection and named in the catalog; tokens that run
 * out are renewed before they do, by one call however many wait for it.
 */
import { importPKCS8, SignJWT } from 'jose';
import type { Bundle } from '../../domain/bundle.js';
import { HandoverFailure } from '../../domain/failure.js';
import { millisecondsOf } from '../duration.js';
import type { Boundary } from './address.js';
import type { AuthSpec } from './catalog.js';
import { requestOf } from './catalog.js';
import { filledBody, filledTexts } from './fill.js';
import { outcomeOf } from './outcome.js';
import { textAt } from './pointer.js';
import { fillPath, type Values } from './template.js';
import type { Received, Transport } from './transport.js';
import { BadAnswer, NoAnswer } from './transport.js';

export interface Credentials {
  headers: Readonly<Record<string, string>>;
  /** What calls may have in them: `{session.uid}`. */
  values: Values;
}

export interface Auth {
  /** Throws a `credential` failure where the system does not take us. */
  credentials(signal?: AbortSignal): Promise<Credentials>;
  /** The system does not know these any more. False where there are no others. */
  forget(credentials: Credentials): boolean;
  /** Secrets that the system gave us. */
  secrets(): readonly string[];
}

/** The parts of a connection that this way of signing in needs. */
export function partsOf(auth: AuthSpec): string[] {
  if ('bearer' in auth) return [auth.bearer];
  if ('basic' in auth) return [auth.basic.user, auth.basic.password];
  if ('header' in auth) return [auth.header.value];
  if ('oauth' in auth) return [auth.oauth.client, auth.oauth.secret];
  if ('jwt' in auth) return [auth.jwt.key, auth.jwt.issuer, ...(auth.jwt.subject ? [auth.jwt.subject] : [])];
  return [];
}

export interface Means {
  system: string;
  connection: Bundle;
  boundary: Boundary;
  transport: Transport;
  /** `{connect.part}` in calls. */
  values: Values;
}

export function authOf(spec: AuthSpec, means: Means): Auth {
  const { connection } = means;
  if ('none' in spec) return always({});
  if ('bearer' in spec) return always({ Authorization: `Bearer ${connection.need(spec.bearer)}` });
  if ('basic' in spec)
    return always({
      Authorization: basic(connection.need(spec.basic.user), connection.need(spec.basic.password)),
    });
  if ('header' in spec)
    return always({ [spec.header.name]: `${spec.header.prefix}${connection.need(spec.header.value)}` });
  if ('oauth' in spec) return new Renewed(() => clientCredentials(spec.oauth, means));
  if ('jwt' in spec) return new Renewed(() => jwtBearer(spec.jwt, means));
  return new Renewed(() => signIn(spec.session, means));
}

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;

function always(headers: Record<string, string>): Auth {
  return {
    credentials: async () => ({ headers, values: {} }),
    forget: () => false,
    secrets: () => [],
  };
}

interface Granted extends Credentials {
  lastsMs: number;
  secrets: readonly string[];
}

/** Before it runs out: a call that is under way must still arrive with it. */
const EARLY_MS = 60_000;

class Renewed implements Auth {
  #current: { granted: Granted; until: number } | null = null;
  #asking: Promise<Granted> | null = null;

  constructor(private readonly ask: () => Promise<Granted>) {}

  async credentials(signal?: AbortSignal): Promise<Credentials> {
    signal?.throwIfAborted();
    if (this.#current && this.#current.until > Date.now()) return this.#current.granted;
    // Whoever waits for it is not stopped by one of the others who does not want it any more.
    this.#asking ??= this.ask().finally(() => {
      this.#asking = null;
    });
    const granted = await this.#asking;
    const early = Math.min(EARLY_MS, granted.lastsMs / 2);
    this.#current = { granted, until: Date.now() + granted.lastsMs - early };
    return granted;
  }

  forget(credentials: Credentials): boolean {
    // Another call may have noticed before us.
    if (this.#current?.granted === credentials) this.#current = null;
    return true;
  }

  secrets(): readonly string[] {
    return this.#current?.granted.secrets ?? [];
  }
}

/** RFC 6749, 4.4. */
function clientCredentials(
  { token, client, secret, send, scope, audience }: Extract<AuthSpec, { oauth: unknown }>['oauth'],
  means: Means,
): Promise<Granted> {
  const id = means.connection.need(client);
  const password = means.connection.need(secret);
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  if (audience !== undefined) form.set('audience', audience);
  if (send === 'body') {
    form.set('client_id', id);
    form.set('client_secret', password);
  }
  // Form-encoded before they are joined: RFC 6749, 2.3.1.
  const header = basic(encodeURIComponent(id), encodeURIComponent(password));
  return tokenFrom(token, form, send === 'basic' ? { Authorization: header } : {}, means);
}

/** RFC 7523, 2.1. */
async function jwtBearer(spec: Extract<AuthSpec, { jwt: unknown }>['jwt'], means: Means): Promise<Granted> {
  const { connection } = means;
  let assertion: string;
  try {
    const key = await importPKCS8(connection.need(spec.key), spec.algorithm);
    const jwt = new SignJWT({})
      .setProtectedHeader({ alg: spec.algorithm, typ: 'JWT', ...(spec.key_id && { kid: spec.key_id }) })
      .setIssuer(connection.need(spec.issuer))
      .setSubject(connection.need(spec.subject ?? spec.issuer))
      .setAudience(spec.audience)
      .setIssuedAt()
      .setExpirationTime(new Date(Date.now() + millisecondsOf(spec.lasts)));
    assertion = await jwt.sign(key);
  } catch (error) {
    if (error instanceof HandoverFailure) throw error;
    throw refusal(
      means,
      `the connection's "${spec.key}" is no private key for ${spec.algorithm} (PEM, PKCS #8)`,
    );
  }
  const form = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
  if (spec.scope !== undefined) form.set('scope', spec.scope);
  return tokenFrom(spec.token, form, {}, means);
}

async function tokenFrom(
  token: string,
  form: URLSearchParams,
  headers: Record<string, string>,
  means: Means,
): Promise<Granted> {
  const url = token.startsWith('/')
    ? means.boundary.at(token)
    : means.boundary.follow(token, means.boundary.base, 'the address of tokens');
  const answer = await asked(means, {
    method: 'POST',
    url,
    headers: { ...headers, 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' },
    body: form.toString(),
  });
  const given = textAt(answer.body, '/access_token');
  if (answer.status !== 200 || given === null) {
    const code = textAt(answer.body, '/error');
    const said = code !== null && /^[a-z_]{1,40}$/.test(code) ? ` ${code}` : '';
    throw refusal(means, `it gives us no token (${answer.status}${said})`, answer.status);
  }
  const lasts = Number(textAt(answer.body, '/expires_in') ?? '300');
  return {
    headers: { Authorization: `Bearer ${given}` },
    values: {},
    lastsMs: (Number.isFinite(lasts) && lasts > 0 ? lasts : 300) * 1_000,
    secrets: [given],
  };
}

async function signIn(
  spec: Extract<AuthSpec, { session: unknown }>['session'],
  means: Means,
): Promise<Granted> {
  const { method, path } = requestOf(spec);
  const filling = { values: means.values };
  const body = filledBody(spec, filling);
  const answer = await asked(means, {
    method,
    url: means.boundary.at(fillPath(path, filling)),
    headers: {
      Accept: 'application/json',
      ...(body ? { 'Content-Type': body.type } : {}),
      ...filledTexts(spec.headers, filling),
    },
    body: body?.text,
  });
  const outcome = outcomeOf(answer, spec.outcomes);
  if (outcome.kind !== 'ok') throw refusal(means, `signing in was refused (${outcome.says})`, answer.status);
  const kept = Object.entries(spec.keep).map(
    ([name, at]) => [`session.${name}`, textAt(answer.body, at)] as const,
  );
  const lacking = kept.find(([, value]) => value === null || value === 'false');
  if (lacking)
    throw refusal(
      means,
      `signing in was answered without ${lacking[0].slice('session.'.length)}: it does not take us`,
    );
  const cookies = answer.cookies.map(cookie => cookie.split(';')[0]!);
  if (spec.cookies && cookies.length === 0) throw refusal(means, 'signing in was answered without a cookie');
  const values = Object.fromEntries(kept);
  const after = { values: { ...means.values, ...values } };
  return {
    headers: {
      ...filledTexts(spec.headers_after, after),
      ...(spec.cookies ? { Cookie: cookies.join('; ') } : {}),
    },
    values,
    lastsMs: millisecondsOf(spec.lasts),
    secrets: [
      ...cookies.map(cookie => cookie.slice(cookie.indexOf('=') + 1)),
      ...kept.map(([, value]) => value!),
    ],
  };
}

async function asked(means: Means, sent: Parameters<Transport['send']>[0]): Promise<Received> {
  try {
    return await means.transport.send(sent);
  } catch (error) {
    if (!(error instanceof NoAnswer) && !(error instanceof BadAnswer)) throw error;
    throw new HandoverFailure('transient', `${means.system}: while signing in: ${error.message}`, {
      cause: error,
    });
  }
}

function refusal({ system }: Means, says: string, status = 401): HandoverFailure {
  const passes = status === 429 || status >= 500;
  const kind = passes ? (status === 429 ? 'throttled' : 'transient') : 'credential';
  return new HandoverFailure(kind, `${system}: ${says}`);
}
