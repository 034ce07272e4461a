#!/bin/bash
# Runs in the container, as root: every way to install the package and to get rid of it.
#
# usage: scenario.sh systemd|sysv
set -uo pipefail

init=$1
step='preparation'
cd /root/test || exit
# shellcheck source=contrib/make/test-deb/checks.sh
. ./checks.sh
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# Does something to packages, which has to go well; `attempt` is for what must not.
packages() {
    "$@" >> /root/dpkg.log 2>&1 || fail "failed: $*"
}

# In a shell of its own, which says of a dpkg that is killed what this one would.
attempt() {
    ! bash -c '"$@"; exit' attempt "$@" >> /root/dpkg.log 2>&1 || fail "did not fail: $*"
}

service_does() {
    if [ "$init" = systemd ]; then systemctl "$1" "${2:-saslauthd}"; else "/etc/init.d/${2:-saslauthd}" "$1"; fi >> /root/dpkg.log 2>&1
}

prepare() {
    useradd --no-create-home anna && echo anna:secret | chpasswd
    cp /usr/sbin/testsaslauthd /root/testsaslauthd
    # Debian 12's init script wants it.
    ! grep -q 'START' /etc/init.d/saslauthd || echo 'START=yes' >> /etc/default/saslauthd
    update-rc.d saslauthd enable 2>/dev/null
    # Debian 12's unit is made of the init script, and enabled with that.
    [ "$init" = sysv ] || { systemctl daemon-reload; systemctl --quiet enable saslauthd 2>/dev/null || true; }
    service_does start

    printf 'pwcheck_method: saslauthd\nmech_list: PLAIN\n' > /etc/postfix/sasl/smtpd.conf
    usermod --append --groups sasl postfix
    # Out of its chroot, where it would look for another socket.
    postconf -F 'smtp/inet/chroot = n'
    postconf -e smtpd_sasl_auth_enable=yes smtpd_tls_auth_only=no inet_interfaces=loopback-only myhostname=host.example \
        smtpd_peername_lookup=no compatibility_level=3.6 smtpd_tls_security_level=none maillog_file=/var/log/postfix.log
    # As many guesses as the test makes.
    postconf -e smtpd_client_auth_rate_limit=0 anvil_rate_time_unit=1s
    service_does restart postfix
    await smtp_is_up || fail "Postfix is not up"
    state=$(state)
    start_load
}

smtp_is_up() { (exec 5<>/dev/tcp/127.0.0.1/25) 2>/dev/null; }

first_installation_and_upgrades() {
    step='C runs' && expect c
    step='installed over it' && packages dpkg --install first.deb && expect ours
    old=$(process)
    step='upgraded' && packages dpkg --install second.deb && expect ours
    [ "$(process)" != "$old" ] || fail "the daemon was not restarted"
    step='sasl2-bin installed again' && packages dpkg --install sasl2-bin.deb && expect ours
    step='installed again' && packages dpkg --install second.deb && expect ours
    step='reloaded' && old=$(process) && { service_does reload || fail "no reload"; } && expect ours
    [ "$(process)" = "$old" ] || fail "a reload is no restart"
    step='restarted' && { service_does restart || fail "no restart"; } && expect ours
    step='removed' && packages dpkg --remove saslauthd-rs && expect c && expect_untouched
    step='installed and purged' && packages dpkg --install first.deb && packages dpkg --purge saslauthd-rs && expect c && expect_untouched
}

with_sasl2_bin() {
    step='installed with sasl2-bin at once' && packages dpkg --install first.deb sasl2-bin.deb && expect ours
    step='sasl2-bin removed, which takes it along' && packages apt-get --yes remove sasl2-bin
    [ "$(who_runs)" = none ] || fail "a daemon still runs"
    [ -z "$(dpkg-divert --list '*saslauthd*')" ] || fail "diversions are left"
    [ ! -e /usr/sbin/saslauthd ] || fail "a daemon is left"
    report none
    step='both installed again' && packages dpkg --install sasl2-bin.deb first.deb
    await runs ours || service_does start
    expect ours
    packages dpkg --purge saslauthd-rs
}

what_does_not_run_is_not_started() {
    service_does stop
    step='C does not run' && expect none
    step='installed beside what does not run' && packages dpkg --install first.deb && expect none
    step='upgraded beside what does not run' && packages dpkg --install second.deb && expect none
    step='removed beside what does not run' && packages dpkg --remove saslauthd-rs && expect none && expect_untouched
    service_does start
    step='C runs again' && expect c
}

refusals() {
    local default untouched
    default=$(cat /etc/default/saslauthd) untouched=$(process)
    step='refused: a mechanism that there is not'
    sed -i 's/^MECHANISMS=.*/MECHANISMS="kerberos4"/' /etc/default/saslauthd
    attempt dpkg --install first.deb
    echo "$default" > /etc/default/saslauthd
    packages dpkg --purge saslauthd-rs
    expect c && expect_untouched
    step='refused: diverted by hand'
    dpkg-divert --quiet --local --rename --add /usr/sbin/testsaslauthd
    attempt dpkg --install first.deb
    dpkg-divert --quiet --local --rename --remove /usr/sbin/testsaslauthd
    packages dpkg --purge saslauthd-rs
    expect c && expect_untouched
    [ "$(process)" = "$untouched" ] || fail "the service was restarted"
}

scripts_that_fail() {
    step='first preinst fails' && touch /root/fail.preinst && attempt dpkg --install second.deb && expect c && expect_untouched
    step='first postinst fails, then configured' && touch /root/fail.postinst && attempt dpkg --install second.deb
    packages dpkg --configure --pending && expect ours
    step='preinst of an upgrade fails' && touch /root/fail.preinst && attempt dpkg --install third.deb && expect ours
    step='old prerm of an upgrade fails' && touch /root/fail.prerm && packages dpkg --install third.deb && expect ours
    step='prerm of a removal fails' && touch /root/fail.prerm && attempt dpkg --remove saslauthd-rs && expect ours
    step='postrm of a removal fails, then removed' && touch /root/fail.postrm && attempt dpkg --remove saslauthd-rs
    packages dpkg --purge saslauthd-rs && expect c && expect_untouched
}

dpkg_that_is_killed() {
    step='killed in the first preinst, then again' && touch /root/kill.preinst && attempt dpkg --install second.deb
    packages dpkg --install second.deb && expect ours
    step='killed in the preinst of an upgrade, then again' && touch /root/kill.preinst && attempt dpkg --install third.deb
    packages dpkg --install third.deb && expect ours
    step='killed in the prerm of a removal, then again' && touch /root/kill.prerm && attempt dpkg --remove saslauthd-rs
    packages dpkg --remove saslauthd-rs && expect c && expect_untouched
    step='killed in the first postinst, then configured' && touch /root/kill.postinst && attempt dpkg --install second.deb
    packages dpkg --configure --pending && expect ours
    step='killed in the postrm of a removal, then again' && touch /root/kill.postrm && attempt dpkg --remove saslauthd-rs
    packages dpkg --purge saslauthd-rs && expect c && expect_untouched
}

# policy-rc.d as image builders have it. Without systemd README.Debian says what is to be done.
policy() {
    [ "$init" = systemd ] || service_does stop
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
    step='policy-rc.d forbids, installed' && packages dpkg --install first.deb
    if [ "$init" = systemd ]; then
        [ "$(who_runs)" = c ] || fail "the service was touched"
        step='policy-rc.d forbids, restarted by hand' && service_does restart && expect ours
    else
        expect none
    fi
    rm /usr/sbin/policy-rc.d
    [ "$init" = systemd ] || service_does start
    step='purged' && packages dpkg --purge saslauthd-rs && expect c && expect_untouched
}

# What is masked could be stopped, but not started again.
masked() {
    [ "$init" = systemd ] || return 0
    systemctl --quiet mask saslauthd
    step='masked, installed' && packages dpkg --install first.deb
    { [ "$(who_runs)" = c ] && ask secret; } || fail "the service was touched"
    systemctl --quiet unmask saslauthd
    step='unmasked, upgraded' && packages dpkg --install second.deb && expect ours
    systemctl --quiet mask saslauthd
    step='masked, upgraded' && packages dpkg --install third.deb
    { [ "$(who_runs)" = ours ] && ask secret; } || fail "the service was touched"
    systemctl --quiet unmask saslauthd
    step='purged' && packages dpkg --purge saslauthd-rs && expect c && expect_untouched
}

# A file with settings beside the first starts another daemon, where the init script is what starts them.
instances() {
    [ "$init" = sysv ] || [ ! -e /usr/lib/systemd/system/saslauthd.service ] || return 0
    sed 's,^OPTIONS=.*,OPTIONS="-c -m /var/spool/postfix/var/run/saslauthd",' /etc/default/saslauthd > /etc/default/saslauthd-postfix
    # A script's last command, which says no.
    echo '[ ! -e /etc/default/saslauthd-postfix ] && THREADS=3' >> /etc/default/saslauthd-postfix
    state=$(state)
    local other=/var/spool/postfix/var/run/saslauthd
    service_does restart
    step='two instances of C' && { await runs c "$other" || fail "no second instance"; } && expect c
    for package in first second; do
        step="two instances, $package version" && packages dpkg --install $package.deb && expect ours
        { runs ours "$other" && is_of_file "$other" && ask secret "$other/mux"; } || fail "the second instance does not answer"
    done
    step='two instances, removed' && packages dpkg --remove saslauthd-rs && expect c
    { await runs c "$other" && ask secret "$other/mux"; } || fail "the second instance does not answer"
}

# What the administrator says of the unit counts, not what the package does.
own_drop_in() {
    [ "$init" = systemd ] && [ -e /usr/lib/systemd/system/saslauthd.service ] || return 0
    mkdir /etc/systemd/system/saslauthd.service.d
    printf '[Service]\nRuntimeDirectoryMode=0710\n' > /etc/systemd/system/saslauthd.service.d/override.conf
    state=$(state)
    step='beside a drop-in of the administrator' && packages dpkg --install first.deb
    { await runs ours && [ "$(stat -c %a /run/saslauthd)" = 710 ]; } || fail "the directory is $(stat -c %a /run/saslauthd)"
    report ours
    rm -r /etc/systemd/system/saslauthd.service.d
    state=$(state)
    step='purged' && packages dpkg --purge saslauthd-rs && expect c && expect_untouched
}

prepare
first_installation_and_upgrades
with_sasl2_bin
what_does_not_run_is_not_started
refusals
scripts_that_fail
dpkg_that_is_killed
policy
masked
own_drop_in
instances
kill "$load"
