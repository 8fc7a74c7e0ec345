"""The eval stage alone: `python -m eval runs/paper [--force]`.

Does for this stage what `hybridtune reproduce` does: conversations, judgments and report, each
skipped where it is up to date. Needs nothing but the run folder and the servers that the
experiment's roles name; with managed ones it runs offline.
"""

import argparse
from pathlib import Path

from eval.steps import steps
from eval.table import render_table
from hybridtune.domain import load_domain
from hybridtune.ending import ending
from hybridtune.manifest import Manifest
from hybridtune.places import check_run_places
from hybridtune.progress import Reporter
from hybridtune.records import read_json
from hybridtune.runs import load_run, lock_run
from hybridtune.steps import run_steps


def main() -> None:
    """Run the stage's steps on a run folder that training has finished with."""
    parser = argparse.ArgumentParser(prog="python -m eval", description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder, e.g. runs/paper")
    parser.add_argument("--force", action="store_true", help="redo steps that are up to date")
    arguments = parser.parse_args()
    with ending():
        evaluate(arguments.run, force=arguments.force)


def evaluate(folder: Path, *, force: bool) -> None:
    """Run the steps that are not up to date, and show the table."""
    run = load_run(folder)
    domain = load_domain(run.experiment.domain)
    check_run_places(run, [role for role in run.experiment.all_roles() if role != "teacher"])
    reporter = Reporter()
    with lock_run(run.path):
        redo = ["eval"] if force else []
        run_steps(steps(run, domain), Manifest(run.path), reporter, redo=redo)
    reporter.console.print(render_table(read_json(run.eval / "analysis.json")))


if __name__ == "__main__":
    main()
