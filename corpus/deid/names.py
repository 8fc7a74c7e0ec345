"""Names: what the lists know, what the sentence shows, and what the session says elsewhere.

Three passes over a session. First each word by itself: a cue ("my name is X", "Hi, X", "Dr. X",
"my sister X", ", X?") or a place in the list of first names. Then the last name behind an accepted
first name. Then every other mention of what was accepted for sure, with or without a cue. A name
that is a word as well (`will`, `mark`, `rose`, or any word that this session also writes small)
needs a cue, or a capital in mid-sentence that nothing else explains. Captions without capitals go
the same way with the lists alone, and find less.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from corpus.deid import gazetteer
from corpus.deid.judging import ENDS, Judge, Verdict
from corpus.deid.spans import Span
from corpus.deid.tokens import Scene, Word

SURE = 0.75
# Verbs that make their subject a person or a thing: "Will is here", but not "Will you".
ACTS = frozenset(
    gazetteer.each(
        "is isn't was wasn't has hasn't had said says told tells came comes went goes wants wanted"
        " thinks thought knows knew did does doesn't didn't got gets just and or called calls left"
        " lives lived likes liked loves loved feels felt used never always keeps kept made makes"
    )
)
Place = tuple[int, int]


@dataclass
class Names:
    """The names of one session.

    Attributes:
        judge: the rules for one word of the session.
        evidence: forms that the speakers' labels give away.
        accepted: word by word, the rule and the confidence.
        surnames: forms that stand behind a first name.
    """

    judge: Judge
    evidence: frozenset[str]
    accepted: dict[Place, Verdict] = field(default_factory=dict)
    surnames: set[str] = field(default_factory=set)

    @property
    def scene(self) -> Scene:
        return self.judge.scene

    def find(self) -> Iterator[Span]:
        """All names, a first and a last name together in one span."""
        for utterance, words in enumerate(self.scene.words):
            for at in range(len(words)):
                verdict = self.judge.judge(words, at)
                if verdict:
                    self.accepted[utterance, at] = verdict
            self.extend(words)
        self.propagate()
        for utterance, words in enumerate(self.scene.words):
            yield from self.joined(utterance, words)

    def extend(self, words: Sequence[Word]) -> None:
        """Take the last name with the first, over an initial as well."""
        for at, word in enumerate(words[1:], 1):
            initial = len(words[at - 1].text) == 1 and words[at - 1].text.isupper() and at > 1
            back = at - 2 if initial and word.before in (". ", " ") else at - 1
            verdict = self.accepted.get((word.utterance, back))
            if verdict is None or verdict[1] < 0.5 or words[back].possessive:
                continue
            fits = self.judge.surname(word) if back == at - 1 else self.judge.candidate(word)
            if fits and (word.utterance, at) not in self.accepted:
                self.accepted[word.utterance, at] = ("last name", verdict[1])
            if fits and verdict[0] != "last name":
                self.surnames.add(word.form)

    def propagate(self) -> None:
        """Accept the other mentions of what is sure, and of what the labels say."""
        sure = set(self.evidence)
        for (utterance, at), (_, confidence) in self.accepted.items():
            if confidence >= SURE:
                sure.add(self.scene.words[utterance][at].form)
        for utterance, words in enumerate(self.scene.words):
            for at, word in enumerate(words):
                known = self.accepted.get((utterance, at))
                if (
                    word.form in sure
                    and (self.judge.candidate(word) or self.only_a_name(word))
                    and (known is None or known[1] < SURE)
                ):
                    confidence = self.mention(words, at)
                    if confidence and (known is None or confidence > known[1]):
                        self.accepted[utterance, at] = ("mentioned", confidence)

    def mention(self, words: Sequence[Word], at: int) -> float:
        """How sure another mention of a known name is one."""
        word = words[at]
        if self.judge.part_of_place(words, at):
            return 0.0
        if self.only_a_name(word):
            return 0.8
        if not self.judge.ordinary(word) and word.form not in gazetteer.words():
            return 0.8
        if not self.scene.cased:
            apart = "," in word.before and (word.after == "" or word.after in ENDS)
            return 0.6 if apart else 0.0
        if not word.initial:
            return 0.8
        if word.after in (",", "?") or word.possessive:
            return 0.6
        return 0.6 if self.subject(words, at) else 0.45

    def subject(self, words: Sequence[Word], at: int) -> bool:
        """What follows a word at the beginning of a sentence makes it the one who acts."""
        following = words[at + 1] if at + 1 < len(words) else None
        if following is None or following.before != " ":
            return words[at].form not in self.scene.plain
        return following.form in ACTS

    def only_a_name(self, word: Word) -> bool:
        """A listed name that is no word, in whatever letters: "ROBERT", "robert"."""
        return (
            len(word.form) > 2
            and word.form in gazetteer.first_names()
            and word.form not in gazetteer.words()
            and word.form not in gazetteer.known()
            and word.form not in gazetteer.ALSO_WORDS
        )

    def joined(self, utterance: int, words: Sequence[Word]) -> Iterator[Span]:
        """Spans of neighbouring name words."""
        run: list[int] = []
        for at in [*(at for at in range(len(words)) if (utterance, at) in self.accepted), -1]:
            if run and (at < 0 or not self.together(words, run[-1], at)):
                yield self.span(utterance, words, run)
                run = []
            run.append(at)

    def together(self, words: Sequence[Word], left: int, right: int) -> bool:
        """One person's first and last name."""
        gap = self.scene.texts[words[left].utterance][words[left].end : words[right].start]
        last = self.accepted[words[right].utterance, right][0] == "last name"
        plain = gap in (" ", "-") or (
            right == left + 2 and gap.endswith(" ") and 3 <= len(gap) <= 5
        )
        return plain and (last or words[right].form in self.surnames)

    def span(self, utterance: int, words: Sequence[Word], run: Sequence[int]) -> Span:
        start, end = words[run[0]].start, words[run[-1]].end
        rule, confidence = self.accepted[utterance, run[0]]
        text = self.scene.texts[utterance][start:end]
        return Span(utterance, start, end, "name", rule, confidence, text)


def from_labels(speakers: Iterable[str]) -> frozenset[str]:
    """Forms that speaker labels give away: "Ann O'Neil", not "Speaker 1" or "THERAPIST"."""
    roles = gazetteer.known() | {"speaker", "user", "assistant", "human", "narrator", "unknown"}
    found = set()
    for label in speakers:
        parts = [part.strip(".:,()'").lower().replace("\u2019", "'") for part in label.split()]
        parts = [part for part in parts if part not in roles and len(part) > 1]
        names = gazetteer.first_names().keys() | gazetteer.last_names()
        named = label.lower().startswith(("dr", "mr", "ms", "miss", "prof"))
        for part in parts:
            word = part in gazetteer.words()
            if part.replace("'", "").replace("-", "").isalpha() and (
                (part in names and (named or not word or part in gazetteer.first_names()))
                or not word
            ):
                found |= {part, *part.split("-")}
    return frozenset(found)
