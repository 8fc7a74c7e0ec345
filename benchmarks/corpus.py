"""How fast transcripts become sessions, and that ten times as many take the same memory.

    python -m benchmarks.corpus [--sessions 10000]

Writes `benchmarks/results/corpus.json`: seconds, sessions and words a second, and peak memory of an
import of N sessions, of a tenth of them, and of a bare loop that only reads and splits the same
file; the ratios are what to look at. The sessions are made here from a small vocabulary.
"""

import argparse
import csv
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOME = Path(__file__).parent.parent
TURNS, WORDS = 36, 28
SYLLABLES = ("ba", "ke", "lo", "mi", "nu", "ra", "se", "ti", "vo", "da", "fe", "gu")
OFTEN = (
    "i", "you", "we", "it", "the", "a", "to", "and", "of", "that", "is", "was", "not", "but", "so",
    "do", "feel", "think", "know", "when", "what", "with",
)  # fmt: skip


def write_table(path: Path, sessions: int, seed: int = 7) -> int:
    """A table of made-up sessions, an utterance a row; returns how many words it has."""
    chance = random.Random(seed)
    rare = ["".join(chance.choices(SYLLABLES, k=3)) for _ in range(4000)]
    total = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["session_id", "speaker", "text"])
        for number in range(sessions):
            for turn in range(TURNS):
                count = chance.randint(4, 2 * WORDS - 4)
                words = [
                    chance.choice(OFTEN if chance.random() < 0.6 else rare) for _ in range(count)
                ]
                counselor = turn % 2 == 0
                if counselor:
                    words += ["um,", "how", "do", "you", "see", "your", "week?"]
                total += len(words)
                text = " ".join(words).capitalize() + ("" if counselor else ".")
                table.writerow([number, "therapist" if counselor else "client", text])
    return total


def bare(path: Path) -> int:
    """The least that a program could do: read the rows and split the words."""
    with path.open(newline="", encoding="utf-8") as file:
        return sum(len(row[2].split()) for row in csv.reader(file))


def ours(path: Path, out: Path) -> None:
    """The import as `hybridtune import` does it."""
    from corpus.build import import_all  # noqa: PLC0415 - only in the process that is measured
    from corpus.outputs import Outputs  # noqa: PLC0415
    from hybridtune.config.corpus import CorpusSettings, FilterSettings  # noqa: PLC0415
    from hybridtune.domain import load_domain  # noqa: PLC0415
    from hybridtune.progress import silent  # noqa: PLC0415

    settings = CorpusSettings(paths=(str(path),), filters=FilterSettings(language="any"))
    import_all(settings, Outputs.beside(out), load_domain("therapy"), 7, silent())


def measured(task: str, path: Path) -> dict[str, float]:
    """Run one task in a process of its own: seconds, CPU seconds and peak memory in MiB."""
    command = [sys.executable, "-m", "benchmarks.corpus", "--task", task, "--file", str(path)]
    done = subprocess.run(command, cwd=HOME, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def run_task(task: str, path: Path) -> None:
    """What the child process does."""
    started = time.monotonic()
    if task == "bare":
        bare(path)
    else:
        ours(path, path.with_suffix(".jsonl"))
    seconds = time.monotonic() - started
    own = resource.getrusage(resource.RUSAGE_SELF)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "seconds": round(seconds, 2),
                "cpu_seconds": round(
                    own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime, 2
                ),
                "peak_mib": round(own.ru_maxrss / 1024, 1),
                "peak_mib_of_a_worker": round(workers.ru_maxrss / 1024, 1),
            }
        )
    )


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--task", choices=("bare", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        run_task(arguments.task, arguments.file)
        return
    with tempfile.TemporaryDirectory() as name:
        results = {}
        for label, count in (("tenth", arguments.sessions // 10), ("whole", arguments.sessions)):
            path = Path(name) / f"{label}.csv"
            words = write_table(path, count)
            row = {"sessions": count, "words": words, "bare": measured("bare", path)}
            row["ours"] = mine = measured("ours", path)
            row["sessions_per_s"] = round(count / mine["seconds"], 1)
            row["words_per_s"] = round(words / mine["seconds"])
            results[label] = row
        report = {
            "command": f"python -m benchmarks.corpus --sessions {arguments.sessions}",
            "hardware": {"cores": len(os.sched_getaffinity(0)), "machine": platform.machine()},
            "python": platform.python_version(),
            "results": results,
            "ratios": {
                "memory_whole_to_tenth": round(
                    results["whole"]["ours"]["peak_mib"] / results["tenth"]["ours"]["peak_mib"], 2
                ),
                "seconds_ours_to_bare": round(
                    results["whole"]["ours"]["seconds"] / results["whole"]["bare"]["seconds"], 1
                ),
            },
        }
    text = json.dumps(report, indent=2)
    (HOME / "benchmarks" / "results" / "corpus.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
