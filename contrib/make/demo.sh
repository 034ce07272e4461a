#!/bin/sh
# Starts a daemon in a private directory, asks it for a right and a wrong password, and stops it.
# Fails when an answer is not the expected one, and leaves nothing behind.
#
# usage: demo.sh DIRECTORY-OF-THE-PROGRAMS
set -eu

programs=$1
directory=$(mktemp -d)
daemon=

clean_up() {
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" || true
    fi
    rm -rf "$directory"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

fail() {
    echo "demo: $1" >&2
    exit 1
}

# Shows a command as one would type it, and runs it.
show() {
    echo "\$ $*"
    name=$1
    shift
    "$programs/$name" "$@"
}

# Until the daemon answers: at most ten seconds.
await_daemon() {
    attempts=100
    until [ -S "$directory/run/mux" ]; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon ended before it was ready"
        attempts=$((attempts - 1))
        [ "$attempts" -gt 0 ] || fail "the daemon was not ready after ten seconds"
        sleep 0.1
    done
}

install -m 0600 contrib/demo-users "$directory/users"

echo "A daemon, in the foreground, with the users of contrib/demo-users:"
set -- -f --log=stderr -a passwdfile -O "$directory/users" -m "$directory/run"
echo "\$ saslauthd $* &"
"$programs/saslauthd" "$@" &
daemon=$!
await_daemon

echo
echo "The right password:"
show testsaslauthd -u anna -p s3cret -f "$directory/run/mux" || fail "the right password was refused"

echo
echo "A wrong one:"
if show testsaslauthd -u anna -p wrong -f "$directory/run/mux"; then
    fail "a wrong password was accepted"
fi
kill -0 "$daemon" 2>/dev/null || fail "the daemon did not survive its two questions"

echo
echo "And the end:"
echo "\$ kill $daemon"
kill "$daemon"
status=0
wait "$daemon" || status=$?
daemon=
[ "$status" = 0 ] || fail "the daemon ended with status $status"
[ ! -e "$directory/run/mux" ] || fail "the daemon left its socket behind"

cat <<'END'

It works. To put it in the place of the saslauthd of a Debian host, as root, keeping that one aside:

  service saslauthd stop
  for f in saslauthd testsaslauthd; do dpkg-divert --local --rename --add /usr/sbin/$f; done
  make install
  service saslauthd start
  testsaslauthd -s smtp -u YOUR-LOGIN

The settings in /etc/default/saslauthd stay as they are. docs/MIGRATING.md says how to get back, README.md what differs.
END
