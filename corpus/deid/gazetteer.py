"""The word lists, read once a process from `lists/` when a first session asks for them."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Literal

Sex = Literal["f", "m", "u"]


def each(words: str) -> tuple[str, ...]:
    """A list that is written as a text."""
    return tuple(words.split())


def lines(name: str) -> Iterator[str]:
    """The entries of a list, without its head."""
    text = (files("corpus.deid") / "lists" / name).read_text(encoding="utf-8")
    return (line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def first_names() -> dict[str, Sex]:
    """First names in lower case: female, male, or unknown."""
    sexes: dict[str, Sex] = {"f": "f", "m": "m", "u": "u"}
    pairs = (line.rpartition(" ") for line in lines("first_names.txt"))
    return {name: sexes[sex] for name, _, sex in pairs}


@cache
def last_names() -> frozenset[str]:
    """Last names in lower case."""
    return frozenset(lines("last_names.txt"))


@cache
def words() -> frozenset[str]:
    """English words in lower case, some of which are names as well."""
    return frozenset(lines("words.txt")) | SPOKEN


@cache
def known() -> frozenset[str]:
    """Words with a capital that are no one's name and no small place."""
    return frozenset(word for line in lines("known.txt") for word in line.split())


@cache
def cities() -> dict[str, bool]:
    """Cities in lower case, and whether the name alone is enough."""
    entries = ((line.startswith("?"), line.lstrip("? ")) for line in lines("cities.txt"))
    found: dict[str, bool] = {}
    for unsure, line in entries:
        for name in line.split(";"):
            found[name.strip()] = not unsure
    return found


# What people say and a dictionary does not list.
SPOKEN = frozenset(
    each(
        "ah aha ahh alright anytime anymore mh mhh sometime everytime argh aw aww bro dunno eh"
        " em er erm gee gonna gosh gotcha gotta ha haha hey hi hm hmm huh jeez kay kinda ky la"
        " lemme lo mhm mm mmh mmhmm nah nope oh ok okay oops ooh ouch outta phew shh sorta til"
        " uh uhh um umm un wanna whoa woah wow ya yada yah yap yay yeah yeh yep yo yup ain aren"
        " couldn didn doesn don hadn hasn haven isn shouldn wasn weren wouldn ll re ve online"
        " email website therapist counselor"
    )
)
# In the dictionary, but names first of all: even without a capital they are taken for one.
MOSTLY_NAMES = frozenset(
    each(
        "abbey amber bob carol chuck crystal dale daisy eddy harry heather holly ivy jack kitty"
        " lee lily marina maria martin mike nick peter ray robin rosemary ruby sally sue vi"
        " victor harris ken"
    )
)
# In no dictionary, but said as words.
ALSO_WORDS = frozenset(
    each(
        "max flo merry theres arent isnt dont didnt doesnt wasnt cant wont ive youre thats whats"
        " lets irl lil uni dick karma versa vid nada lala hella eta ama tia dis mama papa"
    )
)


@cache
def ordinary_names() -> frozenset[str]:
    """Names that are words as well: `will`, `mark`, `rose`, `may`; `jack` is not among them."""
    return ((words() | known() | ALSO_WORDS) & (first_names().keys() | last_names())) - MOSTLY_NAMES
