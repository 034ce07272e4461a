#!/bin/sh
# Unpacks Samba and makes a domain of Active Directory with it, AD.EXAMPLE.TEST, of which each test takes a copy. Nothing is
# installed; root is needed, for mounts that only the commands see.
#
# usage: provision.sh DIR
#   DIR  gets the packages and the domain; nothing is done where they are there already
set -eu

here=$(dirname "$0")
directory=$(realpath --canonicalize-missing "$1")
mkdir -p "$directory"
sh "$here/../unpack.sh" "samba samba-ad-provision samba-dsdb-modules samba-vfs-modules ldb-tools" \
    usr/sbin/samba "$directory/packages"
[ ! -e "$directory/domain/sam.ldb" ] || exit 0

rm -rf "$directory/domain" "$directory/new"
mkdir "$directory/new"
unshare --mount --uts sh "$here/enter.sh" "$directory/packages" samba-tool domain provision --server-role=dc \
    --realm=AD.EXAMPLE.TEST --domain=AD --host-name=dc1 --host-ip=127.0.0.1 --adminpass=Adm1n-istrator \
    --dns-backend=NONE --use-rfc2307 --targetdir="$directory/new"
mv "$directory/new/private" "$directory/domain"
rm -rf "$directory/new"
