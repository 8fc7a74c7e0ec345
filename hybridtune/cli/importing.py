"""`hybridtune import`: transcripts as people have them to a file of clean, safe sessions."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console

from hybridtune.config import Experiment, load_experiment
from hybridtune.config.corpus import CorpusSettings
from hybridtune.config.explain import explain
from hybridtune.config.load import parse_override, set_key
from hybridtune.domain import load_domain
from hybridtune.errors import ConfigError, InputError
from hybridtune.progress import Reporter
from hybridtune.records import read_json
from hybridtune.runs import Run

OPTIONS = {
    ("format",): "--format",
    ("table", "preset"): "--preset",
    ("disfluencies",): "--disfluencies",
    ("counselor_labels",): "--counselor-label",
    ("patient_labels",): "--patient-label",
    ("source", "kind"): "--source-kind",
    ("source", "authority"): "--authority",
    ("source", "rights"): "--rights",
    ("source", "rights_note"): "--rights-note",
    ("deidentify", "enabled"): "--no-deidentify",
    ("deidentify", "mapping"): "--mapping",
    ("limit",): "--limit",
}
"""Which option sets which key of `corpus`, for error messages."""


def import_(
    paths: Sequence[str],
    out: Path,
    *,
    config: Path | None,
    domain: str,
    seed: int,
    options: Mapping[tuple[str, ...], Any],
    overrides: Sequence[str],
) -> None:
    """Import transcripts, print what was done, and end with 1 where files cannot be read.

    Raises:
        InputError: a path, an option or the output's place is wrong, or no session can be used.
    """
    from corpus.asking import asking  # noqa: PLC0415 - reads numpy
    from corpus.build import check_ready, import_all  # noqa: PLC0415
    from corpus.outputs import Outputs  # noqa: PLC0415

    if not paths and config is None:
        raise InputError("nothing to import", where="PATHS", fix="name files, folders or globs")
    given = {key: value for key, value in options.items() if value not in (None, [], ())}
    reporter = Reporter()
    attribute = None
    if config is None:
        settings = settings_from(paths, given, overrides)
        pack = load_domain(domain)
        if settings.review.attribution != "none":
            raise ConfigError(
                "a model that tells who speaks needs an experiment's servers",
                where="corpus.review.attribution",
                fix="add --config EXPERIMENT.yaml",
            )
    else:
        experiment = experiment_from(config, paths, given, overrides)
        settings, seed, pack = experiment.corpus, experiment.seed, load_domain(experiment.domain)
        if settings.review.attribution != "none":
            work = Run(out.with_name(f"{out.stem}.work"), experiment)
            work.path.mkdir(parents=True, exist_ok=True)
            attribute = asking(work, pack, settings.review.attribution, reporter)
    outputs = Outputs.beside(out)
    report = import_all(settings, outputs, pack, seed, reporter, attribute=attribute)
    print_report(read_json(outputs.report), Console(stderr=True))
    if report.counts["held"]:
        count = report.counts["held"]
        typer.echo(f"{count} wait for you: hybridtune corpus review {out}", err=True)
    typer.echo(str(out))
    check_ready(report, outputs, out)
    if report.malformed:
        raise typer.Exit(1)


def settings_from(
    paths: Sequence[str], given: Mapping[tuple[str, ...], Any], overrides: Sequence[str]
) -> CorpusSettings:
    """The corpus settings that the options and `--set corpus.KEY=VALUE` make.

    Raises:
        ConfigError: an option or a key does not fit.
    """
    values: dict[str, Any] = {"corpus": {"paths": list(paths)}}
    places: dict[tuple[str, ...], str] = {("corpus", "paths"): "PATHS"}
    for key, value in given.items():
        set_key(values, ("corpus", *key), value, OPTIONS[key])
        places["corpus", *key] = OPTIONS[key]
    for override in overrides:
        key, value = parse_override(override)
        if key[0] != "corpus" or len(key) < 2:
            raise ConfigError(
                "an import has the keys of `corpus` only",
                where=f"--set {override}",
                fix="e.g. --set corpus.filters.min_turns=6",
            )
        set_key(values, key, value, override)
        places[key] = f"--set {'.'.join(key)}"
    try:
        return CorpusSettings.model_validate(values["corpus"])
    except ValidationError as error:
        below = [{**each, "loc": ("corpus", *each["loc"])} for each in error.errors()]
        raise explain(below, places, "hybridtune import") from None  # type: ignore[arg-type]


def experiment_from(
    config: Path,
    paths: Sequence[str],
    given: Mapping[tuple[str, ...], Any],
    overrides: Sequence[str],
) -> Experiment:
    """An experiment whose corpus section the options change."""
    options = {("paths",): list(paths), **given} if paths else dict(given)
    lines = [f"corpus.{'.'.join(key)}={json.dumps(value)}" for key, value in options.items()]
    return load_experiment(config, [*lines, *overrides])


def print_report(report: Mapping[str, Any], console: Console) -> None:
    """The tables, then what a person should look at."""
    from corpus.tables import tables, warnings  # noqa: PLC0415

    console.print(tables(report))
    for line in warnings(report):
        console.print(f"- {line}", markup=False, highlight=False, soft_wrap=True)
