// The second half of the seed, through REST and partly as the leaver: groups, versions, categories, watchers,
// notes, time, news. The first half is seed.rb, inside Redmine, for what REST cannot create (tokens, queries,
// custom fields) and for the bulk.

import { z } from 'zod';
import { fewAtATime, type Rest, restAs } from './rest.js';

const ids = z.record(z.string(), z.number());

/** What seed.rb prints. */
export const seededByConsole = z.object({
  apiKeys: z.record(z.string(), z.string()),
  /** Login → user id. */
  people: ids,
  /** Identifier → project id. */
  projects: ids,
  roles: ids,
  statuses: ids,
  trackers: z.array(z.number()),
  issues: z.number(),
});
export type SeededByConsole = z.infer<typeof seededByConsole>;

export interface SeededByRest {
  groups: Record<string, number>;
  /** Issue categories whose new issues Redmine gives to the leaver by itself. */
  inflowCategories: { id: number; project: string }[];
  /** Issues of others that the leaver watches. */
  watched: number[];
}

const created = (name: string) => z.object({ [name]: z.object({ id: z.number() }) });
const idOf = (name: string, reply: unknown): number => created(name).parse(reply)[name]!.id;

export async function seedByRest(baseUrl: string, seeded: SeededByConsole): Promise<SeededByRest> {
  const olivia = restAs(baseUrl, seeded.apiKeys.olivia!);
  const alice = restAs(baseUrl, seeded.apiKeys.alice!);
  const groups = await seedGroups(olivia, seeded);
  const inflowCategories = await seedCategories(olivia, seeded);
  await seedAliceAtWork(olivia, alice, seeded, inflowCategories);
  const watched = await seedWatchers(olivia, seeded);
  return { groups, inflowCategories, watched };
}

/**
 * Carol and the leaver come into `mobile` through a group: Redmine copies a group's roles to its members as
 * inherited ones.
 */
async function seedGroups(
  olivia: Rest,
  { people, projects, roles }: SeededByConsole,
): Promise<Record<string, number>> {
  const groups: Record<string, number> = {};
  const members = {
    'Mobile team': ['carol', 'alice', 'sybil'],
    'On call': ['alice', 'dave', 'erin'],
    'Offboarding approvers': ['victor', 'peggy'],
  };
  for (const [name, logins] of Object.entries(members)) {
    const reply = await olivia.post('/groups.json', {
      group: { name, user_ids: logins.map(login => people[login]) },
    });
    groups[name] = idOf('group', reply);
  }
  await olivia.post(`/projects/${projects.mobile}/memberships.json`, {
    membership: { user_id: groups['Mobile team'], role_ids: [roles.developer] },
  });
  return groups;
}

async function seedCategories(
  olivia: Rest,
  { people, projects }: SeededByConsole,
): Promise<{ id: number; project: string }[]> {
  const inflow: { id: number; project: string }[] = [];
  for (const project of ['website', 'billing', 'infra', 'research']) {
    const path = `/projects/${projects[project]}`;
    const ours = { issue_category: { name: 'Incoming', assigned_to_id: people.alice } };
    inflow.push({
      project,
      id: idOf('issue_category', await olivia.post(`${path}/issue_categories.json`, ours)),
    });
    await olivia.post(`${path}/issue_categories.json`, { issue_category: { name: 'Nobody in particular' } });
    for (const name of ['1.0', '2.0']) await olivia.post(`${path}/versions.json`, { version: { name } });
  }
  return inflow;
}

async function seedAliceAtWork(
  olivia: Rest,
  alice: Rest,
  { projects, people, statuses, trackers }: SeededByConsole,
  inflow: { id: number; project: string }[],
): Promise<void> {
  // Nobody is named: Redmine itself gives these to the leaver, by the category.
  await fewAtATime([...inflow, ...inflow, ...inflow], async ({ id, project }) => {
    const issue = {
      project_id: projects[project],
      tracker_id: trackers[0],
      subject: `Came in by itself`,
      category_id: id,
    };
    await olivia.post('/issues.json', { issue });
  });
  const own = await fewAtATime([1, 2, 3, 4, 5, 6], async n => {
    const issue = {
      project_id: projects.billing,
      tracker_id: trackers[0],
      subject: `Alice's own ${n}`,
      assigned_to_id: people.alice,
    };
    return idOf('issue', await alice.post('/issues.json', { issue }));
  });
  for (const id of own.slice(0, 2))
    await olivia.put(`/issues/${id}.json`, { issue: { status_id: statuses.closed, notes: 'Done.' } });
  for (const id of own.slice(2, 5))
    await alice.put(`/issues/${id}.json`, { issue: { notes: 'I am on it.' } });
  const activities = z.object({ time_entry_activities: z.array(z.object({ id: z.number() })) });
  const { time_entry_activities } = await alice.get('/enumerations/time_entry_activities.json', activities);
  await fewAtATime([1, 2, 3, 4, 5, 6, 7, 8], async n => {
    const time_entry = {
      project_id: projects.billing,
      hours: n / 4,
      activity_id: time_entry_activities[0]!.id,
      comments: 'Work',
    };
    await alice.post('/time_entries.json', { time_entry });
  });
  await alice.post(`/projects/${projects.website}/news.json`, {
    news: { title: 'Relaunch', description: 'On Monday.' },
  });
  await alice.put(`/projects/${projects.website}/wiki/Start.json`, {
    wiki_page: { text: 'h1. Welcome', comments: 'first' },
  });
}

async function seedWatchers(olivia: Rest, { people, projects }: SeededByConsole): Promise<number[]> {
  const issue = z.object({ id: z.number(), assigned_to: z.object({ id: z.number() }).optional() });
  const found = await olivia.list(
    `/issues.json?project_id=${projects.infra}&status_id=open&sort=id`,
    'issues',
    issue,
  );
  const watched = found
    .filter(({ assigned_to }) => assigned_to && assigned_to.id !== people.alice)
    .slice(0, 25);
  await fewAtATime(watched, ({ id }) =>
    olivia.post(`/issues/${id}/watchers.json`, { user_id: people.alice }),
  );
  await olivia.post(`/issues/${watched[0]!.id}/watchers.json`, { user_id: people.erin });
  return watched.map(({ id }) => id);
}
