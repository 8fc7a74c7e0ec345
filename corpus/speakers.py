"""Which speaker is the counselor: by the labels' words, else by how each of the two speaks.

Where labels say nothing (SPEAKER_00, first names), the counselor is the one whose utterances hold
more you-words than I-words. On 133 transcribed sessions that is right 133 times, and 98 times of
100 with every fifth utterance given to the wrong speaker. Fewer I-words and more questions join in
a vote: its agreement is the confidence, and below 1 a person should look.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from corpus.labels import normalise, without_number
from corpus.transcript import Part
from hybridtune.config.corpus import CorpusSettings
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, DataError

Method = Literal["labels", "elimination", "you_minus_i", "marks", "pauses", "model"]
YOU = frozenset(("you", "your", "yours", "yourself", "youre", "youve", "youd", "youll"))
SELF = frozenset(("i", "my", "me", "mine", "myself", "im", "ive"))
MOST_LEAN = 2
"""One long tale counts no more than this, or it outvotes many turns if its label is wrong."""

LABEL_BOTH = "label both speakers, or name them in corpus.counselor_labels and .patient_labels"


class LeftOut(DataError):
    """A session that cannot be used; counted with its reason, unless it is all there is."""


@dataclass(frozen=True)
class Roles:
    """Who is who in one session.

    Attributes:
        parts: the part of each speaker.
        method: "labels", "elimination" (one label told, the other speaker is who is left) or
            "you_minus_i"; for speakers that nobody wrote down, an attempt's (`corpus.marks`).
        confidence: 1 for labels; the chosen speaker's share of the words in question for
            elimination; the share of agreeing features for "you_minus_i"; an attempt's own.
    """

    parts: dict[str, Part]
    method: Method
    confidence: float


@dataclass(frozen=True)
class Speech:
    """How one speaker talks: what the vote compares.

    Attributes:
        lean: you-words minus I-words, mean over the utterances, each held within `MOST_LEAN`.
        not_self: I-words per word, negative.
        asks: share of the utterances that hold a question mark.
    """

    lean: float
    not_self: float
    asks: float


def known_labels(settings: CorpusSettings, domain: Domain) -> dict[str, Part]:
    """All labels that tell a part; the experiment's win over the domain's.

    Raises:
        ConfigError: the experiment gives one label to both.
    """
    both = {normalise(label) for label in settings.counselor_labels} & {
        normalise(label) for label in settings.patient_labels
    }
    if both:
        raise ConfigError(
            f"{min(both)!r} is a label of both speakers",
            where="corpus.counselor_labels",
            fix="give it to one",
        )
    return {
        **dict.fromkeys(map(normalise, domain.settings.other_labels), "other"),
        **dict.fromkeys(map(normalise, domain.settings.patient_labels), "patient"),
        **dict.fromkeys(map(normalise, domain.settings.counselor_labels), "counselor"),
        **dict.fromkeys(map(normalise, settings.patient_labels), "patient"),
        **dict.fromkeys(map(normalise, settings.counselor_labels), "counselor"),
    }


def part_of(label: str, known: Mapping[str, Part]) -> Part | None:
    """The part that a label tells.

    As the file writes it, else normalised, else without the number at its end ("Client 2", "T1").
    """
    plain = normalise(label)
    return known.get(label) or known.get(plain) or known.get(without_number(plain))


def attribute(spoken: Sequence[tuple[str, str]], known: Mapping[str, Part]) -> Roles:
    """Find counselor and patient among the speakers.

    Args:
        spoken: speaker and words of every utterance.
        known: from `known_labels`, with what the format itself says (`Transcript.parts`) put over
            it under the labels as the file writes them.

    Raises:
        LeftOut: fewer than two speakers remain, or the two cannot be told apart.
    """
    words = Counter[str]()
    for speaker, text in spoken:
        words[speaker] += len(text.split())
    told = {speaker: part_of(speaker, known) for speaker in words}
    parts: dict[str, Part] = {speaker: part or "other" for speaker, part in told.items()}
    # The two who speak most; a third without a known label is a narrator, an interpreter, a voice.
    unknown = sorted(
        (who for who in words if told[who] is None), key=lambda who: (-words[who], who)
    )
    sides = {part for part in told.values() if part in {"counselor", "patient"}}
    if len(sides) == 2:
        return Roles(parts, "labels", 1.0)
    if len(sides) + len(unknown) < 2:
        raise LeftOut(describe_lack(told), fix=LABEL_BOTH)
    if len(sides) == 1:
        parts[unknown[0]] = "patient" if sides == {"counselor"} else "counselor"
        share = words[unknown[0]] / max(1, sum(words[who] for who in unknown))
        return Roles(parts, "elimination", round(share, 3))
    counselor, patient, confidence = vote(spoken, unknown[0], unknown[1])
    parts[counselor], parts[patient] = "counselor", "patient"
    return Roles(parts, "you_minus_i", confidence)


def describe_lack(told: Mapping[str, Part | None]) -> str:
    """Why there are no two speakers; labels are names, and reasons go into reports and cards."""
    if all(part == "other" for part in told.values()):
        return "no speaker remains: only narrators and the like"
    return "only one speaker remains"


def vote(spoken: Sequence[tuple[str, str]], one: str, other: str) -> tuple[str, str, float]:
    """Counselor, patient, and the share of features that say so; the first that differs decides."""
    left, right = (speech(text for name, text in spoken if name == who) for who in (one, other))
    gaps = [left.lean - right.lean, left.not_self - right.not_self]
    if left.asks or right.asks:  # none at all means that nobody typed punctuation
        gaps.append(left.asks - right.asks)
    # "Q:" and "A:" tell who asks; that is believed where the words tell nothing.
    labels = float(normalise(one) == "q") - float(normalise(other) == "q")
    decisive = next(filter(None, [*gaps, labels]), 0.0)
    if not decisive:
        raise LeftOut("cannot tell which of the two is the counselor", fix=LABEL_BOTH)
    agreeing = sum(gap * decisive > 0 for gap in gaps)
    pair = (one, other) if decisive > 0 else (other, one)
    return *pair, round(agreeing / len(gaps), 3)


def speech(texts: Iterable[str]) -> Speech:
    """The features of one speaker."""
    said = list(texts)
    counts = [count_pronouns(text) for text in said]
    leans = [max(-MOST_LEAN, min(MOST_LEAN, you - self_)) for you, self_, _ in counts]
    return Speech(
        lean=sum(leans) / max(1, len(said)),
        not_self=-sum(self_ for _, self_, _ in counts) / max(1, sum(all_ for *_, all_ in counts)),
        asks=sum("?" in text for text in said) / max(1, len(said)),
    )


def count_pronouns(text: str) -> tuple[int, int, int]:
    """How many you-words, I-words and words."""
    found = re.findall(r"[a-z']+", text.lower().replace("\u2019", "'"))
    words = [word.partition("'")[0] for word in found]
    return sum(word in YOU for word in words), sum(word in SELF for word in words), len(words)
