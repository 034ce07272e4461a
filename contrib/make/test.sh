#!/bin/sh
# All tests; at the end, by name, those that could not run here. That is a failure where CI is set.
#
# usage: test.sh TARGET-DIRECTORY
set -eu

# Set to nothing is not set, here as in the Makefile.
[ -n "${CI:-}" ] || unset CI

# Exim and Postfix exclude each other as packages, so Exim is only unpacked.
if [ "$(id -u)" = 0 ] && [ -e tests/peers/unpack-exim.sh ] && command -v apt-get >/dev/null; then
    sh tests/peers/unpack-exim.sh "$1/tmp/exim" || echo "Exim could not be unpacked." >&2
fi

# Each test that cannot run adds a line to it: its name, a colon and the reason.
SASLAUTHD_TEST_SKIPPED=$(mktemp)
export SASLAUTHD_TEST_SKIPPED
trap 'rm -f "$SASLAUTHD_TEST_SKIPPED"' EXIT
trap 'exit 1' HUP INT TERM

status=0
"${CARGO:-cargo}" test --locked --no-fail-fast || status=$?

echo
skipped=$(wc -l < "$SASLAUTHD_TEST_SKIPPED")
if [ "$skipped" -eq 0 ]; then
    # Says nothing where nothing ran.
    [ "$status" -ne 0 ] || echo "Skipped: no test."
else
    echo "Skipped: $skipped, which could not run here:"
    sort "$SASLAUTHD_TEST_SKIPPED" | sed 's/^/  /'
    if [ -n "${CI:-}" ]; then
        status=1
    fi
fi
exit "$status"
