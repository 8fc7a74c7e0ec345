"""Who is the counselor: by labels, by elimination, by how the two speak."""

import random
from pathlib import Path

import pytest
from annomi import bare, sessions
from hypothesis import given
from hypothesis import strategies as st

from corpus.speakers import LeftOut, attribute, known_labels
from corpus.transcript import Part
from hybridtune.config.corpus import CorpusSettings
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import ConfigError

KNOWN: dict[str, Part] = {
    "therapist": "counselor",
    "t": "counselor",
    "client": "patient",
    "narrator": "other",
}
ASKS = "So what do you tell yourself when you stand there?"
TELLS = "I go home and I lie on my bed and I hate it."


def spoken(*pairs: tuple[str, str]) -> list[tuple[str, str]]:
    return [pair for pair in pairs for _ in range(3)]


def small_domain(path: Path) -> Domain:
    (path / "domain.yaml").write_text(
        "title: Small\nopener: Hello.\ncounselor_labels: [therapist]\n"
        "patient_labels: [client]\nother_labels: [narrator, coach]\n",
        encoding="utf-8",
    )
    return load_domain(str(path))


def test_labels_in_any_case_with_numbers() -> None:
    roles = attribute(
        spoken(("THERAPIST", TELLS), ("T2", TELLS), ("Client 1", ASKS), ("Narrator:", "Now.")),
        KNOWN,
    )
    assert roles.parts == {
        "THERAPIST": "counselor",
        "T2": "counselor",
        "Client 1": "patient",
        "Narrator:": "other",
    }
    assert (roles.method, roles.confidence) == ("labels", 1.0)


def test_one_known_label_leaves_the_other() -> None:
    roles = attribute(spoken(("Ana", ASKS), ("Therapist", TELLS)), KNOWN)
    assert roles.parts == {"Ana": "patient", "Therapist": "counselor"}
    assert (roles.method, roles.confidence) == ("elimination", 1.0)


@pytest.mark.parametrize("first", ["SPEAKER_00", "SPEAKER_07"])
def test_anonymous_speakers_by_the_way_they_speak(first: str) -> None:
    roles = attribute(
        [*spoken((first, ASKS), ("SPEAKER_01", TELLS)), ("SPEAKER_02", "Welcome back.")], KNOWN
    )
    assert roles.parts == {first: "counselor", "SPEAKER_01": "patient", "SPEAKER_02": "other"}
    assert (roles.method, roles.confidence) == ("you_minus_i", 1.0)


def test_features_that_disagree_lower_the_confidence() -> None:
    roles = attribute(spoken(("A", "You see, you know."), ("B", "Do I? Am I?")), KNOWN)
    assert roles.parts == {"A": "counselor", "B": "patient"}
    assert roles.confidence == pytest.approx(2 / 3, abs=0.001)


def test_small_letters_without_punctuation() -> None:
    roles = attribute(spoken(("A", bare(TELLS)), ("B", bare(ASKS))), {})
    assert roles.parts == {"A": "patient", "B": "counselor"}
    assert roles.confidence == 1.0


def test_one_long_tale_under_the_wrong_label_decides_nothing() -> None:
    tale = ("A", " ".join([TELLS] * 50))
    roles = attribute([*spoken(("A", ASKS), ("B", TELLS)), tale], {})
    assert roles.parts == {"A": "counselor", "B": "patient"}


def test_what_the_format_says_wins() -> None:
    known: dict[str, Part] = {**KNOWN, "Therapist": "patient"}
    roles = attribute(spoken(("Therapist", ASKS), ("Client", TELLS), ("Ann", ASKS)), known)
    assert roles.parts == {"Therapist": "patient", "Client": "patient", "Ann": "counselor"}
    assert roles.method == "elimination"


@pytest.mark.parametrize(("q", "a"), [(ASKS, TELLS), (TELLS, ASKS), ("Well.", "Yes.")])
def test_who_asks_counsels_only_where_nothing_else_tells(q: str, a: str) -> None:
    roles = attribute(spoken(("Q", q), ("A", a)), {})
    counselor = "A" if q == TELLS else "Q"
    assert roles.parts[counselor] == "counselor"
    assert roles.confidence == (0.0 if q == "Well." else 1.0)


@given(
    st.lists(
        st.tuples(st.sampled_from(("A", "B", "C", "T", "Client 1")), st.text(max_size=40)),
        max_size=12,
    )
)
def test_every_speaker_gets_a_part_whatever_was_said(pairs: list[tuple[str, str]]) -> None:
    try:
        roles = attribute(pairs, {**KNOWN, "client": "patient"})
    except LeftOut:
        return
    assert roles.parts.keys() == {speaker for speaker, _ in pairs}
    assert {"counselor", "patient"} <= set(roles.parts.values())
    assert 0 <= roles.confidence <= 1


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([("Therapist", ASKS)], "only one speaker remains"),
        ([("SPEAKER_00", ASKS), ("Narrator", TELLS)], "only one speaker remains"),
        ([("Narrator", ASKS)], "no speaker remains"),
        ([("A", "Well."), ("B", "Yes.")], "cannot tell which of the two"),
    ],
)
def test_sessions_without_two_speakers_are_left_out(
    pairs: list[tuple[str, str]], reason: str
) -> None:
    with pytest.raises(LeftOut, match=reason):
        attribute(pairs, KNOWN)


def test_the_experiment_adds_labels_and_wins(tmp_path: Path) -> None:
    settings = CorpusSettings(paths=("x",), counselor_labels=("Coach", "Dr. Ames:"))
    known = known_labels(settings, small_domain(tmp_path))
    assert known == {
        "narrator": "other",
        "client": "patient",
        "therapist": "counselor",
        "coach": "counselor",
        "dr. ames": "counselor",
    }


def test_a_label_of_both_is_refused(tmp_path: Path) -> None:
    settings = CorpusSettings(paths=("x",), counselor_labels=("Ann",), patient_labels=("ANN ",))
    with pytest.raises(ConfigError, match="'ann' is a label of both"):
        known_labels(settings, small_domain(tmp_path))


def hidden(talk: list[tuple[str, str]], flipped: float, seed: str) -> tuple[bool, float]:
    """Whether the counselor is found behind numbered speakers, and the confidence."""
    rng = random.Random(seed)
    numbers = {speaker: f"SPEAKER_0{n}" for n, speaker in enumerate(dict(talk))}
    other = {"therapist": "client", "client": "therapist"}
    heard = [
        (numbers[other[speaker] if rng.random() < flipped else speaker], words)
        for speaker, words in talk
    ]
    roles = attribute(heard, {})
    return roles.parts[numbers["therapist"]] == "counselor", roles.confidence


@pytest.mark.parametrize("typed", [True, False])
def test_hidden_roles_of_annomi(typed: bool) -> None:
    talks = [[(who, words if typed else bare(words)) for who, words in each] for each in sessions()]
    found = [hidden(talk, 0.0, "") for talk in talks]
    assert sum(right for right, _ in found) / len(found) >= 0.98
    unanimous = [right for right, confidence in found if confidence == 1]
    assert len(unanimous) / len(found) >= 0.9
    assert all(unanimous)


@pytest.mark.parametrize("typed", [True, False])
def test_hidden_roles_of_annomi_with_every_fifth_utterance_flipped(typed: bool) -> None:
    talks = [[(who, words if typed else bare(words)) for who, words in each] for each in sessions()]
    for seed in range(10):
        found = [hidden(talk, 0.2, f"{seed} {place}")[0] for place, talk in enumerate(talks)]
        assert sum(found) / len(found) >= 0.94
