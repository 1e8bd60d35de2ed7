-- The small world's directory: people, and what they hold there. Keys on purpose of every shape: beyond 2^53, composite, uuid.
create table public.people (
  id          bigint primary key,
  login       text not null,
  full_name   text not null,
  email       text,
  status      text not null default 'active' check (status in ('active', 'suspended', 'inactive')),
  role        text not null default 'member' check (role in ('owner', 'admin', 'member')),
  kind        text not null default 'human' check (kind in ('human', 'service')),
  reviews     boolean not null default false,
  team        text,
  manager_id  bigint,
  person_no   text,
  switched_off_at timestamptz
);
create table public.sessions (id integer generated always as identity primary key, person_id bigint not null);

create table public.assignment_rules (
  id bigint primary key, name text not null, assignee_id bigint not null, active boolean not null default true
);
create table public.accounts (
  id bigint primary key, name text not null, owner_id bigint, status text not null default 'active',
  region text not null, version integer not null default 1, updated_at timestamptz not null default '2026-01-01'
);
create index on public.accounts (owner_id);
create table public.fields (
  account_id bigint not null, field text not null, person_id bigint not null, primary key (account_id, field)
);
create table public.tokens (
  id uuid primary key, person_id bigint not null, name text not null, secret text, revoked_at timestamptz
);
create table public.approvals (
  id bigint primary key, approver_id bigint not null, subject text not null, status text not null default 'pending'
);
-- Belongs to nobody's plan.
create table public.remarks (id bigint primary key, author_id bigint not null, said text not null);
