#!/bin/sh
# Generates the bindings in vendor/pam-sys again, as its README.md says, and compares them with those committed.
set -eu

"$(dirname "$0")/packages.sh" needed libpam0g-dev libclang-dev
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
trap 'exit 1' HUP INT TERM

cargo=${CARGO:-cargo}
"$cargo" init --quiet --lib --vcs none --name regenerate "$directory"
echo 'pam-sys = "=1.0.0-alpha5"' >> "$directory/Cargo.toml"
CARGO_TARGET_DIR="$directory/target" "$cargo" build --quiet --manifest-path "$directory/Cargo.toml"
diff -u vendor/pam-sys/src/bindings.rs "$directory"/target/debug/build/pam-sys-*/out/bindings.rs
echo "The bindings are what bindgen makes of this machine's headers."
