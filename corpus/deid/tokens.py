"""The words of a session with where they stand, and whether its letters tell capitals."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
MARKUP = re.compile(r"<[^<>]*>|&(?:[a-z]{2,8}|#\d{1,6});", re.IGNORECASE)
FIGURE = re.compile(r"\d")
# After these a capital may be that of a sentence.
OPENINGS = '?!:]-("\u201c\u2026\u2013\u2014'
POSSESSIVES = frozenset(("'s", "'S"))
# "Ann'll", "Ann'd": a name with a verb, unless it is a word that takes these by itself.
CONTRACTED = re.compile(r"'(?:ll|d|ve|re)$", re.IGNORECASE)
CONTRACTING = re.compile(
    r"i|y(?:ou|'all)|s?he|it|we|th(?:ey|at|is|ese|ose|ere)|here|wh(?:o|at|en|ere|y|ich)|how|let"
    r"|(?:c|w|sh)ould|might|must|not|(?:every|some|no)(?:body|one)|any(?:body|one)|nothing",
    re.IGNORECASE,
)
ABBREVIATION = re.compile(
    r"(?:^|\W)(?:dr|mr|mrs|ms|sgt|capt|lt|st|prof|rev|jr|sr|mt|[a-z])\.\s*$", re.IGNORECASE
)
# Below this share of words with a capital a session is taken for captions without case, and above
# the other, of words in nothing but capitals, for captions in capitals.
CASED_FROM = 0.02
SHOUTED_FROM = 0.6


class Word(NamedTuple):
    """A word without its possessive s, and a name without its "'ll".

    Attributes:
        utterance: index of its utterance.
        start: where it begins.
        end: where it ends, before a possessive s.
        text: as written.
        form: in lower case.
        initial: it begins a sentence or a quotation, so that a capital says nothing.
        capital: it has a capital that can be a name's: `Ann`, not `DUI` or `ann`.
        before: what stands between it and the word before.
        after: the character that follows it, without space and possessive; empty at the end.
        possessive: a possessive s follows, or a verb that is contracted with a name.
    """

    utterance: int
    start: int
    end: int
    text: str
    form: str
    initial: bool
    capital: bool
    before: str
    after: str
    possessive: bool


def starts_sentence(text: str, start: int) -> bool:
    """Whether a capital at that place needs no name to explain it."""
    lead = text[max(0, start - 12) : start]
    bare = lead.rstrip()
    if not bare or bare[-1] in OPENINGS:
        return True
    return bare[-1] == "." and not ABBREVIATION.search(lead)


def without_ending(raw: str) -> str:
    """A word without a possessive s or a contracted verb."""
    if raw[-2:] in POSSESSIVES:
        return raw[:-2]
    verb = CONTRACTED.search(raw) if "'" in raw else None
    if verb is None or not verb.start() or CONTRACTING.fullmatch(raw[: verb.start()]):
        return raw
    return raw[: verb.start()]


def split(utterance: int, text: str) -> list[Word]:
    """The words of one utterance."""
    found: list[Word] = []
    last = 0
    for match in WORD.finditer(text):
        raw = match[0]
        stem = without_ending(raw)
        possessive, raw = stem != raw, stem
        start = match.start()
        proper = raw[0].isupper() and (len(raw) == 1 or not raw.isupper())
        word = Word(
            utterance, start, start + len(raw), raw, raw.lower(),
            starts_sentence(text, start), proper, text[last:start],
            text[match.end() : match.end() + 4].lstrip()[:1], possessive,
        )  # fmt: skip
        found.append(word)
        last = match.end()
    return found


def without_markup(text: str) -> str:
    """Tags as full stops, entities as spaces, plain apostrophes: every letter keeps its place."""
    text = text.replace("\u2019", "'")
    if "<" not in text and "&" not in text:
        return text
    return MARKUP.sub(lambda found: (". "[found[0][0] == "&"]) * len(found[0]), text)


@dataclass(frozen=True)
class Scene:
    """One session as the rules see it.

    Attributes:
        raw: the utterances.
        texts: the same without markup, letter by letter in the same places.
        words: their words.
        cased: capitals mean something here.
    """

    raw: Sequence[str]
    texts: Sequence[str]
    words: list[list[Word]]
    cased: bool

    @classmethod
    def of(cls, raw: Sequence[str]) -> "Scene":
        texts = [without_markup(text) for text in raw]
        words = [split(index, text) for index, text in enumerate(texts)]
        forms = [word.text for said in words for word in said if len(word.text) > 1]
        capital = sum(form[0].isupper() for form in forms)
        shouted = sum(form.isupper() for form in forms)
        cased = bool(forms) and capital >= CASED_FROM * len(forms)
        return cls(raw, texts, words, cased and shouted < SHOUTED_FROM * len(forms))

    @cached_property
    def forms(self) -> list[frozenset[str]]:
        """The words of each utterance in lower case: what spares it most patterns."""
        return [frozenset(word.form for word in words) for words in self.words]

    @cached_property
    def numeric(self) -> list[bool]:
        """Whether each utterance has a figure in it."""
        return [FIGURE.search(text) is not None for text in self.texts]

    @cached_property
    def plain(self) -> frozenset[str]:
        """What this session also writes without a capital, so that it is no name by itself."""
        if not self.cased:
            return frozenset()
        return frozenset(
            word.form for words in self.words for word in words if word.text[0].islower()
        )
