"""What the synthetic sessions cost: money by the server's prices, and time.

Reads `report.json` for tokens; `manifest.json` and `calls.sqlite` for time. Money follows from the
tokens and is the same for the same rows; time is not, and has a file of its own,
`generation/timing.json`.
"""

from typing import Any

from hybridtune.calls import CallStore
from hybridtune.config.servers import AttachedServer
from hybridtune.manifest import Manifest
from hybridtune.runs import Run

STEP = "generation"


def estimate(run: Run, tokens: dict[str, dict[str, int]]) -> dict[str, Any] | None:
    """By task and in all, as if no token had been free; None where the server has no prices."""
    server = run.experiment.server_of("teacher")
    if not isinstance(server, AttachedServer) or server.prices is None:
        return None
    by_task = {
        task: server.prices.cost(spent["prompt_tokens"], spent["completion_tokens"])
        for task, spent in tokens.items()
    }
    return {
        "prices_per_million": {
            "prompt": server.prices.prompt,
            "completion": server.prices.completion,
        },
        "currency": server.prices.currency,
        "by_task": {task: round(amount, 6) for task, amount in by_task.items()},
        "total": round(sum(by_task.values()), 6),
    }


def timing(run: Run) -> dict[str, Any]:
    """Seconds: of the process that wrote the last row, and those that requests took in all.

    The second adds up requests that were under way at once, and holds those of interrupted
    processes too; a request that was never answered is in neither.
    """
    done = Manifest(run.path).steps.get(STEP, {})
    calls = None
    if run.calls.is_file():
        with CallStore(run.calls) as store:
            usage = [each for each in store.usage() if each.stage == "generation"]
        calls = round(sum(each.seconds for each in usage), 3)
    return {"wall_seconds_of_last_process": done.get("seconds"), "request_seconds": calls}
