"""Utterances whose speakers are known to one session, with its history.

A session holds the patient's and the counselor's turns only, strictly alternating, in their true
order; whoever opened it opens it here. There is no system message: training, generation and
evaluation put the domain's counselor prompt in front, so that it is the same everywhere.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from corpus.backchannels import is_back_channel
from corpus.clean import Cleaned, clean, has_words
from corpus.history import History, TurnHistory
from corpus.labels import normalise
from corpus.recipe import Recipe
from corpus.speakers import LeftOut, Roles
from corpus.transcript import Part, Transcript, Utterance
from corpus.turns import Line, Turn, make_turns
from hybridtune.records import Message, Role, Session

ROLES: dict[Part, Role] = {"counselor": "assistant", "patient": "user"}
SWAPPED: dict[Part, Part] = {"counselor": "patient", "patient": "counselor", "other": "other"}


@dataclass(frozen=True)
class Said:
    """An utterance after cleaning, and what the cleaning did."""

    utterance: Utterance
    text: str
    steps: Mapping[str, int]

    @property
    def speaker(self) -> str:
        """The label; it is never missing here."""
        return self.utterance.speaker or ""


def carry_speakers(utterances: Sequence[Utterance], steps: Counter[str]) -> list[Utterance]:
    """Let utterances without a label continue the last speaker; drop what nobody can be told for.

    That is the heading before all labels, and what follows a mark that says that somebody else
    begins, without saying who.
    """
    carried: list[Utterance] = []
    speaker: str | None = None
    spelled: dict[str, str] = {}  # "ANN" and "Ann" are one
    for each in utterances:
        label = " ".join((each.speaker or "").split()) or None
        label = spelled.setdefault(normalise(label), label) if label else None
        if label is None and each.change:
            speaker = None
            steps["unattributed"] += 1
        elif label is None and speaker is None:
            steps["unattributed" if carried else "heading"] += 1
        else:
            speaker = label or speaker
            carried.append(replace(each, speaker=speaker))
    return carried


def clean_all(
    utterances: Sequence[Utterance], steps: Counter[str], *, spoken: bool = True
) -> list[Said]:
    """Clean each utterance that was spoken; those without a word are dropped and counted."""
    said: list[Said] = []
    for each in utterances:
        done = clean(each.text) if spoken else Cleaned(each.text.strip(), {})
        if has_words(done.text):
            said.append(Said(each, done.text, done.steps))
        else:
            steps["wordless"] += 1
            steps["gaps"] += done.steps.get("gaps", 0)
    return said


def swapped(roles: Roles) -> Roles:
    """The roles the other way round."""
    return replace(roles, parts={who: SWAPPED[part] for who, part in roles.parts.items()})


def edited(
    session: Session, history: History, messages: tuple[Message, ...]
) -> tuple[Session, History]:
    """The session with a person's words in place of its own; raw words stay where turns match."""
    bare = [
        place
        for place, message in enumerate(messages)
        if message.role == "assistant" and is_back_channel(message.content)
    ]
    before = history.turns if len(history.turns) == len(messages) else (None,) * len(messages)
    turns = tuple(
        TurnHistory(
            role=message.role,
            text=message.content,
            raw=old.raw if old else (message.content,),
            steps={**(old.steps if old else {}), "edited": 1},
            trained=place not in bare,
        )
        for place, (message, old) in enumerate(zip(messages, before, strict=True))
    )
    changes = {"messages": messages, "untrained": tuple(bare)}
    return session.model_copy(update=changes), history.model_copy(update={"turns": turns})


def make_session(
    transcript: Transcript, said: Sequence[Said], roles: Roles, steps: Counter[str], recipe: Recipe
) -> tuple[Session, History]:
    """Join what was said into turns.

    Args:
        transcript: where it comes from.
        said: every utterance, cleaned.
        roles: the part of each speaker.
        steps: what was done to the session so far; this adds what is done here.
        recipe: the import's.

    Raises:
        LeftOut: neither speaker says a word.
    """
    lines = [
        Line(
            ROLES[part],
            each.text,
            each.utterance.text,
            dict(each.steps),
            each.utterance.start_s,
            each.utterance.end_s,
        )
        for each in said
        if (part := roles.parts[each.speaker]) in ROLES
    ]
    steps["other_speakers"] += len(said) - len(lines)
    turns, counted = make_turns(lines, recipe.settings.disfluencies if recipe.spoken else "keep")
    if not turns:
        raise LeftOut("nobody says a word")
    steps.update(counted)
    for turn in turns:
        steps.update(turn.steps)
    session = Session(
        id=recipe.session_id(transcript),
        domain=recipe.name,
        source="real",
        messages=tuple(Message(role=turn.role, content=turn.text) for turn in turns),
        untrained=tuple(
            place
            for place, turn in enumerate(turns)
            if turn.role == "assistant" and not turn.trained
        ),
        provenance=provenance(transcript, said, roles, steps, recipe),
    )
    return session, History(id=session.id, turns=tuple(map(turn_history, turns)))


def turn_history(turn: Turn) -> TurnHistory:
    """A turn as its record."""
    return TurnHistory(
        role=turn.role,
        text=turn.text,
        raw=turn.raw,
        steps={name: turn.steps[name] for name in sorted(turn.steps)},
        start_s=turn.start_s,
        end_s=turn.end_s,
        trained=turn.trained,
    )


def provenance(
    transcript: Transcript,
    said: Sequence[Said],
    roles: Roles,
    steps: Mapping[str, int],
    recipe: Recipe,
) -> dict[str, Any]:
    """Where a session comes from, what was done to it, and what may be done with it."""
    first, last = said[0].utterance, said[-1].utterance
    span: dict[str, Any] = {"first_line": first.line, "last_line": last.line}
    if first.start_s is not None and last.start_s is not None:
        span |= {"first_s": first.start_s, "last_s": last.start_s}
    source, safe = recipe.settings.source, recipe.settings.deidentify.enabled
    told = {} if safe else {"file": transcript.name, "transcript": transcript.id or None}
    return {
        "source_id": recipe.source_id(transcript),
        "group": recipe.group(transcript),
        "source_kind": source.kind,
        "rights": source.rights,
        "rights_note": source.rights_note,
        "kind": transcript.kind,
        "format": transcript.format,
        **told,
        "span": span,
        "deidentified": safe,
        "steps": {name: steps[name] for name in sorted(steps) if steps[name]},
        "roles": {"method": roles.method, "confidence": roles.confidence},
    }
