/**
 * A made-up system in a map, as unpleasant to talk to as real ones: no transactions, answers that get lost,
 * calls that land late, bulk calls that break off in the middle, refusals inside a success, lists without an
 * order whose pages shift, and a throttle.
 */

export interface Entry {
  key: string;
  owner: string | null;
  label: string;
}

export interface Member {
  id: string;
  name: string;
  email: string;
  manager: string | null;
  team: string | null;
  roles: string[];
  status: 'active' | 'suspended' | 'off';
  protected?: boolean;
}

/** What may go wrong with the next call that changes something. */
export type Fault = 'answer-lost' | 'never-arrives' | 'breaks-off' | 'lands-late' | 'throttled';

export class CallFailed extends Error {
  constructor(
    message: string,
    readonly retryAfterMs: number | null = null,
  ) {
    super(message);
  }
}

export interface Change {
  key: string;
  from: string | null;
  /** `undefined`: the item is deleted. */
  to: string | null | undefined;
}

const services = new Map<string, Service>();

export class Service {
  readonly members = new Map<string, Member>();
  readonly lists = new Map<string, Map<string, Entry>>();
  /** Every change that took effect, in order: what the system itself would swear to. */
  readonly log: string[] = [];
  /** Used up one by one by the calls that change something. */
  faults: Fault[] = [];
  /** `category key` → what the system says against changing it. */
  readonly refused = new Map<string, string>();
  /** Called before each page of a list: somebody else is at work. */
  beforePage: (category: string) => Promise<void> = async () => {};
  latencyMs = 0;

  /** A service is reached by its name, as others are by their address. */
  constructor(readonly name: string) {
    services.set(name, this);
  }

  static at(name: string): Service {
    const service = services.get(name);
    if (!service) throw new CallFailed(`nobody answers at ${name}`);
    return service;
  }

  list(category: string): Map<string, Entry> {
    if (!this.lists.has(category)) this.lists.set(category, new Map());
    return this.lists.get(category)!;
  }

  /** A page by its number, in no order, with the total as it is now. */
  async page(category: string, owner: string, cursor: string | null, size: number) {
    await this.#travel();
    await this.beforePage(category);
    const from = Number(cursor ?? 0);
    const held = [...this.list(category).values()].filter(entry => entry.owner === owner).reverse();
    const next = from + size < held.length ? String(from + size) : null;
    return { items: held.slice(from, from + size).map(entry => ({ ...entry })), next, total: held.length };
  }

  async read(category: string, keys: readonly string[]): Promise<(Entry | null)[]> {
    await this.#travel();
    return keys.map(key => this.list(category).get(key) ?? null).map(entry => entry && { ...entry });
  }

  /** Answers 200 whatever happened: what was refused stands in the answer, in the order of the changes. */
  bulk(category: string, changes: readonly Change[]): Promise<(string | null)[]> {
    return this.#call(changes.length, n => this.#change(category, changes[n]!));
  }

  /** Puts back what was deleted. */
  create(category: string, entries: readonly Entry[]): Promise<(string | null)[]> {
    return this.#call(entries.length, n => {
      const { key, owner } = entries[n]!;
      if (this.list(category).has(key)) return 'exists';
      this.list(category).set(key, { ...entries[n]! });
      this.log.push(`${category} ${key}: created for ${owner}`);
      return null;
    });
  }

  async member(id: string): Promise<Member | null> {
    await this.#travel();
    const member = this.members.get(id);
    return member ? { ...member } : null;
  }

  async search(fits: (member: Member) => boolean): Promise<Member[]> {
    await this.#travel();
    return [...this.members.values()].filter(fits).map(member => ({ ...member }));
  }

  async setStatus(id: string, status: Member['status']): Promise<string | null> {
    const [refusal] = await this.#call(1, () => {
      const member = this.members.get(id);
      if (!member) return 'gone';
      if (member.status === status) return null;
      const refusal = this.refused.get(`status ${id}`);
      if (refusal) return refusal;
      member.status = status;
      this.log.push(`${id} is ${status}`);
      return null;
    });
    return refusal ?? null;
  }

  #change(category: string, { key, from, to }: Change): string | null {
    const refusal = this.refused.get(`${category} ${key}`);
    const entry = this.list(category).get(key);
    if (!entry) return 'gone';
    if (entry.owner !== from) return 'taken';
    if (refusal) return refusal;
    if (to === undefined) this.list(category).delete(key);
    else entry.owner = to;
    this.log.push(`${category} ${key}: ${from} → ${to === undefined ? 'deleted' : to}`);
    return null;
  }

  async #call<T>(parts: number, part: (n: number) => T): Promise<T[]> {
    const fault = this.faults.shift();
    await this.#travel();
    const all = (upTo: number): T[] => Array.from({ length: upTo }, (_, n) => part(n));
    switch (fault) {
      case undefined:
        return all(parts);
      case 'throttled':
        throw new CallFailed('too many requests', 20);
      case 'never-arrives':
        throw new CallFailed('connection reset');
      case 'breaks-off':
        all(Math.ceil(parts / 2));
        throw new CallFailed('internal error');
      case 'answer-lost':
        all(parts);
        throw new CallFailed('connection reset');
      case 'lands-late':
        setTimeout(() => all(parts), 30);
        throw new CallFailed('timeout');
    }
  }

  async #travel(): Promise<void> {
    if (this.latencyMs > 0) await new Promise(resolve => setTimeout(resolve, Math.random() * this.latencyMs));
  }
}
