#!/bin/sh
# Unpacks packages of Debian and what they lack here into the directory DIR, where the tests find its programs: some
# packages exclude each other, as Exim and Postfix do, or Cyrus IMAP and Dovecot. Nothing is installed.
#
# usage: unpack.sh PACKAGES PROGRAM DIR
#   PACKAGES one or several, with blanks between them
#   PROGRAM  a path in one of them; where it is there already nothing is done
set -eu

packages=$1
program=$2
directory=$(realpath --canonicalize-missing "$3")
if [ -x "$directory/$program" ]; then
    exit 0
fi
rm -rf "$directory.packages" "$directory.new"
mkdir -p "$directory.packages/partial"
# --reinstall: what is installed already is fetched all the same.
# shellcheck disable=SC2086 # a list of names without blanks
apt-get --quiet --yes --no-install-recommends --download-only --reinstall \
    -o Debug::NoLocking=1 -o APT::Sandbox::User=root -o Dir::Cache::archives="$directory.packages" \
    install $packages
for file in "$directory.packages"/*.deb; do
    dpkg-deb --extract "$file" "$directory.new"
done
rm -rf "$directory.packages" "$directory"
mv "$directory.new" "$directory"
