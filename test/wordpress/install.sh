#!/bin/sh
# Installs what `npm run test:wordpress` needs from Debian's packages: PHP, MariaDB and WordPress's own files. Run as root; does
# nothing when everything is there already. No service is started or left running, and nothing in /etc is edited.
set -eu

packages="php-cli php-mysql php-xml mariadb-server"
place=${HANDOVER_WORDPRESS:-/opt/handover-wordpress}

missing=""
for package in $packages; do
  dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
[ -f "$place/usr/share/wordpress/wp-load.php" ] || missing="$missing wordpress"
if [ -z "$missing" ]; then
  echo "WordPress is there: $place"
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "test/wordpress/install.sh installs Debian packages and must run as root on Debian; missing:$missing" >&2
  exit 1
fi

# Packages start their services when installed, unless policy-rc.d says no (101 = forbidden). One that is there already stays.
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
files=$(mktemp -d)
ours=""
clean_up() {
  rm -rf "$log" "$files"
  if [ -n "$ours" ]; then rm -f "$policy"; fi
}
trap clean_up EXIT
trap 'exit 1' INT TERM
if [ ! -e "$policy" ]; then
  ours=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
quietly() {
  "$@" >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    echo "test/wordpress/install.sh: this failed: $*" >&2
    exit 1
  }
}

export DEBIAN_FRONTEND=noninteractive
quietly apt-get update -qq
# The words are package names, one each.
# shellcheck disable=SC2086
quietly apt-get install -y -qq --no-install-recommends $packages

# The package itself would bring a web server; its files are all that is needed.
chmod 755 "$files"
cd "$files"
quietly apt-get -o APT::Sandbox::User=root download -qq wordpress
mkdir -p "$place"
quietly dpkg -x wordpress_*.deb "$place"
echo "WordPress is there: $place"
