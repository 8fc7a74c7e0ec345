"""What the documents say exists: commands, options, paths, keys, defaults, links."""

import ast
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from typer.main import get_command

from corpus.history import Held, History, Replaced, TurnHistory
from generation.outcomes import Failure
from generation.review import Review
from hybridtune.calls import CallStore
from hybridtune.cli.app import app
from hybridtune.cli.steps import steps_of
from hybridtune.config import Experiment, load_experiment
from hybridtune.config.base import Settings
from hybridtune.domain import DomainSettings, Rubric, load_domain
from hybridtune.records import Evidence, Judgment, Message, Persona, Record, Scenario, Session
from hybridtune.reviews import ReviewEvent
from hybridtune.runs import Run
from training.defaults import LORA, SFT

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")]
DOCS += sorted((ROOT / "docs").glob("*.md"))
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
PACKAGES = ("hybridtune", "corpus", "generation", "training", "eval")
TOP: dict[str, Any] = vars(get_command(app))["commands"]
NESTED = {name: vars(command).get("commands", {}) for name, command in TOP.items()}
COMMANDS: dict[str, Any] = {
    **{name: command for name, command in TOP.items() if not NESTED[name]},
    **{f"{name} {inner}": each for name in TOP for inner, each in NESTED[name].items()},
}
"""Every command by its words: `reproduce`, `corpus show`, ..."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SUFFIXES = (".md", ".py", ".sh", ".yaml", ".toml", ".jinja", ".json", ".jsonl", ".html", ".sqlite")
# What no checkout holds: made by a run or an installation, or standing for the reader's own.
PRODUCED = (
    "runs/*", "experiment.json", "manifest.json", "calls.sqlite*", "vectors.sqlite", ".lock",
    "logs/*", "corpus/*.json*", "corpus/DATA_CARD.md", "generation/*.json*",
    "generation/rows.sqlite", "generation/report.html", "generation/DATASET_CARD.md", "report.html",
    "variants/*", "eval/*.json*", "eval/report.html", "eval/results.csv", "eval/table.tex",
    "eval/figures/", "replay/*.json*", "scenarios.jsonl", "mine.csv", "talks.jsonl",
    "evaluation.json", "adapter/", "checkpoints/", "adapter_config.json", "dataset.jsonl",
    "training.json", ".venv/*", "data/transcripts*", "real.*jsonl", "sessions.jsonl",
    "my.yaml", "checks.yaml", "merged/*", "merge.json", "hybrid.gguf", "llama.cpp*",
    "judgments.jsonl", "calibration*", "ESConv.json", "probes.yaml", "masking.yaml",
    "indicators.yaml",
)  # fmt: skip
# Documents beside the README whose YAML is part of an experiment.
EXAMPLES = ("configuration", "embeddings")
# Folders whose files are named without them where it is plain what is meant.
SHORTENED = ("domains/therapy", "configs/accelerate", "scripts")
# Words with a slash that are no paths.
NAMES = ("Qwen/*", "/v1", "application/json", "*://*")


def by_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fenced(document: Path, *languages: str) -> list[str]:
    text = document.read_text(encoding="utf-8")
    return [body for language, body in FENCE.findall(text) if language in languages]


def inline(document: Path) -> list[str]:
    return CODE.findall(FENCE.sub("", document.read_text(encoding="utf-8")))


def command_lines(document: Path) -> list[list[str]]:
    """Every command of a document, as words; a comment ends one."""
    scripts = "\n".join(fenced(document, "bash")).replace("\\\n", " ")
    quoted = [code for code in inline(document) if " " in code]
    split = [shlex.split(line, comments=True) for line in scripts.splitlines()]
    split += [shlex.split(code) for code in quoted if "{" not in code and "'" not in code]
    return [words for words in split if words]


def options_of(command: str) -> set[str]:
    """The options of a `hybridtune` command; those before it for the empty name."""
    target = COMMANDS[command] if command else get_command(app)
    return {option for parameter in target.params for option in parameter.opts} | {"--help", "-h"}


def options_in(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if word.startswith("--")}


def problem_of_hybridtune(words: list[str]) -> str | None:
    plain = [word for word in words if not word.startswith("-")]
    command = " ".join(plain[: 2 if plain and NESTED.get(plain[0]) else 1])
    if command and command not in COMMANDS:
        return f"no command {command}"
    unknown = options_in(words) - options_of(command)
    return f"{command} has no {min(unknown)}" if unknown else None


def problem_of_script(words: list[str]) -> str | None:
    """A script's options are its own, or those of the `hybridtune` command that it runs."""
    script = ROOT / words[0]
    if not script.is_file():
        return f"no script {words[0]}"
    source = script.read_text(encoding="utf-8")
    handed_to = re.search(r"bin/hybridtune (\w+)", source)
    known = options_of(handed_to.group(1)) if handed_to else set()
    unknown = [option for option in options_in(words) - known if option not in source]
    return f"{words[0]} has no {unknown[0]}" if unknown else None


def problem_of_module(words: list[str]) -> str | None:
    """A module's options are looked for in its source: some take seconds to import."""
    path = ROOT / words[0].replace(".", "/")
    if words[0].partition(".")[0] not in PACKAGES:
        return None
    file = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file():
        return f"no module {words[0]}"
    source = file.read_text(encoding="utf-8")
    names = {option: option.removeprefix("--").replace("-", "_") for option in options_in(words)}
    unknown = [option for option, name in names.items() if not re.search(rf"\b{name}\b", source)]
    return f"python -m {words[0]} has no {unknown[0]}" if unknown else None


def problem_of(words: list[str]) -> str | None:
    program = words[0].removeprefix(".venv/bin/")
    if program == "hybridtune":
        return problem_of_hybridtune(words[1:])
    if program == "bash" and len(words) > 1 and words[1].startswith("scripts/"):
        return problem_of_script(words[1:])
    if program in {"python", "accelerate"} and "-m" in words:
        return problem_of_module(words[words.index("-m") + 1 :])
    if program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        return None if re.search(rf"^{words[1]}:", makefile, re.MULTILINE) else f"make {words[1]}"
    return None


@pytest.mark.parametrize("document", DOCS, ids=by_name)
def test_commands_exist(document: Path) -> None:
    problems = {shlex.join(words): problem_of(words) for words in command_lines(document)}
    assert {line: problem for line, problem in problems.items() if problem} == {}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("hybridtune show runs/demo", None),
        ("hybridtune --version", None),
        ("hybridtune publish", "no command publish"),
        ("hybridtune show --loud", "show has no --loud"),
        ("hybridtune corpus show real.jsonl --diff", None),
        ("hybridtune corpus eat real.jsonl", "no command corpus eat"),
        ("hybridtune corpus show --loud", "corpus show has no --loud"),
        ("bash scripts/serve.sh runs/demo --port 8000", None),
        ("bash scripts/serve.sh runs/demo --speed 9", "scripts/serve.sh has no --speed"),
        ("bash scripts/fly.sh", "no script scripts/fly.sh"),
        ("python -m training.fly", "no module training.fly"),
        ("python -m eval runs/demo --forced", "python -m eval has no --forced"),
        ("make coffee", "make coffee"),
    ],
)
def test_the_check_of_commands(line: str, problem: str | None) -> None:
    assert problem_of(shlex.split(line)) == problem


def test_readme_shows_every_command_and_script() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"hybridtune {name}" not in text] == []
    scripts = [path.name for path in (ROOT / "scripts").glob("*.sh")]
    assert [name for name in scripts if f"scripts/{name}" not in text] == []
    first = fenced(ROOT / "README.md", "bash")[0].splitlines()
    assert first == ["bash scripts/demo.sh", "bash scripts/test.sh"]


def looks_like_path(code: str) -> bool:
    if re.search(r"[\s<>(){}$=,\"']", code) or code.startswith(("-", "*")):
        return False
    return "/" in code or code.endswith(SUFFIXES)


def is_there(code: str, document: Path) -> bool:
    if any(fnmatch(code, pattern) for pattern in (*PRODUCED, *NAMES)):
        return True
    places = (ROOT, document.parent, *(ROOT / name for name in SHORTENED))
    return any(any(place.glob(code.rstrip("/"))) for place in places)


@pytest.mark.parametrize("document", DOCS, ids=by_name)
def test_paths_exist_or_are_made_by_a_run(document: Path) -> None:
    paths = [code for code in inline(document) if looks_like_path(code)]
    paths += [word for words in command_lines(document) for word in words if looks_like_path(word)]
    own = ("my/transcripts", "/tmp/*", "*;*", "http*")  # the reader's, in examples
    paths = [path for path in paths if not any(fnmatch(path, pattern) for pattern in own)]
    assert [path for path in paths if not is_there(path, document)] == []


def slug(heading: str) -> str:
    """The anchor that a heading gets, as the usual renderers make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def anchors(document: Path) -> set[str]:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("document", DOCS, ids=by_name)
def test_links_resolve(document: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("document", DOCS, ids=by_name)
def test_no_placeholder_is_left(document: Path) -> None:
    assert re.findall(r"@@\w+@@", document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", CONFIGS, ids=by_name)
def test_shipped_experiments_load(path: Path) -> None:
    experiment = load_experiment(path)
    assert experiment.name == path.stem
    domain = load_domain(experiment.domain)
    assert domain.rubric(experiment.evaluation.rubric).dimensions
    assert domain.rubric(experiment.generation.rubric).dimensions


def yaml_examples() -> list[tuple[str, str]]:
    documents = [ROOT / "README.md", *(ROOT / f"docs/{name}.md" for name in EXAMPLES)]
    return [(by_name(path), body) for path in documents for body in fenced(path, "yaml")]


@pytest.mark.parametrize(("document", "body"), yaml_examples())
def test_examples_of_configuration_fit(document: str, body: str, tmp_path: Path) -> None:
    below, example = "demo.yaml", body
    if named := re.search(r"^extends: (\S+).*\n", body, re.MULTILINE):
        below, example = named.group(1), body.replace(named.group(), "")
    path = tmp_path / "example.yaml"
    path.write_text(f"extends: {ROOT / 'configs' / below}\n{example}", encoding="utf-8")
    experiment = load_experiment(path)
    assert yaml.safe_load(example).keys() <= experiment.model_dump().keys(), document


def settings_in(annotation: Any) -> list[Any]:
    """All configuration classes inside an annotation such as `dict[str, A | B]`."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [found for each in get_args(annotation) for found in settings_in(each)]


def is_key(key: str) -> bool:
    """Whether a dotted name is a key of an experiment; what goes to other libraries is theirs."""
    kinds: list[Any] = [Experiment]
    for number, name in enumerate(key.split(".")):
        fields = [kind.model_fields[name] for kind in kinds if name in kind.model_fields]
        named = number == 1 and key.startswith(("servers.", "variants."))
        if not fields and not named:
            return False
        kinds = kinds if named else [each for one in fields for each in settings_in(one.annotation)]
        if not kinds:
            return number == key.count(".") or key.startswith("training.")
    return True


@pytest.mark.parametrize("document", DOCS, ids=by_name)
def test_configuration_keys_exist(document: Path) -> None:
    parts = "|".join(Experiment.model_fields)
    dotted = [code for code in inline(document) if re.fullmatch(rf"({parts})(\.\w+)+", code)]
    dotted = [code for code in dotted if not code.endswith(SUFFIXES)]
    files = {code for code in dotted if (ROOT / code.replace(".", "/")).with_suffix(".py").exists()}
    assert [code for code in dotted if code not in files and not is_key(code)] == []


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        *(("run-folder", kind) for kind in (Session, Persona, Scenario, Judgment, Message)),
        *(("run-folder", kind) for kind in (Evidence, Review, Failure)),
        *(("run-folder", kind) for kind in (History, TurnHistory, Replaced, Held, ReviewEvent)),
        *(("domains", kind) for kind in (DomainSettings, Rubric)),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_every_field_is_described(document: str, kind: type[Record | Settings]) -> None:
    text = (ROOT / "docs" / f"{document}.md").read_text(encoding="utf-8")
    assert [name for name in kind.model_fields if not re.search(rf"\b{name}\b", text)] == []


def test_every_column_of_the_request_cache_is_described(tmp_path: Path) -> None:
    text = (ROOT / "docs/run-folder.md").read_text(encoding="utf-8")
    with CallStore(tmp_path / "calls.sqlite") as store:
        columns = [row[1] for row in store.database.execute("PRAGMA table_info(calls)")]
    assert "request" in columns
    assert [name for name in columns if f"`{name}`" not in text] == []


def test_every_output_of_a_run_is_described(tmp_path: Path) -> None:
    text = (ROOT / "docs/run-folder.md").read_text(encoding="utf-8")
    experiment = load_experiment(ROOT / "configs/demo.yaml")
    run, domain = Run(tmp_path, experiment), load_domain(experiment.domain)
    outputs = [path for step in steps_of(run, domain) for path in step.outputs]
    names = [path.relative_to(tmp_path).as_posix() for path in outputs]
    names = [re.sub(r"^variants/\w+/", "variants/<variant>/", name) for name in names]
    assert len(names) >= 10
    assert [name for name in names if f"`{name}`" not in text and f"`{name}/`" not in text] == []


def literal(text: str) -> Any:
    """A value as a person writes it: `2e-4` is a number, `cosine` a word."""
    return ast.literal_eval(text) if re.match(r"[\d.]|True|False|None", text) else text


def test_defaults_of_training_are_those_of_the_code() -> None:
    sections = {"lora": LORA, "sft": SFT}
    defaults = {
        f"{each}.{name}": value for each in sections for name, value in sections[each].items()
    }
    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `((?:lora|sft)\.\w+)` \| `([^`]+)` \|", text, re.MULTILINE)
    assert len(told) >= 10
    assert [(name, v) for name, v in told if literal(v) != defaults.get(name)] == []


def test_rubric_in_the_documents_fits() -> None:
    (body,) = fenced(ROOT / "docs/domains.md", "yaml")
    assert Rubric.model_validate({"name": "example", **yaml.safe_load(body)}).dimensions
