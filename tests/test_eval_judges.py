"""Several judges and repeats: they sharpen or widen an answer, and never multiply the scenarios."""

import math
import random

import numpy as np
import pytest
from fabricated import make_domain, make_run

from eval.analysis import analyse
from eval.claims import family, family_of
from eval.statistics.arrays import generator
from eval.statistics.components import components
from eval.statistics.describe import t_interval
from eval.statistics.judges import crossed, leave_one_out, mean_squares
from hybridtune.records import Evidence, Judgment, read_jsonl, write_jsonl
from hybridtune.runs import Run


def judged_by(run: Run, severities: dict[str, int], fails: dict[str, set[str]] | None = None):
    """Replace every judgment by one per judge, shifted by its severity; some fail."""
    path, made = run.eval / "judgments.jsonl", []
    for one in read_jsonl(path, Judgment):
        for name, shift in severities.items():
            scores = {
                measure: Evidence(score=min(10, max(1, told.score + shift)))
                for measure, told in one.scores.items()
            }
            failed = one.conversation in (fails or {}).get(name, set())
            made.append(
                one.model_copy(
                    update={
                        "id": f"{one.id}--{name}",
                        "judge": name,
                        "scores": None if failed else scores,
                        "missing": "refused" if failed else None,
                        "provenance": {"judge": {"kind": "attached", "name": name}},
                    }
                )
            )
    write_jsonl(path, made)


def only(analysis, a, b, measure):
    (found,) = (
        e for e in analysis["contrasts"] if (e["a"], e["b"], e["measure"]) == (a, b, measure)
    )
    return found


@pytest.fixture
def domain(tmp_path):
    return make_domain(tmp_path / "domain")


def test_judges_and_repeats_leave_n_the_number_of_scenarios(tmp_path, domain):
    middling = dict.fromkeys(("base", "real", "hybrid"), (5.0, 5.0))
    run = make_run(tmp_path / "run", scenarios=9, repeats=2, means=middling, server="remote")
    alone = analyse(run, domain)
    judged_by(run, {"mild": 1, "plain": 0, "severe": -1})
    many = analyse(run, domain)
    one, three = (only(found, "hybrid", "base", "empathy") for found in (alone, many))
    assert one["judges"] is None
    assert three["n"] == three["judges"]["n"] == 9
    # Judges who say the same but for their severity add nothing, and take nothing away.
    assert three["difference"] == pytest.approx(one["difference"], abs=0.2)
    assert three["p"] >= one["p"] / 2
    assert three["high"] - three["low"] > 0.8 * (one["high"] - one["low"])
    assert many["missing"]["base"]["planned"] == 9 * 2 * 3
    assert many["judges"] == ["mild", "plain", "severe"]


def test_a_severe_judge_who_failed_for_one_variant_does_not_lift_it(tmp_path, domain):
    flat = dict.fromkeys(("base", "real", "hybrid"), (5.0, 5.0))
    run = make_run(tmp_path / "run", scenarios=12, means=flat, server="remote")
    before = analyse(run, domain)["values"]["hybrid"]["empathy"]
    lost = {f"s{number:02d}--hybrid--0" for number in range(4)}
    judged_by(run, {"plain": 0, "severe": -2}, fails={"severe": lost})
    after = analyse(run, domain)["values"]["hybrid"]["empathy"]
    shifts = np.array(after) - np.array(before)
    assert np.ptp(shifts) < 0.5, "the scenarios with one verdict less are read one point higher"


def test_a_verdict_that_hangs_on_one_judge_is_told(tmp_path, domain):
    run = make_run(tmp_path / "run", scenarios=12, server="remote")
    path, rng, made = run.eval / "judgments.jsonl", random.Random(0), []
    for one in read_jsonl(path, Judgment):
        for name in ("a", "b", "fan"):
            lift = 4 if name == "fan" and one.variant == "hybrid" else 0
            less = 1 if name != "fan" and one.variant == "hybrid" else 0
            score = 5 + lift - less + rng.choice((-1, 0, 1))
            scores = {measure: Evidence(score=score) for measure in one.scores}
            update = {"id": f"{one.id}-{name}", "judge": name, "scores": scores}
            made.append(one.model_copy(update=update))
    write_jsonl(path, made)
    analysis = analyse(run, domain)
    entry = only(analysis, "hybrid", "base", "empathy")
    assert entry["difference"] > 0.3
    assert entry["judges"]["leave_one_out"]["fan"] < 0 < entry["judges"]["leave_one_out"]["a"]
    assert entry["judges"]["p"] > 0.05
    assert entry["verdict"] == "inconclusive"
    assert any("hybrid vs base in empathy hangs on one judge" in one for one in analysis["notes"])
    assert analysis["components"]["empathy"]["judge_variant"] > 1


def test_mean_squares_by_hand():
    squares = mean_squares(np.array([[1.0, 3], [2, 4], [3, 8]]))
    # Row means 2, 3, 5.5; column means 2, 5; mean 3.5.
    assert squares.scenarios == pytest.approx(2 * (2.25 + 0.25 + 4) / 2)
    assert squares.judges == pytest.approx(3 * (2.25 + 2.25))
    assert squares.residual == pytest.approx((4 * 0.25 + 2 * 1.0) / 2)


def test_without_differences_between_judges_the_interval_is_students():
    rows = generator("rows").normal(0.4, 1, 30)
    found = crossed(np.column_stack([rows, rows, rows]), 0.05, 0.5)
    assert (found.low, found.high) == pytest.approx(t_interval(rows))
    assert found.df == pytest.approx(29)
    assert found.judge_sd == 0
    assert math.isnan(crossed(rows[:, None], 0.05, 0.5).p)


def test_leaving_judges_out():
    table = np.array([[1.0, 2, 6], [3, 2, 4]])
    assert leave_one_out(table) == pytest.approx([3.5, 3.5, 2.0])
    assert leave_one_out(table[:, :1]) == []


def test_components_come_back_from_scores_that_were_made_of_them():
    stream = generator("components")
    variants, scenarios, repeats, judges = 3, 400, 3, 3
    scores = (
        stream.normal(0, 1.0, (1, scenarios, 1, 1, 1))
        + stream.normal(0, 0.4, (variants, scenarios, 1, 1, 1))
        + stream.normal(0, 0.6, (variants, scenarios, repeats, 1, 1))
        + stream.normal(0, 0.5, (variants, scenarios, repeats, judges, 1))
        + stream.normal(0, 1.5, (1, 1, 1, judges, 1))
        + np.array([[0.3, -0.3, 0], [-0.3, 0.3, 0], [0, 0, 0]])[:, None, None, :, None]
    )
    scores[0, :5, 0, 0] = np.nan
    found = components(scores)
    assert found[:3] == pytest.approx((0.4, 0.6, 0.5), abs=0.05)
    assert found.judge_variant == pytest.approx(0.26, abs=0.05)
    gaps = generator("gaps").random(scores.shape) < 0.02
    found = components(np.where(gaps, np.nan, scores))
    assert found[:3] == pytest.approx((0.4, 0.6, 0.5), abs=0.06)
    lumped = components(scores[:, :, :1, :1])
    assert (lumped.rerun, lumped.judge_noise, lumped.judge_variant) == (0, 0, 0)
    assert lumped.scenario_variant == pytest.approx(math.hypot(0.4, 0.6, 0.5), abs=0.05)


@pytest.mark.parametrize("missing", [0.0, 0.02])
def test_what_a_judge_holds_of_a_scenario_is_no_noise(missing):
    stream = generator("judge and scenario")
    found = []
    for _ in range(20):
        scores = (
            stream.normal(0, 1.0, (1, 50, 1, 1, 1))
            + stream.normal(0, 0.4, (3, 50, 1, 1, 1))
            + stream.normal(0, 0.5, (3, 50, 1, 2, 1))
            + stream.normal(0, 0.8, (1, 50, 1, 2, 1))
        )
        scores[stream.random(scores.shape) < missing] = np.nan
        found.append(components(scores))
    squares = np.mean(np.square(found), axis=0)
    assert np.sqrt(squares[:3]) == pytest.approx((0.4, 0.0, 0.5), abs=0.05)


@pytest.mark.parametrize(("name", "kin"), [
    ("Qwen/Qwen2.5-7B-Instruct", "qwen"), ("Qwen3-32B", "qwen"), ("gpt-4o-mini", "gpt"),
    ("meta-llama/Llama-3.1-8B", "llama"), ("/models/Mistral-7B/", "mistral"), ("7b", "7b"),
])  # fmt: skip
def test_the_family_of_a_model(name, kin):
    assert family_of(name) == kin


def test_one_family_as_writer_patient_and_judge_is_flagged():
    def told(teacher, patient, judge, kind="managed"):
        names = {"teacher": teacher, "patient": patient, "judge": judge}
        models = {role: [{"kind": kind, "name": name}] for role, name in names.items()}
        return " ".join(family(models))

    assert "One family of models (qwen)" in told("Qwen/Qwen2.5-7B", "Qwen/Qwen3-8B", "qwen-max")
    assert "teacher are of one family (qwen)" in told("Qwen3-8B", "Llama-3-8B", "Qwen2.5-32B")
    assert told("Llama-3-8B", "Llama-3-8B", "Qwen2.5-32B") == ""
    assert told("scripted", "scripted", "scripted", kind="scripted") == ""
