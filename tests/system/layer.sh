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
# shellcheck disable=SC2016 # What is in quotes is for the inner shell.
unshare --mount --uts --pid --fork --kill-child sh -eu -c '
root=/mnt
# Scripts of packages wait for the answer to a name that nobody has.
hostname mail.example.test
mount -t overlay overlay -o "lowerdir=/,upperdir=$1.new,workdir=$1.work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
printf "#!/bin/sh\nexit 101\n" > "$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/no-sync"
echo "127.0.0.1 mail.example.test mail localhost" > "$root/etc/hosts"
# Where it is a link to a file that is not there.
cp --remove-destination "$(realpath /etc/resolv.conf)" "$root/etc/resolv.conf" 2>/dev/null || true

export DEBIAN_FRONTEND=noninteractive
install() {
    chroot "$root" apt-get --quiet --yes --no-install-recommends -o APT::Sandbox::User=root install "$@"
}
# A package that is not to be had keeps none of the others away.
if ! install $packages; then
    chroot "$root" apt-get --quiet update || echo "The lists of packages could not be brought up to date." >&2
    install $packages || for package in $packages; do
        install "$package" || echo "The package $package could not be installed." >&2
    done
fi
chroot "$root" apt-get clean
if [ -n "$modules" ]; then
    chroot "$root" /usr/bin/python3 -m pip install --quiet --no-compile --target /opt/python $modules ||
        echo "These packages of Python could not be installed:$modules" >&2
fi
' layer "$directory"

rm -rf "$directory.work"
mv "$directory.new" "$directory"
echo "$*" > "$directory.packages"
