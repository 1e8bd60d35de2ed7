#!/bin/sh
# Puts schemathesis where `npm run test:schemathesis` finds it; does nothing when it is there already. Needs Python 3.10 or
# later with venv, and PyPI. About a minute and 150 MB.
set -eu

place=${HANDOVER_SCHEMATHESIS:-$HOME/.cache/handover-schemathesis}
version=4.32.5

if [ "$("$place/bin/schemathesis" --version 2>/dev/null)" = "schemathesis, version $version" ]; then
  echo "schemathesis is there: $place"
  exit 0
fi
command -v python3 >/dev/null && python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' || {
  echo "test/schemathesis/install.sh needs python3, 3.10 or later, with venv (Debian: python3-venv)." >&2
  exit 1
}
python3 -m venv "$place"
"$place/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" >&2
echo "schemathesis is there: $place"
