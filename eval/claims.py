"""What may be said about an analysis, in plain sentences; nothing that the numbers do not carry.

Takes the dictionary that `eval.analysis.analyse` builds. Reads and writes no files.
"""

from typing import Any

from eval.contrasts import MOST_MISSING
from eval.judge_quality import quality_notes

Analysis = dict[str, Any]


def claims(analysis: Analysis) -> list[str]:
    """One sentence per declared comparison, after the one on whether synthetic data helped."""
    declared = [entry for entry in analysis["contrasts"] if entry["declared"]]
    return [*synthetic_claims(analysis, declared), *(sentence(e, analysis) for e in declared)]


def sentence(entry: Analysis, analysis: Analysis) -> str:
    """What one comparison says."""
    a, b, measure = entry["a"], entry["b"], entry["measure"]
    if entry["verdict"] is None:
        return f"{a} against {b} on {measure}: no verdict, because {entry['withheld']}."
    numbers = f"{signed(entry['difference'])} points, {interval(entry, analysis)}"
    p = f"adjusted {p_value(entry['p_holm'])}"
    margin = analysis["design"]["margin"]
    if entry["verdict"] in ("superior", "inferior"):
        word = "higher" if entry["verdict"] == "superior" else "lower"
        small = ""
        if below(entry["p_equivalence_holm"], analysis["design"]["alpha"]):
            small = f"; real, but smaller than the margin of {margin:g}"
        return f"{a} scored {word} than {b} on {measure} ({numbers}, {p}{small})."
    if entry["verdict"] == "equivalent":
        return f"{a} and {b} differ on {measure} by less than {margin:g} points ({numbers})."
    unseen = ""
    if entry["mdd"] is not None:
        unseen = f"; a true difference under {entry['mdd']:.2f} would probably go unseen"
    return f"Whether {a} and {b} differ on {measure} stays open ({numbers}, {p}{unseen})."


def synthetic_claims(analysis: Analysis, declared: list[Analysis]) -> list[str]:
    """For every variant with synthetic beside real sessions against one with real ones alone."""
    shares = analysis["shares"]
    mixed = [name for name, share in shares.items() if share["real"] and share["synthetic"]]
    pure = [name for name, share in shares.items() if share["real"] and not share["synthetic"]]
    sentences = []
    for with_it, without in ((m, p) for m in mixed for p in pure):
        verdicts = [
            f"{oriented(entry, with_it)} on {entry['measure']}"
            for entry in declared
            if {entry["a"], entry["b"]} == {with_it, without}
        ]
        sentences.append(
            f"Did synthetic data help? {with_it} (real and synthetic) against {without} (real"
            f" only): {', '.join(verdicts)}."
        )
    return sentences


def oriented(entry: Analysis, first: str) -> str:
    """The verdict read from the side of `first`."""
    word = entry["verdict"] or "no verdict"
    if entry["a"] == first:
        return str(word)
    return {"superior": "inferior", "inferior": "superior"}.get(word, str(word))


def notes(analysis: Analysis) -> list[str]:
    """What a reader must know before believing a number."""
    design, models = analysis["design"], analysis["models"]
    lines = [*stand_ins(analysis), *sensitivity(analysis)]
    judges = models["judge"]
    if len(judges) == 1:
        lines.append(f"One judge ({judges[0]['name']}): the conclusions hold for this judge only.")
    elif judges:
        lines.append(
            f"{len(judges)} judges, averaged: the intervals do not cover the choice of judges."
        )
    lines += quality_notes(analysis)
    lines += family(models)
    if design["repeats"] == 1:
        lines.append(
            "One conversation per scenario and variant: how steady a variant is from one"
            " conversation to the next cannot be told."
        )
    else:
        lines.append(
            "The limits of failure rates count repeated conversations of a scenario as independent."
        )
    return lines + ceiling(analysis) + missing(analysis)


def stand_ins(analysis: Analysis) -> list[str]:
    """The warnings that come first: scripted roles and a toy base model."""
    lines = []
    if roles := scripted_roles(analysis):
        verb = "is" if len(roles) == 1 else "are"
        lines.append(
            f"{enumerated(roles).capitalize()} {verb} scripted: the numbers show the machinery,"
            " not the method."
        )
    if analysis["toy"]:
        lines.append(
            "The base model is the embedded micro model: its replies show that the parts work"
            " together, not what a real model learns."
        )
    return lines


def scripted_roles(analysis: Analysis) -> list[str]:
    """The roles with a scripted model, in a fixed order."""
    return [
        role
        for role, models in analysis["models"].items()
        if any(model["kind"] == "scripted" for model in models)
    ]


def enumerated(names: list[str]) -> str:
    """Names as a person lists them: a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def sensitivity(analysis: Analysis) -> list[str]:
    """What differences so few scenarios can show."""
    design = analysis["design"]
    seen = [entry["mdd"] for entry in analysis["contrasts"] if entry["mdd"] is not None]
    if not seen:
        return [
            f"n = {design['scenarios']} scenarios: too little variation to say what it can see."
        ]
    low, high = f"{min(seen):.2f}", f"{max(seen):.2f}"
    span = low if low == high else f"{low} to {high} (by comparison)"
    return [
        f"n = {design['scenarios']} scenarios: true differences under {span} points are likely to"
        f" be missed (80 % power, corrected for {design['tests']} tests)."
    ]


def family(models: Analysis) -> list[str]:
    """A model that writes, plays and judges may like its own words."""
    names = {role: {m["name"] for m in models[role] if m["kind"] != "scripted"} for role in models}
    lines = []
    for role in ("teacher", "patient"):
        if shared := names[role] & names["judge"]:
            lines.append(
                f"The judge and the {role} are the same model ({', '.join(sorted(shared))}): it may"
                " favour its own style."
            )
    return lines


def ceiling(analysis: Analysis) -> list[str]:
    """Near the top of a scale all scores look alike."""
    rubric = analysis["rubric"]
    top = rubric["high"] - (rubric["high"] - rubric["low"]) / 6
    close = [
        f"{variant} on {measure}"
        for variant, measures in analysis["variants"].items()
        for measure, entry in measures.items()
        if measure in rubric["dimensions"] and entry["mean"] is not None and entry["mean"] >= top
    ]
    if not close:
        return []
    return [
        f"Close to the top of the scale ({', '.join(close)}): a small spread there comes from the"
        " scale's end and is no proof of consistency."
    ]


def missing(analysis: Analysis) -> list[str]:
    """How many judgments are missing, and what follows."""
    counts = {name: entry["missing"] for name, entry in analysis["missing"].items()}
    if not any(counts.values()):
        return ["No judgment is missing."]
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    return [
        f"Missing judgments: {told}; they count as missing, never as a score. A comparison gets no"
        f" verdict where more than {percent(MOST_MISSING)} of a variant's are missing, or clearly"
        " unequal numbers."
    ]


def signed(value: float | None) -> str:
    """A difference with its sign, as a person writes it."""
    return "unknown" if value is None else f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def interval(entry: Analysis, analysis: Analysis) -> str:
    """A difference's interval with its level."""
    level = percent(1 - analysis["design"]["alpha"])
    if entry["low"] is None:
        return f"{level} interval unknown"
    return f"{level} interval {signed(entry['low'])} to {signed(entry['high'])}"


def p_value(p: float | None) -> str:
    """A p value, not more precise than it is."""
    if p is None:
        return "p unknown"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def percent(share: float, digits: int = 0) -> str:
    """A share as a person writes it."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def below(p: float | None, alpha: float) -> bool:
    """Whether a test passed; an unknown p never does."""
    return p is not None and p <= alpha
