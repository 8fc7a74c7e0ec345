"""The corpus stage: which real transcripts, how they are read, cleaned, made safe and chosen."""

from typing import Literal

from pydantic import Field, model_validator

from hybridtune.config.base import Settings

Format = Literal[
    "auto", "captions", "json3", "whisper", "text", "docx", "pdf", "table", "esconv", "chat", "qa"
]
Preset = Literal["annomi", "hope", "epitome", "counselchat"]
SourceKind = Literal["roleplay", "consented", "clinical", "public-qa", "unstated"]
Rights = Literal["own", "public-domain", "licensed", "permission", "local-use", "unstated"]
Flag = Literal[
    "roles", "attempt", "crisis", "duplicate", "narration", "quality", "title", "names", "language"
]


class TableSettings(Settings):
    """Which column of a table holds what; names that are usual are found without it."""

    preset: Preset | None = None
    """A known dataset: `annomi`, `hope`, `epitome` or `counselchat`."""
    session: str | None = None
    """Column of the session's id; without one, a file is one session."""
    speaker: str | None = None
    """Column of the speaker."""
    text: str | None = None
    """Column of what is said."""
    time: str | None = None
    """Column of when it is said."""
    group: str | None = None
    """Column of what sessions share, a video or a client: never on both sides of a split."""
    quality: str | None = None
    """Column of a label for how good the session is."""
    question: str | None = None
    """Question and answer tables: column of the question."""
    answer: str | None = None
    """Question and answer tables: column of the answer."""


class FilterSettings(Settings):
    """Which sessions are left out, each with its reason in the report."""

    min_turns: int = Field(default=8, ge=1)
    """Fewer turns, both speakers together."""
    min_turns_each: int = Field(default=3, ge=1)
    """Fewer turns of either speaker."""
    min_words: int = Field(default=150, ge=0)
    """Fewer words."""
    max_words: int | None = Field(default=None, ge=1)
    """More words; none by default."""
    counselor_share: tuple[float, float] = (0.1, 0.9)
    """The counselor's share of the words lies outside."""
    max_gap_share: float = Field(default=0.01, ge=0, le=1)
    """More gaps ("[inaudible]") than this share of the words."""
    language: Literal["domain", "any"] = "domain"
    """`domain` leaves out what is not in the domain's language (told apart for English)."""
    drop_quality: tuple[str, ...] = ()
    """Quality labels to leave out, e.g. `[low]`; flagged otherwise."""
    min_answer_words: int = Field(default=30, ge=1)
    """Question and answer pairs with a shorter answer."""
    max_answer_words: int = Field(default=600, ge=1)
    """Question and answer pairs with a longer answer."""
    duplicate_containment: float = Field(default=0.1, gt=0, le=1)
    """Sessions that share this part of the smaller one's 5-word sequences: one of them goes."""

    @model_validator(mode="after")
    def ranges_are_ranges(self) -> "FilterSettings":
        """A range written backwards would leave everything out."""
        low, high = self.counselor_share
        if not 0 <= low < high <= 1:
            raise ValueError("counselor_share: write two shares, the smaller first: [0.1, 0.9]")
        if self.min_answer_words > self.max_answer_words:
            raise ValueError("min_answer_words is above max_answer_words")
        return self


class DeidentifySettings(Settings):
    """What is taken out before anything leaves the import; it is no promise of anonymity."""

    enabled: bool = True
    """Replace names, places, contacts, numbers and dates by consistent made-up ones."""
    salt_env: str | None = None
    """Environment variable with a secret for ids and pseudonyms; without it the seed decides, and
    whoever holds the originals can recompute the ids."""
    mapping: str | None = None
    """Write what was replaced by what into this file of its own (mode 0600); by default nowhere."""
    min_confidence: float = Field(default=0.5, ge=0, le=1)
    """Spans found with less confidence are listed for review, not replaced."""


class SourceSettings(Settings):
    """What kind of material this is, and what may be done with it."""

    kind: SourceKind = "unstated"
    """`roleplay`, `consented`, `clinical` (needs `authority`) or `public-qa`."""
    authority: str | None = None
    """For clinical material: the approval or agreement under which you process it."""
    rights: Rights = "unstated"
    """What the licence or agreement lets you do; `hybridtune corpus export` obeys it."""
    rights_note: str = ""
    """The licence, contract or consent form itself, e.g. `CC BY 4.0`."""

    @model_validator(mode="after")
    def clinical_needs_authority(self) -> "SourceSettings":
        """Clinical conversations are refused unless somebody answers for them."""
        if self.kind == "clinical" and not (self.authority or "").strip():
            raise ValueError(
                "clinical material needs `authority`: name the approval (ethics board, contract,"
                " consent) under which you may process it, e.g. --authority 'IRB 2026-014'"
            )
        return self


class ReviewSettings(Settings):
    """What a person must look at."""

    hold: tuple[Flag, ...] = ("roles",)
    """Sessions with such a flag stay out until a person approves; other flags are told only.
    `attempt`, speakers that nobody wrote down, always holds."""
    attribution: Literal["none", "teacher", "judge"] = "none"
    """Transcripts without speakers: a model role that says who speaks; a person then approves."""


class CorpusSettings(Settings):
    """Which transcripts become `corpus/real.jsonl`."""

    paths: tuple[str, ...] = Field(min_length=1)
    """Files, folders, globs or zip archives; relative ones count from the working folder."""
    format: Format = "auto"
    """How the files are written; `auto` looks at each."""
    table: TableSettings = TableSettings()
    """Columns of tables."""
    cleaning: Literal["spoken", "written"] = "spoken"
    """`spoken` takes a transcriber's notes, narration and debris of speech out; `written` leaves
    every word as it is, for code, queries and chats that nobody spoke."""
    disfluencies: Literal["keep", "light", "medium"] = "light"
    """`light` takes fillers and stutters out of counselor turns, `medium` also short repetitions;
    the patient's stay."""
    counselor_labels: tuple[str, ...] = ()
    """Speaker labels of the counselor, beside the domain's own."""
    patient_labels: tuple[str, ...] = ()
    """Speaker labels of the patient, beside the domain's own."""
    filters: FilterSettings = FilterSettings()
    """What is left out."""
    deidentify: DeidentifySettings = DeidentifySettings()
    """What is replaced."""
    source: SourceSettings = SourceSettings()
    """Kind of material and rights."""
    review: ReviewSettings = ReviewSettings()
    """What waits for a person."""
    malformed: Literal["stop", "skip"] = "stop"
    """Files that cannot be read: `stop` after all are looked at, or `skip` and report them."""
    limit: int | None = Field(default=None, ge=1)
    """Use only this many sessions, drawn with the experiment's seed."""
