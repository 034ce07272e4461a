# Sourced inside a container by the scripts that try units there: what one looks at, and how it is said.
#
# shellcheck shell=sh disable=SC2034,SC2317 # what the scripts read; functions are called by their names

unit=saslauthd.service
drop_ins=/etc/systemd/system/$unit.d
failed=0
PASSWORD=right-password

check() { # NAME COMMAND...
    name=$1
    shift
    if "$@"; then
        echo "ok      $name"
        return
    fi
    echo "FAILED  $name"
    systemctl status --no-pager --lines=15 "$unit" 2>&1 | sed 's/^/        /'
    failed=$((failed + 1))
}

# Waits, for half a minute at the most.
eventually() {
    for _ in $(seq 300); do
        if "$@"; then return 0; fi
        sleep 0.1
    done
    return 1
}

not() { ! "$@"; }

property() { systemctl show --property="$1" --value "$unit"; }
is() { [ "$(property "$1")" = "$2" ]; } # PROPERTY VALUE
status_has() { property StatusText | grep -q "$1"; }
frontend() { pgrep -f '^saslauthd: frontend' | head -n 1; }
new_frontend() { now=$(frontend) && [ -n "$now" ] && [ "$now" != "$1" ]; }
user_of() { pgrep -f "^saslauthd: $1" | xargs ps -o user= -p | sort -u; }

answer() { # LOGIN PASSWORD
    testsaslauthd -u "$1" -p "$2" -s smtp -f /run/saslauthd/mux 2>&1
}
accepts() { answer anna "$PASSWORD" | grep -q 'OK'; }
# A refusal, which is not the same as nobody having been able to tell.
refuses() { answer anna wrong | grep -q 'NO'; }
served_right() { accepts && refuses; }

# What the sandbox has under a unit without hardening: what a container lacks it lacks there, too.
sandbox_of() { # JOURNALCTL-OPTION...
    journalctl --output=cat "$@" | grep -m 1 -o 'sandbox in force: [^;]*'
}
# Whatever the filter of system calls or a mount has refused, but for that. Without it nobody could tell: every line has "".
hindered() { # SANDBOX JOURNALCTL-OPTION...
    sandbox=$1
    shift
    if [ -z "$sandbox" ]; then echo "no line of the log says what the sandbox is" && return; fi
    journalctl --output=cat "$@" | grep -vF "$sandbox" | grep -E 'SIGSYS|signal 31|Operation not permitted|Permission denied|Read-only file system'
}
