#!/bin/sh
# The daemon under AppArmor and under SELinux, both enforcing, in a virtual machine that is emulated: the kernel that one
# builds with mostly has neither. For releases: it fetches nearly a gigabyte and takes minutes. As root on Debian, with the
# packages mmdebstrap, qemu-system-x86 and e2fsprogs.
#
# usage: mac.sh PROGRAMS DIRECTORY [apparmor|selinux]
#   PROGRAMS   the directory with saslauthd, saslauthdctl and testsaslauthd
#   DIRECTORY  where the system is made, which is kept for the next time
set -eu

programs=$1
directory=$2
systems=${3:-apparmor selinux}
here=$(dirname "$0")/..

# shellcheck disable=SC1091 # of the system
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
included=linux-image-cloud-amd64,initramfs-tools,udev,kmod,systemd,systemd-sysv,dbus,procps,passwd,libpam-modules
included=$included,libssl3,libcrypt1,apparmor,selinux-policy-default,policycoreutils
# What mechanism-servers.sh starts, and the libraries that map it.
servers=krb5-kdc,krb5-admin-server,slapd,libsasl2-modules-gssapi-mit,sasl2-bin,postgresql,mariadb-server,sqlite3
included=$included,$servers,libpq5,libmariadb3,libsqlite3-0,libgssapi-krb5-2,libkrb5-3

# Whoever is stopped in between leaves nothing that looks finished, but maybe /proc and /sys of this machine mounted there.
make_root() {
    [ ! -e "$directory/root.done" ] || return 0
    rm -rf --one-file-system "$directory/root"
    mmdebstrap --variant=minbase --include="$included" "$release" "$directory/root"
    touch "$directory/root.done"
}

# What is tried: the programs, a unit that runs the checks at the console, an account.
prepare() {
    root=$directory/root
    install -m 0755 "$programs/saslauthd" "$programs/saslauthdctl" "$programs/testsaslauthd" "$root/usr/sbin"
    install -m 0644 "$here/systemd/saslauthd.service" "$here/make/mac/check.service" "$root/etc/systemd/system"
    install -m 0644 "$here/pam.d/smtp" "$root/etc/pam.d/smtp"
    install -m 0755 "$here/make/mac/check" "$root/usr/local/sbin/check"
    install -m 0644 "$here/make/mechanism-servers.sh" "$root/root"
    # The checks start them, one after the other.
    for server in krb5-kdc krb5-admin-server slapd postgresql mariadb saslauthd; do
        rm -f "$root"/etc/systemd/system/*.wants/$server.service "$root"/etc/rc?.d/*$server
    done
    echo mail.example.org > "$root/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 mail.example.org mail\n' > "$root/etc/hosts"
    chroot "$root" id saslauth >/dev/null 2>&1 || chroot "$root" useradd --system --user-group --no-create-home saslauth
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -sf ../check.service "$root/etc/systemd/system/multi-user.target.wants/check.service"
    chroot "$root" id anna >/dev/null 2>&1 || chroot "$root" useradd --no-create-home anna
    echo anna:right | chroot "$root" chpasswd
    # It would hang up the console.
    ln -sf /dev/null "$root/etc/systemd/system/serial-getty@ttyS0.service"
    # It would take the kernel's messages for itself.
    rm -f "$root/etc/systemd/system/multi-user.target.wants/auditd.service"
}

prepare_apparmor() {
    sed 's/complain, //' "$here/apparmor/usr.sbin.saslauthd" > "$root/etc/apparmor.d/usr.sbin.saslauthd"
    mkdir -p "$root/etc/apparmor.d/local"
    printf '/etc/users r,\n/var/lib/mail/ r,\n/var/lib/mail/users.db* rk,\n' > "$root/etc/apparmor.d/local/usr.sbin.saslauthd"
}

# Labels are made before the file system is, since that is slow in the machine.
prepare_selinux() {
    rm -f "$root/etc/apparmor.d/usr.sbin.saslauthd"
    printf 'SELINUX=enforcing\nSELINUXTYPE=default\n' > "$root/etc/selinux/config"
    # With what it has for some mechanisms only. What the policy thinks of the servers is not the question.
    sed 's/^; (allow/(allow/' "$here/selinux/saslauthd-rs.cil" > "$root/root/saslauthd-rs.cil"
    for domain in krb5kdc_t slapd_t postgresql_t mysqld_t; do echo "(typepermissive $domain)"; done > "$root/root/servers.cil"
    chroot "$root" semodule --noreload --install=/root/saslauthd-rs.cil --install=/root/servers.cil
    # It opens files by /proc.
    # shellcheck disable=SC2016 # of the inner shell
    unshare --mount sh -c 'mount -t proc proc "$1/proc" &&
        chroot "$1" setfiles -F -e /proc /etc/selinux/default/contexts/files/file_contexts /' label "$root"
}

boot() {
    image=$directory/image
    rm -f "$image"
    truncate --size=4G "$image"
    mkfs.ext4 -q -F -d "$root" "$image"
    timeout 3000 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -nographic -no-reboot -nic none \
        -kernel "$(echo "$root"/boot/vmlinuz-*)" -initrd "$(echo "$root"/boot/initrd.img-*)" \
        -append "console=ttyS0 root=/dev/vda rw quiet check=$1 $2" -drive "file=$image,if=virtio,format=raw" \
        </dev/null > "$directory/$1.log" 2>&1
    tr -d '\r' < "$directory/$1.log" | grep -o 'check: .*' || true
    # Its last words, when nothing has failed.
    tr -d '\r' < "$directory/$1.log" | grep -q 'check: all is well'
}

mkdir -p "$directory"
make_root
prepare
status=0
for system in $systems; do
    case $system in
        apparmor) prepare_apparmor; parameters="security=apparmor apparmor=1" ;;
        selinux) prepare_selinux; parameters="security=selinux selinux=1 enforcing=1" ;;
        *) echo "mac.sh: what is $system?" >&2; exit 1 ;;
    esac
    echo "$system:"
    boot "$system" "$parameters" || { echo "$system: FAILED, see $directory/$system.log" >&2; status=1; }
done
exit "$status"
