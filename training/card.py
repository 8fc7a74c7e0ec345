"""What a model card says beside the training: the rights of the sessions, and evaluated scores.

Reads `variants/<name>/dataset.jsonl` and, where it is younger than the adapter,
`eval/analysis.json`.
"""

from collections import Counter
from typing import Any

from hybridtune.records import Session, read_json, read_jsonl
from hybridtune.runs import Run


def further_rows(run: Run, variant: str) -> dict[str, str]:
    """Rows of the card's table."""
    return {"rights of the sessions": rights(run, variant)} | scores(run, variant)


def rights(run: Run, variant: str) -> str:
    """How many sessions may be used on which ground, with the notes of whoever gave them."""
    told: Counter[str] = Counter()
    for session in read_jsonl(run.variant(variant) / "dataset.jsonl", Session):
        if session.source == "synthetic":
            told["synthetic, under the terms of the model that wrote them"] += 1
            continue
        note = session.provenance.get("rights_note")
        ground = session.provenance.get("rights", "unstated")
        told[f"{session.source}, {ground}" + (f" ({note})" if note else "")] += 1
    return "; ".join(f"{count} {words}" for words, count in sorted(told.items()))


def scores(run: Run, variant: str) -> dict[str, str]:
    """The variant's mean scores, if this adapter was evaluated."""
    analysis, report = run.eval / "analysis.json", run.variant(variant) / "training.json"
    if not analysis.exists() or not report.exists():
        return {}
    if analysis.stat().st_mtime < report.stat().st_mtime:
        return {}
    found: dict[str, Any] = read_json(analysis)
    rubric = found["rubric"]
    means = [
        f"{measure} {number['mean']:.2f} (n {number['n']})"
        for measure, number in found["variants"].get(variant, {}).items()
        if number["mean"] is not None
    ]
    scale = f"{rubric['title']}, {rubric['low']} to {rubric['high']}"
    doubt = ", by scripted stand-ins: no measure of quality" if found["scripted"] else ""
    return {"evaluation": f"{scale}{doubt}: {', '.join(means)}"} if means else {}
