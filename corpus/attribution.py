"""Who speaks each line, told by a configured model; a person approves before it is used.

For transcripts without speakers. The lines, de-identified before they come here, go to the model in
chunks that overlap; the prompt is `prompts/attribution.jinja` of the domain pack, the answers are
held to a JSON Schema with one answer a line, and all calls pass through the request cache, so that
asking again after a crash costs nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from corpus.marks import Attempt, attempt, by_boundaries
from corpus.speakers import LeftOut, attribute
from corpus.transcript import Utterance
from hybridtune.chat.model import ChatModel, ChatReply, ChatRequest
from hybridtune.config.servers import Sampling
from hybridtune.domain import Domain
from hybridtune.records import Message
from hybridtune.seeds import derive

CHUNK, OVERLAP = 40, 10
"""Lines a call, and how many of them the next call sees again: both ends need their context."""
PARTS = ("counselor", "patient", "other")


async def attribute_by_model(
    model: ChatModel,
    domain: Domain,
    utterances: Sequence[Utterance],
    *,
    sampling: Sampling,
    seed: int,
    reasks: int = 2,
) -> Attempt:
    """Ask a model who speaks each line.

    Raises:
        CallError: a chunk got no usable answer, so the transcript has none.
        ServerError: the model's server cannot be used at all.
    """
    replies: list[ChatReply] = []
    for start in chunk_starts(len(utterances)):
        asked = request(
            domain, utterances, start, sampling, derive(seed, "attribute", start), reasks
        )
        replies.append(await model.complete(asked))
    parts, agreed = merge([reply.data for reply in replies], len(utterances))
    told = tuple(replace(each, speaker=part) for each, part in zip(utterances, parts, strict=True))
    return scored(told, agreed, replies)


def request(
    domain: Domain,
    utterances: Sequence[Utterance],
    start: int,
    sampling: Sampling,
    seed: int,
    reasks: int,
) -> ChatRequest:
    """The request for one chunk; lines are numbered from 1 within the whole transcript."""
    chunk = utterances[start : start + CHUNK]
    lines = [
        {"number": number, "text": " ".join(each.text.split()), "change": each.change}
        for number, each in enumerate(chunk, start=start + 1)
    ]
    return ChatRequest(
        messages=(Message(role="user", content=domain.render("attribution", lines=lines)),),
        sampling=sampling,
        task="attribute",
        seed=seed,
        schema=answer_schema(start + 1, start + len(chunk)),
        inputs={"lines": lines},
        reasks=reasks,
    )


def chunk_starts(count: int) -> list[int]:
    """Where the chunks begin; the last one is not a mere repetition of the one before."""
    return list(range(0, max(1, count - OVERLAP), CHUNK - OVERLAP)) if count else []


def answer_schema(first: int, last: int) -> dict[str, Any]:
    """One answer for each line number: a count that is off, or a skipped line, does not fit."""
    numbers = [str(number) for number in range(first, last + 1)]
    return {
        "type": "object",
        "properties": {number: {"enum": list(PARTS)} for number in numbers},
        "required": numbers,
        "additionalProperties": False,
    }


def merge(answers: Sequence[Mapping[str, str]], count: int) -> tuple[list[str], float]:
    """Each line's part, and the share of the lines seen twice on which both answers agree.

    Of two answers that one counts in whose chunk the line has more around it.
    """
    parts: list[str] = []
    twice: list[bool] = []
    for number in range(1, count + 1):
        key = str(number)
        seen = [answer for answer in answers if key in answer]
        if len(seen) > 1:
            twice.append(seen[0][key] == seen[1][key])
        depth = [min(number - min(map(int, each)), max(map(int, each)) - number) for each in seen]
        parts.append(seen[depth.index(max(depth))][key])
    return parts, sum(twice) / len(twice) if twice else 1.0


def scored(told: tuple[Utterance, ...], agreed: float, replies: Sequence[ChatReply]) -> Attempt:
    """How far the model agrees with itself, and with what marks and words say without it."""
    shared = agreement(told)
    vote = vote_for(told)
    why = (
        f"no speaker labels: a model said who speaks; marks and words agree on {shared:.0%} of the"
        f" words, {vote:.0%} of the vote on how the two speak, overlapping answers on {agreed:.0%}"
    )
    calls = tuple(reply.call_id for reply in replies)
    return Attempt(told, "model", round(min(shared, vote, agreed), 3), why, calls)


def agreement(told: Sequence[Utterance]) -> float:
    """The share of the two speakers' words to which marks and words give the same speaker."""
    said = by_word(told)
    if not said:
        return 0.0
    guess = attempt(told) or by_boundaries(told, "pauses", 0)
    pairs = [
        pair for pair in zip(said, by_word(guess.utterances), strict=True) if pair[0] != "other"
    ]
    return sum(one == other for one, other in pairs) / max(1, len(pairs))


def by_word(utterances: Sequence[Utterance]) -> list[str | None]:
    """The speaker of each word."""
    return [each.speaker for each in utterances for _ in each.text.split()]


def vote_for(told: Sequence[Utterance]) -> float:
    """The share of the vote for the model's counselor; 0 if it is for the other one, or is none."""
    try:
        roles = attribute([(each.speaker or "", each.text) for each in told], {"other": "other"})
    except LeftOut:
        return 0.0
    return roles.confidence if roles.parts.get("counselor") == "counselor" else 0.0
