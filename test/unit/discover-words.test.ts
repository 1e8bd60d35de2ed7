// What names of columns say about people, over words from schemas that nobody here wrote.

import { describe, expect, it } from 'vitest';
import { TableNames, whatNameSays, wordsOf } from '../../connectors/postgres/discover/words.js';

const TABLES = new TableNames(
  [
    'public.users',
    'public.projects',
    'public.ci_runners',
    'public.members',
    'public.merge_request_assignees',
    'public.agents',
    'public.companies',
  ],
  'public.users',
);
const says = (name: string, text = false): string => {
  const said = whatNameSays(name, text, TABLES);
  return said.says === 'table' ? said.table.replace('public.', '') : said.says;
};

describe('a column is a person by its name', () => {
  it.each([
    'author_id',
    'assignee_id',
    'assigneeId',
    'AssigneeID',
    'created_by',
    'created_by_id',
    'createdby',
    'lastModifiedBy',
    'last_edited_by_id',
    'assigned_to',
    'default_assigned_to_id',
    'reports_to_id',
    'shared_with_id',
    'approver_2_id',
    'revoker_id',
    'banner_id',
    'runs_as',
    'create_uid',
    'write_uid',
    'reviewer_ids',
    'manager_id',
    'employee_id',
    'banned_by',
    'approved_by',
    'sales_rep_owner_id',
  ])('%s', name => {
    expect(says(name)).toBe('person');
  });

  it.each(['owner_email', 'assignee_login', 'author_name', 'created_by_name', 'reviewer', 'assigned_to'])(
    '%s, in texts',
    name => {
      expect(says(name, true)).toBe('person');
    },
  );
});

it.each(['user_id', 'userid', 'usersId', 'parent_user_id', 'target_user_id', 'featured_user1_id', 'userId'])(
  '%s is a row of users',
  name => {
    expect(says(name)).toBe('users');
  },
);

describe('a column is none by its name', () => {
  it.each([
    'user_agent',
    'user_agent_id',
    'user_type',
    'user_count',
    'users_count',
    'sorted_by',
    'grouped_by',
    'order_id',
    'position',
    'status',
    'id',
    'folder_id',
    'valid_to',
    'number',
    'color',
    'superseded_by_id',
    'error',
    'user_status',
    'tower_id',
  ])('%s', name => {
    expect(says(name)).toBe('nothing');
  });

  it.each([
    ['runner_id', 'ci_runners'],
    ['project_id', 'projects'],
    ['parent_project_id', 'projects'],
    ['company_id', 'companies'],
    ['agent_id', 'agents'],
    ['member_id', 'members'],
  ])('%s is a row of %s', (name, table) => {
    expect(says(name)).toBe(table);
  });
});

it('a table that only ends like a role takes no word away: merge_request_assignees and assignee_id', () => {
  expect(says('assignee_id')).toBe('person');
});

it.each(['lead_id', 'contact_id', 'partner_id', 'account_id'])('%s may be one', name => {
  expect(says(name)).toBe('perhaps');
});

it('words are the same however they are put together', () => {
  for (const name of ['assigned_to_id', 'assignedToId', 'AssignedToID', 'assigned-to id'])
    expect(wordsOf(name)).toEqual(['assigned', 'to', 'id']);
});
