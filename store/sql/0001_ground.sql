-- Up Migration
-- The ground: everything Handover remembers, keyed by the offboarding id (a reset changes Temporal's run id, never this one).
-- Migrations are numbered and never edited once released.

create schema if not exists handover;

-- Offboardings: whose each of them is, and what it is to do by now.
create table handover.offboardings (
  id             uuid primary key,
  workflow       text not null,                 -- Temporal workflow id
  leaver         text not null,                 -- directory id
  human          text not null,                 -- the same for two directory entries of one human being
  "order"        text not null,                 -- canonical JSON: the request with every accepted amendment
  requested      timestamptz not null default now(),
  closed         timestamptz                    -- null while its run is open
);
create index offboardings_under on handover.offboardings (workflow);
create index offboardings_of on handover.offboardings (leaver);

-- Open runs: who is leaving and who is to take over, so that two runs never work against each other.
create table handover.open_runs (
  leaver         text primary key,              -- directory id
  human          text not null,                 -- the same for two directory entries of one human being
  offboarding    uuid not null unique,
  workflow       text not null,                 -- Temporal workflow id
  preview        boolean not null,              -- its leaver stays
  successors     jsonb not null default '{}',   -- unfinished step → directory ids of those who take over
  deactivating   boolean not null default false,
  opened         timestamptz not null default now()
);

-- Plans by digest. The body is canonical JSON, byte for byte what the digest was computed over.
create table handover.plans (
  digest         text primary key,
  offboarding    uuid not null,
  run            text not null,                 -- Temporal run id: a reset run makes plans of its own
  revision       integer not null,
  body           text not null,
  made           timestamptz not null default now(),
  unique (offboarding, run, revision)
);

-- Manifests: the keys behind an inventory. Every attempt at a plan writes a manifest of its own and the plan names the one that
-- counts, so that two attempts never mix their pages.
create table handover.manifests (
  id             uuid primary key,
  offboarding    uuid not null,
  plan           text,                          -- digest; null where the attempt did not count
  made           timestamptz not null default now()
);
create index manifests_of on handover.manifests (offboarding);

-- Their pages, one per batch. A page is the intent of one effect.
create table handover.manifest_pages (
  manifest       uuid not null,
  step           text not null,
  page           integer not null,
  round          integer not null,              -- 0 = approved; 1, 2, ... = what a later look still found
  origin         text not null check (origin in ('approved', 'arrived', 'again')),
  count          integer not null,
  low            text collate "C" not null,     -- first and last key in the order of the pages
  high           text collate "C" not null,
  keys           text[] not null,
  assignment     smallint[],                    -- index into the step's successors per key; null = all to the first
  fingerprint    text not null,
  digest         text not null,                 -- SHA-256 over keys and assignment
  primary key (manifest, step, page)
);
-- Keys are read and written whole: compressing them costs more than it saves.
alter table handover.manifest_pages alter column keys set storage external, alter column assignment set storage external;

-- Which rounds of a step were opened: of two attempts that open one, exactly one writes its pages.
create table handover.manifest_rounds (
  manifest       uuid not null,
  step           text not null,
  round          integer not null,
  primary key (manifest, step, round)
);

-- Sets of keys that somebody was shown: what a skip would waive, what an acknowledgement has seen. Named by their digest.
create table handover.frozen_keys (
  digest         text primary key,              -- SHA-256 over the keys
  count          integer not null,
  keys           text[] not null,
  at             timestamptz not null default now()
);
alter table handover.frozen_keys alter column keys set storage external;

-- Receipts: one per effect. Written as pending inside the target's transaction, settled after its COMMIT.
create table handover.receipts (
  offboarding    uuid not null,
  manifest       uuid not null,
  step           text not null,
  page           integer not null,
  state          text not null check (state in ('pending', 'committed')),
  transaction    text not null,                 -- the target's transaction id
  changed        integer not null,
  merged         integer not null,
  per_taker      integer[] not null,
  takers         text[] not null,               -- values written into the owner column
  from_owner     text,                          -- what stood there before
  exceptions     text not null,                 -- canonical JSON
  before_images  text,                          -- canonical JSON, what an undo needs beyond the old owner
  digest         text not null,                 -- SHA-256 over the canonical JSON of the columns above but the state
  at             timestamptz not null default now(),
  primary key (manifest, step, page)
);
create index receipts_of on handover.receipts (offboarding, step);

-- The audit trail: append-only, hash-chained per offboarding.
create table handover.audit (
  offboarding    uuid not null,
  seq            integer not null,
  subject        text not null,                 -- what makes the entry unique: written twice, it counts once
  kind           text not null,
  at             timestamptz not null,
  body           text not null,                 -- canonical JSON
  body_digest    text not null,                 -- the chain hangs on this, so that a body can be purged one day
  previous       text not null,
  hash           text not null,                 -- SHA-256 over seq, subject, kind, at, body_digest and previous
  primary key (offboarding, seq),
  unique (offboarding, subject)
);
create table handover.audit_heads (
  offboarding    uuid primary key,
  seq            integer not null,
  hash           text not null,
  -- An attempt that froze while its run went on, closed, and was written down must not add an effect that the closing entry does
  -- not list. So closing raises a fence: effects of activities that were scheduled before it are refused.
  fence          timestamptz                    -- Temporal's clock, as are the times it is compared with
);

-- Whole workflow histories, gzipped JSON, kept after Temporal has forgotten them.
create table handover.archives (
  run            text primary key,              -- Temporal run id
  offboarding    uuid not null,
  workflow       text not null,
  status         text not null,                 -- COMPLETED, TERMINATED, ...
  events         integer not null,
  digest         text not null,                 -- SHA-256 over the gzipped bytes
  history        bytea not null,
  at             timestamptz not null default now()
);
create index archives_of on handover.archives (offboarding);

create table handover.certificates (
  offboarding    uuid not null,
  number         integer not null,              -- 0 is the certificate, the rest are addenda
  digest         text not null,
  body           text not null,
  at             timestamptz not null default now(),
  primary key (offboarding, number)
);

-- Written once: nobody changes or removes what happened.
create function handover.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'handover.% is append-only', tg_table_name;
end $$;
create trigger append_only before update or delete on handover.audit for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.archives for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.certificates for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.plans for each row execute function handover.refuse_change();
