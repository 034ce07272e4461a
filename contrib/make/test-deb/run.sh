#!/bin/sh
# Installs, upgrades and removes the Debian package where the daemon of sasl2-bin runs and is asked all the time: on Debian
# 12 and 13, booted with systemd and with init scripts only. As root.
#
# usage: run.sh PACKAGE.deb DIRECTORY [RELEASE-INIT...]
#   DIRECTORY is for copies of the trees, which are in $SASLAUTHD_TREES (default /var/tmp/saslauthd-trees)
#   RELEASE-INIT, such as bookworm-systemd or trixie-sysv, are the cases to run, instead of all four
set -eu

package=$(realpath "$1")
mkdir -p "$2"
directory=$(cd "$2" && pwd)
shift 2
[ $# -gt 0 ] || set -- bookworm-systemd bookworm-sysv trixie-systemd trixie-sysv
trees=${SASLAUTHD_TREES:-/var/tmp/saslauthd-trees}
here=$(cd "$(dirname "$0")" && pwd)

container=
clean_up() {
    if [ -n "$container" ]; then
        kill "$container" 2>/dev/null || true
        wait "$container" || true
    fi
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# A package that a test can make fail, or kill dpkg, at the end of each script: where there is a file /root/fail.NAME or
# /root/kill.NAME.
with_traps() {
    rm -rf "$directory/unpacked"
    dpkg-deb --raw-extract "$package" "$directory/unpacked"
    sed -i "s/^Version: .*/Version: $1/" "$directory/unpacked/DEBIAN/control"
    for script in preinst postinst prerm postrm; do
        cat >> "$directory/unpacked/DEBIAN/$script" <<END
if [ -e "/root/kill.$script" ]; then rm "/root/kill.$script"; kill -KILL \$PPID; fi
if [ -e "/root/fail.$script" ]; then rm "/root/fail.$script"; exit 1; fi
END
    done
    dpkg-deb --root-owner-group --build "$directory/unpacked" "$2" >/dev/null
    rm -rf "$directory/unpacked"
}

nspawn() {
    set -- --quiet --register=no --keep-unit --private-network --resolv-conf=off --timezone=off --directory="$root" "$@"
    exec setsid systemd-nspawn "$@" < /dev/null
}

# Copies the tree of a release, with what the scenario needs.
lay_out() {
    rm -rf "$root"
    cp -a --reflink=auto "$trees/$release" "$root"
    mkdir "$root/root/test"
    cp "$here/scenario.sh" "$here/checks.sh" "$root/root/test"
    cp "$package" "$root/root/test/first.deb"
    cp "$directory/second.deb" "$directory/third.deb" "$root/root/test"
    cp "$trees/$release.debs"/sasl2-bin_*.deb "$root/root/test/sasl2-bin.deb"
}

# Runs the scenario in a container that systemd has booted in.
with_systemd() {
    nspawn --machine="saslauthd-$1" --boot > "$root.log" 2>&1 &
    container=$!
    attempts=300
    until leader=$(pgrep -P "$container") && inside systemctl is-system-running 2>/dev/null | grep -Eqx 'running|degraded'; do
        attempts=$((attempts - 1))
        [ "$attempts" -gt 0 ] || { echo "The container does not boot: $root.log" >&2; exit 1; }
        sleep 0.2
    done
    result=0
    inside bash /root/test/scenario.sh systemd || result=$?
    kill -s RTMIN+4 "$leader"
    wait "$container" || true
    container=
    return "$result"
}

inside() {
    nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup --root --wdns=/ \
        env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@" </dev/null
}

# Runs it where nothing but init scripts can start a service.
with_init_scripts() {
    nspawn --machine="saslauthd-$1" --pipe --as-pid2 /bin/bash /root/test/scenario.sh sysv &
    container=$!
    result=0
    wait "$container" || result=$?
    container=
    return "$result"
}

releases=$(printf '%s\n' "$@" | sed 's/-.*//' | sort -u)
# shellcheck disable=SC2086 # a list of names
"$here/trees.sh" "$trees" $releases
version=$(dpkg-deb --field "$package" Version)
with_traps "$version+2" "$directory/second.deb"
with_traps "$version+3" "$directory/third.deb"

failed=
for case in "$@"; do
    release=${case%-*}
    root=$directory/$case
    echo "== $case"
    started=$(date +%s)
    lay_out
    case $case in
        *-systemd) with_systemd "$case" || failed="$failed $case" ;;
        *-sysv) with_init_scripts "$case" || failed="$failed $case" ;;
    esac
    echo "== $case: $(($(date +%s) - started)) s"
    case " $failed " in *" $case "*) ;; *) rm -rf "$root" ;; esac
done
[ -z "$failed" ] || { echo "Failed:$failed" >&2; exit 1; }
