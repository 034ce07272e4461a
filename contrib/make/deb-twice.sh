#!/bin/sh
# Builds the Debian package a second time, in another place and with other settings of the surroundings, and compares it with
# the one that is there, which has to be of the same commit.
#
# usage: deb-twice.sh PACKAGE.deb DIRECTORY
set -eu

(
    umask 077
    export TZ=Pacific/Auckland LANG=C.UTF-8 LC_ALL=C.UTF-8 DEB_BUILD_OPTIONS=parallel=1 RUSTFLAGS='-C opt-level=1' CARGO_INCREMENTAL=1
    contrib/make/deb.sh "$2/at-another-place" > "$2.log" 2>&1
) || { tail -n 20 "$2.log" >&2; exit 1; }
second=$(find "$2/at-another-place" -name '*.deb')
if ! cmp "$1" "$second"; then
    echo "Two builds of the package differ: $1 and $second" >&2
    exit 1
fi
echo "deb: two builds are the same: $(sha256sum < "$1" | cut -c 1-16)…, $(stat -c %s "$1") bytes"
