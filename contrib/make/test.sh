#!/bin/sh
# All tests; at the end, by name, those that could not run here. That is a failure where CI is set.
#
# usage: test.sh TARGET-DIRECTORY
set -eu

# Set to nothing is not set, here as in the Makefile.
[ -n "${CI:-}" ] || unset CI

# Packages that exclude others which are installed are only unpacked, and those whose installation would change how the
# machine works: libpam-krb5 and libpam-mysql edit /etc/pam.d, krb5-user writes /etc/krb5.conf, libsasl would prefer GSSAPI,
# fail2ban bans, AppArmor and SELinux confine, supervisor, PostgreSQL, MariaDB, PgBouncer and Samba are services, and logwatch and
# logcheck want to run every day. Only the heavy Exim has the driver for Dovecot's protocol.
unpack() {
    sh tests/support/unpack.sh "$1" "$2" "$3" || echo "The package $1 could not be unpacked." >&2
}
if [ "$(id -u)" = 0 ] && [ -e tests/support/unpack.sh ] && command -v apt-get >/dev/null; then
    unpack exim4-daemon-heavy usr/sbin/exim4 "$1/tmp/exim-heavy"
    unpack cyrus-imapd usr/lib/cyrus/bin/imapd "$1/tmp/cyrus"
    unpack "krb5-kdc krb5-admin-server libpam-krb5" usr/sbin/krb5kdc "$1/tmp/krb5"
    unpack krb5-pkinit usr/share/doc/krb5-pkinit "$1/tmp/krb5-pkinit"
    mkdir -p "$1/tmp/pkinit"
    cp "$1"/tmp/krb5-pkinit/usr/lib/*/krb5/plugins/preauth/pkinit.so "$1/tmp/pkinit/" || echo "The package krb5-pkinit has no pkinit.so." >&2
    unpack libfaketime usr/share/doc/libfaketime "$1/tmp/libfaketime"
    mkdir -p "$1/tmp/faketime"
    cp "$1"/tmp/libfaketime/usr/lib/*/faketime/libfaketime.so.1 "$1/tmp/faketime/" || echo "The package libfaketime has no library." >&2
    unpack krb5-user usr/bin/kinit "$1/tmp/krb5-user"
    unpack libsasl2-modules-gssapi-mit usr/share/doc/libsasl2-modules-gssapi-mit "$1/tmp/sasl-gssapi"
    # One that is installed already serves the tests as well.
    [ -e /usr/lib/postgresql ] || unpack postgresql usr/share/doc/postgresql "$1/tmp/postgresql"
    unpack "mariadb-server-core mariadb-client-core" usr/sbin/mariadbd "$1/tmp/mariadb"
    unpack pgbouncer usr/sbin/pgbouncer "$1/tmp/pgbouncer"
    unpack libpam-mysql usr/share/doc/libpam-mysql "$1/tmp/pam-mysql"
    unpack fail2ban usr/bin/fail2ban-regex "$1/tmp/fail2ban"
    unpack prometheus usr/bin/promtool "$1/tmp/prometheus"
    unpack supervisor usr/bin/supervisord "$1/tmp/supervisor"
    unpack "systemd-journal-remote python3-systemd" usr/share/doc/systemd-journal-remote "$1/tmp/journal"
    unpack apparmor etc/apparmor.d/abstractions "$1/tmp/apparmor"
    unpack "secilc policycoreutils selinux-policy-default" usr/bin/secilc "$1/tmp/selinux"
    unpack logwatch usr/sbin/logwatch "$1/tmp/logwatch"
    unpack logcheck usr/bin/logcheck-test "$1/tmp/logcheck"
    sh tests/support/samba/provision.sh "$1/tmp/samba-ad" > "$1/tmp/samba-ad.log" 2>&1 || {
        echo "Samba's domain could not be made; the end of $1/tmp/samba-ad.log:" >&2
        tail -n 5 "$1/tmp/samba-ad.log" >&2
    }
    sh tests/system/layers.sh "$1/tmp/system"
fi

# Each test that cannot run adds a line to it: its name, a colon and the reason.
SASLAUTHD_TEST_SKIPPED=$(mktemp)
export SASLAUTHD_TEST_SKIPPED
trap 'rm -f "$SASLAUTHD_TEST_SKIPPED"' EXIT
trap 'exit 1' HUP INT TERM

# A test that hangs, or leaves a process behind, is a failure with its name. In its own file, since it has to outlive what it watches.
if command -v python3 >/dev/null; then
    host=$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
    export "CARGO_TARGET_${host}_RUNNER=contrib/make/bounded.py"
fi

# Where nobody watches, the whole has an end, too, whatever cargo waits for.
bounded() {
    if [ -n "${CI:-}" ]; then timeout -k 60 2700 "$@"; else "$@"; fi
}

status=0
bounded "${CARGO:-cargo}" test --locked --no-fail-fast || status=$?
# In the same directory, for what both are made of.
CARGO_TARGET_DIR=$1 bounded "${CARGO:-cargo}" test --locked --no-fail-fast --manifest-path fuzz/Cargo.toml \
    --no-default-features || status=$?
bounded contrib/make/fuzz.sh "$1" 3 || status=1

echo
skipped=$(wc -l < "$SASLAUTHD_TEST_SKIPPED")
if [ "$skipped" -eq 0 ]; then
    # Says nothing where nothing ran.
    [ "$status" -ne 0 ] || echo "Skipped: no test."
else
    echo "Skipped: $skipped, which could not run here:"
    sort "$SASLAUTHD_TEST_SKIPPED" | sed 's/^/  /'
    if [ -n "${CI:-}" ]; then
        status=1
    fi
fi
exit "$status"
