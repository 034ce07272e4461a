#!/bin/sh
# Sees to it that Debian packages are installed: as root with apt-get, otherwise by saying which are missing.
#
# usage: packages.sh needed|wanted PACKAGE...
#   needed  nothing works without them, so it is a failure when they cannot be had
#   wanted  whatever goes without them goes on
set -eu

importance=$1
shift

give_up() {
    echo "$1" >&2
    [ "$importance" = wanted ]
    exit
}

# The packages of the command line that are not installed, one a line.
missing() {
    for package in "$@"; do
        status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) || status=unknown
        [ "$status" = installed ] || echo "$package"
    done
}

# What is installed here is wanted for its files: nothing of it is to answer on port 25.
keep_services_stopped() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 0755 "$policy"
    fi
}

# --no-remove: a host keeps the mail server it has, even if that one excludes a package of ours.
install() {
    DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends --no-remove install "$@"
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    # The compiler or the tests will say what they lack; the names here are those of Debian.
    echo "This is not Debian. What these packages of Debian contain has to be there: $*" >&2
    exit 0
fi
packages=$(missing "$@" | tr '\n' ' ')
if [ -z "$packages" ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    give_up "Not installed, and only root can do it: apt-get install $packages"
fi
keep_services_stopped
apt-get --quiet update || echo "The lists of packages could not be brought up to date." >&2
# shellcheck disable=SC2086 # a list of names without blanks
if ! install $packages && [ "$importance" = wanted ]; then
    for package in $packages; do
        install "$package" || true
    done
fi
packages=$(missing "$@" | tr '\n' ' ')
if [ -n "$packages" ]; then
    give_up "Could not be installed: $packages"
fi
