"""One transcript to one `Session` record: clean, attribute, join, absorb, lighten, check.

A record holds the patient's and the counselor's turns only, strictly alternating, in their true
order; whoever opened the session opens it here. There is no system message: training, generation
and evaluation put the domain's counselor prompt in front, so that it is the same everywhere.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from corpus.clean import clean, has_words
from corpus.disfluency import lighten
from corpus.speakers import LABEL_BOTH, LeftOut, Part, Roles, attribute
from corpus.transcript import Transcript, Utterance
from corpus.turns import Turn, absorb_back_channels, join_runs
from hybridtune.config.corpus import CorpusSettings
from hybridtune.records import Message, Role, Session

ROLES: dict[Part, Role] = {"counselor": "assistant", "patient": "user"}


@dataclass(frozen=True)
class Labelled:
    """An utterance whose speaker is known."""

    speaker: str
    text: str
    line: int
    start_s: float | None


def build_session(
    transcript: Transcript, known: dict[str, Part], settings: CorpusSettings, domain: str
) -> Session:
    """Turn a transcript into a session.

    Args:
        transcript: as a reader gave it.
        known: labels that tell a part, from `corpus.speakers.known_labels`.
        settings: the experiment's corpus settings.
        domain: the domain's name, for the record.

    Raises:
        LeftOut: it cannot be used; says why.
    """
    counts: Counter[str] = Counter()
    spoken = carry_speakers(transcript.utterances, counts)
    spoken = [replace(each, text=clean(each.text, counts)) for each in spoken]
    said = [each for each in spoken if has_words(each.text)]
    counts["wordless"] = len(spoken) - len(said)
    roles = attribute([(each.speaker, each.text) for each in said], known)
    kept = [each for each in said if roles.parts[each.speaker] in ROLES]
    counts["other_speakers"] = len(said) - len(kept)
    turns = [Turn(ROLES[roles.parts[each.speaker]], each.text) for each in kept]
    turns = absorb_back_channels(join_runs(turns, counts), counts)
    if settings.disfluencies == "light":
        turns = lighten_counselor(turns, counts)
    check_length(turns, settings.min_turns)
    return Session(
        id=session_id(transcript),
        domain=domain,
        source="real",
        messages=tuple(Message(role=turn.role, content=turn.text) for turn in turns),
        provenance=provenance(transcript, kept, counts, roles),
    )


def carry_speakers(utterances: tuple[Utterance, ...], counts: Counter[str]) -> list[Labelled]:
    """Let utterances without a label continue the last speaker; drop the heading before all."""
    carried: list[Labelled] = []
    speaker: str | None = None
    for each in utterances:
        speaker = " ".join((each.speaker or "").split()) or speaker
        if speaker is None:
            counts["heading"] += 1
        else:
            carried.append(Labelled(speaker, each.text, each.line, each.start_s))
    if not carried:
        raise LeftOut("no speaker labels: who says what cannot be told", fix=LABEL_BOTH)
    return carried


def lighten_counselor(turns: list[Turn], counts: Counter[str]) -> list[Turn]:
    """Repair the counselor's turns; one that was nothing but a filler goes."""
    lightened = [
        replace(turn, text=lighten(turn.text, counts)) if turn.role == "assistant" else turn
        for turn in turns
    ]
    left = [turn for turn in lightened if has_words(turn.text)]
    counts["only_fillers"] = len(lightened) - len(left)
    return join_runs(left, counts)


def check_length(turns: list[Turn], least: int) -> None:
    """Leave a session out in which either hardly speaks."""
    spoken = Counter(turn.role for turn in turns)
    for part, role in ROLES.items():
        if spoken[role] < least:
            raise LeftOut(f"fewer than {least} {part} turns", fix="or lower corpus.min_turns")


def session_id(transcript: Transcript) -> str:
    """A stable id from the file's name and the transcript's own id."""
    stem = PurePosixPath(transcript.name).with_suffix("").as_posix()
    slugs = [re.sub(r"[^\w.]+", "-", part).strip("-") for part in (stem, transcript.id)]
    return "-".join(["real", *filter(None, slugs)])


def provenance(
    transcript: Transcript, kept: list[Labelled], counts: Counter[str], roles: Roles
) -> dict[str, Any]:
    """Where a session comes from and what was done to it."""
    span: dict[str, Any] = {"first_line": kept[0].line, "last_line": kept[-1].line}
    if kept[0].start_s is not None and kept[-1].start_s is not None:
        span |= {"first_s": kept[0].start_s, "last_s": kept[-1].start_s}
    return {
        "file": transcript.name,
        "transcript": transcript.id or None,
        "format": transcript.format,
        "span": span,
        "steps": {name: counts[name] for name in sorted(counts) if counts[name]},
        "roles": {"method": roles.method, "confidence": roles.confidence},
    }
