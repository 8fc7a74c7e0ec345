"""Who says each line of a transcript without speakers, by its you-words and I-words."""

from collections.abc import Mapping
from typing import Any

from hybridtune.scripted.text import words

YOU, SELF = frozenset(("you", "your")), frozenset(("i", "my", "me"))


def speakers(inputs: Mapping[str, Any]) -> dict[str, str]:
    """The speaker of each line, by its number; lines that tell nothing go on with the last one."""
    found: dict[str, str] = {}
    speaker = "counselor"
    for line in inputs["lines"]:
        said = [word.partition("'")[0] for word in words(line["text"])]
        lean = sum(word in YOU for word in said) - sum(word in SELF for word in said)
        if lean:
            speaker = "counselor" if lean > 0 else "patient"
        found[str(line["number"])] = speaker
    return found
