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
from hybridtune.errors import HybridtuneError
from hybridtune.manifest import Manifest
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
    reporter = Reporter()
    try:
        run = load_run(arguments.run)
        domain = load_domain(run.experiment.domain)
        with lock_run(run.path):
            redo = ["eval"] if arguments.force else []
            run_steps(steps(run, domain), Manifest(run.path), reporter, redo=redo)
        reporter.console.print(render_table(read_json(run.eval / "analysis.json")))
    except HybridtuneError as error:
        parser.exit(error.exit_code, f"error: {error}\n")


if __name__ == "__main__":
    main()
