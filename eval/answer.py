"""The report's first screen: the answer in three sentences.

Takes the dictionary that `eval.analysis.analyse` builds. Reads and writes no files. The sentences
say what the verdicts say and no more; without a verdict they say why there is none.
"""

from typing import Any

from eval.claims import enumerated, signed
from eval.claims import oriented as turned_word
from eval.judge_quality import any_scripted

Analysis = dict[str, Any]
NO_VERDICT = "no verdict, because "


def answer(analysis: Analysis) -> list[str]:
    """Three sentences: whether synthetic data helped, what the base model does, how sure it is."""
    return [helped(analysis), against_reference(analysis), certainty(analysis)]


def helped(analysis: Analysis) -> str:
    """The first variant with synthetic beside real sessions against the first without."""
    shares = analysis["shares"]
    mixed = [name for name, one in shares.items() if one["real"] and one["synthetic"]]
    pure = [name for name, one in shares.items() if one["real"] and not one["synthetic"]]
    if not mixed or not pure:
        return (
            "Did synthetic data help? Not asked: no two variants differ by synthetic sessions"
            " beside real ones."
        )
    told = side_by_side(analysis, mixed[0], pure[0])
    return f"Did synthetic data help? {mixed[0]} against {pure[0]}: {told}."


def against_reference(analysis: Analysis) -> str:
    """The variants of the sentence above, or the first two, against the reference."""
    reference, shares = analysis["reference"], analysis["shares"]
    others = [name for name in analysis["variants"] if name != reference]
    shown = sorted(others, key=lambda name: not shares[name]["synthetic"])[:2]
    told: dict[str, list[str]] = {}
    for name in shown:
        told.setdefault(side_by_side(analysis, name, reference), []).append(name)
    if len(told) == 1 and helped(analysis).endswith(f": {min(told)}.") and NO_VERDICT in min(told):
        return f"Against {reference}: no verdict either, for the same reason."
    parts = [f"{enumerated(names)} {verdict}" for verdict, names in told.items()]
    more = f"; {len(others) - 2} more below" if len(others) > 2 else ""
    return f"Against {reference}: {'; '.join(parts) or 'nothing to compare'}{more}."


def side_by_side(analysis: Analysis, first: str, second: str) -> str:
    """The verdicts on a pair, read from the side of `first`; why there is none where there is none.

    One reason for all measures is said once.
    """
    entries = [
        one
        for one in analysis["contrasts"]
        if one["declared"] and {one["a"], one["b"]} == {first, second}
    ]
    reasons = list(dict.fromkeys(one["withheld"] for one in entries if one["verdict"] is None))
    if entries and len(reasons) == 1 and all(one["verdict"] is None for one in entries):
        return f"{NO_VERDICT}{reasons[0]}"
    return enumerated([seen_from(one, first) for one in entries]) or "not compared"


def seen_from(entry: Analysis, first: str) -> str:
    """One verdict with its difference and interval, from the side of `first`."""
    measure, word = entry["measure"], entry["verdict"]
    if word is None:
        return f"no verdict on {measure} ({entry['withheld']})"
    word = turned_word(entry, first)
    difference, low, high = oriented(entry, first)
    unseen = ""
    if word == "inconclusive" and entry["mdd"] is not None:
        unseen = f"; under {entry['mdd']:.2f} likely to be missed"
    return f"{word} on {measure} ({signed(difference)}, {signed(low)} to {signed(high)}{unseen})"


def oriented(entry: Analysis, first: str) -> tuple[float | None, float | None, float | None]:
    """Difference and limits of `first` minus the other."""
    values = entry["difference"], entry["low"], entry["high"]
    if entry["a"] == first:
        return values
    turned = [None if value is None else 0.0 - value for value in values]
    return turned[0], turned[2], turned[1]


def certainty(analysis: Analysis) -> str:
    """What the numbers rest on."""
    design, judges = analysis["design"], analysis["models"]["judge"]
    times = "once" if design["repeats"] == 1 else f"{design['repeats']} times"
    names = enumerated([one["name"] for one in judges]) or "nobody"
    told = f"This rests on {design['scenarios']} scenarios, each played {times} by every variant"
    if any_scripted(analysis):
        return f"{told}, and on a scripted judge: no conclusion is drawn."
    known = (
        "calibrated against" if analysis["judge_quality"]["calibrated"] else "never compared with"
    )
    return f"{told}, and on the judgments of {names}, {known} people's ratings."
