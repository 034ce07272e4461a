#!/usr/bin/env python3
"""What a release says and carries of the crates.

usage: crates.py sbom          a bill of materials of the programs, CycloneDX 1.5 in JSON, on the standard output
       crates.py check         whether that bill has a licence, a checksum and known dependencies for each crate
       crates.py licences      a line for each licence: it, and the crates that have it
       crates.py prune FOLDER  empties the vendored crates that no Linux compiles, half of which are binaries for Windows
"""

import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tomllib
import uuid

TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl"]


def main(arguments):
    match arguments:
        case ["sbom"]:
            json.dump(bill_of_materials(), sys.stdout, indent=2, sort_keys=True)
            print()
        case ["check"]:
            check(bill_of_materials())
        case ["licences"]:
            print_licences()
        case ["prune", folder]:
            prune(pathlib.Path(folder))
        case _:
            sys.exit(__doc__)


def metadata():
    """What cargo knows of the crates that some Linux compiles, tests included."""
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--locked", "--offline", "--format-version=1"]
    command += [f"--filter-platform={target}" for target in TARGETS]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def bill_of_materials():
    known = metadata()
    root = known["resolve"]["root"]
    packages = {package["id"]: package for package in known["packages"]}
    needed = needed_by(root, known["resolve"]["nodes"])
    linked = linked_into(root, known["resolve"]["nodes"], packages)
    hashes = checksums()
    crates = sorted((packages[crate] for crate in needed - {root}), key=lambda crate: (crate["name"], crate["version"]))
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(packages[root], "application", hashes), "timestamp": release_time()},
        "components": [
            component(crate, "library", hashes) | {"scope": "required" if crate["id"] in linked else "excluded"}
            for crate in crates
        ],
        "dependencies": dependencies(needed, known["resolve"]["nodes"], packages),
    }
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill, sort_keys=True))}"
    return bill


def check(bill):
    """Fails by a list of what is missing."""
    known = {crate["bom-ref"] for crate in [bill["metadata"]["component"], *bill["components"]]}
    missing = [f"{crate['name']} has no licence" for crate in bill["components"] if "NOASSERTION" in str(crate["licenses"])]
    missing += [
        f"{crate['name']} has no checksum"
        for crate in bill["components"]
        if crate["purl"].startswith("pkg:cargo/") and "hashes" not in crate
    ]
    missing += [
        f"{entry['ref']} depends on {reference}, which is not in the bill"
        for entry in bill["dependencies"]
        for reference in entry["dependsOn"]
        if reference not in known
    ]
    linked = sum(crate["scope"] == "required" for crate in bill["components"])
    if missing or not linked:
        sys.exit("\n".join(missing) or "The bill of materials is empty.")
    print(f"The bill of materials has {len(bill['components'])} crates, {linked} of them in the programs.", file=sys.stderr)


def edges(node, kinds):
    """The crates that one names, for `None` in the programs themselves, for "build" while they are compiled."""
    return [dep["pkg"] for dep in node["deps"] if any(kind["kind"] in kinds for kind in dep["dep_kinds"])]


def reached(start, nodes, follow):
    by_id = {node["id"]: node for node in nodes}
    found, waiting = set(), [start]
    while waiting:
        crate = waiting.pop()
        if crate not in found:
            found.add(crate)
            waiting += follow(by_id[crate])
    return found


def needed_by(root, nodes):
    """Everything that has a part in the programs, macros and build scripts too, without what only tests use."""
    return reached(root, nodes, lambda node: edges(node, [None, "build"]))


def linked_into(root, nodes, packages):
    def is_macro(crate):
        return any("proc-macro" in target["kind"] for target in packages[crate]["targets"])

    return reached(root, nodes, lambda node: [crate for crate in edges(node, [None]) if not is_macro(crate)])


def component(crate, kind, hashes):
    described = {
        "type": kind,
        "bom-ref": reference(crate),
        "name": crate["name"],
        "version": crate["version"],
        "purl": reference(crate),
        "licenses": [{"expression": expression(crate)}],
    }
    checksum = hashes.get((crate["name"], crate["version"]))
    return described | ({"hashes": [{"alg": "SHA-256", "content": checksum}]} if checksum else {})


def reference(crate):
    if crate["source"]:
        return f"pkg:cargo/{crate['name']}@{crate['version']}"
    return f"pkg:generic/{crate['name']}@{crate['version']}"


def expression(crate):
    """As SPDX has it: old manifests have a slash for "or"."""
    return (crate["license"] or "NOASSERTION").replace("/", " OR ")


def dependencies(needed, nodes, packages):
    chosen = [node for node in nodes if node["id"] in needed]
    listed = [
        {
            "ref": reference(packages[node["id"]]),
            "dependsOn": sorted(reference(packages[crate]) for crate in set(edges(node, [None, "build"]))),
        }
        for node in chosen
    ]
    return sorted(listed, key=lambda entry: entry["ref"])


def checksums():
    with open("Cargo.lock", "rb") as file:
        locked = tomllib.load(file)["package"]
    return {(crate["name"], crate["version"]): crate.get("checksum") for crate in locked}


def release_time():
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def print_licences():
    known = metadata()
    crates = {}
    for crate in known["packages"]:
        crates.setdefault(expression(crate), set()).add(crate["name"])
    for licence in sorted(crates):
        print(f"{licence}: {' '.join(sorted(crates[licence]))}")


def prune(folder):
    compiled = {(crate["name"], crate["version"]) for crate in metadata()["packages"]}
    for crate in folder.iterdir():
        with open(crate / "Cargo.toml", "rb") as file:
            package = tomllib.load(file)["package"]
        if (package["name"], package["version"]) not in compiled:
            empty(crate)


def empty(crate):
    """Leaves what cargo wants to see of a crate that it does not compile, and what its licence wants."""
    for path in crate.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("Cargo.toml", ".cargo-checksum.json") and not path.name.upper().startswith(("LICEN", "COPY")):
            path.unlink()
    (crate / "src").mkdir()
    (crate / "src" / "lib.rs").write_text("// Not for Linux, and left out of this release.\n")
    checksum = crate / ".cargo-checksum.json"
    package = json.loads(checksum.read_text())["package"]
    checksum.write_text(json.dumps({"files": {}, "package": package}))


if __name__ == "__main__":
    main(sys.argv[1:])
