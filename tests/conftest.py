"""One real run of the main job, shared by the tests that look at what it leaves.

And who runs what where several processes share the tests (`scripts/test.sh`): a file's tests stay
together, as they share its fixtures, and so do all that look at the run.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo_command import HOME, small_demo
from in_process import Command, runner

from hybridtune.manifest import digest
from hybridtune.serving.process import free_port

DEMO = frozenset({"test_interrupted.py", "test_main_job.py"})
LONG = ("vllm", "slow")


def pytest_configure() -> None:
    """Hear Ctrl-C, and let children hear it: a shell's `pytest &` in a script would ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)

    def quick(tests: list[pytest.Item]) -> tuple[bool, ...]:
        return tuple(not any(test.get_closest_marker(name) for test in tests) for name in LONG)

    items[:] = [item for tests in sorted(files.values(), key=quick) for item in tests]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the tests out by file, with those that look at the demo's run as one file.

    Marks would say the same, but pytest-xdist 3.8 does not see them under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            name = nodeid.partition("::")[0].rpartition("/")[2]
            return "demo" if name in DEMO else name

    return ByFile(config, log)


@pytest.fixture
def hybridtune(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process, from the repository; exit code and what it printed."""
    monkeypatch.chdir(HOME)
    monkeypatch.setenv("COLUMNS", "200")
    return runner(monkeypatch, capsys)


@pytest.fixture(scope="session")
def slow_scripted() -> Iterator[str]:
    """The scripted stand-ins as a server of their own, slow enough to be interrupted."""
    port = free_port()
    command = [sys.executable, "-m", "hybridtune.scripted", "--domain", "therapy"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--latency-ms", "300"],
        cwd=HOME,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}/v1"
    process.terminate()
    process.wait(timeout=20)


def offline(log: Path) -> dict[str, str]:
    """An environment whose Python processes reach this machine only."""
    paths = [str(HOME / "tests/offline"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "BLOCKED_LOG": str(log)}


@pytest.fixture(scope="session")
def overrides(slow_scripted: str) -> tuple[str, ...]:
    """What the whole and the interrupted run of the small demo have in common."""
    return (f"roles.teacher.base_url={slow_scripted}", "training.sft.save_steps=4")


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory, overrides: tuple[str, ...]) -> Path:
    """A finished run of the small demo: real accelerate, TRL, PEFT and vLLM on the CPU.

    All of its processes are kept off every network but loopback; `blocked.txt` beside the run says
    what they tried to reach.
    """
    folder = tmp_path_factory.mktemp("demo") / "run"
    base = digest(HOME / "examples/micro")
    done = subprocess.run(
        small_demo(folder, *overrides),
        cwd=HOME,
        env=offline(folder.parent / "blocked.txt"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (folder / "stdout.txt").write_text(done.stdout, encoding="utf-8")
    (folder / "base-before.txt").write_text(base, encoding="utf-8")
    return folder
