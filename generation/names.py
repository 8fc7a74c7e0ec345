"""Whether the names in a draft hold together: a check that needs no model.

Looks only at words that somebody is called by, or calls themselves by ("Thanks, Marta", "my name is
Tom"), never at people that are talked about. A pack says in `checks.yaml` under `names` what it
wants: `none`, that no speaker has a name, or `consistent`, that each has at most one, and the
client the one that the persona gives.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Literal

from hybridtune.records import Message

Rule = Literal["none", "consistent"]
LOCALES = ("de_DE", "en_GB", "en_IN", "en_US", "es_ES", "fr_FR", "it_IT", "pl_PL", "pt_BR")
WORDS = frozenset(
    {
        "April", "Amber", "Angel", "August", "Autumn", "Bill", "Chance", "Christian", "Crystal",
        "Dawn", "Destiny", "Faith", "Frank", "Grace", "Grant", "Guy", "Hope", "Joy", "June",
        "Love", "Mark", "May", "Miles", "Precious", "Rich", "Rose", "Ruby", "Sky", "Summer", "Will",
    }
)  # fmt: skip
"""First names that are words too, and would mostly be meant as such."""

NAME = r"([A-Z][a-z]+(?:-[A-Z][a-z]+)?)\b(?!')"
CAPITALISED = re.compile(r"[A-Z][a-z]+(?:-[A-Z][a-z]+)?")
CERTAIN = re.compile(
    rf"\b(?:[Mm]y name(?:'s| is)|(?:[Pp]lease |[Jj]ust |[Yy]ou can )call me) {NAME}"
)
"""Whatever follows is a name."""
SELF = re.compile(rf"\b(?:I'm|I am|[Tt]his is) {NAME}(?=[,.!]| and I\b| here\b)")
CALLED = re.compile(
    r"\b(?:[Hh]i|[Hh]ello|[Hh]ey|[Tt]hanks|[Tt]hank you|[Ww]elcome|[Gg]ood(?:bye| morning| evening)"
    rf"|[Bb]ye|[Ss]orry|[Oo]kay|[Dd]ear|[Tt]ell me|[Ss]ee you)(?:,| again,|,? back,)? {NAME}"
    rf"|(?:^|[.!?] ){NAME}, (?:I|you|it|that|what|how|when|where|let|can|could|do|did|thank)\b"
)


def name_problem(
    messages: tuple[Message, ...], persona: Mapping[str, Any], rule: Rule
) -> str | None:
    """What is wrong with the names in a conversation, if something is.

    Args:
        messages: the conversation.
        persona: the client; a text under `name` is what the client is called.
        rule: see above.
    """
    called: dict[str, str] = {}
    for number, message in enumerate(messages, start=1):
        for who, name in names_in(message):
            if rule == "none":
                return f"turn {number} calls the {who} {name!r}, and this pack gives no names"
            own = persona.get("name")
            known = called.setdefault(who, name)
            if who == "client" and isinstance(own, str) and name not in own.split():
                return f"turn {number} calls the client {name!r}, whose name is {own!r}"
            if name != known:
                return f"turn {number} calls the {who} {name!r}, who was {known!r} before"
    return None


def names_in(message: Message) -> Iterator[tuple[str, str]]:
    """Who is called what in a turn, in order of certainty."""
    oneself, other = ("client", "other") if message.role == "user" else ("other", "client")
    text = message.content.replace("\u2019", "'")
    if "name" in text or "call me" in text:
        for found in CERTAIN.finditer(text):
            yield oneself, found[1]
    if not any(has_first_name(word) for word in CAPITALISED.findall(text)):
        return  # the patterns below cost more than all other checks together
    for who, pattern in ((oneself, SELF), (other, CALLED)):
        for found in pattern.finditer(text):
            name = next(filter(None, found.groups()))
            if name not in WORDS and name in first_names():
                yield who, name


def has_first_name(word: str) -> bool:
    """Whether a capitalised word, or a part of it, is a first name."""
    return not first_names().isdisjoint((word, *word.split("-")))


@cache
def first_names() -> frozenset[str]:
    """First names of some languages; read when a capitalised word is met."""
    names: set[str] = set()
    for locale in LOCALES:
        provider = import_module(f"faker.providers.person.{locale}").Provider
        for kind in ("first_names", "first_names_male", "first_names_female"):
            names.update(getattr(provider, kind, ()))
    return frozenset(names)
