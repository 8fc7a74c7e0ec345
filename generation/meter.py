"""Counts the calls and tokens of a model, task by task: of one row, or of all."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hybridtune.chat.model import ChatModel, ChatReply, ChatRequest
from hybridtune.errors import AnswerError


class Spent:
    """Calls and tokens by task."""

    def __init__(self) -> None:
        self.tasks: dict[str, Counter[str]] = {}

    def add(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Add what something else has spent."""
        for task, spent in counts.items():
            self.of(task).update(spent)

    def of(self, task: str) -> Counter[str]:
        """What one task has cost, to be added to."""
        return self.tasks.setdefault(task, Counter())

    def counts(self) -> dict[str, dict[str, int]]:
        """The sums, by task."""
        return {task: dict(self.tasks[task]) for task in sorted(self.tasks)}


class Meter:
    """A chat model that passes everything on and adds up what it cost.

    Replies out of the request cache count as what they cost when they were made, so the sums of a
    resumed run are those of an uninterrupted one; `fresh_tokens` are those of this process alone.
    """

    def __init__(self, model: ChatModel) -> None:
        self.model = model
        self.spent = Spent()
        self.fresh_tokens = 0
        self.started = time.monotonic()

    @property
    def description(self) -> dict[str, Any]:
        """The model's own."""
        return self.model.description

    @property
    def speed(self) -> str:
        """Tokens that the server has written a second since this meter was made."""
        return f"{self.fresh_tokens / max(1e-9, time.monotonic() - self.started):,.0f} tokens/s"

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Answer one request; what came in vain counts, what never came is not known."""
        try:
            reply = await self.model.complete(request)
        except AnswerError as error:
            if error.spent:
                self.spent.add({request.task: error.spent})
            raise
        spent = self.spent.of(request.task)
        spent["calls"] += reply.tries
        spent["prompt_tokens"] += reply.prompt_tokens
        spent["completion_tokens"] += reply.completion_tokens
        self.fresh_tokens += 0 if reply.cached else reply.completion_tokens
        return reply
