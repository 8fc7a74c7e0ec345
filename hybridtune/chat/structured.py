"""JSON answers: how they are asked for, parsed and checked on our side, and asked for again."""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic_core import from_json

from hybridtune.records import Message
from hybridtune.schemas import misfit

Mode = Literal["json_schema", "json_object", "prompt"]
ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
HALF = re.compile("[\ud800-\udfff]")


def response_format(mode: Mode, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The body fields that ask a server for JSON; none where the prompt alone must do."""
    if mode == "json_schema":
        wanted = {"name": name, "schema": dict(schema), "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": wanted}}
    if mode == "json_object":
        return {"response_format": {"type": "json_object"}}
    return {}


def parse_json(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value in an answer, checked against the schema.

    Prose or a code fence around one JSON object is forgiven; models add it whatever one says.

    Raises:
        ValueError: there is no JSON, or it does not fit; the message is written for the model.
    """
    value = first_json(text)
    if problem := misfit(value, schema):
        raise ValueError(problem)
    return value


def first_json(text: str) -> Any:
    """Decode the whole text, or the first object that stands in it."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return found_json(text)


def found_json(text: str) -> Any:
    """As `first_json`, for a text that is not JSON from end to end; says what is wrong with it."""
    decoder = json.JSONDecoder(parse_constant=refuse_constant)
    try:
        try:
            value = decoder.decode(text)
        except json.JSONDecodeError as whole:
            start = text.find("{")
            if start < 0:
                raise ValueError(f"there is no JSON object in the answer: {whole.msg}") from None
            value = decoder.raw_decode(text, start)[0]
        if ESCAPED_HALF.search(text):
            refuse_halves(value)
        return value
    except json.JSONDecodeError as inner:
        raise ValueError(f"the JSON is broken: {inner.msg}") from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def refuse_halves(value: Any) -> None:
    """Half of a surrogate pair, written as an escape, decodes, and then fits into no file."""
    if HALF.search(json.dumps(value, ensure_ascii=False)):
        raise ValueError("it holds half a character: a surrogate without its other half")


def refuse_constant(name: str) -> None:
    """Python would read `NaN` and `Infinity`, which are not JSON and fit no file of ours."""
    raise ValueError(f"{name} is not a JSON number")


def correction(answer: str, problem: str) -> tuple[Message, Message]:
    """The two turns that ask for an answer again."""
    return (
        Message(role="assistant", content=answer),
        Message(
            role="user",
            content=f"That answer cannot be used: {problem}. "
            "Answer again with one JSON object that fits the schema, and nothing else.",
        ),
    )
