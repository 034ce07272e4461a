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
    cp contrib/systemd/*.conf contrib/make/systemd-tests.sh "$1/root/contrib"
    # The C daemon's, and what would only take time. Without a number the machine would enable all units there are.
    rm -f "$units"/*.wants/saslauthd.service "$units"/*.wants/postfix.service "$1"/etc/rc?.d/*saslauthd
    echo 5a51a0d0000000000000000000000000 > "$1/etc/machine-id"
}

# The first process of the container, once it is there: before it there is one that only prepares it.
first_process() {
    for _ in $(seq 300); do
        children=$(cat "/proc/$1/task/$1/children" 2>/dev/null) || children=
        for child in $children; do
            if grep -q '^NSpid:.*[[:space:]]1$' "/proc/$child/status" 2>/dev/null; then
                echo "$child"
                return
            fi
        done
        sleep 0.1
    done
}

inside() {
    nsenter -t "$first" -m -u -i -n -p -C env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"
}

wait_until_booted() {
    for _ in $(seq 600); do
        case $(inside systemctl is-system-running 2>/dev/null) in running | degraded) return ;; esac
        sleep 0.1
    done
    echo "$suite did not boot:" >&2
    cat "$directory/log" >&2
    return 1
}

power_off() {
    # SIGRTMIN+4, for which not every shell has a name.
    [ -z "$first" ] || kill -s 38 "$first" 2>/dev/null || true
    for _ in $(seq 200); do
        kill -0 "$container" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL ${first:+"$first"} "$container" 2>/dev/null || true
}

test_suite() {
    suite=$1 first='' container=''
    [ -d "$trees/$suite" ] || make_tree "$suite"
    directory=$(mktemp -d "/var/tmp/saslauthd-$suite.XXXXXX")
    trap 'power_off; rm -rf --one-file-system "$directory"' EXIT
    trap 'exit 1' HUP INT TERM
    cp -a "$trees/$suite" "$directory/tree"
    install_into "$directory/tree"
    setsid systemd-nspawn --quiet --directory="$directory/tree" --register=no --keep-unit --private-network --boot \
        --machine="saslauthd-$suite-$$" > "$directory/log" 2>&1 < /dev/null &
    container=$!
    first=$(first_process "$container")
    [ -n "$first" ] || skip "a container cannot be started here: $(tail -n 1 "$directory/log")"
    wait_until_booted
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
