"""One session in, the same session without what tells who it is about out.

Reads no file but the lists and asks no network; the same texts, key and salt give the same result
whatever else is imported, so any number of processes may share the work.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from corpus.deid import ages, dates, places, spoken, structured
from corpus.deid.judging import Judge
from corpus.deid.names import Names, from_labels
from corpus.deid.remains import remaining
from corpus.deid.spans import Span, settle
from corpus.deid.surrogates import Surrogates
from corpus.deid.tokens import Scene
from hybridtune.config.corpus import DeidentifySettings


@dataclass(frozen=True)
class Deidentified:
    """A session after de-identification.

    Attributes:
        texts: the utterances with surrogates.
        spans: what was replaced, with places in the raw texts.
        counts: of the replaced spans by kind.
        weak: found with too little confidence: left as they are, for a person to look at.
        remaining: capitalised words that no list knows, likewise.
        mapping: surrogates by original; it identifies, so keep it apart or not at all.
    """

    texts: list[str]
    spans: list[Span]
    counts: dict[str, int]
    weak: list[Span]
    remaining: list[str]
    mapping: dict[str, str]


@dataclass(frozen=True)
class Deidentifier:
    """Finds and replaces; small enough to be sent to other processes.

    Attributes:
        settings: of the corpus stage.
        salt: the secret that surrogates follow from.
    """

    settings: DeidentifySettings
    salt: bytes

    def session(
        self, texts: Sequence[str], *, key: str, speakers: Sequence[str] = ()
    ) -> Deidentified:
        """Work on the raw utterances of one session.

        Args:
            texts: the utterances in order.
            key: a stable id of the session; surrogates differ from session to session.
            speakers: the labels; "Ann O'Neil" tells a name to look for.
        """
        scene = Scene.of(texts)
        if not self.settings.enabled:
            return Deidentified(list(texts), [], {}, [], remaining(scene, []), {})
        names = Names(Judge(scene), from_labels(speakers))
        found = [
            *structured.find(scene), *spoken.find(scene), *dates.find(scene),
            *ages.find(scene), *places.find(scene),
            *names.find(),
        ]  # fmt: skip
        found = [raw(texts, span) for span in found]
        least = self.settings.min_confidence
        spans = settle(span for span in found if span.confidence >= least)
        weak = self.doubtful(found, spans)
        avoid = frozenset(word.form for words in scene.words for word in words)
        surrogates = Surrogates(self.salt, key, avoid | names.evidence, frozenset(names.surnames))
        replaced = replace(texts, spans, surrogates)
        counts: dict[str, int] = dict(sorted(Counter(span.kind for span in spans).items()))
        left = remaining(scene, spans)
        return Deidentified(replaced, spans, counts, weak, left, surrogates.mapping)

    def doubtful(self, found: Sequence[Span], kept: Sequence[Span]) -> list[Span]:
        """Unsure spans that nothing replaced covers."""
        both = settle(
            [*kept, *(span for span in found if span.confidence < self.settings.min_confidence)]
        )
        return [span for span in both if span.confidence < self.settings.min_confidence]


def raw(texts: Sequence[str], span: Span) -> Span:
    """The span with the words of the raw text, should it reach over markup."""
    text = texts[span.utterance][span.start : span.end]
    return span if text == span.text else dataclasses.replace(span, text=text)


def replace(texts: Sequence[str], spans: Sequence[Span], surrogates: Surrogates) -> list[str]:
    """The texts with a surrogate in the place of each span; spans are in order."""
    pieces: list[list[str]] = [[] for _ in texts]
    done = [0] * len(texts)
    for span in spans:
        at = span.utterance
        pieces[at] += [texts[at][done[at] : span.start], surrogates.replace(span.kind, span.text)]
        done[at] = span.end
    return ["".join([*pieces[at], text[done[at] :]]) for at, text in enumerate(texts)]
