"""The checks that need no model: each catches its own fault, and a sound draft passes all."""

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.checks import (
    CHECKS,
    LEAKS,
    Draft,
    Standards,
    examine,
    folded,
    leak,
    load_standards,
    repetition,
)
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import DomainError
from hybridtune.overlap import HeldOut
from hybridtune.records import Message, Scenario

SAID = (
    "My deadlines pile up and I stay late every day.",
    "That sounds tiring, day after day. What goes through your mind then?",
    "That I should be faster, like everybody else.",
    "So you measure yourself by the others. How do you know how fast they are?",
    "I don't, really. I only see what they hand in.",
    "You see the result and not the evening before. What could you ask one of them?",
)
HELD = "I told my whole team that I would finish the slides alone and then I could not begin"


@pytest.fixture
def standards() -> Standards:
    held = Scenario(id="held-7", domain="therapy", persona={}, scenario={"scenario": HELD})
    return load_standards(load_domain("therapy"), HeldOut([held]))


def conversation(*said: str, first: int = 0) -> tuple[Message, ...]:
    roles = ("user", "assistant")
    return tuple(
        Message.model_validate({"role": roles[(number + first) % 2], "content": text})
        for number, text in enumerate(said)
    )


def changed(position: int, text: str) -> tuple[str, ...]:
    return (*SAID[:position], text, *SAID[position + 1 :])


def test_a_sound_draft_passes_all(standards: Standards) -> None:
    draft = Draft(conversation(*SAID), 3, 0, standards)
    assert examine(draft) == (list(CHECKS), None)


def test_the_counselor_may_open(standards: Standards) -> None:
    draft = Draft(conversation("Welcome. What brings you?", *SAID, first=1), 4, 0, standards)
    assert examine(draft)[1] is None


@pytest.mark.parametrize(
    ("name", "said", "asked", "cut"),
    [
        ("empty_turn", changed(3, " ... "), 3, 0),
        ("truncated", SAID, 3, 1),
        ("leak", changed(3, "As an AI, I cannot feel that."), 3, 0),
        ("leak", changed(3, "I\u2019m just a language model."), 3, 0),
        ("leak", changed(2, "I should be faster. [END]"), 3, 0),
        ("leak", changed(2, "Client: I should be faster."), 3, 0),
        ("leak", changed(3, "Thank you, [client's name], go on."), 3, 0),
        ("leak", changed(2, '{"speaker": "patient"}'), 3, 0),
        ("repetition", changed(2, "I am so tired of it, " * 5), 3, 0),
        ("repetition", SAID[:2] * 3, 3, 0),
        ("too_short", SAID[:2], 2, 0),
        ("too_short", SAID, 7, 0),
        ("too_long", (*SAID, "Perhaps how long it took.", "Good. When?"), 2, 0),
        ("held_out", changed(2, HELD + "."), 3, 0),
    ],
)
def test_faults(
    standards: Standards, name: str, said: tuple[str, ...], asked: int, cut: int
) -> None:
    passed, problem = examine(Draft(conversation(*said), asked, cut, standards))
    assert problem is not None
    assert problem[0] == name, problem
    assert passed == list(CHECKS)[: list(CHECKS).index(name)]


ALIKE = {"i": "iI\u0130\u0131", "s": "sS\u017f", "k": "kK\u212a", "'": "'\u2019"}
"""What patterns that ignore case take for a letter, and what stands for an apostrophe."""


def in_any_case(text: str, drawn: st.DataObject) -> str:
    """The text in letters that patterns take for its own."""
    choices = [ALIKE.get(c.lower(), c.lower() + c.upper() if c.isascii() else c) for c in text]
    return "".join(drawn.draw(st.sampled_from(choice)) for choice in choices)


@pytest.mark.parametrize(("piece", "pattern"), LEAKS, ids=[piece for piece, _ in LEAKS])
@settings(derandomize=True, max_examples=50, deadline=None)
@given(drawn=st.data())
def test_a_leak_is_found_however_it_is_written(
    piece: str, pattern: str, drawn: st.DataObject
) -> None:
    whole = re.compile(pattern, re.IGNORECASE)
    text = in_any_case(drawn.draw(st.from_regex(whole, fullmatch=True)), drawn)
    assert whole.fullmatch(text.replace("\u2019", "'"))
    assert piece in folded(text.replace("\u2019", "'"))


@pytest.mark.parametrize(
    "text",
    ["\u0131'm an AI.", "I\u2019M JUST AN AI", "[/\u0130NST]", "[END]", "[end]", "CLIENT: no"],
)
def test_a_leak_is_a_leak_in_every_case(standards: Standards, text: str) -> None:
    assert leak(Draft((Message(role="user", content=text),), 1, 0, standards))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I go home then. " * 3, None),
        ("I go home then. " * 4, "turn 1 says 'i go home then' 4 times"),
        ("no " * 6, None),
        ("no " * 7, "turn 1 says 'no no no no' 4 times"),
        # Three runs of words twice each are no loop.
        ("one two three four five six, one two three four five six", None),
        ("a b c", None),
        ("", None),
    ],
)
def test_a_loop_is_a_run_of_four_words_four_times(
    standards: Standards, text: str, reason: str | None
) -> None:
    assert repetition(Draft((Message(role="user", content=text),), 1, 0, standards)) == reason


def test_reciting_the_prompt_is_a_leak(standards: Standards) -> None:
    line = load_domain("therapy").system_prompt.splitlines()[3].lstrip("- ")
    _, problem = examine(Draft(conversation(*changed(3, line)), 3, 0, standards))
    assert problem is not None
    assert "instructions" in problem[1]


def test_two_turns_in_a_row_and_monologues_are_no_conversation(standards: Standards) -> None:
    messages = conversation(*SAID)
    for wrong in ((*messages[:3], messages[2], *messages[3:]), messages[::2]):
        _, problem = examine(Draft(wrong, 3, 0, standards))
        assert problem is not None
        assert problem[0] == "alternation"


def test_a_pack_adds_patterns_of_its_own(tmp_path: Path) -> None:
    pack = tmp_path / "therapy"
    shutil.copytree(load_domain("therapy").path, pack)
    (pack / "checks.yaml").write_text("leaks: ['hand in']\n")
    standards = load_standards(Domain(pack), HeldOut([]))
    assert examine(Draft(conversation(*SAID), 3, 0, standards))[1] == ("leak", "turn 5: 'hand in'")
    (pack / "checks.yaml").write_text("leaks: ['(']\n")
    with pytest.raises(DomainError, match=r"checks\.yaml: leaks"):
        load_standards(Domain(pack), HeldOut([]))
