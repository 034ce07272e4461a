#!/bin/sh
# The unit tests of everything that calls C, with AddressSanitizer and LeakSanitizer: as valgrind.sh, faster and with a nightly Rust.
#
# usage: asan.sh TARGET-DIRECTORY [NAMES-OF-TESTS…]
set -eu

target=$1
shift
[ $# -gt 0 ] || set -- sys:: mechanism:: net:: secret:: base64:: ipc::
if ! rustup run nightly rustc --version >/dev/null 2>&1; then
    echo 'Not done: get a nightly Rust with "rustup toolchain install --profile minimal nightly".' >&2
    exit 1
fi
host=$(rustup run nightly rustc -vV | sed -n 's/^host: //p')
here=$(cd "$(dirname "$0")" && pwd)
# What libraries hold until the end is in the list, each with its reason. With --target, so that build scripts and macros stay as they are.
export LSAN_OPTIONS="suppressions=$here/leaks.supp:print_suppressions=0"
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1"
RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=$target/asan \
    rustup run nightly cargo test --locked --lib --target "$host" -- "$@"
