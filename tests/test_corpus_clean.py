"""Cleaning steps, the light repair of counselor turns, and how turns are joined."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.clean import clean, has_words
from corpus.disfluency import lighten
from corpus.turns import BACK_CHANNEL, Turn, absorb_back_channels, join_runs


@pytest.mark.parametrize(
    ("text", "expected", "counted"),
    [
        ("like &amp; subscribe", "like & subscribe", {"entities": 1}),
        ("it\u2019s \u201cfine\u201d", 'it\'s "fine"', {"typography": 3}),
        ("[laughter] Yeah. [00:12:03] So", "Yeah. So", {"notes": 2}),
        ("the, um, [unintelligible] office", "the, um, ... office", {"gaps": 1}),
        ("if it's [unintelligible 00:14:02].", "if it's ...", {"gaps": 1}),
        ("Right (laughs) now (my sister) then", "Right now (my sister) then", {"notes": 1}),
        ("a\u00a0 b\u200b\t c , d", "a b c, d", {"spaces": 1}),
        ("[music]", "", {"notes": 1}),
        ("Nothing to do here.", "Nothing to do here.", {}),
    ],
)
def test_steps(text: str, expected: str, counted: dict[str, int]) -> None:
    counts: Counter[str] = Counter()
    assert clean(text, counts) == expected
    assert {name: counts[name] for name in counts if counts[name] and name != "spaces"} == {
        name: count for name, count in counted.items() if name != "spaces"
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Um, how are you?", "How are you?"),
        ("So how did it go with the, um, with the driving?", "So how did it go with the driving?"),
        ("Okay. Um, so, uh, you know.", "Okay. So, you know."),
        ("There's a, there's a scheme", "There's a scheme"),
        ("I-- I think wh-what th- they said", "I think what they said"),
        ("and-and-and then the the end", "and then the end"),
        ("-and you usually have, uh--", "and you usually have"),
        ("O-one thing", "One thing"),
    ],
)
def test_light_repairs(text: str, expected: str) -> None:
    assert lighten(text, Counter()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "I know that that had had to be very very hard.",
        "No, no, no. Really, really hard.",
        "If I could help you, you would say it.",
        "Uh-huh. Mm-hmm.",
        "Re-read it day by day, so-so.",
        "In that I-- in that case.",
        "Go to the ER, you know.",
        "That's, sort of, kind of what I mean.",
    ],
)
def test_what_may_be_meant_stays(text: str) -> None:
    counts: Counter[str] = Counter()
    assert lighten(text, counts) == text
    assert not +counts


@given(st.text(st.sampled_from("abIumh ,.-?'"), max_size=40))
def test_light_repair_only_takes_away(text: str) -> None:
    words = Counter(clean(text, Counter()).lower().replace("-", " ").replace(",", " ").split())
    light = lighten(clean(text, Counter()), Counter())
    left = Counter(light.lower().replace("-", " ").replace(",", " ").split())
    assert sum(left.values()) <= sum(words.values())
    assert len(light.replace(" ", "")) <= len(text)


def turns(*texts: str) -> list[Turn]:
    return [Turn("assistant" if at % 2 else "user", text) for at, text in enumerate(texts)]


def absorbed(*texts: str) -> list[str]:
    return [turn.text for turn in absorb_back_channels(turns(*texts), Counter())]


def test_back_channels_inside_an_unfinished_turn_are_absorbed() -> None:
    assert absorbed("I won't--", "Mm-hmm.", "--I mean, all is gone.", "Okay.") == [
        "I won't-- I mean, all is gone.",
        "Okay.",
    ]
    assert absorbed("Four times a week-", "Right.", "-and you?") == ["Four times a week and you?"]
    assert absorbed("Well, it was,", "Yeah. Okay.", "Late.") == ["Well, it was, Late."]


def test_answers_and_finished_turns_stay() -> None:
    assert len(absorbed("Do you sleep-- at all?", "Yeah.", "-and eat?")) == 3
    assert len(absorbed("I was tired.", "Mm-hmm.", "Then I slept.")) == 3
    assert len(absorbed("I was tired,", "Why?", "then I slept.")) == 3
    assert len(absorbed("i was tired", "right", "then i slept")) == 3
    assert len(absorbed("I was tired,", "Mm-hmm.")) == 2


SAID = st.text(st.sampled_from("abcA ,.-?"), min_size=1, max_size=12).filter(has_words)
SAID_OR_HEARD = st.one_of(SAID, st.sampled_from(["Mm-hmm.", "Yeah.", "right"]))
TURN = st.builds(Turn, st.sampled_from(["user", "assistant"]), SAID_OR_HEARD.map(str.strip))


def letters(text: str) -> str:
    return "".join(char for char in text if char.isalpha())


@given(st.lists(TURN))
def test_joined_turns_alternate_and_lose_no_letter(spoken: list[Turn]) -> None:
    counts: Counter[str] = Counter()
    joined = join_runs(spoken, counts)
    assert all(one.role != other.role for one, other in pairwise(joined))
    assert letters("".join(t.text for t in joined)) == letters("".join(t.text for t in spoken))
    assert len(spoken) - len(joined) == counts["joined"]
    assert join_runs(joined, Counter()) == joined


@given(st.lists(TURN))
def test_absorbing_keeps_turns_alternating_and_all_but_back_channels(spoken: list[Turn]) -> None:
    before = join_runs(spoken, Counter())
    counts: Counter[str] = Counter()
    after = absorb_back_channels(before, counts)
    assert all(one.role != other.role for one, other in pairwise(after))
    assert len(before) - len(after) == 2 * counts["absorbed"]
    heard = [turn for turn in before if BACK_CHANNEL.fullmatch(turn.text)]
    assert counts["absorbed"] <= len(heard)
    lost = Counter(letters("".join(turn.text for turn in before)))
    lost.subtract(letters("".join(turn.text for turn in after)))
    assert not -lost
    assert not lost - Counter(letters("".join(turn.text for turn in heard)))
