#!/bin/sh
# Installs the Debian packages that the tests marked `media` run against: servers and players that nobody here wrote.
# Does nothing where all are present. Needs root otherwise.
set -eu

packages=$(cat "$(dirname "$0")/packages.txt")
missing=""
for package in $packages; do
    if ! dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$'; then
        missing="$missing $package"
    fi
done

if [ -z "$missing" ]; then
    echo "all packages for the media tests are installed"
    exit 0
fi

echo "installing:$missing"
# The servers are started by the tests, on ports and folders of their own, never by the installation.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # one word a package
apt-get install -y -qq --no-install-recommends $missing
