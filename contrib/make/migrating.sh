#!/bin/sh
# Runs the commands of docs/MIGRATING.md exactly as they are written there, forth and back, each way in a container with
# systemd that is made for it, and logs in after each step. Root; nothing of the host is touched, and the containers
# have no network.
#
# usage: migrating.sh DIRECTORY-OF-PROGRAMS [WAY...]        ways: debian redhat arch dovecot package
#
# shellcheck disable=SC2317 # what ends a container is called by a trap
#
# MIGRATING_TREE: a tree of Debian 12, made with mmdebstrap if it is not there. It is copied, never changed.
# SASLAUTHD_DEB: the package, without which the way `package` is not tried.
set -eu

# shellcheck source=contrib/make/booted.sh
. contrib/make/booted.sh

programs=$(realpath "$1")
shift
document=docs/MIGRATING.md
tree=${MIGRATING_TREE:-/var/tmp/saslauthd-trees/migrating}
packages=systemd,systemd-sysv,dbus,sasl2-bin,libsasl2-modules,postfix,dovecot-core,ssl-cert,adduser,procps,make,python3,mount,netbase

skip() {
    echo "Skipped: the commands of $document: $1" >&2
    [ -z "${CI:-}" ]
    exit
}

# The block of the document with this mark.
block() {
    awk -v mark="\`\`\`sh migrate:$1" '$0 == mark { on = 1; next } /^```/ { on = 0 } on' "$document"
}

marks() {
    sed -n 's/^```sh migrate://p' "$document"
}

make_tree() {
    command -v mmdebstrap >/dev/null || skip "they need mmdebstrap, or a tree in $tree"
    mkdir -p "$(dirname "$tree")"
    mmdebstrap --quiet --variant=minbase --include="$packages" bookworm "$tree.new"
    mv "$tree.new" "$tree"
}

# What somebody has who has typed `make`: the source as far as `make install` needs it, and the programs.
copy_source() {
    install -d "$1/root/source/target/release"
    cp -r Makefile contrib man "$1/root/source"
    # Those that there are: a later version has more.
    find "$programs" -maxdepth 1 -name '*saslauthd*' -type f -perm -u+x -exec cp {} "$1/root/source/target/release" \;
    [ -z "${SASLAUTHD_DEB:-}" ] || install -D -m 0644 -t "$1/root/source/target/deb" "$SASLAUTHD_DEB"
}

inside() {
    nsenter -t "$first" -m -u -i -n -p -C env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
        HOME=/root sh -euc 'cd /root/source && exec "$@"' sh "$@"
}

boot() {
    directory=$(mktemp -d "${TMPDIR:-/var/tmp}/saslauthd-migrating.XXXXXX")
    trap clean_up EXIT
    trap 'exit 1' HUP INT TERM
    cp -a "$tree" "$directory/tree"
    copy_source "$directory/tree"
    boot_tree "saslauthd-migrating-$$" || skip "a container cannot be started here: $(tail -n 1 "$directory/log")"
}

# Runs the block of this mark as somebody would who pastes it into a shell.
run_block() {
    commands=$(block "$1")
    [ -n "$commands" ] || { echo "$document has no block $1" >&2; return 1; }
    echo "-- $1"
    printf '%s\n' "$commands" | inside sh -eu || { echo "The commands of $1 failed." >&2; return 1; }
}

try() {
    inside sh contrib/make/migrating-inside.sh "$@"
}

# usage: test_way WAY BLOCK=WHO-ANSWERS-THEN...
test_way() {
    way=$1
    shift
    echo "== $way"
    boot
    try prepare "$way"
    for step in "$@"; do
        run_block "${step%%=*}"
        try verify "$way" "${step#*=}"
    done
}

test_named() {
    case $1 in
        debian) test_way debian debian=ours socket=ours-socket socket-back=ours debian-back=C ;;
        redhat) test_way redhat redhat=ours redhat-back=C ;;
        arch) test_way arch arch=ours arch-back=C ;;
        dovecot) test_way dovecot debian=Dovecot dovecot-check=Dovecot dovecot=ours-socket dovecot-back=Dovecot ;;
        package)
            if [ -z "${SASLAUTHD_DEB:-}" ]; then
                skip "SASLAUTHD_DEB names no package, so the way \"package\" was not tried"
            fi
            test_way debian package=ours package-back=C
            ;;
        *) echo "There is no way $1." >&2; exit 1 ;;
    esac
}

# No block may be left out by a slip in its mark.
check_marks() {
    for mark in $(marks); do
        grep -q "[ =]$mark=" contrib/make/migrating.sh || { echo "$document: nobody runs the block $mark" >&2; exit 1; }
    done
}

check_marks
[ "$(id -u)" = 0 ] || skip "they need root"
command -v systemd-nspawn >/dev/null || skip "they need systemd-nspawn (Debian package systemd-container)"
[ -x "$programs/saslauthd" ] || { echo 'Run "make" first.' >&2; exit 1; }
[ -d "$tree" ] || make_tree

[ $# -gt 0 ] || set -- debian redhat arch dovecot package
status=0
for way in "$@"; do
    # With `||` behind it nothing in it would end at the first failure.
    set +e
    (set -e; test_named "$way")
    failed=$?
    set -e
    [ "$failed" = 0 ] || { echo "FAILED: $way" >&2; status=1; }
done
exit "$status"
