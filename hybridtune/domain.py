"""A vertical as a folder: prompts, schemas, taxonomy, rubrics, held-out scenarios. Data, no code.

Reads `domains/<name>/`:

    domain.yaml              title, language, speaker names and labels, the end-of-session marker
    prompts/*.jinja          one file per prompt; `counselor.jinja` is the variants' system prompt
    schemas/*.schema.json    JSON Schemas of persona and scenario
    taxonomy/*.yaml          lists the prompts and checks refer to
    rubrics/*.yaml           what judges score, anchored level by level
    scenarios/evaluation.jsonl   held-out scenarios
    scripted/*.yaml          words and rules of the embedded stand-ins
    indicators.yaml          phrases that evaluation counts without a judge (optional)
    masking.yaml             names that would tell a judge whom it reads (optional)
    probes.yaml              sentences by which a judge is put to the test (optional)
"""

import hashlib
import json
from collections.abc import MutableMapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import jinja2
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import Field, ValidationError, model_validator

from hybridtune.config.base import Settings
from hybridtune.errors import DomainError
from hybridtune.schemas import compiled

HOME = Path(__file__).parent.parent / "domains"
AnySettings = TypeVar("AnySettings", bound=Settings)


class DomainSettings(Settings):
    """`domain.yaml`."""

    title: str
    """For headings and cards."""
    language: str = "en"
    """BCP 47 tag."""
    counselor: str = "Counselor"
    """What transcripts and reports call the assistant."""
    patient: str = "Client"
    """What transcripts and reports call the user."""
    counselor_labels: tuple[str, ...] = ()
    """Speaker labels that mean the counselor, in lower case."""
    patient_labels: tuple[str, ...] = ()
    """Speaker labels that mean the patient, in lower case."""
    other_labels: tuple[str, ...] = ()
    """Labels of people outside the conversation (narrator, host)."""
    crisis_terms: tuple[str, ...] = ()
    """Phrases that send a transcript to review, whoever says them, e.g. `hurt myself`."""
    opener: str
    """Neutral user turn for sessions that the counselor opens, where a template insists on one."""
    end_marker: str = "[END]"
    """What a simulated patient writes to end the session."""


class Item(Settings):
    """One observable thing of a checklist, answered yes or no."""

    ask: str
    """The question, such that `yes` can be shown by a quote."""
    good: bool = True
    """Whether `yes` speaks for the counselor; else it is a fault."""


class Dimension(Settings):
    """One thing that a rubric scores: by anchors, or by the items of a checklist."""

    question: str
    """What the judge asks itself."""
    anchors: dict[int, str] = Field(default_factory=dict)
    """What a score means, for some levels of the scale."""
    items: dict[str, Item] = Field(default_factory=dict)
    """What is looked for, by name, in a checklist."""


class Rubric(Settings):
    """What a judge scores, on an integer scale."""

    name: str
    """The file's name."""
    title: str
    """For reports."""
    low: int = 1
    """Lowest score."""
    high: int = 10
    """Highest score."""
    mode: Literal["scale", "checklist"] = "scale"
    """`scale`: the judge gives the scores; `checklist`: they follow from its yes and no."""
    prompt: str = "judge"
    """The prompt file that presents the conversation."""
    dimensions: dict[str, Dimension] = Field(min_length=1)
    """By name, in the report's order."""

    @model_validator(mode="after")
    def says_what_it_scores_by(self) -> "Rubric":
        """A mistyped level, or a dimension without anchors, must fail at load, not in a verdict."""
        wanted, other = ("items", "anchors") if self.mode == "checklist" else ("anchors", "items")
        for name, dimension in self.dimensions.items():
            if len(getattr(dimension, wanted)) < 2:
                raise ValueError(f"dimensions.{name}: a {self.mode} needs two {wanted} or more")
            if getattr(dimension, other):
                raise ValueError(f"dimensions.{name}: a {self.mode} has no {other}")
            for level in dimension.anchors:
                if not self.low <= level <= self.high:
                    raise ValueError(
                        f"dimensions.{name}: anchor {level} is off {self.low}..{self.high}"
                    )
        return self


class Prompts(ImmutableSandboxedEnvironment):
    """Where prompts are rendered."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Jinja's chain of two mappings, made one: it would be copied with every rendering."""
        return {**self.globals, **(d or {})}


class Domain:
    """A loaded domain pack; every file is read once and checked when first used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.settings = load_settings(path / "domain.yaml", DomainSettings)
        self.prompts = Prompts(
            loader=jinja2.FileSystemLoader(path / "prompts"),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            auto_reload=False,
        )

    def render(self, prompt: str, **values: Any) -> str:
        """Render `prompts/<prompt>.jinja`; values are inserted as they are, never as templates.

        Raises:
            DomainError: no such prompt, or it uses a name that was not given.
        """
        try:
            return self.template(prompt).render(domain=self.settings, **values).strip()
        except (
            jinja2.TemplateNotFound,
            jinja2.TemplateSyntaxError,
            jinja2.UndefinedError,
        ) as error:
            raise self.broken(prompt, error) from None

    @cache  # noqa: B019 - a run loads one domain
    def template(self, prompt: str) -> jinja2.Template:
        """`prompts/<prompt>.jinja`, compiled."""
        return self.prompts.get_template(f"{prompt}.jinja")

    def broken(self, prompt: str, error: jinja2.TemplateError) -> DomainError:
        """What to say of a prompt that cannot be rendered."""
        where = str(self.path / "prompts" / f"{prompt}.jinja")
        if isinstance(error, jinja2.TemplateNotFound):
            return DomainError("no such prompt", where=where)
        line = f":{error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        return DomainError(str(error.message), where=f"{where}{line}")

    @cached_property
    def system_prompt(self) -> str:
        """The counselor's system prompt, the same in training and in every served variant."""
        return self.render("counselor")

    @cache  # noqa: B019 - a run loads one domain
    def schema(self, name: str) -> dict[str, Any]:
        """`schemas/<name>.schema.json`, itself checked."""
        path = self.path / "schemas" / f"{name}.schema.json"
        try:
            schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            compiled(schema)
        except OSError:
            raise DomainError("no such schema", where=str(path)) from None
        except ValueError as error:
            raise DomainError(f"not a JSON Schema: {error}", where=str(path)) from None
        return schema

    @cache  # noqa: B019
    def rubric(self, name: str) -> Rubric:
        """`rubrics/<name>.yaml`."""
        return load_settings(self.path / "rubrics" / f"{name}.yaml", Rubric, name=name)

    @cache  # noqa: B019
    def words(self, name: str) -> dict[str, Any]:
        """A YAML mapping of the pack by its path, e.g. `taxonomy/distortions`, `scripted/judge`."""
        return load_mapping(self.path / f"{name}.yaml")

    def optional_words(self, name: str) -> dict[str, Any]:
        """As `words`; empty where the pack has no such file."""
        return self.words(name) if (self.path / f"{name}.yaml").is_file() else {}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all files of the pack, for fingerprints and cache keys."""
        total = hashlib.sha256()
        for file in sorted(path for path in self.path.rglob("*") if path.is_file()):
            total.update(str(file.relative_to(self.path)).encode() + b"\0")
            total.update(hashlib.sha256(file.read_bytes()).digest())
        return total.hexdigest()


def load_domain(name: str) -> Domain:
    """Load `domains/<name>/`, or the folder at that path.

    Raises:
        DomainError: there is no such pack, or its `domain.yaml` does not fit.
    """
    for path in (Path(name), HOME / name):
        if (path / "domain.yaml").is_file():
            return Domain(path.resolve())
    known = ", ".join(sorted(file.parent.name for file in HOME.glob("*/domain.yaml"))) or "none"
    raise DomainError(f"no domain pack {name!r}", fix=f"shipped: {known}; or give a folder")


def load_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML mapping of the pack."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise DomainError("no such file", where=str(path)) from None
    except UnicodeDecodeError:
        raise DomainError("not UTF-8 text", where=str(path)) from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DomainError(f"not YAML: {error.problem}", where=f"{path}{line}") from None
    except (yaml.YAMLError, ValueError) as error:  # control characters; dates that are none
        reason = " ".join(str(error).split())
        raise DomainError(f"not YAML: {reason}", where=str(path)) from None
    if not isinstance(values, dict):
        raise DomainError("not a mapping", where=str(path))
    return values


def load_settings(path: Path, kind: type[AnySettings], **more: Any) -> AnySettings:
    """Read a YAML file of the pack as one of the classes above."""
    try:
        return kind.model_validate({**load_mapping(path), **more})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DomainError(f"{place}: {first['msg']}", where=str(path)) from None
