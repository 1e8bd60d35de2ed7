-- The witness: every change of every row, seen outside the engine's control. Whole rows as texts, since JavaScript would change large
-- numbers; the transaction's id, which grows over all databases of the cluster; and who did it (the engine calls itself `handover`).
create table public.moves_seen (
  seq      bigint generated always as identity primary key,
  tbl      text not null,
  op       text not null,
  old_row  jsonb,
  new_row  jsonb,
  txid     text not null default pg_current_xact_id()::text,
  app      text not null default current_setting('application_name'),
  at       timestamptz not null default clock_timestamp()
);
create function public.as_texts(whole_row jsonb) returns jsonb language sql immutable set search_path = '' as
  $$ select case when whole_row is null then null else (select jsonb_object_agg(key, value) from jsonb_each_text(whole_row)) end $$;
-- The writer's own rights must not matter.
create function public.witness() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.moves_seen (tbl, op, old_row, new_row)
  values (tg_table_name, lower(tg_op), public.as_texts(case when tg_op <> 'INSERT' then to_jsonb(old) end),
          public.as_texts(case when tg_op <> 'DELETE' then to_jsonb(new) end));
  return null;
end $$;
do $$
declare t text;
begin
  for t in select tablename from pg_tables where schemaname = 'public' and tablename <> 'moves_seen' loop
    execute format('create trigger zz_witness after insert or update or delete on public.%I for each row execute function public.witness()', t);
  end loop;
end $$;
