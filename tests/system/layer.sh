#!/bin/sh
# Installs packages of Debian as on a machine of their own, with what their scripts set up: in a layer above this system,
# which stays as it is. The tests of programs run on top of it.
#
# usage: layer.sh DIR PACKAGE...
#   DIR      gets what the installation changed; nothing is done where these packages are in it already
#   PACKAGE  pip:NAME is one of Python's, and goes to /opt/python
set -eu

directory=$(realpath --canonicalize-missing "$1")
shift
if [ "$(cat "$directory.packages" 2>/dev/null)" = "$*" ]; then
    exit 0
fi
rm -rf "$directory" "$directory.new" "$directory.work" "$directory.packages"
mkdir -p "$directory.new" "$directory.work"

packages=
modules=
for package in "$@"; do
    case $package in
        pip:*) modules="$modules ${package#pip:}" ;;
        *) packages="$packages $package" ;;
    esac
done

# What it mounts is gone with it. The root is new, so that no script of a package finds a process of this system.
export packages modules
unshare --mount --pid --fork --kill-child sh -eu -c '
root=/mnt
mount -t overlay overlay -o "lowerdir=/,upperdir=$1.new,workdir=$1.work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
printf "#!/bin/sh\nexit 101\n" > "$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/no-sync"
# Its answers are asked of the host otherwise.
cp --remove-destination "$(realpath /etc/resolv.conf)" "$root/etc/resolv.conf" 2>/dev/null || true

export DEBIAN_FRONTEND=noninteractive
install() {
    chroot "$root" apt-get --quiet --yes --no-install-recommends -o APT::Sandbox::User=root install $packages
}
install || { chroot "$root" apt-get --quiet update && install; }
chroot "$root" apt-get clean
if [ -n "$modules" ]; then
    chroot "$root" pip install --quiet --no-compile --target /opt/python $modules
fi
' layer "$directory"

rm -rf "$directory.work"
mv "$directory.new" "$directory"
echo "$*" > "$directory.packages"
