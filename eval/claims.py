"""What may be said about an analysis, in plain sentences; nothing that the numbers do not carry.

Takes the dictionary that `eval.analysis.analyse` builds. Every sentence about a comparison is one
of `SENTENCES`, chosen by its verdict and filled in with its numbers. Reads and writes no files.
"""

import re
from typing import Any

from eval.contrasts import MOST_MISSING
from eval.judge_quality import quality_notes
from eval.nearness import notes_on

Analysis = dict[str, Any]

SENTENCES = {
    "superior": "{a} > {b} in {measure}: difference {numbers}, Holm {p}{small}.",
    "inferior": "{a} < {b} in {measure}: difference {numbers}, Holm {p}{small}.",
    "equivalent": "{a} = {b} in {measure}, to within {margin:g} points: difference {numbers}, Holm"
    " {p_equivalence} for equivalence.",
    "inconclusive": "{a} vs {b} in {measure}: not resolved at this n (difference {numbers}, Holm"
    " {p}{unseen}).",
    None: "{a} vs {b} in {measure}: no verdict, because {withheld}.",
}
"""By verdict, all that is ever said of a declared comparison."""


def claims(analysis: Analysis) -> list[str]:
    """One sentence per declared comparison, after the one on whether synthetic data helped."""
    declared = [entry for entry in analysis["contrasts"] if entry["declared"]]
    return [*synthetic_claims(analysis, declared), *(sentence(e, analysis) for e in declared)]


def sentence(entry: Analysis, analysis: Analysis) -> str:
    """What one comparison says."""
    design = analysis["design"]
    small = unseen = ""
    if below(entry["p_equivalence_holm"], design["alpha"]):
        small = f"; real, but smaller than the margin of {design['margin']:g}"
    if entry["mdd"] is not None:
        unseen = f"; detectable: {entry['mdd']:.2f}"
    return SENTENCES[entry["verdict"]].format(
        a=entry["a"],
        b=entry["b"],
        measure=entry["measure"],
        numbers=interval(entry),
        p=p_value(entry["p_holm"]),
        p_equivalence=p_value(entry["p_equivalence_holm"]),
        margin=design["margin"],
        withheld=entry["withheld"],
        small=small,
        unseen=unseen,
    )


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


def consistency(analysis: Analysis) -> list[str]:
    """What is known of how steady the variants are: one line per pair and dimension."""
    entries = [e for e in analysis["spread"]["contrasts"] if e["measure"] != "combined"]
    return [spread_sentence(entry, analysis["design"]["alpha"]) for entry in entries]


def spread_sentence(entry: Analysis, alpha: float) -> str:
    """The ratio of spreads, and whether it is more than the scale's end makes by itself."""
    about = f"Spread of {entry['a']} / {entry['b']} in {entry['measure']}"
    if entry["ratio"] is None or entry["low"] is None:
        return f"{about}: too little variation to compare."
    numbers = f"ratio {entry['ratio']:.2f} [{entry['low']:.2f}, {entry['high']:.2f}]"
    tested = f"{numbers}, {p_value(entry['p_flip'])}, not corrected"
    rerun = entry["rerun"]
    reruns = f"; between reruns of a scenario {p_value(rerun['p'])}" if rerun else ""
    expected = entry["ceiling_ratio"]
    if not below(entry["p_flip"], alpha):
        return f"{about}: not resolved at this n ({tested}{reruns})."
    if expected is not None and entry["low"] <= expected <= entry["high"]:
        return (
            f"{about}: {tested}, but the means alone, so near to the scale's end, would give"
            f" {expected:.2f}: no proof of consistency{reruns}."
        )
    beyond = "" if expected is None else f"; the means alone would give {expected:.2f}"
    return f"{about}: {tested}{beyond}{reruns}."


def notes(analysis: Analysis) -> list[str]:
    """What a reader must know before believing a number."""
    design, models = analysis["design"], analysis["models"]
    lines = [*stand_ins(analysis), *twins(analysis), *sensitivity(analysis), *panel(analysis)]
    lines += quality_notes(analysis)
    lines += notes_on(analysis["nearness"])
    lines += family(models)
    lines += scenario_writers(analysis)
    if design["repeats"] == 1:
        lines.append(
            "One conversation per scenario and variant: how steady a variant is from one"
            " conversation to the next cannot be told."
        )
    else:
        lines.append(
            "The limits of failure rates count repeated conversations of a scenario as independent."
        )
    return lines + ceiling(analysis) + length(analysis) + missing(analysis)


def panel(analysis: Analysis) -> list[str]:
    """One judge, or how much hangs on a single one of several."""
    judges = analysis["judges"]
    if len(judges) < 2:
        name = (judges or [one["name"] for one in analysis["models"]["judge"]] or ["unknown"])[0]
        return [f"One judge ({name}): the conclusions hold for this judge only."]
    lines = [
        f"{len(judges)} judges as a sample of those one could ask: intervals and p values cover"
        " the choice of judges."
    ]
    for entry in analysis["contrasts"]:
        without = [one for one in entry["judges"]["leave_one_out"].values() if one is not None]
        turned = [one for one in without if one * (entry["difference"] or 0) < 0]
        if entry["declared"] and turned:
            lines.append(
                f"{entry['a']} vs {entry['b']} in {entry['measure']} hangs on one judge: without"
                f" it the difference is {signed(turned[0])}, not {signed(entry['difference'])}."
            )
    return lines


def length(analysis: Analysis) -> list[str]:
    """Comparisons that longer replies may explain."""
    lines = []
    for entry in (one for one in analysis["contrasts"] if one["declared"]):
        found = entry["length"]
        if entry["verdict"] not in ("superior", "inferior") or found["low"] is None:
            continue
        if found["low"] <= 0 <= found["high"] or found["value"] * entry["difference"] < 0:
            lines.append(
                f"{entry['a']} vs {entry['b']} in {entry['measure']}: at equal length the"
                f" difference is {limits(found['value'], found['low'], found['high'])}; longer"
                " replies may explain it."
            )
    return lines


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


def twins(analysis: Analysis) -> list[str]:
    """Variants that answer alike may be one model under two names."""
    return [
        f"{one['a']} and {one['b']} gave the same first reply in {one['same']} of {one['n']}"
        " conversations: check that each is served with its own adapter."
        for one in analysis["identical_replies"]
        if 2 * one["same"] > one["n"]
    ]


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
    """A model that writes, plays and judges may like its own words, and those of its family."""
    names = {role: {m["name"] for m in models[role] if m["kind"] != "scripted"} for role in models}
    families = {role: {family_of(name) for name in found} for role, found in names.items()}
    lines = []
    for role in ("teacher", "patient"):
        if shared := names[role] & names["judge"]:
            lines.append(
                f"The judge and the {role} are the same model ({', '.join(sorted(shared))}): it may"
                " favour its own style."
            )
        elif kin := families[role] & families["judge"]:
            lines.append(
                f"The judge and the {role} are of one family ({', '.join(sorted(kin))}): it may"
                " favour its own style."
            )
    if kin := families["teacher"] & families["patient"] & families["judge"]:
        lines.append(
            f"One family of models ({', '.join(sorted(kin))}) wrote the sessions, played the"
            " patients and judged: use another for the judge at least."
        )
    return lines


def scenario_writers(analysis: Analysis) -> list[str]:
    """Scenarios by the model that wrote training sessions ask for what those have practised."""
    names = {one["name"] for one in analysis["scenario_writers"]}
    if shared := names & {one["name"] for one in analysis["models"]["teacher"]}:
        return [
            f"The evaluation scenarios are by the teacher ({', '.join(sorted(shared))}), as are the"
            " synthetic sessions: variants that were trained on those may be more at home in them."
        ]
    return []


def family_of(model: str) -> str:
    """The leading letters of a model's own name: `Qwen/Qwen2.5-7B-Instruct` is a qwen."""
    name = model.rstrip("/").rpartition("/")[2].lower()
    found = re.match(r"[^\W\d_]+", name)
    return found.group() if found else name


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


def interval(entry: Analysis) -> str:
    """A difference with its interval."""
    return limits(entry["difference"], entry["low"], entry["high"])


def limits(value: float | None, low: float | None, high: float | None) -> str:
    """A difference and the ends of its interval in brackets."""
    if low is None:
        return f"{signed(value)} [interval unknown]"
    return f"{signed(value)} [{signed(low)}, {signed(high)}]"


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
