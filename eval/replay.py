"""Held-out real sessions, counselor turn by counselor turn: what would each variant have said?

Reads `variants/<name>/held_out.jsonl` and `variants/<name>/training.json`. Every variant gets the
true history, so there is no simulated patient and no judge; its reply is compared with what the
counselor said. Writes `replay/replies.jsonl` and `replay/replay.json`.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any

from eval.analysis import jsonable
from eval.reference import METRICS
from eval.replay_numbers import Replay, compared
from hybridtune.chat.model import ChatModel, ChatRequest
from hybridtune.domain import Domain
from hybridtune.errors import CallError, DataError, StageError
from hybridtune.progress import Reporter
from hybridtune.records import (
    Message,
    Session,
    read_jsonl,
    write_json,
    write_jsonl,
)
from hybridtune.runs import Run
from hybridtune.seeds import derive

TOKENS_PER_WORD = 2
"""A cautious estimate, for leaving out what would not fit."""
Metric = Callable[[str, str], float]


async def replay(
    run: Run,
    domain: Domain,
    counselor: ChatModel,
    reporter: Reporter,
    metrics: Mapping[str, Metric] | None = None,
) -> dict[str, Any]:
    """Let every variant answer every counselor turn, and compare.

    Raises:
        DataError: there are no held-out sessions, or variants have different ones.
        StageError: more than a tenth of the replies are missing.
    """
    sessions = held_out_sessions(run)
    asked = [
        (session, turn, variant)
        for session in sessions
        for turn, message in enumerate(session.messages)
        if message.role == "assistant" and turn not in session.untrained
        for variant in run.experiment.variants
    ]
    measured = {**METRICS, **(metrics or {})}
    with reporter.task("replies", total=len(asked)) as task:

        async def one(session: Session, turn: int, variant: str) -> Replay:
            told = await answered(run, domain, counselor, session, turn, variant, measured)
            task.advance(failed=told.reply is None)
            return told

        replies = await asyncio.gather(*(one(*each) for each in asked))
    lost = [told.missing for told in replies if told.missing is not None]
    if len(lost) * 10 > len(replies):
        raise StageError(f"{len(lost)} of {len(replies)} replies are missing, first: {lost[0]}")
    folder = run.path / "replay"
    write_jsonl(folder / "replies.jsonl", replies)
    found: dict[str, Any] = jsonable(compared(run, sessions, replies, list(measured)))
    write_json(folder / "replay.json", found)
    return found


def held_out_sessions(run: Run) -> list[Session]:
    """The real sessions that no variant was trained on.

    Raises:
        DataError: there are none, or the variants do not share them.
    """
    names = run.experiment.trained_variants()
    by_variant = {name: read_jsonl(run.variant(name) / "held_out.jsonl", Session) for name in names}
    first = next(iter(by_variant.values()), [])
    for name, sessions in by_variant.items():
        if [one.id for one in sessions] != [one.id for one in first]:
            raise DataError(
                f"other held-out sessions than {names[0]}'s", where=str(run.variant(name)),
                fix="train both again",
            )  # fmt: skip
    if not first:
        raise DataError(
            "no held-out sessions", where=str(run.path), fix="raise training.held_out, train again"
        )
    return first


async def answered(
    run: Run,
    domain: Domain,
    counselor: ChatModel,
    session: Session,
    turn: int,
    variant: str,
    metrics: Mapping[str, Metric],
) -> Replay:
    """One variant's reply to a true history."""
    experiment = run.experiment
    sampling = experiment.roles.counselor.sampling
    room = experiment.training.max_length - sampling.max_tokens
    history = recent(session.messages[:turn], room, domain.settings.opener)
    told = Replay(
        id=f"{session.id}--{turn}--{variant}",
        session=session.id,
        turn=turn,
        variant=variant,
        reference=session.messages[turn].content,
    )
    try:
        reply = await counselor.complete(
            ChatRequest(
                messages=(Message(role="system", content=domain.system_prompt), *history),
                sampling=sampling,
                task="counselor",
                seed=derive(experiment.seed, "replay", session.id, turn),
                model=variant,
            )
        )
    except CallError as error:
        return told.model_copy(update={"missing": str(error)})
    text = reply.text.strip()
    scores = {name: finite(metric(text, told.reference)) for name, metric in metrics.items()}
    return told.model_copy(update={"reply": text, "call_id": reply.call_id, "scores": scores})


def recent(messages: tuple[Message, ...], room: int, opener: str) -> list[Message]:
    """The last messages that fit a training window, from a patient's turn on.

    Variants were trained on windows, so more history than one holds was never seen.
    """
    spoken = [message for message in messages if message.role != "system"]
    while len(spoken) > 1 and room < TOKENS_PER_WORD * sum(len(m.content.split()) for m in spoken):
        spoken.pop(0)
    if not spoken or spoken[0].role == "assistant":
        spoken.insert(0, Message(role="user", content=opener))
    return spoken


def finite(value: float) -> float | None:
    """A number, or None where there is none."""
    return value if math.isfinite(value) else None
