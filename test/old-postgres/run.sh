#!/usr/bin/env bash
# The connector's tests against the oldest PostgreSQL that this machine has (14 to 16), in a cluster of their own that is gone
# afterwards: before PostgreSQL 17 a transaction's log is flushed in another way (connectors/postgres/session.ts). The arguments go to
# vitest. Where there is no such PostgreSQL it says so, and nothing has failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

programs=""
for bin in /usr/lib/postgresql/{14,15,16}/bin ${OLD_POSTGRES:-}; do
  [ ! -x "$bin/postgres" ] || { programs="$bin" && break; }
done
if [ -z "$programs" ]; then
  echo "There is no PostgreSQL 14 to 16 here (name its bin directory in OLD_POSTGRES): nothing was tested against one." >&2
  exit 0
fi

dir="$(mktemp -d)"
as=()
# PostgreSQL does not run as root.
if [ "$(id -u)" = 0 ]; then
  chown nobody "$dir"
  as=(setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all)
fi
stop() {
  "${as[@]}" "$programs/pg_ctl" stop -D "$dir/data" -m immediate >/dev/null 2>&1 || true
  rm -rf "$dir"
}
trap stop EXIT
port="$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')"
"${as[@]}" "$programs/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --lc-ctype=C.UTF-8 --no-sync >/dev/null
"${as[@]}" "$programs/pg_ctl" start -w -D "$dir/data" -l "$dir/log" \
  -o "-p $port -k $dir -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200" >/dev/null

"$programs/postgres" --version
# These tests need no Temporal.
export HANDOVER_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres" HANDOVER_TEST_TEMPORAL="none:0"
npx vitest run test/connectors "$@"
