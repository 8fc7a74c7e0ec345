"""What all parts of the configuration share."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of all configuration classes: immutable, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
