/**
 * Demo outreach: campaigns, boards, webhooks and API keys of the people who write to customers. It keeps what
 * it holds in one file of its own, as it began and then line by line each change, so that a start after a
 * crash goes on with everything that anybody was told.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';

export const KINDS = ['campaigns', 'boards', 'webhooks', 'api-keys'] as const;
export type Kind = (typeof KINDS)[number];

export interface Member {
  id: string;
  name: string;
  email: string;
  role: 'admin' | 'editor' | 'viewer';
  status: 'active' | 'suspended' | 'off';
  /** Where they are signed in at the moment. */
  sessions: number;
}

export interface Item {
  id: string;
  name: string;
  /** Ids of members; only a board has several. */
  owners: string[];
  status: string;
  /** Raised by one with every change. */
  version: number;
}

export interface Contents {
  members: Member[];
  items: Record<Kind, Item[]>;
}

/** One thing that happened, as the file keeps it. */
export type Change =
  | { at: string; member: string; set: Partial<Pick<Member, 'status' | 'sessions'>> }
  | { at: string; kind: Kind; id: string; owners: string[] }
  | { at: string; kind: Kind; id: string; removed: true };

export class Outreach {
  readonly members = new Map<string, Member>();
  readonly items: Record<Kind, Map<string, Item>>;
  /** Everything that happened since it began, in order, with what the page says of it. */
  readonly history: { at: string; says: string }[] = [];

  private constructor(
    private readonly file: string,
    began: Contents,
  ) {
    for (const member of began.members) this.members.set(member.id, member);
    const byId = (kind: Kind): Map<string, Item> => new Map(began.items[kind].map(item => [item.id, item]));
    this.items = {
      campaigns: byId('campaigns'),
      boards: byId('boards'),
      webhooks: byId('webhooks'),
      'api-keys': byId('api-keys'),
    };
  }

  /** @param first what it holds where the file does not exist yet */
  static open(file: string, first: () => Contents): Outreach {
    if (!existsSync(file)) {
      // Under another name until it is whole: a start that is cut short leaves nothing behind.
      writeFileSync(`${file}.new`, `${JSON.stringify(first())}\n`, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    }
    const text = readFileSync(file, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    // Half a line is a change that nobody was told of.
    if (whole.length < text.length) truncateSync(file, Buffer.byteLength(whole));
    const [began = '', ...changes] = whole.split('\n').filter(line => line !== '');
    const outreach = new Outreach(file, JSON.parse(began) as Contents);
    for (const line of changes) outreach.#apply(JSON.parse(line) as Change);
    return outreach;
  }

  setMember(member: Member, set: Partial<Pick<Member, 'status' | 'sessions'>>): void {
    const same = Object.entries(set).every(([key, value]) => member[key as keyof Member] === value);
    if (!same) this.#happens({ at: now(), member: member.id, set });
  }

  setOwners(kind: Kind, item: Item, owners: string[]): void {
    if (owners.join() !== item.owners.join()) this.#happens({ at: now(), kind, id: item.id, owners });
  }

  remove(kind: Kind, item: Item): void {
    this.#happens({ at: now(), kind, id: item.id, removed: true });
  }

  nameOf(id: string): string {
    return this.members.get(id)?.name ?? id;
  }

  #happens(change: Change): void {
    appendFileSync(this.file, `${JSON.stringify(change)}\n`);
    this.#apply(change);
  }

  #apply(change: Change): void {
    const says = this.#doing(change);
    if (says !== null) this.history.push({ at: change.at, says });
  }

  #doing(change: Change): string | null {
    if ('member' in change) {
      const member = this.members.get(change.member);
      if (!member) return null;
      Object.assign(member, change.set);
      const { status, sessions } = change.set;
      return `${member.name} ${status === undefined ? `has ${sessions} sessions` : `is ${status}`}`;
    }
    const item = this.items[change.kind].get(change.id);
    if (!item) return null;
    const what = `${ONE[change.kind]} “${item.name}”`;
    if ('removed' in change) {
      this.items[change.kind].delete(change.id);
      return `${what} of ${item.owners.map(id => this.nameOf(id)).join(', ')} is gone`;
    }
    const before = item.owners.map(id => this.nameOf(id)).join(', ');
    item.owners = change.owners;
    item.version += 1;
    return `${what}: ${before} → ${item.owners.map(id => this.nameOf(id)).join(', ')}`;
  }
}

const ONE: Record<Kind, string> = {
  campaigns: 'Campaign',
  boards: 'Board',
  webhooks: 'Webhook',
  'api-keys': 'API key',
};

const now = (): string => new Date().toISOString();
