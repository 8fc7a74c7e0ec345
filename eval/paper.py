"""This run's means and differences beside the paper's, where both measured the same.

Takes the dictionary that `eval.analysis.analyse` builds. Reads and writes no files. The paper had
another model, another patient and another judge: order and size can be compared, levels cannot.
"""

from typing import Any

from eval.answer import oriented
from eval.published import MEANS, differences

Analysis = dict[str, Any]

DATA = {"base": (False, False), "real": (True, False), "hybrid": (True, True)}
"""The paper's variants: whether trained on real and on synthetic sessions."""


def beside_paper(analysis: Analysis) -> Analysis | None:
    """`measures`, and rows of means and of differences; None where the paper has none of them.

    A variant counts as the paper's where its name and the kinds of its data are the same.
    """
    measures = [name for name in MEANS if name in analysis["rubric"]["dimensions"]]
    shares = analysis["shares"]
    names = [
        name
        for name in ("hybrid", "base", "real")
        if name in shares
        and DATA[name] == (bool(shares[name]["real"]), bool(shares[name]["synthetic"]))
    ]
    if not measures or not names:
        return None
    return {
        "measures": measures,
        "means": [(name, [mean_cell(analysis, name, measure) for measure in measures])
                  for name in names],
        "differences": difference_rows(analysis, measures, names),
    }  # fmt: skip


def mean_cell(analysis: Analysis, variant: str, measure: str) -> Analysis:
    """One mean of this run with limits and n, and the paper's."""
    entry = analysis["variants"][variant][measure]
    return {
        "value": entry["mean"], "low": entry["low"], "high": entry["high"], "n": entry["n"],
        "paper": MEANS[measure][variant],
    }  # fmt: skip


def difference_rows(
    analysis: Analysis, measures: list[str], names: list[str]
) -> list[tuple[str, list[Analysis]]]:
    """One row per pair of variants, a cell per measure."""
    rows: dict[str, list[Analysis]] = {}
    for measure, a, b, published in differences():
        if measure in measures and a in names and b in names:
            cells = rows.setdefault(f"{a} \N{MINUS SIGN} {b}", [])
            cells.append(difference_cell(analysis, measure, a, b) | {"paper": published})
    return list(rows.items())


def difference_cell(analysis: Analysis, measure: str, a: str, b: str) -> Analysis:
    """One paired difference with limits and n, a minus b."""
    (entry,) = (
        one
        for one in analysis["contrasts"]
        if one["measure"] == measure and {one["a"], one["b"]} == {a, b}
    )
    value, low, high = oriented(entry, a)
    return {"value": value, "low": low, "high": high, "n": entry["n"]}
