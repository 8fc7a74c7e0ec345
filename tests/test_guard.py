"""Guarded commands: they end with us, all of them, however we end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hybridtune import guard

HOME = Path(__file__).parent.parent

# A command with two children that ignore SIGTERM, one of them in a session of its own (as torch's
# launcher starts its workers). It writes all three process ids, and runs until it is told.
FAMILY = """
import os, signal, subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"
children = [
    subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=own) for own in (0, 1)
]
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(0.3)
print("pids", os.getpid(), *(child.pid for child in children), flush=True)
if "leaves" in sys.argv:
    os._exit(7)
time.sleep(300)
"""


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def pids_in(log: Path) -> list[int]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [int(word) for line in lines if line.startswith("pids") for word in line.split()[1:]]


def alive(pids: list[int]) -> list[int]:
    running = guard.processes()
    return [pid for pid in pids if pid in running]


def family(*words: str) -> list[str]:
    return [sys.executable, "-c", FAMILY, *words]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """Where the commands write; whatever they leave behind is ended after the test."""
    path = tmp_path / "logs" / "server.log"
    yield path
    for pid in alive(pids_in(path)):
        os.kill(pid, signal.SIGKILL)


def test_output_and_exit_code_pass_through(log: Path) -> None:
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(5)"
    log.parent.mkdir()
    log.write_text("before\n")
    process = guard.start([sys.executable, "-c", script], log=log)
    assert process.wait(timeout=20) == 5
    guard.stop(process)
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert sorted(lines[1:]) == ["err", "out"]


def test_death_by_signal_has_the_shells_exit_code(log: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    process = guard.start([sys.executable, "-c", script], log=log)
    assert process.wait(timeout=20) == 128 + signal.SIGKILL
    guard.stop(process)


def test_a_missing_command_is_told_in_the_log(log: Path) -> None:
    process = guard.start(["/no/such/command"], log=log)
    assert process.wait(timeout=20) != 0
    guard.stop(process)
    assert "No such file" in log.read_text()


def test_it_runs_from_any_folder_with_the_environment(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hybridtune").mkdir()
    (tmp_path / "hybridtune" / "__init__.py").write_text("raise SystemExit(99)")
    script = "import hybridtune.guard, os; print(os.environ['COLOR'], os.getcwd())"
    process = guard.start([sys.executable, "-P", "-c", script], log=log, env={"COLOR": "blue"})
    assert process.wait(timeout=20) == 0
    guard.stop(process)
    assert log.read_text().strip() == f"blue {tmp_path}"


def test_ctrl_c_is_not_ignored_by_the_command(log: Path) -> None:
    script = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    process = guard.start([sys.executable, "-c", script], log=log)
    assert process.wait(timeout=20) == 0
    guard.stop(process)
    assert log.read_text().strip() == "False"


def test_stop_leaves_no_process(log: Path) -> None:
    process = guard.start(family(), log=log)
    wait_until(lambda: pids_in(log))
    guard.stop(process)
    assert alive([process.pid, *pids_in(log)]) == []
    guard.stop(process)


def test_stop_kills_what_does_not_listen(log: Path) -> None:
    process = guard.start(family("stubborn"), log=log, grace_s=0.3)
    wait_until(lambda: pids_in(log))
    guard.stop(process)
    assert alive([process.pid, *pids_in(log)]) == []


def test_children_left_behind_are_ended(log: Path) -> None:
    process = guard.start(family("leaves"), log=log)
    assert process.wait(timeout=20) == 7
    assert len(pids_in(log)) == 3
    assert alive(pids_in(log)) == []
    guard.stop(process)


def test_a_guard_that_is_killed_leaves_its_group_to_stop(log: Path) -> None:
    process = guard.start(family(), log=log)
    wait_until(lambda: pids_in(log))
    process.kill()
    guard.stop(process)
    command, child, _ = pids_in(log)
    assert alive([command, child]) == []


@pytest.mark.parametrize("word", ["obedient", "stubborn"])
def test_kill_9_of_the_parent_ends_everything(log: Path, word: str) -> None:
    script = (
        "import sys, time; from pathlib import Path; from hybridtune import guard\n"
        "guard.start(sys.argv[2:], log=Path(sys.argv[1]), grace_s=0.3)\n"
        "time.sleep(300)"
    )
    command = [sys.executable, "-c", script, str(log), *family(word)]
    parent = subprocess.Popen(command, cwd=HOME)
    wait_until(lambda: pids_in(log))
    assert len(alive(pids_in(log))) == 3
    guards = guard.descendants(parent.pid) - set(pids_in(log))
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive([*pids_in(log), *guards]))
