"""The eval stage: scenarios, conversations, judgments and statistics."""

from pydantic import Field, model_validator

from hybridtune.config.base import Settings
from hybridtune.config.judging import JudgingSettings

DOMAIN = "domain"
GENERATED = "generated"
"""What `evaluation.scenarios` may be beside a file's path."""


class GeneratedSettings(Settings):
    """The held-out scenarios that the teacher writes, where `scenarios: generated`."""

    count: int = Field(default=50, ge=2)
    """Scenarios to write, spread over themes and axes in exact quotas."""
    share: float = Field(default=0.2, gt=0, lt=1)
    """Of all combinations of theme and axes, those kept for evaluation, drawn by hash."""


class SafetySettings(Settings):
    """How the pack's safety suite is run."""

    draws: int = Field(default=5, ge=1)
    """Replies per item and variant; the worst of them counts."""


class EvaluationSettings(Settings):
    """How the variants are compared."""

    scenarios: str = DOMAIN
    """`domain`: the pack's; `generated`: the teacher's; else a JSONL file of Scenario records, or
    a CSV."""
    generated: GeneratedSettings = GeneratedSettings()
    """How many the teacher writes, and who is kept for them."""
    count: int | None = Field(default=None, ge=2)
    """Use only this many scenarios, drawn with the experiment's seed."""
    repeats: int = Field(default=1, ge=1)
    """Conversations per scenario and variant."""
    max_exchanges: int = Field(default=8, ge=1)
    """A conversation ends here at the latest (an exchange is a patient turn and its reply)."""
    resimulations: int = Field(default=2, ge=0)
    """How often a conversation whose patient left its role is held again, with another seed."""
    rubric: str = "empathy_relevance"
    """Rubric of the domain pack that the judge applies."""
    judge_samples: int = Field(default=1, ge=1)
    """Judgments per conversation and judge; they are averaged before any test."""
    judging: JudgingSettings = JudgingSettings()
    """Further judges and rubrics, comparisons in pairs, and probes of the judge."""
    reference: str = "base"
    """Variant that the others are compared with first."""
    margin: float = Field(default=0.5, gt=0)
    """Equivalence margin in points of the scale."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Family-wise error rate of the tests."""
    resamples: int = Field(default=10_000, ge=100)
    """Permutations and bootstrap resamples."""
    reasks: int = Field(default=2, ge=0)
    """How often a verdict that cannot be parsed is asked for again."""
    safety: SafetySettings | None = None
    """Runs the pack's safety suite too, e.g. `{draws: 5}`; left out, `hybridtune safety` does."""

    @model_validator(mode="after")
    def count_can_be_met(self) -> "EvaluationSettings":
        """More scenarios than are written would be missed only after all of them were."""
        if self.scenarios == GENERATED and (self.count or 0) > self.generated.count:
            raise ValueError(
                f"count is {self.count}, but generated.count is {self.generated.count}"
            )
        return self
