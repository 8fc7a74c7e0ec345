"""AnnoMI's sessions, for tests that measure on real transcripts; skipped where it is not there.

It has no licence, so it is never part of the repository: it lies beside it, in `shared/data/`.
"""

import csv
import re
from functools import cache
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "shared/data/AnnoMI-simple.csv"
Talk = list[tuple[str, str]]


def sessions() -> list[Talk]:
    """Every session as speaker ("therapist" or "client") and words."""
    if not PATH.exists():
        pytest.skip(f"needs AnnoMI, which may not be shipped, at {PATH}")
    return load()


@cache
def load() -> list[Talk]:
    found: dict[str, Talk] = {}
    with PATH.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            words = " ".join(row["utterance_text"].split())
            found.setdefault(row["transcript_id"], []).append((row["interlocutor"], words))
    return list(found.values())


def bare(text: str) -> str:
    """In small letters and without punctuation, as automatic captions are."""
    return " ".join(re.sub(r"[^\w\s']", " ", text.lower()).split())
