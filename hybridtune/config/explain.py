"""From a validation error to one line: where the key is set, the reason, the nearest name."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from hybridtune.config.experiment import Experiment
from hybridtune.errors import ConfigError

Key = tuple[str, ...]


def explain(
    errors: Sequence[ErrorDetails], places: Mapping[Key, str], fallback: str
) -> ConfigError:
    """The error to tell first: an unknown key, since a mistyped one leaves the right one missing.

    Args:
        errors: as pydantic lists them.
        places: for each key the `file:line` or option that sets it.
        fallback: the place to name where no key has one.
    """
    error = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    raw: Key = tuple(str(part) for part in error["loc"])
    key = written_key(raw)
    message = error["msg"].removeprefix("Value error, ")
    told = tuple(message.partition(":")[0].split("."))  # checks of ours that span several keys
    where = nearest_place(key or told, places) or fallback
    name = ".".join(key)
    if error["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(key[-1], names_at(raw[:-1]), n=1, cutoff=0.5)
        fix = f"did you mean {nearest[0]!r}?" if nearest else "remove it"
        return ConfigError(f"unknown key {name!r}", where=where, fix=fix)
    return ConfigError(f"{name}: {message}" if name else message, where=where)


def written_key(loc: Key) -> Key:
    """The key as it stands in the file: pydantic puts a server's kind between name and field."""
    return (*loc[:2], *loc[3:]) if loc[:1] == ("servers",) else loc


def nearest_place(key: Key, places: Mapping[Key, str]) -> str | None:
    """The place of a key, or of the innermost mapping around it that has one."""
    lengths = range(len(key), 0, -1)
    return next((places[key[:length]] for length in lengths if key[:length] in places), None)


def names_at(loc: Key, annotation: Any = Experiment) -> list[str]:
    """The field names that are valid under a place, as pydantic names it."""
    models = models_in(annotation)
    if not loc:
        return [name for model in models for name in model.model_fields]
    part, rest = loc[0], loc[1:]
    if get_origin(annotation) is dict:
        return names_at(rest, get_args(annotation)[1])
    if len(models) > 1:
        return names_at(rest, next((each for each in models if kind_of(each) == part), None))
    known = models[0].model_fields if models else {}
    return names_at(rest, known[part].annotation) if part in known else []


def kind_of(model: type[BaseModel]) -> str:
    """The value of a server's `kind`."""
    kinds = get_args(model.model_fields["kind"].annotation)
    return str(kinds[0])


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """All configuration classes inside an annotation such as `dict[str, A | B]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]
