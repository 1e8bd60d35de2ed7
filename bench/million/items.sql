-- One table with one big owner: rows of about 200 bytes, the owner's index and three more.
create table public.people (
  id bigint primary key, name text not null, email text not null unique, active boolean not null,
  manager_id bigint, role text not null);
insert into public.people values
  (1, 'Lena Leaver', 'lena@bench.example', true, 2, 'member'),
  (2, 'Mark Manager', 'mark@bench.example', true, null, 'member'),
  (3, 'Olga Operator', 'olga@bench.example', true, 2, 'operator'),
  (4, 'Anna Approver', 'anna@bench.example', true, 2, 'approver');
create table public.items (
  id bigint primary key,
  owner_id bigint not null,
  account_id bigint not null,
  status text not null,
  created_at timestamptz not null,
  title text not null,
  notes text not null
);
