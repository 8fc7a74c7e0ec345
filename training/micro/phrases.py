"""Read the phrase files of the micro model and deal phrases from them."""

import random
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
MADE_UP_SHARE = 0.15


@cache
def phrases(name: str) -> dict[str, Any]:
    """One phrase file, parsed."""
    parsed: dict[str, Any] = yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
    return parsed


@cache
def topics() -> dict[str, dict[str, list[str]]]:
    """All topics by name, with the words that name them."""
    found = phrases("topics_work") | phrases("topics_people") | phrases("topics_body")
    extra = {part: phrases("keywords")[part] for part in ("words", "hints")}
    return {
        name: found[name] | {part: lists[name].split(", ") for part, lists in extra.items()}
        for name in sorted(found)
    }


@cache
def nouns() -> list[str]:
    """The nouns that a client may mention out of the blue."""
    found: list[str] = phrases("lexicon")["nouns"].split()
    return found


def two_nouns(rng: random.Random) -> list[str]:
    """Two different nouns, now and then a made-up one: who repeats it has really read it."""
    return [
        made_up(rng) if rng.random() < MADE_UP_SHARE else noun for noun in rng.sample(nouns(), 2)
    ]


def made_up(rng: random.Random) -> str:
    """A word that nobody knows, of two or three syllables."""
    syllables = (rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(3))
    return "".join(syllables)[: rng.choice((4, 5, 6))] + rng.choice(("", "n", "r", "s", "t", "l"))


class Deck:
    """A list dealt in random order and shuffled anew when it runs out: phrases seldom repeat."""

    def __init__(self, rng: random.Random, cards: list[str]) -> None:
        self.rng, self.cards = rng, cards
        self.left: list[str] = []

    def deal(self) -> str:
        """The next card."""
        if not self.left:
            self.left = self.rng.sample(self.cards, len(self.cards))
        return self.left.pop()
