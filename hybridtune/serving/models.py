"""Clients for the roles that a stage needs, with exactly the servers behind them running.

A managed server is started and stopped here; an attached one is checked; the scripted one runs
in this process, on a real port, so that it is reached as any other server is.
"""

import gc
import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from hybridtune import weights
from hybridtune.calls import CallStore
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.chat.wire import error_text
from hybridtune.config.experiment import EMBEDDER, role_key
from hybridtune.config.servers import (
    AttachedServer,
    ManagedServer,
    RoleSettings,
    ScriptedServer,
)
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, ServerError
from hybridtune.progress import Reporter
from hybridtune.runs import Run
from hybridtune.scripted import scripted_digest
from hybridtune.serving.command import Served, check_adapter_base, dashed, vllm_command
from hybridtune.serving.process import check_port, free_port, running_server
from hybridtune.serving.quantization import mismatch, serving_options

# Options of vLLM that decide how fast it answers and not what; all others are in the cache key.
SPEED_ONLY = frozenset(
    {
        "api_server_count",
        "data_parallel_backend",
        "data_parallel_size",
        "data_parallel_size_local",
        "distributed_executor_backend",
        "enforce_eager",
        "gpu_memory_utilization",
        "max_loras",
        "max_lora_rank",
        "max_num_batched_tokens",
        "max_num_seqs",
        "pipeline_parallel_size",
        "tensor_parallel_size",
    }
)


@asynccontextmanager
async def open_models(
    run: Run, domain: Domain, roles: Iterable[str], *, stage: str, reporter: Reporter
) -> AsyncIterator[dict[str, Client]]:
    """Start what these roles need and yield a client for each; stop it all afterwards.

    Raises:
        ServerError: a server did not start or cannot be reached.
        ConfigError: a key's environment variable is not set.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(rare_collections())
        calls = stack.enter_context(CallStore(run.calls))
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        endpoints: dict[str, Endpoint] = {}
        limiters: dict[str, AdaptiveLimiter] = {}
        clients: dict[str, Client] = {}
        for role in roles:
            settings = run.experiment.answering(role)
            name = settings.base_url or settings.server
            assert name is not None
            attached = isinstance(run.experiment.server_of(role), AttachedServer)
            if attached or name not in endpoints:  # roles may differ in key and default model
                endpoints[name] = await open_server(stack, http, run, domain, role, reporter)
            endpoint = endpoints[name]
            limiter = limiters.setdefault(name, AdaptiveLimiter(endpoint.most))
            clients[role] = Client(
                http,
                with_model(endpoint, settings.model, role),
                calls,
                limiter,
                stage=stage,
                role=role,
                structured=settings.structured if isinstance(settings, RoleSettings) else "prompt",
            )
        yield clients


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for cyclic garbage less often: thousands of small answers, which hold none.

    Python's defaults took a tenth of the CPU of a stage that waits for a server.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def open_server(
    stack: AsyncExitStack,
    http: aiohttp.ClientSession,
    run: Run,
    domain: Domain,
    role: str,
    reporter: Reporter,
) -> Endpoint:
    """Start or check the server behind a role."""
    server = run.experiment.server_of(role)
    if isinstance(server, ManagedServer):
        name = run.experiment.answering(role).server
        assert name is not None
        embeds = role == EMBEDDER
        return await open_managed(stack, run, name, server, reporter, embeds=embeds)
    if isinstance(server, ScriptedServer):
        from hybridtune.scripted.server import scripted_server  # noqa: PLC0415 - brings aiohttp.web

        address = await stack.enter_async_context(scripted_server(domain))
        identity = {"scripted": scripted_digest(domain)}
        return Endpoint("scripted", address, "scripted", server.limits, {"*": identity})
    return await check_attached(http, role, server)


async def open_managed(
    stack: AsyncExitStack,
    run: Run,
    name: str,
    server: ManagedServer,
    reporter: Reporter,
    *,
    embeds: bool = False,
) -> Endpoint:
    """Start a vLLM of our own, one that writes or one that embeds."""
    served = replace(served_by(run, server), embeds=embeds)
    options = serving_options(run.experiment, server)
    if warning := mismatch(run.experiment, server):
        reporter.say(f"[yellow]{name}:[/] {warning}")
    if server.port:
        check_port(server.port, f"servers.{name}.port")
    port = server.port or free_port()
    address = await stack.enter_async_context(
        running_server(
            name,
            vllm_command(served, port=port, options=options),
            port=port,
            log=run.logs / f"{name}.log",
            env=server.env,
            timeout_s=server.start_timeout_s,
            reporter=reporter,
        )
    )
    identities = identities_of(served, options)
    return Endpoint("managed", address, served.names[0], server.limits, identities)


def served_by(run: Run, server: ManagedServer) -> Served:
    """What a managed server serves: its own model, or the base model with all variants."""
    if server.model:
        return Served(server.model, (server.model,), server.revision)
    experiment = run.experiment
    trained = experiment.trained_variants()
    adapters = {name: (run.variant(name) / "adapter").resolve() for name in trained}
    for folder in adapters.values():
        check_adapter_base(folder, experiment.model.name)
    untrained = tuple(name for name in experiment.variants if name not in adapters)
    local = Path(experiment.model.name)
    return Served(
        model=str(local.resolve()) if local.is_dir() else experiment.model.name,
        names=untrained or ("base",),
        revision=experiment.model.revision,
        dtype=experiment.model.dtype,
        adapters=adapters,
    )


def identities_of(served: Served, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What each name answers with: digests of the weights, and what changes their numerics."""
    base = {
        "model": weights.model_digest(served.model, served.revision),
        "dtype": served.dtype,
        "options": {
            name: value for name, value in options.items() if dashed(name) not in SPEED_ONLY
        },
    }
    adapters = served.adapters or {}
    return dict.fromkeys(served.names, base) | {
        name: {**base, "adapter": weights.adapter_digest(folder)}
        for name, folder in adapters.items()
    }


async def check_attached(
    http: aiohttp.ClientSession, role: str, server: AttachedServer
) -> Endpoint:
    """Ask an endpoint for its models: proves that it is there and lets us in.

    Raises:
        ServerError: it cannot be reached, or refuses us.
        ConfigError: its key is not in the environment, or it serves several models.
    """
    key = os.environ.get(server.api_key_env, "").strip() if server.api_key_env else None
    if server.api_key_env and not key:
        raise ConfigError(
            f"the environment variable {server.api_key_env} is not set",
            where=f"{role_key(role)}.api_key_env",
            fix=f"export {server.api_key_env}=...",
        )
    base_url = server.base_url.rstrip("/")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    where = f"{role_key(role)}: {base_url}"
    try:
        timeout = aiohttp.ClientTimeout(total=20)
        async with http.get(f"{base_url}/models", headers=headers, timeout=timeout) as response:
            text = await response.text(errors="replace")
            status = response.status
    except (aiohttp.ClientError, OSError) as error:
        reason = error_text(str(error) or type(error).__name__, key)
        raise ServerError(
            f"{where} cannot be reached: {reason} (is the server running? base_url ends in /v1)"
        ) from None
    if status in {401, 403}:
        told = error_text(text, key)
        raise ServerError(f"{where} refuses the key: {told} (check the variable in api_key_env)")
    listed = listed_models(text) if status == 200 else []
    if any(item.get("owned_by") == "hybridtune" for item in listed):
        # Our own stand-in run as a server (`python -m hybridtune.scripted`): records must say so.
        return Endpoint("scripted", base_url, "scripted", server.limits, api_key=key)
    names = [str(item["id"]) for item in listed]
    model = server.model or (names[0] if len(names) == 1 else None)
    if model is None and role == "counselor":
        model = "base"
    if model is None and status != 200:
        raise ServerError(
            f"{where}/models answered {status}: {error_text(text, key)} (is base_url right? it ends"
            f" in /v1; an endpoint that lists no models needs {role_key(role)}.model)"
        )
    if model is None:
        raise ConfigError(
            f"the endpoint serves {len(names) or 'no listed'} models",
            where=where,
            fix=f"name one: {role_key(role)}.model"
            + (f" ({', '.join(names[:5])})" if names else ""),
        )
    replicas = tuple(address.rstrip("/") for address in server.replicas)
    return Endpoint("attached", base_url, model, server.limits, api_key=key, replicas=replicas)


def listed_models(text: str) -> list[dict[str, Any]]:
    """The entries of an answer of `/models`; none where it is something else."""
    try:
        return [item for item in json.loads(text)["data"] if item["id"]]
    except (ValueError, KeyError, TypeError):
        return []


def with_model(endpoint: Endpoint, model: str | None, role: str) -> Endpoint:
    """The same server with another default model.

    Raises:
        ConfigError: it is a server of ours that serves no such model.
    """
    if model is None:
        return endpoint
    if endpoint.kind == "managed" and model not in endpoint.identities:
        raise ConfigError(
            f"the server does not serve {model!r}",
            where=f"{role_key(role)}.model",
            fix=f"it serves {', '.join(endpoint.identities)}",
        )
    return replace(endpoint, model=model)
