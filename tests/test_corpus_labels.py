"""Speaker labels in text: found where they are, and not made up where a colon stands."""

import textwrap

import pytest
from annomi import sessions
from hypothesis import given
from hypothesis import strategies as st

from corpus.labels import find_labels, normalise, split_label

KNOWN = frozenset(("therapist", "client", "t", "c", "counselor", "patient", "dr. smith"))
STYLES = {
    "words": ("THERAPIST: ", "CLIENT: "),
    "letters": ("T: ", "C: "),
    "numbered": ("T1: ", "C1: "),
    "counted": ("T{}: ", "C{}: "),
    "names": ("Dr. Smith: ", "Mary: "),
    "times": ("COUNSELOR [00:01:15.09]: ", "CLIENT [00:01:17.20]: "),
    "bold": ("**Therapist:** ", "**Client:** "),
    "questions": ("Q: ", "A: "),
    "machine": ("SPEAKER_00: ", "SPEAKER_01: "),
}


def read(lines: list[str], known: frozenset[str] = KNOWN) -> list[tuple[str | None, str]]:
    """What a reader of wrapped lines makes of them."""
    labels = find_labels(lines, known)
    read: list[tuple[str | None, str]] = []
    for line in lines:
        labelled = split_label(line)
        if labelled and normalise(labelled.label) in labels:
            read.append((labelled.label, labelled.text))
        elif read:
            read[-1] = (read[-1][0], f"{read[-1][1]} {line.strip()}".strip())
        else:
            read.append((None, line))
    return read


def render(turns: list[tuple[int, str]], style: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Turns as lines of 70 columns, and what must be read from them."""
    lines: list[str] = []
    expected = []
    for number, (side, text) in enumerate(turns, start=1):
        head, words = STYLES[style][side].format(number), " ".join(text.split())
        lines += textwrap.wrap(head + words, 70, break_long_words=False, break_on_hyphens=False)
        expected.append((head.strip(" *:").split(" [")[0], words))
    return lines, expected


@pytest.mark.parametrize(
    ("line", "label", "text", "start_s"),
    [
        ("THERAPIST: So?", "THERAPIST", "So?", None),
        ("T1: So?", "T1", "So?", None),
        ("Dr. Smith: So?", "Dr. Smith", "So?", None),
        ("COUNSELOR [00:01:15.09]: So?", "COUNSELOR", "So?", 75.09),
        ("[00:01:15] T: So?", "T", "So?", None),
        ("**Therapist:** So?", "Therapist", "So?", None),
        ("**Therapist**: So?", "Therapist", "So?", None),
        ("Ann O'Neil (1:15): So: now", "Ann O'Neil", "So: now", 75.0),
        ("T:", "T", "", None),
    ],
)
def test_a_line_is_taken_apart(line: str, label: str, text: str, start_s: float | None) -> None:
    found = split_label(line)
    assert found is not None
    assert (found.label, found.text, found.start_s) == (label, text, start_s)


@pytest.mark.parametrize(
    "line", ["No colon here", "12:30 is late", "https://example.org", "a b c d e: f", ": x", ""]
)
def test_what_cannot_be_a_label(line: str) -> None:
    assert split_label(line) is None


TALK = ["Ann: Hello.", "Ben: Hi.", "Ann: And now?", "Ben: Well.", "Ann: Yes.", "Ben: No."]


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (["Here's the thing: I went."], set()),
        (["Here's the thing: I went.", "Here's the thing: I came."], set()),
        (["I told him: stop.", "I told him: go."], set()),
        (["Note: she waved.", "Note: he waved."], set()),
        (["Cheese: she waved."], set()),
        (["Client 2: Yes."], {"client 2"}),
        (["T17: Yes."], {"t17"}),
        (["NURSE: Yes.", "NURSE: No."], {"nurse"}),
        (["Carla: Yes.", "Carla: No."], {"carla"}),
    ],
)
def test_labels_recur_or_are_known(more: list[str], found: set[str]) -> None:
    assert find_labels([*TALK, *more], KNOWN) == {"ann", "ben"} | found


def test_a_rare_label_is_none_but_one_in_capitals_is() -> None:
    many = TALK * 10
    assert find_labels([*many, "Carla: Yes.", "Carla: No."], ()) == {"ann", "ben"}
    assert find_labels([*many, "NURSE: Yes.", "NURSE: No."], ()) == {"ann", "ben", "nurse"}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (TALK[:2], {"ann", "ben"}),
        (TALK[:3], {"ann", "ben"}),
        ([TALK[0], "", TALK[1]], {"ann", "ben"}),
        ([TALK[0], "and more", TALK[1]], set()),
        (["Title: Ours", "Ann: Hello.", "Ben: Hi."], {"ann", "ben"}),
        (["Ann: Hello.", "I said: stop."], set()),
        (TALK[:1], set()),
        ([], set()),
    ],
)
def test_two_who_take_turns_in_a_few_lines(lines: list[str], found: set[str]) -> None:
    assert find_labels(lines, ()) == found


WORDS = st.lists(
    st.sampled_from(("so", "i", "went", "and", "said:", "no", "note:", "well", "10:30", "you?")),
    min_size=1,
    max_size=40,
).map(" ".join)


@pytest.mark.parametrize("style", STYLES)
@given(turns=st.lists(st.tuples(st.integers(0, 1), WORDS), min_size=4, max_size=12))
def test_any_turns_in_any_style(style: str, turns: list[tuple[int, str]]) -> None:
    turns = [(0, "so"), (1, "no"), (0, "so"), (1, "no"), *turns]
    lines, _ = render(turns, style)
    labels = find_labels(lines, KNOWN)
    for number, (side, _) in enumerate(turns, start=1):
        head = STYLES[style][side].format(number).strip(" *:").split(" [")[0]
        assert normalise(head) in labels


@given(st.lists(st.text(max_size=60), max_size=20))
def test_no_text_breaks_it(lines: list[str]) -> None:
    seen = {normalise(each.label) for line in lines if (each := split_label(line))}
    assert find_labels(lines, KNOWN) <= seen


@pytest.mark.parametrize("style", STYLES)
def test_all_sessions_of_annomi_in_every_style(style: str) -> None:
    for talk in sessions():
        turns = [(int(speaker == "client"), words) for speaker, words in talk]
        lines, expected = render(turns, style)
        assert read(lines) == expected
