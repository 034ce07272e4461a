#!/bin/sh
# Logs in by each mechanism that maps a library or asks a server, under each form of the service, inside a container that
# mechanisms.sh has booted.
#
# shellcheck disable=SC2317 # functions are called by their names
set -u

# shellcheck source=contrib/make/unit-checks.sh
. "$(dirname "$0")/unit-checks.sh"
# shellcheck source=contrib/make/mechanism-servers.sh
. "$(dirname "$0")/mechanism-servers.sh"

# What the package has of contrib.
examples=/usr/share/doc/saslauthd-rs/examples

fail() {
    echo "FAILED  $1" >&2
    tail -n 40 /root/log >&2
    exit 1
}

# Runs a step of the preparation, which has to go well.
prepare() {
    "$@" >> /root/log 2>&1 || fail "the preparation: $*"
}

# Its own unit or script, that of contrib/systemd, or a drop-in for that.
form() {
    systemctl stop "$unit"
    rm -rf "$drop_ins" /etc/systemd/system/$unit
    chown root:root /etc/*.keytab
    if [ "$1" != "the package" ]; then
        cp $examples/systemd/saslauthd.service /etc/systemd/system
    fi
    case $1 in
        hardened*) install -D -t "$drop_ins" "$examples/systemd/$1" ;;
    esac
    # There is no root then to read them.
    if [ "$1" = hardened.conf ]; then
        chown saslauth /etc/*.keytab
    fi
    systemctl daemon-reload
}

# Served, also after a reload, by processes that were hindered in nothing.
serves() { # FORM MECHANISM
    systemctl stop "$unit"
    systemctl reset-failed "$unit" 2>/dev/null
    printf 'START=yes\nMECHANISMS="%s"\nMECH_OPTIONS=""\nTHREADS=2\nOPTIONS="-c -m /run/saslauthd"\n' "$(mechanism "$2")" > /etc/default/saslauthd
    journalctl --sync && since=$(date '+%F %T.%6N')
    # In a container systemd 257 now and then misses the unit's control group ("Failed to spawn executor"), and tries again.
    systemctl start "$unit" || eventually is ActiveState active || return 1
    eventually accepts && refuses || return 1
    before=$(frontend)
    systemctl reload "$unit" && eventually new_frontend "$before" && eventually accepts && refuses && is_confined "$1" "$2" || return 1
    [ -n "${sandbox:-}" ] || sandbox=$(sandbox_of --identifier=saslauthd)
    not hindered "$sandbox" --since="$since" --identifier=saslauthd
}

is_confined() {
    [ "$(user_of frontend)" = saslauth ] || return 1
    case "$1 $2" in
        "hardened.conf "*) [ "$(user_of worker)" = saslauth ] ;;
        *kerberos5) user_of worker | grep -qx root ;;
        *) ! user_of worker | grep -qvx saslauth ;;
    esac
}

# Of libraries that are only suggested.
names_what_is_missing() { # MECHANISM LIBRARY
    mechanism "$1" >/dev/null
    find /usr/lib -name "$2*" | while read -r file; do mv "$file" "$file.away"; done
    saslauthd --check -a "$(mechanism "$1")" > /root/said 2>&1
    result=$?
    find /usr/lib -name "$2*.away" | while read -r file; do mv "$file" "${file%.away}"; done
    [ "$result" != 0 ] && grep -q "$2" /root/said
}

prepare dpkg --install /root/test/saslauthd-rs.deb
prepare kerberos
prepare directory
prepare postgresql
prepare mariadb
prepare sqlite
prepare sasldb
for form in 'the package' saslauthd.service hardened-pam.conf hardened.conf; do
    form "$form"
    for mechanism in $mechanisms; do
        check "$form: $mechanism" serves "$form" "$mechanism"
    done
done
systemctl stop "$unit"
check "a missing libpq is named" names_what_is_missing postgresql-tcp libpq.so.5
check "a missing libmariadb is named" names_what_is_missing mariadb-tcp libmariadb.so.3
check "a missing libsqlite3 is named" names_what_is_missing sqlite libsqlite3.so.0
check "a missing libkrb5 is named" names_what_is_missing kerberos5 libkrb5.so.3
check "a missing libgssapi_krb5 is named" names_what_is_missing ldap-gssapi libgssapi_krb5.so.2
exit "$((failed > 0))"
