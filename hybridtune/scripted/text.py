"""Plain text work of the stand-ins: words, sentences, seeded choice, templates with slots."""

import hashlib
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from hybridtune.errors import DomainError

CACHED = 4096
"""Texts whose words are remembered: a conversation's turns come again with every next turn."""
WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
SENTENCE = re.compile(r"[^\s.!?][^.!?]*[.!?]*[\"\u201d]?")
SLOT = re.compile(r"\{\w+\}")
QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d]{3,200}?)[.,!?]?[\"\u201d]")


@lru_cache(maxsize=CACHED)
def words(text: str) -> tuple[str, ...]:
    """The words in lower case, with straight apostrophes."""
    return tuple(WORD.findall(text.lower().replace("\u2019", "'")))


@lru_cache(maxsize=CACHED)
def sentences(text: str) -> tuple[str, ...]:
    """The sentences, each an exact part of the text."""
    return tuple(part.strip() for part in SENTENCE.findall(text) if WORD.search(part))


def seeded(*parts: Any) -> random.Random:
    """A generator that depends on the content of its arguments only."""
    content = json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()
    return random.Random(int.from_bytes(hashlib.sha256(content).digest()[:8]))


def fresh(options: Sequence[str], said: str, rng: random.Random) -> str:
    """One of the options, preferably none whose own words were said before."""
    new = [option for option in options if literal(option) not in said]
    return rng.choice(new or options)


@cache
def literal(template: str) -> str:
    """The longest stretch of a template that is not a slot."""
    return max(SLOT.split(template), key=len).strip()


@cache
def pattern_of(template: str) -> re.Pattern[str]:
    """Finds the template in a text, whatever stands in its slots."""
    parts = (
        f"(?P<{part[1:-1]}>.+?)" if SLOT.fullmatch(part) else re.escape(part)
        for part in re.split(rf"({SLOT.pattern})", template)
    )
    return re.compile("".join(parts), re.IGNORECASE)


def refill(template: str, values: Mapping[str, str]) -> str:
    """The template with those slots filled that have a value; other braces stay as they are."""
    return SLOT.sub(lambda slot: values.get(slot.group()[1:-1], slot.group()), template)


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def lowered(text: str) -> str:
    """The text with its first letter in lower case."""
    return text[:1].lower() + text[1:]


def closed(text: str) -> str:
    """The text as a sentence, with a mark at its end."""
    text = text.strip()
    return capital(text if text.endswith((".", "!", "?", '"', "\u201d")) else f"{text}.")


def swap(text: str, table: Mapping[str, str]) -> str:
    """Exchange words and pairs of words, longest first, each place at most once."""
    tokens, result, place = text.split(), [], 0
    while place < len(tokens):
        for span in (2, 1):
            part = " ".join(tokens[place : place + span])
            bare = part.rstrip(".,;:!?")
            if bare.lower() in table and place + span <= len(tokens):
                result.append(table[bare.lower()] + part[len(bare) :])
                place += span
                break
        else:
            result.append(tokens[place])
            place += 1
    return " ".join(result)


class Slots(dict[str, str]):
    """Values for a template's `{slots}`; a name without a value is looked up among the parts.

    A part is a list of templates, of which one is chosen and filled in turn; within one reply the
    same name keeps its value. Values are inserted as they are.
    """

    def __init__(
        self,
        values: Mapping[str, str],
        parts: Mapping[str, Sequence[str]],
        choose: Callable[[Sequence[str]], str],
    ) -> None:
        super().__init__(values)
        self.parts, self.choose = parts, choose

    def __missing__(self, name: str) -> str:
        """Choose and fill a part."""
        if name not in self.parts:
            raise DomainError(f"no value and no part for the slot {{{name}}}", fix="see scripted/")
        self[name] = self.fill(self.choose(self.parts[name]))
        return self[name]

    def fill(self, template: str) -> str:
        """The template with all its slots filled."""
        return template.format_map(self)


def compose(shape: Any, slots: Slots, lists: Mapping[str, Sequence[Mapping[str, str]]]) -> Any:
    """Build a JSON value after a shape: texts are filled, mappings and lists are walked.

    A mapping `{each: NAME, item: SHAPE}` becomes a list with one item per entry of `lists[NAME]`.
    """
    if isinstance(shape, str):
        return slots.fill(shape)
    if isinstance(shape, list):
        return [compose(item, slots, lists) for item in shape]
    if isinstance(shape, dict) and shape.keys() == {"each", "item"}:
        return [
            compose(shape["item"], Slots({**slots, **entry}, slots.parts, slots.choose), lists)
            for entry in lists[shape["each"]]
        ]
    if isinstance(shape, dict):
        return {name: compose(value, slots, lists) for name, value in shape.items()}
    return shape


class Phrases:
    """Several lists of phrases, all looked for in one pass over a text's words."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self.lists = tuple(lists)
        self.by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name, options in lists.items():
            for option in options:
                phrase = words(option)
                self.by_first.setdefault(phrase[0], []).append((phrase, name))

    def count(self, text: str) -> dict[str, int]:
        """How often phrases of each list occur, quotations left out."""
        said = words(QUOTED.sub("", text))
        found = dict.fromkeys(self.lists, 0)
        for place, word in enumerate(said):
            for phrase, name in self.by_first.get(word, ()):
                if said[place : place + len(phrase)] == phrase:
                    found[name] += 1
        return found

    def names(self, text: str) -> set[str]:
        """The lists of which a phrase occurs."""
        return {name for name, hits in self.count(text).items() if hits}
