"""Who else judges, by what else, and how the judges are themselves looked at."""

from pydantic import Field

from hybridtune.config.base import Settings
from hybridtune.config.servers import RoleSettings


class JudgingSettings(Settings):
    """Beside the one judge and the one rubric that every evaluation has."""

    judges: dict[str, RoleSettings] = Field(default_factory=dict)
    """Further judges by name; scores are averaged over all of them before any test."""
    rubrics: tuple[str, ...] = ()
    """Further rubrics of the domain pack, applied and shown beside `evaluation.rubric`."""
    pairwise: bool = False
    """Compare the variants pair by pair in every scenario, in both orders."""
    probes: int = Field(default=0, ge=0)
    """Conversations on which every judge is probed; 0 leaves the probes out."""
    calibration: str | None = None
    """A `calibration.json` that `hybridtune judge calibrate` wrote for this judge."""
