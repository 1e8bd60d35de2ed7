#!/bin/sh
# One PostgreSQL, and roles that cannot see each other's data: Temporal, Handover's store, and the demo's two databases. The store has
# two: its owner, and the workers, who get their rights on its tables from deploy/register.ts.
# Runs once, when the data directory is empty (the image's own rule for /docker-entrypoint-initdb.d).
set -eu

# database NAME OWNER PASSWORD: a database that only its owner may use. The role is made with its first database.
database() {
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set database="$1" --set owner="$2" --set password="$3" <<'SQL'
select format('create role %I login password %L', :'owner', :'password')
 where not exists (select from pg_roles where rolname = :'owner') \gexec
create database :"database" owner :"owner";
revoke all on database :"database" from public;
SQL
}

database temporal            temporal "$TEMPORAL_DB_PASSWORD"
database temporal_visibility temporal "$TEMPORAL_DB_PASSWORD"
database handover            handover_owner "$HANDOVER_OWNER_DB_PASSWORD"
database demo_workspace      demo     "$DEMO_DB_PASSWORD"
database demo_helpdesk       demo     "$DEMO_DB_PASSWORD"

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname handover --set password="$HANDOVER_DB_PASSWORD" <<'SQL'
create role handover login password :'password';
grant connect, temporary on database handover to handover;
SQL
