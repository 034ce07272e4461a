#!/bin/sh
# Sees to it that the formatter and the lints of Rust are there, which not every Rust brings along: those of Debian are
# packages of their own, those of rustup components.
set -eu

cargo=${CARGO:-cargo}
if "$cargo" fmt --version >/dev/null 2>&1 && "$cargo" clippy --version >/dev/null 2>&1; then
    exit 0
fi
if command -v dpkg-query >/dev/null && dpkg-query --search "$(command -v "$cargo")" >/dev/null 2>&1; then
    exec "$(dirname "$0")/packages.sh" needed rustfmt rust-clippy
fi
echo "The lints need rustfmt and clippy, which this Rust lacks: rustup component add rustfmt clippy" >&2
exit 1
