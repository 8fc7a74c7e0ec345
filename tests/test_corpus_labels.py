"""Speaker labels in text: found where they are, and not made up where a colon stands."""

import textwrap

import pytest
from annomi import sessions
from hypothesis import given
from hypothesis import strategies as st

from corpus.label_styles import plain_labels
from corpus.labels import (
    find_labels,
    leftover_labels,
    normalise,
    open_label,
    spellings,
    split_label,
)

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
        ("Therapist (softly): So?", "Therapist", "So?", None),
        ("CLIENT [crying] (0:05): So (so): no", "CLIENT", "So (so): no", 5.0),
        ("Ann Lee (she/her): So?", "Ann Lee", "So?", None),
        ("Speaker (2): So?", "Speaker 2", "So?", None),
        ("Dr. Ann Lee von der Au, LCSW: So?", "Dr. Ann Lee von der Au, LCSW", "So?", None),
        ("(Therapist): So?", "Therapist", "So?", None),
        ("[Therapist]: So?", "Therapist", "So?", None),
        ("_Therapist:_ So?", "Therapist", "So?", None),
        ("\u200eTherapist\uff1a\u00a0So?", "Therapist", "So?", None),
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
        (["Note (aside): she waved.", "Note (aside): he waved."], set()),
        (["I went (once): yes.", "I went (once): no."], set()),
    ],
)
def test_labels_recur_or_are_known(more: list[str], found: set[str]) -> None:
    assert find_labels([*TALK, *more], KNOWN) == {"ann", "ben"} | found


def test_a_rare_label_is_none_but_one_in_capitals_is() -> None:
    many = TALK * 10
    assert find_labels([*many, "Carla: Yes.", "Carla: No."], ()) == {"ann", "ben"}
    assert find_labels([*many, "NURSE: Yes.", "NURSE: No."], ()) == {"ann", "ben", "nurse"}
    assert "recorder bot" in find_labels([*many, "Recorder Bot: On.", "Recorder Bot: Off."], ())


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


@pytest.mark.parametrize(
    ("line", "label", "text"),
    [
        ("Therapst: So?", "Therapist", "So?"),
        ("Theripast: So?", "Therapist", "So?"),
        ("CLIENT: So?", "CLIENT", "So?"),
        ("Cliemt (softly): So?", "Client", "So?"),
        ("T; So?", "T", "So?"),
        ("- Therapist: So?", "Therapist", "So?"),
        ("12) Therapist: So?", "Therapist", "So?"),
    ],
)
def test_slips_in_a_label_count_as_that_label(line: str, label: str, text: str) -> None:
    labels = {"therapist": "Therapist", "client": "Client", "t": "T"}
    found = open_label(line, labels)
    assert found is not None
    assert (found.label, found.text) == (label, text)


@pytest.mark.parametrize(
    "line",
    [
        "Clients: they pay.",
        "cliemt: no",
        "SPEAKER_02: So?",
        "Speaker B: So?",
        "D: So?",
        "d; so",
        "Marix: So?",
        "Note: so",
        "- Sleep: bad",
        "Theirs: so",
        "Client so?",
    ],
)
def test_what_is_no_slip(line: str) -> None:
    names = ["Client", "SPEAKER_00", "Speaker A", "C", "T", "Maria", "Marie", "Mario", "Therapist"]
    assert open_label(line, {normalise(name): name for name in names}) is None


LAYOUTS = {
    "brackets": ("[{}] ", "[{}] "),
    "parentheses": ("({}): ", "({}): "),
    "numbers": ("{n}. {}: ", "{n}. {}: "),
    "bullets": ("- {}: ", "- {}: "),
    "headings": ("### {}: ", "### {}: "),
    "bold": ("**{}** ", "**{}** "),
    "italics": ("_{}:_ ", "_{}:_ "),
    "quoted": ("> {}: ", "> {}: "),
    "dashes": ("{} - ", "{} - "),
    "long dashes": ("{} \u2013 ", "{} \u2014 "),
    "full stops": ("{}. ", "{}. "),
    "semicolons": ("{}; ", "{}; "),
    "wide colons": ("{}\uff1a ", "{}\uff1a "),
    "invisible marks": ("\u200e{}: ", "\u200e{}: "),
    "notes": ("{} (softly): ", "{} [crying]: "),
    "times": ("{} 0:05 ", "{} [1:00:05] "),
    "own lines": ("{}\n", "{}\n"),
    "own bold lines": ("**{}**\n", "**{}**\n"),
}


def told(lines: list[str], known: frozenset[str] = KNOWN) -> list[tuple[str | None, str]]:
    """What a reader makes of lines in any layout."""
    lines = plain_labels(lines, known)
    labels = spellings(lines, find_labels(lines, known))
    said: list[tuple[str | None, str]] = []
    for line in lines:
        if found := open_label(line, labels):
            said.append((found.label, found.text))
        elif said:
            said[-1] = (said[-1][0], f"{said[-1][1]} {line}".strip())
        else:
            said.append((None, line))
    return said


def laid_out(turns: list[tuple[int, str]], layout: str, names: tuple[str, str]) -> list[str]:
    heads = LAYOUTS[layout]
    return [
        line
        for n, (side, words) in enumerate(turns, start=1)
        for line in (heads[side].format(names[side], n=n) + words).split("\n")
    ]


@pytest.mark.parametrize("names", [("Therapist", "Client"), ("T", "C"), ("Olga", "Iwan")])
@pytest.mark.parametrize("layout", LAYOUTS)
@given(turns=st.lists(WORDS, min_size=6, max_size=12))
def test_any_turns_in_any_layout(layout: str, names: tuple[str, str], turns: list[str]) -> None:
    if layout.startswith("own") and names[0] == "Olga":
        return  # a name alone on a line may be anything
    said = [(at % 2, f"Well {'abcdefghijkl'[at]}x {words}") for at, words in enumerate(turns)]
    expected = [(names[side], words) for side, words in said]
    assert told(laid_out(said, layout, names)) == expected


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_sessions_of_annomi_in_every_layout(layout: str) -> None:
    for talk in sessions():
        said = [(int(speaker == "client"), words) for speaker, words in talk]
        lines = laid_out(said, layout, ("Therapist", "Client"))
        expected = [(("Therapist", "Client")[side], words) for side, words in said]
        assert told(lines) == expected


PROSE = {
    "an essay": ["T. S. Eliot wrote it.", "I liked it.", "C. S. Lewis did not.", "So it goes."],
    "interrupted": ["I - well - no.", "You - I mean - yes.", "I - what?", "You - never."] * 3,
    "a list": ["# Plan", "- Sleep: eight hours", "- Food: at noon", "- Walk: each day"],
    "an outline": ["A. Opening", "B. Middle", "C. Review", "T. Tasks"],
    "headings": [
        "Note: be kind.",
        "Here's the thing: it rained.",
        "We stayed.",
        "Note: so it was.",
    ],
    "sounds": ["[Laughs] yes I did", "so we went", "[Music] and then", "[Laughs] home"] * 3,
    "roles in prose": ["therapist - patient talk", "is rare, the", "client - so they say", "left."],
    "steps": ["1. Breathe in.", "2. Breathe out.", "3. Note: slowly.", "4. Rest."],
}


@pytest.mark.parametrize("case", PROSE)
def test_prose_has_no_speakers(case: str) -> None:
    lines = PROSE[case]
    assert plain_labels(lines, KNOWN) == lines
    assert find_labels(lines, KNOWN) == set()


@pytest.mark.parametrize("width", [None, 40, 70])
def test_words_of_annomi_without_labels_have_no_speakers(width: int | None) -> None:
    for talk in sessions():
        words = [text for _, text in talk]
        lines = textwrap.wrap(" ".join(words), width) if width else words
        assert plain_labels(lines, KNOWN) == lines


def test_a_lost_colon_where_every_line_has_a_label() -> None:
    lines = ["Client: Yes.", "Therapist: And?"] * 6
    assert told([*lines, "Client Ashamed."])[-1] == ("Client", "Ashamed.")
    assert told([*lines, "Client or not."])[-1] == ("Therapist", "And? Client or not.")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("So? Client: Yes. Therapist (softly): No.", 2),
        ("So. T: Yes. C1: no.", 2),
        ("Client: so", 1),
        ("So\u2026 CLIENT\uff1a yes", 1),
        ("**Dr. Lee:** so", 1),
        ("I told the client: no.", 0),
        ("So. Clients: they pay.", 0),
        ("So t: no. At 3 t: 1.", 0),
        ("Client:30, client://x", 0),
        ("", 0),
    ],
)
def test_labels_left_inside_of_words_are_counted(text: str, count: int) -> None:
    assert leftover_labels([text, "So?"], ["Client", "Therapist", "T", "c", "Dr. Lee"]) == count
    assert leftover_labels([text], []) == 0


def test_no_label_is_left_in_annomi() -> None:
    texts = [text for talk in sessions() for _, text in talk]
    assert leftover_labels(texts, KNOWN) == 0
