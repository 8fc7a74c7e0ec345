"""How many of a data set's names the rules find, against a list made by hand.

Reads the data (AnnoMI's `AnnoMI-simple.csv`) and the list; prints JSON. Neither belongs in a
repository. To make such a list: read every capitalised word that could be a name with its context,
before any rule has seen it, and write down a JSON list of objects

    {"transcript_id": "3", "utterance_id": "17", "start": 4, "end": 7, "text": "Ann",
     "kind": "person"}

one for each word of a name (first and last name are two), places counted in the raw utterance.
Kinds are `person`, `pet` (an animal with a person's name: it identifies as well, and counts), and
anything else for traps that look like people and are none (`place`, `organisation`), which count
against the precision when they are taken. Run it:

    python -m benchmarks.names --gold names-gold.json --data AnnoMI-simple.csv
"""

import argparse
import csv
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from corpus.deid import Deidentified, Deidentifier
from corpus.deid.tokens import WORD
from hybridtune.config.corpus import DeidentifySettings

NAMES = ("person", "pet")
Place = tuple[str, str, int, int]


class Session(NamedTuple):
    """A transcript: its utterances' ids and texts."""

    key: str
    ids: list[str]
    texts: list[str]


def sessions(path: Path) -> list[Session]:
    """Transcripts of the data, in the order of the file."""
    found: dict[str, Session] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = row["transcript_id"]
            session = found.setdefault(key, Session(key, [], []))
            session.ids.append(row["utterance_id"])
            session.texts.append(row["utterance_text"])
    return list(found.values())


def places(session: Session, done: Deidentified) -> set[Place]:
    """Word by word, what was replaced as a name."""
    return {
        (session.key, session.ids[span.utterance], span.start + m.start(), span.start + m.end())
        for span in done.spans
        if span.kind == "name"
        for m in WORD.finditer(span.text)
    }


def survivors(done: Deidentified, names: set[str]) -> set[str]:
    """Names of the list that still stand somewhere in the session."""
    words = {match[0] for text in done.texts for match in WORD.finditer(text)}
    words |= {word.removesuffix("'s") for word in words}
    return {name for name in names if name in words}


def measure(gold_path: Path, data: Path, lower: bool = False) -> dict[str, float | int | list[str]]:
    """Recall, precision and leaks of the rules on the data."""
    gold = json.loads(gold_path.read_text(encoding="utf-8"))
    wanted = {
        (row["transcript_id"], row["utterance_id"], row["start"], row["end"]): row["text"]
        for row in gold
        if row["kind"] in NAMES
    }
    people = {
        (row["transcript_id"], row["utterance_id"], row["start"], row["end"])
        for row in gold
        if row["kind"] == "person"
    }
    by_session: dict[str, set[str]] = defaultdict(set)
    for place, text in wanted.items():
        by_session[place[0]].add(text.lower() if lower else text)
    worker = Deidentifier(DeidentifySettings(), b"benchmark")
    found: set[Place] = set()
    leaked: list[str] = []
    started = time.perf_counter()
    for session in sessions(data):
        texts = [text.lower() for text in session.texts] if lower else session.texts
        done = worker.session(texts, key=session.key)
        found |= places(session, done)
        leaked += sorted(survivors(done, by_session[session.key]))
    distinct = sum(len(names) for names in by_session.values())
    return {
        "names": len(wanted),
        "found": len(found),
        "recall": round(len(found & wanted.keys()) / len(wanted), 4),
        "precision": round(len(found & wanted.keys()) / max(1, len(found)), 4),
        "precision_people_only": round(len(found & people) / max(1, len(found)), 4),
        "distinct_names": distinct,
        "leaked": len(leaked),
        "leaked_share": round(len(leaked) / distinct, 4),
        "leaked_names": leaked,
        "seconds": round(time.perf_counter() - started, 2),
    }


def main() -> None:
    """Print the figures, with capitals and without."""
    parser = argparse.ArgumentParser(description="Recall and precision of names.")
    parser.add_argument("--gold", type=Path, required=True, help="the list made by hand")
    parser.add_argument("--data", type=Path, required=True, help="AnnoMI-simple.csv")
    given = parser.parse_args()
    report = {
        "as written": measure(given.gold, given.data),
        "in lower case": measure(given.gold, given.data, lower=True),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
