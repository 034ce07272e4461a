#!/bin/sh
# Tries contrib/container/Containerfile without a container engine: its account, its entry point and its way to run, in a
# tree of Debian 13 by systemd-nspawn, read-only and without a network. Root.
#
# usage: container.sh DIRECTORY-OF-PROGRAMS
#
# shellcheck disable=SC2317 # functions are called by their names
#
# SYSTEMD_TREES: as in systemd.sh, which makes the tree.
set -eu

programs=$(realpath "$1")
tree=${SYSTEMD_TREES:-/var/tmp/saslauthd-trees}/trixie
containerfile=contrib/container/Containerfile
failed=0 container='' daemon=''

if [ "$(id -u)" != 0 ] || ! command -v systemd-nspawn >/dev/null || [ ! -d "$tree" ]; then
    echo "Skipped: the container: it needs root, systemd-nspawn and a tree in $tree, which systemd.sh makes" >&2
    [ -z "${CI:-}" ]
    exit
fi

directory=$(mktemp -d /var/tmp/saslauthd-container.XXXXXX)
trap 'kill_container; rm -rf --one-file-system "$directory"' EXIT
trap 'exit 1' HUP INT TERM
root=$directory/tree

kill_container() { [ -z "$container" ] || kill -KILL "$container" 2>/dev/null || true; }

check() { # NAME COMMAND...
    name=$1
    shift
    if "$@"; then
        echo "ok      $name"
        return
    fi
    echo "FAILED  $name"
    sed 's/^/        /' "$directory/log"
    failed=$((failed + 1))
}

eventually() {
    for _ in $(seq 200); do
        if "$@"; then return 0; fi
        sleep 0.1
    done
    return 1
}

in_tree() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

prepare() {
    cp -a "$tree" "$root"
    install -m 0755 "$programs/saslauthd" "$programs/saslauthdctl" "$programs/testsaslauthd" "$root/usr/sbin"
    in_tree useradd --system --user-group --no-create-home --home-dir /run/saslauthd saslauth
    echo 'anna:{PLAIN}right' > "$root/etc/users"
    in_tree chown saslauth /etc/users
    chmod 0640 "$root/etc/users"
    in_tree useradd berta
    echo 'berta:right' | in_tree chpasswd
    uid=$(in_tree id -u saslauth) gid=$(in_tree getent group sasl | cut -d: -f3)
    mkdir -p "$directory/run"
    chown "$uid:$gid" "$directory/run"
    chmod 0710 "$directory/run"
}

# With the user and these words behind the entry point.
run() { # USER WORD...
    user=$1
    shift
    entry=$(sed -n 's/^ENTRYPOINT \[\(.*\)\]$/\1/p' "$containerfile" | tr -d '",')
    # shellcheck disable=SC2086 # words
    setsid systemd-nspawn --quiet --directory="$root" --read-only --register=no --keep-unit --private-network \
        --bind="$directory/run:/run/saslauthd" --user="$user" --no-new-privileges="$privileges" \
        --console=pipe --kill-signal=SIGTERM -- $entry "$@" > "$directory/log" 2>&1 < /dev/null &
    container=$!
    eventually [ -S "$directory/run/mux" ] && eventually find_daemon
}

find_daemon() {
    daemon=$(cat "/proc/$container/task/$container/children" 2>/dev/null) && daemon=${daemon%% *} &&
        [ "$(cat "/proc/$daemon/comm" 2>/dev/null)" = saslauthd ]
}

ask() { # LOGIN PASSWORD
    "$programs/testsaslauthd" -u "$1" -p "$2" -s smtp -f "$directory/run/mux" 2>&1
}
serves() { ask "$1" right | grep -q OK && ask "$1" wrong | grep -q NO; }
is_first() { [ "$(sed -n 's/^NSpid:.*[[:space:]]//p' "/proc/$daemon/status")" = 1 ]; }
runs_as() { [ "$(awk '/^Uid:/ { print $2, $3, $4, $5 }' "/proc/$daemon/status" | tr ' ' '\n' | sort -u)" = "$1" ]; }
logs() { grep -q "$1" "$directory/log"; }
reloads() { kill -HUP "$daemon" && eventually logs 'a new frontend has taken over' && serves "$1"; }
ends() {
    kill -TERM "$daemon" && wait "$container" && container='' && [ -z "$(ls "$directory/run")" ]
}
# As an engine runs it: in the container, as its user.
is_healthy() {
    health=$(sed -n 's/^HEALTHCHECK .* CMD \[\(.*\)\]$/\1/p' "$containerfile" | tr -d '",')
    [ -n "$health" ] || return 1
    # shellcheck disable=SC2086 # words
    timeout 20 nsenter -t "$daemon" -m -u -i -n -p -S "$uid" -G "$gid" env -i PATH=/usr/sbin:/usr/bin $health >/dev/null
}
# Not for want of the program.
is_ill() { ! is_healthy 2> "$directory/health" && grep -q '^saslauthdctl: ' "$directory/health"; }
# A daemon none of whose processes gets on.
ill_while_stopped() {
    frontends=$(cat "/proc/$daemon/task/$daemon/children")
    # shellcheck disable=SC2086 # words
    kill -STOP "$daemon" $frontends && is_ill
    result=$?
    # shellcheck disable=SC2086 # words
    kill -CONT "$daemon" $frontends
    return "$result"
}

prepare
privileges=yes
check "it starts on a read-only root as saslauth" run saslauth -a passwdfile -O /etc/users
check "it is the first process" is_first
check "it is not root" runs_as "$uid"
check "it logs to the container's stream" eventually logs 'listening on socket'
check "it serves" serves anna
check "HUP reloads" reloads anna
check "the health check finds it well" is_healthy
check "the health check finds it ill when it is stopped" ill_while_stopped
check "the health check finds it well again" eventually is_healthy
check "TERM ends it with 0 and leaves nothing" ends

privileges=no
check "as root with pam it starts on a read-only root" run root -a pam
check "it serves by pam_unix" serves berta
check "TERM ends it, too" ends
exit "$((failed > 0))"
