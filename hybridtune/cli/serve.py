"""`hybridtune serve`: one vLLM with the base model and a run's adapters, until Ctrl-C."""

import asyncio
from pathlib import Path

from hybridtune.cli.reproduce import find_run
from hybridtune.config.servers import ManagedServer
from hybridtune.errors import InputError
from hybridtune.progress import Reporter
from hybridtune.runs import load_run
from hybridtune.serving.command import vllm_command
from hybridtune.serving.models import served_by
from hybridtune.serving.process import check_port, running_server


def serve(folder: Path, port: int) -> None:
    """Serve the variants under their names.

    Raises:
        InputError: the experiment's counselor is not a server of ours.
        ServerError: vLLM did not start.
    """
    run = load_run(find_run(folder))
    server = run.experiment.server_of("counselor")
    if not isinstance(server, ManagedServer):
        raise InputError("the counselor's server is not managed by us", where=str(run.path))
    check_port(port, "--port")
    served = served_by(run, server)
    reporter = Reporter()

    async def until_stopped() -> None:
        async with running_server(
            "vllm",
            vllm_command(served, port=port, options=server.vllm),
            port=port,
            log=run.logs / "serve.log",
            env=server.env,
            timeout_s=server.start_timeout_s,
            reporter=reporter,
        ) as address:
            names = ", ".join([*served.names, *(served.adapters or {})])
            reporter.say(f"serving {names} at {address}   (Ctrl-C ends it)")
            await asyncio.Event().wait()

    asyncio.run(until_stopped())
