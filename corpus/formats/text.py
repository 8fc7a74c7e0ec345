"""Plain text: `LABEL: words`, one turn a line or wrapped over several, blank lines anywhere.

What stands before the first label is a heading; the stage drops it and counts it.
"""

from corpus.labels import find_labels, normalise, split_label
from corpus.transcript import Document, Transcript, Utterance


def read(document: Document) -> list[Transcript]:
    """Read the one conversation of a text file; lines without a label have no speaker."""
    lines = document.text.split("\n")
    labels = find_labels(lines, document.labels)
    utterances = [
        read_line(line, number, labels)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    return [Transcript("", document.name, "text", tuple(utterances))]


def read_line(line: str, number: int, labels: set[str]) -> Utterance:
    """One line, with its label taken off."""
    labelled = split_label(line)
    if labelled and normalise(labelled.label) in labels:
        return Utterance(labelled.label, labelled.text, number, labelled.start_s)
    return Utterance(None, line.strip(), number)
