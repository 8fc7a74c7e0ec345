"""Who is the counselor: by labels, by elimination, by how the two speak."""

from pathlib import Path

import pytest

from corpus.speakers import LeftOut, attribute, known_labels
from hybridtune.config.corpus import CorpusSettings
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import ConfigError

KNOWN = {"therapist": "counselor", "t": "counselor", "client": "patient", "narrator": "other"}
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


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([("Therapist", ASKS)], "only one speaker remains: Therapist"),
        ([("SPEAKER_00", ASKS), ("Narrator", TELLS)], "only one speaker remains: SPEAKER_00"),
        ([("Narrator", ASKS)], "no speaker remains"),
        ([("A", "Well."), ("B", "Yes.")], "cannot tell who the counselor is"),
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
