"""Runs a command that dies with us, however we die.

Child processes (vLLM, training) have children of their own, some in sessions of their own. The
guard waits on a pipe whose other end only we hold: when we end, even by kill -9, the pipe closes
and the guard ends all of its descendants, so that no port and no GPU memory stays taken. The same
when the command itself ends and leaves children behind.

Run line (by `start` alone): `python -m hybridtune.guard GRACE_S WITH_CHILDREN COMMAND ...`
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

GRACE_S = 15.0
HOME = Path(__file__).parent.parent


def start(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    grace_s: float = GRACE_S,
    with_children: bool = False,
) -> "subprocess.Popen[bytes]":
    """Start a command under a guard, its output appended to `log`, from any folder.

    `grace_s` is how long the command has between SIGTERM and SIGKILL, when it is to end; with
    `with_children`, those that it leaves behind have as long. Else they are killed at once.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | dict(env or {})
    paths = [str(HOME), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    with log.open("ab") as out:
        return subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "hybridtune.guard"),
                *(str(grace_s), str(int(with_children)), *command),
            ],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def stop(process: "subprocess.Popen[bytes]", *, grace_s: float = GRACE_S) -> None:
    """End a guarded command and wait until it and its children are gone."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout=grace_s + 5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    kill_all(members, process.pid)


def processes() -> dict[int, tuple[int, int]]:
    """Parent and group of every process that still runs; what is dead but not reaped does not."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            # pid (name) state parent group ...; the name may hold anything, brackets too.
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if fields[0] not in "ZX":
            found[int(folder.name)] = int(fields[1]), int(fields[2])
    return found


def members(group: int) -> set[int]:
    """The processes of a group."""
    return {process for process, (_, its) in processes().items() if its == group}


def descendants(ancestor: int) -> set[int]:
    """The children of a process, their children, and so on."""
    parents = {process: parent for process, (parent, _) in processes().items()}
    found: set[int] = set()
    while more := {each for each in parents if parents[each] in found | {ancestor}} - found:
        found |= more
    return found


def kill_all(find: Callable[[int], set[int]], of: int, *, most_s: float = 5.0) -> None:
    """Kill what `find(of)` finds until it finds nothing."""
    deadline = time.monotonic() + most_s
    while (left := find(of)) and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends: they stay in our sight."""
    set_child_subreaper = 36  # prctl(2)
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def main() -> None:
    """Run the command; end it when standard input closes or SIGTERM comes."""
    # Ctrl-C of our parent reaches us through the pipe. A handler, since the command would inherit
    # that we ignore the signal.
    signal.signal(signal.SIGINT, lambda *_: None)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    adopt_orphans()
    grace_s, with_children = float(sys.argv[1]), sys.argv[2] == "1"
    child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL)

    def watch() -> None:
        os.read(0, 1)
        stopping.set()

    threading.Thread(target=watch, daemon=True).start()
    while child.poll() is None:
        if stopping.wait(0.1):
            deadline = time.monotonic() + grace_s
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=grace_s)
            while with_children and descendants(os.getpid()) and time.monotonic() < deadline:
                time.sleep(0.1)
            break
    kill_all(descendants, os.getpid())
    code = child.wait()
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
