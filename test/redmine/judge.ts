// The judge: what Redmine itself says about a leaver, through its REST API and nothing else. It knows no
// catalog and no connector.
//
// Two things about Redmine shape it. Sending an issue its present assignee again proves nothing (Redmine
// validates only a change, and accepts whoever had the issue before), so a second opinion takes the assignee
// away and gives it back. And an administrator who reads `GET /users/{id}` makes Redmine create an API key
// for that user: the judge never does, or it would find what it made.

import { z } from 'zod';
import type { RedmineWorld } from './redmine-world.js';
import { fewAtATime, type Rest, restAs } from './rest.js';
import { issueShape, ref, type SeenIssue, type Snapshot, takeSnapshot } from './snapshot.js';

const membershipShape = z.object({ user: ref.optional(), roles: z.array(ref) });
const userShape = z.object({ id: z.number(), login: z.string() });

/** The leaver's issues in a snapshot. */
export const issuesOf = ({ issues, leaver }: Snapshot, closed: boolean): SeenIssue[] =>
  [...issues.values()].filter(issue => issue.assignee === leaver && issue.closed === closed);

/**
 * Redmine refuses changes in closed projects and hides archived ones: open them for as long as `work` takes.
 */
export async function withEveryProjectOpen<T>(
  { rest, projects }: RedmineWorld,
  work: () => Promise<T>,
): Promise<T> {
  await rest.put(`/projects/${projects.attic}/unarchive.json`, {});
  await rest.put(`/projects/${projects.legacy}/reopen.json`, {});
  try {
    return await work();
  } finally {
    await rest.put(`/projects/${projects.legacy}/close.json`, {});
    await rest.put(`/projects/${projects.attic}/archive.json`, {});
  }
}

/**
 * Would Redmine accept this assignee? Changes nothing: the empty subject makes Redmine refuse the whole
 * request in any case.
 */
export async function wouldAccept(rest: Rest, issue: number, user: number): Promise<boolean> {
  const { status, body } = await rest.send('PUT', `/issues/${issue}.json`, {
    issue: { subject: '', assigned_to_id: user },
  });
  const { errors } = z.object({ errors: z.array(z.string()) }).parse(body);
  if (status !== 422 || !errors.includes('Subject cannot be blank')) {
    throw new Error(
      `Redmine answered ${status} ${JSON.stringify(body)} where it had to refuse an empty subject`,
    );
  }
  return !errors.includes('Assignee is invalid');
}

/**
 * How many of the leaver's open issues Redmine would not give to `taker`. Asks once per kind of issue, where
 * a kind is all that Redmine's rule looks at: project, tracker, and whether the taker wrote the issue.
 */
export async function refusedFor(
  { rest }: RedmineWorld,
  snapshot: Snapshot,
  taker: number,
): Promise<number[]> {
  const kinds = new Map<string, SeenIssue[]>();
  for (const issue of issuesOf(snapshot, false)) {
    const kind = `${issue.project} ${issue.tracker} ${issue.author === taker}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), issue]);
  }
  const answers = await fewAtATime([...kinds.values()], async issues =>
    (await wouldAccept(rest, issues[0]!.id, taker)) ? [] : issues,
  );
  return answers
    .flat()
    .map(issue => issue.id)
    .sort((a, b) => a - b);
}

/**
 * Everything that is not as it must be after an offboarding, as sentences; empty = Redmine confirms it. Ends
 * with requests that change issues (the second opinion about assignees), so it comes last in a test.
 */
export async function complaintsAfterOffboarding(world: RedmineWorld, before: Snapshot): Promise<string[]> {
  return withEveryProjectOpen(world, async () => {
    const after = await takeSnapshot(world.rest, before.leaver);
    return [
      ...nothingLeft(after),
      ...historyUntouched(before, after),
      ...(await assigneesAreValid(world, before, after)),
      ...(await accessIsGone(world)),
      ...(await leftGroupsAndWatchers(world)),
      ...(await nothingFlowsIn(world)),
      ...(await redmineAcceptsThem(world, before, after)),
    ];
  });
}

function nothingLeft(after: Snapshot): string[] {
  return issuesOf(after, false).map(issue => `issue ${issue.id} is open and still the leaver's`);
}

/** Authors of all issues, every closed issue, every issue of somebody else, hours and news. */
function historyUntouched(before: Snapshot, after: Snapshot): string[] {
  const complaints: string[] = [];
  for (const was of before.issues.values()) {
    const is = after.issues.get(was.id);
    if (!is) complaints.push(`issue ${was.id} is gone`);
    else if (is.author !== was.author)
      complaints.push(`issue ${was.id} has another author: ${was.author} became ${is.author}`);
    else if (is.closed !== was.closed)
      complaints.push(`issue ${was.id} was ${was.closed ? 're-opened' : 'closed'}`);
    else if (
      (was.closed || was.assignee !== before.leaver) &&
      (is.assignee !== was.assignee || is.updatedOn !== was.updatedOn)
    ) {
      complaints.push(
        `issue ${was.id} was none of our business and has changed: ${JSON.stringify(was)} became ${JSON.stringify(is)}`,
      );
    }
  }
  if (`${before.timeEntries}` !== `${after.timeEntries}`)
    complaints.push('time entries of the leaver have changed');
  if (JSON.stringify(before.news) !== JSON.stringify(after.news)) complaints.push('news have other authors');
  return complaints;
}

/** By reading: members with an assignable role who are active, or the author. */
async function assigneesAreValid(
  { rest, projects }: RedmineWorld,
  before: Snapshot,
  after: Snapshot,
): Promise<string[]> {
  const active = new Set((await rest.list('/users.json?status=1', 'users', userShape)).map(user => user.id));
  const assignable = await assignableRoles(rest);
  const allowed = new Map<number, Set<number>>();
  for (const project of Object.values(projects)) {
    const memberships = await rest.list(
      `/projects/${project}/memberships.json`,
      'memberships',
      membershipShape,
    );
    const able = memberships.filter(({ roles }) => roles.some(role => assignable.has(role.id)));
    allowed.set(project, new Set(able.flatMap(({ user }) => (user && active.has(user.id) ? [user.id] : []))));
  }
  return issuesOf(before, false).flatMap(({ id }) => {
    const issue = after.issues.get(id);
    if (!issue) return [];
    if (issue.assignee === null) return [`issue ${id} has no assignee any more`];
    const fine =
      allowed.get(issue.project)?.has(issue.assignee) ||
      (issue.assignee === issue.author && active.has(issue.author));
    return fine
      ? []
      : [`issue ${id} went to user ${issue.assignee}, who may not have it in project ${issue.project}`];
  });
}

async function assignableRoles(rest: Rest): Promise<Set<number>> {
  const { roles } = await rest.get('/roles.json', z.object({ roles: z.array(ref) }));
  const role = z.object({ role: z.object({ id: z.number(), assignable: z.boolean() }) });
  const known = await Promise.all(roles.map(({ id }) => rest.get(`/roles/${id}.json`, role)));
  return new Set(known.flatMap(entry => (entry.role.assignable ? [entry.role.id] : [])));
}

async function accessIsGone({ rest, baseUrl, leaver }: RedmineWorld): Promise<string[]> {
  const complaints: string[] = [];
  const locked = await rest.list(`/users.json?status=3&name=${leaver.login}`, 'users', userShape);
  if (!locked.some(user => user.id === leaver.id)) complaints.push('the leaver is not locked');
  const active = await rest.list(`/users.json?status=1&name=${leaver.login}`, 'users', userShape);
  if (active.some(user => user.id === leaver.id)) complaints.push('the leaver is active');
  const { status } = await restAs(baseUrl, leaver.apiKey).send('GET', '/users/current.json');
  if (status !== 401) complaints.push(`the leaver's API key is answered with ${status} instead of 401`);
  return complaints;
}

async function leftGroupsAndWatchers({ rest, groups, watched, leaver }: RedmineWorld): Promise<string[]> {
  const members = z.object({ group: z.object({ users: z.array(ref) }) });
  const inGroups = await Promise.all(
    Object.entries(groups).map(async ([name, id]) => {
      const { group } = await rest.get(`/groups/${id}.json?include=users`, members);
      return group.users.some(user => user.id === leaver.id)
        ? [`the leaver is still in the group ${name}`]
        : [];
    }),
  );
  const watchers = z.object({ issue: z.object({ watchers: z.array(ref) }) });
  const watching = await fewAtATime(watched, async id => {
    const { issue } = await rest.get(`/issues/${id}.json?include=watchers`, watchers);
    return issue.watchers.some(user => user.id === leaver.id) ? [`the leaver still watches issue ${id}`] : [];
  });
  return [...inGroups, ...watching].flat();
}

/** What comes in from now on, by category or by the project's default, does not land on the leaver. */
async function nothingFlowsIn({
  rest,
  projects,
  inflowCategories,
  trackers,
  leaver,
}: RedmineWorld): Promise<string[]> {
  const places = [
    ...inflowCategories.map(({ id, project }) => ({ project, category_id: id })),
    { project: 'mobile', category_id: '' },
  ];
  const complaints = await fewAtATime(places, async ({ project, category_id }) => {
    const issue = {
      project_id: projects[project],
      tracker_id: trackers[0],
      subject: 'Came in afterwards',
      category_id,
    };
    const made = z.object({ issue: issueShape }).parse(await rest.post('/issues.json', { issue }));
    await rest.delete(`/issues/${made.issue.id}.json`);
    return made.issue.assigned_to?.id === leaver.id
      ? [`a new issue in ${project} still lands on the leaver`]
      : [];
  });
  return complaints.flat();
}

/**
 * The second opinion, once per project and assignee: taken away and given back, so that Redmine has to judge
 * the assignee anew.
 */
async function redmineAcceptsThem(
  { rest }: RedmineWorld,
  before: Snapshot,
  after: Snapshot,
): Promise<string[]> {
  const samples = new Map<string, SeenIssue>();
  for (const { id } of issuesOf(before, false)) {
    const issue = after.issues.get(id);
    if (issue?.assignee)
      samples.set(`${issue.project} ${issue.assignee} ${issue.author === issue.assignee}`, issue);
  }
  const complaints = await fewAtATime([...samples.values()], async ({ id, assignee, project }) => {
    await rest.put(`/issues/${id}.json`, { issue: { assigned_to_id: '' } });
    const { status, body } = await rest.send('PUT', `/issues/${id}.json`, {
      issue: { assigned_to_id: assignee },
    });
    return status === 204
      ? []
      : [`Redmine refuses user ${assignee} in project ${project}: ${status} ${JSON.stringify(body)}`];
  });
  return complaints.flat();
}
