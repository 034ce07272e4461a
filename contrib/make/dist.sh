#!/bin/sh
# Makes a release of the last commit: the sources with all crates, a bill of materials, and the checksums of both. The
# same commit gives the same bytes, wherever and whenever it is made.
#
# usage: dist.sh DIRECTORY
#   SASLAUTHD_COMMITTED=no  the files as they are, whatever of them is committed: for trying out, and not reproducible
set -eu
umask 022
export LC_ALL=C TZ=UTC

mkdir -p "$1"
output=$(cd "$1" && pwd)
cargo=${CARGO:-cargo}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=saslauthd-$version
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
trap 'exit 1' HUP INT TERM

commit=HEAD
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    if [ "${SASLAUTHD_COMMITTED:-yes}" = no ]; then
        commit=$(git stash create)
    else
        echo "Not in the release, since they are not committed:" >&2
        git status --short --untracked-files=no >&2
    fi
fi

git archive --prefix="$name/" "$commit" | tar -x -C "$directory"
cd "$directory/$name"

# Cargo reads the folder instead of asking a registry. vendor/pam-sys, which is a part of this project, stays beside it.
"$cargo" vendor --quiet --locked --versioned-dirs vendor/crates >/dev/null
"$OLDPWD/contrib/make/crates.py" prune vendor/crates
mkdir -p .cargo
cat > .cargo/config.toml <<'END'
[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "vendor/crates"
END

"$OLDPWD/contrib/make/crates.py" sbom > "$output/$name.cdx.json"

cd "$directory"
tar --create --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" \
    "$name" | xz --threads=1 -6 > "$output/$name.tar.xz"
cd "$output"
sha256sum "$name.cdx.json" "$name.tar.xz" > SHA256SUMS
cat SHA256SUMS
