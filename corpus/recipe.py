"""What is the same for every transcript of an import, and the ids that it gives.

With de-identification on, ids are salted hashes: names of files ("Ann's third hour.vtt") and ids
of other systems identify people. The salt is a secret from the environment, or comes from the
experiment's seed: then the ids are the same everywhere, and whoever holds the originals can
recompute them.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from corpus.labels import normalise
from corpus.speakers import known_labels
from corpus.transcript import Part, Transcript
from hybridtune.config.corpus import CorpusSettings
from hybridtune.domain import Domain, DomainSettings
from hybridtune.errors import ConfigError
from hybridtune.reviews import ReviewEvent


@dataclass(frozen=True)
class Recipe:
    """How the transcripts of one import become sessions; goes to worker processes whole.

    Attributes:
        settings: the experiment's corpus settings.
        known: labels that tell a part, normalised.
        domain: the domain pack's settings.
        name: the domain pack's name, for the records.
        salt: behind ids and pseudonyms.
        decisions: a person's standing decisions, by session id.
    """

    settings: CorpusSettings
    known: Mapping[str, Part]
    domain: DomainSettings
    name: str
    salt: bytes
    decisions: Mapping[str, ReviewEvent] = field(default_factory=dict)

    @property
    def spoken(self) -> bool:
        """Whether the words were spoken, and so hold what only speech and its transcribers do."""
        return self.settings.cleaning == "spoken"

    def known_to(self, transcript: Transcript) -> dict[str, Part]:
        """The labels that tell a part, those of the transcript's own format included."""
        own = {normalise(label): part for label, part in transcript.parts.items()}
        return {**self.known, **own}

    def session_id(self, transcript: Transcript) -> str:
        """A stable id from the file's name and the transcript's own id."""
        if self.settings.deidentify.enabled:
            return f"real-{self.hashed('session', transcript.name, transcript.id)}"
        stem = PurePosixPath(transcript.name).with_suffix("").as_posix()
        slugs = [re.sub(r"[^\w.]+", "-", part).strip("-") for part in (stem, transcript.id)]
        return "-".join(["real", *filter(None, slugs)])

    def source_id(self, transcript: Transcript) -> str:
        """The same for all transcripts of one file, and nothing else."""
        return self.hashed("source", transcript.name)

    def group(self, transcript: Transcript) -> str:
        """The same for what must not be on both sides of a split: one video, client or question."""
        if transcript.group:
            return self.hashed("group", transcript.group)
        return self.hashed("group", transcript.name, transcript.id)

    def hashed(self, *parts: str) -> str:
        """Twelve hexadecimal digits of a keyed hash."""
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self.salt, digest_size=6).hexdigest()


def recipe_of(
    settings: CorpusSettings,
    domain: Domain,
    seed: int,
    decisions: Mapping[str, ReviewEvent] | None = None,
) -> Recipe:
    """The recipe of an import.

    Raises:
        ConfigError: one label is given to both speakers, or the salt's variable is not set.
    """
    return Recipe(
        settings,
        known_labels(settings, domain),
        domain.settings,
        domain.name,
        salt_of(settings, seed),
        decisions or {},
    )


def salt_of(settings: CorpusSettings, seed: int) -> bytes:
    """32 bytes from the secret, or from the seed where there is none."""
    name = settings.deidentify.salt_env
    secret = os.environ.get(name, "") if name else f"seed {seed}"
    if not secret.strip():
        raise ConfigError(
            f"the environment variable {name} is not set",
            where="corpus.deidentify.salt_env",
            fix=f"export {name}=..., a long random secret that you keep",
        )
    return hashlib.blake2b(secret.encode(), digest_size=32, person=b"hybridtune salt").digest()
