/**
 * What is true in the world of look-alikes, by a model that shares no code with the engine: whose every value,
 * account and item is. People are known by what the directory says of them; a value that is empty or two
 * people's is nobody's; what was somebody's stays theirs until it is somebody else's.
 */
import type { LookAlikes } from './world.js';

/** A number of the directory, or of whoever stands behind several of them: the least. */
type Human = number;
type Rows = Record<string, unknown>[];

export interface Snapshot {
  employees: Rows;
  nicknames: Rows;
  members: Rows;
  items: { what: string; id: number; owner: string }[];
}

export async function snapshot(it: LookAlikes): Promise<Snapshot> {
  const [employees, nicknames, memos, drafts] = await Promise.all(
    ['employees', 'nicknames', 'memos', 'drafts'].map(table => it.staff(`select * from ${table}`)),
  );
  const [members, cards, pins] = await Promise.all(
    ['members', 'cards', 'pins'].map(table => it.board(`select * from ${table}`)),
  );
  const items = (what: string, rows: Rows, column: string) =>
    rows.map(row => ({ what, id: Number(row.id), owner: String(row[column]) }));
  return {
    employees: employees!,
    nicknames: nicknames!,
    members: members!,
    items: [
      ...items('memo', memos!, 'author'),
      ...items('draft', drafts!, 'author'),
      ...items('card', cards!, 'member'),
      ...items('pin', pins!, 'owner'),
    ],
  };
}

/** The same text however it is written; null for one that names nobody. */
function folded(value: unknown): string | null {
  const text = String(value ?? '')
    .normalize('NFC')
    .trim()
    .toLowerCase();
  return text === '' ? null : text;
}

export class Truth {
  /** Folded value → the people whom the directory knows by it. */
  readonly #mails = new Map<string, Set<Human>>();
  readonly #nicks = new Map<string, Set<Human>>();
  readonly #former = new Map<string, Human>();

  constructor(readonly at: Snapshot) {
    for (const row of at.employees) {
      const human = humanOf(at, Number(row.no));
      this.#know(this.#mails, row.mail, human);
      this.#know(this.#nicks, row.nick, human);
    }
    for (const row of at.nicknames) {
      const nick = String(row.nick);
      this.#former.set(nick, humanOf(at, Number(row.employee)));
    }
  }

  #know(values: Map<string, Set<Human>>, value: unknown, human: Human): void {
    const key = folded(value);
    if (key === null) return;
    values.set(key, (values.get(key) ?? new Set()).add(human));
  }

  /** By an e-mail; null = nobody's, or more than one person's. */
  mail(value: unknown): Human | null {
    return only(this.#mails.get(folded(value) ?? ''));
  }

  nick(value: unknown): Human | null {
    return only(this.#nicks.get(folded(value) ?? ''));
  }

  /** Everybody who might be behind an account: one, none, or several where its values disagree. */
  account(member: Record<string, unknown>): Human[] {
    return [...new Set([this.mail(member.mail), this.nick(member.nick)])].filter(one => one !== null);
  }

  /** Whose an item is; null where its owner is nobody that the world knows. */
  item({ what, owner }: { what: string; owner: string }): Human | null {
    switch (what) {
      case 'memo':
        return this.mail(owner);
      case 'draft':
        return this.#former.get(owner) ?? null;
      case 'card': {
        const member = this.at.members.find(({ id }) => String(id) === owner);
        return member ? only(new Set(this.account(member))) : null;
      }
      default:
        // A pin carries an address of an account.
        return only(
          new Set(
            this.at.members
              .filter(({ mail }) => folded(mail) !== null && folded(mail) === folded(owner))
              .flatMap(member => this.account(member)),
          ),
        );
    }
  }
}

function only(humans: ReadonlySet<Human> | undefined): Human | null {
  return humans?.size === 1 ? [...humans][0]! : null;
}

/**
 * What is wrong with the claim that nothing is left with this person, as sentences: what they held when the
 * plan was made, or hold now, and nobody else has a claim to.
 */
export function stillTheirs(zoe: Human, before: Truth, after: Truth): string[] {
  const items = after.at.items.filter(item => {
    const now = after.item(item);
    if (now !== null) return now === zoe;
    const then = before.at.items.find(one => one.what === item.what && one.id === item.id);
    return then?.owner === item.owner && before.item(item) === zoe;
  });
  const on = after.at.members.filter(
    member => member.active === true && only(new Set(after.account(member))) === zoe,
  );
  const working = after.at.employees.filter(
    ({ no, works }) => works === true && humanOf(after.at, Number(no)) === zoe,
  );
  return [
    ...items.map(({ what, id, owner }) => `${what} ${id} is still with ${owner}`),
    ...on.map(({ id, name }) => `the account ${id} (${name}) is active`),
    ...working.map(({ no, name }) => `the entry ${no} (${name}) is active`),
  ];
}

/**
 * What was somebody else's and is no longer, by our doing: as sentences.
 * @param warned accounts that people approved although the plan said whose they are
 */
export function stolen(
  zoe: Human,
  heir: Human,
  before: Truth,
  after: Truth,
  warned: ReadonlySet<string>,
): string[] {
  const items = before.at.items.flatMap(item => {
    const whose = before.item(item);
    const now = after.at.items.find(one => one.what === item.what && one.id === item.id);
    return whose === null || whose === zoe || whose === heir || !now || now.owner === item.owner
      ? []
      : [`${item.what} ${item.id} was ${whose}'s (${item.owner}) and is with ${now.owner}`];
  });
  const off = after.at.members.flatMap(member => {
    const was = before.at.members.find(({ id }) => id === member.id);
    const whose = [before, after].flatMap(truth => truth.account(member));
    return was?.active === true &&
      member.active === false &&
      whose.length > 0 &&
      !whose.includes(zoe) &&
      !warned.has(String(member.id))
      ? [`the account ${member.id} (${member.name}) of ${whose[0]} was switched off`]
      : [];
  });
  return [...items, ...off];
}

export function humanOf({ employees }: Snapshot, no: number): Human {
  const row = employees.find(one => Number(one.no) === no);
  const same = employees.filter(one => row?.person_no !== null && one.person_no === row?.person_no);
  return Math.min(no, ...same.map(one => Number(one.no)));
}
