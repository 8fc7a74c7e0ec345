"""The report: one HTML file that needs nothing else, for people who decide on these numbers.

Reads `eval/analysis.json`, `eval/scenarios.jsonl`, `eval/conversations.jsonl`,
`eval/judgments.jsonl`, and where there are some, `eval/comparisons.jsonl`, `eval/safety.json`,
`variants/*/training.json` and `manifest.json`. Writes `eval/figures/` and `eval/report.html`. All
words of models, packs and people are escaped, and the page lets no script run but its own.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

import hybridtune
from eval.answer import answer
from eval.browser import cards, lowest
from eval.claims import p_value, percent, signed, stand_ins
from eval.grounds import grounds
from eval.judge_quality import any_scripted
from eval.paper import beside_paper
from eval.safety.show import section
from eval.table import number
from eval.trainings import trainings
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

    analysis, safety = read_json(run.eval / "analysis.json"), section(run, domain)
    trained, script = trainings(run), (TEMPLATES / "browser.js").read_text("utf-8")
    folder = run.eval / "figures"
    captions = draw_figures(analysis, folder, safety and safety["result"], trained)
    svgs = {name: (folder / f"{name}.svg").read_text("utf-8") for name in captions}
    found = cards(run)
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
            watermark=any_scripted(analysis),
            answer=answer(analysis),
            grounds=grounds(analysis, safety, trained),
            paper=beside_paper(analysis),
            trainings=trained,
            cards=found,
            lowest=lowest(found, list(run.experiment.variants)),
            safety=safety,
            script=Markup(script),  # ours, from a file beside the templates
            script_hash=script_hash(script),
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
    )
    return made


def script_hash(script: str) -> str:
    """What the page's policy knows its one script by; whatever else is in it cannot run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


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
