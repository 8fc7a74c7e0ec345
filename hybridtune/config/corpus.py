"""The corpus stage: which real transcripts, and how they are cleaned."""

from typing import Literal

from pydantic import Field

from hybridtune.config.base import Settings


class CorpusSettings(Settings):
    """Which transcripts become `corpus/real.jsonl`."""

    paths: tuple[str, ...] = Field(min_length=1)
    """Files, folders or globs; relative ones count from the working folder."""
    format: Literal["auto", "vtt", "whisperx", "text", "csv"] = "auto"
    """How the files are written; `auto` looks at each."""
    disfluencies: Literal["keep", "light"] = "light"
    """`light` takes fillers and stutters out of counselor turns; the patient's stay."""
    counselor_labels: tuple[str, ...] = ()
    """Speaker labels of the counselor, beside the domain's own."""
    patient_labels: tuple[str, ...] = ()
    """Speaker labels of the patient, beside the domain's own."""
    min_turns: int = Field(default=3, ge=1)
    """Sessions in which either speaker has fewer turns are left out and counted."""
    limit: int | None = Field(default=None, ge=1)
    """Use only this many sessions, drawn with the experiment's seed."""
