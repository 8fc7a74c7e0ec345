"""What is left to be looked at: capitalised words that no list knows."""

from corpus.deid import gazetteer
from corpus.deid.places import STATES
from corpus.deid.spans import Span
from corpus.deid.tokens import Scene, Word


def unknown(word: Word, plain: frozenset[str]) -> bool:
    """Whether a word with a capital is in no list and is not written small in the session."""
    form = word.form
    stem = form.split("'")[0]
    return (
        word.capital
        and len(stem) > 2
        and form not in plain
        and stem not in gazetteer.words()
        and form not in gazetteer.known()
        and form not in STATES
    )


def remaining(scene: Scene, replaced: list[Span]) -> list[str]:
    """Words outside the replaced spans for a person to see: missed names are among them."""
    if not scene.cased:
        return []
    covered: dict[int, list[Span]] = {}
    for known in replaced:
        covered.setdefault(known.utterance, []).append(known)
    found = set()
    for utterance, words in enumerate(scene.words):
        spans = iter(covered.get(utterance, []))
        span = next(spans, None)
        for word in words:
            while span is not None and span.end <= word.start:
                span = next(spans, None)
            inside = span is not None and span.start < word.end
            if not inside and unknown(word, scene.plain):
                found.add(word.text)
    return sorted(found)
