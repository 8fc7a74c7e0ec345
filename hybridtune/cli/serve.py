"""`hybridtune serve`: one vLLM with the base model and a run's adapters, until Ctrl-C."""

import asyncio
from pathlib import Path

from rich.markup import escape

from eval.safety.gate import gate_lines
from hybridtune.cli.reproduce import find_run
from hybridtune.config.servers import ManagedServer
from hybridtune.ending import Stopped
from hybridtune.errors import InputError
from hybridtune.places import check_run_places
from hybridtune.progress import Reporter
from hybridtune.runs import Run, load_run
from hybridtune.serving.command import vllm_command
from hybridtune.serving.models import served_by
from hybridtune.serving.process import check_port, running_server
from hybridtune.serving.quantization import mismatch, serving_options


def serve(folder: Path, port: int) -> None:
    """Serve the variants under their names.

    Raises:
        InputError: the experiment's counselor is not a server of ours, or its model is not here.
        ServerError: vLLM did not start, or ended.
        Stopped: Ctrl-C, which is how it ends.
    """
    run = load_run(find_run(folder))
    server = run.experiment.server_of("counselor")
    if not isinstance(server, ManagedServer):
        raise InputError("the counselor's server is not managed by us", where=str(run.path))
    check_run_places(run, ["counselor"])
    check_port(port, "--port")
    reporter = Reporter()
    for line in gate_lines(run):
        reporter.say(escape(line))
    try:
        asyncio.run(until_stopped(run, server, port, reporter))
    except KeyboardInterrupt:
        raise Stopped("stopped") from None


async def until_stopped(run: Run, server: ManagedServer, port: int, reporter: Reporter) -> None:
    """Run the server until we are stopped, or it ends by itself."""
    served = served_by(run, server)
    options = serving_options(run.experiment, server)
    if warning := mismatch(run.experiment, server):
        reporter.say(f"[yellow]warning:[/] {warning}")
    async with running_server(
        "vllm",
        vllm_command(served, port=port, options=options),
        port=port,
        log=run.logs / "serve.log",
        env=server.env,
        timeout_s=server.start_timeout_s,
        reporter=reporter,
    ) as address:
        names = ", ".join([*served.names, *(served.adapters or {})])
        reporter.say(f"serving {names} at {address}   (Ctrl-C ends it)")
        await asyncio.Event().wait()
