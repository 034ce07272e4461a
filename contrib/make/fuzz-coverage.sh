#!/bin/sh
# How much of the sources the inputs of fuzzing run through: those that are committed, and those that `make fuzz` has kept.
#
# usage: fuzz-coverage.sh TARGET-DIRECTORY [FOLDER]
set -eu

cargo=${CARGO:-cargo}
tools=$("${RUSTC:-rustc}" --print target-libdir)/../bin
if [ ! -x "$tools/llvm-cov" ]; then
    echo 'Not done: get the tools with "rustup component add llvm-tools".' >&2
    exit 1
fi
mkdir -p "$1/fuzz-coverage"
directory=$(cd "$1/fuzz-coverage" && pwd)
[ -z "${2:-}" ] || [ ! -d "$2" ] || SASLAUTHD_FUZZ_FOUND=$(cd "$2" && pwd)
export SASLAUTHD_FUZZ_FOUND="${SASLAUTHD_FUZZ_FOUND:-}"

rm -f "$directory"/*.profraw
host=$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')
tests=$(RUSTFLAGS="-Cinstrument-coverage" CARGO_TARGET_DIR=$directory "$cargo" test --locked --manifest-path fuzz/Cargo.toml \
    --no-default-features --target "$host" --no-run --message-format=json | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
LLVM_PROFILE_FILE="$directory/%p.profraw" "$tests" corpus --nocapture > "$directory/log" 2>&1 || { tail -n 20 "$directory/log" >&2; exit 1; }
"$tools/llvm-profdata" merge -sparse "$directory"/*.profraw -o "$directory/profile"
"$tools/llvm-cov" report "$tests" -instr-profile="$directory/profile" \
    --ignore-filename-regex='(/registry/|/rustc/|/library/|/fuzz/|_tests?\.rs|/tests?/|/testing|/simulation)' > "$directory/report"
# Folders, by lines that were reached of those that there are.
awk 'NF == 13 && $1 ~ /\.rs$/ {
        folder = $1; sub(/\/[^\/]*$/, "", folder); if (folder == $1) folder = "(src)"
        all[folder] += $8; missed[folder] += $9
    }
    END { for (folder in all) printf "%6.1f %% of %5d lines  %s\n", 100 * (all[folder] - missed[folder]) / all[folder], all[folder], folder }' \
    "$directory/report" | sort -k 5
tail -n 1 "$directory/report"
