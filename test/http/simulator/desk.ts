/**
 * A desk with a REST API of its own, as unpleasant to talk to as real ones, on a real socket: answers that get
 * lost after the effect, calls that land late, throttles, resets, pages that shift, and the lies that systems
 * tell. What took effect stands in its truth table, whatever anybody was told.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Member {
  id: string;
  name: string;
  email: string;
  status: 'active' | 'suspended' | 'off';
  service: boolean;
}

export interface Thing {
  key: string;
  owner: string | null;
  label: string;
  version: number;
}

/** What may go wrong with the writes of the next effect. */
export type Fault = 'answer-lost' | 'never-arrives' | 'breaks-off' | 'lands-late' | 'throttled';

/** Each is a share of calls, from 0 to 1. */
export interface Weather {
  throttled: number;
  lost: number;
  reset: number;
}

/** What real systems do in silence, each until it is switched off. */
export interface Lies {
  /** No page is larger than this. */
  mostPerPage?: number;
  ignoresFilter?: boolean;
  ignoresPaging?: boolean;
  /** Answers 200 and changes nothing. */
  changesNothing?: boolean;
  /** Gives the item to somebody else than was asked for. */
  gives?: string;
  /** Refuses within a 200. */
  refusesInside?: string;
  /** A search finds nobody, whoever is asked for. */
  findsNobody?: boolean;
  /** A reading shows a write only after so many milliseconds. */
  settlesAfterMs?: number;
  /** Sends every list to this address. */
  redirects?: string;
  /** It does not say what somebody has besides: this. */
  hides?: string;
  /** Claims so many more than it has. */
  total?: number;
}

const TOKEN = 'desk-token-1234567890';
/** The account that the token is of. */
export const CALLER = '99';
/** From which on a fault is over: the writes of one effect come closer together. */
const TOGETHER_MS = 40;

export class Desk {
  readonly members = new Map<string, Member>();
  readonly lists = new Map<string, Map<string, Thing>>();
  /** Every change that took effect, in order. */
  readonly log: string[] = [];
  readonly refused = new Map<string, string>();
  /** Things that a switch forgets. */
  readonly leftBehind = new Set<string>();
  /** Sessions, tokens, seats of a plan: what somebody has besides, by "id what", and how many. */
  readonly besides = new Map<string, number>();
  lies: Lies = {};
  weather: Weather = { throttled: 0, lost: 0, reset: 0 };
  random: () => number = Math.random;
  beforePage: (category: string) => Promise<void> = async () => {};
  /** How often something went wrong, by what. */
  readonly struck: Record<string, number> = {};
  /**
   * A call of this ("id what") that would end something never gets its answer, and has happened all the same or
   * has not; `reached` is told.
   */
  hangs: { held: string; happens: boolean; reached(): void } | null = null;
  /** After so many more writes it dies: the last of them has happened, and nobody is told. Null = it lives. */
  diesAfter: number | null = null;
  calls = 0;
  latencyMs = 1;
  readonly token = TOKEN;

  #fault: { how: Fault; n: number; end: NodeJS.Timeout | null } | null = null;
  #port = 0;
  readonly #shown = new Map<string, { until: number; was: Thing | null }>();

  private constructor(private readonly server: Server) {}

  static async open(): Promise<Desk> {
    const server = createServer();
    const desk = new Desk(server);
    server.on('request', (request, response) => void desk.#serve(request, response));
    server.keepAliveTimeout = 30_000;
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    desk.#port = (server.address() as AddressInfo).port;
    return desk;
  }

  get base(): string {
    return `http://127.0.0.1:${this.#port}/api`;
  }

  /** Dead: nobody listens at its address until it rises, and what it knew is still so. */
  get isDead(): boolean {
    return !this.server.listening;
  }

  async rise(): Promise<void> {
    await new Promise<void>(resolve => this.server.listen(this.#port, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise(resolve => this.server.close(resolve));
  }

  list(category: string): Map<string, Thing> {
    if (!this.lists.has(category)) this.lists.set(category, new Map());
    return this.lists.get(category)!;
  }

  join(id: string, name: string, email: string, more: Partial<Member> = {}): void {
    this.members.set(id, { id, name, email, status: 'active', service: false, ...more });
  }

  put(category: string, key: string, owner: string | null): void {
    const version = (this.list(category).get(key)?.version ?? 0) + 1;
    this.list(category).set(key, { key, owner, label: `the ${key}`, version });
  }

  /** The writes of the next effect go wrong in this way, all of them. */
  goWrong(how: Fault): void {
    this.#fault = { how, n: 0, end: null };
  }

  // --- what comes in -----------------------------------------------------------------------------------------

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.calls += 1;
    const body = await bodyOf(request).catch(() => null);
    if (body === null) return;
    await new Promise(resolve => setTimeout(resolve, this.random() * this.latencyMs * 2));
    const url = new URL(request.url ?? '/', 'http://desk');
    const writes = request.method !== 'GET';
    if (this.#strikes('reset', this.weather.reset)) return void request.socket.destroy();
    if (this.#strikes('throttled', this.weather.throttled)) return this.#throttle(response);
    const lost = writes && this.#strikes('lost', this.weather.lost);
    const answer = (): Answer => this.#answer(request, url, body);
    const [, , , who, what] = url.pathname.split('/').map(decodeURIComponent);
    if (writes && this.hangs?.held === `${who} ${what}`) {
      const { happens, reached } = this.hangs;
      this.hangs = null;
      if (happens) answer();
      return reached();
    }
    if (writes && this.#fault) return this.#goneWrong(request, response, answer);
    if (request.method === 'GET' && /^\/api\/(things|seats)$/.test(url.pathname)) {
      await this.beforePage(url.pathname.split('/').at(-1)!);
      if (this.lies.redirects) return send(response, [302, undefined, { Location: this.lies.redirects }]);
    }
    const given = answer();
    if (writes && this.diesAfter !== null && --this.diesAfter === 0) {
      this.diesAfter = null;
      this.server.close();
      return this.server.closeAllConnections();
    }
    if (lost) request.socket.destroy();
    else send(response, given);
  }

  #strikes(what: string, share: number): boolean {
    if (share === 0 || this.random() >= share) return false;
    this.struck[what] = (this.struck[what] ?? 0) + 1;
    return true;
  }

  #throttle(response: ServerResponse): void {
    send(response, [429, { error: 'slow_down', retry_after_ms: 15 }]);
  }

  #goneWrong(request: IncomingMessage, response: ServerResponse, answer: () => Answer): void {
    const fault = this.#fault!;
    if (fault.end) clearTimeout(fault.end);
    fault.end = setTimeout(() => {
      this.#fault = null;
    }, TOGETHER_MS);
    const n = fault.n++;
    switch (fault.how) {
      case 'throttled':
        return send(response, [429, { error: 'slow_down', retry_after_ms: 1_500 }]);
      case 'never-arrives':
        break;
      case 'answer-lost':
        answer();
        break;
      case 'breaks-off':
        if (n % 2 === 0) answer();
        break;
      case 'lands-late':
        setTimeout(answer, 30);
        break;
    }
    request.socket.destroy();
  }

  #answer(request: IncomingMessage, url: URL, body: unknown): Answer {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return [401, { error: 'unauthorized' }];
    const [, , what = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const key = rest.join('/');
    if (what === 'me') return [200, { user: this.#shownMember(this.members.get(CALLER)!) }];
    if (what === 'users') return this.#users(request, url, key, body as Switching);
    if (what === 'things' || what === 'seats')
      return this.#items(request, url, what, key, body as Partial<Thing>);
    return [404, { error: 'no_such_place' }];
  }

  #users(request: IncomingMessage, url: URL, id: string, body: Switching): Answer {
    if (id === '') {
      const wanted = (url.searchParams.get('search') ?? '').toLowerCase();
      const found = [...this.members.values()].filter(
        one => !this.lies.findsNobody && one.email.toLowerCase().includes(wanted),
      );
      return [200, { users: found.map(one => this.#shownMember(one)), total: found.length }];
    }
    const [who = '', what] = id.split('/');
    const member = this.members.get(who);
    if (!member) return [404, { error: 'not_found' }];
    if (what !== undefined) return this.#besides(request, `${who} ${what}`);
    if (request.method === 'PATCH' && body.status !== undefined) {
      const refusal = this.refused.get(`status ${id}`);
      if (refusal) return [422, { error: refusal }];
      if (!this.lies.changesNothing && member.status !== body.status) {
        member.status = body.status;
        this.log.push(`${id} is ${body.status}`);
        this.#takeAlong(id, body.things_to);
      }
    }
    if (request.method === 'DELETE') {
      this.members.delete(id);
      this.log.push(`${id} is gone`);
      this.#takeAlong(id, url.searchParams.get('things_to') ?? undefined);
      return [204, undefined];
    }
    return [200, { user: this.#shownMember(member) }];
  }

  /** Switching somebody off hands their things over by the way, to whom the call names. */
  #takeAlong(from: string, to: string | null | undefined): void {
    if (to === undefined) return;
    for (const { key, owner } of [...this.list('things').values()]) {
      if (owner !== from || this.leftBehind.has(key)) continue;
      this.put('things', key, to);
      this.log.push(`things ${key}: ${from} → ${to}, along with the switch`);
    }
  }

  #besides(request: IncomingMessage, held: string): Answer {
    const count = this.besides.get(held) ?? 0;
    if (request.method === 'GET' && this.lies.hides === held) return [503, { error: 'away' }];
    if (request.method === 'GET') return [200, { count }];
    const refusal = this.refused.get(held);
    if (refusal) return [422, { error: refusal }];
    if (count === 0) return [404, { error: 'not_found' }];
    if (!this.lies.changesNothing) {
      this.besides.delete(held);
      this.log.push(`${held} ended`);
    }
    return [204, undefined];
  }

  /** Like Redmine it shows a key that nobody has asked for. */
  #shownMember(member: Member): object {
    return { ...member, api_key: `key-of-${member.id}-${TOKEN.slice(0, 8)}` };
  }

  #items(request: IncomingMessage, url: URL, category: string, key: string, body: Partial<Thing>): Answer {
    const list = this.list(category);
    if (request.method === 'POST') {
      if (list.has(body.key!)) return [409, { error: 'exists' }];
      this.put(category, body.key!, body.owner ?? null);
      this.log.push(`${category} ${body.key}: created for ${body.owner}`);
      return [201, list.get(body.key!)];
    }
    if (key === '') return this.#page(url, category);
    const thing = list.get(key);
    const seen = this.#shown.get(`${category} ${key}`);
    if (request.method === 'GET') {
      const shown = seen && seen.until > Date.now() ? seen.was : thing;
      return shown ? [200, { item: shown }, { ETag: `"${shown.version}"` }] : [404, { error: 'not_found' }];
    }
    if (!thing) return [404, { error: 'not_found' }];
    const match = request.headers['if-match'];
    if (match !== undefined && match !== `"${thing.version}"`) return [412, { error: 'changed' }];
    const refusal = this.refused.get(`${category} ${key}`);
    if (refusal) return [422, { error: refusal }];
    if (this.lies.refusesInside) return [200, { success: false, error: this.lies.refusesInside }];
    if (this.lies.changesNothing) return [200, { item: thing }];
    const owner = this.lies.gives ?? body.owner ?? null;
    if (this.lies.settlesAfterMs)
      this.#shown.set(`${category} ${key}`, {
        until: Date.now() + this.lies.settlesAfterMs,
        was: { ...thing },
      });
    this.log.push(`${category} ${key}: ${thing.owner} → ${request.method === 'DELETE' ? 'deleted' : owner}`);
    if (request.method === 'DELETE') {
      list.delete(key);
      return [204, undefined];
    }
    this.put(category, key, owner);
    return [200, { item: { ...list.get(key)! } }];
  }

  #page(url: URL, category: string): Answer {
    const owner = url.searchParams.get('owner');
    const filtered = owner !== null && !this.lies.ignoresFilter;
    const held = [...this.list(category).values()].filter(one => !filtered || one.owner === owner).reverse();
    const asked = Number(url.searchParams.get('size') ?? 20);
    const size = Math.min(asked, this.lies.mostPerPage ?? asked);
    const page = this.lies.ignoresPaging ? 1 : Number(url.searchParams.get('page') ?? 1);
    const items = held.slice((page - 1) * size, page * size);
    return [200, { items, total: held.length + (this.lies.total ?? 0), size }];
  }
}

interface Switching {
  status?: Member['status'];
  things_to?: string | null;
}

type Answer = [status: number, body: unknown, headers?: Record<string, string>];

function send(response: ServerResponse, [status, body, headers = {}]: Answer): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'X-Request-Id': randomUUID(),
    ...headers,
  });
  response.end(body === undefined ? '' : JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString('utf8');
  return text === '' ? {} : JSON.parse(text);
}
