"""Rubric and conversation in, verdict out. A verdict that cannot be had is missing, with a reason.

The judge answers one JSON object: per dimension an integer score and a verbatim quote of the
counselor, or the items of a checklist with a quote each. Quotes are looked up in the conversation.
In pairs, both orders are asked and a win counts only if both agree.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from hybridtune.chat.model import ChatModel, ChatRequest
from hybridtune.checklist import checklist_schema, checklist_scores
from hybridtune.config.servers import Sampling
from hybridtune.domain import Domain, DomainSettings, Rubric
from hybridtune.errors import CallError
from hybridtune.records import Evidence, Message

LONGEST_QUOTE = 400
"""Characters; prompts ask for 30 words. It ends a quote that a weak model would not."""
QUOTATION_MARKS = (
    '"`\N{ACUTE ACCENT}\N{MODIFIER LETTER APOSTROPHE}'
    "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}"
    "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{SINGLE LOW-9 QUOTATION MARK}"
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
)
LINES = (
    "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{EM DASH}"
    "\N{HORIZONTAL BAR}\N{MINUS SIGN}"
)
UNSEEN = "\N{SOFT HYPHEN}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}"
PLAIN = str.maketrans(
    dict.fromkeys(QUOTATION_MARKS, "'") | dict.fromkeys(LINES, "-") | dict.fromkeys(UNSEEN, "")
)
"""Typography in which a quote may differ from what was said."""
DASHES = re.compile(r"\s*-+\s*")
Winner = Literal["first", "second", "tie"]


@dataclass(frozen=True)
class Verdict:
    """One reading of a conversation; exactly one of `scores` and `missing` is set."""

    scores: dict[str, Evidence] | None
    missing: str | None
    call_id: str | None


@dataclass(frozen=True)
class Comparison:
    """Two conversations compared in both orders; `winner` is None where an answer is missing.

    `said` holds both answers as they were given: "first" is what stood first in that order.
    """

    winner: Winner | None
    agreed: bool
    missing: str | None
    call_ids: tuple[str, ...]
    said: tuple[Winner, ...] = ()


async def judge_messages(
    judge: ChatModel,
    domain: Domain,
    rubric: Rubric,
    messages: tuple[Message, ...],
    *,
    sampling: Sampling,
    seed: int,
    sample: int = 0,
    reasks: int = 2,
    told: Mapping[str, Any] | None = None,
) -> Verdict:
    """Ask one judge for one verdict.

    Args:
        judge: the model.
        domain: the pack.
        rubric: what is scored; its prompt presents the conversation.
        messages: the conversation.
        sampling: how the answer is drawn.
        seed: for the server's sampler.
        sample: tells repeated readings apart.
        reasks: how often an answer that fails its schema is asked for again.
        told: what the prompt may tell besides, such as the persona behind a written draft. Nothing
            in evaluation: there a judge knows the conversation alone, and quotes the counselor.

    Raises:
        ServerError: the judge's server cannot be used at all.
    """
    transcript = render_transcript(messages, domain.settings)
    request = ChatRequest(
        messages=(
            Message(
                role="user",
                content=domain.render(
                    rubric.prompt, rubric=rubric, transcript=transcript, **(told or {})
                ),
            ),
        ),
        sampling=sampling,
        task="judge",
        seed=seed,
        schema=verdict_schema(rubric),
        sample=sample,
        inputs={
            "rubric": rubric.name,
            "messages": [message.model_dump() for message in messages],
        },
        reasks=reasks,
    )
    try:
        reply = await judge.complete(request)
    except CallError as error:
        return Verdict(None, str(error), None)
    quotable = {"assistant"} if told is None else {"assistant", "user"}
    spoken = squash(" ".join(turn.content for turn in messages if turn.role in quotable))

    def found(quote: str) -> bool:
        said = squash_quote(quote)
        return bool(said) and said in spoken

    if rubric.mode == "checklist":
        scores = checklist_scores(rubric, reply.data["items"], found)
    else:
        scores = {
            name: Evidence(
                score=item["score"], quote=item["quote"], quote_found=found(item["quote"])
            )
            for name, item in reply.data["scores"].items()
        }
    return Verdict(scores, None, reply.call_id)


async def compare_messages(
    judge: ChatModel,
    domain: Domain,
    rubric: Rubric,
    first: tuple[Message, ...],
    second: tuple[Message, ...],
    *,
    sampling: Sampling,
    seed: int,
    reasks: int = 2,
) -> Comparison:
    """Compare two conversations in both orders; disagreement between the orders is a tie."""
    winners: list[Winner] = []
    answers: list[Winner] = []
    call_ids: list[str] = []
    for one, other, names in ((first, second, (0, 1)), (second, first, (1, 0))):
        request = comparison_request(domain, rubric, one, other, sampling, seed, reasks)
        try:
            reply = await judge.complete(request)
        except CallError as error:
            return Comparison(None, False, str(error), tuple(call_ids), tuple(answers))
        call_ids.append(reply.call_id)
        said: Winner = reply.data["winner"]
        answers.append(said)
        order: tuple[Winner, Winner] = ("first", "second")
        winners.append("tie" if said == "tie" else order[names[order.index(said)]])
    agreed = winners[0] == winners[1]
    winner = winners[0] if agreed else "tie"
    return Comparison(winner, agreed, None, tuple(call_ids), tuple(answers))


def comparison_request(
    domain: Domain,
    rubric: Rubric,
    first: tuple[Message, ...],
    second: tuple[Message, ...],
    sampling: Sampling,
    seed: int,
    reasks: int,
) -> ChatRequest:
    """The request that shows two conversations in this order."""
    prompt = domain.render(
        "compare",
        rubric=rubric,
        first=render_transcript(first, domain.settings),
        second=render_transcript(second, domain.settings),
    )
    schema = {
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "winner": {"enum": ["first", "second", "tie"]},
        },
        "required": ["reason", "winner"],
        "additionalProperties": False,
    }
    return ChatRequest(
        messages=(Message(role="user", content=prompt),),
        sampling=sampling,
        task="compare",
        seed=seed,
        schema=schema,
        inputs={
            "rubric": rubric.name,
            "first": [message.model_dump() for message in first],
            "second": [message.model_dump() for message in second],
        },
        reasks=reasks,
    )


def verdict_schema(rubric: Rubric) -> dict[str, Any]:
    """The JSON Schema of a verdict.

    `{"scores": {dimension: {"quote", "score"}}}`, or that of a checklist.
    """
    if rubric.mode == "checklist":
        return checklist_schema(rubric, LONGEST_QUOTE)
    return verdict_shape(rubric.low, rubric.high, tuple(rubric.dimensions))


@cache
def verdict_shape(low: int, high: int, names: tuple[str, ...]) -> dict[str, Any]:
    """One object for equal rubrics, so that its validator is compiled once."""
    item = {
        "type": "object",
        "properties": {
            "quote": {"type": "string", "maxLength": LONGEST_QUOTE},
            "score": {"type": "integer", "minimum": low, "maximum": high},
        },
        "required": ["quote", "score"],
        "additionalProperties": False,
    }
    scores = {
        "type": "object",
        "properties": dict.fromkeys(names, item),
        "required": list(names),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"scores": scores},
        "required": ["scores"],
        "additionalProperties": False,
    }


def render_transcript(messages: tuple[Message, ...], names: DomainSettings) -> str:
    """A conversation as lines of `Name: words`, without system messages."""
    speakers = {"user": names.patient, "assistant": names.counselor}
    return "\n".join(
        f"{speakers[turn.role]}: {turn.content}" for turn in messages if turn.role in speakers
    )


def squash(text: str) -> str:
    """Lower case, single spaces and one kind of quotation mark and dash, for looking quotes up."""
    plain = unicodedata.normalize("NFKC", text.translate(PLAIN)).lower()
    return " ".join(DASHES.sub("-", plain).split())


def squash_quote(text: str) -> str:
    """The same, without the quotation marks and the ellipsis that a judge puts around a quote."""
    return squash(text).strip("' .")
