"""Runs a command that dies with us, however we die.

Child processes (vLLM, training) have children of their own. The guard puts them all into one
process group and waits on a pipe whose other end only we hold: when we end, even by kill -9, the
pipe closes and the guard ends the whole group, so that no port and no GPU memory stays taken.

Run line (by `start` alone): `python -m hybridtune.guard COMMAND ...`
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_S = 15.0
HOME = Path(__file__).parent.parent


def start(
    command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a command under a guard, its output appended to `log`, from any folder."""
    log.parent.mkdir(parents=True, exist_ok=True)
    paths = [str(HOME), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | dict(env or {})
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "hybridtune.guard", *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def stop(process: "subprocess.Popen[bytes]", *, grace_s: float = GRACE_S) -> None:
    """End a guarded command and wait until its whole group is gone."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout=grace_s + 5)
    except subprocess.TimeoutExpired:
        kill_group(process.pid, signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + 5
    while group_lives(process.pid) and time.monotonic() < deadline:
        kill_group(process.pid, signal.SIGKILL)
        time.sleep(0.05)


def kill_group(group: int, number: signal.Signals) -> None:
    """Signal a process group that may be gone."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def group_lives(group: int) -> bool:
    """Whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main() -> None:
    """Run the command; end it when standard input closes or SIGTERM comes."""
    # Ctrl-C of our parent reaches us through the pipe; the group must outlive the signal itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def watch() -> None:
        os.read(0, 1)
        stopping.set()

    threading.Thread(target=watch, daemon=True).start()
    while child.poll() is None:
        if stopping.wait(0.1):
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=GRACE_S)
            kill_group(os.getpgid(0), signal.SIGKILL)
    code = child.returncode
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
