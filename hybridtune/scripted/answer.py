"""From a task and its inputs to the stand-in's answer, as the text that a server would send."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hybridtune.domain import Domain
from hybridtune.errors import DataError
from hybridtune.records import Message
from hybridtune.scripted import attribution, counselor, judge, patient, teacher
from hybridtune.scripted.stock import Stock, stock

Answer = Callable[[Stock, Mapping[str, Any], Sequence[Message], int | None], Any]

TASKS: dict[str, tuple[tuple[str, ...], Answer]] = {
    "persona": (("theme",), lambda stock, inputs, _, seed: teacher.persona(stock, inputs, seed)),
    "scenario": (
        ("persona", "theme"),
        lambda stock, inputs, _, seed: teacher.scenario(stock, inputs, seed),
    ),
    "session": (
        ("persona", "scenario", "exchanges"),
        lambda stock, inputs, _, seed: teacher.session(stock, inputs, seed),
    ),
    "patient": (
        ("persona", "scenario", "max_exchanges"),
        patient.next_words,
    ),
    "counselor": (
        (),
        lambda stock, _, messages, seed: counselor.next_words(stock, messages, seed),
    ),
    "judge": (("rubric", "messages"), lambda stock, inputs, *_: judge.verdict(stock, inputs)),
    "compare": (
        ("rubric", "first", "second"),
        lambda stock, inputs, *_: judge.compare(stock, inputs),
    ),
    "attribute": (("lines",), lambda _, inputs, *__: attribution.speakers(inputs)),
}
"""What the stand-ins can do: task -> the inputs that it needs, and what answers it."""


def answer(
    domain: Domain,
    task: str,
    inputs: Mapping[str, Any],
    messages: Sequence[Message],
    seed: int | None = None,
) -> str:
    """The stand-in's answer: plain text for a speaker's turn, else JSON.

    Raises:
        DataError: no such task, or an input is missing.
    """
    if task not in TASKS:
        raise DataError(f"unknown task {task!r}", where="task", fix=f"one of {', '.join(TASKS)}")
    needed, respond = TASKS[task]
    lacking = [name for name in needed if name not in inputs]
    if lacking:
        raise DataError(f"task {task!r} lacks the input {lacking[0]!r}", where="inputs")
    value = respond(stock(domain), inputs, messages, seed)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
