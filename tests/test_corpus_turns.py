"""How utterances become turns: joined, absorbed, lightened, marked, and never lost untold."""

import csv
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.backchannels import is_back_channel
from corpus.clean import clean, has_words
from corpus.disfluency import Level
from corpus.turns import Line, Turn, make_turns
from hybridtune.records import Role

ANNOMI = Path(__file__).resolve().parents[2] / "shared" / "data" / "AnnoMI-simple.csv"
# Enough sentences with stops and capitals that a transcript counts as punctuated.
PLAIN = ("I work in a shop by the river.", "That sounds like a long way to go.")


def line(role: Role, text: str) -> Line:
    done = clean(text)
    return Line(role, done.text, text, done.steps)


def lines(*texts: str, first: Role = "user") -> list[Line]:
    other: Role = "assistant" if first == "user" else "user"
    return [line(other if at % 2 else first, text) for at, text in enumerate(texts)]


def kept(*texts: str, first: Role = "user") -> list[str]:
    """What is left of three or more lines in a punctuated transcript."""
    other: Role = "assistant" if first == "user" else "user"
    around = [line(first, PLAIN[0]), line(other, PLAIN[1])] * 3
    turns, _ = make_turns([*around, *lines(*texts, first=first)], "keep")
    return [turn.text for turn in turns][6:]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("I won't--", "Mm-hmm.", "--I mean, all is gone."), "I won't-- I mean, all is gone."),
        (
            ("Four times a week-", "Right.", "-and you know it."),
            "Four times a week and you know it.",
        ),
        (("Well, it was,", "Yeah. Okay.", "Late."), "Well, it was, Late."),
        (("It was hard-", "That's right.", "-for all of us."), "It was hard for all of us."),
        (("I was tired.", "Mm-hmm.", "My feet hurt."), "I was tired. My feet hurt."),
        (("I was tired.", "Okay, right.", "And I slept."), "I was tired. And I slept."),
        (("I was tired.", "Gotcha.", "Especially at night."), "I was tired. Especially at night."),
        (("He said that he would", "I see.", "He did not."), "He said that he would He did not."),
        (("It is [inaudible]", "Uh-huh.", "My old house."), "It is ... My old house."),
        (("I get edgy.", "Yeah.", "I get edgy and loud."), "I get edgy. I get edgy and loud."),
    ],
)
def test_a_back_channel_inside_an_unfinished_turn_is_absorbed(
    texts: tuple[str, ...], expected: str
) -> None:
    assert kept(*texts) == [expected]


@pytest.mark.parametrize(
    "texts",
    [
        ("Do you sleep-- at all?", "Yeah.", "-and eat?"),
        ("I was tired.", "Okay.", "My sister came."),
        ("I was tired.", "Exactly.", "And I slept."),
        ("I was tired,", "Why?", "then I slept."),
        ("I was tired,", "Yeah?", "then I slept."),
        ("I was tired.", "Mm-hmm.", "Yeah, it was bad."),
        ("I was tired.", "Mm-mm.", "And I slept."),
        ("Could you write that down for me.", "Sure.", "And then I go."),
        ("Yeah.", "Okay.", "And then I go."),
        ("I was tired,", "Mm-hmm."),
    ],
)
def test_answers_and_finished_turns_stay(texts: tuple[str, ...]) -> None:
    assert len(kept(*texts)) == len(texts)


def test_agreeing_with_what_the_counselor_says_of_you_is_an_answer() -> None:
    said = ("You worry about the house.", "Mm-hmm.", "And about your son.")
    assert len(kept(*said, first="assistant")) == 3
    assert len(kept(*said, first="user")) == 1
    cut = ("You worry about the house-", "Mm-hmm.", "-and about your son.")
    assert kept(*cut, first="assistant") == ["You worry about the house and about your son."]
    told = ("Some people sleep badly.", "Mm-hmm.", "Others eat less.")
    assert kept(*told, first="assistant") == ["Some people sleep badly. Others eat less."]
    asked = ("Some people sleep badly.", "Mm-hmm.", "And how is that for you?")
    assert len(kept(*asked, first="assistant")) == 3


def test_chains_of_back_channels_are_absorbed_one_by_one() -> None:
    chain = ("It was-", "Mm.", "-not that bad-", "Mm-hmm. Yeah.", "-but-", "Right.", "-cold.")
    assert kept(*chain) == ["It was not that bad but cold."]


def test_without_punctuation_only_dashes_tell() -> None:
    def count(*texts: str) -> int:
        return len(make_turns(lines(*texts * 4), "keep")[0])

    bare = ("i was tired of all this", "right", "then i slept in the chair", "do you still do it")
    assert count(*bare) == 16
    assert count("i was tired of all this-", "right", "then i slept in the chair", "so") == 8


def test_counselor_turns_that_stay_back_channels_are_not_trained() -> None:
    texts = ["Hello.", "Mm-hmm.", "No.", "Okay, right.", "Why?", "I see.", "So?", "Gotcha."]
    texts += ["Fine.", "Uh-huh, that's right.", "Stop.", "All right, then.", "Mm-hmm."]
    turns, _ = make_turns(lines(*texts), "light")
    assert [turn.text for turn in turns if not turn.trained] == texts[1:11:2]
    assert all(turn.trained for turn in turns if turn.role == "user")


def test_only_the_counselor_is_lightened() -> None:
    turns, _ = make_turns(lines("Um, the, the car.", "Um, the, the car."), "light")
    assert [turn.text for turn in turns] == ["Um, the, the car.", "The car."]
    assert [turn.steps for turn in turns] == [{}, {"fillers": 1, "repeats": 1}]


def test_each_turn_tells_what_was_changed_and_what_was_said() -> None:
    spoken = [
        Line("user", "I was-", "I was-[sighs]", {"notes": 1}, 1.0, 2.0),
        Line("assistant", "Mm.", "Mm.", {}, 2.0, 2.5),
        Line("user", "-late.", "-late.", {}, 2.5, 4.0),
        Line("user", "Very.", "Very.", {}, 4.0, None),
        Line("assistant", "", "[laughs]", {"notes": 1}, 5.0, 6.0),
        Line("assistant", "Um.", "Um.", {}, 6.0, 7.0),
    ]
    turns, counts = make_turns(spoken, "light")
    assert turns == [
        Turn(
            role="user",
            text="I was late. Very.",
            raw=("I was-[sighs]", "Mm.", "-late.", "Very.", "Um."),
            steps={"notes": 1, "absorbed": 1, "joined": 1, "fillers": 1, "only_fillers": 1},
            start_s=1.0,
            end_s=None,
            trained=True,
        )
    ]
    assert counts == {"wordless": 1}


def test_leading_fillers_move_to_the_first_turn_left() -> None:
    turns, counts = make_turns(lines("Um.", "Hello.", "Hi.", first="assistant"), "light")
    assert [(turn.text, turn.raw) for turn in turns] == [
        ("Hello.", ("Um.", "Hello.")),
        ("Hi.", ("Hi.",)),
    ]
    assert not counts
    assert make_turns(lines("Um.", first="assistant"), "light") == ([], {"only_fillers": 1})
    assert make_turns([], "keep") == ([], {})


WORD = st.sampled_from(["so", "the", "the", "um", "house", "you", "I", "wh-what", "late", "and"])
SAID = st.builds(
    lambda start, words, end: start + " ".join(words) + end,
    st.sampled_from(["", "-"]),
    st.lists(WORD, min_size=1, max_size=5),
    st.sampled_from([".", "?", "-", ",", "", " [laughs]."]),
)
HEARD = st.sampled_from(["Mm-hmm.", "Yeah.", "right", "Um.", "[laughs]", "Okay.", "..."])
LINES = st.lists(
    st.builds(line, st.sampled_from(["user", "assistant"]), st.one_of(SAID, HEARD)), max_size=14
)
LEVELS = st.sampled_from(["keep", "light", "medium"])


def words(texts: list[str]) -> Counter[str]:
    return Counter(" ".join(texts).replace("-", " ").replace(".", " ").lower().split())


@given(LINES, LEVELS)
def test_turns_alternate_and_hold_every_raw_word_once(spoken: list[Line], level: Level) -> None:
    turns, counts = make_turns(spoken, level)
    assert all(one.role != other.role for one, other in pairwise(turns))
    assert all(has_words(turn.text) for turn in turns)
    worded = [each.raw for each in spoken if has_words(each.text)]
    if turns:
        assert [raw for turn in turns for raw in turn.raw] == worded
    assert counts.get("wordless", 0) == len(spoken) - len(worded)


@given(LINES)
def test_kept_words_are_lost_only_where_a_step_says_so(spoken: list[Line]) -> None:
    turns, _ = make_turns(spoken, "keep")
    before = words([each.text for each in spoken])
    lost = before - words([turn.text for turn in turns])
    absorbed = sum(turn.steps.get("absorbed", 0) for turn in turns)
    heard = [each.text for each in spoken if is_back_channel(each.text)]
    assert not words([turn.text for turn in turns]) - before
    assert not lost - words(heard)
    assert bool(lost) <= (absorbed > 0)


@given(LINES, LEVELS)
def test_the_patient_keeps_every_word(spoken: list[Line], level: Level) -> None:
    patient = words([each.text for each in spoken if each.role == "user"])
    turns, _ = make_turns(spoken, level)
    left = words([turn.text for turn in turns if turn.role == "user"])
    heard = [each.text for each in spoken if each.role == "user" and is_back_channel(each.text)]
    assert not left - patient
    assert not patient - left - words(heard)


@given(LINES, LEVELS)
def test_no_back_channel_of_the_counselor_is_trained(spoken: list[Line], level: Level) -> None:
    turns, _ = make_turns(spoken, level)
    for turn in turns:
        assert turn.trained == (turn.role == "user" or not is_back_channel(turn.text))


@pytest.mark.skipif(not ANNOMI.exists(), reason="AnnoMI-simple.csv is not beside the repository")
def test_annomi_gives_the_measured_turns() -> None:
    sessions: dict[str, list[Line]] = defaultdict(list)
    with ANNOMI.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            role: Role = "assistant" if row["interlocutor"] == "therapist" else "user"
            sessions[row["transcript_id"]].append(line(role, row["utterance_text"]))
    assert len(sessions) == 133
    done = [make_turns(each, "light")[0] for each in sessions.values()]
    turns = [turn for session in done for turn in session]
    assert 7_400 <= len(turns) <= 7_500
    assert min(map(len, done)) >= 4
    counselor = [turn for turn in turns if turn.role == "assistant"]
    pure = [turn for turn in counselor if is_back_channel(turn.text)]
    assert len(pure) / len(counselor) < 0.128
    assert not any(turn.trained for turn in pure)
