// How much discovery finds in databases that are known: every column that points at a person in the demo's two
// schemas, written down by hand, with and without their foreign keys, with rows and without any.

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Draft } from '../../connectors/catalog/kind.js';
import { discoverSystem } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import { seedDemo } from '../../examples/demo/seed.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

/** By hand, from workspace.sql and helpdesk.sql. */
const TRUTH: Record<'workspace' | 'helpdesk', string> = {
  workspace: `
    activity_log.actor_id api_tokens.user_id approval_steps.approver_id assignment_rules.assignee_id
    automations.runs_as companies.account_manager companies.created_by companies.csm_id company_followers.user_id
    connected_mailboxes.address connected_mailboxes.user_id contacts.owner_id custom_field_values.user_id
    dashboards.owner_id email_conversations.user_id forecast_lines.owner_id group_members.user_id leads.owner_id
    lifecycle_tasks.assignee_id notes.author_id opportunities.owner_id pending_approvals.approver_id
    pending_approvals.requested_by playbook_steps.sender_id playbook_steps.task_assignee_id queue_members.user_id
    rotation_members.user_id saved_views.owner_id scheduled_emails.sender_id sessions.user_id signatures.user_id
    tasks.assignee_id tasks.created_by users.manager_id`,
  helpdesk: `
    agent_emails.agent_id agent_sessions.agent_id audit_events.agent_id callbacks.agent_id conversations.assignee_id
    drafts.author_id inbox_entries.agent_id internal_notes.author_id mentions.agent_id mentions.mentioned_by
    routing_members.agent_id team_members.agent_id triggers.assign_to`,
};

const databases: Partial<Record<keyof typeof TRUTH, TestDatabase>> = {};

beforeAll(async () => {
  databases.workspace = await createTestDatabase('found_workspace');
  databases.helpdesk = await createTestDatabase('found_helpdesk');
  const { workspace, helpdesk } = databases;
  await seedDemo({ workspaceUrl: workspace.url, helpdeskUrl: helpdesk.url, items: 12_000 });
});
afterAll(async () => {
  for (const database of Object.values(databases)) await database.drop();
});

describe.each(Object.keys(TRUTH) as (keyof typeof TRUTH)[])('of the demo %s', system => {
  const truth = new Set(
    TRUTH[system]
      .trim()
      .split(/\s+/)
      .map(one => `public.${one}`),
  );

  it.each([
    ['as it is', async () => {}, 1],
    ['without foreign keys', withoutRules, 1],
    // An address in a column of that name is found by its values only.
    ['without rows', withoutRows, 0.97],
  ] as const)('everything is found %s', async (_how, change, recall) => {
    const { url } = databases[system]!;
    await change(url);
    const draft = await discoverSystem({ system, loaded: null }, { connection: new Bundle(system, { url }) });
    const score = scoreOf(draft, truth);
    expect(score.missed).toHaveLength(Math.round((1 - recall) * truth.size));
    expect(score.extra).toEqual([]);
  });
});

/** What was missed, and what is no person's. Precision and recall are 1 where both are empty. */
function scoreOf(draft: Draft, truth: ReadonlySet<string>): { missed: string[]; extra: string[] } {
  const found = new Set(draft.places.map(one => one.place));
  return {
    missed: [...truth].filter(one => !found.has(one)),
    extra: [...found].filter(one => !truth.has(one)),
  };
}

const withoutRules = (url: string): Promise<void> =>
  forEach(
    url,
    `SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS sql FROM pg_constraint WHERE contype = 'f'`,
  );
const withoutRows = (url: string): Promise<void> =>
  forEach(
    url,
    `SELECT format('TRUNCATE %I.%I', schemaname, tablename) AS sql FROM pg_tables WHERE schemaname = 'public'`,
  );

async function forEach(url: string, question: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ sql: string }>(question);
    for (const { sql } of rows) await client.query(sql);
  } finally {
    await client.end();
  }
}
