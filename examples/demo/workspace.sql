-- The demo workspace: a customer-success and sales CRM, and the directory of its people.
-- Ordinary application schema: it knows nothing of Handover. Owners sit in columns of many kinds, as they do in real
-- applications: by id, by e-mail, in membership tables, in steps of processes, twice (forecast lines), and in a values table.

create table public.teams (
  key text primary key,
  name text not null,
  region text not null
);

-- People, service accounts and the guests of customers. Ids never change and are never used again.
create table public.users (
  id bigint primary key,
  -- One per human being: an administrator's second account carries the same number.
  person_no text not null,
  full_name text not null,
  email text not null,
  login text not null,
  title text not null,
  kind text not null default 'human' check (kind in ('human', 'guest', 'service', 'system')),
  role text not null default 'member' check (role in ('owner', 'admin', 'manager', 'member', 'guest')),
  -- May review offboardings (Handover's approvers).
  reviews_offboardings boolean not null default false,
  -- May be an approver in approval processes.
  can_approve boolean not null default false,
  team text references public.teams (key),
  manager_id bigint references public.users (id),
  territory text,
  -- Only guests: the customer they work for.
  company_id bigint,
  status text not null default 'active' check (status in ('active', 'suspended', 'inactive')),
  seat text not null default 'full' check (seat in ('full', 'none')),
  expires_on date,
  deactivated_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (manager_id <> id)
);
create unique index users_email on public.users (lower(email));
create unique index users_login on public.users (lower(login));
create index users_manager on public.users (manager_id);
create index users_team on public.users (team);

create table public.sessions (
  id text primary key,
  user_id bigint not null references public.users (id) on delete cascade,
  device text not null,
  last_seen_at timestamptz not null
);
create index sessions_user on public.sessions (user_id);

-- Customers and what belongs to them ---------------------------------------------------------------------------------

create table public.companies (
  id bigint primary key,
  name text not null,
  domain text not null unique,
  territory text not null check (territory in ('emea', 'amer', 'apac')),
  segment text not null check (segment in ('enterprise', 'mid-market', 'startup')),
  status text not null default 'active' check (status in ('active', 'churned')),
  health int not null check (health between 0 and 100),
  arr_eur numeric(12, 2) not null,
  csm_id bigint references public.users (id),
  -- By e-mail: this field is filled by an import that knows no ids. No foreign key, for the same reason.
  account_manager text,
  created_by bigint not null references public.users (id),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  lock_version bigint not null default 0
);
create index companies_csm on public.companies (csm_id);
create index companies_account_manager on public.companies (account_manager);
alter table public.users add foreign key (company_id) references public.companies (id);

-- User-defined fields of companies. A field of type "user" holds a person.
create table public.custom_fields (
  key text primary key,
  label text not null,
  type text not null check (type in ('text', 'number', 'user'))
);

create table public.custom_field_values (
  company_id bigint not null references public.companies (id) on delete cascade,
  field text not null references public.custom_fields (key),
  text_value text,
  user_id bigint references public.users (id),
  updated_at timestamptz not null,
  primary key (company_id, field)
);
create index custom_field_values_user on public.custom_field_values (user_id);

-- Who is told about a company. Nobody follows one twice.
create table public.company_followers (
  id bigint primary key,
  company_id bigint not null references public.companies (id) on delete cascade,
  user_id bigint not null references public.users (id) on delete cascade,
  since timestamptz not null,
  unique (company_id, user_id)
);
create index company_followers_user on public.company_followers (user_id);

create table public.contacts (
  id bigint primary key,
  company_id bigint not null references public.companies (id),
  full_name text not null,
  email text not null,
  owner_id bigint not null references public.users (id),
  updated_at timestamptz not null
);
create index contacts_company on public.contacts (company_id);
create index contacts_owner on public.contacts (owner_id);

create table public.notes (
  id uuid primary key,
  company_id bigint not null references public.companies (id),
  author_id bigint not null references public.users (id),
  body text not null,
  created_at timestamptz not null
);
create index notes_author on public.notes (author_id);

-- The company timeline.
create table public.activity_log (
  id bigint primary key,
  company_id bigint not null references public.companies (id),
  actor_id bigint not null references public.users (id),
  what text not null,
  happened_at timestamptz not null
);
create index activity_log_company on public.activity_log (company_id, happened_at);
create index activity_log_actor on public.activity_log (actor_id);

-- Work ---------------------------------------------------------------------------------------------------------------

-- Ids come from a snowflake generator and are beyond 2^53: a JavaScript number would change them.
create table public.tasks (
  id bigint primary key,
  company_id bigint not null references public.companies (id),
  title text not null,
  status text not null check (status in ('open', 'in_progress', 'done')),
  priority text not null check (priority in ('low', 'normal', 'high')),
  due_on date,
  assignee_id bigint references public.users (id),
  created_by bigint not null references public.users (id),
  updated_at timestamptz not null,
  lock_version bigint not null default 0
);
create index tasks_assignee_open on public.tasks (assignee_id) where status <> 'done';
create index tasks_assignee on public.tasks (assignee_id);
create index tasks_created_by on public.tasks (created_by);
create index tasks_company on public.tasks (company_id);

create table public.playbooks (
  id bigint primary key,
  name text not null unique,
  active boolean not null
);

-- A task step creates a task for its assignee, an e-mail step writes in the name of its sender.
create table public.playbook_steps (
  playbook_id bigint not null references public.playbooks (id),
  position int not null,
  kind text not null check (kind in ('task', 'email')),
  title text not null,
  task_assignee_id bigint references public.users (id),
  sender_id bigint references public.users (id),
  updated_at timestamptz not null,
  primary key (playbook_id, position),
  check ((kind = 'task') = (task_assignee_id is not null)),
  check ((kind = 'email') = (sender_id is not null))
);
create index playbook_steps_assignee on public.playbook_steps (task_assignee_id);
create index playbook_steps_sender on public.playbook_steps (sender_id);

create table public.lifecycle_stages (
  id bigint primary key,
  lifecycle text not null,
  name text not null,
  position int not null,
  unique (lifecycle, position)
);

-- Tasks that appear when a customer enters the stage.
create table public.lifecycle_tasks (
  id bigint primary key,
  stage_id bigint not null references public.lifecycle_stages (id),
  title text not null,
  assignee_id bigint not null references public.users (id),
  updated_at timestamptz not null
);
create index lifecycle_tasks_assignee on public.lifecycle_tasks (assignee_id);

-- Workflow rules that act with the rights of somebody.
create table public.automations (
  id bigint primary key,
  name text not null,
  trigger text not null,
  enabled boolean not null,
  runs_as bigint not null references public.users (id),
  updated_at timestamptz not null
);
create index automations_runs_as on public.automations (runs_as);

-- Sales --------------------------------------------------------------------------------------------------------------

create table public.opportunities (
  id bigint primary key,
  company_id bigint not null references public.companies (id),
  name text not null,
  territory text not null check (territory in ('emea', 'amer', 'apac')),
  stage text not null check (stage in ('discovery', 'proposal', 'negotiation', 'won', 'lost')),
  amount_eur numeric(12, 2) not null,
  closes_on date not null,
  owner_id bigint not null references public.users (id),
  updated_at timestamptz not null,
  lock_version bigint not null default 0
);
create index opportunities_owner on public.opportunities (owner_id);
create index opportunities_company on public.opportunities (company_id);

-- The forecast keeps the owner of every open opportunity a second time.
create table public.forecast_lines (
  opportunity_id bigint primary key references public.opportunities (id),
  owner_id bigint not null references public.users (id),
  quarter text not null,
  weighted_eur numeric(12, 2) not null
);
create index forecast_lines_owner on public.forecast_lines (owner_id);

-- As in every CRM: nobody who is switched off can be given an opportunity.
create function public.opportunity_owner_is_active() returns trigger language plpgsql as $$
begin
  if not exists (select from public.users where users.id = new.owner_id and users.status = 'active') then
    raise exception 'The owner of an opportunity must be an active user.' using errcode = 'check_violation';
  end if;
  return new;
end
$$;
create trigger opportunity_owner_is_active before update of owner_id on public.opportunities
  for each row when (new.owner_id is distinct from old.owner_id) execute function public.opportunity_owner_is_active();

create table public.leads (
  id bigint primary key,
  company_name text not null,
  contact_name text not null,
  source text not null,
  territory text not null check (territory in ('emea', 'amer', 'apac')),
  status text not null check (status in ('new', 'contacted', 'qualified', 'disqualified')),
  owner_id bigint not null references public.users (id),
  updated_at timestamptz not null
);
create index leads_owner on public.leads (owner_id);

-- Where new work goes ------------------------------------------------------------------------------------------------

create table public.assignment_rules (
  id bigint primary key,
  name text not null,
  object text not null check (object in ('lead', 'company', 'task')),
  condition text not null,
  assignee_id bigint not null references public.users (id),
  active boolean not null,
  updated_at timestamptz not null
);
create index assignment_rules_assignee on public.assignment_rules (assignee_id);

create table public.rotations (
  key text primary key,
  name text not null
);

create table public.rotation_members (
  rotation text not null references public.rotations (key),
  user_id bigint not null references public.users (id),
  position int not null,
  primary key (rotation, user_id)
);
create index rotation_members_user on public.rotation_members (user_id);

-- Approvals ----------------------------------------------------------------------------------------------------------

create table public.approval_processes (
  key text primary key,
  name text not null,
  object text not null
);

create table public.approval_steps (
  process text not null references public.approval_processes (key),
  step int not null,
  title text not null,
  approver_id bigint not null references public.users (id),
  updated_at timestamptz not null,
  primary key (process, step)
);
create index approval_steps_approver on public.approval_steps (approver_id);

create table public.pending_approvals (
  id uuid primary key,
  process text not null references public.approval_processes (key),
  subject text not null,
  amount_eur numeric(12, 2),
  requested_by bigint not null references public.users (id),
  approver_id bigint not null references public.users (id),
  status text not null check (status in ('pending', 'approved', 'rejected')),
  requested_at timestamptz not null
);
create index pending_approvals_approver on public.pending_approvals (approver_id);
create index pending_approvals_requested_by on public.pending_approvals (requested_by);

-- Mail ---------------------------------------------------------------------------------------------------------------

create table public.connected_mailboxes (
  id text primary key,
  user_id bigint not null references public.users (id),
  provider text not null check (provider in ('gmail', 'outlook')),
  address text not null unique,
  status text not null check (status in ('connected', 'disconnected')),
  refresh_token text,
  connected_at timestamptz not null
);
create index connected_mailboxes_user on public.connected_mailboxes (user_id);

create table public.signatures (
  user_id bigint not null references public.users (id),
  name text not null,
  html text not null,
  is_default boolean not null,
  primary key (user_id, name)
);

create table public.scheduled_emails (
  id uuid primary key,
  sender_id bigint not null references public.users (id),
  company_id bigint not null references public.companies (id),
  subject text not null,
  status text not null check (status in ('queued', 'sent', 'cancelled')),
  send_at timestamptz not null
);
create index scheduled_emails_sender on public.scheduled_emails (sender_id);

-- Synchronised correspondence: history, stays with whoever wrote it.
create table public.email_conversations (
  id uuid primary key,
  company_id bigint not null references public.companies (id),
  user_id bigint not null references public.users (id),
  subject text not null,
  last_message_at timestamptz not null
);
create index email_conversations_user on public.email_conversations (user_id);

-- Personal things ----------------------------------------------------------------------------------------------------

create table public.dashboards (
  id uuid primary key,
  name text not null,
  owner_id bigint not null references public.users (id),
  shared boolean not null,
  updated_at timestamptz not null
);
create index dashboards_owner on public.dashboards (owner_id);

create table public.saved_views (
  id uuid primary key,
  area text not null check (area in ('insights', 'customer-list')),
  name text not null,
  owner_id bigint not null references public.users (id),
  filter jsonb not null,
  updated_at timestamptz not null
);
create index saved_views_owner on public.saved_views (owner_id, area);

create table public.api_tokens (
  id text primary key,
  user_id bigint not null references public.users (id),
  name text not null,
  secret text,
  scopes text[] not null,
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index api_tokens_user on public.api_tokens (user_id);

-- Memberships --------------------------------------------------------------------------------------------------------

create table public.groups (
  key text primary key,
  name text not null
);

create table public.group_members (
  group_key text not null references public.groups (key),
  user_id bigint not null references public.users (id) on delete cascade,
  added_at timestamptz not null,
  primary key (group_key, user_id)
);
create index group_members_user on public.group_members (user_id);

create table public.queues (
  key text primary key,
  name text not null
);

create table public.queue_members (
  queue text not null references public.queues (key),
  user_id bigint not null references public.users (id) on delete cascade,
  added_at timestamptz not null,
  primary key (queue, user_id)
);
create index queue_members_user on public.queue_members (user_id);

-- Written last by the seed, in the same transaction as everything else.
create table public.demo_seed (
  only_one boolean primary key default true check (only_one),
  items bigint not null,
  seeded_at timestamptz not null
);
