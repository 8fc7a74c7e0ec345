"""The shell scripts, run for real in a clone with a space in its path, with a stand-in for uv.

The stand-in is a wheel that pip installs from a folder, so that nothing leaves the machine; it
records its arguments and creates no package.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
Run = Callable[..., subprocess.CompletedProcess[str]]

FAKE_UV = """#!/bin/sh
printf '%s\\n' "$*" >>"$UV_CALLS"
case "$* $FAKE_UV" in
  *--torch-backend*) ;;
  *--dry-run*unresolvable) echo 'no version of torch==9.9.9+cpu' >&2; exit 1 ;;
  *--dry-run*) ;;
  *dying) kill -9 "$PPID" ;;
esac
"""
RECORDER = """#!/bin/sh
printf '%s|' "$(basename "$0")" "$PWD" "$@" >>"$CALLS"
echo >>"$CALLS"
"""


def write_executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def build_fake_uv(folder: Path) -> None:
    info = "uv-9.9.9.dist-info"
    with zipfile.ZipFile(folder / "uv-9.9.9-py3-none-any.whl", "w") as wheel:
        script = zipfile.ZipInfo("uv-9.9.9.data/scripts/uv")
        script.external_attr = 0o100755 << 16  # a regular file that may be run
        wheel.writestr(script, FAKE_UV)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 9.9.9\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the scripts alone, in a folder with a space."""
    root = tmp_path / "a clone"
    shutil.copytree(SCRIPTS, root / "scripts")
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.fixture
def setup(clone: Path, tmp_path: Path) -> Run:
    """Runs scripts/setup.sh of the clone from another folder, without any index."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    build_fake_uv(wheels)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    environment = inherited | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PYTHON": sys.executable,
        "UV_CALLS": str(tmp_path / "uv-calls"),
    }

    def run(*arguments: str, fake_uv: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(clone / "scripts/setup.sh"), *arguments],
            cwd=tmp_path,
            env=environment | {"FAKE_UV": fake_uv},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def uv_calls(tmp_path: Path) -> list[str]:
    calls = tmp_path / "uv-calls"
    lines = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
    return [line for line in lines if "--dry-run" not in line]


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_syntax(script: Path) -> None:
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")


@pytest.mark.slow
def test_setup_installs_once_and_again_after_a_change(
    setup: Run, clone: Path, tmp_path: Path
) -> None:
    first = setup("cpu")
    assert first.returncode == 0, first.stderr
    (call,) = uv_calls(tmp_path)
    assert call.endswith("--editable .[cpu]")
    assert f"--find-links={tmp_path / 'wheels'}" in call

    again = setup("cpu")
    assert "up to date" in again.stdout
    assert len(uv_calls(tmp_path)) == 1

    with (clone / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert setup("cpu").returncode == 0
    assert setup("cpu", "--dev").returncode == 0
    assert uv_calls(tmp_path)[-1].endswith("--group dev")
    assert "up to date" in setup("cpu").stdout
    assert len(uv_calls(tmp_path)) == 3


@pytest.mark.slow
def test_setup_repairs_an_interrupted_installation(setup: Run, tmp_path: Path) -> None:
    assert setup("cpu", fake_uv="dying").returncode == -9
    repaired = setup("cpu")
    assert repaired.returncode == 0, repaired.stderr
    assert "interrupted" in repaired.stdout
    assert "up to date" in setup("cpu").stdout
    assert len(uv_calls(tmp_path)) == 2


@pytest.mark.slow
def test_setup_asks_pytorch_only_where_the_cpu_build_is_missing(setup: Run, tmp_path: Path) -> None:
    refused = setup("gpu", fake_uv="unresolvable")
    assert refused.returncode == 1
    assert "no version of torch" in refused.stderr
    assert uv_calls(tmp_path) == []
    done = setup("cpu", fake_uv="unresolvable")
    assert done.returncode == 0, done.stderr
    (call,) = uv_calls(tmp_path)
    assert call.endswith("--torch-backend cpu")


@pytest.mark.slow
def test_two_setups_take_turns(setup: Run, clone: Path, tmp_path: Path) -> None:
    script, environment = str(clone / "scripts/setup.sh"), os.environ | {"UV_CALLS": os.devnull}
    assert setup("cpu").returncode == 0
    with (clone / "pyproject.toml").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with subprocess.Popen(
            ["bash", script, "cpu"], env=environment, stdout=subprocess.PIPE, text=True
        ) as second:
            assert second.stdout is not None
            assert "waiting" in second.stdout.readline()
            fcntl.flock(held, fcntl.LOCK_UN)
            assert "up to date" in second.stdout.read()
    assert second.returncode == 0
    assert len(uv_calls(tmp_path)) == 1


def test_setup_says_what_is_missing(clone: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "flock"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    command = [str(tools / "bash"), str(clone / "scripts/setup.sh"), "cpu"]
    environment = {"PATH": str(tools)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no Python 3.11 to 3.14 found" in done.stderr
    done = subprocess.run([*command[:2], "tpu"], capture_output=True, text=True, check=False)
    assert "unknown argument 'tpu'" in done.stderr


@pytest.mark.parametrize(
    ("script", "arguments", "expected"),
    [
        ("demo.sh", ["--force"], "hybridtune|{clone}|reproduce|configs/demo.yaml|--force|"),
        ("reproduce.sh", [], "hybridtune|{clone}|reproduce|{clone}/configs/paper.yaml|"),
        ("reproduce.sh", ["my x.yaml", "--dry-run"],
         "hybridtune|{clone}|reproduce|{here}/my x.yaml|--dry-run|"),
        ("serve.sh", ["a run", "--port", "9"], "hybridtune|{clone}|serve|{here}/a run|--port|9|"),
        ("train.sh", ["a run", "real", "--config_file", "x.yaml"],
         "accelerate|{clone}|launch|--config_file|x.yaml|-m|training.sft"
         "|--run|{here}/a run|--variant|real|"),
        ("test.sh", ["-k", "one two"], "python|{clone}|-m|pytest|-k|one two|"),
    ],
)  # fmt: skip
def test_scripts_hand_over_their_arguments(
    script: str, arguments: list[str], expected: str, clone: Path, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    write_executable(clone / "scripts/setup.sh", "exit 0\n")
    for name in ("hybridtune", "accelerate", "python"):
        write_executable(clone / ".venv/bin" / name, RECORDER)
    done = subprocess.run(
        ["bash", str(clone / "scripts" / script), *arguments],
        cwd=tmp_path, env=os.environ | {"CALLS": str(calls)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wanted = expected.format(clone=clone, here=tmp_path)
    assert calls.read_text(encoding="utf-8").splitlines() == [wanted]


@pytest.mark.parametrize("script", ["train.sh", "serve.sh"])
def test_scripts_without_arguments_show_their_usage(script: str) -> None:
    command = ["bash", str(SCRIPTS / script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
