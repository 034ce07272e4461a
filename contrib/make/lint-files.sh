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

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
if ! head -n 1 debian/changelog | grep -qF "($version)" || ! grep -q "^Version: *$version\$" contrib/rpm/saslauthd-rs.spec; then
    echo "debian/changelog or contrib/rpm/saslauthd-rs.spec is of another version than Cargo.toml, $version" >&2
    exit 1
fi

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# The maintainer scripts as the build of the package puts them together.
for script in preinst postinst prerm postrm; do
    sed -e '/^#FUNCTIONS#$/{r debian/scripts/functions' -e 'd}' debian/scripts/$script > "$directory/$script"
done

scripts="contrib/make/*.sh contrib/make/mac/check contrib/make/test-deb/trees.sh contrib/make/test-deb/run.sh contrib/init.d/saslauthd contrib/openrc/saslauthd
    tests/support/*.sh tests/system/*.sh debian/tests/answers .ci/run"
for script in $scripts "$directory"/*; do
    sh -n "$script"
done
if have shellcheck "the shell scripts"; then
    # shellcheck disable=SC2086 # a list of patterns
    shellcheck --external-sources --shell=sh $scripts
    # One function or another is not used in each.
    shellcheck --shell=sh --exclude=SC2317,SC2034,SC2015 "$directory"/*
    shellcheck --external-sources contrib/make/test-deb/scenario.sh
fi

contrib/make/deb-functions.sh

# A mutant whose text is not in its file any more breaks nothing, and would pass unnoticed.
if have python3 "the list of mutants"; then
    contrib/make/mutants.py check
fi

# The run directory is a setting of the build: src/config/run_directory.rs.
if grep -rnE 'default_value.*/run/saslauthd' src; then
    echo "The run directory has to be that of the build: config::run_directory::DEFAULT_RUN_DIRECTORY" >&2
    exit 1
fi

if have systemd-analyze "the systemd units"; then
    # Programs that are installed, since ours may not be.
    sed 's|=/usr/sbin/saslauthd|=/bin/true|' contrib/systemd/saslauthd.service > "$directory/saslauthd.service"
    cp contrib/systemd/saslauthd.socket "$directory"
    # How exposed each hardening may leave it, in tenths: three capabilities, by which processes become an account without any, cost four.
    for drop_in in hardened hardened-pam; do
        rm -rf "$directory/saslauthd.service.d"
        mkdir "$directory/saslauthd.service.d"
        cp contrib/systemd/postfix-*.conf "contrib/systemd/$drop_in.conf" "$directory/saslauthd.service.d"
        said=$(systemd-analyze verify --man=no "$directory/saslauthd.service" "$directory/saslauthd.socket" 2>&1) || { echo "$said" >&2; exit 1; }
        if echo "$said" | grep -F "$directory"; then
            exit 1
        fi
        systemd-analyze security --offline=true --threshold=26 --no-pager "$directory/saslauthd.service" > "$directory/exposure" ||
            { tail -n 1 "$directory/exposure" >&2; exit 1; }
    done

    sed 's|=/usr/sbin/saslauthd|=/bin/true|' contrib/rpm/saslauthd.service > "$directory/rpm.service"
    sed 's|=/usr/sbin/saslauthd|=/bin/true|' contrib/rpm/opensuse.service > "$directory/opensuse.service"
    sed 's|=/usr/sbin/saslauthd|=/bin/true|' contrib/conf.d/saslauthd.service > "$directory/conf.service"
    mkdir "$directory/conf.service.d"
    cp debian/drop-in.conf "$directory/conf.service.d"
    cp contrib/prometheus/saslauthd-metrics.* "$directory"
    said=$(systemd-analyze verify --man=no "$directory"/*.service "$directory/saslauthd.socket" \
        "$directory/saslauthd-metrics.timer" 2>&1) || { echo "$said" >&2; exit 1; }
    if echo "$said" | grep -F "$directory"; then
        exit 1
    fi
fi
