#!/bin/sh
# Lays out the sources of a release of the last commit, with all crates. Says the name of their folder.
#
# usage: sources.sh DIRECTORY
#   SASLAUTHD_COMMITTED=no  the files as they are, committed or not: for trying out
set -eu
umask 022

cargo=${CARGO:-cargo}
tools=$PWD/contrib/make
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=saslauthd-$version

commit=HEAD
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    if [ "${SASLAUTHD_COMMITTED:-yes}" = no ]; then
        commit=$(git stash create)
    else
        echo "Not in the sources, since they are not committed:" >&2
        git status --short --untracked-files=no >&2
    fi
fi

git archive --prefix="$name/" "$commit" | tar -x -C "$1"
cd "$1/$name"

# Cargo reads the folder instead of asking a registry. vendor/pam-sys, which is a part of this project, stays beside it.
"$cargo" vendor --quiet --locked --versioned-dirs vendor/crates >/dev/null
"$tools/crates.py" prune vendor/crates
mkdir -p .cargo
cat > .cargo/config.toml <<'END'
[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "vendor/crates"
END
echo "$name"
