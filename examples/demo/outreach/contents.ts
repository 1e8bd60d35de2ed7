/** What Demo outreach holds when it begins: the same every time. */
import { ALICE, COLLEAGUES, type Colleague, emailOf } from '../people.js';
import type { Contents, Item, Member } from './application.js';

/** Handover's own account, whose token the demo hands out. */
export const CALLER = 'u900';
/** [Alice's, everybody else's]. */
const CAMPAIGNS = { draft: [70, 310], scheduled: [24, 96], running: [116, 420], sent: [180, 900] } as const;
const BOARDS = [18, 62] as const;
const WEBHOOKS = [7, 31] as const;
const KEYS = [3, 22] as const;

const WRITERS = COLLEAGUES.filter(({ team }) => team === 'customer-success' || team === 'sales');
const ADMINS = COLLEAGUES.filter(one => one.role === 'admin' && one.alsoKnownAs === undefined);

export function contents(): Contents {
  const members: Member[] = [
    ...WRITERS.map((one): Member => member(one, one.role === 'manager' ? 'admin' : 'editor')),
    ...ADMINS.map((one): Member => member(one, 'admin')),
    {
      id: CALLER,
      name: 'Handover',
      email: 'handover@demo.example',
      role: 'admin',
      status: 'active',
      sessions: 0,
    },
  ];
  const alice = idOf({ id: ALICE });
  const others = WRITERS.filter(one => one.id !== ALICE && !one.inactive).map(idOf);
  const deal = new Dealer(alice, others);
  return {
    members,
    items: {
      campaigns: Object.entries(CAMPAIGNS).flatMap(([status, counts]) =>
        deal.out('c', counts, n => `${pick(SEASONS, n)} ${pick(TOPICS, n * 7)}`, status),
      ),
      boards: deal
        .out('b', BOARDS, n => `${pick(REGIONS, n)} ${pick(TOPICS, n * 3)}`, 'open')
        // Every second one has a second owner, who stays.
        .map((board, n) => (n % 2 === 0 ? board : { ...board, owners: shared(board.owners, others, n) })),
      webhooks: deal.out('w', WEBHOOKS, n => `${pick(EVENTS, n)} to ${pick(TOOLS, n * 5)}`, 'on'),
      'api-keys': deal.out('k', KEYS, n => `${pick(TOOLS, n)} key`, 'valid'),
    },
  };
}

const idOf = ({ id }: Pick<Colleague, 'id'>): string => `u${id - 1000}`;

function member(one: Colleague, role: Member['role']): Member {
  return {
    id: idOf(one),
    name: one.name,
    email: emailOf(one),
    role,
    status: one.inactive ? 'off' : 'active',
    sessions: one.inactive ? 0 : 1 + (one.id % 3),
  };
}

function shared(owners: string[], others: readonly string[], n: number): string[] {
  return [...new Set([...owners, pick(others, n * 11)])];
}

class Dealer {
  #next = 0;

  constructor(
    private readonly alice: string,
    private readonly others: readonly string[],
  ) {}

  /** Hers among theirs, rather than in a row. */
  out(
    letter: string,
    counts: readonly [number, number],
    name: (n: number) => string,
    status: string,
  ): Item[] {
    const [hers, theirs] = counts;
    const all = hers + theirs;
    return Array.from({ length: all }, (_, n) => {
      const isHers = Math.floor(((n + 1) * hers) / all) > Math.floor((n * hers) / all);
      const id = `${letter}${++this.#next}`;
      const owner = isHers ? this.alice : pick(this.others, n * 13 + 5);
      return { id, name: `${name(n)} ${n + 1}`, owners: [owner], status, version: 1 };
    });
  }
}

const pick = <T>(list: readonly T[], n: number): T => list[n % list.length]!;

const SEASONS = ['Spring', 'Summer', 'Autumn', 'Winter', 'Year-end'];
const TOPICS = ['renewals', 'onboarding', 'win-back', 'Q&A invitation', 'product news', 'survey', 'upgrade'];
const REGIONS = ['EMEA', 'Americas', 'APAC', 'Nordics', 'Key accounts'];
const EVENTS = ['Replies', 'Bounces', 'Unsubscribes', 'Clicks'];
const TOOLS = ['the data warehouse', 'the chat', 'billing', 'the CRM'];
