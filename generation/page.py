"""The report's second half: comparison, page with plots, and dataset card; `report.json` whole.

Reads `report.json`, `synthetic.jsonl` and, where there are such, `evaluation.json` and
`corpus/real.jsonl`. Writes, in `generation/` of the run folder:

    report.json       with `against_real`, `cost` and `evaluation` added
    timing.json       seconds, which are not the same from run to run
    report.html       self-contained
    DATASET_CARD.md   see `generation.card`

All words of models are values that the templates escape.
"""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import jinja2

import hybridtune
from generation.card import dataset_card
from generation.comparison import compare
from generation.cost import estimate, timing
from generation.sentences import Sentences
from hybridtune.domain import Domain
from hybridtune.records import Session, atomic_write, iter_jsonl, read_json, write_json
from hybridtune.runs import Run
from hybridtune.scenarios import is_generated

TEMPLATES = Path(__file__).parent / "templates"
SHARED = Path(hybridtune.__file__).parent / "templates"
SAMPLES = 3
CAPTIONS = {
    "coverage": "Coverage: wide bars are personas (for exchanges: sessions) asked for, narrow bars"
    " sessions taken, upright lines what is due.",
    "lengths": "Lengths of synthetic (solid) and real (dashed) sessions, in common bins.",
    "reasons": "What became of the drafts, by reason.",
    "scores": "Ranking scores by dimension: areas are shares of drafts, lines are means.",
    "likeness": "How near the nearest session is: 1 is the same.",
    "topics": "Topic map: sessions on the two axes that part them most; numbers as in the table.",
}


def write_report(run: Run, domain: Domain, sentences: Sentences | None = None) -> dict[str, Any]:
    """Complete `report.json` and write page and card beside it; returns the report.

    Args:
        run: with the generation's part of the report.
        domain: its pack.
        sentences: the sampled sessions' vectors, where an embedding model has told them.

    Raises:
        DataError: the generation has not written its part, or a file is damaged.
    """
    # matplotlib takes a second to load, which nothing but this function should wait for.
    from generation.figures import draw  # noqa: PLC0415

    folder = run.generation
    report: dict[str, Any] = read_json(folder / "report.json")
    report["cost"] = estimate(run, report["tokens"])
    report["against_real"] = compare(run, sentences)
    report["evaluation"] = evaluation_of(run)
    write_json(folder / "report.json", report)
    write_json(folder / "timing.json", timing(run))
    page = (
        environment()
        .get_template("report.html.jinja")
        .render(
            report=report,
            experiment=run.experiment.name,
            domain=domain.settings,
            figures=draw(report),
            captions=CAPTIONS,
            samples=list(islice(iter_jsonl(folder / "synthetic.jsonl", Session), SAMPLES)),
        )
    )
    write_text(folder / "report.html", page)
    write_text(folder / "DATASET_CARD.md", dataset_card(run, domain, report))
    return report


def evaluation_of(run: Run) -> dict[str, Any] | None:
    """How the evaluation scenarios came about, where the teacher wrote them."""
    if not is_generated(run):
        return None
    told = read_json(run.generation / "evaluation.json")
    return {name: told[name] for name in ("counts", "replaced")}


def environment() -> jinja2.Environment:
    """Templates that escape every value and refuse an undefined name."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([TEMPLATES, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(number=number, percent=percent, about=about)
    return made


def about(session: Session) -> str:
    """What a session is about and how it was ranked, for people."""
    fields = {"persona": session.persona, "scenario": session.scenario, "ranking": session.ranking}
    return json.dumps(fields, ensure_ascii=False, indent=2)


def number(value: float | None) -> str:
    """A count with its thousands, another number with three digits, or a dash."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def percent(value: float | None) -> str:
    """A share in percent, or a dash."""
    return "-" if value is None else f"{100 * value:.1f} %"


def write_text(path: Path, text: str) -> None:
    """Replace a file, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
