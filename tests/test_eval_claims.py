"""What is said, for people and for other tools: fixed sentences, CSV and LaTeX."""

import csv

import pytest
from fabricated import make_domain, make_run

from eval.analysis import analyse
from eval.claims import SENTENCES, sentence, spread_sentence
from eval.exports import escaped, latex, write_exports
from eval.statistics.paired import verdict

DESIGN = {"design": {"alpha": 0.05, "margin": 0.5}}
ENTRY = {
    "a": "hybrid", "b": "real", "measure": "empathy", "difference": 1.32, "low": 0.9, "high": 1.7,
    "p_holm": 0.0002, "p_equivalence_holm": 0.9, "mdd": 0.56, "withheld": None,
}  # fmt: skip
SPREAD = {
    "a": "hybrid", "b": "real", "measure": "empathy", "ratio": 0.75, "low": 0.6, "high": 0.95,
    "ceiling_ratio": 0.8, "p_flip": 0.01, "rerun": None,
}  # fmt: skip


@pytest.mark.parametrize(("told", "said"), [
    ({"verdict": "superior"},
     "hybrid > real in empathy: difference +1.32 [+0.90, +1.70], Holm p < 0.001."),
    ({"verdict": "superior", "p_equivalence_holm": 0.01},
     "hybrid > real in empathy: difference +1.32 [+0.90, +1.70], Holm p < 0.001; real, but smaller"
     " than the margin of 0.5."),
    ({"verdict": "inferior", "difference": -1.0, "low": -2.0, "high": -0.5, "p_holm": 0.012},
     "hybrid < real in empathy: difference \N{MINUS SIGN}1.00 [\N{MINUS SIGN}2.00,"
     " \N{MINUS SIGN}0.50], Holm p = 0.012."),
    ({"verdict": "equivalent", "difference": 0.1, "low": -0.1, "high": 0.3,
      "p_equivalence_holm": 0.02},
     "hybrid = real in empathy, to within 0.5 points: difference +0.10 [\N{MINUS SIGN}0.10,"
     " +0.30], Holm p = 0.020 for equivalence."),
    ({"verdict": "inconclusive", "difference": 0.16, "low": -0.2, "high": 0.5, "p_holm": 0.4},
     "hybrid vs real in empathy: not resolved at this n (difference +0.16 [\N{MINUS SIGN}0.20,"
     " +0.50], Holm p = 0.400; detectable: 0.56)."),
    ({"verdict": None, "withheld": "too few scenarios"},
     "hybrid vs real in empathy: no verdict, because too few scenarios."),
])  # fmt: skip
def test_every_sentence(told, said):
    assert sentence({**ENTRY, **told}, DESIGN) == said


def test_there_is_a_sentence_for_every_verdict_and_no_other():
    words = {
        verdict(difference, p, p_equivalence, 0.05)
        for difference in (-1, 1)
        for p in (0.01, 0.5)
        for p_equivalence in (0.01, 0.5)
    }
    assert words == {"superior", "inferior", "equivalent", "inconclusive"}
    assert set(SENTENCES) == {*words, None}


@pytest.mark.parametrize(("told", "said"), [
    ({}, "no proof of consistency"),
    ({"ceiling_ratio": 1.0}, "; the means alone would give 1.00."),
    ({"p_flip": 0.2}, "not resolved at this n"),
    ({"ratio": None, "low": None}, "too little variation"),
    ({"rerun": {"n": 9, "ratio": 0.9, "p": 0.3}}, "between reruns of a scenario p = 0.300"),
])  # fmt: skip
def test_a_narrow_spread_is_no_proof_where_the_scale_ends(told, said):
    assert said in spread_sentence({**SPREAD, **told}, 0.05)


def test_a_high_mean_makes_no_consistent_variant(tmp_path):
    """Equal spread before the cut: the narrower variant is the one near the top, and is told so."""
    means = {"base": (7.0, 5.0), "real": (7.0, 5.0), "hybrid": (10.2, 5.0)}
    run = make_run(tmp_path / "run", scenarios=60, means=means, server="remote")
    analysis = analyse(run, make_domain(tmp_path / "domain"))
    (entry,) = (
        one for one in analysis["spread"]["contrasts"]
        if (one["a"], one["b"], one["measure"]) == ("hybrid", "real", "empathy")
    )  # fmt: skip
    assert entry["p_flip"] < 0.05
    assert entry["ratio"] < 0.8
    assert entry["low"] < entry["ceiling_ratio"] < entry["high"]
    (line,) = (
        one for one in analysis["consistency"] if "hybrid / real in empathy" in one
    )  # fmt: skip
    assert "no proof of consistency" in line


def test_a_scripted_judge_concludes_nothing(tmp_path):
    apart = {"base": (3.0, 5.0), "real": (3.0, 5.0), "hybrid": (9.0, 5.0)}
    run = make_run(tmp_path / "run", scenarios=12, means=apart)
    analysis = analyse(run, make_domain(tmp_path / "domain"))
    assert all(entry["verdict"] in (None, "inconclusive") for entry in analysis["contrasts"])
    said = "hybrid vs real in empathy: no verdict, because the judge is scripted."
    assert said in analysis["claims"]
    assert not any(" > " in claim or " < " in claim for claim in analysis["claims"])


def test_the_scores_as_csv_and_the_tables_as_latex(tmp_path):
    run = make_run(tmp_path / "run", missing={"real": 1})
    analysis = analyse(run, make_domain(tmp_path / "domain"))
    write_exports(analysis, run.eval)
    with (run.eval / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 * 3 * 3
    told = {(row["scenario"], row["variant"], row["measure"]): row["score"] for row in rows}
    assert told["s00", "real", "empathy"] == ""
    assert float(told["s05", "base", "empathy"]) == analysis["values"]["base"]["empathy"][5]
    text = (run.eval / "table.tex").read_text(encoding="utf-8")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert text.count("Scripted: teacher, patient, judge; no evidence.") == 2
    mean = analysis["variants"]["hybrid"]["empathy"]["mean"]
    assert f"empathy & hybrid & {mean:.2f} & " in text
    assert r"hybrid $-$ real" in text
    assert text.isascii()


def test_names_cannot_break_latex(tmp_path):
    assert escaped(r"a_b & 50% {x} \y") == r"a\_b \& 50\% \{x\} \textbackslash{}y"
    run = make_run(tmp_path / "run", scenarios=1)
    analysis = analyse(run, make_domain(tmp_path / "domain"))
    assert "nan" not in latex(analysis).lower()
    assert "unknown" in latex(analysis)
