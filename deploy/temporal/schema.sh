#!/bin/sh
# Temporal's own tables, in its two databases: made, or brought up to the version of this image. Running it again changes nothing.
# Wants SQL_HOST, SQL_USER, SQL_PASSWORD.
set -eu

schema() {
  temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" -p 5432 -u "$SQL_USER" --db "$1" setup-schema -v 0.0
  temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" -p 5432 -u "$SQL_USER" --db "$1" \
    update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

schema temporal temporal
schema temporal_visibility visibility
