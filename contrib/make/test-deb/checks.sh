# shellcheck shell=bash disable=SC2154,SC2034 # variables of scenario.sh
# What is looked at after each step: who answers, whether Postfix authenticates, and what must not have changed.

fail() {
    echo "FAILED: $step: $1" >&2
    { dpkg --list sasl2-bin saslauthd-rs; dpkg-divert --list '*sasl*'; pgrep -af saslauthd; } >&2 || true
    [ "$init" = sysv ] || { systemctl status --no-pager saslauthd; journalctl --no-pager -u saslauthd -n 10; } >&2 || true
    tail -n 40 /root/dpkg.log >&2
    exit 1
}

# Until the command is true: at most twenty seconds.
await() {
    local attempts=100
    until "$@"; do
        attempts=$((attempts - 1))
        [ "$attempts" -gt 0 ] || return 1
        sleep 0.2
    done
}

# The last program of C that was copied, since those in /usr/sbin come and go.
ask() {
    /root/testsaslauthd -u anna -p "$1" -s smtp -f "${2:-/var/run/saslauthd/mux}" >/dev/null 2>&1
}

# The first digit triple that an SMTP server answers AUTH PLAIN with.
smtp_auth() {
    local line plain
    plain=$(printf '\0anna\0%s' "$1" | base64)
    exec 5<>/dev/tcp/127.0.0.1/25 || return
    {
        read -r -t 20 line <&5
        printf 'EHLO client\r\n' >&5
        while read -r -t 20 line <&5 && [[ $line != "250 "* ]]; do :; done
        printf 'AUTH PLAIN %s\r\n' "$plain" >&5
        read -r -t 30 line <&5
        printf 'QUIT\r\n' >&5
    } 2>/dev/null
    exec 5>&-
    echo "${line:0:3}"
}

process() {
    cat "${1:-/var/run/saslauthd}/saslauthd.pid" 2>/dev/null
}

# ours, c or none: by the program that the process in the pid file runs.
who_runs() {
    local pid
    pid=$(process "${1:-}")
    if [ -z "$pid" ] || [ ! -e "/proc/$pid/exe" ]; then echo none
    elif "/proc/$pid/exe" -v 2>&1 | grep -q passwdfile; then echo ours; else echo c; fi
}

is_of_file() {
    [ "/proc/$(process "$1")/exe" -ef /usr/sbin/saslauthd ]
}

runs() {
    [ "$(who_runs "${2:-}")" = "$1" ]
}

# Whether it is started at boot, and the settings.
state() {
    [ "$init" = sysv ] || systemctl is-enabled saslauthd 2>/dev/null
    find /etc/rc?.d /etc/systemd/system -name '*saslauthd*' | sort
    sha256sum /etc/default/saslauthd*
    dpkg-query --show --showformat '${Conffiles}\n' sasl2-bin
    dpkg-statoverride --list
}

# Debian 13's unit leaves the directory open to everybody, and the package does not decide that for the administrator.
mode() {
    if [ "$init" = systemd ] && [ -e /usr/lib/systemd/system/saslauthd.service ]; then echo 755; else echo 710; fi
}

# The daemon that is meant answers, also to Postfix, and nothing else has changed.
expect() {
    local daemon=$1
    await runs "$daemon" || fail "$(who_runs) runs, not $daemon"
    if [ "$daemon" != none ]; then
        is_of_file /var/run/saslauthd || fail "the daemon is not that of /usr/sbin/saslauthd"
        await ask secret || fail "the right password is refused"
        ! ask wrong || fail "a wrong password is accepted"
        [ "$(smtp_auth secret)" = 235 ] || fail "Postfix does not take the right password: $(smtp_auth secret)"
        [ "$(smtp_auth wrong)" = 535 ] || fail "Postfix does not refuse a wrong password: $(smtp_auth wrong)"
        [ "$(stat -c '%a %U %G' /var/run/saslauthd/)" = "$(mode) root sasl" ] || fail "the run directory is $(stat -c '%a %U %G' /var/run/saslauthd/)"
    fi
    diff <(echo "$state") <(state) || fail "enabled state or settings have changed"
    [ -z "$(dpkg --audit)" ] || fail "$(dpkg --audit)"
    report "$daemon"
}

# As the package found it: nothing of ours is left, and sasl2-bin is whole.
expect_untouched() {
    [ -z "$(dpkg-divert --list '*saslauthd*')" ] || fail "diversions are left"
    ! dpkg --verify sasl2-bin | grep -qv ' c ' || fail "sasl2-bin is not whole: $(dpkg --verify sasl2-bin)"
    [ -z "$(find /usr /etc /run /var/lib/systemd -name '*saslauthd-rs*' -o -name '*.sasl2-bin*' -o -name 'saslauthd.service.d')" ] || fail "files are left"
}

# Asks without end, and counts.
start_load() {
    (
        while :; do
            if ask secret; then echo ok; else echo "failed $(date +%s.%N)"; fi >> /root/load
            sleep 0.02
        done
    ) &
    load=$!
}

report() {
    mv /root/load /root/load.of_step
    printf '%-66s %-5s %5d asked, %4d failed%s\n' "$step" "$1" "$(wc -l < /root/load.of_step)" \
        "$(grep -c failed /root/load.of_step)" "$(outage)"
}

# How long it lasted, where there was one.
outage() {
    awk '/failed/ { if (!first) first = $2; last = $2 } END { if (first) printf " within %.1f s", last - first }' /root/load.of_step
}
