"""Counts the calls and tokens of a model, task by task, for the report."""

from collections import defaultdict
from typing import Any

from hybridtune.chat.model import ChatModel, ChatReply, ChatRequest


class Meter:
    """A chat model that passes everything on and adds up what it cost.

    Replies out of the request cache count as what they cost when they were made, so the sums of a
    resumed run are those of an uninterrupted one.
    """

    def __init__(self, model: ChatModel) -> None:
        self.model = model
        self.tasks: dict[str, dict[str, int]] = defaultdict(
            lambda: {"calls": 0, "prompt_tokens": 0, "completion_tokens": 0}
        )

    @property
    def description(self) -> dict[str, Any]:
        """The model's own."""
        return self.model.description

    @property
    def completion_tokens(self) -> int:
        """Tokens written so far, over all tasks."""
        return sum(count["completion_tokens"] for count in self.tasks.values())

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Answer one request; a failed one costs nothing that is known."""
        reply = await self.model.complete(request)
        count = self.tasks[request.task]
        count["calls"] += 1
        count["prompt_tokens"] += reply.prompt_tokens
        count["completion_tokens"] += reply.completion_tokens
        return reply
