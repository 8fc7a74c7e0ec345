"""`hybridtune reproduce --dry-run`: stages, calls, tokens, disk and GPU memory, as estimates.

The token counts are upper bounds of the right order: exchanges times the token limit of each
answer, with the history sent again at every turn. Memory is weights plus what training and the
key-value cache need on top (`training.memory`), or by the parameter count in the model's name.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from eval.planning import sight
from eval.safety.suite import load_suite
from eval.simulate import choose_scenarios
from hybridtune.cli.steps import steps_of
from hybridtune.config import Experiment
from hybridtune.config.evaluation import GENERATED
from hybridtune.config.experiment import EMBEDDER
from hybridtune.config.servers import ManagedServer, Prices
from hybridtune.domain import Domain
from hybridtune.manifest import Manifest
from hybridtune.records import read_json
from hybridtune.runs import Run
from hybridtune.scenarios import evaluation_path, is_generated
from hybridtune.steps import why_run
from training.layout import layout_of
from training.needs import memory_of

GIB = 2**30
PROBES_EACH = 8
"""Readings of one probed conversation: as it is, and with each twist."""
PROMPT_TOKENS = 600
"""About what a rendered prompt takes, before any conversation."""


@dataclass(frozen=True)
class Load:
    """Model calls of one role."""

    role: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    purpose: str = ""


def print_plan(run: Run, domain: Domain) -> None:
    """Print the plan of a run; starts and writes nothing."""
    console = Console()
    manifest = Manifest(run.path)
    steps = Table(title=f"plan of {run.experiment.name} in {run.path}", title_justify="left")
    steps.add_column("step")
    steps.add_column("will it run?")
    stale = False
    for step in steps_of(run, domain):
        why = why_run(step, manifest)
        stale = stale or why is not None
        follows = "yes: follows a step that runs"
        steps.add_row(step.name, f"yes: {why}" if why else follows if stale else "up to date")
    console.print(steps)
    scenarios = scenario_count(run, domain)
    rows = loads(run.experiment, scenarios) + safety_loads(run, domain)
    console.print(loads_table(run.experiment, rows))
    pilot, rubric = run.eval / "analysis.json", run.experiment.evaluation.rubric
    seen = sight(
        run.experiment,
        scenarios,
        len(domain.rubric(rubric).dimensions),
        read_json(pilot) if pilot.is_file() else None,
    )
    for line in (*seen, *needs(run.experiment)):
        console.print(line, highlight=False)


def scenario_count(run: Run, domain: Domain) -> int:
    """How many held-out scenarios the evaluation uses, or will, once the teacher wrote them."""
    if is_generated(run) and not evaluation_path(run, domain).is_file():
        evaluation = run.experiment.evaluation
        return evaluation.count or evaluation.generated.count
    return len(choose_scenarios(run, domain))


def loads(experiment: Experiment, scenarios: int) -> list[Load]:
    """Calls and tokens by role."""
    evaluation, roles = experiment.evaluation, experiment.roles
    conversations = scenarios * len(experiment.variants) * evaluation.repeats
    turns = conversations * evaluation.max_exchanges
    answer = roles.counselor.sampling.max_tokens
    history = evaluation.max_exchanges * answer
    return [
        *teacher_loads(experiment),
        Load("patient", turns, turns * (PROMPT_TOKENS + history), turns * answer // 2),
        Load("counselor", turns, turns * (PROMPT_TOKENS + history), turns * answer),
        *judge_loads(experiment, conversations, history),
        *scenario_loads(experiment),
        *embedder_loads(experiment, scenarios, turns),
    ]


def scenario_loads(experiment: Experiment) -> list[Load]:
    """What the embedder sees while sessions are written: each scenario in a request of its own."""
    settings, generation = experiment.roles.embedder, experiment.generation
    if settings is None or generation.engine != "local":
        return []
    most = experiment.roles.teacher.sampling.max_tokens
    # Its longest part is sent twice, once with another end: does the server read it to its end?
    longest = most + min(most, 2 * settings.max_words)
    calls = generation.sessions
    return [Load(EMBEDDER, calls, calls * longest, 0, "scenarios as they are written")]


def embedder_loads(experiment: Experiment, scenarios: int, turns: int) -> list[Load]:
    """Requests of the embedder, where there is one; real sessions are not known yet."""
    settings = experiment.roles.embedder
    if settings is None:
        return []
    words = experiment.roles.counselor.sampling.max_tokens
    sessions = 3 * experiment.generation.sessions
    texts = scenarios + sessions + 3 * turns
    tokens = texts * min(words, 2 * settings.max_words)
    calls = -(-texts // settings.batch_size)
    return [Load(EMBEDDER, calls, tokens, 0, "real sessions not counted")]


def judge_loads(experiment: Experiment, conversations: int, history: int) -> list[Load]:
    """What every judge reads: all rubrics, pairs in both orders, and probes."""
    evaluation = experiment.evaluation
    judging, variants = evaluation.judging, len(experiment.variants)
    readings = conversations * evaluation.judge_samples * (1 + len(judging.rubrics))
    readings += judging.probes * PROBES_EACH
    pairs = conversations * (variants - 1) if judging.pairwise else 0
    return [
        Load(
            role,
            readings + pairs,
            readings * (PROMPT_TOKENS + 2 * history) + pairs * (PROMPT_TOKENS + 4 * history),
            (readings + pairs) * experiment.role(role).sampling.max_tokens // 2,
        )
        for role in experiment.judges()
    ]


def safety_loads(run: Run, domain: Domain) -> list[Load]:
    """Calls of the safety suite, where the experiment asks for it."""
    experiment = run.experiment
    asked = experiment.evaluation.safety
    if asked is None:
        return []
    cases = load_suite(domain).cases
    rounds = asked.draws * len(experiment.variants)
    rows = []
    calls = {"counselor": sum(len(case.answered) for case in cases), "judge": len(cases)}
    for role, count in calls.items():
        tokens = count * rounds * getattr(experiment.roles, role).sampling.max_tokens // 2
        prompts = count * rounds * 2 * PROMPT_TOKENS
        rows.append(Load(role, count * rounds, prompts, tokens, "safety suite"))
    return rows


def teacher_loads(experiment: Experiment) -> list[Load]:
    """What the teacher writes: the sessions, and the evaluation scenarios where asked for."""
    rows = [teacher_load(experiment)]
    if experiment.evaluation.scenarios == GENERATED:
        calls = 2 * experiment.evaluation.generated.count
        most = experiment.roles.teacher.sampling.max_tokens
        tokens = calls * 2 * PROMPT_TOKENS, calls * most // 2
        rows.append(Load("teacher", calls, *tokens, "evaluation scenarios"))
    return rows


def teacher_load(experiment: Experiment) -> Load:
    """Calls and tokens of the generation stage."""
    generation = experiment.generation
    personas = -(-generation.sessions // generation.scenarios_per_persona)
    exchanges = (generation.min_exchanges + generation.max_exchanges) // 2
    drafts = generation.sessions * generation.best_of
    writing = drafts * (1 if generation.method == "whole" else 2 * exchanges)
    calls = personas + generation.sessions + drafts + writing
    most = experiment.roles.teacher.sampling.max_tokens
    return Load("teacher", calls, calls * 2 * PROMPT_TOKENS, calls * most // 2)


def loads_table(experiment: Experiment, rows: list[Load]) -> Table:
    """The calls as a table, with what answers them."""
    table = Table(title="model calls, at most about", title_justify="left")
    costs = [cost(experiment, row) for row in rows]
    shown = any(costs)
    for column in ("role", "answered by", "calls", "prompt tokens", "completion tokens"):
        table.add_column(column, justify="left" if column in {"role", "answered by"} else "right")
    if shown:
        table.add_column("cost, estimated", justify="right")
    for row, said in zip(rows, costs, strict=True):
        numbers = (row.calls, row.prompt_tokens, row.completion_tokens)
        last = (said or "-",) if shown else ()
        name = f"{row.role}, {row.purpose}" if row.purpose else row.role
        table.add_row(name, answerer(experiment, row.role), *(f"{n:,}" for n in numbers), *last)
    return table


def cost(experiment: Experiment, load: Load) -> str | None:
    """What a role's calls cost at the prices of its server, where they are known."""
    prices = experiment.prices_of(load.role)
    return priced(prices, load.prompt_tokens, load.completion_tokens) if prices else None


def priced(prices: Prices | None, prompt_tokens: int, completion_tokens: int) -> str:
    """A cost in words; a dash where no prices are given."""
    if prices is None:
        return "-"
    return f"{prices.cost(prompt_tokens, completion_tokens):,.2f} {prices.currency}"


def answerer(experiment: Experiment, role: str) -> str:
    """What answers for a role, in a few words."""
    server = experiment.server_of(role)
    if isinstance(server, ManagedServer):
        return f"vLLM: {server.model or experiment.model.name}"
    return server.base_url if server.kind == "attached" else "scripted stand-in"


def needs(experiment: Experiment) -> list[str]:
    """Disk and GPU memory, in lines."""
    models = {experiment.model.name} | {
        server.model
        for server in experiment.servers.values()
        if isinstance(server, ManagedServer) and server.model
    }
    lines = []
    for model in sorted(models):
        size = parameters(model)
        if size is None:
            lines.append(f"{model}: size unknown (no parameter count in its name)")
        elif size < 1e8:
            lines.append(f"{model}: {size / 1e6:.1f} M parameters: any machine will do")
        else:
            weights = size * bytes_per_parameter(model) / GIB
            lines.append(f"{model}: about {weights:.0f} GiB of disk and of GPU memory for weights")
    if experiment.trained_variants():
        lines.append(training_needs(experiment))
    return lines


def training_needs(experiment: Experiment) -> str:
    """GPU memory for an adapter, from the model's configuration; else from its parameter count."""
    layout = layout_of(experiment.training)
    processes = layout.processes or 1
    found = memory_of(experiment, gpu=True, layout=layout, processes=processes, cached_only=True)
    what = "training one adapter"
    if found is not None:
        needed = found[2]
        held = f"{needed.base / GIB:.1f} the base, {needed.activations / GIB:.1f} activations"
        return f"{what}: {needed.total / GIB:.1f} GiB on each GPU ({held}), estimated"
    size = parameters(experiment.model.name)
    if size is None:
        return f"{what}: GPU memory unknown (no config.json of the model here)"
    weights = size * (0.55 if experiment.training.quantization else 2) / GIB
    return f"{what}: some {weights * 1.15 + 2:.0f} GiB of GPU memory, by the model's name alone"


def parameters(model: str) -> float | None:
    """A model's parameter count, from its files or its name ("...-7B-...")."""
    weights = Path(model) / "model.safetensors"
    if weights.is_file():
        return weights.stat().st_size / 2
    found = re.search(r"(\d+(?:\.\d+)?)[Bb](?![A-Za-z0-9])", model)
    return float(found.group(1)) * 1e9 if found else None


def bytes_per_parameter(model: str) -> float:
    """By the quantization in the model's name; bf16 otherwise."""
    name = model.lower()
    if re.search(r"awq|gptq|int4|4bit|nvfp4", name):
        return 0.6
    return 1.0 if re.search(r"fp8|int8|8bit", name) else 2.0
