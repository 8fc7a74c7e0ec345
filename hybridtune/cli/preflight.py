"""What can be known to fail before anything starts: better in a second than in an hour."""

import asyncio
import os
from collections.abc import Collection, Iterable
from pathlib import Path

import aiohttp

from eval.safety.suite import load_suite
from eval.simulate import choose_scenarios
from eval.twins import read_twists
from generation.evaluation import check_split
from generation.execution import executor_of
from hybridtune.config import Experiment
from hybridtune.config.evaluation import DOMAIN, GENERATED
from hybridtune.config.experiment import EMBEDDER, role_key
from hybridtune.config.servers import AttachedServer, ManagedServer
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, InputError
from hybridtune.manifest import Manifest
from hybridtune.places import FROM_HERE, check_models
from hybridtune.runs import Run
from hybridtune.scenarios import is_generated
from hybridtune.scripted.judge import check_rules
from hybridtune.scripted.stock import stock
from hybridtune.serving.models import check_attached
from hybridtune.serving.process import check_port
from hybridtune.steps import Step, why_run
from training.launch_file import accelerate_config, check_launch
from training.options import check_training

ROLES_OF_STEP = {
    "generation": ("teacher",),
    "eval:conversations": ("counselor", "patient"),
    "eval:judgments": ("judge",),
    "eval:safety": ("counselor", "judge"),
}


def preflight(experiment: Experiment, domain: Domain) -> None:
    """Check paths, keys, rubrics, schemas, and the options of TRL, PEFT and bitsandbytes.

    Raises:
        InputError: the first thing that would fail later.
    """
    check_corpus(experiment)
    check_rubrics(experiment, domain)
    check_judging(experiment, domain)
    if experiment.evaluation.safety:
        load_suite(domain)
    check_writing(experiment, domain)
    check_training(experiment.training)
    if experiment.trained_variants():
        launch_file = accelerate_config(experiment.training.accelerate_config)
        check_launch(experiment.training, launch_file)
    roles = experiment.all_roles()
    check_models(experiment, roles)
    for role in roles:
        check_role(experiment, role)
    check_scenarios(experiment, domain)


def preflight_of_teacher(experiment: Experiment, domain: Domain) -> None:
    """As `preflight`, of what corpus and generation need.

    Raises:
        InputError: the first thing that would fail later.
    """
    check_corpus(experiment)
    check_writing(experiment, domain)
    roles = ["teacher", *([EMBEDDER] if experiment.roles.embedder else [])]
    check_models(experiment, roles)
    for role in roles:
        check_role(experiment, role)
    check_split(Run(Path(), experiment), domain)


def check_scenarios(experiment: Experiment, domain: Domain) -> None:
    """Evaluation scenarios must be there, or, where the teacher will write them, be possible."""
    setting, run = experiment.evaluation.scenarios, Run(Path(), experiment)
    if setting not in (DOMAIN, GENERATED) and not Path(setting).is_file():
        raise InputError("no such file", where=f"evaluation.scenarios: {setting}")
    if not is_generated(run):
        choose_scenarios(run, domain)
    check_split(run, domain)


def check_corpus(experiment: Experiment) -> None:
    """Transcripts that are named must be there."""
    for pattern in experiment.corpus.paths:
        if not any(character in pattern for character in "*?[") and not Path(pattern).exists():
            raise InputError(
                "no such file or folder", where=f"corpus.paths: {pattern}", fix=FROM_HERE
            )


def check_rubrics(experiment: Experiment, domain: Domain) -> None:
    """Every rubric's prompt must come out of a transcript alone, and a stand-in must know it."""
    settings = experiment.evaluation
    scripted = any(experiment.server_of(role).kind == "scripted" for role in experiment.judges())
    for name in dict.fromkeys((settings.rubric, *settings.judging.rubrics)):
        rubric = domain.rubric(name)
        domain.render(rubric.prompt, rubric=rubric, transcript="")
        if scripted:
            check_rules(stock(domain), rubric)
    if settings.judging.pairwise:
        domain.render("compare", rubric=domain.rubric(settings.rubric), first="", second="")


def check_judging(experiment: Experiment, domain: Domain) -> None:
    """A pack that probes need, and a calibration that is named, must be there."""
    settings = experiment.evaluation.judging
    if settings.probes:
        read_twists(domain)
    if settings.calibration is not None and not Path(settings.calibration).is_file():
        raise InputError(
            "no such file",
            where=f"evaluation.judging.calibration: {settings.calibration}",
            fix="`hybridtune judge calibrate` writes it",
        )


def check_writing(experiment: Experiment, domain: Domain) -> None:
    """What the teacher is asked by, and the database behind a pack with a graph."""
    check_ranking(experiment, domain)
    for name in ("persona", "scenario"):
        domain.schema(name)
    assert domain.system_prompt
    executor_of(domain)


def check_ranking(experiment: Experiment, domain: Domain) -> None:
    """A bar above the rubric's scale would be met by no draft, after all of them were written."""
    settings = experiment.generation
    rubric = domain.rubric(settings.rubric)
    if settings.accept_at > rubric.high:
        raise ConfigError(
            f"no draft can reach {settings.accept_at:g}",
            where="generation.accept_at",
            fix=f"the rubric {rubric.name!r} goes from {rubric.low} to {rubric.high}",
        )


def check_role(experiment: Experiment, role: str) -> None:
    """Keys must be in the environment; the base model must be served by a server of ours."""
    server = experiment.server_of(role)
    key = server.api_key_env if isinstance(server, AttachedServer) else None
    if key and not os.environ.get(key, "").strip():
        raise ConfigError(
            f"the environment variable {key} is not set",
            where=f"{role_key(role)}.api_key_env",
            fix=f"export {key}=...",
        )
    name = experiment.answering(role).server
    if role != "counselor" and isinstance(server, ManagedServer) and server.model is None:
        raise ConfigError(
            f"server {name!r} serves the variants under comparison",
            where=f"{role_key(role)}.server",
            fix="give that role a server with a model of its own",
        )


def roles_called(
    steps: Iterable[Step], manifest: Manifest, redo: Collection[str] = ()
) -> tuple[str, ...]:
    """The roles that the steps which will run need; what follows a step that runs, runs too."""
    stale = False
    roles: list[str] = []
    for step in steps:
        stale = stale or step.stage in redo or why_run(step, manifest) is not None
        roles += step.roles or ROLES_OF_STEP.get(step.name, ()) if stale else ()
    return tuple(dict.fromkeys(roles))


def check_servers(experiment: Experiment, roles: Iterable[str]) -> None:
    """Fixed ports must be free, and attached endpoints there. Starts nothing.

    Raises:
        ServerError: a port is in use, or an endpoint cannot be reached.
        ConfigError: an endpoint serves several models, and none was named.
    """
    attached: dict[str, AttachedServer] = {}
    for role in roles:
        server = experiment.server_of(role)
        if isinstance(server, ManagedServer) and server.port:
            check_port(server.port, f"servers.{experiment.answering(role).server}.port")
        if isinstance(server, AttachedServer):
            attached[role] = server

    async def ask() -> None:
        async with aiohttp.ClientSession() as http:
            for role, server in attached.items():
                await check_attached(http, role, server)

    if attached:
        asyncio.run(ask())
