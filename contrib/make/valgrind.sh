#!/bin/sh
# The unit tests of everything that calls C, under valgrind: src/sys, and what is made of it (PAM with its modules, shadow, crypt, stored
# passwords); and the libraries of databases and Kerberos with real servers behind them (tests/*/in_process.rs). What valgrind holds against
# the programs is a failure; what it holds against libraries and is not an error of theirs or ours is in valgrind.supp, each with its
# reason.
#
# usage: valgrind.sh TARGET-DIRECTORY [NAMES-OF-TESTS…]
set -eu

cargo=${CARGO:-cargo}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/valgrind"
reports=$(cd "$1/valgrind" && pwd)
shift
servers=
if [ $# -eq 0 ]; then
    servers=in_process
    # Left out are four that look at what valgrind itself changes: limits of memory and descriptors, resident memory, signals.
    set -- sys:: mechanism::pam mechanism::gssapi mechanism::shadow mechanism::getpwent supervisor::pid_file \
        --skip memory_is_available_up_to --skip descriptors_are_available_up_to --skip what_is_resident_grows_and_shrinks \
        --skip what_a_module_forks_has_nothing_blocked
fi

rm -f "$reports"/*.log
status=0

# The tests of a binary that cargo builds with these arguments. Tests that run in a process of their own write a report for each; the
# programs that modules run are not ours, nor are servers, of which some are unpacked below the folder `tmp`. A line about a system
# call that valgrind does not know yet is no error: the kernel "does not have" it then.
under_valgrind() {
    built=$1
    shift
    # shellcheck disable=SC2086 # words of ours
    tests=$("$cargo" test --locked $built --no-run --message-format=json | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    valgrind --quiet --vgdb=no --trace-children=yes --trace-children-skip='/bin/*,/sbin/*,/usr/*,/lib*,*/tmp/*' --num-callers=30 \
        --suppressions="$here/valgrind.supp" --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        --log-file="$reports/%p.log" "$tests" "$@" --test-threads=1 || status=$?
}

under_valgrind --lib "$@"
[ -z "$servers" ] || under_valgrind '--test integration' "$servers"
[ "$status" -eq 0 ] || echo "The tests ended with status $status." >&2
found=0
for report in "$reports"/*.log; do
    grep -q '^==' "$report" || continue
    found=1
    cat "$report" >&2
done
[ "$found" -eq 0 ] || echo "valgrind has found something: $reports" >&2
[ "$status" -eq 0 ] && [ "$found" -eq 0 ]
