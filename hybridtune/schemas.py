"""JSON Schemas (draft 2020-12), compiled: a check takes microseconds, and nothing is fetched."""

from collections.abc import Mapping
from typing import Any, NoReturn, cast

import jsonschema_rs


def compiled(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """A validator for a schema.

    Raises:
        ValueError: it is no JSON Schema, or it refers to one that is elsewhere.
    """
    try:
        content = cast("dict[str, Any]", schema)
        return jsonschema_rs.Draft202012Validator(content, retriever=refused)
    except jsonschema_rs.ValidationError as error:
        raise ValueError(error.message) from None


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
