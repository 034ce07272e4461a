#!/bin/sh
# Unpacks Debian's Exim and the libraries it lacks here into the directory DIR, which is what
# tests/peers/exim.rs runs: as packages, Exim and Postfix exclude each other. Nothing is installed.
#
# usage: unpack-exim.sh TARGET-DIRECTORY/tmp/exim
set -eu

directory=$(realpath --canonicalize-missing "$1")
if [ -x "$directory/usr/sbin/exim4" ]; then
    exit 0
fi
rm -rf "$directory.packages" "$directory.new"
mkdir -p "$directory.packages/partial"
apt-get --quiet --yes --no-install-recommends --download-only \
    -o Debug::NoLocking=1 -o APT::Sandbox::User=root -o Dir::Cache::archives="$directory.packages" \
    install exim4-daemon-light
for package in "$directory.packages"/*.deb; do
    dpkg-deb --extract "$package" "$directory.new"
done
rm -rf "$directory.packages" "$directory"
mv "$directory.new" "$directory"
