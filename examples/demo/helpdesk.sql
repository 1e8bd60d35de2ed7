-- The demo helpdesk: conversations with customers. It has agents of its own, with ids of its own, and knows the people of the
-- workspace only by their e-mail addresses. Switching an agent off preserves everything and reassigns nothing.

create table public.agents (
  id int primary key,
  display_name text not null,
  -- A queue is an agent that no person stands behind: a conversation can be given to it.
  kind text not null default 'person' check (kind in ('person', 'bot', 'queue')),
  role text not null default 'agent' check (role in ('owner', 'supervisor', 'agent')),
  -- Light agents read and comment, but are given nothing.
  seat text not null default 'full' check (seat in ('full', 'light', 'none')),
  voice boolean not null default false,
  status text not null default 'active' check (status in ('active', 'locked', 'inactive')),
  deactivated_at timestamptz,
  created_at timestamptz not null
);

-- Sign-in addresses; one agent can have several.
create table public.agent_emails (
  address text primary key,
  agent_id int not null references public.agents (id) on delete cascade,
  is_primary boolean not null
);
create index agent_emails_agent on public.agent_emails (agent_id);

create table public.agent_sessions (
  id text primary key,
  agent_id int not null references public.agents (id) on delete cascade,
  signed_in_at timestamptz not null
);
create index agent_sessions_agent on public.agent_sessions (agent_id);

-- The last Owner cannot be switched off: somebody else must be promoted first.
create function public.an_owner_must_remain() returns trigger language plpgsql as $$
begin
  if not exists (select from public.agents where role = 'owner' and status = 'active' and id <> old.id) then
    raise exception 'You cannot deactivate the last Owner. Promote a second Owner first.' using errcode = 'check_violation';
  end if;
  return new;
end
$$;
create trigger an_owner_must_remain before update of status on public.agents
  for each row when (old.role = 'owner' and new.status = 'inactive') execute function public.an_owner_must_remain();

create table public.teams (
  key text primary key,
  name text not null
);

create table public.team_members (
  team text not null references public.teams (key),
  agent_id int not null references public.agents (id),
  joined_at timestamptz not null,
  primary key (team, agent_id)
);
create index team_members_agent on public.team_members (agent_id);

-- Who gets new conversations and calls, per channel.
create table public.routing_members (
  channel text not null check (channel in ('chat', 'email', 'voice')),
  agent_id int not null references public.agents (id),
  capacity int not null,
  primary key (channel, agent_id)
);
create index routing_members_agent on public.routing_members (agent_id);

-- "If the subject contains ..., assign to ...".
create table public.triggers (
  id text primary key,
  title text not null,
  condition text not null,
  assign_to int not null references public.agents (id),
  enabled boolean not null,
  updated_at timestamptz not null
);
create index triggers_assign_to on public.triggers (assign_to);

create table public.conversations (
  id uuid primary key,
  number bigint not null unique,
  subject text not null,
  customer text not null,
  channel text not null check (channel in ('chat', 'email', 'voice')),
  language text not null,
  priority text not null check (priority in ('low', 'normal', 'urgent')),
  status text not null check (status in ('open', 'pending', 'snoozed', 'closed')),
  snoozed_until timestamptz,
  -- Null = Unassigned.
  assignee_id int references public.agents (id),
  updated_at timestamptz not null,
  version bigint not null default 1,
  check ((status = 'snoozed') = (snoozed_until is not null))
);
create index conversations_assignee on public.conversations (assignee_id, status);

-- The inbox of every agent, kept apart for speed: whose a conversation is stands here a second time.
create table public.inbox_entries (
  conversation_id uuid primary key references public.conversations (id) on delete cascade,
  agent_id int references public.agents (id),
  unread boolean not null
);
create index inbox_entries_agent on public.inbox_entries (agent_id);

-- Calls and follow-ups that ring at their time, whoever is there.
create table public.callbacks (
  id bigint primary key,
  conversation_id uuid not null references public.conversations (id),
  kind text not null check (kind in ('callback', 'follow-up')),
  phone text not null,
  agent_id int not null references public.agents (id),
  status text not null check (status in ('scheduled', 'done', 'missed')),
  due_at timestamptz not null,
  updated_at timestamptz not null
);
create index callbacks_agent on public.callbacks (agent_id);

-- Answers that were begun and never sent.
create table public.drafts (
  id uuid primary key,
  conversation_id uuid not null references public.conversations (id),
  author_id int not null references public.agents (id),
  preview text not null,
  body text not null,
  updated_at timestamptz not null
);
create index drafts_author on public.drafts (author_id);

create table public.mentions (
  id bigint primary key,
  conversation_id uuid not null references public.conversations (id),
  agent_id int not null references public.agents (id),
  mentioned_by int not null references public.agents (id),
  excerpt text not null,
  read_at timestamptz,
  created_at timestamptz not null
);
create index mentions_agent on public.mentions (agent_id);
create index mentions_by on public.mentions (mentioned_by);

create table public.internal_notes (
  id bigint primary key,
  conversation_id uuid not null references public.conversations (id),
  author_id int not null references public.agents (id),
  body text not null,
  created_at timestamptz not null
);
create index internal_notes_author on public.internal_notes (author_id);

create table public.audit_events (
  id bigint primary key,
  agent_id int references public.agents (id),
  event text not null,
  happened_at timestamptz not null
);
create index audit_events_agent on public.audit_events (agent_id);

-- Written last by the seed, in the same transaction as everything else.
create table public.demo_seed (
  only_one boolean primary key default true check (only_one),
  items bigint not null,
  seeded_at timestamptz not null
);
