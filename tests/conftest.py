"""One real run of the main job, shared by the tests that look at what it leaves."""

import subprocess
from pathlib import Path

import pytest
from demo_command import HOME, small_demo

from hybridtune.manifest import digest


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the small demo: real accelerate, TRL, PEFT and vLLM on the CPU."""
    folder = tmp_path_factory.mktemp("demo") / "run"
    base = digest(HOME / "examples/micro")
    done = subprocess.run(small_demo(folder), cwd=HOME, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (folder / "stdout.txt").write_text(done.stdout, encoding="utf-8")
    (folder / "base-before.txt").write_text(base, encoding="utf-8")
    return folder
