// The same application over its REST API, without its database: what Redmine says and is not so, and a leaver
// who is handed over by the catalog for REST. Redmine's own answers are read by `rest.ts`, which shares no code
// with the connector.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { loadCatalog } from '../../connectors/catalog/file.js';
import type { Connector } from '../../connectors/connector.js';
import { keysOf, listOf } from '../../connectors/keys.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { Batch } from '../../domain/effect.js';
import type { Account } from '../../domain/model.js';
import { startStaffed } from '../support/staffed.js';
import { type RedmineWorld, startRedmineWorld } from './redmine-world.js';
import { answersTo, goesOn, signIn } from './sign-in.js';

const CATALOG = new URL('../../systems/redmine-rest.yaml', import.meta.url).pathname;

let world: RedmineWorld;
let redmine: Required<Connector>;
const silent = { intend: async () => {} };

beforeAll(async () => {
  world = await startRedmineWorld();
  const connection = new Bundle('Redmine', { base: world.baseUrl, key: world.adminKey });
  redmine = createConnector(await loadCatalog(CATALOG, KINDS), { connection }) as Required<Connector>;
});
afterAll(async () => {
  await redmine?.close();
  await world?.stop();
});

const account = (login: string): Account => ({
  identities: { user: [String(world.person(login).id)] },
  active: true,
  blocked: false,
});

const issue = z.object({
  issue: z.object({
    id: z.number(),
    assigned_to: z.object({ id: z.number() }).optional(),
    updated_on: z.string(),
  }),
});
const asRedmineSays = async (key: string) => (await world.rest.get(`/issues/${key}.json`, issue)).issue;

const person = z.object({ id: z.number() });
const summary = z.object({ id: z.number(), project: z.object({ id: z.number() }) });

/** Open issues of somebody, by Redmine, with their projects. */
const openIssues = (login: string) =>
  world.rest.list(`/issues.json?assigned_to_id=${world.person(login).id}&status_id=open`, 'issues', summary);

const batch = (keys: string[], to: string): Batch => ({
  kind: 'batch',
  category: 'open_issues',
  do: 'transfer',
  accounts: [account('alice')],
  keys: keysOf(keys),
  count: keys.length,
  takers: [String(world.person(to).id)],
  assignment: null,
});

const lookAt = async (category: string, login = 'alice') =>
  (await redmine.inventory([account(login)], [category]))[0]!;

const sought = (email: string) => ({
  id: 'x',
  home: false,
  known: [{ by: 'email' as const, value: email }],
  shared: [],
  remembered: {},
});

test('the catalog fits a Redmine as Debian ships it', async () => {
  expect(await redmine.check()).toEqual([]);
  expect((await redmine.doubts()).map(({ message }) => message)).toEqual([
    'nothing proves that the filter is understood (only the list says who watches an issue)',
  ]);
});

test('what somebody holds is what Redmine lists, page by page', async () => {
  const theirs = (await openIssues('alice')).map(({ id }) => String(id)).sort();
  expect(theirs.length).toBeGreaterThan(100);
  const seen: string[] = [];
  for await (const page of redmine.pages([account('alice')], 'open_issues', { size: 1_000 }))
    seen.push(...listOf(page.keys));
  expect(seen.sort()).toEqual(theirs);
  for (const category of [
    'closed_issues',
    'authored_issues',
    'time_entries',
    'groups',
    'project_memberships',
  ])
    expect(await lookAt(category), category).toMatchObject({ complete: true });
});

describe('what Redmine says, and is not so', () => {
  test('limit=200 is answered with 100, without a word', async () => {
    const path = `/issues.json?assigned_to_id=${world.leaver.id}&status_id=open&limit=200`;
    const { issues, limit } = await world.rest.get(
      path,
      z.object({ issues: z.array(summary), limit: z.number() }),
    );
    expect([issues.length, limit]).toEqual([100, 100]);
    // A catalog that asks for 200 loses nothing by it: the page is as long as Redmine says that it is.
    const loaded = await loadCatalog(CATALOG, KINDS);
    const greedy = structuredClone(loaded.catalog);
    if (greedy.kind !== 'http') throw new Error('another kind');
    greedy.categories.open_issues!.list.page = { by: 'offset', first: 0, size: 200, echo: '/limit' };
    const connection = new Bundle('Redmine', { base: world.baseUrl, key: world.adminKey });
    const asked = createConnector({ ...loaded, catalog: greedy }, { connection });
    const [all] = await asked.inventory([account('alice')], ['open_issues']);
    await asked.close();
    expect(all).toEqual(await lookAt('open_issues'));
  });

  test('the same assignee again is a 204 that advances the date: it is not sent', async () => {
    const [{ id } = { id: 0 }] = await openIssues('bob');
    const before = await asRedmineSays(String(id));
    const { effect } = await redmine.apply(batch([String(id)], 'bob'), silent);
    expect(effect).toMatchObject({ changed: 0, exceptions: [{ kind: 'taken' }] });
    expect(await asRedmineSays(String(id))).toEqual(before);
  });

  test('who may own an issue differs from project to project: the refused stay, with the reason, the others go', async () => {
    const theirs = await openIssues('alice');
    const { website } = world.projects;
    const allowed = theirs.filter(({ project }) => project.id === website).slice(0, 3);
    const refused = theirs.filter(({ project }) => project.id === world.projects.billing).slice(0, 2);
    const keys = [...allowed, ...refused].map(({ id }) => String(id));
    const { effect } = await redmine.apply(batch(keys, 'bob'), silent);
    expect(effect.changed).toBe(allowed.length);
    expect(effect.exceptions.map(({ key, kind }) => [key, kind])).toEqual(
      refused.map(({ id }) => [String(id), 'failed']),
    );
    expect(effect.exceptions[0]!.why).toMatch(/422.*does not let this person have it/);
    for (const { id } of allowed)
      expect((await asRedmineSays(String(id))).assigned_to?.id).toBe(world.person('bob').id);
    for (const { id } of refused)
      expect((await asRedmineSays(String(id))).assigned_to?.id).toBe(world.leaver.id);
  });

  test('an issue that is left to nobody has no assignee', async () => {
    const [{ id } = { id: 0 }] = await openIssues('alice');
    const { effect } = await redmine.apply({ ...batch([String(id)], 'bob'), takers: [null] }, silent);
    expect(effect).toMatchObject({ changed: 1, exceptions: [] });
    expect((await asRedmineSays(String(id))).assigned_to).toBeUndefined();
  });

  test('a locked user is found by no search that does not ask for them: ours does', async () => {
    const { id, email } = world.person('mallory' in world.people ? 'mallory' : 'sybil');
    await world.rest.put(`/users/${id}.json`, { user: { status: 3 } });
    const naive = await world.rest.get(
      `/users.json?name=${email}`,
      z.object({ users: z.array(z.object({ id: z.number() })) }),
    );
    expect(naive.users).toEqual([]);
    expect(await redmine.resolveAccounts(sought(email), {})).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { user: [String(id)] }, active: false }],
    });
    await world.rest.put(`/users/${id}.json`, { user: { status: 1 } });
  });

  test('reading a user shows their API key, which nobody hears of', async () => {
    const shown = z.object({ user: z.object({ api_key: z.string() }) });
    const { user } = await world.rest.get(`/users/${world.leaver.id}.json`, shown);
    const found = await redmine.resolveAccounts(sought(world.leaver.email), {});
    const done = await redmine.apply(
      { kind: 'access', verb: 'deactivate', account: account('alice') },
      silent,
    );
    await redmine.restore(
      { work: { kind: 'access', verb: 'deactivate', account: account('alice') }, ...done },
      silent,
    );
    expect(JSON.stringify([found, done])).not.toContain(user.api_key);
  });

  test('taking somebody out of a group twice is 204 both times: the second time there is nothing to do', async () => {
    const [group] = Object.entries(world.groups).filter(([name]) => name === 'On call');
    const work: Batch = {
      ...batch([String(group![1])], 'bob'),
      category: 'groups',
      do: 'remove',
      takers: [],
    };
    const done = await redmine.apply(work, silent);
    expect(done.effect).toMatchObject({ changed: 1, exceptions: [] });
    expect((await redmine.apply(work, silent)).effect).toMatchObject({
      changed: 0,
      exceptions: [{ kind: 'gone' }],
    });
    expect((await redmine.restore({ work, ...done }, silent)).effect).toMatchObject({ changed: 1 });
    const members = z.object({ group: z.object({ users: z.array(z.object({ id: z.number() })) }) });
    const { group: now } = await world.rest.get(`/groups/${group![1]}.json?include=users`, members);
    expect(now.users.map(({ id }) => id)).toContain(world.leaver.id);
  });

  test('it locks somebody who still owns issues, and stops nobody; the account is off for us when it is for Redmine', async () => {
    const owned = (await openIssues('alice')).length;
    expect(owned).toBeGreaterThan(0);
    const work = { kind: 'access', verb: 'deactivate', account: account('alice') } as const;
    const done = await redmine.apply(work, silent);
    expect(done.effect.changed).toBe(1);
    expect((await redmine.apply(work, silent)).effect.changed).toBe(0);
    expect(await redmine.readAccount(account('alice'))).toMatchObject({ active: false });
    expect((await openIssues('alice')).length).toBe(owned);
    const answer = await fetch(`${world.baseUrl}/users/current.json`, {
      headers: { 'X-Redmine-API-Key': world.leaver.apiKey },
    });
    expect(answer.status).toBe(401);
    await redmine.restore({ work, ...done }, silent);
  });
});

test('a sudden departure over REST: blocked, handed over, switched off and swept, as Redmine itself says', async () => {
  const dave = { ...world.person('dave'), password: 'dave-password' };
  const peggy = world.person('peggy').id;
  const current = z.object({ user: z.object({ api_key: z.string() }) });
  const basic = `Basic ${Buffer.from(`${dave.login}:${dave.password}`).toString('base64')}`;
  const shown = await fetch(`${world.baseUrl}/users/current.json`, { headers: { Authorization: basic } });
  const apiKey = current.parse(await shown.json()).user.api_key;
  const waysIn = () => answersTo(world.baseUrl, { ...dave, apiKey });
  const session = (await signIn(world.baseUrl, dave.login, dave.password))!;
  expect([await waysIn(), await goesOn(world.baseUrl, session)]).toEqual([
    { password: 200, apiKey: 200 },
    true,
  ]);
  const isShut = async (): Promise<void> => {
    expect(await waysIn()).toEqual({ password: 401, apiKey: 401 });
    expect(await goesOn(world.baseUrl, session)).toBe(false);
    expect(await signIn(world.baseUrl, dave.login, dave.password)).toBeNull();
  };
  const isLocked = async (): Promise<boolean> => {
    const locked = await world.rest.list(`/users.json?status=3&name=${dave.login}`, 'users', person);
    return locked.some(({ id }) => id === dave.id);
  };
  const theirs = await openIssues('dave');
  const closed = await world.rest.list(
    `/issues.json?assigned_to_id=${dave.id}&status_id=closed&sort=id`,
    'issues',
    summary,
  );
  expect(theirs.length).toBeGreaterThan(10);

  const there = await startStaffed(
    { name: 'redmine', catalog: CATALOG },
    { base: world.baseUrl, key: world.adminKey },
    [
      { name: 'Dave', email: dave.email, manager: world.person('peggy').email },
      { name: 'Peggy', email: world.person('peggy').email },
      { name: 'Olivia', email: world.person('olivia').email, role: 'operator' },
      { name: 'Victor', email: world.person('victor').email, role: 'approver' },
    ],
  );
  try {
    // Blocked, and nothing else: what they have is still theirs.
    const run = await there.depart({ user: dave.email, successor: 'manager', departure: 'unplanned' });
    const planned = await run.planned();
    expect(planned.state, planned.findings.map(({ message }) => message).join('\n')).toBe(
      'awaiting-approval',
    );
    expect(planned.access).toEqual({ redmine: 'blocked', staff: 'blocked' });
    expect((await run.happened()).slice(0, 4)).toEqual(['requested', 'access', 'access', 'planned']);
    expect(Date.parse(planned.times.blocked!) - Date.parse(planned.times.sudden!)).toBeLessThan(10_000);
    await isShut();
    expect(await openIssues('dave')).toEqual(theirs);

    // Handed over, and switched off.
    await run.agree();
    const ended = await run.ended();
    expect(ended.outcome, ended.sentence).toBe('completed');
    expect(ended.access).toEqual({ redmine: 'deactivated', staff: 'deactivated' });
    await isShut();
    expect(await isLocked()).toBe(true);
    expect(await openIssues('dave')).toEqual([]);
    for (const { id } of theirs) expect((await asRedmineSays(String(id))).assigned_to?.id).toBe(peggy);

    // Redmine gives nothing to somebody locked, but an issue that is opened again is theirs as before.
    const [late] = closed;
    await world.rest.put(`/issues/${late!.id}.json`, { issue: { status_id: world.statuses.open } });
    expect((await asRedmineSays(String(late!.id))).assigned_to?.id).toBe(dave.id);
    await run.sweep.until(({ moved }) => moved > 0);
    expect((await asRedmineSays(String(late!.id))).assigned_to?.id).toBe(peggy);
    // It was a closed one of theirs, and these are kept: people are told. A round may see that before the other.
    expect(await run.sweep.finish()).toMatchObject({
      outcome: 'finished',
      moved: 1,
      open: [{ subject: 'redmine/closed_issues' }],
    });
    const addenda = await run.addenda();
    expect(addenda.map(({ number }) => number)).toEqual(addenda.map((_, n) => n + 1));
    expect(addenda).toContainEqual(
      expect.objectContaining({
        moved: 1,
        steps: [expect.objectContaining({ step: 'redmine/open_issues', changed: 1 })],
      }),
    );
    await isShut();
  } finally {
    await there.stop();
  }
});
