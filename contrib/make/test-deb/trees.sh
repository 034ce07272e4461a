#!/bin/sh
# Makes the trees of Debian releases in which the package is tried, and fetches the packages of theirs that the test
# installs again. What is there already is left alone.
#
# usage: trees.sh DIRECTORY RELEASE...
set -eu

mirror=${SASLAUTHD_MIRROR:-http://deb.debian.org/debian}
packages=systemd,systemd-sysv,dbus,procps,iproute2,sasl2-bin,libsasl2-modules,postfix,ca-certificates,libpam-modules,libssl3,libcrypt1,libpam0g

directory=$1
shift
mkdir -p "$directory"
cd "$directory"
for release in "$@"; do
    if [ ! -e "$release.done" ]; then
        rm -rf --one-file-system "$release.new" "$release"
        mmdebstrap --quiet --variant=minbase --include="$packages" "$release" "$release.new" "$mirror"
        mv "$release.new" "$release"
        touch "$release.done"
    fi
    if [ ! -e "$release.debs" ]; then
        # In a copy: others may be reading the tree.
        rm -rf --one-file-system "$release.copy"
        cp -a "$release" "$release.copy"
        cp -L /etc/resolv.conf "$release.copy/etc/resolv.conf"
        chroot "$release.copy" sh -c 'apt-get --quiet=2 update && cd /root && apt-get --quiet=2 download sasl2-bin -o APT::Sandbox::User=root'
        mkdir "$release.debs.new"
        mv "$release.copy"/root/*.deb "$release.debs.new"
        rm -rf --one-file-system "$release.copy"
        mv "$release.debs.new" "$release.debs"
    fi
done
