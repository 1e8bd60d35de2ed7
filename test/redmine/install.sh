#!/bin/sh
# Installs Debian's Redmine for `npm run test:redmine`. Run as root; does nothing when everything is there already.
#
# Debian's package is taken as it comes: no database is created (the test brings its own), no service is started or left running,
# and nothing in /etc is edited by hand. About 25 seconds the first time.
set -eu

packages="redmine redmine-pgsql ruby-webrick"

missing=""
for package in $packages; do
  dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "Redmine is installed: $(dpkg-query --show --showformat='${Version}' redmine)"
  exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
  echo "test/redmine/install.sh installs Debian packages and must run as root; missing:$missing" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "test/redmine/install.sh needs Debian or one of its descendants (apt-get); missing:$missing" >&2
  exit 1
fi

# Packages start their services when installed, unless policy-rc.d says no (101 = forbidden). Ours is taken away again; one that
# is there already (containers often have it) stays.
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
ours=""
clean_up() {
  rm -f "$log"
  if [ -n "$ours" ]; then rm -f "$policy"; fi
}
trap clean_up EXIT
trap 'exit 1' INT TERM
if [ ! -e "$policy" ]; then
  ours=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

# Quiet, unless something fails: then everything that was said.
quietly() {
  "$@" >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    echo "test/redmine/install.sh: this failed: $*" >&2
    exit 1
  }
}

export DEBIAN_FRONTEND=noninteractive
quietly apt-get update -qq
quietly apt-get install -y -qq --no-install-recommends debconf-utils ruby-bundler ruby-webrick

# Otherwise the package would set up a database of its own, in whatever server it finds.
echo 'redmine redmine/instances/default/dbconfig-install boolean false' | debconf-set-selections

# A security update of Debian's ruby3.1 brought a newer bundler of its own, which does not find gems that Debian packages, so that
# the redmine package fails to configure. Debian's bundler package is patched for that: its version must be asked for.
spec=$(ls /usr/share/rubygems-integration/all/specifications/bundler-*.gemspec 2>/dev/null | tail -n 1)
if [ -n "$spec" ]; then
  BUNDLER_VERSION=$(basename "$spec" .gemspec | sed 's/^bundler-//')
  export BUNDLER_VERSION
fi

# The words are package names, one each.
# shellcheck disable=SC2086
quietly apt-get install -y -qq --no-install-recommends $packages

# The package lists its gems before it knows which database it will use; once more, so that ordinary users need not write the list.
cd /usr/share/redmine
quietly bundle install --local --quiet
chown www-data:www-data /var/lib/redmine/Gemfile.lock

echo "Redmine is installed: $(dpkg-query --show --showformat='${Version}' redmine)"
