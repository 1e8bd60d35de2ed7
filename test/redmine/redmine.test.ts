// A real application that nobody here wrote: its catalog, and a leaver handed over through its database,
// judged by its own REST API.

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { loadCatalog } from '../../connectors/catalog/file.js';
import type { Connector } from '../../connectors/connector.js';
import { postgres } from '../../connectors/postgres/kind.js';
import { createConnector, discoverSystem } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { Account } from '../../domain/model.js';
import { EACH_SECOND } from '../e2e/sweeps.js';
import { createTestDatabase } from '../support/servers.js';
import { startEngine } from './engine.js';
import { complaintsAfterOffboarding, issuesOf, refusedFor, withEveryProjectOpen } from './judge.js';
import { prepareRedmine } from './redmine.js';
import { type RedmineWorld, startRedmineWorld } from './redmine-world.js';
import { restAs } from './rest.js';
import { type Role, roleFromTheDocs } from './role.js';
import { answersTo, goesOn, signIn } from './sign-in.js';
import type { Snapshot } from './snapshot.js';

const CATALOG = new URL('../../systems/redmine.yaml', import.meta.url).pathname;
const { catalog, file } = await loadCatalog(CATALOG, { postgres });

let world: RedmineWorld;
let role: Role;
let redmine: Required<Connector>;
/** With the closed and the archived project opened for the look. */
let before: Snapshot;

beforeAll(async () => {
  world = await startRedmineWorld();
  role = await roleFromTheDocs(world.databaseUrl);
  redmine = createConnector(
    { catalog, file },
    { connection: new Bundle('Redmine', { url: role.url }) },
  ) as Required<Connector>;
  before = await withEveryProjectOpen(world, world.snapshot);
});
afterAll(async () => {
  await redmine?.close();
  await role?.drop();
  await world?.stop();
});

async function account(login: string): Promise<Account> {
  const people = await redmine.directory.findPeople({ by: 'login', value: login });
  expect(people.map(person => person.id)).toEqual([String(world.person(login).id)]);
  const found = await redmine.resolveAccounts({ ...people[0]!, home: true, shared: [], remembered: {} }, {});
  if (found.kind !== 'found') throw new Error(`${login} has no account: ${found.kind}`);
  expect(found.accounts).toHaveLength(1);
  return found.accounts[0]!;
}

async function counts(): Promise<Record<string, number>> {
  const all = redmine.categories.map(({ category }) => category);
  const inventory = await redmine.inventory([await account('alice')], all);
  expect(inventory.filter(({ complete }) => !complete)).toEqual([]);
  return Object.fromEntries(inventory.map(({ category, count }) => [category, count]));
}

test('the world is as large as it claims', async () => {
  const { issues } = before;
  const others = [...issues.values()].filter(issue => issue.assignee !== world.leaver.id);
  expect(Object.keys(world.projects).length).toBeGreaterThanOrEqual(5);
  expect(Object.keys(world.people).length).toBeGreaterThanOrEqual(40);
  expect(issues.size).toBeGreaterThanOrEqual(2_000);
  expect(issuesOf(before, false).length).toBeGreaterThanOrEqual(150);
  expect(new Set(issuesOf(before, false).map(issue => issue.project)).size).toBeGreaterThanOrEqual(4);
  expect(issuesOf(before, true).length).toBeGreaterThanOrEqual(100);
  expect(others.filter(issue => issue.closed).length).toBeGreaterThanOrEqual(400);
});

/** By hand, from Redmine 5.0: what holds the id of a user. */
const COLUMNS_WITH_PEOPLE = `
  attachments.author_id changesets.user_id comments.author_id email_addresses.user_id groups_users.user_id
  imports.user_id issue_categories.assigned_to_id issues.assigned_to_id issues.author_id journals.user_id
  members.user_id messages.author_id news.author_id projects.default_assigned_to_id queries.user_id
  time_entries.author_id time_entries.user_id tokens.user_id user_preferences.user_id watchers.user_id
  wiki_content_versions.author_id wiki_contents.author_id`
  .trim()
  .split(/\s+/);
/** Holds people as well, in other ways: a repository's name for them, a membership, a value that may be one. */
const IN_OTHER_WAYS = [
  'changesets.committer',
  'member_roles.member_id',
  'custom_values.value',
  'custom_values.customized_id',
  'journal_details.value',
  'journal_details.old_value',
];

/** Recall must be whole, and four of five columns that are found must hold people. */
async function scoreOf(url: string): Promise<{ missed: string[]; precise: boolean }> {
  const connection = new Bundle('Redmine', { url });
  const draft = await discoverSystem({ system: 'redmine', loaded: null }, { connection });
  const found = draft.places.map(one => one.place.replace('public.', ''));
  const right = found.filter(one => COLUMNS_WITH_PEOPLE.includes(one) || IN_OTHER_WAYS.includes(one));
  return {
    missed: COLUMNS_WITH_PEOPLE.filter(one => !found.includes(one)),
    precise: right.length >= found.length * 0.8,
  };
}

describe('the catalog', () => {
  test('fits a Redmine as Debian installs it, with the rights that the docs ask for', async () => {
    expect(await redmine.check()).toEqual([]);
  });

  test('accounts for every column that looks like a person', async () => {
    const { rows } = await query<{ place: string }>(
      `SELECT 'public.' || table_name || '.' || column_name AS place
         FROM information_schema.columns
        WHERE table_schema = 'public'
          AND column_name ~ '(user|author|assigned_to|principal|owner|member|watcher|committer|manager|responsible)(_id)?$'
        ORDER BY 1`,
    );
    const known = new Set([
      ...Object.values(catalog.categories).map(({ table, owner }) => `${table}.${owner.column}`),
      ...catalog.acknowledged.map(({ table, column }) => `${table}.${column}`),
    ]);
    // Redmine has no foreign keys: names are all there is.
    expect(rows.length).toBeGreaterThanOrEqual(22);
    expect(rows.map(({ place }) => place).filter(place => !known.has(place))).toEqual([]);
  });

  test('leaves out no column of a Redmine in use that can hold a person', async () => {
    expect(await redmine.coverage()).toMatchObject({ kind: 'read', open: [] });
  });

  test('discovery finds every column that holds a person, without one foreign key', async () => {
    expect(await scoreOf(world.databaseUrl)).toEqual({ missed: [], precise: true });
  });

  test('and before anybody has used it', async () => {
    const fresh = await createTestDatabase('redmine_fresh');
    const instance = await prepareRedmine(fresh.url);
    try {
      await instance.migrate();
      expect(await scoreOf(fresh.url)).toEqual({ missed: [], precise: true });
    } finally {
      await instance.remove();
      await fresh.drop();
    }
  });

  test('finds a person by any of their addresses, in any case', async () => {
    const found = await redmine.directory.findPeople({ by: 'email', value: 'Alice.Ahrens@EXAMPLE.org' });
    expect(found).toMatchObject([{ id: String(world.leaver.id), email: 'alice@example.com', active: true }]);
  });

  test('guards the account of last resort and the programs, but not an administrator who leaves another behind', async () => {
    const kinds = async (login: string) =>
      (await redmine.guards([await account(login)])).map(guard => guard.kind);
    expect(await kinds('admin')).toContain('protected');
    expect(await kinds('svc-build')).toContain('protected');
    expect(await kinds('olivia')).toEqual([]);
    expect(await kinds('alice')).toEqual([]);
  });

  test('counts what Redmine itself says that the leaver holds', async () => {
    const { rest, leaver, projects, groups } = world;
    const assignee = z.object({ id: z.number() }).optional();
    const categories = z.object({ issue_categories: z.array(z.object({ assigned_to: assignee })) });
    const project = z.object({ project: z.object({ default_assignee: assignee }) });
    const [inflow, defaults] = await withEveryProjectOpen(world, async () => [
      await Promise.all(
        Object.values(projects).map(id => rest.get(`/projects/${id}/issue_categories.json`, categories)),
      ),
      await Promise.all(Object.values(projects).map(id => rest.get(`/projects/${id}.json`, project))),
    ]);
    const found = await counts();
    expect(found).toMatchObject({
      open_issues: issuesOf(before, false).length,
      closed_issues: issuesOf(before, true).length,
      authored_issues: [...before.issues.values()].filter(issue => issue.author === leaver.id).length,
      time_entries: before.timeEntries.length,
      news: Object.values(before.news).filter(author => author === leaver.id).length,
      category_assignees: inflow
        .flatMap(reply => reply.issue_categories)
        .filter(entry => entry.assigned_to?.id === leaver.id).length,
      project_default_assignee: defaults.filter(reply => reply.project.default_assignee?.id === leaver.id)
        .length,
      groups: Object.keys(groups).length - 1,
      private_queries: 2,
      shared_queries: 2,
    });
    expect(found.category_assignees).toBe(world.inflowCategories.length);
    expect(found.watchers).toBeGreaterThanOrEqual(world.watched.length);
    // Made at the console: an API key, feeds, sessions and a remembered login.
    expect(found.tokens).toBe(5);
  });

  // A member of one project; one through a group; an author who is no member; a member whose role may not be
  // assigned issues; a member who is locked; an administrator who is no member.
  test.each(['bob', 'carol', 'mallory', 'ivan', 'judy', 'olivia'])(
    'refuses %s exactly the issues that Redmine refuses',
    async login => {
      const refused = await withEveryProjectOpen(world, () =>
        refusedFor(world, before, world.person(login).id),
      );
      const { count, sample } = await redmine.ineligible(
        [await account('alice')],
        'open_issues',
        await account(login),
        null,
      );
      expect(count).toBe(refused.length);
      expect(refused.map(String)).toEqual(expect.arrayContaining(sample));
    },
  );

  test('a block closes the API at once, is told apart from a lock by hand, and can be undone', async () => {
    const key = () => restAs(world.baseUrl, world.leaver.apiKey).send('GET', '/users/current.json');
    const alice = await account('alice');
    const switched = (verb: 'block' | 'unblock') =>
      redmine.apply({ kind: 'access', verb, account: alice }, { intend: async () => {} });
    expect((await key()).status).toBe(200);
    await switched('block');
    expect((await key()).status).toBe(401);
    expect(await redmine.readAccount(alice)).toMatchObject({ active: true, blocked: true });
    expect(await account('judy')).toMatchObject({ active: false, blocked: false });
    await switched('unblock');
    expect((await key()).status).toBe(200);
    expect(await redmine.readAccount(alice)).toMatchObject({ active: true, blocked: false });
  });
});

test('a sudden departure through the database: Redmine itself confirms block, clean-up, switch-off and sweep', async () => {
  const [seen] = issuesOf(before, false);
  const version = await lockVersion(seen!.id);
  const { apiKey, login } = world.leaver;
  const waysIn = async () => ({
    ...(await answersTo(world.baseUrl, { login, password: 'alice-password', apiKey })),
    session: await goesOn(world.baseUrl, session),
    form: (await signIn(world.baseUrl, login, 'alice-password')) !== null,
  });
  const session = (await signIn(world.baseUrl, login, 'alice-password'))!;
  expect(await waysIn()).toEqual({ password: 200, apiKey: 200, session: true, form: true });
  const shut = { password: 401, apiKey: 401, session: false, form: false };
  const held = await counts();
  const engine = await startEngine(redmine, { sweep: EACH_SECOND });
  try {
    const run = await engine.request({
      user: world.leaver.email,
      requestedBy: 'olivia@example.com',
      successor: 'bob@example.com',
      departure: 'unplanned',
    });
    // One successor for everything: Bob may not have most of it, and nothing was written but the block.
    const refused = await run.settled();
    expect(refused.state).toBe('needs-correction');
    const mayNot = refused.findings.filter(({ code }) => code === 'successor-refused');
    expect(mayNot.map(({ step }) => step).sort()).toEqual([
      'redmine/category_assignees',
      'redmine/open_issues',
      'redmine/project_default_assignee',
    ]);
    expect(refused.access).toEqual({ redmine: 'blocked' });
    expect(await waysIn()).toEqual(shut);
    expect(await counts()).toEqual(held);

    const byProject = { match: { attribute: 'project', map: successorsByProject() } };
    const successors = Object.fromEntries(mayNot.map(({ step }) => [step, byProject]));
    expect(await run.decide('amend', { by: 'olivia@example.com', successors })).toMatchObject({
      verdict: 'accepted',
    });
    const planned = await run.settled('awaiting-approval');
    expect(planned.findings).toEqual([]);
    const fields = await run.decide('acknowledge', {
      by: 'olivia@example.com',
      category: 'redmine/custom_fields',
    });
    expect(fields).toMatchObject({ verdict: 'accepted' });
    // Victor approves because Redmine says that he is in the group "Offboarding approvers".
    const approval = await run.decide('approve', { by: 'victor@example.com', plan: planned.plan!.digest });
    expect(approval).toMatchObject({ verdict: 'accepted' });
    const closed = await run.settled('closed');
    expect(closed).toMatchObject({
      state: 'closed',
      outcome: 'completed',
      access: { redmine: 'deactivated' },
    });
    expect(await run.report()).toMatchObject({ outcome: 'completed' });
    expect(await waysIn()).toEqual(shut);

    // Whoever had an issue open in a browser is stopped from saving the old assignee again: Redmine answers
    // 422, and no word.
    const stale = { issue: { subject: 'Saved from an old page', lock_version: version } };
    expect(await world.rest.send('PUT', `/issues/${seen!.id}.json`, stale)).toEqual({
      status: 422,
      body: { errors: [] },
    });
    expect(await complaintsAfterOffboarding(world, before)).toEqual([]);
    expect(await counts()).toMatchObject({
      open_issues: 0,
      category_assignees: 0,
      project_default_assignee: 0,
      shared_queries: 0,
      watchers: 0,
      groups: 0,
      tokens: 0,
      private_queries: 2,
      closed_issues: issuesOf(before, true).length,
    });

    // Nothing can be given to somebody locked; but an issue that is opened again is theirs as it was.
    const late = issuesOf(before, true).find(({ project }) => project === world.projects.website)!;
    await world.rest.put(`/issues/${late.id}.json`, { issue: { status_id: world.statuses.open } });
    expect(await run.swept('olivia@example.com')).toMatchObject({
      outcome: 'finished',
      moved: 1,
      open: [{ subject: 'redmine/closed_issues' }],
    });
    const shown = z.object({ issue: z.object({ assigned_to: z.object({ id: z.number() }) }) });
    const { issue } = await world.rest.get(`/issues/${late.id}.json`, shown);
    expect(issue.assigned_to.id).toBe(world.person('bob').id);
    expect(await waysIn()).toEqual(shut);
  } finally {
    await engine.stop();
  }
});

const successorsByProject = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(world.successorsPerProject).map(([project, { email }]) => [project, email]),
  );

/** REST does not tell it; the page that a browser shows does, in a hidden field. */
async function lockVersion(issue: number): Promise<number> {
  const { rows } = await query<{ lock_version: number }>(
    'SELECT lock_version FROM public.issues WHERE id = $1',
    [issue],
  );
  return rows[0]!.lock_version;
}

async function query<Row extends pg.QueryResultRow>(
  sql: string,
  values: unknown[] = [],
): Promise<pg.QueryResult<Row>> {
  const client = new pg.Client({ connectionString: world.databaseUrl });
  await client.connect();
  try {
    return await client.query<Row>(sql, values);
  } finally {
    await client.end();
  }
}
