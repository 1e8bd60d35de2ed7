/**
 * The REST API of Demo outreach. Every call needs the token; an error is `{ error }` with a status that says
 * the same.
 */
import { type Item, KINDS, type Kind, type Member, type Outreach } from './application.js';
import { CALLER } from './contents.js';

export interface Asked {
  method: string;
  /** Of the path behind `/api/`. */
  steps: readonly string[];
  query: URLSearchParams;
  /** Parsed JSON; null where there was none. */
  body: unknown;
}

export type Answer = [status: number, body?: object];

const MOST_PER_PAGE = 100;

export function answer(outreach: Outreach, { method, steps, query, body }: Asked): Answer {
  const [what, id, sub] = steps;
  if (what === 'me' && method === 'GET') return [200, { data: outreach.members.get(CALLER) }];
  if (what === 'users') {
    if (id === undefined && method === 'GET') return people(outreach, query);
    const member = outreach.members.get(id ?? '');
    if (!member) return NOT_FOUND;
    return user(outreach, member, method, sub, query, body);
  }
  const kind = KINDS.find(one => one === what);
  if (kind === undefined) return NOT_FOUND;
  if (id === undefined && method === 'GET') return list(outreach, kind, query);
  const item = outreach.items[kind].get(id ?? '');
  if (!item) return NOT_FOUND;
  if (method === 'GET') return [200, { data: shown(outreach, kind, item) }];
  if (method === 'DELETE' && kind === 'api-keys') {
    outreach.remove(kind, item);
    return [204];
  }
  if (method === 'PATCH' && kind !== 'api-keys') return change(outreach, kind, item, body);
  return [405, { error: `${method} is not for ${kind}` }];
}

const NOT_FOUND: Answer = [404, { error: 'there is no such thing' }];

function people(outreach: Outreach, query: URLSearchParams): Answer {
  const search = query.get('search')?.toLowerCase();
  const role = query.get('role');
  const found = [...outreach.members.values()].filter(
    one =>
      (search === undefined || one.email.includes(search) || one.name.toLowerCase().includes(search)) &&
      (role === null || one.role === role),
  );
  return page(found, query);
}

function user(
  outreach: Outreach,
  member: Member,
  method: string,
  sub: string | undefined,
  query: URLSearchParams,
  body: unknown,
): Answer {
  if (sub === 'api-keys' && method === 'GET') {
    const keys = [...outreach.items['api-keys'].values()].filter(({ owners }) => owners.includes(member.id));
    return page(
      keys.map(({ id, name }) => ({ id, name })),
      query,
    );
  }
  if (sub === 'sessions' && method === 'DELETE') {
    outreach.setMember(member, { sessions: 0 });
    return [204];
  }
  if (sub !== undefined) return NOT_FOUND;
  if (method === 'GET') return [200, { data: member }];
  if (method !== 'PATCH') return [405, { error: `${method} is not for users` }];
  const { status } = (body ?? {}) as { status?: unknown };
  if (status !== 'active' && status !== 'suspended' && status !== 'off')
    return [422, { error: 'status: active, suspended and off are allowed' }];
  outreach.setMember(member, { status });
  return [200, { data: member }];
}

function list(outreach: Outreach, kind: Kind, query: URLSearchParams): Answer {
  const [owner, status, ids] = ['owner', 'status', 'ids'].map(name => query.get(name)?.split(','));
  const found = [...outreach.items[kind].values()].filter(
    one =>
      (owner === undefined || one.owners.some(id => owner.includes(id))) &&
      (status === undefined || status.includes(one.status)) &&
      (ids === undefined || ids.includes(one.id)),
  );
  return page(
    found.map(one => shown(outreach, kind, one)),
    query,
  );
}

function page(found: readonly object[], query: URLSearchParams): Answer {
  const number = Math.max(1, Number(query.get('page') ?? 1) || 1);
  const size = Math.min(MOST_PER_PAGE, Math.max(1, Number(query.get('per_page') ?? MOST_PER_PAGE) || 1));
  const data = found.slice((number - 1) * size, number * size);
  return [200, { data, page: number, per_page: size, total: found.length }];
}

/** A board has owners; everything else one owner. */
function shown({ members }: Outreach, kind: Kind, { owners, ...item }: Item): object {
  const all = owners.map(id => ({ id, name: members.get(id)?.name }));
  return kind === 'boards' ? { ...item, owners: all } : { ...item, owner: all[0] ?? null };
}

function change(outreach: Outreach, kind: Kind, item: Item, body: unknown): Answer {
  const given = (body ?? {}) as { owner?: unknown; owners?: unknown; version?: unknown };
  if (given.version !== undefined && given.version !== item.version)
    return [409, { error: `it is at version ${item.version} by now` }];
  const owners = kind === 'boards' ? given.owners : [given.owner];
  if (!Array.isArray(owners) || owners.length === 0)
    return [422, { error: kind === 'boards' ? 'owners: a list of users' : 'owner: a user' }];
  for (const id of owners) {
    const owner = typeof id === 'string' ? outreach.members.get(id) : undefined;
    if (!owner) return [422, { error: 'an owner is no user here' }];
    // As in life, whoever is there already may stay.
    if (!item.owners.includes(owner.id) && (owner.status !== 'active' || owner.role === 'viewer'))
      return [422, { error: `${owner.id} cannot own anything` }];
  }
  outreach.setOwners(kind, item, owners as string[]);
  return [200, { data: shown(outreach, kind, item) }];
}
