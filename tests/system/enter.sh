#!/bin/sh
# Runs a command on a machine of its own: what is installed here and in a layer of layer.sh, and nothing that it changes
# stays. To be started in namespaces of its own (mount, UTS, IPC, network, process ids).
#
# usage: enter.sh LAYER TARGET DAEMON COMMAND...
#   LAYER    the directory of a layer, or nothing
#   TARGET   where cargo builds, in which COMMAND is
#   DAEMON   takes the place of /usr/sbin/saslauthd
set -eu

layer=$1
target=$2
daemon=$3
shift 3

# What is written is in memory, and so gone with the mount. A layer below this system's root cannot be mounted as one
# beside it: it is copied.
base=/mnt
root=$base/root
mount -t tmpfs -o mode=0755 tmpfs "$base"
mkdir "$base/changes" "$base/work" "$root"
[ -z "$layer" ] || cp -a "$layer/." "$base/changes/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/changes,workdir=$base/work" "$root"

mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir -m 1777 "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
mkdir -p "$root$target"
mount --bind "$target" "$root$target"

hostname mail.example.test
echo "127.0.0.1 mail.example.test mail localhost" > "$root/etc/hosts"
: > "$root/etc/resolv.conf"
echo mail.example.test > "$root/etc/mailname"
ip link set lo up

# What runs outside left its traces.
rm -rf "$root/run/saslauthd" "$root/var/lib/postfix/master.lock" "$root/var/spool/postfix/pid/master.pid"
if [ "$daemon" != /usr/sbin/saslauthd ]; then
    cp --remove-destination "$daemon" "$root/usr/sbin/saslauthd"
fi
# Not in the place of this shell: as the first process it collects those that nobody else does.
chroot "$root" "$@"
