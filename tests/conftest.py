"""One real run of the main job, shared by the tests that look at what it leaves.

And who runs what where several processes share the tests (`scripts/test.sh`): a file's tests stay
together, as they share its fixtures, and so do all that look at the run.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo_command import HOME, small_demo

from hybridtune.manifest import digest
from hybridtune.serving.process import free_port

SHARED = frozenset({"demo_run", "overrides", "slow_scripted"})
LONG = ("vllm", "slow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests, and begin with the groups that take longest."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        names = frozenset(getattr(item, "fixturenames", ()))
        group = "demo" if names & SHARED else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))
        groups.setdefault(group, []).append(item)

    def long(tests: list[pytest.Item]) -> tuple[bool, ...]:
        return tuple(not any(test.get_closest_marker(name) for test in tests) for name in LONG)

    items[:] = [item for group in sorted(groups.values(), key=long) for item in group]


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
