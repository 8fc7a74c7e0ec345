"""Held-out scenarios: those that packs ship, and those of the user's own."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eval.disclosure import plan_of
from hybridtune.cli.app import app
from hybridtune.domain import Domain, load_domain
from hybridtune.ending import told_of
from hybridtune.errors import DataError
from hybridtune.overlap import HeldOut
from hybridtune.records import Scenario, read_jsonl
from hybridtune.scenarios import read_scenarios, scenarios_path

GOOD = {
    "occupation": "cook", "age_band": "25 to 34", "living_situation": "alone",
    "personality": "calm", "attitude": "hopeful", "speaking_style": "short",
    "coping_habit": "sleeps", "strength": "humor", "background": 'One line,\n"quoted".',
    "summary": "A cook frets.",
    "cognitive_distortions": "labeling: I am a failure | mind reading: They laugh: at me",
    "scenario": "I burn the soup. I hide the pot.",
}  # fmt: skip
FORM = """Name:
Kim Example
Age:
41
Gender:
female
Occupation: Beekeeper
Education: Vocational school
Marital Status: Single
Family Details: Lives alone

2. Presenting Problem
I cannot open the hives since the swarm left in May.
I think they left because of me.

3. Reason for Seeking Counseling
I came because the season will soon be over. My sister told me to.

4. Past History (including medical history)
None.

5. Academic/occupational functioning level: I lose money.
Daily life: I sleep badly.

6. Social Support System
My sister."""


@pytest.fixture
def therapy() -> Domain:
    return load_domain("therapy")


def table(path: Path, *rows: dict[str, str]) -> Path:
    lines = [",".join(rows[0])]
    lines += [
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row.values()) for row in rows
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def entry(attitude: str, form: str = FORM) -> dict[str, object]:
    return {
        "AI_client": {"intake_form": form, "attitude": attitude, "attitude_instruction": "..."},
        "AI_counselor": {},
        "ground_truth_CBT": ["Reality Testing"],
    }


def imported(*arguments: str) -> tuple[str, str]:
    """What the command printed, and how it ended."""
    done = CliRunner().invoke(app, ["scenarios", "import", *arguments])
    told = told_of(done.exception) if done.exception else None
    return done.output, told[0] if told else ""


def test_therapy_ships_fifty_scenarios_spread_over_its_taxonomy(therapy: Domain) -> None:
    scenarios = read_scenarios(scenarios_path(therapy, "domain"), therapy)
    assert len(scenarios) == 50
    themes = Counter(one.provenance["theme"] for one in scenarios)
    assert set(themes) == set(therapy.words("taxonomy/themes"))
    assert max(themes.values()) <= 2
    shown = Counter(
        item["distortion"] for one in scenarios for item in one.scenario["cognitive_distortions"]
    )
    assert set(shown) == set(therapy.words("taxonomy/distortions"))
    assert min(shown.values()) >= 2
    plans = [plan_of(therapy, one, 1) for one in scenarios]
    attitudes = Counter(plan.name for plan in plans if plan)
    assert set(attitudes) == {"open", "reluctant", "resistant"}
    assert min(attitudes.values()) >= 10
    for number, one in enumerate(scenarios):
        assert HeldOut(scenarios[:number]).too_close(one.scenario) is None


@pytest.mark.parametrize("name", ["therapy", "support", "text2cypher"])
def test_shipped_scenarios_fit_their_packs(name: str) -> None:
    domain = load_domain(name)
    assert len(read_scenarios(scenarios_path(domain, "domain"), domain)) >= 24


def test_a_table_becomes_scenarios(therapy: Domain, tmp_path: Path) -> None:
    rows = [GOOD, {**GOOD, "summary": "The same cook frets."}]
    path = table(tmp_path / "own.csv", *({"id": f"own-{n}", **row} for n, row in enumerate(rows)))
    first, second = read_scenarios(path, therapy)
    assert (first.id, second.id) == ("own-0", "own-1")
    assert first.persona["background"] == 'One line,\n"quoted".'
    assert first.scenario["cognitive_distortions"] == [
        {"distortion": "labeling", "thought": "I am a failure"},
        {"distortion": "mind reading", "thought": "They laugh: at me"},
    ]
    assert "culture" not in first.persona


def test_every_bad_row_is_told_with_its_line_and_nothing_is_written(tmp_path: Path) -> None:
    path = table(
        tmp_path / "own.csv",
        GOOD,
        {**GOOD, "cognitive_distortions": "labeling"},
        {**GOOD, "cognitive_distortions": "lablling: I am"},
        {**GOOD, "occupation": ""},
    )
    out = tmp_path / "out.jsonl"
    told, error = imported(str(path), "--out", str(out))
    # Every row takes two lines, since its background does.
    for line, what in (
        (4, "'labeling' is not"),
        (6, "'lablling' is not one of"),
        (8, "occupation"),
    ):
        assert any(f"{path}:{line}: " in each and what in each for each in told.splitlines()), told
    assert "3 of 4 scenarios cannot be used, nothing is written" in error
    assert not out.exists()


@pytest.fixture
def usual_fields() -> Iterator[None]:
    """The longest field that Python's own reader takes, whatever other tests have raised it to."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("usual_fields")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ocupation,scenario\na,b\n", ":1: the pack knows no column 'ocupation' (did you mean"),
        ("scenario,scenario\na,b\n", ":1: the column 'scenario' is there twice"),
        ("occupation\na,b,c\n", ":2: 3 cells under 1 columns"),
        ("occupation\n\xe4\n", ": not UTF-8 text"),
        ("occupation\n" + 140_000 * "b", ":2: not a table: field larger than field limit"),
    ],
)
def test_a_broken_table_is_one_clear_line(
    therapy: Domain, tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        read_scenarios(path, therapy)
    assert str(caught.value).startswith(f"{path}{expected}")
    printed, ended = imported(str(path), "--format", "csv", "--out", str(tmp_path / "own.jsonl"))
    assert f"{path}{expected}" in printed + ended


def test_jsonl_is_checked_against_the_pack(therapy: Domain, tmp_path: Path) -> None:
    shipped = scenarios_path(therapy, "domain").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "own.jsonl"
    broken = json.loads(shipped[1])
    del broken["scenario"]["summary"]
    path.write_text(f"{shipped[0]}\n{json.dumps(broken)}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"own.jsonl:2: scenario of 'therapy-eval-02' does not fit"):
        read_scenarios(path, therapy)
    path.write_text(f"{shipped[0]}\n\n{shipped[0]}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"own.jsonl:3: the id 'therapy-eval-01' stands in line 1"):
        read_scenarios(path, therapy)


def test_intake_forms_come_once_with_what_they_tell(tmp_path: Path, therapy: Domain) -> None:
    path, out = tmp_path / "evaluation.json", tmp_path / "out.jsonl"
    entries = [entry(name) for name in ("positive", "neutral", "negative")]
    entries.append(entry("negative", FORM.replace("hives", "doors").replace("41", "52")))
    path.write_text(json.dumps(entries, indent=4), encoding="utf-8")
    told, error = imported(str(path), "--out", str(out), "--format", "cactus")
    assert not error, told
    first, second = read_jsonl(out, Scenario)
    assert read_scenarios(out, therapy) == [first, second]
    assert first.persona["occupation"] == "Beekeeper"
    assert first.persona["age_band"] == "35 to 44"
    assert second.persona["age_band"] == "45 to 54"
    assert "Kim" not in first.line()
    assert first.scenario["scenario"].startswith("I cannot open the hives since the swarm left")
    assert first.scenario["summary"] == "I came because the season will soon be over."
    assert first.scenario["cognitive_distortions"] == []
    assert set(first.provenance["drawn"]) == set(first.persona) & set(first.provenance["drawn"])
    assert second.provenance["place"].startswith("evaluation.json:")
    again = tmp_path / "again.jsonl"
    imported(str(path), "--out", str(again), "--format", "cactus", "--attitude", "negative")
    attitudes = {one.persona["attitude"] for one in read_jsonl(again, Scenario)}
    assert attitudes == {"doubtful that talking can help"}


def test_a_broken_form_is_told_with_its_line(tmp_path: Path) -> None:
    path, out = tmp_path / "evaluation.json", tmp_path / "out.jsonl"
    lacking = FORM.replace("2. Presenting Problem", "2. Something")
    entries = [entry("positive"), entry("angry"), entry("neutral", lacking)]
    path.write_text("[" + ",\n".join(map(json.dumps, entries)) + "]", encoding="utf-8")
    told, error = imported(str(path), "--out", str(out), "--format", "cactus")
    assert f"{path}:2: no AI_client with an intake_form and a known attitude" in told
    assert f"{path}:3: the form has no 'Presenting Problem'" in told
    assert "2 of 3 scenarios cannot be used" in error


def test_an_import_overwrites_nothing_else(therapy: Domain, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    shipped = str(scenarios_path(therapy, "domain"))
    assert imported(shipped, "--out", str(out))[1] == ""
    assert imported(shipped, "--out", str(out))[1] == ""
    before = out.read_bytes()
    error = imported(str(table(tmp_path / "own.csv", GOOD)), "--out", str(out))[1]
    assert "is there already" in error
    assert out.read_bytes() == before


def test_scenarios_that_say_the_same_are_told(tmp_path: Path) -> None:
    long = "I cannot open the hives since the swarm left in May because it was my own fault alone."
    path = table(tmp_path / "own.csv", {**GOOD, "scenario": long}, {**GOOD, "scenario": long})
    told, error = imported(str(path), "--out", str(tmp_path / "out.jsonl"))
    assert error == ""
    assert "warning: scenario-002 shares long runs of words with scenario-001" in told
