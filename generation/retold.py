"""Training scenarios that tell an evaluation scenario in other words, seen by embeddings.

Vectors come from `vectors.sqlite` or the model, so a stage that starts again asks for none twice.
What the comparison takes is what `eval.embeddings` measures as `told`, at the same threshold: what
was kept here is no near-duplicate there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from generation.outcomes import Near
from hybridtune.embedding.embedder import Array, Embedder
from hybridtune.errors import CallError
from hybridtune.overlap import told_by
from hybridtune.progress import silent
from hybridtune.records import Scenario, read_json
from hybridtune.runs import Run

CLUSTER = "the workers of a cluster have no embedder"
UNASKED = "written without the embedder"


def holds_retold(run: Run) -> bool:
    """Whether scenarios of this run are held against those of evaluation by embeddings."""
    return run.experiment.roles.embedder is not None and run.experiment.generation.engine == "local"


def as_written(run: Run) -> Run:
    """The run with the engine that its sessions were written by, as far as that decides about them.

    `--engine` is in no configuration, and whether embeddings were asked depends on it.
    """
    told = read_json(run.generation / "report.json")["held_out"].get("embeddings")
    if told is None:
        return run
    engine = {"engine": "local" if told["measured"] else "ray"}
    generation = run.experiment.generation.model_copy(update=engine)
    return Run(run.path, run.experiment.model_copy(update={"generation": generation}))


class Retold:
    """The evaluation scenarios as vectors.

    Attributes:
        ids: of those that have words.
        rows: their vectors, of length 1.
    """

    def __init__(self, embedder: Embedder, ids: Sequence[str], rows: Array) -> None:
        self.embedder, self.ids, self.rows = embedder, ids, rows
        self.threshold = embedder.settings.near_duplicate

    async def near_to(self, scenario: Scenario) -> Near | None:
        """The evaluation scenario with the highest cosine, if that reaches the threshold.

        Raises:
            CallError: this text could not be embedded.
            ServerError: the server cannot be reached or refuses us.
            ConfigError: it cuts long texts in silence, or its vectors do not fit each other.
        """
        if not self.ids:
            return None
        try:
            (row,) = (await self.embedder.embed([told_by(scenario)])).rows
        except CallError as error:
            raise CallError(f"embedder: {error}", status=error.status) from None
        cosines = (self.rows @ row).round(6)  # as eval.nearness rounds them
        nearest = int(cosines.argmax())
        cosine = float(cosines[nearest])
        return Near(self.ids[nearest], cosine) if cosine >= self.threshold else None

    @property
    def told(self) -> dict[str, Any]:
        """What the report says of it, beside the counts."""
        description = self.embedder.description
        return {"measured": True, "model": description, "threshold": self.threshold}


async def held_vectors(embedder: Embedder, scenarios: Sequence[Scenario]) -> Retold:
    """Embed the evaluation scenarios, once.

    Raises:
        CallError, ServerError, ConfigError: see `Embedder.embed`.
    """
    found = await embedder.embed([told_by(one) for one in scenarios])
    places = [place for place, row in enumerate(found.rows) if row.any()]
    # The bar for these is shown; one for the text of every row would be noise.
    quiet = Embedder(embedder.client, embedder.store, embedder.settings, silent())
    quiet.dimensions = embedder.dimensions
    return Retold(quiet, [scenarios[place].id for place in places], found.rows[places])


def comparison_of(run: Run, retold: Retold | None) -> dict[str, Any] | None:
    """What the report says of the comparison by embeddings; None without an embedder."""
    if retold is not None:
        return retold.told
    if run.experiment.roles.embedder is None:
        return None
    cluster = run.experiment.generation.engine != "local"
    return {"measured": False, "why": CLUSTER if cluster else UNASKED}


def model_of(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The model that rows were held against, by what the report says; None where none was."""
    model: dict[str, Any] | None = told["model"] if told and told["measured"] else None
    return model
