#!/bin/sh
# Makes the layers in which tests/system finds the programs: those that exclude each other in different ones.
#
# usage: layers.sh DIR
set -eu

here=$(dirname "$0")
layer() {
    name=$1
    shift
    sh "$here/layer.sh" "$directory/$name" "$@" > "$directory/$name.log" 2>&1 || {
        echo "The layer $name could not be made; the end of $directory/$name.log:" >&2
        tail -n 5 "$directory/$name.log" >&2
    }
}

directory=$1
mkdir -p "$directory"
layer exim exim4-daemon-heavy &
layer sendmail sendmail-bin sendmail-cf sensible-mda make &
layer cyrus cyrus-imapd cyrus-pop3d cyrus-nntpd cyrus-caldav cyrus-clients &
layer others subversion memcached apache2 libapache2-mod-authn-sasl nginx-light slapd ldap-utils squid \
    libauthen-sasl-cyrus-perl python3-pip python3-setuptools pip:radicale==2.1.12 pip:radicale-auth-sasl &
wait
