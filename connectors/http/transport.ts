/**
 * One request and its answer, within bounds: an address that may be called, pinned to what its name was
 * resolved to; a time for all of it, and a size; no redirect is followed by itself. What goes wrong is told
 * apart by whether the request can have arrived.
 */
import { Agent, type Dispatcher, request } from 'undici';
import type { Boundary } from './address.js';
import { parseJson } from './json.js';
import type { Answer } from './outcome.js';

export interface Sent {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: string | undefined;
}

export interface Received extends Answer {
  url: URL;
  /** `Set-Cookie`, each as it came. */
  cookies: readonly string[];
}

/** `arrived`: it may have reached the system, whatever it did there. */
export class NoAnswer extends Error {
  constructor(
    readonly arrived: boolean,
    says: string,
    options?: { cause?: unknown },
  ) {
    super(says, options);
  }
}

/** An answer that cannot be understood: nobody knows what it says, and it was an answer all the same. */
export class BadAnswer extends Error {}

export class Transport {
  readonly #agent: Agent;

  constructor(
    private readonly boundary: Boundary,
    private readonly bounds: { timeoutMs: number; mostBytes: number; connections: number },
  ) {
    this.#agent = new Agent({
      connections: bounds.connections,
      connectTimeout: Math.min(10_000, bounds.timeoutMs),
      headersTimeout: bounds.timeoutMs,
      bodyTimeout: bounds.timeoutMs,
      maxResponseSize: bounds.mostBytes,
      connect: {
        lookup: (host, _options, callback) => {
          boundary.resolve(host).then(
            found => callback(null, found.map(({ address, family }) => ({ address, family })) as never),
            (error: NodeJS.ErrnoException) => callback(error, '', 0),
          );
        },
      },
    });
  }

  /** Throws `NoAnswer`, `BadAnswer`, or the reason of the signal. */
  async send(sent: Sent, signal?: AbortSignal): Promise<Received> {
    const { timeoutMs } = this.bounds;
    const late = AbortSignal.timeout(timeoutMs);
    const either = signal ? AbortSignal.any([signal, late]) : late;
    let answer: Dispatcher.ResponseData | undefined;
    try {
      answer = await request(sent.url, {
        dispatcher: this.#agent,
        method: sent.method as Dispatcher.HttpMethod,
        headers: sent.headers,
        body: sent.body ?? null,
        signal: either,
      });
      const text = await answer.body.text();
      const headers = flat(answer.headers);
      return {
        status: answer.statusCode,
        headers,
        body: bodyOf(text, headers['content-type'], answer.statusCode),
        cookies: [answer.headers['set-cookie'] ?? []].flat(),
        url: sent.url,
      };
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#translated(error, late.aborted, answer !== undefined);
    }
  }

  close(): Promise<void> {
    return this.#agent.close();
  }

  #translated(error: unknown, late: boolean, begun: boolean): unknown {
    if (error instanceof BadAnswer) return error;
    const refusal = refusalIn(error);
    if (refusal) return refusal;
    if (late) return new NoAnswer(true, `no whole answer within ${this.bounds.timeoutMs / 1_000} s`);
    const code = codeOf(error);
    if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
      return new BadAnswer(`the answer is larger than ${this.bounds.mostBytes} bytes (connect.most_bytes)`);
    const host = this.boundary.base.host;
    if (code !== null && UNSENT.has(code)) return new NoAnswer(false, `${host} cannot be reached (${code})`);
    const says = begun ? 'the answer broke off' : 'the connection broke before an answer came';
    return new NoAnswer(true, `${says}${code === null ? '' : ` (${code})`}`, { cause: error });
  }
}

/** Nothing was sent: there was no connection yet. */
const UNSENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** What the boundary refused while a name was resolved comes back from within undici. */
function refusalIn(error: unknown): Error | null {
  for (let one: unknown = error; one instanceof Error; one = one.cause)
    if (one.name === 'HandoverFailure') return one;
  return null;
}

function codeOf(error: unknown): string | null {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    const { code } = one as { code?: unknown };
    if (typeof code === 'string') return code;
    if (one instanceof AggregateError && one.errors.length > 0) return codeOf(one.errors[0]);
  }
  return null;
}

function flat(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

function bodyOf(text: string, type: string | undefined, status: number): unknown {
  if (text.trim() === '') return undefined;
  try {
    return parseJson(text);
  } catch {
    // Proxies answer for a system that is away with a page of their own, which its status explains.
    if (status >= 300) return undefined;
    throw new BadAnswer(`the answer is no JSON${type === undefined ? '' : ` (${type.split(';')[0]})`}`);
  }
}
