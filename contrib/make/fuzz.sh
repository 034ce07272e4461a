#!/bin/sh
# Feeds random bytes to every fuzz target for a while, with the compiler that is there: neither cargo-fuzz nor a
# nightly Rust is needed. What crashes a target, or keeps it busy for ten seconds, is kept and is a failure.
#
# usage: fuzz.sh TARGET-DIRECTORY SECONDS-FOR-EACH [FOLDER]
#   FOLDER  where inputs that reach something new are kept for the next time; without it they are forgotten, and the
#           random bytes are the same each time
#
# FUZZ_TARGETS names some of the targets; without it all have their time. What is told of each: how many inputs were tried,
# how much of the program they have run through (edges, of those that the program has), and how many of them are new.
set -eu

directory=$1/fuzz
seconds=$2
cargo=${CARGO:-cargo}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)

# As tests do it: named and counted where tests are counted, and a failure where nothing may be missing.
skip() {
    echo "skipped fuzz: $1" >&2
    if [ -n "${CI:-}" ] || [ -z "${SASLAUTHD_TEST_SKIPPED:-}" ]; then
        exit 1
    fi
    echo "fuzz: $1" >> "$SASLAUTHD_TEST_SKIPPED"
    exit 0
}

command -v "${CXX:-c++}" >/dev/null || skip "there is no C++ compiler, which libFuzzer needs (g++)"

# What cargo-fuzz has rustc do: count the edges that were run through, and tell what was compared with what.
coverage='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1'
# Of the crate `pam` this build keeps what nobody calls, with Rust 1.85.
libraries='-Clink-arg=-lpam_misc'
host=$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')
# With --target, so that build scripts and macros are left as they are.
RUSTFLAGS=$(echo "$coverage $libraries" | tr -s '\n ' ' ') CARGO_TARGET_DIR=$directory \
    "$cargo" build --locked --manifest-path fuzz/Cargo.toml --profile fuzz --target "$host" --bins

found=${3:-}
seed=0 # any
if [ -z "$found" ]; then
    found=$(mktemp -d)
    trap 'rm -rf "$found"' EXIT
    trap 'exit 1' HUP INT TERM
    seed=1
fi

status=0
mkdir -p "$directory/failed"
for seeds in fuzz/corpus/*; do
    name=$(basename "$seeds")
    case " ${FUZZ_TARGETS:-$name} " in
        *" $name "*) ;;
        *) continue ;;
    esac
    log=$directory/$name.log
    mkdir -p "$found/$name"
    if "$directory/$host/fuzz/$name" "$found/$name" "$seeds" -seed=$seed -max_total_time="$seconds" -max_len=4096 \
        -timeout=10 -rss_limit_mb=512 -artifact_prefix="$directory/failed/$name-" -print_final_stats=1 \
        > "$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
        all=$(sed -n 's/.*PC tables (\([0-9]*\) PCs).*/\1/p' "$log")
        new=$(sed -n 's/^stat::new_units_added: *//p' "$log")
        echo "fuzz $name: $runs inputs in $seconds seconds, $edges of $all edges, $new new inputs"
    else
        status=1
        echo "fuzz $name: FAILED" >&2
        { grep -A 3 -e panicked -e 'ERROR: libFuzzer' "$log" || cat "$log"; } | head -n 20 >&2
        echo "The whole story is in $log; once more: $directory/$host/fuzz/$name FILE" >&2
        sed -n 's/.*Test unit written to \(.*\)/FILE is \1/p' "$log" >&2
    fi
done
exit "$status"
