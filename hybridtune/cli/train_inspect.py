"""`hybridtune train inspect`: which tokens of a variant's sessions are trained."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hybridtune.cli.reproduce import find_run
from hybridtune.domain import load_domain
from hybridtune.runs import load_run

ROWS = {
    "sessions": "sessions",
    "untrained_sessions": "- without a turn to train",
    "counselor_turns": "counselor turns",
    "trained_turns": "- trained once",
    "untrained_turns": "- untrained by design",
    "dropped_turns": "- dropped (must be 0)",
    "openers": "windows with an opener",
    "windows": "windows",
    "longest_window": "longest window, tokens",
    "longest_turn": "longest turn, tokens",
    "tokens": "tokens",
    "trained_tokens": "- trained",
    "rows": "rows",
    "fill": "- filled",
}
TRAINED, CONTEXT = "bold green", "dim"
Figures = Mapping[str, Mapping[str, Any]]


def inspect(
    folder: Path,
    variant: str,
    sessions: Sequence[str],
    sample: int,
    *,
    table: bool,
    plain: bool,
    as_json: bool,
) -> None:
    """Print the tokens of chosen sessions; the table where there are none, or where asked for.

    Raises:
        InputError: an unknown variant or session, or whatever a training would refuse.
    """
    from training.preview import chosen, figures, preview_of, shown  # noqa: PLC0415

    run = load_run(find_run(folder))
    preview = preview_of(run, variant, load_domain(run.experiment.domain))
    names = chosen(preview, sessions, sample, run.experiment.seed)
    counted = figures(run, preview) if table or as_json or not names else {}
    found = [shown(preview, name) for name in names]
    if as_json:
        typer.echo(
            json.dumps(
                {"variant": variant, "sessions": preview.origin, **counted, "shown": found},
                indent=2,
            )
        )
        return
    console = Console(no_color=True if plain else None)
    for session in found:
        show(session, console, plain=plain or console.no_color or not console.is_terminal)
    if counted:
        console.print(table_of(variant, counted))
        console.print(f"sessions: {preview.origin}", markup=False, highlight=False, soft_wrap=True)
        for part in counted.values():
            for turn in part["dropped_turns"]:
                console.print(f"dropped: {turn}", style="red", markup=False, soft_wrap=True)


def show(session: Mapping[str, Any], console: Console, *, plain: bool) -> None:
    """A session's windows, coloured, or with the trained tokens in double brackets."""
    name, windows = session["session"], session["windows"]
    if not windows:
        console.print(f"{name}: no turn to train", markup=False, soft_wrap=True)
    for number, runs in enumerate(windows, start=1):
        tokens = sum(run["tokens"] for run in runs)
        trained = sum(run["tokens"] for run in runs if run["trained"])
        size = f"{tokens:,} tokens, {trained:,} trained"
        console.print(f"== {name}, window {number} of {len(windows)}: {size}", markup=False)
        text = Text()
        for run in runs:
            marked = f"[[{run['text']}]]" if plain and run["trained"] else run["text"]
            text.append(marked, TRAINED if run["trained"] else CONTEXT)
        console.print(text, soft_wrap=True)


def table_of(variant: str, counted: Figures) -> Table:
    """The dataset in numbers."""
    table = Table(title=f"{variant}: what a training sees", title_justify="left")
    table.add_column("")
    for name in counted:
        table.add_column(name.replace("_", " "), justify="right")
    for key, label in ROWS.items():
        bad = key == "dropped_turns" and any(part[key] for part in counted.values())
        cells = (cell(key, part) for part in counted.values())
        table.add_row(label, *cells, style="bold red" if bad else None)
    return table


def cell(key: str, part: Mapping[str, Any]) -> str:
    """A figure in words: lists are counted, shares are percentages."""
    value = part[key]
    if key == "fill":
        return "not packed" if value is None else f"{value:.1%}"
    if key == "trained_tokens" and part["tokens"]:
        return f"{value:,} ({value / part['tokens']:.1%})"
    return f"{len(value) if isinstance(value, list) else value:,}"
