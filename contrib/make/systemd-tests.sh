#!/bin/sh
# What the units in contrib/systemd promise, tried inside a container that systemd.sh has booted.
#
# shellcheck disable=SC2016,SC2317 # units and Perl have variables of their own; functions are called by their names
set -u

# shellcheck source=contrib/make/unit-checks.sh
. "$(dirname "$0")/unit-checks.sh"

# Starts anew with these settings (lines of /etc/default/saslauthd) and drop-ins (files, or text on the standard input for -).
configure() { # SETTINGS [DROP-IN...]
    systemctl stop "$unit"
    systemctl reset-failed "$unit" 2>/dev/null
    rm -rf "$drop_ins"
    mkdir -p "$drop_ins"
    printf '%s\n' "$1" > /etc/default/saslauthd
    shift
    for one in "$@"; do
        case $one in
            *.conf) cp "/root/contrib/$one" "$drop_ins" ;;
            *) printf '[Service]\n%s\n' "$one" > "$drop_ins/own.conf" ;;
        esac
    done
    systemctl daemon-reload
}

PAM='MECHANISMS=pam
OPTIONS="-m /run/saslauthd"
THREADS=3'
LDAP='MECHANISMS=ldap
OPTIONS="-m /run/saslauthd --config=/etc/test.conf"'
PASSWDFILE='MECHANISMS=passwdfile
OPTIONS="-m /run/saslauthd"'

prepare() {
    systemd-sysusers
    systemd-tmpfiles --create saslauthd.conf
    useradd --create-home anna
    echo "anna:$PASSWORD" | chpasswd
    echo "anna:{PLAIN}$PASSWORD" > /etc/users
    chown root:saslauth /etc/users
    chmod 0640 /etc/users
    good_configuration
}

good_configuration() { printf 'ldap_servers: ldap://127.0.0.1:1\nldap_search_base: dc=x\n' > /etc/test.conf; }
bad_configuration() { echo 'ldap_version: x' >> /etc/test.conf; }

starts_and_stops() {
    configure "$PAM"
    systemctl start "$unit" && served_right && is Type notify && is ActiveState active && is SubState running
}

the_end_leaves_nothing() {
    systemctl stop "$unit" && is Result success && not pgrep -f '^(saslauthd:|/usr/sbin/saslauthd)' >/dev/null &&
        [ ! -e /run/saslauthd/mux ]
}

journal_lines_once() {
    [ "$(journalctl --unit="$unit" --output=cat | grep -c 'listening on socket')" = "$1" ]
}

reloads() {
    configure "$LDAP"
    systemctl start "$unit" || return 1
    before=$(frontend)
    systemctl reload "$unit" && eventually is ActiveState active && is SubState running &&
        eventually new_frontend "$before" && not status_has refused
}

refused_reload() {
    bad_configuration
    systemctl reload "$unit"
    eventually status_has 'last reload was refused' && is ActiveState active && eventually is SubState running
}
accepted_again() {
    good_configuration
    systemctl reload "$unit"
    eventually not status_has refused && eventually is SubState running
}

# systemd 253 or later.
notify_reload() {
    configure "$LDAP" 'Type=notify-reload
ExecReload='
    systemctl start "$unit" && before=$(frontend) && systemctl reload "$unit" && eventually new_frontend "$before" &&
        bad_configuration && systemctl reload "$unit" && status_has refused && is SubState running &&
        good_configuration
}

watchdog() {
    configure "$PAM" WatchdogSec=3
    systemctl start "$unit" || return 1
    main=$(property MainPID)
    # It is fed: longer than the watchdog waits, nothing happens.
    sleep 5
    is MainPID "$main" && is NRestarts 0 || return 1
    kill -STOP "$main"
    eventually is NRestarts 1 && eventually served_right && [ ! -e "/proc/$main" ]
}

stopped_frontend() {
    configure "$PAM"
    systemctl start "$unit" || return 1
    main=$(property MainPID) before=$(frontend)
    kill -STOP "$before"
    eventually new_frontend "$before" && served_right && is MainPID "$main" && is NRestarts 0
}

crash() {
    main=$(property MainPID)
    kill -KILL "$main"
    eventually is NRestarts 1 && eventually served_right && is ActiveState active
}

status_text() { eventually status_has '^[0-9.]* logins/s, [0-9]* busy workers\{0,1\}, [0-9]* logins\{0,1\} waiting'; }

hardened_pam() {
    configure "$PAM" hardened-pam.conf
    systemctl start "$unit" && served_right && served_right && [ "$(capabilities)" = 00000000000000e0 ] &&
        [ "$(user_of frontend)" = saslauth ] && [ "$(user_of worker)" = root ]
}

# As a drop-in of before has it.
hardened_pam_without_capabilities() {
    configure "$PAM" hardened-pam.conf 'CapabilityBoundingSet='
    systemctl start "$unit" && served_right && [ "$(user_of frontend)" = root ] &&
        journalctl --unit="$unit" --output=cat | grep -q 'without CAP_SETUID, CAP_SETGID, CAP_KILL'
}

# Only root may read it.
passwdfile_for_root() {
    chown root:root /etc/users && chmod 0600 /etc/users
    configure "$PASSWDFILE
MECH_OPTIONS=/etc/users"
    systemctl start "$unit" && served_right && [ "$(user_of frontend)" = saslauth ] &&
        [ "$(user_of worker)" = saslauth ]
    result=$?
    chown root:saslauth /etc/users && chmod 0640 /etc/users
    return "$result"
}
capabilities() { sed -n 's/^CapBnd:[[:space:]]*//p' "/proc/$(property MainPID)/status"; }

hardened_shadow() {
    configure "$(echo "$PAM" | sed 's/=pam/=shadow/')" hardened-pam.conf
    systemctl start "$unit" && served_right
}

# With MECH_OPTIONS as Debian 13 has it, and as Debian 12 has it.
hardened_own_user() {
    for option in '-O /etc/users' /etc/users; do
        configure "$PASSWDFILE
MECH_OPTIONS=\"$option\"" hardened.conf
        systemctl start "$unit" && served_right && [ "$(users)" = saslauth ] || return 1
    done
}
users() { pgrep -f '^saslauthd: ' | xargs ps -o user= -p | sort -u; }

hardened_run_directory() { run_directory_is 'saslauth:sasl 710'; }
run_directory_is() { [ "$(stat -c '%U:%G %a' /run/saslauthd)" = "$1" ]; }

# Stopped, the drop-in has taken the run directory with it.
run_directory_without_the_drop_in() {
    configure "$PAM"
    [ ! -e /run/saslauthd ] && systemctl start "$unit" && served_right && run_directory_is 'root:sasl 710'
}

hardened_reload() { before=$(frontend) && systemctl reload "$unit" && eventually new_frontend "$before" && served_right; }

no_trace_of_the_filter() {
    not hindered "$(sandbox_of --unit="$unit")" --unit="$unit"
}

forking() {
    configure "$PAM" 'Type=forking
PIDFile=/run/saslauthd/saslauthd.pid
ExecStart=
ExecStart=/usr/sbin/saslauthd -a $MECHANISMS -O ${MECH_OPTIONS} $OPTIONS -n $THREADS
WatchdogSec=0'
    systemctl start "$unit" && served_right && is MainPID "$(cat /run/saslauthd/saslauthd.pid)"
}

detached_notify() {
    configure "$PAM" 'NotifyAccess=all
ExecStart=
ExecStart=/usr/sbin/saslauthd -a $MECHANISMS $OPTIONS -n $THREADS'
    systemctl start "$unit" && served_right && is MainPID "$(cat /run/saslauthd/saslauthd.pid)" && status_text
}

GREETING='use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => shift) or exit 1; alarm 10; print scalar <$s>;'
socket_unit() {
    auth=/var/spool/postfix/private/auth
    configure "MECHANISMS=pam
OPTIONS=\"-m /run/saslauthd --socket=$auth,protocol=dovecot\""
    systemctl start saslauthd.socket && systemctl start "$unit" && served_right &&
        perl -e "$GREETING" "$auth" | grep -q '^VERSION' && [ "$(stat -c %U "$auth")" = postfix ] &&
        systemctl restart "$unit" && perl -e "$GREETING" "$auth" | grep -q '^VERSION'
    result=$?
    systemctl stop saslauthd.socket
    return "$result"
}

prepare
check "the unit is active when logins are served" starts_and_stops
check "a line is in the journal once" journal_lines_once 1
check "its status has three numbers" status_text
check "the end leaves nothing" the_end_leaves_nothing
check "a reload brings a new frontend" reloads
check "a refused reload leaves it active and says so" refused_reload
check "a good reload after it is used" accepted_again
if [ "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')" -ge 253 ]; then
    check "notify-reload waits for the end of the reload" notify_reload
fi
check "a supervisor that is stopped is restarted" watchdog
check "a frontend that is stopped is replaced by the supervisor" stopped_frontend
check "a supervisor that is killed is restarted" crash
check "hardened-pam.conf: pam_unix" hardened_pam
check "hardened-pam.conf: reload" hardened_reload
check "hardened-pam.conf without capabilities: served as root, with a warning" hardened_pam_without_capabilities
check "passwdfile, for root alone, by workers that are not root" passwdfile_for_root
check "hardened-pam.conf: shadow" hardened_shadow
check "hardened.conf: passwdfile as saslauth, MECH_OPTIONS with and without -O" hardened_own_user
check "hardened.conf: reload" hardened_reload
check "hardened.conf: the run directory is its account's" hardened_run_directory
check "the run directory is root's again without hardened.conf" run_directory_without_the_drop_in
check "no process was hindered by the hardening" no_trace_of_the_filter
check "Type=forking" forking
check "Type=notify and a daemon that detaches" detached_notify
check "the socket unit" socket_unit
check "the end leaves nothing" the_end_leaves_nothing
exit "$((failed > 0))"
