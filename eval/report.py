"""The report: one HTML file that needs nothing else, for people who decide on these numbers.

Reads `eval/analysis.json`, `eval/scenarios.jsonl`, `eval/conversations.jsonl`,
`eval/judgments.jsonl`, and where there are some, `eval/safety.json` and `manifest.json`.
Writes `eval/figures/` and `eval/report.html`. All words of models, patients and judges are escaped.
"""

from pathlib import Path
from typing import Any

import jinja2
import yaml

import hybridtune
from eval.cells import load_material
from eval.claims import p_value, percent, signed, stand_ins
from eval.safety.show import section
from eval.table import number
from eval.transcripts import lowest, samples, title_of
from hybridtune.domain import Domain
from hybridtune.records import atomic_write, read_json
from hybridtune.runs import Run

TEMPLATES = Path(__file__).parent / "templates"
SHARED = Path(hybridtune.__file__).parent / "templates"


def write_report(run: Run, domain: Domain) -> Path:
    """Draw the figures and write `eval/report.html`; returns its path."""
    # matplotlib takes a second to load, which nothing but this function should wait for.
    from eval.figures import draw_figures  # noqa: PLC0415
    from hybridtune.drawing import inline  # noqa: PLC0415

    analysis = read_json(run.eval / "analysis.json")
    captions = draw_figures(analysis, run.eval / "figures")
    svgs = {name: (run.eval / "figures" / f"{name}.svg").read_text("utf-8") for name in captions}
    material = load_material(run)
    page = (
        environment()
        .get_template("report.html.jinja")
        .render(
            analysis=analysis,
            domain=domain.settings,
            banner=stand_ins(analysis),
            figures={
                name: (inline(svgs[name], name), caption) for name, caption in captions.items()
            },
            samples=samples(material, run),
            lowest=lowest(material, run),
            safety=section(run, domain),
            configuration=configuration(run),
            manifest=manifest(run),
        )
    )
    path = run.eval / "report.html"
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def environment() -> jinja2.Environment:
    """Templates that escape every value and refuse an undefined name."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([TEMPLATES, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        number=number,
        signed=signed,
        p_value=p_value,
        percent=share,
        level=percent,
        title_of=title_of,
    )
    return made


def share(value: float | None) -> str:
    """A share in percent with one digit, or a dash."""
    return "-" if value is None else percent(value, 1)


def configuration(run: Run) -> str:
    """The experiment as YAML; environment variables by name only, as their values may be secret."""
    values = run.experiment.model_dump(mode="json")
    for place in (values["training"], *values["servers"].values()):
        if place.get("env"):
            place["env"] = dict.fromkeys(place["env"], "(not shown)")
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=88)


def manifest(run: Run) -> str | None:
    """Versions, revision and seed from `manifest.json`, or None where no one has written it.

    Times stay out of it: the same run, interrupted or not, has the same report.
    """
    path = run.path / "manifest.json"
    if not path.is_file():
        return None
    values: dict[str, Any] = {
        key: value for key, value in read_json(path).items() if key != "steps"
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
