-- Up Migration
-- A delivery in which nothing says when it was sent (undated) is as good in a year as today: that it came is never forgotten, what was
-- said to it is.
alter table handover.deliveries
  add column undated boolean not null default false,
  add column came timestamptz not null default now();  -- at first; `at` is when somebody last began to work on it
drop index handover.deliveries_by_age;
create index deliveries_by_age on handover.deliveries (came) where answer is not null or not undated;
