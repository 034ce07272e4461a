#!/usr/bin/env python3
"""Runs a test program, and ends it with a sentence where it hangs or leaves processes behind.

usage: bounded.py PROGRAM [ARGUMENT…]

For cargo, as the runner of test programs. What goes on for ever in a test is mostly no loop but a wait: for the end of a
pipe that a process left behind still holds, for a child, for a thread. So a program that has printed nothing for
SASLAUTHD_TEST_SILENCE seconds (420) hangs; the longest test takes four minutes. The tests that had not ended are named. And what
is still there ten seconds after the end of the tests is named and ended. A failure it is if its program was built here: then it is
a mistake of the daemon, or of a test that has not stopped it.
"""

import ctypes
import os
import pathlib
import re
import select
import signal
import sys
import time

SILENCE = float(os.environ.get("SASLAUTHD_TEST_SILENCE") or 420)

# How long processes may outlive the program: what was killed at its end may still be on its way out.
GRACE = 10

# What the program ends with here if it was ended, as timeout(1) has it.
ENDED = 124

PR_SET_CHILD_SUBREAPER = 36


class Program:
    """The program, and what it has started: this process becomes the parent of whatever loses its own."""

    def __init__(self, command):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.output, theirs = os.pipe()
        streams = [(os.POSIX_SPAWN_DUP2, theirs, 1), (os.POSIX_SPAWN_DUP2, theirs, 2)]
        self.path = pathlib.Path(command[0])
        self.pid = os.posix_spawnp(command[0], command, os.environ, file_actions=streams)
        self.status = None
        os.close(theirs)

    def collect(self):
        """Collects all that have ended."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if ended[0] == self.pid:
                    self.status = os.waitstatus_to_exitcode(ended[1])
        except ChildProcessError:
            pass

    def read(self, seconds):
        """What it has printed; nothing when that takes longer."""
        return os.read(self.output, 65536) if select.select([self.output], [], [], seconds)[0] else b""


class Tests:
    """What a program of Rust's test library says of its tests, line by line."""

    SLOW = re.compile(r"test (\S+) has been running for over")
    RESULT = re.compile(r"test (\S+) \.\.\. ")

    def __init__(self):
        self.running = {}
        self.rest = ""

    def hear(self, printed):
        """Notes which tests take long, and which of them have come to an end."""
        *lines, self.rest = (self.rest + printed.decode(errors="replace")).split("\n")
        for line in lines:
            if slow := self.SLOW.match(line):
                self.running[slow[1]] = True
            elif result := self.RESULT.match(line):
                self.running.pop(result[1], None)


def main(command):
    if not command:
        sys.exit(__doc__)
    program, tests = Program(command), Tests()
    signal.signal(signal.SIGTERM, lambda *_: end(f"{command[0]} was told to end", tests))
    heard = time.monotonic()
    while program.status is None:
        if printed := program.read(1):
            heard = time.monotonic()
            show(printed)
            tests.hear(printed)
        elif time.monotonic() - heard > SILENCE:
            end(f"{command[0]} has printed nothing for {SILENCE:.0f} seconds", tests)
        program.collect()
    while printed := program.read(0):
        show(printed)
    sys.exit(judge(program))


def judge(program):
    """What to end with: as the program, unless it has left something behind."""
    deadline = time.monotonic() + GRACE
    while (left := descendants()) and time.monotonic() < deadline:
        time.sleep(0.1)
        program.collect()
    for pid, line in left.items():
        print(f"The tests have left a process behind: {pid} {line}", file=sys.stderr)
    is_ours = any(was_built_beside(program.path, pid) for pid in left)
    kill(left)
    # A shell's number for a signal.
    status = program.status if program.status >= 0 else 128 - program.status
    return status or is_ours


def was_built_beside(path, pid):
    """Whether the process runs a program of the same build: tests are in a folder below that of the programs."""
    try:
        return pathlib.Path(os.readlink(f"/proc/{pid}/exe")).is_relative_to(path.resolve().parent.parent)
    except OSError:
        return False


def end(why, tests):
    """Ends all that there is and says so."""
    print(f"\n{why} and is ended with all that it has started.", file=sys.stderr)
    for name in tests.running:
        print(f"Still running: {name}", file=sys.stderr)
    for pid, line in (left := descendants()).items():
        print(f"A process of it: {pid} {line}", file=sys.stderr)
    kill(left)
    sys.stderr.flush()
    os._exit(ENDED)


def descendants():
    """All living processes below this one, and their command lines."""
    parents = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (process / "stat").read_text(errors="replace").rsplit(") ", 1)[1].split()[:2]
            line = (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
        except OSError:
            continue
        parents[int(process.name)] = int(parent), state, line
    below, last = {}, {os.getpid()}
    while last:
        last = {pid for pid, (parent, _, _) in parents.items() if parent in last}
        below |= {pid: parents[pid][2] for pid in last if parents[pid][1] not in "ZX"}
    return below


def kill(processes):
    """Kills them, and what they start meanwhile."""
    while processes:
        for pid in processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)
        processes = {pid: line for pid, line in descendants().items() if pid not in processes}


def show(printed):
    sys.stdout.buffer.write(printed)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
