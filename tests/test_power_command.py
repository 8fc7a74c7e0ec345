"""`hybridtune power`, and what a dry run says of the difference that a plan can find."""

import math

import pytest
from fabricated import make_domain, make_experiment, make_run
from paper_scores import make_paper_run
from typer.testing import CliRunner

from eval.analysis import analyse
from eval.planning import components_of, sight
from hybridtune.cli.app import app
from hybridtune.errors import InputError
from hybridtune.records import write_json


def asked(*words: str) -> str:
    done = CliRunner().invoke(app, ["power", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_without_a_pilot_the_spread_is_said_to_be_assumed():
    text = asked()
    assert "no pilot: spreads are assumed" in text
    row = next(line for line in text.splitlines() if "empathy: hybrid > base" in line)
    assert [word for word in row.split() if word[0].isdigit()] == ["0.16", "407", "628", "0.56"]


def test_a_given_spread_and_plan():
    text = asked("--sd-d", "1.0", "--scenarios", "100", "--tests", "1")
    row = next(line for line in text.splitlines() if "empathy: hybrid > base" in line)
    assert "309" in row
    assert "│       100 │             1 │      1 │     0.28 │    0.28 │" in text


def test_a_run_is_the_pilot(tmp_path):
    run = make_paper_run(tmp_path / "run", 0.75)
    analysis = analyse(run, make_domain(tmp_path / "domain"))
    text = asked(str(run.path))
    assert "assumed" not in text
    found = components_of(analysis)
    assert set(found) == {"empathy", "relevance"}
    for name, parts in found.items():
        row = next(line for line in text.splitlines() if line.startswith(f"│ {name} "))
        assert f"{math.sqrt(2) * parts.scenario_variant:.2f}" in row
    (line,) = sight(run.experiment, 50, 2, analysis)
    assert "of this run's last evaluation" in line
    assert "family of 6 tests" in line


def test_a_dry_run_line_without_a_pilot():
    (line,) = sight(make_experiment(repeats=3), 50, 2, None)
    assert "from 0.33 points on" in line
    assert "assumed" in line


def test_a_scripted_pilot_is_named(tmp_path):
    run = make_run(tmp_path / "run", repeats=2)
    analyse(run, make_domain(tmp_path / "domain"))
    assert "the pilot has scripted roles" in asked(str(run.path))


@pytest.mark.parametrize(("words", "told"), [
    (["nowhere"], "analysis.json: no such file"),
    (["--sd-d", "0"], "0 is no spread (give points above 0)"),
    (["nowhere", "--sd-d", "1"], "give a run or --sd-d, not both"),
])  # fmt: skip
def test_what_cannot_be_used_is_one_line(words, told):
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(app, ["power", *words], catch_exceptions=False)
    assert told in str(caught.value)


def test_an_analysis_without_components_is_refused(tmp_path):
    rubric = {"dimensions": {"empathy": "?"}}
    path = tmp_path / "eval" / "analysis.json"
    write_json(path, {"rubric": rubric, "scripted": False})
    with pytest.raises(InputError, match="no spread can be told from this run"):
        CliRunner().invoke(app, ["power", str(tmp_path)], catch_exceptions=False)
