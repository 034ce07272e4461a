#!/bin/sh
# The part of migrating.sh that runs inside the container: what is there before somebody migrates, and who answers
# logins afterwards.
#
# usage: migrating-inside.sh prepare WAY
#        migrating-inside.sh verify WAY ours|ours-socket|C|Dovecot
set -eu

# The account of all checks.
login=anna
password=s3cret

add_account() {
    useradd "$login"
    echo "$login:$password" | chpasswd
}

# Postfix as the documents have it, chrooted as Debian's is; the certificate is the one that Debian's main.cf names.
prepare_postfix() {
    cp contrib/postfix/smtpd.conf /etc/postfix/sasl/smtpd.conf
    postconf -e inet_protocols=ipv4 smtpd_sasl_auth_enable=yes smtpd_tls_auth_only=yes "$@"
    adduser --quiet postfix sasl
    service postfix restart
}

# The C daemon as Debian's README has it for a chrooted Postfix.
prepare_debian() {
    add_account
    sed -i 's|^OPTIONS=.*|OPTIONS="-c -m /var/spool/postfix/var/run/saslauthd"|' /etc/default/saslauthd
    echo START=yes >> /etc/default/saslauthd
    systemctl --quiet enable saslauthd
    service saslauthd start
    prepare_postfix
    verify_debian C
}

# Stops Debian's service, so that a unit of the same name can be made like that of another distribution.
without_debians_service() {
    service saslauthd stop
    systemctl --quiet disable saslauthd
    mkdir -p /etc/sysconfig /etc/conf.d
}

prepare_redhat() {
    add_account
    without_debians_service
    cat > /etc/sysconfig/saslauthd <<'END'
SOCKETDIR=/run/saslauthd
MECH=pam
FLAGS=
END
    cat > /usr/lib/systemd/system/saslauthd.service <<'END'
[Unit]
Description=SASL authentication daemon, with the variables of Red Hat's

[Service]
Type=forking
PIDFile=/run/saslauthd/saslauthd.pid
EnvironmentFile=/etc/sysconfig/saslauthd
ExecStart=/usr/sbin/saslauthd -m $SOCKETDIR -a $MECH $FLAGS
RuntimeDirectory=saslauthd
END
    systemctl daemon-reload
    systemctl start saslauthd
    verify_redhat C
}

prepare_arch() {
    add_account
    without_debians_service
    echo 'SASLAUTHD_OPTS="-m /var/run/saslauthd -a pam"' > /etc/conf.d/saslauthd
    cat > /usr/lib/systemd/system/saslauthd.service <<'END'
[Unit]
Description=SASL authentication daemon, with the variable of Arch's

[Service]
Type=forking
PIDFile=/run/saslauthd/saslauthd.pid
EnvironmentFile=/etc/conf.d/saslauthd
ExecStart=/usr/sbin/saslauthd $SASLAUTHD_OPTS
END
    systemctl daemon-reload
    systemctl start saslauthd
    verify_arch C
}

# Dovecot with a passwd-file, asked by Postfix; saslauthd has never run.
prepare_dovecot() {
    echo "$login:$(doveadm pw -s SHA512-CRYPT -p "$password"):1000:1000::/nonexistent" > /etc/dovecot/users
    chown root:dovecot /etc/dovecot/users
    chmod 0640 /etc/dovecot/users
    cat > /etc/dovecot/local.conf <<'END'
passdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
END
    service dovecot restart
    prepare_postfix smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth
    verify_dovecot Dovecot
}

fail() {
    echo "verify: $1" >&2
    journalctl --no-pager -n 30 >&2 || true
    exit 1
}

# Ours has a process with this name; C has not.
verify_daemon() {
    case $1 in
        ours*) pgrep -f '^saslauthd: frontend' >/dev/null || fail "our daemon does not run" ;;
        *) ! pgrep -f '^saslauthd: frontend' >/dev/null || fail "our daemon still runs" ;;
    esac
    if [ "$1" = C ]; then
        [ "$(pgrep -c -f '/saslauthd -' || true)" -ge 5 ] || fail "the C daemon does not run"
    fi
}

# usage: verify_mux SOCKET
verify_mux() {
    said=$(testsaslauthd -f "$1" -s smtp -u "$login" -p "$password") || fail "the right password at $1: $said"
    [ "$said" = '0: OK "Success."' ] || fail "the right password at $1: $said"
    if said=$(testsaslauthd -f "$1" -s smtp -u "$login" -p wrong); then
        fail "a wrong password at $1: $said"
    fi
    [ "$said" = '0: NO "authentication failed"' ] || fail "a wrong password at $1: $said"
}

# What Postfix says to a password.
smtp_code() {
    python3 -c '
import base64, smtplib, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
credentials = "\0".join(["", *sys.argv[1:]]).encode()
with smtplib.SMTP("127.0.0.1", 25, timeout=60) as smtp:
    smtp.starttls(context=context)
    smtp.ehlo()
    print(smtp.docmd("AUTH PLAIN", base64.b64encode(credentials).decode())[0])
' "$login" "$1"
}

verify_postfix() {
    code=$(smtp_code "$password" || true)
    [ "$code" = 235 ] || fail "Postfix says $code to the right password"
    code=$(smtp_code wrong || true)
    [ "$code" = 535 ] || fail "Postfix says $code to a wrong password"
}

verify_debian() {
    verify_daemon "$1"
    verify_mux /var/spool/postfix/var/run/saslauthd/mux
    verify_postfix
    verify_log "$1"
    if [ "$1" = C ]; then
        [ -z "$(dpkg-divert --list '/usr/sbin/*saslauthd')" ] || fail "diversions are left"
        # The administrator's own file counts as changed.
        left=$(dpkg --verify sasl2-bin | grep -v ' /etc/default/saslauthd$' || true)
        [ -z "$left" ] || fail "files of sasl2-bin were changed: $left"
    fi
}

# With Dovecot's protocol the log knows the client, and Postfix has to be started later.
verify_log() {
    if [ "$1" = ours-socket ]; then
        journalctl -t saslauthd -n 20 | grep -q 'remote=127.0.0.1' || fail "the log lacks the client"
        systemctl show --property=Before saslauthd | grep -q 'postfix' || fail "Postfix does not wait for saslauthd"
    fi
}

verify_redhat() {
    verify_daemon "$1"
    systemctl --quiet is-active saslauthd || fail "the unit is not active"
    verify_mux /run/saslauthd/mux
}

verify_arch() {
    verify_redhat "$1"
}

verify_dovecot() {
    verify_daemon "$1"
    verify_postfix
    verify_log "$1"
    case $1 in
        ours*) verify_mux /run/saslauthd/mux ;;
    esac
}

action=$1 way=$2
shift 2
"${action}_$way" "$@"
[ "$action" = prepare ] || echo "   $1 answers"
