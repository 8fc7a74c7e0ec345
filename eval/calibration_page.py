"""A calibration as Markdown, and in a few sentences; the numbers are `eval.calibrate`'s."""

from typing import Any

HEADINGS = {
    "spearman": "Spearman",
    "kendall": "Kendall's tau-b",
    "kappa": "weighted kappa",
    "mae": "mean error",
}


def markdown(result: dict[str, Any]) -> str:
    """The whole calibration as a page."""
    ratings, settings = result["ratings"], result["settings"]
    files = ", ".join(f"`{one['name']}`" for one in ratings["files"])
    lines = [
        "# Calibration of judges against people",
        "",
        f"Ratings: {files} ({ratings['format']}), {ratings['conversations']} conversations in"
        f" {ratings['groups']} groups. Rubric: {settings['rubric']}.",
        "",
        *(f"- {name}: {described(one)}" for name, one in result["judges"].items()),
        "",
        "Value [95 % interval] and, behind it, the mean of the same on shuffled ratings. Intervals"
        f" are a bootstrap over groups ({settings['resamples']} draws), the null"
        f" {settings['permutations']} shuffles. What is fitted (the mapping behind kappa and error,"
        " the weights of the indicators) is fitted on other groups than it is tested on. `length`"
        ' is the baseline "longer is better".',
    ]
    for measure, told in result["measures"].items():
        lines += ["", f"## {measure}", "", *section(told)]
    return "\n".join(lines) + "\n"


def described(judge: dict[str, Any]) -> str:
    """A judge's model, and what is missing of its verdicts."""
    model, missing = judge["model"], sum(judge["missing"].values())
    scripted = " (a scripted stand-in, no judge)" if model["kind"] == "scripted" else ""
    return f"{model['name']}{scripted}, {missing} verdicts missing"


def section(told: dict[str, Any]) -> list[str]:
    """One measure as a table."""
    if "withheld" in told:
        return [f"Withheld: {told['withheld']} (n = {told['n']})."]
    ratings = ", ".join(f"{level}: {count}" for level, count in told["levels"].items())
    lines = [
        f"n = {told['n']}, {told['left_out']} left out for a missing verdict. Ratings: {ratings}.",
        "",
        f"| predictor | {' | '.join(HEADINGS.values())} | Spearman beyond length |",
        f"|---|{'---|' * (len(HEADINGS) + 1)}",
    ]
    for predictor, one in told["predictors"].items():
        by = f" ({one['by']})" if "by" in one else ""
        cells = [
            f"{cell(one[figure])}, null {number(one[figure]['null']['mean'])}"
            for figure in HEADINGS
        ]
        beyond = cell(one["beyond_length"]) if "beyond_length" in one else "-"
        lines.append(f"| {predictor}{by} | {' | '.join(cells)} | {beyond} |")
    median = next(iter(told["predictors"].values()))["mae_of_the_median"]
    lines += ["", f"Mean error of always saying the median: {number(median)}."]
    own = [line for one in told["predictors"].values() for line in one["findings"]]
    return lines + [f"- {line}" for line in (*told["findings"], *own)]


def cell(figure: dict[str, Any]) -> str:
    """A value with its interval."""
    if figure["value"] is None:
        return "none (nothing varies)"
    return f"{number(figure['value'])} [{number(figure['low'])}, {number(figure['high'])}]"


def number(value: float | None) -> str:
    """Three digits, or a dash where there is no number."""
    return "-" if value is None else f"{value:.3f}"
