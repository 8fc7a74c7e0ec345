"""`hybridtune power`: what a plan can find, and what a difference needs.

Reads `eval/analysis.json` of a run as the pilot, where one is given.
"""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from eval.planning import components_of, widest
from eval.published import differences
from eval.statistics.power import (
    ASSUMED,
    Components,
    detectable,
    scenarios_needed,
    sd_of_differences,
    widest_significant,
)
from hybridtune.cli.reproduce import find_run
from hybridtune.errors import DataError, InputError
from hybridtune.records import read_json

PLANS = ((1, 1), (1, 3), (3, 1), (3, 3), (5, 3))
"""Conversations and judges per scenario and variant that stand beside the plan asked for."""


def power(
    run: Path | None,
    *,
    sd_d: float | None,
    scenarios: int,
    repeats: int,
    judges: int,
    samples: int,
    alpha: float,
    tests: int,
) -> None:
    """Print the pilot's spread, detectable differences, and the scenarios that some would need."""
    if run is not None and sd_d is not None:
        raise InputError("give a run or --sd-d, not both", where="--sd-d")
    if sd_d is not None and not sd_d > 0:
        raise InputError(f"{sd_d:g} is no spread", where="--sd-d", fix="give points above 0")
    console = Console()
    if sd_d is not None:
        # One plan's own spread: what more conversations or judges change, it does not tell.
        parts, plans = Components(sd_d / 2**0.5, 0.0, 0.0, 0.0), [(repeats, judges)]
        console.print(f"paired differences with an SD of {sd_d:g} points, as given")
    else:
        parts = pilot(run, console)
        plans = sorted({*PLANS, (repeats, judges)})
    console.print(plans_table(parts, plans, scenarios, samples, alpha, tests))
    spread = sd_of_differences(parts, repeats, judges, samples)
    console.print(needs_table(spread, scenarios, alpha, tests))


def pilot(run: Path | None, console: Console) -> Components:
    """The variance components to plan with, printed with where they are from."""
    if run is None:
        console.print("no pilot: spreads are assumed; give a run that has been evaluated")
        console.print(components_table({"assumed": ASSUMED}))
        return ASSUMED
    path = find_run(run) / "eval" / "analysis.json"
    analysis = read_json(path)
    found = components_of(analysis)
    if not found:
        raise DataError(
            "no spread can be told from this run",
            where=str(path),
            fix="it needs two scenarios with scores, and an analysis by this version",
        )
    if analysis["scripted"]:
        console.print("[yellow]the pilot has scripted roles: its spread is no model's[/]")
    console.print(components_table(found))
    console.print("[dim]0 = not told apart (no repeats, one judge): part of the first column[/]")
    return widest(found)


def components_table(found: dict[str, Components]) -> Table:
    """Standard deviations by source."""
    table = Table(
        title="what moves one variant and not another (SD in points)", title_justify="left"
    )
    table.add_column("measure")
    for name in ("scenario", "rerun", "judgment", "judge", "paired SD"):
        table.add_column(name, justify="right")
    for name, parts in found.items():
        paired = sd_of_differences(parts, 1, 1)
        table.add_row(name, *(f"{value:.2f}" for value in (*parts, paired)))
    return table


def plans_table(
    parts: Components,
    plans: list[tuple[int, int]],
    scenarios: int,
    samples: int,
    alpha: float,
    tests: int,
) -> Table:
    """The smallest difference that each plan finds."""
    table = Table(
        title="smallest true difference that is found with 80 % power", title_justify="left"
    )
    for name in ("scenarios", "conversations", "judges", "one test", f"{tests} tests"):
        table.add_column(name, justify="right")
    for n in sorted({scenarios // 2, scenarios, 2 * scenarios, 4 * scenarios} - {0, 1}):
        for repeats, judges in plans:
            seen = [
                detectable(parts, n, repeats, judges, samples, alpha=level)
                for level in (alpha, alpha / tests)
            ]
            table.add_row(str(n), str(repeats), str(judges), *(f"{value:.2f}" for value in seen))
        table.add_section()
    return table


def needs_table(sd: float, scenarios: int, alpha: float, tests: int) -> Table:
    """What the paper's differences need, and the spread up to which they hold."""
    table = Table(
        title=f"the paper's differences, if paired scores differ with an SD of {sd:.2f}",
        title_justify="left",
    )
    table.add_column("difference", no_wrap=True)
    for name in ("points", "scenarios", f"{tests} tests", f"n={scenarios}: SD up to"):
        table.add_column(name, justify="right")
    for measure, a, b, points in differences():
        needed = [scenarios_needed(points, sd, level) for level in (alpha, alpha / tests)]
        table.add_row(
            f"{measure}: {a} > {b}",
            f"{points:.2f}",
            *("over a million" if one is None else f"{one:,}" for one in needed),
            f"{widest_significant(points, scenarios, alpha):.2f}",
        )
    return table
