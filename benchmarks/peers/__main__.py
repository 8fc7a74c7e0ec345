"""What other pipelines take for the work of `benchmarks.generation`: same server, one run.

    python -m benchmarks.peers --python distilabel=/path/to/its/python ... [--rows 1000]

Writes `benchmarks/results/generation-peers.json`: seconds of the whole process, times the bare
loop, CPU milliseconds a request, peak memory of the largest process, and versions. The names are
those of the scripts beside this file; each says how its pipeline is set up. A peer that fails is in
the results with its last line and no figures.

Data Designer counts tokens with a table that it would fetch; without a network its retries would be
measured instead of its work, so it gets a table of single bytes.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.generation import HOME, SLOTS, STEPS, THING, write_pack
from generation.writer import session_schema
from hybridtune.domain import Domain
from hybridtune.judge import verdict_schema
from hybridtune.serving.process import free_port

RESULTS = HOME / "benchmarks/results/generation-peers.json"
PACKAGES = {
    "data_designer": "data-designer",
    "distilabel": "distilabel",
}
LONGEST_S = 300


def timed(command: list[str], rows: int) -> dict[str, Any]:
    """A process from its start to its end, with all that it started and waited for."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=HOME, stdout=said, stderr=said)
        timer = threading.Timer(LONGEST_S, process.kill)
        timer.start()
        _, status, used = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        said.seek(0)
        words = said.read().decode(errors="replace").strip().splitlines()
    if status:  # what a process took that did not do the work says nothing about the work
        return {"failed": " ".join(words[-1:])[:300] or f"exit {process.returncode}"}
    return {
        "seconds": seconds,
        "cpu_ms_per_request": 1000 * (used.ru_utime + used.ru_stime) / (STEPS * rows),
        "peak_mb": used.ru_maxrss / 1024,
    }


def version(python: str, name: str) -> str:
    """Of the peer's package."""
    code = f"from importlib.metadata import version; print(version({PACKAGES[name]!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main() -> None:
    """Measure the bare loop, ours, and every peer that has a Python; keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--latency-ms", type=float, default=50)
    told = parser.parse_args()
    pythons = dict(each.split("=", 1) for each in told.python)
    if unknown := pythons.keys() - PACKAGES.keys():
        parser.error(f"no {min(unknown)}: one of {', '.join(PACKAGES)}")
    port = free_port()
    server = [sys.executable, "tests/fault_server.py", "--port", str(port)]
    process = subprocess.Popen([*server, "--latency-ms", str(told.latency_ms)], cwd=HOME)
    try:
        time.sleep(2)
        found = measure_all(f"http://127.0.0.1:{port}/v1", told.rows, pythons)
    finally:
        process.terminate()
        process.wait()
    result = {
        "hardware": f"{os.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        "rows": told.rows,
        "steps": STEPS,
        "slots": SLOTS,
        "latency_ms": told.latency_ms,
        "ideal_s": told.rows * STEPS / SLOTS * told.latency_ms / 1000,
        "command": "python -m benchmarks.peers",
        **found,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def measure_all(url: str, rows: int, pythons: dict[str, str]) -> dict[str, Any]:
    """One side after the other, each in a folder of its own."""
    found: dict[str, Any] = {}
    for name in ("bare", "ours", *pythons):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            write_pack(place)
            rubric = Domain(place / "pack").rubric("ranking")
            steps = {
                "persona": THING,
                "scenario": THING,
                "session": session_schema(3),
                "ranking": verdict_schema(rubric),
            }
            (place / "steps.json").write_text(json.dumps(steps), encoding="utf-8")
            if name in pythons:
                script = str(HOME / "benchmarks" / "peers" / f"{name}.py")
                command = [pythons[name], script, url, str(rows), folder]
            else:
                command = [sys.executable, "-m", "benchmarks.generation", "--worker", name]
                command += ["--url", url, "--rows", str(rows), "--folder", folder]
            found[name] = timed(command, rows)
        if name in pythons:
            found[name]["version"] = version(pythons[name], name)
        if "failed" not in found[name]:
            found[name]["times_bare"] = found[name]["seconds"] / found["bare"]["seconds"]
        print(name, json.dumps(found[name]), file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
