#!/usr/bin/env python3
"""Breaks the programs on purpose, one promise at a time, and sees a test notice.

usage: mutants.py check            whether every mutant of mutants.txt can be made of the sources as they are
       mutants.py run FOLDER [NAME…]
                                   makes them all in a copy of the sources below FOLDER, compiles that once, and runs
                                   the unit tests with one after the other, or with those named only; a table on the
                                   standard output, a failure if one that is not expected to survives, or the other
                                   way round
"""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field

LIST = pathlib.Path(__file__).with_name("mutants.txt")

# How much more processor time than without a mutant the tests may take, and how much time at all; a mutant that goes on for ever is
# noticed by that.
PATIENCE = 5
LEAST_SECONDS = 60
MOST_SECONDS = 1800

MODULE = """//! Which mutant there is: the number in a file that is read when it is first asked for.
static CHOSEN: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {{
    let number = std::fs::read_to_string({file}).unwrap_or_default();
    number.trim().parse().unwrap_or(0)
}});
pub(crate) fn is(number: u32) -> bool {{
    *CHOSEN == number
}}
"""


@dataclass
class Mutant:
    """One block of the list."""

    number: int
    name: str
    file: str
    tests: str
    promise: str = ""
    survives: str = ""
    old: list = field(default_factory=list)
    new: list = field(default_factory=list)

    def pattern(self):
        """The old text, with any blanks where it has some: how it is wrapped does not matter."""
        return re.compile(r"\s+".join(re.escape(word) for word in "\n".join(self.old).split()))


def main(arguments):
    mutants = read_list(LIST.read_text())
    match arguments:
        case ["check"]:
            for file in sorted({mutant.file for mutant in mutants}):
                mutate(file, pathlib.Path(file).read_text(), mutants)
            print(f"{len(mutants)} mutants can be made.", file=sys.stderr)
        case ["run", folder, *names]:
            unknown = set(names) - {mutant.name for mutant in mutants}
            if unknown:
                sys.exit(f"No such mutant: {', '.join(sorted(unknown))}")
            run(pathlib.Path(folder).resolve(), mutants, names)
        case _:
            sys.exit(__doc__)


def read_list(text):
    mutants = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if heading := re.fullmatch(r"\[([a-z0-9-]+)\] (\S+\.rs)(?: (\S+))?", line):
            name, file, tests = heading.groups()
            mutants.append(Mutant(len(mutants) + 1, name, file, tests or module(file)))
        elif line.startswith("- "):
            mutants[-1].old.append(line[2:])
        elif line == "+" or line.startswith("+ "):
            mutants[-1].new.append(line[2:])
        elif line.startswith("survives: "):
            mutants[-1].survives = line.removeprefix("survives: ")
        else:
            mutants[-1].promise = line.strip()
    for mutant in mutants:
        if not mutant.promise or not mutant.old or not mutant.new:
            sys.exit(f"{mutant.name}: a mutant is a promise, what there is and what it becomes")
    if len({mutant.name for mutant in mutants}) < len(mutants):
        sys.exit("Two mutants have one name.")
    return mutants


def module(file):
    """The folder of the file as a module, whose tests are tried first: src/policy/pool/mod.rs is policy::pool."""
    parts = pathlib.Path(file).with_suffix("").parts[1:]
    parts = parts[:-1] if parts[-1] == "mod" else parts
    return "::".join(parts[:2])


def mutate(path, text, mutants):
    """The file with all its mutants in it. Those of the same place are alternatives."""
    places = {}
    for mutant in mutants:
        if mutant.file != path:
            continue
        found = [match.span() for match in mutant.pattern().finditer(text)]
        if len(found) != 1:
            sys.exit(f"{mutant.name}: its text is in {path} {len(found)} times instead of once")
        places.setdefault(found[0], []).append(mutant)
    spans = sorted(places)
    for (_, end), (start, _) in zip(spans, spans[1:]):
        if start < end:
            sys.exit(f"Mutants overlap in {path}: {text[start:end]}")
    for start, end in reversed(spans):
        text = text[:start] + alternatives(text[start:end], places[start, end]) + text[end:]
    return text


def alternatives(old, mutants):
    """Rust that decides at run time. A text with MUTANT in it decides by itself."""
    new = ["\n".join(mutant.new) for mutant in mutants]
    if any("MUTANT" in text for text in new):
        if len(mutants) > 1:
            sys.exit(f"{mutants[1].name}: beside one with MUTANT in it there can be no other")
        return new[0].replace("MUTANT", f"crate::mutant::is({mutants[0].number})")
    text = "".join(
        f"if crate::mutant::is({mutant.number}) {{ {replacement} }} else "
        for mutant, replacement in zip(mutants, new)
    )
    opening, closing = "{}" if old.endswith(";") else "()"
    return f"{opening}{text}{{ {old} }}{closing}"


def run(folder, mutants, names):
    copy_sources(folder / "tree", folder / "chosen", mutants)
    tests = build(folder)
    choose(folder, None)
    before = processor_time()
    if failure := first_failure(tests, [], MOST_SECONDS):
        sys.exit(f"Without a mutant: {failure}")
    patience = max(LEAST_SECONDS, PATIENCE * (processor_time() - before))
    print("| mutant | what it breaks | noticed by |\n| --- | --- | --- |")
    surprises = 0
    for mutant in mutants:
        if names and mutant.name not in names:
            continue
        choose(folder, mutant)
        noticed = first_failure(tests, [mutant.tests], patience) or found_elsewhere(tests, patience)
        surprises += bool(noticed) == bool(mutant.survives)
        told = f"**survives**: {mutant.survives or 'not expected'}"
        print(f"| {mutant.name} | {mutant.promise} | {noticed or told} |", flush=True)
    choose(folder, None)
    sys.exit(f"{surprises} of them not as expected." if surprises else 0)


def found_elsewhere(tests, patience):
    """By a test that seems to have to do with something else: it has to fail by itself, too."""
    noticed = first_failure(tests, [], patience)
    if noticed and noticed.startswith("`"):
        return first_failure(tests, ["--exact", noticed.strip("`")], patience)
    return noticed


def copy_sources(tree, chosen, mutants):
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(".", tree, symlinks=True, ignore=shutil.ignore_patterns(".git", "target"))
    for file in {mutant.file for mutant in mutants}:
        (tree / file).write_text(mutate(file, (tree / file).read_text(), mutants))
    (tree / "src/mutant.rs").write_text(MODULE.format(file=json.dumps(str(chosen))))
    with (tree / "src/lib.rs").open("a") as library:
        library.write("\nmod mutant;\n")


def build(folder):
    """The program with the unit tests."""
    command = [os.environ.get("CARGO", "cargo"), "test", "--locked", "--lib", "--no-run", "--message-format=json"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(folder / "target")}
    built = subprocess.run(command, cwd=folder / "tree", env=environment, stdout=subprocess.PIPE)
    messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith(b"{")]
    if built.returncode:
        rendered = [message["message"]["rendered"] for message in messages if "message" in message]
        sys.exit("".join(rendered) + "The copy with the mutants cannot be compiled.")
    return next(message["executable"] for message in messages if message.get("executable"))


def choose(folder, mutant):
    (folder / "chosen").write_text(f"{mutant.number if mutant else 0}\n")


def first_failure(tests, arguments, seconds):
    """The first test that fails, or how else they end; nothing if all pass. `seconds`: of the processor."""
    running = subprocess.Popen(
        [tests, *arguments],
        cwd=pathlib.Path(tests).parents[3] / "tree",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds))),
    )
    signal.signal(signal.SIGALRM, lambda *_: stop(running))
    signal.alarm(MOST_SECONDS)
    failed = None
    for line in running.stdout:
        if found := re.fullmatch(r"test (\S+)(?: - should panic)? \.\.\. FAILED\n", line):
            failed = f"`{found[1]}`"
            stop(running)
            break
    signal.alarm(0)
    status = running.wait()
    if failed or not status:
        return failed
    which = f"the tests of `{' '.join(arguments) or 'all'}`"
    # That is how the limit of processor time, or of time, ends them.
    return f"{which}, which do not end" if status == -signal.SIGKILL else f"{which}, which end with status {status}"


def processor_time():
    """Of all that has ended so far, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def stop(running):
    try:
        os.killpg(running.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
