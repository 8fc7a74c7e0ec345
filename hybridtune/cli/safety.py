"""`hybridtune safety`: run the domain pack's safety suite on a run's variants."""

from pathlib import Path

from rich.console import Console

from eval.report import write_report
from eval.safety.show import render_safety
from eval.safety.stage import safety as safety_step
from eval.safety.suite import load_suite
from hybridtune.cli.reproduce import find_run
from hybridtune.config.evaluation import SafetySettings
from hybridtune.domain import load_domain
from hybridtune.errors import DataError, InputError
from hybridtune.manifest import Manifest
from hybridtune.places import check_run_places
from hybridtune.progress import Reporter
from hybridtune.records import read_json
from hybridtune.runs import Run, load_run, lock_run
from hybridtune.steps import run_steps


def safety(folder: Path, variants: str | None, draws: int | None) -> None:
    """Run the suite, show its table, and bring the report up to date where there is one.

    Raises:
        InputError: the run has no such variant, or the pack has no suite.
        HybridtuneError: whatever a server cannot get over; what was answered stays answered.
    """
    run = load_run(find_run(folder))
    domain = load_domain(run.experiment.domain)
    load_suite(domain)
    asked = run.experiment.evaluation.safety or SafetySettings()
    settings = asked if draws is None else SafetySettings(draws=draws)
    chosen = chosen_variants(run, variants)
    check_run_places(run, ("counselor", "judge"))
    reporter = Reporter()
    with lock_run(run.path):
        step = safety_step(run, domain, settings, chosen)
        run_steps([step], Manifest(run.path), reporter)
        if (run.eval / "report.html").is_file():
            write_report(run, domain)
    Console().print(render_safety(read_json(run.eval / "safety.json")))
    Console().print(f"replies: {run.eval / 'safety.jsonl'}", soft_wrap=True, highlight=False)


def chosen_variants(run: Run, named: str | None) -> list[str] | None:
    """The variants to run: those named, the reference, and those that have a result already.

    The others' replies come from the request cache, so that nothing of theirs is lost.
    """
    if named is None:
        return None
    asked = [name.strip() for name in named.split(",") if name.strip()]
    for name in asked:
        if name not in run.experiment.variants:
            known = ", ".join(run.experiment.variants)
            raise InputError(f"no variant {name!r}", where="--variants", fix=f"one of {known}")
    try:
        before = list(read_json(run.eval / "safety.json")["variants"])
    except DataError:
        before = []
    return [*asked, run.experiment.evaluation.reference, *before]
