"""What servers send back, read with care: completions, errors, `Retry-After`."""

import json
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic_core import from_json

from hybridtune.calls import Answer


def read_answer(text: str) -> Answer | None:
    """The part of a chat completion that we keep; None where it is none."""
    try:
        reply = loaded(text)
        choice = reply["choices"][0]
        words = choice["message"].get("content") or ""
        usage = reply.get("usage") or {}
        if not isinstance(words, str):
            return None
        return Answer(
            text=words.encode("utf-8", "replace").decode(),  # half a surrogate pair fits no file
            finish_reason=str(choice.get("finish_reason") or "unknown"),
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return None


def read_completion(text: str) -> Answer:
    """The part of a chat completion that we keep.

    Raises:
        ValueError: it is none.
    """
    answer = read_answer(text)
    if answer is None:
        raise ValueError("not a chat completion")
    return answer


def loaded(text: str) -> Any:
    """A JSON document; the quick parser refuses half a surrogate pair, the other one does not."""
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


def error_text(text: str, key: str | None = None, most: int = 300) -> str:
    """The message inside an OpenAI-style error body, else the body's beginning, on one line.

    A server that echoes our key must not bring it into a log: it is cut out before the shortening.
    """
    try:
        body = json.loads(text)
        error = body.get("error", body) if isinstance(body, dict) else body
        message = error.get("message") if isinstance(error, dict) else error
        text = str(message or text)
    except (ValueError, RecursionError):
        pass
    if key:
        text = text.replace(key, "[key]").replace(json.dumps(key)[1:-1], "[key]")
    return " ".join(text.split())[:most]


def seconds_of(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds, from a number or a date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(retry_after)
        return max(0.0, (date - datetime.now(date.tzinfo)).total_seconds())
    except (ValueError, TypeError):
        return None
