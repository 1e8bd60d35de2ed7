/** What Redmine shows of a leaver at one moment, through its REST API. */
import { z } from 'zod';
import type { Rest } from './rest.js';

export const ref = z.object({ id: z.number() });
export const issueShape = z.object({
  id: z.number(),
  project: ref,
  tracker: ref,
  status: z.object({ is_closed: z.boolean() }),
  author: ref,
  assigned_to: ref.optional(),
  updated_on: z.string(),
});

export interface SeenIssue {
  id: number;
  project: number;
  tracker: number;
  author: number;
  assignee: number | null;
  closed: boolean;
  updatedOn: string;
}

/**
 * Everything that must be the same afterwards, and whom it belonged to before. Issues of archived projects
 * are not in it: REST hides them.
 */
export interface Snapshot {
  leaver: number;
  issues: Map<number, SeenIssue>;
  /** Ids of the leaver's time entries. */
  timeEntries: number[];
  /** Id → author. */
  news: Record<number, number>;
}

export async function takeSnapshot(rest: Rest, leaver: number): Promise<Snapshot> {
  const issues = await rest.list('/issues.json?status_id=*&sort=id', 'issues', issueShape);
  const entries = await rest.list(`/time_entries.json?user_id=${leaver}`, 'time_entries', ref);
  const news = await rest.list('/news.json', 'news', z.object({ id: z.number(), author: ref }));
  return {
    leaver,
    issues: new Map(
      issues.map(issue => [
        issue.id,
        {
          id: issue.id,
          project: issue.project.id,
          tracker: issue.tracker.id,
          author: issue.author.id,
          assignee: issue.assigned_to?.id ?? null,
          closed: issue.status.is_closed,
          updatedOn: issue.updated_on,
        },
      ]),
    ),
    timeEntries: entries.map(entry => entry.id).sort((a, b) => a - b),
    news: Object.fromEntries(news.map(({ id, author }) => [id, author.id])),
  };
}
