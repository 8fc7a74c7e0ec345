"""The numbers for other tools: every score as CSV, and the comparison as LaTeX tables.

Reads `eval/analysis.json` (given as a dictionary). Writes `eval/results.csv`: a row per scenario,
variant and measure, empty where the score is missing; and `eval/table.tex`, which needs the
package booktabs.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.claims import p_value, percent, scripted_roles, signed
from hybridtune.records import atomic_write

Analysis = dict[str, Any]

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "\N{MINUS SIGN}": "$-$",
    "\N{NO-BREAK SPACE}": "~",
}  # fmt: skip


def write_exports(analysis: Analysis, folder: Path) -> None:
    """Write both files."""
    with (
        atomic_write(folder / "results.csv") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as out,
    ):
        rows = csv.writer(out)
        rows.writerow(["scenario", "variant", "measure", "score"])
        rows.writerows(score_rows(analysis))
    with atomic_write(folder / "table.tex") as temporary:
        temporary.write_text(latex(analysis), encoding="utf-8")


def score_rows(analysis: Analysis) -> list[tuple[str, str, str, float | str]]:
    """One row per scenario, variant and measure."""
    return [
        (scenario, variant, measure, "" if column[place] is None else column[place])
        for variant, columns in analysis["values"].items()
        for measure, column in columns.items()
        for place, scenario in enumerate(analysis["scenarios"])
    ]


def latex(analysis: Analysis) -> str:
    """Two tables: means with intervals, and paired differences with verdicts."""
    roles = scripted_roles(analysis)
    warning = f" Scripted: {', '.join(roles)}; no evidence." if roles else ""
    level, design = percent(1 - analysis["design"]["alpha"]), analysis["design"]
    means = [
        (measure, variant, cell(one["mean"]), cell(one["sd"]), f"{cell(one['median'])} "
         f"({cell(one['q1'])} to {cell(one['q3'])})", str(one["n"]),
         f"{cell(one['low'])} to {cell(one['high'])}")
        for measure in (*analysis["rubric"]["dimensions"], "combined")
        for variant in analysis["variants"]
        for one in [analysis["variants"][variant][measure]]
    ]  # fmt: skip
    differences = [
        (one["measure"], f"{one['a']} \N{MINUS SIGN} {one['b']}", signed(one["difference"]),
         f"{signed(one['low'])} to {signed(one['high'])}", p_value(one["p_holm"]),
         cell(one["mdd"]), one["verdict"] or "withheld")
        for one in analysis["contrasts"] if one["declared"]
    ]  # fmt: skip
    return "\n".join(
        [
            *table(
                f"Scores by variant, n in scenarios.{warning}",
                ["measure", "variant", "mean", "SD", "median (quartiles)", "n", level],
                means,
            ),
            "",
            *table(
                f"Paired differences by scenario; p of the sign-flip test, corrected for"
                f" {design['tests']} tests (Holm); MDD: found with 80 % power.{warning}",
                ["measure", "comparison", "difference", level, "p", "MDD", "verdict"],
                differences,
            ),
            "",
        ]
    )


def table(caption: str, headings: list[str], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """One table's lines."""
    return [
        r"\begin{table}",
        rf"\caption{{{escaped(caption)}}}",
        rf"\begin{{tabular}}{{ll{'r' * (len(headings) - 2)}}}",
        r"\toprule",
        *lines([tuple(headings)]),
        r"\midrule",
        *lines(rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def lines(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as LaTeX writes them."""
    return [" & ".join(map(escaped, row)) + r" \\" for row in rows]


def escaped(text: str) -> str:
    """A text whose characters LaTeX prints as they are."""
    return "".join(SPECIAL.get(sign, sign) for sign in text)


def cell(value: float | None) -> str:
    """Two digits, or a dash where there is no number."""
    return "-" if value is None else f"{value:.2f}"
