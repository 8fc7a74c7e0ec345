"""Makes first_names.txt, last_names.txt and words.txt; run it again only to renew them.

Names come out of Faker's person providers, all locales in Latin script. Words come out of a SCOWL
list such as Debian's `american-english-small`, whose path is the argument. Writes into this folder:

    python -m corpus.deid.lists.generate american-english-small
"""

import importlib
import pkgutil
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import faker
from faker.providers import person

from corpus.deid.gazetteer import each

HERE = Path(__file__).parent
SHORT_NAMES = "f becca em gabby kat lil maddie peg rach steph viv m howie norm reg stew stu u izzy"
# Two letters that people answer to; the lists' others are particles and abbreviations.
TWO_LETTERS = frozenset(each("al bo ed jo li lu ty vi"))
NAMES_FROM = """\
# {what}, from the person providers of Faker {version}, all locales in Latin script.
# Faker is under the MIT licence, copyright (c) 2012 Daniele Faraglia and contributors.
# Made by corpus/deid/lists/generate.py; do not edit.
"""
WORDS_FROM = """\
# English words in lower case, from SCOWL (Spell Checker Oriented Word Lists), which says:
# Copyright 2000-2011 by Kevin Atkinson
# Permission to use, copy, modify, distribute and sell these word lists, the associated scripts,
# the output created from the scripts, and its documentation for any purpose is hereby granted
# without fee, provided that the above copyright notice appears in all copies and that both that
# copyright notice and this permission notice appear in supporting documentation. Kevin Atkinson
# makes no representations about the suitability of this array for any purpose. It is provided
# "as is" without express or implied warranty.
# Made by corpus/deid/lists/generate.py; do not edit.
"""


def plain(name: str) -> str:
    """Without accents: how captions and typists write it."""
    return "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))


def usable(name: str) -> Iterator[str]:
    """The forms of one entry; nothing for what is no single Latin word."""
    name = name.strip().lower().replace("\u2019", "'")
    letters = name.replace("'", "")
    latin = all("LATIN" in unicodedata.name(letter, "") for letter in letters)
    if letters.isalpha() and latin and (len(name) > 2 or name in TWO_LETTERS):
        yield from {name, plain(name)}


def collect(attribute: str) -> Counter[str]:
    """How many providers have a name in the lists of that attribute."""
    found: Counter[str] = Counter()
    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"{person.__name__}.{module.name}").Provider
        entries: Any = getattr(provider, attribute, ())
        if not isinstance(entries, property):
            words = (entry if isinstance(entry, str) else entry[0] for entry in entries)
            found.update({form for word in words for form in usable(word)})
    return found


def first_names() -> Iterator[str]:
    """Each first name with f, m, or u where the lists disagree or do not tell."""
    female, male = collect("first_names_female"), collect("first_names_male")
    sex = "u"
    extra = {}
    for word in SHORT_NAMES.split():
        if word in ("f", "m", "u"):
            sex = word
        else:
            extra[word] = sex
    for name in sorted({*female, *male, *collect("first_names"), *extra}):
        more = female[name] - male[name]
        alone = not (female[name] and male[name])
        sex = "f" if more > (0 if alone else 2) else "m" if more < (0 if alone else -2) else "u"
        yield f"{name} {extra.get(name, sex)}"


def last_names() -> Iterator[str]:
    found: set[str] = set()
    for attribute in ("last_names", "last_names_female", "last_names_male"):
        found |= set(collect(attribute))
    yield from sorted(found)


def words(path: Path) -> Iterator[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    yield from sorted(word for word in set(lines) if word.isalpha() and word.islower())


def write(name: str, head: str, lines: Iterable[str]) -> None:
    (HERE / name).write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Write the three lists."""
    version = faker.VERSION
    first = NAMES_FROM.format(what="First names", version=version)
    last = NAMES_FROM.format(what="Last names", version=version)
    write("first_names.txt", first, first_names())
    write("last_names.txt", last, last_names())
    write("words.txt", WORDS_FROM, words(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
