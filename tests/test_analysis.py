"""The analysis of a fabricated run: aggregation, missing judgments, verdicts, and the table."""

import io
import json

import pytest
from fabricated import make_domain, make_run
from rich.console import Console

from eval.analysis import analyse
from eval.table import render_table, sample_exchanges
from hybridtune.errors import DataError
from hybridtune.records import Judgment, Session, read_jsonl, write_jsonl

SEPARATED = {"base": (4.0, 5.5), "real": (4.0, 5.5), "hybrid": (8.5, 5.5)}


@pytest.fixture
def domain(tmp_path):
    return make_domain(tmp_path / "domain")


def shown(*renderables, width=80):
    console = Console(width=width, record=True, file=io.StringIO())
    for renderable in renderables:
        console.print(renderable)
    return console.export_text()


def only(analysis, a, b, measure):
    found = [e for e in analysis["contrasts"] if (e["a"], e["b"], e["measure"]) == (a, b, measure)]
    assert len(found) == 1
    return found[0]


def test_every_variant_and_dimension_is_described(tmp_path, domain):
    analysis = analyse(make_run(tmp_path / "run"), domain)
    assert list(analysis["variants"]) == ["base", "real", "hybrid"]
    assert list(analysis["variants"]["base"]) == ["empathy", "relevance", "combined"]
    entry = analysis["variants"]["hybrid"]["empathy"]
    assert entry["n"] == 8
    assert entry["low"] < entry["mean"] < entry["high"]
    assert [(e["a"], e["b"]) for e in analysis["contrasts"][:3]] == [
        ("real", "base"),
        ("hybrid", "base"),
        ("hybrid", "real"),
    ]
    assert analysis["design"]["tests"] == sum(e["declared"] for e in analysis["contrasts"]) == 6
    assert analysis["design"]["fails_at"] == 4
    assert analysis["conversations"]["base"]["cap"] == 2
    assert analysis["words"]["base"]["turns"] == 16
    for name, told in analysis["words"].items():
        counted = analysis["indicators"]["variants"][name]["words"]
        assert [told[key] for key in ("n", "mean", "sd", "median")] == [
            counted[key] for key in ("n", "mean", "sd", "median")
        ]


def test_repeats_and_judge_samples_become_one_number_a_scenario(tmp_path, domain):
    run = make_run(tmp_path / "run", scenarios=4, repeats=2, judge_samples=3)
    analysis = analyse(run, domain)
    judged = read_jsonl(run.eval / "judgments.jsonl", Judgment)
    mine = [one for one in judged if one.variant == "real" and one.scenario == "s02"]
    assert len(mine) == 6
    mean = sum(one.scores["empathy"].score for one in mine) / 6
    assert analysis["values"]["real"]["empathy"][2] == pytest.approx(mean)
    assert analysis["variants"]["real"]["empathy"]["n"] == 4
    assert only(analysis, "hybrid", "base", "empathy")["n"] == 4
    assert analysis["spread"]["variants"]["real"]["empathy"]["rerun_sd"] > 0


def test_a_missing_judgment_is_counted_and_never_zero(tmp_path, domain):
    analysis = analyse(make_run(tmp_path / "run", missing={"real": 2}, server="remote"), domain)
    assert analysis["values"]["real"]["empathy"][:2] == [None, None]
    assert min(v for v in analysis["values"]["real"]["empathy"] if v is not None) >= 1
    assert analysis["missing"]["real"]["reasons"] == {"the verdict is not JSON": 2}
    assert analysis["missing"]["base"]["missing"] == 0
    assert analysis["variants"]["real"]["empathy"]["n"] == 6
    entry = only(analysis, "hybrid", "real", "empathy")
    assert (entry["verdict"], entry["n"]) == (None, 6)
    assert "25.0 % of the judgments of real are missing" in entry["withheld"]
    assert only(analysis, "hybrid", "base", "empathy")["verdict"] is not None


def test_unequal_missing_withholds_the_verdict_even_below_the_limit(tmp_path, domain):
    run = make_run(
        tmp_path / "run", scenarios=40, judge_samples=10, missing={"real": 7}, resamples=100
    )
    entry = only(analyse(run, domain), "real", "base", "empathy")
    assert entry["verdict"] is None
    assert "unequally: 7 of real, 0 of base" in entry["withheld"]


def test_what_was_never_played_or_judged_is_missing_too(tmp_path, domain):
    run = make_run(tmp_path / "run")
    conversations = read_jsonl(run.eval / "conversations.jsonl", Session)
    gone, broken = "s00--base--0", "s01--base--0"
    kept = [
        one.model_copy(update={"provenance": {**one.provenance, "failed": "server stopped"}})
        if one.id == broken
        else one
        for one in conversations
        if one.id != gone
    ]
    write_jsonl(run.eval / "conversations.jsonl", kept)
    judgments = read_jsonl(run.eval / "judgments.jsonl", Judgment)
    unjudged = (gone, "s02--base--0")
    write_jsonl(
        run.eval / "judgments.jsonl", [one for one in judgments if one.conversation not in unjudged]
    )
    analysis = analyse(run, domain)
    assert analysis["missing"]["base"]["reasons"] == {
        "no conversation: server stopped": 1,
        "no conversation": 1,
        "not judged": 1,
    }
    assert analysis["missing"]["base"]["planned"] == 8
    assert analysis["conversations"]["base"]["failed"] == 1
    assert analysis["values"]["base"]["relevance"][:3] == [None, None, None]


def test_a_clear_difference_is_found_and_the_rest_stays_open(tmp_path, domain):
    run = make_run(tmp_path / "run", scenarios=14, means=SEPARATED, server="remote")
    analysis = analyse(run, domain)
    assert only(analysis, "hybrid", "real", "empathy")["verdict"] == "superior"
    assert only(analysis, "real", "base", "relevance")["verdict"] == "inconclusive"
    assert only(analysis, "hybrid", "base", "combined")["verdict"] is None
    assert analysis["claims"][0].startswith("Did synthetic data help? hybrid")
    assert "superior on empathy" in analysis["claims"][0]
    assert analysis["scripted"] is False
    assert not any("scripted" in note for note in analysis["notes"])
    assert any("same model" in note for note in analysis["notes"])


def test_scripted_roles_are_named(tmp_path, domain):
    analysis = analyse(make_run(tmp_path / "run"), domain)
    assert analysis["scripted"] is True
    assert analysis["notes"][0].startswith("Teacher, patient and judge are scripted:")
    assert [one["name"] for one in analysis["models"]["counselor"]] == ["base", "hybrid", "real"]


def test_one_scenario_is_too_few_and_the_file_holds_null(tmp_path, domain):
    run = make_run(tmp_path / "run", scenarios=1)
    analysis = analyse(run, domain)
    text = (run.eval / "analysis.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert json.loads(text) == analysis
    entry = only(analysis, "hybrid", "base", "empathy")
    assert (entry["verdict"], entry["withheld"], entry["p"]) == (None, "too few scenarios", None)
    assert analysis["variants"]["base"]["empathy"]["sd"] is None
    assert "withheld" in shown(render_table(analysis))


def test_the_same_records_give_the_same_bytes(tmp_path, domain):
    run = make_run(tmp_path / "run", missing={"base": 1})
    analyse(run, domain)
    first = (run.eval / "analysis.json").read_bytes()
    analyse(run, domain)
    assert (run.eval / "analysis.json").read_bytes() == first


def test_records_of_another_run_are_refused(tmp_path, domain):
    run = make_run(tmp_path / "run", scenarios=2)
    path = run.eval / "conversations.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"s01"', '"s77"'), encoding="utf-8")
    with pytest.raises(DataError, match=r"conversations\.jsonl: s01.* scenario 's77'"):
        analyse(run, domain)


def test_the_table_fits_a_terminal_and_says_scripted(tmp_path, domain):
    text = shown(render_table(analyse(make_run(tmp_path / "run", missing={"real": 2}), domain)))
    assert "Scores by variant (scripted teacher, patient and judge)" in text
    for word in (
        "empathy",
        "relevance",
        "combined",
        "hybrid \N{MINUS SIGN} real",
        "adjusted p",
        "withheld",
    ):
        assert word in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_samples_show_every_variant_and_no_markup(tmp_path, domain):
    run = make_run(tmp_path / "run")
    path = run.eval / "conversations.jsonl"
    text = path.read_text(encoding="utf-8").replace("tired", "\\u001b[31mtired")
    path.write_text(text, encoding="utf-8")
    text = shown(sample_exchanges(run, domain, 2), width=140)
    assert text.count("Scenario s") == 2
    assert "[bold]so[/bold]" in text
    assert "\x1b" not in text
    for variant in run.experiment.variants:
        assert f"I am {variant}" in text
    assert shown(sample_exchanges(run, domain, 2), width=140) == text
