#!/bin/sh
# The daemon under AppArmor and under SELinux, both enforcing, in a virtual machine that is emulated: the kernel that one
# builds with mostly has neither. For releases: it fetches half a gigabyte and takes minutes. As root on Debian, with the
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

# Whoever is stopped in between leaves nothing that looks finished.
make_root() {
    [ ! -e "$directory/root.done" ] || return 0
    rm -rf "$directory/root"
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
    echo '/etc/users r,' > "$root/etc/apparmor.d/local/usr.sbin.saslauthd"
}

# Labels are made before the file system is, since that is slow in the machine.
prepare_selinux() {
    rm -f "$root/etc/apparmor.d/usr.sbin.saslauthd"
    printf 'SELINUX=enforcing\nSELINUXTYPE=default\n' > "$root/etc/selinux/config"
    cp "$here/selinux/saslauthd-rs.cil" "$root/root"
    chroot "$root" semodule --noreload --install=/root/saslauthd-rs.cil
    # It opens files by /proc.
    # shellcheck disable=SC2016 # of the inner shell
    unshare --mount sh -c 'mount -t proc proc "$1/proc" &&
        chroot "$1" setfiles -F -e /proc /etc/selinux/default/contexts/files/file_contexts /' label "$root"
}

boot() {
    image=$directory/image
    rm -f "$image"
    truncate --size=3G "$image"
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
