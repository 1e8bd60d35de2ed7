/** Answers what a gateway asks. Only reads; the answer goes into the store and nowhere else. */
import type { Connector, Item } from '../connectors/connector.js';
import { existing } from '../domain/accounts.js';
import { uncovered } from '../domain/coverage.js';
import { HandoverFailure } from '../domain/failure.js';
import {
  type Called,
  type Holdings,
  type Inquiry,
  type InquiryAnswer,
  type ItemsInquiry,
  type ItemsShown,
  isClear,
  MOST_SORTED,
  type Named,
  type ShownItem,
} from '../domain/inquiry.js';
import type { Person } from '../domain/model.js';
import { own } from '../domain/own.js';
import { isSame } from '../domain/people.js';
import type { Plan } from '../domain/plan.js';
import { resolveIn } from './accounts.js';
import { outOfPatience, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { directoryOf, findOne } from './directory.js';
import { identified, participant } from './people.js';
import { recogniserOf } from './recognise.js';

export async function answerInquiry(deps: Deps, { id }: { id: string }): Promise<{ asked: string }> {
  const inquiry = (await deps.store.inquiries.question(id)) as Inquiry | null;
  // Whoever asked has given up: nobody reads an answer.
  if (!inquiry) return { asked: 'nothing any more' };
  await deps.store.inquiries.answer(id, await answered(deps, inquiry));
  return { asked: inquiry.ask };
}

async function answered(deps: Deps, inquiry: Inquiry): Promise<InquiryAnswer<unknown>> {
  try {
    switch (inquiry.ask) {
      case 'person':
        return await person(deps, inquiry.who);
      case 'called':
        return { ok: true, value: await called(deps, inquiry.word) };
      case 'names':
        return { ok: true, value: await names(deps, inquiry) };
      case 'items':
        return await items(deps, inquiry);
      case 'owns':
        return await holdings(deps, inquiry.user);
    }
  } catch (error) {
    // What passes is tried again by Temporal, as long as somebody waits for it.
    if (!(error instanceof HandoverFailure) || !outOfPatience(error.kind, deps.patience)) throw error;
    return { ok: false, kind: 'out-of-reach', sentence: error.message };
  }
}

async function person(deps: Deps, who: string): Promise<InquiryAnswer<unknown>> {
  const found = await identified(deps, who);
  if (found.kind === 'one') return { ok: true, value: found.person };
  return { ok: false, kind: found.kind === 'many' ? 'usage' : 'not-found', sentence: found.sentence };
}

async function called(deps: Deps, word: string): Promise<Called[]> {
  const directory = await directoryOf(deps);
  const asked = (['id', 'login'] as const).map(by =>
    directory.findPeople({ by, value: word }, whenAbandoned()),
  );
  const found = (await Promise.all(asked)).flat();
  return [...new Map(found.map(({ id, name }) => [id, { id, name }])).values()];
}

async function names(deps: Deps, { ids, beside }: Extract<Inquiry, { ask: 'names' }>): Promise<Named> {
  const all = beside === null ? ids : [...new Set([...ids, beside])];
  const people = await (await directoryOf(deps)).peopleWith(all, whenAbandoned());
  const other = people.find(({ id }) => id === beside);
  const isTheirs = (person: Person): boolean =>
    other !== undefined && isSame({}, participant(person), participant(other));
  return {
    names: Object.fromEntries(people.filter(({ id }) => ids.includes(id)).map(({ id, name }) => [id, name])),
    same: people.filter(isTheirs).map(({ id }) => id),
  };
}

async function items(deps: Deps, inquiry: ItemsInquiry): Promise<InquiryAnswer<ItemsShown>> {
  const plan = await deps.store.plans.find(inquiry.plan);
  if (!plan) return { ok: false, kind: 'not-found', sentence: 'The store does not know that plan.' };
  const step = plan.steps.find(one => one.id === inquiry.step && one.phase !== 'deactivate');
  if (!step) {
    const known = plan.steps.filter(one => one.phase !== 'deactivate').map(one => one.id);
    const sentence = `The plan has no category "${inquiry.step}"; it has ${known.join(', ')}.`;
    return { ok: false, kind: 'not-found', sentence };
  }
  const connector = await deps.systems.get(step.system);
  const facts = connector.categories.find(one => one.category === step.category);
  if (inquiry.search !== null && !connector.search)
    return { ok: false, kind: 'usage', sentence: `${connector.title} cannot search: leave "search" out.` };
  const accounts = plan.accounts.find(one => one.system === step.system)?.accounts ?? [];
  const read = reader(connector, existing(accounts), step.category, inquiry.search);
  const total = step.baseline.count;
  const columns = facts?.attributes ?? [];
  if (inquiry.sort === null) {
    const { limit, after } = inquiry;
    const page = await read({ limit, ...(after !== null && { after }) });
    return {
      ok: true,
      value: { items: await shown(deps, plan, step.id, page.items), next: page.next, total, columns },
    };
  }
  const sorting = inquiry.sort.replace(/^-/, '');
  if (sorting !== 'label' && !columns.includes(sorting)) {
    const can = ['label', ...columns].join(', ');
    return { ok: false, kind: 'usage', sentence: `"sort" is one of ${can}; given was "${sorting}".` };
  }
  const all = await everything(read);
  if (all === null) {
    const most = MOST_SORTED.toLocaleString('en-US');
    const sentence = `More than ${most} items fit, and so many are not sorted: search for some of them, or leave "sort" out.`;
    return { ok: false, kind: 'usage', sentence };
  }
  all.sort(by(sorting, inquiry.sort.startsWith('-')));
  const from = Number(inquiry.after ?? '0') || 0;
  const upTo = from + inquiry.limit;
  return {
    ok: true,
    value: {
      items: await shown(deps, plan, step.id, all.slice(from, upTo)),
      next: upTo < all.length ? String(upTo) : null,
      total,
      columns,
    },
  };
}

type Read = (page: { after?: string; limit: number }) => Promise<{ items: Item[]; next: string | null }>;

function reader(
  connector: Connector,
  accounts: Parameters<Connector['items']>[0],
  category: string,
  search: string | null,
): Read {
  return page =>
    search === null
      ? connector.items(accounts, category, page, whenAbandoned())
      : connector.search!(accounts, category, search, page, whenAbandoned());
}

/** Null where there are too many. */
async function everything(read: Read): Promise<Item[] | null> {
  const all: Item[] = [];
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Read>> = await read({ limit: 1_000, ...(after !== null && { after }) });
    all.push(...page.items);
    after = page.next;
    if (all.length > MOST_SORTED) return null;
  } while (after !== null);
  return all;
}

/** Nothing comes last, whichever way it is sorted; what is equal keeps the order of the keys. */
function by(what: string, down: boolean): (one: Item, other: Item) => number {
  const value = (item: Item): string | null =>
    (what === 'label' ? item.label : own(item.attributes, what)) ?? null;
  return (one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return (down ? -1 : 1) * a.localeCompare(b, 'en', { numeric: true });
  };
}

async function shown(deps: Deps, plan: Plan, step: string, items: Item[]): Promise<ShownItem[]> {
  const successors = plan.steps.find(one => one.id === step)?.successors ?? [];
  const takers = await deps.store.trail.takers(
    plan.manifest,
    step,
    items.map(item => item.key),
  );
  return items.map(item => ({
    ...item,
    successor: successors[takers.get(item.key) ?? -1]?.label ?? null,
  }));
}

async function holdings(deps: Deps, user: string): Promise<InquiryAnswer<Holdings>> {
  const found = await findOne(deps, user);
  if ('sentence' in found)
    return { ok: false, kind: found.many ? 'usage' : 'not-found', sentence: found.sentence };
  const { person } = found;
  const recogniser = await recogniserOf(deps, person);
  const { policy } = await deps.rules();
  const order = { user, requestedBy: user, mode: 'execute-and-deactivate', departure: 'planned' } as const;
  const holds: Holdings['holds'] = [];
  const open: string[] = [];
  for (const system of deps.systems.names) {
    const { found: accounts, findings } = await resolveIn(deps, system, recogniser, order);
    open.push(...findings.map(finding => finding.message));
    const there = existing(accounts?.accounts ?? []);
    if (there.length === 0) continue;
    const connector = await deps.systems.get(system);
    const asked = connector.categories.filter(category => category.do !== 'keep');
    const inventory = await connector.inventory(
      there,
      asked.map(category => category.category),
      whenAbandoned(),
    );
    for (const category of asked) {
      const held = inventory.find(one => one.category === category.category);
      if (held?.complete && held.count === 0) continue;
      holds.push({
        step: `${system}/${category.category}`,
        title: category.title,
        do: category.do,
        count: held?.complete ? held.count : null,
      });
    }
    const coverage = await connector.coverage?.(there, { signal: whenAbandoned() });
    const place = coverage && uncovered(policy, { system, coverage });
    if (place) open.push(place);
  }
  const { id, name } = person;
  const clear = isClear({ holds, open });
  return {
    ok: true,
    value: {
      id,
      name,
      clear,
      needsApproval: !(clear && policy.nothingLeft === 'deactivates'),
      holds,
      open,
      start: JSON.stringify({ user: `id:${id}`, requestedBy: '', successor: 'manager' }),
    },
  };
}
