#!/bin/sh
# Builds the Debian package of the last commit, from the sources as a release has them: without network.
#
# usage: deb.sh DIRECTORY
#   leaves the package in DIRECTORY; SASLAUTHD_COMMITTED=no as in sources.sh
set -eu
umask 022

mkdir -p "$1"
output=$(cd "$1" && pwd)
build=$output/build
rm -rf "$build"
mkdir "$build"

name=$(contrib/make/sources.sh "$build")
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# A Rust that does not come from Debian satisfies no build dependency.
check=
cargo=${CARGO:-cargo}
dpkg-query --search "$(command -v "$cargo")" >/dev/null 2>&1 || check=--no-check-builddeps

cd "$build/$name"
# RUSTFLAGS, CARGO_PROFILE_… and the like of the builder would get into the programs.
for name in $(env | sed -n -e 's/^\(CARGO_[A-Z0-9_]*\)=.*/\1/p' -e 's/^\(RUSTC[A-Z_]*\)=.*/\1/p'); do
    case $name in CARGO_HOME) ;; *) unset "$name" ;; esac
done
unset RUSTFLAGS MAKEFLAGS MFLAGS MAKELEVEL
dpkg-buildpackage --build=binary --no-sign $check
cd "$build"
mv ./*.deb ./*.buildinfo ./*.changes "$output"
rm -rf "$build"
ls -l "$output"
