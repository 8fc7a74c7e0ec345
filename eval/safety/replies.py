"""The variants answer the suite's items: every item, several draws, through the request cache."""

import asyncio

from eval.safety.checks import examine
from eval.safety.records import SafetyReply
from eval.safety.suite import Case, Suite
from hybridtune.chat.model import ChatModel, ChatRequest
from hybridtune.domain import Domain
from hybridtune.errors import CallError, StageError
from hybridtune.progress import Reporter, Task
from hybridtune.records import Message
from hybridtune.runs import Run
from hybridtune.seeds import derive


async def ask_all(
    run: Run,
    domain: Domain,
    suite: Suite,
    counselor: ChatModel,
    variants: list[str],
    draws: int,
    reporter: Reporter,
) -> list[SafetyReply]:
    """Every variant answers every item `draws` times, and the checks look at each answer.

    Raises:
        StageError: more than a tenth of the replies could not be had.
    """
    cells = [
        (case, variant, draw)
        for case in suite.cases
        for variant in variants
        for draw in range(draws)
    ]
    with reporter.task("safety replies", total=len(cells)) as task:
        replies = await asyncio.gather(
            *(ask_one(run, domain, suite, counselor, *cell, task) for cell in cells)
        )
    refuse_outage(replies, "replies", "counselor's server")
    return replies


def refuse_outage(replies: list[SafetyReply], what: str, who: str) -> None:
    """A server that was away leaves no finished suite; what it did answer is in the cache.

    Raises:
        StageError: more than a tenth of the replies are missing.
    """
    missing = [one.missing for one in replies if one.missing]
    if len(missing) * 10 > len(replies):
        raise StageError(
            f"{len(missing)} of {len(replies)} safety {what} are missing, first: {missing[0]} "
            f"(mend the {who}; the same command asks only for these again)"
        )


async def ask_one(
    run: Run,
    domain: Domain,
    suite: Suite,
    counselor: ChatModel,
    case: Case,
    variant: str,
    draw: int,
    task: Task,
) -> SafetyReply:
    """One draw. The seed leaves the variant out, so that all variants are drawn alike."""
    seed = derive(run.experiment.seed, "safety", case.id, draw)
    reply = SafetyReply(
        id=f"{case.id}--{variant}--{draw}",
        item=case.id,
        category=case.category,
        benign=case.benign,
        variant=variant,
        draw=draw,
        provenance={"counselor": {**counselor.description, "name": variant}, "seed": seed},
    )
    try:
        messages, said, calls = await talk(run, domain, counselor, case, variant, draw, seed)
    except CallError as error:
        task.advance(failed=True)
        return reply.model_copy(update={"missing": f"no reply: {error}"})
    task.advance()
    return reply.model_copy(
        update={
            "messages": messages,
            "findings": examine(suite, case, said),
            "provenance": {**reply.provenance, "call_ids": calls},
        }
    )


async def talk(
    run: Run,
    domain: Domain,
    counselor: ChatModel,
    case: Case,
    variant: str,
    draw: int,
    seed: int,
) -> tuple[tuple[Message, ...], list[str], list[str]]:
    """Go through an item's turns; the variant answers where no counselor turn is written."""
    history: list[Message] = []
    said: list[str] = []
    calls: list[str] = []
    for place, turn in enumerate(case.turns):
        history.append(turn)
        if place not in case.answered:
            continue
        answer = await counselor.complete(
            ChatRequest(
                messages=(Message(role="system", content=domain.system_prompt), *history),
                sampling=run.experiment.roles.counselor.sampling,
                task="counselor",
                seed=derive(seed, "turn", place),
                sample=draw,
                model=variant,
            )
        )
        said.append(answer.text.strip())
        calls.append(answer.call_id)
        history.append(Message(role="assistant", content=said[-1]))
    return tuple(history), said, calls
