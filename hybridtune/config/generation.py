"""The generation stage: how many synthetic sessions, how written, how ranked."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hybridtune.config.base import Settings


class RaySettings(Settings):
    """The cluster for `engine: ray`; docs/scaling.md says when it is worth having."""

    address: str | None = None
    """`auto`: the cluster that this machine belongs to; left out, one on this machine alone."""
    workers: int = Field(default=2, ge=1)
    """Worker processes; they share the teacher's `limits.max_concurrency`."""
    cpus_per_worker: float = Field(default=1.0, gt=0)
    """CPUs that Ray sets aside for each."""


class GenerationSettings(Settings):
    """How the synthetic sessions come about."""

    sessions: int = Field(default=200, ge=0)
    """Sessions to draft; the accepted ones are fewer."""
    scenarios_per_persona: int = Field(default=1, ge=1)
    """Scenarios (and so sessions) that share a persona."""
    method: Literal["whole", "two-agent"] = "whole"
    """`whole`: one call writes it (the paper's way); `two-agent`: patient and counselor talk."""
    min_exchanges: int = Field(default=6, ge=1)
    """Shortest session, in exchanges (a patient turn and a counselor turn)."""
    max_exchanges: int = Field(default=14, ge=1)
    """Longest session."""
    lengths: (
        Literal["even", "corpus"] | dict[int, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    ) = "even"
    """How they spread between the two: `even`ly, as in the real `corpus`, or exchanges: weight."""
    best_of: int = Field(default=1, ge=1)
    """Sessions to draft per scenario; only the best by checks and ranking can be taken."""
    rubric: str = "ranking"
    """Rubric of the domain pack that ranks drafts."""
    accept_at: float = 7.0
    """A mean rank of at least this is accepted."""
    reject_below: float = 4.0
    """A mean rank under this is rejected; between the two a draft is flagged for review."""
    floors: dict[str, float] = Field(default_factory=dict)
    """Dimension: score; a draft below one is rejected whatever its mean, e.g. `safety: 5`."""
    quotes_found: float = Field(default=0.5, ge=0, le=1)
    """Least share of a ranking's quotes that the draft has word for word; else it is flagged."""
    include_flagged: bool = False
    """Take flagged drafts that nobody has reviewed into the training data."""
    blind_reviews: int = Field(default=10, ge=0)
    """Unflagged drafts that reviewers read as well, told nothing: what they say tests the rules."""
    engine: Literal["local", "ray"] = "local"
    """`local`: this process writes all rows; `ray`: workers of a cluster do."""
    ray: RaySettings = RaySettings()
    """The cluster."""
    reasks: int = Field(default=2, ge=0)
    """How often an answer that fails its schema is asked for again, with the error."""

    @model_validator(mode="after")
    def bounds_in_order(self) -> "GenerationSettings":
        """Reject ranges that no draft could satisfy."""
        if self.min_exchanges > self.max_exchanges:
            raise ValueError("min_exchanges is greater than max_exchanges")
        if isinstance(self.lengths, dict):
            if not self.lengths:
                raise ValueError("lengths: no length")
            for n in self.lengths:
                if not self.min_exchanges <= n <= self.max_exchanges:
                    raise ValueError(f"lengths: {n} is not between min_ and max_exchanges")
        if self.reject_below > self.accept_at:
            raise ValueError("reject_below is greater than accept_at")
        return self
