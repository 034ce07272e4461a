#!/bin/sh
# Boots Debian 12 and 13 with the Debian package, a Kerberos server, databases and a directory, and has mechanisms-tests.sh log
# in by what maps libraries or asks servers: under the service's own unit, that of contrib/systemd and its hardened drop-ins. Root;
# nothing of the host is touched, and the containers have no network.
#
# usage: mechanisms.sh PACKAGE.deb [RELEASE...]
#
# shellcheck disable=SC2317 # what ends a container is called by a trap
#
# SASLAUTHD_TREES: where the trees are, or are made with mmdebstrap (half a gigabyte for each release). They are copied, never changed.
set -eu

# shellcheck source=contrib/make/booted.sh
. contrib/make/booted.sh

package=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- bookworm trixie
trees=${SASLAUTHD_TREES:-/var/tmp/saslauthd-trees}
mirror=${SASLAUTHD_MIRROR:-http://deb.debian.org/debian}
packages=systemd,systemd-sysv,dbus,procps,iproute2,adduser,sasl2-bin,ca-certificates,libssl3,libpam-modules
packages=$packages,krb5-kdc,krb5-admin-server,krb5-user,slapd,libsasl2-modules-gssapi-mit
packages=$packages,postgresql,mariadb-server,sqlite3,libpq5,libmariadb3,libsqlite3-0,libgssapi-krb5-2,libkrb5-3

skip() {
    echo "Skipped: the mechanisms under their units: $1" >&2
    [ -z "${CI:-}" ]
    exit
}

[ "$(id -u)" = 0 ] || skip "they need root"
command -v systemd-nspawn >/dev/null || skip "they need systemd-nspawn (Debian package systemd-container)"

make_tree() {
    command -v mmdebstrap >/dev/null || skip "they need mmdebstrap, or a tree in $trees/$1-mechanisms"
    mkdir -p "$trees"
    rm -rf --one-file-system "$trees/$1-mechanisms.new"
    mmdebstrap --quiet --variant=minbase --include="$packages" "$1" "$trees/$1-mechanisms.new" "$mirror"
    mv "$trees/$1-mechanisms.new" "$trees/$1-mechanisms"
}

# The package, and the tests; the C daemon is not to start by itself.
install_into() {
    rm -f "$1"/etc/systemd/system/*.wants/saslauthd.service "$1"/etc/rc?.d/*saslauthd
    echo 5a51a0d0000000000000000000000000 > "$1/etc/machine-id"
    echo mail.example.org > "$1/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 mail.example.org mail\n' > "$1/etc/hosts"
    install -d "$1/root/test"
    cp contrib/make/mechanisms-tests.sh contrib/make/mechanism-servers.sh contrib/make/unit-checks.sh "$1/root/test"
    cp "$package" "$1/root/test/saslauthd-rs.deb"
}

inside() {
    nsenter -t "$first" -m -u -i -n -p -C env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"
}

test_release() {
    [ -d "$trees/$1-mechanisms" ] || make_tree "$1"
    directory=$(mktemp -d "/var/tmp/saslauthd-$1-mechanisms.XXXXXX")
    trap clean_up EXIT
    trap 'exit 1' HUP INT TERM
    cp -a "$trees/$1-mechanisms" "$directory/tree"
    install_into "$directory/tree"
    boot_tree "saslauthd-$1-$$" || skip "a container cannot be started here: $(tail -n 1 "$directory/log")"
    echo "== $1"
    inside sh /root/test/mechanisms-tests.sh
}

status=0
for release in "$@"; do
    # With `||` behind it nothing in it would end at the first failure.
    set +e
    (set -e; test_release "$release")
    failed=$?
    set -e
    [ "$failed" = 0 ] || status=1
done
exit "$status"
