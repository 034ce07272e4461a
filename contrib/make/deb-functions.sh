#!/bin/sh
# Tries what the maintainer scripts share, without a package: what they make of an administrator's settings, and the
# diversions in a root of their own.
set -eu

# shellcheck source=debian/scripts/functions
. debian/scripts/functions

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

fail() {
    echo "debian/scripts: $1" >&2
    exit 1
}

# usage: expect_directory DIRECTORY SETTINGS
expect_directory() {
    printf '%s\n' "$2" > "$root/settings"
    found=$(settings_of "$root/settings" | run_directory)
    [ "$found" = "$1" ] || fail "the run directory is \"$found\", not $1, by these settings: $2"
}

expect_directory /var/run/saslauthd 'START=yes'
expect_directory /srv/sasl 'OPTIONS="-c -m /srv/sasl"'
expect_directory /srv/sasl 'OPTIONS="-m/srv/sasl -r"'
# shellcheck disable=SC2016 # for the script that reads it
expect_directory /srv/sasl 'base=/srv; OPTIONS="-c  -m  $base/$(echo sasl)"'
expect_directory /srv/sasl 'OPTIONS="-m /srv/sasl"; [ -e /nonexistent ] && THREADS=3'

# Each file holds the name of who put it there.
fill() {
    echo "$1" > "$root$2"
}

is_of() {
    [ "$(cat "$root$2" 2>/dev/null)" = "$1" ] || fail "$2 is not that of $1"
}

fill_in() { fill sasl2-bin "$1"; }
expect_diverted() { [ ! -e "$root$1" ] || fail "$1 was not diverted"; is_of sasl2-bin "$2"; }
expect_back() { is_of sasl2-bin "$1"; [ ! -e "$root$2" ] || fail "$2 is left"; }

if command -v dpkg-divert >/dev/null; then
    mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/usr/sbin" "$root/usr/share/man/man8"
    : > "$root/var/lib/dpkg/status"
    export DPKG_ROOT="$root" DPKG_ADMINDIR="$root/var/lib/dpkg"
    with_each_file fill_in
    # Twice, as after an interruption.
    for _ in 1 2; do with_each_file divert >/dev/null; with_each_file expect_diverted; done
    for _ in 1 2; do with_each_file undo_diversion >/dev/null; with_each_file expect_back; done
    [ -z "$(dpkg-divert --list '*saslauthd*')" ] || fail "diversions are left"
else
    echo "Not checked, since dpkg-divert is not installed: the diversions" >&2
fi
