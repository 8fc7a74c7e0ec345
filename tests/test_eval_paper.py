"""The paper's means as scores: its table comes out, and what may be concluded from it."""

import pytest
from fabricated import make_domain
from paper_scores import make_paper_run, paper_scores

from eval.analysis import analyse
from eval.figures import FIGURES, draw_figures
from eval.published import MEANS, SCENARIOS
from eval.statistics.power import scenarios_needed, widest_significant


@pytest.mark.parametrize("sd", [0.5, 0.9, 1.3])
def test_the_scores_are_integers_with_the_papers_means(sd):
    for variant, columns in paper_scores(sd).items():
        for measure, scores in columns.items():
            assert len(scores) == SCENARIOS
            assert all(isinstance(score, int) and 1 <= score <= 10 for score in scores)
            assert sum(scores) / SCENARIOS == pytest.approx(MEANS[measure][variant])


def verdicts(analysis):
    return {(e["a"], e["b"], e["measure"]): e["verdict"]
            for e in analysis["contrasts"] if e["declared"]}  # fmt: skip


@pytest.mark.slow
def test_the_papers_table_and_what_of_it_holds(tmp_path):
    """At paired SDs near 1.1 all its differences hold but hybrid against base in empathy."""
    run = make_paper_run(tmp_path / "run", 0.75, resamples=4000)  # so many for p below 0.001
    analysis = analyse(run, make_domain(tmp_path / "domain"))
    for measure, means in MEANS.items():
        for variant, mean in means.items():
            assert analysis["variants"][variant][measure]["mean"] == pytest.approx(mean)
    # One judge and one conversation elsewhere gave paired SDs of about this size.
    spreads = [e["sd"] for e in analysis["contrasts"] if e["declared"]]
    assert 0.8 < min(spreads) < max(spreads) < 1.4
    found = verdicts(analysis)
    assert found.pop(("hybrid", "base", "empathy")) == "inconclusive"
    assert found == {
        ("real", "base", "empathy"): "inferior",
        ("hybrid", "real", "empathy"): "superior",
        ("real", "base", "relevance"): "inferior",
        ("hybrid", "base", "relevance"): "superior",
        ("hybrid", "real", "relevance"): "superior",
    }
    said = "\n".join(analysis["claims"])
    assert "hybrid > real in empathy: difference +1.32 [" in said
    assert "Holm p < 0.001" in said
    assert "hybrid vs base in empathy: not resolved at this n (difference +0.16 [" in said
    assert not any("hybrid > base in empathy" in line for line in analysis["claims"])


@pytest.mark.slow
def test_the_papers_figures_come_out_of_these_scores(tmp_path):
    analysis = analyse(make_paper_run(tmp_path / "run", 0.75), make_domain(tmp_path / "domain"))
    captions = draw_figures(analysis, tmp_path / "figures")
    # Performance summary, distribution, violin, empathy against relevance, combined, consistency.
    assert {"means", "distribution", "violin", "scatter", "combined", "spread"} <= set(captions)
    assert set(captions) == set(FIGURES)
    drawn = (tmp_path / "figures" / "means.svg").read_text(encoding="utf-8")
    for mean in ("8.64", "8.48", "7.32", "8.66", "8.08", "7.24"):
        assert mean in drawn


def test_what_the_smallest_difference_would_take():
    assert widest_significant(0.16, SCENARIOS) == pytest.approx(0.563, abs=0.001)
    assert scenarios_needed(0.16, 1.0) == 309
    assert scenarios_needed(0.58, 1.3) == 42
    assert scenarios_needed(1.16, 1.0) == 8
    assert scenarios_needed(0.0, 1.0) is None
    assert scenarios_needed(1e-6, 1.0) is None
