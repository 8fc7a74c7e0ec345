"""Made-up words for the found ones: the same for every mention in a session, and nobody's there.

A surrogate follows from the secret, the session's key, the kind and the original, and steps aside
for what the session has already. Names keep
their sex where the lists tell, and the case they were written in; telephone numbers are from the
range that nobody gets (555-01xx), addresses at example.org; other numbers keep their shape.
"""

import re
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice

from corpus.deid import ages, dates, gazetteer
from corpus.deid.pools import COMPANIES, QUIET, SCHOOLISH, STREET_NAMES, Pool, pools, towns
from corpus.deid.spans import Kind
from corpus.deid.spoken import PIECE, SAID, value
from corpus.deid.tokens import WORD

OFFSETS = (*range(-180, -13), *range(14, 181))


def like(shown: str, original: str) -> str:
    """In the case of the original."""
    if original.islower():
        return shown.lower()
    return shown.upper() if original.isupper() and len(original) > 1 else shown


class Surrogates:
    """The made-up words of one session.

    Args:
        salt: the secret.
        key: the session's stable id.
        avoid: words in lower case that no surrogate name may be: all of the session's own.
        surnames: forms in lower case that are last names here.
    """

    def __init__(
        self, salt: bytes, key: str, avoid: frozenset[str], surnames: frozenset[str]
    ) -> None:
        self.seed = blake2b(salt, digest_size=32).digest() + key.encode("utf-8", "surrogatepass")
        self.avoid = avoid
        self.surnames = surnames
        self.mapping: dict[str, str] = {}
        self.kinds: dict[str, Kind] = {}
        self.given: dict[str, str] = {}
        self.used: set[str] = set()

    def draws(self, kind: str, original: str) -> Iterator[int]:
        """Numbers that follow from secret, session, kind and original."""
        turn = 0
        while True:
            said = f"\x00{kind}\x00{original.lower()}\x00{turn}".encode("utf-8", "surrogatepass")
            yield int.from_bytes(blake2b(self.seed + said, digest_size=8).digest(), "big")
            turn += 1

    def pick(self, kind: str, original: str, pool: Pool) -> str:
        """An entry of the pool that nobody in the session bears or got already."""
        shown = ""
        for turn, number in enumerate(self.draws(kind, original)):
            shown = pool[number % len(pool)]
            low = shown.lower()
            if low not in self.avoid and (low not in self.used or turn > 60):
                break
            if turn > 400:
                break
        self.used.add(shown.lower())
        return shown

    def replace(self, kind: Kind, original: str) -> str:
        """The surrogate of a found stretch."""
        key = original if self.kinds.setdefault(original, kind) == kind else f"{original} ({kind})"
        if key not in self.mapping:
            self.mapping[key] = self.make(kind, original)
        return self.mapping[key]

    def make(self, kind: Kind, original: str) -> str:
        match kind:
            case "name":
                plain = original.replace("\u2019", "'")
                return WORD.sub(lambda word: self.name(word[0]), plain)
            case "date":
                offset = OFFSETS[next(self.draws("date", "")) % len(OFFSETS)]
                return dates.shift(original, offset)
            case "age":
                return ages.rounded_age(original)
            case "city":
                return self.city(original)
            case "street":
                return self.street(original)
            case "organisation":
                return self.organisation(original)
            case "email" | "url" | "handle" | "ip":
                return self.address(kind, original)
            case _:
                return self.number(kind, original)

    def name(self, word: str) -> str:
        """One word of a name; the same word is always the same one."""
        form = word.lower()
        if len(word) == 1:
            return word
        if form not in self.given:
            sex = gazetteer.first_names().get(form, "u")
            last = form in self.surnames or (
                form not in gazetteer.first_names() and form in gazetteer.last_names()
            )
            self.given[form] = self.pick("name", form, pools()["last" if last else sex])
        return like(self.given[form], word)

    def city(self, original: str) -> str:
        town = self.pick("city", original, towns())
        for tail in ("County", "Parish", "Township"):
            if original.endswith(f" {tail}"):
                return f"{town} {tail}"
        return like(town, original)

    def street(self, original: str) -> str:
        number = next(self.draws("street", original))
        if "box" in original.lower():
            return re.sub(r"\d+", lambda run: self.figures(run[0], number), original)
        house = re.match(r"\d+", original)
        name = f"{STREET_NAMES[number % len(STREET_NAMES)]} Street"
        return like(f"{number % 89 + 10} {name}" if house else name, original)

    def organisation(self, original: str) -> str:
        town = self.pick("organisation", original, towns())
        if original.startswith(("University of", "College of", "Institute of", "Academy of")):
            return f"{original.split()[0]} of {town}"
        tail = SCHOOLISH.search(original)
        if tail:
            words = original[tail.start() :].split()
            ahead = original.split()[-2:]
            grade = [word for word in ahead[:-1] if word in ("High", "Middle", "Elementary")]
            return " ".join([town, *grade, *words[-1:]])
        number = next(self.draws("company", original))
        return f"{town} {COMPANIES[number % len(COMPANIES)]}"

    def address(self, kind: Kind, original: str) -> str:
        number = next(self.draws(kind, original))
        word = QUIET[number % len(QUIET)]
        other = QUIET[number // 64 % len(QUIET)]
        tag = f"{word}{other}{number // 4096 % 90 + 10}"
        if kind == "email":
            return (
                f"{word} dot {other} at example dot org"
                if "@" not in original
                else f"{tag}@example.org"
            )
        if kind == "url":
            if " dot " in original:
                return "example dot org"
            start = re.match(r"(?i)https?://|www\.", original)
            path = f"/{tag}" if "/" in original[8:] else ""
            return f"{start[0] if start else ''}example.org{path}"
        if kind == "handle":
            mark = re.match(r"@|/?u/", original)
            return (mark[0] if mark else "") + tag
        return f"2001:db8::{number % 65536:x}" if ":" in original else f"192.0.2.{number % 254 + 1}"

    def number(self, kind: Kind, original: str) -> str:
        """A number of the same shape, and never the same one."""
        shown = (self.like_number(kind, original, draw) for draw in self.draws(kind, original))
        return next((other for other in islice(shown, 50) if other != original), "that number")

    def like_number(self, kind: Kind, original: str, draw: int) -> str:
        """From a range that nobody gets, where there is one."""
        spoken = not any(letter.isdigit() for letter in original)
        figures = self.figures(value(original) if spoken else original, draw)
        count = sum(letter.isdigit() for letter in figures)
        if kind in ("phone", "fax") and count >= 7:
            figures = self.tail(figures, f"55501{draw % 100:02d}")
        if kind == "zip":
            figures = self.head(figures, "00")
        if kind == "ssn" and count == 9:
            figures = self.head(figures, "9")
        return self.said(original, figures) if spoken else figures

    def figures(self, original: str, draw: int) -> str:
        """Other digits and letters in the places of the old ones."""
        stream = iter(blake2b(draw.to_bytes(8, "big") + original.encode(), digest_size=64).digest())
        shown: list[str] = []
        for letter in original:
            number = next(stream, len(shown))
            if letter.isdigit():
                shown.append(str(number % 10))
            elif letter.isalpha() and letter.isascii():
                shown.append(chr((65 if letter.isupper() else 97) + number % 26))
            else:
                shown.append(letter)
        return "".join(shown)

    def tail(self, figures: str, digits: str) -> str:
        """Put digits in the places of the last ones."""
        return self.head(figures[::-1], digits[::-1])[::-1]

    def head(self, figures: str, digits: str) -> str:
        """Put digits in the places of the first ones."""
        left = iter(digits)
        return re.sub(r"\d", lambda old: next(left, old[0]), figures)

    def said(self, original: str, figures: str) -> str:
        """Digits in words, with the pauses of the original; "double five" becomes two words."""
        left = iter(figures)

        def piece(match: re.Match[str]) -> str:
            times = {"d": 2, "t": 3}.get((match[1] or " ")[0].lower(), 1)
            return " ".join(SAID[next(left)] for _ in range(times))

        return PIECE.sub(piece, original)
