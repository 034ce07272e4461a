#!/bin/sh
# Makes a release twice, by other settings of the surroundings, and compares; looks at the bill of materials; and builds
# from the sources alone, without network and without anything that cargo has kept.
#
# usage: dist-test.sh DIRECTORY
set -eu

mkdir -p "$1"
directory=$(cd "$1" && pwd)
rm -rf "$directory/first" "$directory/second" "$directory/sources" "$directory/cargo-home"

fail() {
    echo "dist: $1" >&2
    exit 1
}

contrib/make/dist.sh "$directory/first" >/dev/null
(
    umask 077
    TZ=Asia/Tokyo LC_ALL=C.UTF-8 XZ_OPT=-T4 contrib/make/dist.sh "$directory/second" >/dev/null
)
diff "$directory/first/SHA256SUMS" "$directory/second/SHA256SUMS" || fail "two releases of one commit differ"
(cd "$directory/first" && sha256sum --check --quiet SHA256SUMS) || fail "the checksums are wrong"
echo "dist: two releases are the same"

python3 - "$directory/first"/*.cdx.json <<'END' || fail "the bill of materials is wrong"
import json, subprocess, sys
bill = json.load(open(sys.argv[1]))
# What the compiler links, as another part of cargo tells it.
tree = subprocess.run(["cargo", "tree", "--locked", "--prefix=none", "--no-dedupe", "--edges=normal,no-proc-macro", "--format={p}",
                       "--target=x86_64-unknown-linux-gnu"], check=True, stdout=subprocess.PIPE, text=True)
linked = {tuple(line.split()[:2]) for line in tree.stdout.splitlines()} - {("saslauthd", "v" + bill["metadata"]["component"]["version"])}
listed = {(part["name"], "v" + part["version"]) for part in bill["components"] if part["scope"] == "required"}
problems = [f"not listed: {crate}" for crate in linked - listed]
for part in bill["components"]:
    own = part["purl"].startswith("pkg:generic/")
    if not part["licenses"][0]["expression"] or (not own and len(part["hashes"][0]["content"]) != 64):
        problems.append(f"without licence or hash: {part['name']}")
references = {part["bom-ref"] for part in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
problems += [f"unknown: {name}" for entry in bill["dependencies"] for name in entry["dependsOn"] if name not in references]
print(f"dist: the bill of materials has {len(linked)} linked crates of {len(bill['components'])}")
sys.exit("\n".join(problems) or 0)
END

mkdir "$directory/sources" "$directory/cargo-home"
tar -x -C "$directory/sources" -f "$directory/first"/saslauthd-*.tar.xz
cd "$directory/sources"/saslauthd-*
CARGO_HOME=$directory/cargo-home CARGO_TARGET_DIR=$directory/sources/target \
    cargo build --offline --locked --quiet || fail "the sources cannot be built without network"
commit=$(cut -c 1-8 .commit)
grep -q "$commit" "$directory/sources/target/debug/saslauthd" || fail "the program does not name the commit $commit"
echo "dist: built from the sources alone, as commit $commit"
