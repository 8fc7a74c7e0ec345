"""Serve the stand-ins of a domain pack until interrupted.

python -m hybridtune.scripted --domain therapy --port 8001
"""

from typing import Annotated

import typer
from aiohttp import web

from hybridtune.domain import load_domain
from hybridtune.errors import HybridtuneError, ServerError
from hybridtune.scripted.server import Faults, make_app


def main(
    domain: Annotated[str, typer.Option(help="Name or folder of the domain pack.")] = "therapy",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8001,
    error_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of HTTP 500.")] = 0.0,
    garble_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of cut answers.")] = 0.0,
    latency_ms: Annotated[float, typer.Option(min=0, help="Mean wait, milliseconds.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the faults.")] = 0,
) -> None:
    """Answer chat completions at http://127.0.0.1:PORT/v1 from the pack's scripted words."""
    try:
        app = make_app(load_domain(domain), Faults(error_rate, garble_rate, latency_ms, seed))
        typer.echo(f"scripted models of {domain!r} at http://127.0.0.1:{port}/v1")
        serve(app, port)
    except HybridtuneError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from None


def serve(app: web.Application, port: int) -> None:
    """Run until interrupted.

    Raises:
        ServerError: the port is in use.
    """
    try:
        web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)
    except OSError as error:
        what = f"cannot listen on 127.0.0.1:{port}: {error.strerror or error}"
        raise ServerError(f"{what} (choose another --port)") from None


if __name__ == "__main__":
    typer.run(main)
