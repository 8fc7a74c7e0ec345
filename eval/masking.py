"""Names that would tell a judge whom it reads, taken out before it reads.

Models like to say who they are. What makes a name is in the domain pack's `masking.yaml`: names of
models and makers, which are masked wherever they stand, and phrases by which somebody introduces
himself, after which the variants' names are masked too where they end what is said. A variant may
be called `real`, and "that sounds real" must stay as it is. All are masked by the same list.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from hybridtune.config import Experiment
from hybridtune.domain import Domain
from hybridtune.records import Message

MASK = "[name]"
CLOSES = r"(?=\s*(?:[^\w\s'\u2019-]|$)|\s+(?:here|speaking|from|the|your|an?|(?:and|but)\s+i)\b)"
"""What stands behind a name by which somebody introduces himself: "I am real", not "real glad"."""


@dataclass(frozen=True)
class Mask:
    """What is masked: names anywhere, and variants' names where somebody introduces himself."""

    anywhere: re.Pattern[str] | None
    introduced: re.Pattern[str] | None

    def text(self, words: str) -> str:
        """One turn without the names."""
        if self.introduced:
            words = self.introduced.sub(rf"\1 {MASK}", words)
        return self.anywhere.sub(MASK, words) if self.anywhere else words

    def messages(self, turns: Iterable[Message]) -> tuple[Message, ...]:
        """A conversation without the names; system messages tell nothing that a judge may see."""
        return tuple(
            turn.model_copy(update={"content": self.text(turn.content)})
            for turn in turns
            if turn.role != "system"
        )


def mask_of(experiment: Experiment, domain: Domain) -> Mask:
    """The mask for one experiment's variants and base model, by the pack's lists."""
    lists = domain.optional_words("masking")
    variants = list(experiment.variants)
    telling = [name for name in variants if re.search(r"[\d_.-]", name)]
    model = PurePath(experiment.model.name).name
    names = [*lists.get("names", ()), model, *telling]
    introductions = alternatives(lists.get("introductions", ()))
    return Mask(
        whole_words(alternatives(names)),
        re.compile(rf"\b({introductions})\s+(?:{alternatives(variants)})\b{CLOSES}", re.IGNORECASE)
        if introductions
        else None,
    )


def alternatives(names: Iterable[str]) -> str:
    """A pattern of any of the names, the longest first, blanks of any width."""
    ordered = sorted({name for name in names if name}, key=lambda name: (-len(name), name))
    return "|".join(r"\s+".join(re.escape(word) for word in name.split()) for name in ordered)


def whole_words(names: str) -> re.Pattern[str] | None:
    """Finds names that are no part of a longer word, with version and kind: GPT 4, Phi-3-mini."""
    if not names:
        return None
    return re.compile(
        rf"(?<![\w-])(?:{names})(?:[-\s]?v?\d\w*(?:\.\w+)*|-\w+)*(?![\w-])", re.IGNORECASE
    )
