#!/bin/sh
# Boots Debian 12 and 13 with the programs, the units and the drop-ins of contrib/systemd, and has systemd-tests.sh try
# them inside. Root; nothing of the host is touched, and the containers have no network.
#
# usage: systemd.sh DIRECTORY-OF-PROGRAMS [SUITE...]
#
# shellcheck disable=SC2317 # what ends a container is called by a trap
#
# SYSTEMD_TREES: where the trees are, or are made with mmdebstrap. They are copied, never changed.
set -eu

# shellcheck source=contrib/make/booted.sh
. contrib/make/booted.sh

programs=$(realpath "$1")
shift
trees=${SYSTEMD_TREES:-/var/tmp/saslauthd-trees}
packages=systemd,systemd-sysv,dbus,procps,iproute2,sasl2-bin,postfix,ca-certificates

skip() {
    echo "Skipped: the tests with systemd: $1" >&2
    [ -z "${CI:-}" ]
    exit
}

[ "$(id -u)" = 0 ] || skip "they need root"
command -v systemd-nspawn >/dev/null || skip "they need systemd-nspawn (Debian package systemd-container)"
[ -x "$programs/saslauthd" ] || { echo 'Run "make" first.' >&2; exit 1; }

make_tree() {
    command -v mmdebstrap >/dev/null || skip "they need mmdebstrap, or a tree in $trees/$1"
    mkdir -p "$trees"
    mmdebstrap --quiet --variant=minbase --include="$packages" "$1" "$trees/$1.new"
    mv "$trees/$1.new" "$trees/$1"
}

# What an administrator would install by hand.
install_into() {
    units=$1/etc/systemd/system
    install -m 0755 "$programs/saslauthd" "$programs/testsaslauthd" "$1/usr/sbin"
    install -m 0644 contrib/systemd/saslauthd.service contrib/systemd/saslauthd.socket "$units"
    install -m 0644 contrib/systemd/saslauthd.sysusers.conf "$1/usr/lib/sysusers.d/saslauthd.conf"
    install -m 0644 contrib/systemd/saslauthd.tmpfiles.conf "$1/usr/lib/tmpfiles.d/saslauthd.conf"
    install -d "$1/root/contrib"
    cp contrib/systemd/*.conf contrib/make/systemd-tests.sh contrib/make/unit-checks.sh "$1/root/contrib"
    # The C daemon's, and what would only take time. Without a number the machine would enable all units there are.
    rm -f "$units"/*.wants/saslauthd.service "$units"/*.wants/postfix.service "$1"/etc/rc?.d/*saslauthd
    echo 5a51a0d0000000000000000000000000 > "$1/etc/machine-id"
}

inside() {
    nsenter -t "$first" -m -u -i -n -p -C env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"
}

test_suite() {
    suite=$1
    [ -d "$trees/$suite" ] || make_tree "$suite"
    directory=$(mktemp -d "/var/tmp/saslauthd-$suite.XXXXXX")
    trap clean_up EXIT
    trap 'exit 1' HUP INT TERM
    cp -a "$trees/$suite" "$directory/tree"
    install_into "$directory/tree"
    boot_tree "saslauthd-$suite-$$" || skip "a container cannot be started here: $(tail -n 1 "$directory/log")"
    echo "== $suite: $(inside systemctl --version | head -n 1)"
    inside sh /root/contrib/systemd-tests.sh
}

status=0
for suite in "${@:-bookworm trixie}"; do
    # Not quoted: the default is two words.
    for one in $suite; do
        # With `||` behind it nothing in it would end at the first failure.
        set +e
        (set -e; test_suite "$one")
        failed=$?
        set -e
        [ "$failed" = 0 ] || status=1
    done
done
exit "$status"
