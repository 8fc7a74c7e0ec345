"""Runs of words, and what is too near to the held-out evaluation scenarios.

All measures count runs of words, so they are exact and explainable. The generation stage removes
what comes too near; the eval stage proves that nothing did, and says how near the rest comes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from hybridtune.records import Scenario, Session

NEAR_DUPLICATE = 0.5
"""Drafts whose sets of 5-grams have at least this Jaccard similarity count as the same."""
HELD_OUT_SHARED = 5
"""This many shared 8-grams (twelve words in a row, say) are too many."""

RECENT = 256
"""Texts whose words are kept at hand: one check after the other looks at the same few."""

WORD = re.compile(r"\w+(?:'\w+)*")


@lru_cache(RECENT)
def words(text: str) -> tuple[str, ...]:
    """The words of a text in lower case, without punctuation."""
    return tuple(WORD.findall(text.casefold().replace("\u2019", "'")))


@lru_cache(RECENT)
def grams(text: str, size: int) -> frozenset[str]:
    """All runs of `size` words."""
    found = words(text)
    return frozenset(" ".join(found[at : at + size]) for at in range(len(found) - size + 1))


def strings(value: Any) -> Iterator[str]:
    """All texts inside a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)


def told_by(one: Scenario | Session) -> str:
    """The text of a scenario, or of the one that a session was written from; empty without one."""
    return "\n".join(strings(one.scenario))


def text_grams(value: Any, size: int) -> set[str]:
    """The runs of words of every text inside a JSON value; none crosses from text to text."""
    return {gram for text in strings(value) for gram in grams(text, size)}


class HeldOut:
    """The evaluation scenarios that nothing in the training data may resemble."""

    def __init__(self, scenarios: Iterable[Scenario]) -> None:
        self.ids: list[str] = []
        self.limits: list[int] = []
        self.index: dict[str, list[int]] = {}
        for number, scenario in enumerate(scenarios):
            # A scenario without any 8-gram is known by all its words instead.
            marks = text_grams([scenario.scenario, own_words(scenario)], 8)
            marks = marks or {all_words(scenario.scenario)}
            self.ids.append(scenario.id)
            self.limits.append(min(HELD_OUT_SHARED, len(marks)))
            for mark in marks:
                self.index.setdefault(mark, []).append(number)

    def shared(self, parts: Iterable[Any]) -> Counter[int]:
        """How many runs of words some JSON values share with each scenario, by its number."""
        if not self.index:
            return Counter()
        marks = {mark for part in parts for mark in (*text_grams(part, 8), all_words(part))}
        return Counter(number for mark in marks for number in self.index.get(mark, ()))

    def too_close(self, *parts: Any) -> str | None:
        """The scenario that these values resemble most, if they resemble one too much."""
        return self.nearest(self.shared(parts))

    def nearest(self, shared: Mapping[int, int]) -> str | None:
        """Of the scenarios that share something, the one that shares most, if that is too much."""
        near = [
            (-count, self.ids[number])
            for number, count in shared.items()
            if count >= self.limits[number]
        ]
        return min(near)[1] if near else None


def own_words(scenario: Scenario) -> dict[str, Any]:
    """The persona without the values that its row decided: training rows have the same ones."""
    axes = scenario.provenance.get("axes")
    decided = axes if isinstance(axes, dict) else {}
    return {
        name: value
        for name, value in scenario.persona.items()
        if name not in decided or decided[name] != value
    }


def all_words(value: Any) -> str:
    """The words of all texts inside a JSON value, in a row."""
    return " ".join(words(" ".join(strings(value))))
