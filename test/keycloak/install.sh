#!/bin/sh
# Puts Keycloak where `npm run test:keycloak` finds it; does nothing when it is there already. Needs Java and Maven, which fetches
# Keycloak's own distribution. About a minute and 650 MB.
set -eu

place=${HANDOVER_KEYCLOAK:-/opt/handover-keycloak}
version=26.7.3

if [ -x "$place/bin/kc.sh" ]; then
  echo "Keycloak is there: $place"
  exit 0
fi
for tool in java mvn; do
  command -v "$tool" >/dev/null || {
    echo "test/keycloak/install.sh needs $tool." >&2
    exit 1
  }
done

log=$(mktemp)
files=$(mktemp -d)
trap 'rm -rf "$log" "$files"' EXIT
trap 'exit 1' INT TERM
quietly() {
  "$@" >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    echo "test/keycloak/install.sh: this failed: $*" >&2
    exit 1
  }
}

plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
artifact="org.keycloak:keycloak-quarkus-dist:$version:tar.gz"
quietly mvn -q -B "$plugin:copy" -Dartifact="$artifact" -DoutputDirectory="$files"
mkdir -p "$place"
quietly tar xzf "$files/keycloak-quarkus-dist-$version.tar.gz" -C "$place" --strip-components=1
quietly "$place/bin/kc.sh" build --db=dev-mem
echo "Keycloak is there: $place"
