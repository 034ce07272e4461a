#!/bin/sh
# Checks what no compiler sees: man pages, scripts and the examples in contrib.
set -eu

# Whether a program is there; if not, that is said.
have() {
    command -v "$1" >/dev/null || { echo "Not checked, since $1 is not installed: $2" >&2; false; }
}

pages=$(find man -name '*.[1-9]' 2>/dev/null || true)
if [ -n "$pages" ] && have mandoc "the man pages"; then
    # shellcheck disable=SC2086 # a list of names without blanks
    mandoc -T lint -W warning $pages
fi

scripts="contrib/make/*.sh contrib/init.d/saslauthd tests/support/*.sh tests/system/*.sh .ci/run"
for script in $scripts; do
    sh -n "$script"
done
if have shellcheck "the shell scripts"; then
    # shellcheck disable=SC2086 # a list of patterns
    shellcheck $scripts
fi

if have systemd-analyze "the systemd units"; then
    directory=$(mktemp -d)
    trap 'rm -rf "$directory"' EXIT
    # Programs that are installed, since ours may not be.
    sed 's|=/usr/sbin/saslauthd|=/bin/true|' contrib/systemd/saslauthd.service > "$directory/saslauthd.service"
    mkdir "$directory/saslauthd.service.d"
    cp contrib/systemd/postfix-*.conf "$directory/saslauthd.service.d"
    cp contrib/systemd/saslauthd.socket "$directory"
    said=$(systemd-analyze verify --man=no "$directory/saslauthd.service" "$directory/saslauthd.socket" 2>&1) || { echo "$said" >&2; exit 1; }
    if echo "$said" | grep -F "$directory"; then
        exit 1
    fi
fi
