"""The dataset card: what the synthetic sessions are, how they were made, what they are not fit for.

Renders `generation/templates/DATASET_CARD.md.jinja`; what only a person can say stands there as a
question in italics. Neither addresses nor paths of this machine enter it.
"""

import hashlib
import html
import re
from pathlib import Path
from typing import Any

import jinja2
import yaml

from hybridtune.domain import Domain
from hybridtune.runs import Run

TEMPLATES = Path(__file__).parent / "templates"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))
MARKUP = re.compile(r"([\\`*_\[\]|])")


def dataset_card(run: Run, domain: Domain, report: dict[str, Any]) -> str:
    """The card as Markdown with the front matter that dataset hubs read."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown of counts, and of words that `plain` has gone over
    )
    environment.filters |= {"plain": plain, "model_name": model_name}
    settings = run.experiment.generation
    return environment.get_template("DATASET_CARD.md.jinja").render(
        front=front_matter(domain, report),
        domain=domain.settings,
        report=report,
        settings=settings,
        model=model_name(str(report["teacher"].get("name", "unnamed"))),
        sampling=run.experiment.roles.teacher.sampling,
        prompts=prompt_digests(domain),
        rubric=domain.rubric(settings.rubric),
    )


def front_matter(domain: Domain, report: dict[str, Any]) -> str:
    """The YAML at the head."""
    size = next((name for most, name in SIZES if report["synthetic"] < most), "n>1M")
    values = {
        "pretty_name": f"{domain.settings.title}, synthetic sessions",
        "language": [domain.settings.language],
        "license": "other",
        "license_name": "see-licence-section",
        "task_categories": ["text-generation"],
        "tags": ["synthetic", "conversational", *(["scripted"] if report["scripted"] else [])],
        "size_categories": [size],
        "configs": [{"config_name": "default", "data_files": "synthetic.jsonl"}],
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def model_name(name: str) -> str:
    """A model's name; of a folder on this machine only its last part."""
    local = name.startswith(("/", ".", "~", "\\")) or "://" in name or name.count("/") > 1
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1] if local else name


def prompt_digests(domain: Domain) -> dict[str, str]:
    """The SHA-256 of each of the pack's prompts."""
    return {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((domain.path / "prompts").glob("*.jinja"))
    }


def plain(text: object) -> str:
    """Somebody's words in one line, without any markup of theirs."""
    return MARKUP.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))
