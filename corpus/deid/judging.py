"""One word: whether it is a person's name, by the lists and by the words around it."""

from collections.abc import Sequence
from dataclasses import dataclass

from corpus.deid import gazetteer
from corpus.deid.cues import (
    BEHIND,
    DETERMINERS,
    GREETINGS,
    INSTITUTIONS,
    LEAD_INS,
    NOT_BEFORE,
    SMALL_INSTITUTIONS,
    TITLES,
    acting,
    asked_for_name,
    festive,
    introduced,
    related,
    titled,
)
from corpus.deid.places import PLACE_BEFORE, city_at
from corpus.deid.tokens import Scene, Word

ENDS = frozenset(".,?!;-\u2013\u2014")
# Months that are first names as well.
MONTH_NAMES = frozenset({"april", "may", "june", "august"})
Verdict = tuple[str, float]


@dataclass(frozen=True)
class Judge:
    """Rules over one session's words; a verdict is the rule's name and its confidence."""

    scene: Scene

    def candidate(self, word: Word) -> bool:
        return len(word.text) > 1 and (word.capital or not self.scene.cased)

    def ordinary(self, word: Word) -> bool:
        """It is a word as well, in English or in this session."""
        return word.form in gazetteer.ordinary_names() or word.form in self.scene.plain

    def strange(self, word: Word) -> bool:
        """No list knows it as a word."""
        return (
            word.form not in gazetteer.words()
            and word.form not in gazetteer.known()
            and word.form not in self.scene.plain
            and "'" not in word.form[-3:]
        )

    def judge(self, words: Sequence[Word], at: int) -> Verdict | None:
        """What one word is by itself and its neighbours."""
        word = words[at]
        if not self.candidate(word) or word.form in TITLES:
            return None
        if word.form in gazetteer.known() and not self.cued(words, at, only_strong=True):
            return None
        if self.part_of_place(words, at):
            return None
        return self.cued(words, at) or self.listed(words, at)

    def part_of_place(self, words: Sequence[Word], at: int) -> bool:
        """An institution, a saint's town, a feast: named after people, and none of them."""
        beside = words[at].before in (" ", ". ", "-")
        if at and beside and words[at - 1].form in NOT_BEFORE and words[at - 1].before != "":
            stop = words[at].before == ". "
            if not stop or words[at - 1].form in ("st", "mt", "ft"):
                return True
        if festive(words, at):
            return True
        for ahead in words[at + 1 : at + 3]:
            if ahead.before.strip():
                break
            if ahead.form in (INSTITUTIONS if ahead.capital else SMALL_INSTITUTIONS):
                return True
            named = ahead.capital or (not self.scene.cased and ahead.form in gazetteer.last_names())
            if not named:
                break
        asked = at > 0 and words[at - 1].form in PLACE_BEFORE - {"to", "of"}
        return asked and city_at(words, at) is not None

    def cued(self, words: Sequence[Word], at: int, only_strong: bool = False) -> Verdict | None:
        """What the words around say."""
        word = words[at]
        first = word.form in gazetteer.first_names()
        ordinary = self.ordinary(word)
        strange = self.strange(word)
        closed = word.after == "" or word.after in ENDS
        cased = self.scene.cased
        if title := titled(words, at):
            strong_title = title == "title"
            if cased and ((strong_title and word.form not in BEHIND) or first or strange):
                return title, 0.95
            listed = first or word.form in gazetteer.last_names()
            if not cased and ((strong_title and (listed or strange)) or (first and not ordinary)):
                return title, 0.85
        if strength := introduced(words, at):
            usable = (
                first or strange or (cased and not ordinary and word.form not in gazetteer.words())
            )
            open_end = closed or self.opens(words, at)
            if (
                strength == "name"
                and (open_end or (usable and (cased or first)))
                and (cased or first or strange)
            ):
                return "introduced", 0.95
            if strength == "call" and (usable if cased else first and not ordinary):
                return "introduced", 0.95
            if (
                strength == "I"
                and first
                and (not ordinary or (cased and (closed or self.opens(words, at))))
            ):
                return "introduced", 0.9 if cased else 0.8
            if strength == "I" and cased and strange and (closed or self.opens(words, at)):
                return "introduced", 0.7
            if strength == "this" and first and not ordinary:
                return "introduced", 0.8
        if asked_for_name(self.scene, words, at) and (first or strange) and closed:
            return "asked", 0.9
        month = word.form in MONTH_NAMES and word.capital
        if first and cased and acting(words, at) and (month or (ordinary and not only_strong)):
            return "acts", 0.6
        if only_strong:
            return None
        if related(words, at) and (first or (cased and strange)) and (cased or not ordinary):
            return "relative", 0.85
        return self.addressed(words, at, first, ordinary, strange, closed)

    def addressed(
        self,
        words: Sequence[Word],
        at: int,
        first: bool,
        ordinary: bool,
        strange: bool,
        closed: bool,
    ) -> Verdict | None:
        """Somebody is spoken to: "Hi, X", "Well, X, how", "and you, X?"."""
        word = words[at]
        previous = words[at - 1] if at else None
        cased = self.scene.cased
        comma = "," in word.before
        if previous and word.before.strip(" ,") == "" and previous.form in GREETINGS:
            if first and (not ordinary or (cased and closed)):
                return "greeting", 0.9 if cased else 0.75
            if cased and strange:
                return "greeting", 0.85
        if not cased or not closed:
            return None
        if previous and previous.form in LEAD_INS and previous.initial and comma:
            if first and not ordinary:
                return "address", 0.8
            if (first or strange) and word.after in (",", "?", "-"):
                return "address", 0.6
        if comma and (not word.initial):
            if first:
                return "address", 0.6 if ordinary else 0.85
            return ("address", 0.45) if strange else None
        if word.initial and word.after in (",", "-") and first and not ordinary:
            return "address", 0.75
        return None

    def opens(self, words: Sequence[Word], at: int) -> bool:
        """A last name, or "and", "from", "I" follows: this is how one introduces oneself."""
        follows = words[at + 1] if at + 1 < len(words) else None
        return follows is not None and (
            follows.form in ("and", "from", "i", "i'm", "with")
            or (
                self.surname(follows)
                and (follows.form in gazetteer.last_names() or self.strange(follows))
            )
        )

    def listed(self, words: Sequence[Word], at: int) -> Verdict | None:
        """A first name of the lists, without any cue."""
        word = words[at]
        if word.form not in gazetteer.first_names():
            return None
        if not self.scene.cased:
            return None if self.ordinary(word) or len(word.form) < 3 else ("list", 0.6)
        if not self.ordinary(word):
            return ("list", 0.65 if word.initial else 0.75)
        if word.initial or self.among_capitals(words, at):
            return None
        if words[at - 1].form in DETERMINERS:
            return None
        return ("list, also a word", 0.55)

    def among_capitals(self, words: Sequence[Word], at: int) -> bool:
        """Part of a longer name, of a thing or a place: "Golden Retriever", "New Year's Eve"."""
        before = at > 0 and words[at].before == " " and words[at - 1].text[0].isupper()
        before = before and not words[at - 1].initial and words[at - 1].form not in ("i", "i'm")
        follows = words[at + 1] if at + 1 < len(words) else None
        after = (
            follows is not None and follows.before.strip("'s ") == "" and follows.text[0].isupper()
        )
        return before or (
            after and follows is not None and follows.form not in ("i", "i'm", "i'll", "i'd")
        )

    def surname(self, word: Word) -> bool:
        """Whether this word, right behind a first name, is the last name."""
        if word.before not in (" ", "-") or not self.candidate(word):
            return False
        last = word.form in gazetteer.last_names()
        if not self.scene.cased:
            return (
                last and word.form not in gazetteer.words() and word.form not in gazetteer.known()
            )
        if word.form in gazetteer.known() or word.form in BEHIND:
            return False
        return (
            last or word.before == " " or word.form in gazetteer.first_names() or self.strange(word)
        )
