#!/bin/sh
# Puts Temporal's own server where `npm run test:principals` finds it; does nothing when it is there already.
# Needs Go, which fetches and builds the server: ten minutes, 2 GB in Go's own caches.
set -eu

place=${HANDOVER_TEMPORAL_SERVER:-${XDG_CACHE_HOME:-$HOME/.cache}/handover/temporal-server-1.32.1}
version=v1.32.1

if [ -x "$place/server" ]; then
  echo "Temporal's server is there: $place"
  exit 0
fi
command -v go >/dev/null || {
  echo "test/principals/install.sh needs Go." >&2
  exit 1
}

mkdir -p "$place"
GOBIN="$place" GOFLAGS="-mod=mod -buildvcs=false" go install "go.temporal.io/server/cmd/server@$version"
echo "Temporal's server is there: $place"
