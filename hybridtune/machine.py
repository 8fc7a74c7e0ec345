"""What this machine and this installation have: the facts that `hybridtune.doctor` judges.

Reads: the metadata of the installed packages, /proc/meminfo, what nvidia-smi lists.
Writes: nothing. torch and vLLM are imported in processes of their own, which may crash or hang.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

TORCH_PROBE = """
import json, torch
gpus = []
for index in range(torch.cuda.device_count()):
    free, total = torch.cuda.mem_get_info(index)
    gpus.append({"name": torch.cuda.get_device_name(index), "free": free, "total": total})
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda, "gpus": gpus}))
"""
VLLM_PROBE = """
import json, vllm
from vllm.platforms import current_platform
print(json.dumps({"version": vllm.__version__, "device": current_platform.device_type}))
"""


def own_python_range() -> str | None:
    """The Python versions that our own package admits, or None if it is not installed."""
    try:
        return importlib.metadata.metadata("hybridtune")["Requires-Python"]
    except importlib.metadata.PackageNotFoundError:
        return None


def own_requirements() -> list[str]:
    """The dependencies of our own package, those of its extras included."""
    try:
        return importlib.metadata.requires("hybridtune") or []
    except importlib.metadata.PackageNotFoundError:
        return []


def installed_versions() -> dict[str, str]:
    """The installed distributions, by canonical name."""
    found = importlib.metadata.distributions()
    return {canonicalize_name(each.name): each.version for each in found if each.name}


def gpus_by_driver() -> list[str]:
    """The GPUs that the NVIDIA driver lists, whatever torch thinks of them."""
    try:
        command = ["nvidia-smi", "--list-gpus"]
        listing = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in listing.stdout.splitlines() if line.startswith("GPU")]


def probe(code: str, timeout_s: float) -> dict[str, Any]:
    """Runs code in a fresh interpreter: the JSON of its last line, or {"error": the reason}."""
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"the import took more than {timeout_s:g} s"}
    if done.returncode == 0:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer
    lines = done.stderr.strip().splitlines()
    return {"error": lines[-1] if lines else f"the import ended with status {done.returncode}"}


def available_memory() -> int:
    """Bytes of memory that new processes can have without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["MemAvailable"].split()[0]) * 1024


def reach(url: str, timeout_s: float = 5) -> None:
    """Raises OSError unless something answers there, be it with an HTTP error."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=timeout_s).close()
    except urllib.error.HTTPError as error:
        error.close()
