# Sourced by scripts that boot a tree with systemd in a container, as root: $directory/tree, with its log in
# $directory/log. They have a function `inside`, which runs a command there by the number of its first process, $first.
#
# shellcheck shell=sh disable=SC2154,SC2034 # what the scripts set and read

first='' container=''

# Ends whatever is left, and goes with the directory.
clean_up() {
    power_off
    rm -rf --one-file-system "$directory"
}

# usage: boot_tree NAME      Returns 1 if a container cannot be started here.
boot_tree() {
    setsid systemd-nspawn --quiet --directory="$directory/tree" --register=no --keep-unit --private-network --boot \
        --machine="$1" > "$directory/log" 2>&1 < /dev/null &
    container=$!
    first=$(first_process "$container")
    [ -n "$first" ] || return 1
    wait_until_booted
}

# The first process of the container whose manager has the number $1, once it is there: before it there is one that only
# prepares it.
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

wait_until_booted() {
    for _ in $(seq 600); do
        case $(inside systemctl is-system-running 2>/dev/null) in running | degraded) return 0 ;; esac
        sleep 0.1
    done
    echo "The container did not boot:" >&2
    cat "$directory/log" >&2
    exit 1
}

power_off() {
    # SIGRTMIN+4, for which not every shell has a name.
    [ -z "$first" ] || kill -s 38 "$first" 2>/dev/null || true
    [ -n "$container" ] || return 0
    for _ in $(seq 200); do
        kill -0 "$container" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL ${first:+"$first"} "$container" 2>/dev/null || true
}
