"""When a row must be written anew: the fingerprint of everything that decides it."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter

from generation.coverage import Row
from generation.lengths import length_inputs
from generation.split import training_rows
from hybridtune.config.experiment import EMBEDDER
from hybridtune.domain import Domain
from hybridtune.manifest import fingerprint
from hybridtune.runs import Run
from hybridtune.scenarios import evaluation_path
from hybridtune.steps import CALLING, part, role_part

CODE: tuple[str, ...] = (
    "generation",
    "hybridtune/judge.py",
    "hybridtune/language.py",
    "hybridtune/overlap.py",
    "hybridtune/scenarios.py",
    "hybridtune/scenario_table.py",
    *CALLING,
)
EMBEDDING = ("hybridtune/embedding", "hybridtune/scripted/embedding.py")
"""And where scenarios are held against embeddings."""
OUTSIDE_ROWS = frozenset(
    {
        "sessions",
        "scenarios_per_persona",
        "min_exchanges",
        "max_exchanges",
        "accept_at",
        "reject_below",
        "floors",
        "quotes_found",
        "blind_reviews",
        "engine",
        "ray",
        "include_flagged",
    }
)
"""Settings that say which rows there are, or what becomes of them, but not what is in them."""
ROW = TypeAdapter(Row)


def fingerprints(
    run: Run, domain: Domain, teacher: Mapping[str, Any], embedder: Mapping[str, Any] | None
) -> Iterator[tuple[int, str]]:
    """The rows' numbers, and the fingerprints that they have under today's settings."""
    known = circumstances(run, domain, teacher, embedder)
    for row in training_rows(run, domain):
        yield row.index, fingerprint_of(row, known)


def fingerprint_of(row: Row, circumstances: str) -> str:
    """Changes when anything changes that decides this row."""
    return sha256(circumstances.encode() + ROW.dump_json(row)).hexdigest()


def circumstances(
    run: Run, domain: Domain, teacher: Mapping[str, Any], embedder: Mapping[str, Any] | None
) -> str:
    """A fingerprint of everything that decides all rows alike.

    Args:
        run: with its settings.
        domain: its pack.
        teacher: the model's description.
        embedder: the description of the model that scenarios are held against, if they are.
    """
    experiment = run.experiment
    configuration = part(experiment, "generation")
    for name in OUTSIDE_ROWS:
        del configuration["generation"][name]
    configuration |= {"teacher": role_part(experiment, "teacher"), "model": teacher}
    code = CODE
    if embedder is not None and experiment.roles.embedder is not None:
        configuration |= {"embedder": role_part(experiment, EMBEDDER), "vectors": embedder}
        code += EMBEDDING
    inputs = [
        evaluation_path(run, domain),
        *length_inputs(experiment.generation, run.corpus / "real.jsonl"),
    ]
    return fingerprint(configuration, inputs, code, domain=domain.digest)
