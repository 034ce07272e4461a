#!/bin/sh
# Makes a release of the last commit: the sources with all crates, a bill of materials, and the checksums of both. The
# same commit gives the same bytes, wherever and whenever it is made.
#
# usage: dist.sh DIRECTORY
set -eu
umask 022
export LC_ALL=C TZ=UTC
unset XZ_OPT XZ_DEFAULTS

mkdir -p "$1"
output=$(cd "$1" && pwd)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
trap 'exit 1' HUP INT TERM

name=$(contrib/make/sources.sh "$directory")
cd "$directory/$name"
contrib/make/crates.py sbom > "$output/$name.cdx.json"
cd "$directory"
tar --create --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" \
    "$name" | xz --threads=1 -6 > "$output/$name.tar.xz"
cd "$output"
sha256sum "$name.cdx.json" "$name.tar.xz" > SHA256SUMS
cat SHA256SUMS
