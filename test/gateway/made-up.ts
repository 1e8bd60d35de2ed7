/** A gateway in front of nothing: what stands behind it is made up, and remembers what reached it. */
import { Problem } from '../../client/problem.js';
import { idsOf } from '../../domain/ids.js';
import type { Inquiry } from '../../domain/inquiry.js';
import { type Decider, isSame, markOf, type Participant } from '../../domain/people.js';
import type { Plan } from '../../domain/plan.js';
import type { Behind } from '../../gateway/behind.js';
import { callersOf } from '../../gateway/callers.js';
import type { Caller, Role } from '../../gateway/roles.js';
import { createServer, type ServerOptions } from '../../gateway/server.js';
import { unsigned } from '../../gateway/sign.js';
import { sha256 } from '../../store/digest.js';
import type { Status } from '../../workflows/messages.js';

export const decider = (id: string, more: Partial<Decider> = {}): Decider => ({
  id,
  name: `Person ${id}`,
  human: id,
  barred: null,
  operator: false,
  approver: false,
  doubt: null,
  ...more,
});

/** Who is in the made-up directory, by what they are called. */
export const PEOPLE: Record<string, Decider> = {
  'alice@example.com': decider('17', { human: 'H17', operator: true, approver: true }),
  'alice-admin@example.com': decider('18', { human: 'H17', operator: true, approver: true }),
  // An entry that no number ties to the leaver: their plan knows its address as theirs.
  'alice.a@example.com': decider('19', {
    operator: true,
    approver: true,
    marks: [markOf(sha256('email alice.a@example.com'))],
  }),
  'olivia@example.com': decider('20', { operator: true }),
  'priya@example.com': decider('21', { approver: true }),
  'bob@example.com': decider('22'),
  'ines@example.com': decider('23', {
    operator: true,
    approver: true,
    barred: 'is not active in the directory',
  }),
};

/** What bearer is whose. */
export const TOKENS: Record<string, { person: string | null; roles: readonly Role[] | 'directory' }> = {
  'alice-token': { person: 'alice@example.com', roles: 'directory' },
  'alias-token': { person: 'alice-admin@example.com', roles: 'directory' },
  'address-token': { person: 'alice.a@example.com', roles: 'directory' },
  'olivia-token': { person: 'olivia@example.com', roles: 'directory' },
  'priya-token': { person: 'priya@example.com', roles: 'directory' },
  'bob-token': { person: 'bob@example.com', roles: 'directory' },
  'ines-token': { person: 'ines@example.com', roles: 'directory' },
  'unknown-token': { person: 'nobody@example.com', roles: 'directory' },
  'viewer-token': { person: 'bob@example.com', roles: ['viewer'] },
  'admin-token': { person: 'bob@example.com', roles: ['administrator'] },
  'tool-token': { person: null, roles: ['viewer'] },
};

export const OFFBOARDING = '11111111-2222-4333-8444-555555555555';
export const PLAN = 'ab'.repeat(32);

/** As the store keeps it: the leaver has two addresses in the helpdesk. */
export const plan = {
  leaver: { id: '17', name: 'Person 17', human: 'H17' },
  accounts: [
    { system: 'crm', accounts: [{ identities: { id: ['17'], email: ['Alice@example.com'] } }] },
    { system: 'desk', accounts: [{ identities: { login: ['alice', 'alice.a@example.com'] } }] },
  ],
} as unknown as Plan;

export const status = (more: Partial<Status> = {}): Status =>
  ({
    offboardingId: OFFBOARDING,
    workflowId: 'offboarding/17',
    state: 'awaiting-approval',
    sentence: 'Waits for an approval.',
    outcome: null,
    leaver: { id: '17', name: 'Person 17', human: 'H17' },
    requester: { id: '20', name: 'Person 20', human: '20' },
    humans: {},
    approvals: [],
    amendedBy: [],
    waitingOn: 'approval',
    plan: { digest: PLAN, steps: [] },
    ...more,
  }) as unknown as Status;

export interface Reached {
  decided: { workflowId: string; name: string; payload: Record<string, unknown>; id: string }[];
  left: { workflowId: string; name: string; payload: Record<string, unknown> }[];
  started: { request: Record<string, unknown>; id: string }[];
  asked: Inquiry[];
  looks: number;
}

export async function madeUp(
  options: Omit<Partial<ServerOptions>, 'behind'> & {
    behind?: Partial<Behind>;
    /** Whom the directory has no longer. */
    gone?: string[];
  } = {},
) {
  const reached: Reached = { decided: [], left: [], started: [], asked: [], looks: 0 };
  const deliveries = new Map<string, string | null>();
  const behind: Behind = {
    ids: idsOf('handover'),
    deliveries: {
      async take(source, id) {
        const answer = deliveries.get(`${source} ${id}`);
        if (answer === undefined) {
          deliveries.set(`${source} ${id}`, null);
          return { kind: 'first' };
        }
        return answer === null ? { kind: 'under-way' } : { kind: 'answered', answer: JSON.parse(answer) };
      },
      async answerTo(source, id) {
        return JSON.parse(deliveries.get(`${source} ${id}`) ?? 'null');
      },
      async settle(source, id, answer) {
        deliveries.set(`${source} ${id}`, JSON.stringify(answer));
      },
      async release(source, id) {
        deliveries.delete(`${source} ${id}`);
      },
    },
    logouts: { take: async () => true, hasEnded: async () => false },
    async start(request, id) {
      reached.started.push({ request: request as Record<string, unknown>, id });
      return {
        answer: 'started',
        workflowId: 'offboarding/17',
        offboardingId: OFFBOARDING,
        leaver: 'Person 17',
        next: 'It plans.',
      };
    },
    async decide(workflowId, name, payload, id) {
      reached.decided.push({ workflowId, name, payload: payload as Record<string, unknown>, id });
      return { verdict: 'accepted', sentence: 'Counted.', state: 'executing', plan: PLAN };
    },
    async leave(workflowId, name, payload) {
      reached.left.push({ workflowId, name, payload: payload as Record<string, unknown> });
    },
    async *list() {
      for (const id of ['17', '40', '41'])
        yield {
          kind: 'offboarding' as const,
          workflowId: `offboarding/${id}`,
          leaver: id,
          runId: `run-${id}`,
          state: 'awaiting-approval',
          outcome: null,
          waitingOn: 'approval',
          mode: 'execute-and-deactivate',
          remaining: 3,
          accepted: 0,
          due: null,
          started: '2026-11-27T10:00:00.000Z',
          closed: null,
        };
    },
    async status(workflowId) {
      reached.looks += 1;
      const id = workflowId.replace('offboarding/', '');
      if (!['17', '40', '41', '50'].includes(id))
        throw new Problem('not-found', `There is no offboarding under ${workflowId}.`);
      return status({
        workflowId,
        ...(id !== '17' && { leaver: { id, name: `Person ${id}`, human: id } }),
        ...(id === '50' && { state: 'closed' }),
      });
    },
    glance: async () => ({ moment: '1', live: null }),
    offboardingOf: async () => OFFBOARDING,
    workflowOf: async () => 'offboarding/17',
    async ask<T>(inquiry: Inquiry): Promise<T> {
      reached.asked.push(inquiry);
      switch (inquiry.ask) {
        case 'person': {
          const found =
            PEOPLE[inquiry.who] ?? Object.values(PEOPLE).find(one => `id:${one.id}` === inquiry.who);
          if (!found || options.gone?.includes(inquiry.who))
            throw new Problem('not-found', `Nobody in the directory is "${inquiry.who}".`);
          return found as T;
        }
        case 'called': {
          const found = Object.entries(PEOPLE).filter(
            ([email, { id }]) => id === inquiry.word || email.startsWith(`${inquiry.word}@`),
          );
          return found.map(([, { id, name }]) => ({ id, name })) as T;
        }
        case 'names':
          return {
            names: Object.fromEntries(inquiry.ids.map(id => [id, `Person ${id}`])),
            same: inquiry.ids.filter(id => isSame({}, byId(id), byId(inquiry.beside))),
          } as T;
        case 'items':
          return { items: [], next: null, total: 0, columns: [] } as T;
        case 'owns':
          return { id: '17', name: 'Person 17', clear: true, holds: [], open: [], start: '{}' } as T;
      }
    },
    audit: async () => [],
    plans: async () => [],
    moved: async () => ({ items: [], next: null, total: 0 }),
    certificates: async () => [
      { number: 0, digest: 'cd'.repeat(32), at: '2026-11-27T10:00:00.000Z', body: {} },
    ],
    ailments: async () => [],
    ...options.behind,
  };
  const recognise = async (bearer: string): Promise<Caller | null> => {
    const known = Object.hasOwn(TOKENS, bearer) ? TOKENS[bearer] : undefined;
    return known ? { name: `token "${bearer}"`, how: `a bearer token ("${bearer}")`, ...known } : null;
  };
  const app = await createServer({
    seal: unsigned,
    callers: callersOf(behind, [recognise]),
    ...options,
    behind,
  });
  const call = (method: 'GET' | 'POST', url: string, token: string | null, body?: unknown, headers = {}) =>
    app.inject({
      method,
      url,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
      ...(body !== undefined && { payload: body as object }),
    });
  return { app, call, reached, deliveries: behind.deliveries };
}

const byId = (id: string | null): Participant =>
  Object.values(PEOPLE).find(one => one.id === id) ?? { id: `${id}`, name: `Person ${id}`, human: `${id}` };
