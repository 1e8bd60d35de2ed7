-- Up Migration
-- The ground: everything Handover remembers, keyed by the offboarding id (a reset changes Temporal's run id, never this one).
-- Migrations are numbered and never edited once released.

create schema if not exists handover;

-- Whose memory this is: one row, written by the first worker. Two installations never share a store.
create table handover.installation (
  one            boolean primary key default true check (one),
  name           text not null,
  since          timestamptz not null default now()
);

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
  leaver         text primary key,              -- directory id; of a sweep or a give-back its own id
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

-- What the catalogs of plans do, by the digest under which a plan names it: what was approved can be read for years, without the file.
create table handover.catalogs (
  digest         text primary key,              -- SHA-256 over the body
  system         text not null,
  body           text not null                  -- canonical JSON: the catalog without what only words or classifies
);

-- Overrides that are too many to travel in a request, by the digest under which it names them.
create table handover.overrides (
  digest         text primary key,              -- SHA-256 over the body
  count          integer not null,
  body           text not null                  -- canonical JSON: step → item key → who takes it
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
  key_order      text not null check (key_order in ('number', 'bytes', 'none')),
  low            text collate "C",              -- first and last key, where the keys have an order
  high           text collate "C",
  keys           text[] not null,
  assignment     smallint[],                    -- index into the step's successors per key; null = all to the first
  fingerprint    text not null,
  digest         text not null,                 -- SHA-256 over all other columns; the chain seals the digests of a manifest's pages
  primary key (manifest, step, page),
  check ((key_order = 'none') = (low is null) and (key_order = 'none') = (high is null))
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
  keys           text[] not null
);
alter table handover.frozen_keys alter column keys set storage external;

-- Receipts: one per effect. The intent is durable before anything is sent; what became of it is written afterwards. An effect that came
-- to nothing is kept as aborted, and the next attempt at the same keys has a receipt of its own.
create table handover.receipts (
  offboarding    uuid not null,
  manifest       uuid not null,                 -- for access to an account, which has no keys: the offboarding itself
  step           text not null,
  page           integer not null,
  part           integer not null,              -- a page is done in one part, or in several where a call takes no more
  aborted        integer not null default 0,    -- 0 = it stands; 1, 2, ... = it came to nothing, in this order
  state          text not null check (state in ('intended', 'done', 'aborted')),
  sure           text check (sure in ('asked', 'read')),  -- the target said what became of it, or reading it again was all there was
  first          integer not null,              -- how many keys of the page stand before those of this part
  count          integer not null,              -- how many of them it is about
  did            text not null,                 -- the disposition, or the verb of an access change
  accounts       text not null,                 -- canonical JSON: whose items these were, per account every identity with its values
  takers         text[] not null,               -- values written into the owner column; the page says which key goes to which
  mark           text not null,                 -- the connector's own words for finding out what became of it
  changed        integer,                       -- null = not known yet
  merged         integer not null,
  per_taker      integer[] not null,
  owners         text[] not null,               -- what stood in the owner column before
  owner_of       smallint[],                    -- index into owners per key of this part; null = all had the first
  exceptions     text not null,                 -- canonical JSON
  elsewhere      text not null,                 -- canonical JSON: rows of other tables that went or changed along with these
  before_images  text,                          -- what an undo needs beyond the old owner: names rows of before_images
  digest         text not null,                 -- SHA-256 over the canonical JSON of the columns above but aborted, state and sure
  at             timestamptz not null default now(),
  primary key (manifest, step, page, part, aborted),
  check ((state = 'aborted') = (aborted > 0)),
  check ((state = 'intended') = (sure is null)),
  check (state <> 'done' or changed is not null)
);
create index receipts_of on handover.receipts (offboarding, step);
create index receipts_owed on handover.receipts (offboarding) where state = 'intended';
-- Changes of access, which are few among all effects: what was done last to an account is asked over all offboardings.
create index receipts_of_access on handover.receipts (step) where manifest = offboarding;

-- Rows of the target as they were. A set is named by a digest over the digests of its rows, so a body can be purged one day and the
-- receipt still verifies; with the salt goes what could be guessed from a digest.
create table handover.before_images (
  images         text not null,                 -- SHA-256 over the digests of the set's rows, each on a line
  n              integer not null,
  digest         text not null,                 -- SHA-256 over salt and body
  salt           text,
  body           text,                          -- canonical JSON; null = purged, with its salt
  primary key (images, n),
  check ((salt is null) = (body is null))
);

-- The audit trail: append-only, hash-chained per offboarding. The chain is made of digests; the bodies, which hold people's data, lie
-- apart, each beside a salt of its own, so that a body can be purged one day and not be guessed back from its digest.
create table handover.audit (
  offboarding    uuid not null,
  seq            integer not null,
  subject        text not null,                 -- what makes the entry unique: written twice, it counts once
  kind           text not null,
  at             timestamptz not null,
  body_digest    text not null,                 -- SHA-256 over salt and body
  previous       text not null,
  hash           text not null,                 -- SHA-256 over seq, subject, kind, at, body_digest and previous
  primary key (offboarding, seq),
  unique (offboarding, subject)
);
create table handover.audit_bodies (
  offboarding    uuid not null,
  seq            integer not null,
  salt           text not null,
  body           text not null,                 -- canonical JSON
  primary key (offboarding, seq)
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
  digest         text not null,                 -- SHA-256 over the other columns, and the gzipped bytes
  history        bytea not null,
  at             timestamptz not null
);
create index archives_of on handover.archives (offboarding);

-- The newest look at what has closed that went through everything: one row.
create table handover.archive_look (
  one            boolean primary key default true check (one),
  began          timestamptz not null,
  finished       timestamptz not null
);

-- Histories that could not be stored, and why. Every look tries some of them again.
create table handover.archive_failures (
  run            text primary key,              -- Temporal run id
  workflow       text not null,
  why            text not null,
  since          timestamptz not null default now(),
  tried          timestamptz not null default now()
);

-- When the next call to a system may be sent: one row for each of its budgets, shared by all workers. No evidence.
create table handover.budgets (
  system         text not null,
  budget         text not null,                 -- 600/1min, or pause: the system has asked for one
  free_at        timestamptz not null,          -- when nothing of it is taken any more
  primary key (system, budget)
);

-- Calls that must not run at the same time, whichever workers make them: each takes a place.
create table handover.places (
  system         text not null,
  "group"        text not null,
  place          integer not null,
  holder         text not null,
  until          timestamptz not null,          -- whoever has not given it back by then has died
  primary key (system, "group", place)
);

-- Certificates. The bodies, which hold people's data, lie apart, so that one can be purged one day. A certificate is handed out: its
-- digest is over what was handed out, without a salt, and stays comparable with every copy.
create table handover.certificates (
  offboarding    uuid not null,
  number         integer not null,              -- 0 is the certificate, the rest are addenda
  digest         text not null,                 -- SHA-256 over the body
  at             timestamptz not null default now(),
  primary key (offboarding, number)
);
create table handover.certificate_bodies (
  offboarding    uuid not null,
  number         integer not null,
  body           text not null,                 -- canonical JSON
  primary key (offboarding, number)
);

-- Who owns these tables migrates and purges; workers come as another role, which adds to them and makes the few updates that it
-- needs (store/roles.ts). What lies beneath holds for the owner as well: nobody changes or removes what happened, and a body goes only
-- where an entry of the chain says so. An owner can take a trigger away; what is missing then is named by `handover audit`.
create function handover.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'handover.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
-- Is there an entry of this offboarding that tells of a purge, and names this among what it took away?
create function handover.said_purged(chain uuid, what text, which jsonb, after integer default 0) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from handover.audit said join handover.audit_bodies told using (offboarding, seq)
     where said.offboarding = chain and said.kind = 'purged' and said.seq > after and told.body::jsonb -> what @> which)
$$;
create function handover.refuse_unsaid_purge() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'DELETE' and handover.said_purged(old.offboarding, 'seqs', to_jsonb(old.seq), old.seq)
     -- What such an entry says stays.
     and not exists (select from handover.audit where offboarding = old.offboarding and seq = old.seq and kind = 'purged')
  then return old;
  end if;
  raise exception 'handover.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create function handover.refuse_unsaid_certificate_purge() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'DELETE' and handover.said_purged(old.offboarding, 'certificates', to_jsonb(old.number)) then return old;
  end if;
  raise exception 'handover.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
-- A row as it was loses its body and its salt; its digest stays, and the set still gives its name.
create function handover.refuse_unsaid_image_purge() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and new.body is null and (new.images, new.n, new.digest) = (old.images, old.n, old.digest)
     and exists (select from handover.receipts r
                  where r.before_images = old.images and handover.said_purged(r.offboarding, 'images', to_jsonb(old.images)))
  then return new;
  end if;
  raise exception 'handover.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;

create trigger append_only before update or delete on handover.audit for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.archives for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.certificates for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.plans for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.catalogs for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.overrides for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.manifest_pages for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.manifest_rounds for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.frozen_keys for each row execute function handover.refuse_change();
create trigger append_only before update or delete on handover.audit_bodies
  for each row execute function handover.refuse_unsaid_purge();
create trigger append_only before update or delete on handover.certificate_bodies
  for each row execute function handover.refuse_unsaid_certificate_purge();
create trigger append_only before update or delete on handover.before_images
  for each row execute function handover.refuse_unsaid_image_purge();
-- What became of a receipt is said once; which manifest counts for a plan as well; the end of a chain and its fence only move on.
create trigger said_once before update on handover.receipts
  for each row when (old.state <> 'intended') execute function handover.refuse_change();
create trigger said_once before update on handover.manifests
  for each row when (old.plan is not null) execute function handover.refuse_change();
create trigger only_onwards before update on handover.audit_heads
  for each row when (new.seq < old.seq or (old.fence is not null and (new.fence is null or new.fence < old.fence)))
  execute function handover.refuse_change();
create trigger append_only before delete on handover.receipts for each row execute function handover.refuse_change();
create trigger append_only before delete on handover.manifests for each row execute function handover.refuse_change();
create trigger append_only before delete on handover.audit_heads for each row execute function handover.refuse_change();
create trigger append_only before delete on handover.offboardings for each row execute function handover.refuse_change();
-- A statement that empties a table fires no trigger of its rows.
do $$ declare named text; begin
  foreach named in array array['audit', 'audit_bodies', 'audit_heads', 'archives', 'certificates', 'certificate_bodies', 'plans',
    'catalogs', 'overrides', 'manifests', 'manifest_pages', 'manifest_rounds', 'frozen_keys', 'receipts', 'before_images', 'offboardings']
  loop execute format('create trigger never_emptied before truncate on handover.%I execute function handover.refuse_change()', named);
  end loop;
end $$;
