#!/bin/sh
# Becomes a command of Samba, whose unpacked packages it sees in /usr. To be started in namespaces of its own (mount, UTS).
#
# usage: enter.sh PACKAGES COMMAND...
#   PACKAGES  where they are unpacked
set -eu

mount -t overlay overlay -o "ro,lowerdir=$1/usr:/usr" /usr
hostname dc1
shift
# To where a test reads what a server says.
exec "$@" >&2
