/**
 * Calls of a catalog: filled in, sent within limits with our credentials, and their answers understood. Reading
 * is repeated while it may help. Writing is not, but where the system has said that nothing happened: what
 * became of a write without an answer is for its caller to find out.
 */
import type { Bundle } from '../../domain/bundle.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Budgets } from '../catalog/budgets.js';
import { millisecondsOf } from '../duration.js';
import type { Boundary } from './address.js';
import { type Auth, authOf, type Credentials } from './auth.js';
import { type CallSpec, type HttpCatalog, requestOf } from './catalog.js';
import { filledBody, filledTexts } from './fill.js';
import { Limits } from './limits.js';
import { type Outcome, outcomeOf } from './outcome.js';
import { pause } from './pause.js';
import { type Filling, fillPath, fillText, type Values } from './template.js';
import { BadAnswer, NoAnswer, type Received, type Sent, Transport } from './transport.js';

export interface Call {
  spec: CallSpec;
  filling: Filling;
  /** What for, as a sentence goes on with it: "while listing open deals". */
  doing: string;
  /** A link that is followed, in place of the path of the spec. */
  url?: URL;
  headers?: Readonly<Record<string, string>>;
}

/** A call that was answered. */
export interface Told {
  answer: Received;
  outcome: Outcome;
}

/** What came of a write. `lost`: it may have happened. `unsent`: it has not, and `failure` says what kept it. */
export type Written =
  | ({ kind: 'told' } & Told)
  | { kind: 'lost'; why: string; at: number }
  | { kind: 'unsent'; failure: HandoverFailure };

/** Every call that is made, for whoever watches (`handover try`). */
export type Watch = (sent: Sent, answer: Received | null, outcome: Outcome | null) => void;

/** Reading again helps where a connection broke or a server restarts; what lasts longer is the engine's to retry. */
const READ_AGAIN_MS = [200, 1_000];
/** What the system asks us to wait for is waited for here, up to this; longer waits go back to the engine. */
const PATIENCE_MS = 30_000;
const MOST_REDIRECTS = 3;

export class Client {
  readonly limits: Limits;
  readonly #transport: Transport;
  readonly #auth: Auth;
  readonly #values: Values;
  watch: Watch = () => {};

  constructor(
    private readonly catalog: HttpCatalog,
    readonly boundary: Boundary,
    connection: Bundle,
    budgets: Budgets,
  ) {
    const { connect, limits } = catalog;
    this.#transport = new Transport(boundary, {
      timeoutMs: millisecondsOf(connect.timeout),
      mostBytes: connect.most_bytes,
      connections: limits.concurrency,
    });
    this.limits = new Limits(limits, budgets);
    this.#values = Object.fromEntries(
      connection.names.map(name => [`connect.${name}`, connection.need(name)] as const),
    );
    this.#auth = authOf(catalog.auth, {
      system: catalog.system,
      connection,
      boundary,
      transport: this.#transport,
      values: this.#values,
    });
  }

  /** Values that the system gave us to sign in with. */
  secrets(): readonly string[] {
    return this.#auth.secrets();
  }

  /** A part of the connection, as calls have it: `{connect.part}`. */
  filled(text: string): string {
    return fillText(text, { values: this.#values });
  }

  /**
   * Asks, and again where that may help. What the answer means for an item or a list is the caller's to judge;
   * what passes, and what is wrong with our credential, is thrown.
   */
  async read(call: Call, signal?: AbortSignal): Promise<Told> {
    for (let n = 0; ; n++) {
      const told = await this.#try(call, signal);
      const again = READ_AGAIN_MS[n];
      if (told instanceof HandoverFailure) {
        if (told.kind !== 'transient' || again === undefined) throw told;
        await pause(again, signal);
        continue;
      }
      const { outcome } = told;
      if (outcome.kind === 'transient') {
        if (again === undefined) throw this.failure('transient', call, `it answered ${outcome.says}`);
        await pause(again, signal);
        continue;
      }
      if (outcome.kind === 'credential') throw this.#noEntry(call, outcome);
      return told;
    }
  }

  /** Asks for something that must be there: anything but `ok` is thrown. */
  async demand(call: Call, signal?: AbortSignal): Promise<Received> {
    const { answer, outcome } = await this.read(call, signal);
    if (outcome.kind === 'ok' || outcome.kind === 'unchanged') return answer;
    throw this.failure('configuration', call, `it answered ${outcome.says}`);
  }

  /**
   * Sends once; again only where the system has said for certain that nothing happened (a throttle, a token
   * that ran out), and never after `until`.
   */
  async write(call: Call, until: number, signal?: AbortSignal): Promise<Written> {
    for (;;) {
      const started = Date.now();
      let told: Told | null;
      try {
        told = await this.#once(call, signal, until);
      } catch (error) {
        if (error instanceof HandoverFailure) return { kind: 'unsent', failure: error };
        if (error instanceof NoAnswer && !error.arrived)
          return { kind: 'unsent', failure: this.failure('transient', call, error.message) };
        if (error instanceof NoAnswer || error instanceof BadAnswer)
          return { kind: 'lost', why: error.message, at: Date.now() };
        throw error;
      }
      if (told === null)
        return {
          kind: 'unsent',
          failure: this.failure('throttled', call, 'there was no time left to send it', 1_000),
        };
      const { outcome } = told;
      if (outcome.kind === 'transient')
        return { kind: 'lost', why: `it answered ${outcome.says}`, at: started };
      if (outcome.kind === 'credential') return { kind: 'unsent', failure: this.#noEntry(call, outcome) };
      if (outcome.kind !== 'throttled') return { kind: 'told', ...told };
      const wait = await this.limits.throttled(outcome.waitMs);
      if (Date.now() + wait > until)
        return {
          kind: 'unsent',
          failure: this.failure('throttled', call, `it asks us to come again later (${outcome.says})`, wait),
        };
    }
  }

  failure(
    kind: HandoverFailure['kind'],
    call: Pick<Call, 'spec' | 'doing'>,
    says: string,
    retryAfterMs?: number,
  ): HandoverFailure {
    const { method, path } = requestOf(call.spec);
    const where = `${this.catalog.system}: while ${call.doing} (${method} ${path})`;
    return new HandoverFailure(kind, `${where}: ${says}`, retryAfterMs === undefined ? {} : { retryAfterMs });
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  /** One try at reading: throttles are waited for, redirects within the system followed. */
  async #try(call: Call, signal?: AbortSignal): Promise<Told | HandoverFailure> {
    let next = call;
    for (let hops = 0; ; ) {
      let told: Told | null;
      try {
        told = await this.#once(next, signal);
      } catch (error) {
        if (error instanceof NoAnswer) return this.failure('transient', call, error.message);
        if (error instanceof BadAnswer) return this.failure('configuration', call, error.message);
        throw error;
      }
      const { answer, outcome } = told!;
      if (outcome.kind === 'throttled') {
        const wait = await this.limits.throttled(outcome.waitMs);
        if (wait > PATIENCE_MS)
          return this.failure('throttled', call, `it asks us to come again later (${outcome.says})`, wait);
        continue;
      }
      const { location } = answer.headers;
      if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return told!;
      if (++hops > MOST_REDIRECTS) return this.failure('configuration', call, 'it redirects without an end');
      next = { ...next, url: this.boundary.follow(location, answer.url, 'a redirect') };
    }
  }

  /** Sends, and once more where our token has run out; null where there was no time to. */
  async #once(call: Call, signal?: AbortSignal, until?: number): Promise<Told | null> {
    for (let again = true; ; again = false) {
      const credentials = await this.#auth.credentials(signal);
      const sent = this.#sentOf(call, credentials);
      const send = (): Promise<Received> => this.#transport.send(sent, signal);
      let answer: Received | null;
      try {
        answer = await this.limits.within(call.spec.group, send, signal, until);
      } catch (error) {
        this.watch(sent, null, null);
        throw error;
      }
      if (answer === null) return null;
      const outcome = outcomeOf(answer, [...call.spec.outcomes, ...this.catalog.outcomes]);
      this.watch(sent, answer, outcome);
      if (outcome.kind !== 'throttled') await this.limits.heard(answer.headers);
      if (outcome.kind === 'credential' && again && this.#auth.forget(credentials)) continue;
      return { answer, outcome };
    }
  }

  #sentOf({ spec, filling, url, headers = {} }: Call, credentials: Credentials): Sent {
    const { method, path } = requestOf(spec);
    const whole: Filling = {
      ...filling,
      values: { ...this.#values, ...credentials.values, ...filling.values },
    };
    const target = url ?? this.boundary.at(fillPath(path, whole));
    const body = filledBody(spec, whole);
    // What we sign in with is for the system itself, and no other host that it sends us to.
    const own = target.origin === this.boundary.base.origin;
    return {
      method,
      url: target,
      headers: {
        Accept: 'application/json',
        'User-Agent': 'handover',
        ...(body ? { 'Content-Type': body.type } : {}),
        ...filledTexts({ ...this.catalog.headers, ...spec.headers }, whole),
        ...headers,
        ...(own ? credentials.headers : {}),
      },
      body: body?.text,
    };
  }

  #noEntry(call: Call, { says }: Outcome): HandoverFailure {
    return this.failure(
      'credential',
      call,
      `our credential is refused, or lacks a right (${says}); workers read secrets when they start`,
    );
  }
}
