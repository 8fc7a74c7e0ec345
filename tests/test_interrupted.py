"""kill -9 in every stage, and the same command again: nothing that was answered is lost.

The reference is an uninterrupted run against the same teacher. A reply that was in flight at vLLM
may differ, because its numerics depend on the batch; everything answered before the kill may not.
"""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from demo_command import HOME, small_demo

from hybridtune.records import Session, read_json, read_jsonl
from hybridtune.weights import adapter_digest

pytestmark = pytest.mark.slow


def answered(run: Path, stage: str) -> dict[str, str]:
    """The answers of a stage that are safe in the request cache, by key."""
    file = run / "calls.sqlite"
    if not file.exists():
        return {}
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
    try:
        return dict(database.execute("SELECT key, text FROM calls WHERE stage = ?", (stage,)))
    except sqlite3.OperationalError:
        return {}
    finally:
        database.close()


def judged(run: Path) -> int:
    """How many verdicts are safe in the request cache."""
    with sqlite3.connect(f"file:{run / 'calls.sqlite'}?mode=ro", uri=True, timeout=10) as database:
        asked = database.execute("SELECT count(*) FROM calls WHERE role = 'judge'")
        return int(asked.fetchone()[0])


def kill_when(command: list[str], ready: Callable[[], bool]) -> None:
    """Start a run, and kill it with SIGKILL at the first moment that `ready` holds."""
    process = subprocess.Popen(
        command, cwd=HOME, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 240
    while not ready():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "the moment to kill never came"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def relatives(run: Path) -> list[int]:
    """Processes whose command line names the run folder: trainers and servers of that run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(run).encode() in words:
                found.append(int(entry.name))
    return found


def until_gone(run: Path) -> None:
    """Wait until no process of the run is left; a guard ends them within its grace period."""
    deadline = time.monotonic() + 40
    while relatives(run) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert relatives(run) == []


@pytest.mark.vllm
def test_killed_three_times_ends_the_same(
    tmp_path: Path, demo_run: Path, overrides: tuple[str, ...]
) -> None:
    whole, torn = demo_run, tmp_path / "torn"
    command = small_demo(torn, *overrides)

    kill_when(command, lambda: len(answered(torn, "generation")) >= 10)
    until_gone(torn)
    safe = answered(torn, "generation")
    checkpoints = torn / "variants/real/checkpoints"
    kill_when(command, lambda: any(checkpoints.glob("checkpoint-*/trainer_state.json")))
    until_gone(torn)
    assert safe.items() <= answered(torn, "generation").items()
    assert not (torn / "variants/real/training.json").exists()
    kill_when(command, lambda: len(answered(torn, "eval")) >= 20)
    until_gone(torn)
    safe_replies = answered(torn, "eval")
    subprocess.run(
        command, cwd=HOME, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    for name in ("personas", "scenarios", "drafts", "rankings", "synthetic"):
        file = f"generation/{name}.jsonl"
        assert (torn / file).read_bytes() == (whole / file).read_bytes(), name
    assert (torn / "corpus/real.jsonl").read_bytes() == (whole / "corpus/real.jsonl").read_bytes()
    for variant in ("real", "hybrid"):
        adapter = f"variants/{variant}/adapter"
        assert adapter_digest(torn / adapter) == adapter_digest(whole / adapter)
    assert safe_replies.items() <= answered(torn, "eval").items()
    assert same_until_in_flight(torn, whole, safe_replies)
    assert read_json(torn / "eval/analysis.json")["scripted"] is True
    assert len(answered(torn, "generation")) == len(answered(whole, "generation"))


def same_until_in_flight(torn: Path, whole: Path, safe: dict[str, str]) -> bool:
    """Every turn that was answered before the kill stands in the final conversations."""
    told = {
        call
        for session in read_jsonl(torn / "eval/conversations.jsonl", Session)
        for call in session.provenance["call_ids"]
    }
    assert safe.keys() <= told
    # The scenarios, and what the patient opens with, do not depend on vLLM at all.
    opening = [
        [session.id, json.dumps(session.scenario), session.messages[0].content]
        for run in (torn, whole)
        for session in read_jsonl(run / "eval/conversations.jsonl", Session)
    ]
    half = len(opening) // 2
    return opening[:half] == opening[half:]


def test_killed_with_scripted_models_ends_byte_identical(
    tmp_path: Path, slow_scripted: str
) -> None:
    endpoint = [
        f"roles.{role}.base_url={slow_scripted}" for role in ("patient", "counselor", "judge")
    ]
    settings = ("evaluation.reference=one", "evaluation.judge_samples=16")
    overrides = ("variants={one: {}, two: {}}", *settings, *endpoint)
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    quiet = {"cwd": HOME, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(small_demo(whole, *overrides), check=True, **quiet)
    command = small_demo(torn, *overrides)
    kill_when(command, lambda: len(answered(torn, "eval")) >= 10)
    kill_when(command, lambda: len(answered(torn, "eval")) >= 30)
    assert not (torn / "eval/conversations.jsonl").exists()
    kill_when(command, lambda: judged(torn) >= 5)
    safe = answered(torn, "eval")
    assert 5 <= judged(torn) < 8 * 16
    assert not (torn / "eval/judgments.jsonl").exists()
    subprocess.run(command, check=True, **quiet)

    for file in ("eval/conversations.jsonl", "eval/judgments.jsonl", "eval/analysis.json"):
        assert (torn / file).read_bytes() == (whole / file).read_bytes(), file
    assert safe.items() <= answered(torn, "eval").items() == answered(whole, "eval").items()
