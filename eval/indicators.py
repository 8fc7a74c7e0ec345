"""What can be counted in conversations without any judge: indicators, never scores.

Reads `indicators.yaml` of the domain pack, where it has one; gives `analysis.json` its part. One
more, the mismatch of replies, is not counted but told by embeddings (`eval/mismatch.py`). Counts of
reflections, questions, advice and validation describe a style. They correlate with people's ratings
of empathy at about 0.1 to 0.25, and one sentence written for the purpose changes them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.cells import Material, failure_of, scenario_of, variant_of, words_per_turn
from eval.statistics.describe import summary
from hybridtune.domain import Domain
from hybridtune.records import Message
from hybridtune.scripted.text import Phrases, sentences, words

LISTS = ("reflections", "open_questions", "advice", "validation")
MEANING = {
    "reflections": "reflections per counselor turn",
    "open_questions": "open questions per counselor turn",
    "closed_questions": "other questions per counselor turn",
    "advice": "phrases of advice per counselor turn",
    "validation": "phrases of validation per counselor turn",
    "words": "words per counselor turn",
    "talk_ratio": "share of all words that are the counselor's",
    "self_repetition": "share of the counselor's three-word runs that it said before",
}
MISMATCH = "share of other clients' turns that a reply fits at least as well as its own"
"""By sentence embeddings (`eval.mismatch`), where there are some."""


@dataclass(frozen=True)
class Counter:
    """Counts what the pack's lists name; without lists, only what needs none."""

    phrases: Phrases
    named: frozenset[str]

    def of(self, messages: Sequence[Message]) -> dict[str, float]:
        """All indicators of one conversation; `nan` where the counselor says nothing."""
        own = [turn.content for turn in messages if turn.role == "assistant"]
        other = [turn.content for turn in messages if turn.role == "user"]
        if not any(words(turn) for turn in own):
            return dict.fromkeys(self.names, math.nan)
        counts = [self.turn(reply) for reply in own]
        found = {name: float(np.mean([each[name] for each in counts])) for name in counts[0]}
        spoken, heard = (sum(len(words(turn)) for turn in turns) for turns in (own, other))
        found |= {
            "words": words_per_turn(messages),
            "talk_ratio": spoken / (spoken + heard),
            "self_repetition": repetition(own),
        }
        return {name: found[name] for name in self.names}

    @property
    def names(self) -> list[str]:
        """The indicators that this pack has, in the report's order."""
        needed = {"closed_questions": "open_questions"}
        return [
            name
            for name in MEANING
            if name not in (*LISTS, *needed) or needed.get(name, name) in self.named
        ]

    def turn(self, reply: str) -> dict[str, int]:
        """The counts of one reply."""
        parts = sentences(reply)
        asked = [part for part in parts if part.endswith("?")]
        told = [part for part in parts if not part.endswith("?")]
        opened = sum(self.begins(part, "open_questions") for part in asked)
        anywhere = self.phrases.count(reply)
        return {
            "reflections": sum(self.begins(part, "reflections") for part in told),
            "open_questions": opened,
            "closed_questions": len(asked) - opened,
            "advice": anywhere["advice"],
            "validation": anywhere["validation"],
        }

    def begins(self, sentence: str, name: str) -> bool:
        """Whether a sentence, or one of its clauses, begins with a phrase of a list."""
        clauses = sentence.replace(";", ",").replace("\N{EN DASH}", ",").split(",")
        return any(self.starts(words(clause), name) for clause in clauses)

    def starts(self, said: tuple[str, ...], name: str) -> bool:
        """Whether words begin with a phrase of a list, after "and", "so" or "but" at most."""
        tails = (said, said[1:] if said[:1] in (("and",), ("but",), ("so",)) else ())
        return any(
            tail[: len(phrase)] == phrase
            for tail in tails
            if tail
            for phrase, where in self.phrases.by_first.get(tail[0], ())
            if where == name
        )


def counter_of(domain: Domain) -> Counter:
    """The counter with the pack's lists."""
    lists = domain.optional_words("indicators")
    named = {name: lists.get(name) or [] for name in LISTS}
    return Counter(Phrases(named), frozenset(name for name in LISTS if named[name]))


def repetition(replies: Iterable[str]) -> float:
    """Share of the runs of three words that an earlier reply of the same speaker holds."""
    before: set[tuple[str, ...]] = set()
    total = again = 0
    for reply in replies:
        said = words(reply)
        runs = list(zip(said, said[1:], said[2:], strict=False))
        total += len(runs)
        again += sum(run in before for run in runs)
        before |= set(runs)
    return again / total if total else 0.0


def indicators(
    material: Material,
    variants: Iterable[str],
    domain: Domain,
    alpha: float,
    embedded: Mapping[str, Any],
) -> dict[str, Any]:
    """By variant and indicator n, mean, sd, median and limits; one number per scenario first.

    `embedded` is what `eval.embeddings.embeddings_of` found; what it lacks is in `unmeasured`.
    """
    counter = counter_of(domain)
    measured: bool = embedded["measured"]
    meanings = {name: MEANING[name] for name in counter.names}
    meanings |= {"mismatch": MISMATCH} if measured else {}
    found: dict[str, dict[str, list[dict[str, float]]]] = {name: {} for name in variants}
    for one in material.conversations:
        if not failure_of(one):
            cell = found[variant_of(one)].setdefault(scenario_of(one), [])
            counts = counter.of(one.messages)
            if measured:
                counts["mismatch"] = embedded["mismatch"].get(one.id, math.nan)
            cell.append(counts)
    return {
        "names": meanings,
        "unmeasured": {} if measured else {"mismatch": embedded["why"]},
        "variants": {
            variant: {
                name: summary(
                    means([one[name] for one in cell] for cell in by_scenario.values()), alpha
                )._asdict()
                for name in meanings
            }
            for variant, by_scenario in found.items()
        },
    }


def means(cells: Iterable[Iterable[float]]) -> list[float]:
    """One number per scenario; conversations without words of the counselor are left out."""
    known = [[value for value in cell if not math.isnan(value)] for cell in cells]
    return [sum(cell) / len(cell) for cell in known if cell]
