"""JSON Schemas (draft 2020-12), compiled: a check takes microseconds, and nothing is fetched."""

from collections.abc import Mapping
from typing import Any, NoReturn, cast

import jsonschema_rs

RECENT = 64
recent: dict[int, tuple[Mapping[str, Any], jsonschema_rs.Draft202012Validator]] = {}
"""Validators by their schema's identity; holding the schema keeps another from getting its id."""


def compiled(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """A validator for a schema, which nobody may change from then on.

    Raises:
        ValueError: it is no JSON Schema, or it refers to one that is elsewhere.
    """
    known = recent.get(id(schema))
    if known:
        return known[1]
    try:
        content = cast("dict[str, Any]", schema)
        validator = jsonschema_rs.Draft202012Validator(content, retriever=refused)
    except jsonschema_rs.ValidationError as error:
        raise ValueError(error.message) from None
    if len(recent) >= RECENT:
        recent.clear()
    recent[id(schema)] = schema, validator
    return validator


def refused(address: str) -> NoReturn:
    """A schema elsewhere: looking it up would be a request that nobody configured."""
    raise ValueError(f"{address} is another document; write its content here")


def misfit(value: Any, schema: Mapping[str, Any]) -> str | None:
    """What does not fit, in words for the one who wrote the value; None where it fits."""
    if compiled(schema).is_valid(value):
        return None
    # Slower, and it says which of several errors is the telling one.
    import jsonschema  # noqa: PLC0415 - 0.1 s to import, and rarely needed

    found = jsonschema.Draft202012Validator(schema).iter_errors(value)
    error = jsonschema.exceptions.best_match(found)
    if error is None:
        return None
    place = "/".join(str(part) for part in error.absolute_path)
    return f"at {place or 'the top level'}: {error.message[:300]}"
