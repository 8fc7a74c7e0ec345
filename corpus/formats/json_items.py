"""A JSON file that is one long list, or an object around one: the items, each with its line."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from corpus.encoding import read_text
from corpus.formats.jsonstream import Text
from corpus.transcript import Source

NO_TIME = 1e15  # no recording lasts so long, and JSON's whole numbers may be too large for a float
Item: TypeAlias = tuple[int, dict[str, Any]]
"""An object, and the line on which it begins."""


@dataclass(frozen=True)
class Items:
    """A file's list; `key` names it in the file's object, and is empty if the file is the list."""

    key: str
    items: list[Item]


def read_items(source: Source, keys: Collection[str], shape: str) -> Items:
    """Read the list that a file is, or that stands in its object under one of some keys.

    Raises:
        DataError: not JSON, no such list, an empty one, or one of something other than objects.
    """
    text = Text(source, read_text(source))
    found: dict[str, list[Item]] = {}
    if text.take("{"):
        found = dict(lists_of_object(text, keys))
    elif text.take("["):
        found = {"": list(text.rest_of_list())}
    else:
        text.value()
    if not text.at_end():
        raise text.error("something follows the end")
    key = next((key for key in ("", *keys) if found.get(key)), None)
    if key is None:
        raise source.error(f"no {next(iter(keys))}", 1, f"needs {shape}")
    for line, item in found[key]:
        if not isinstance(item, dict):
            shown = "a list" if isinstance(item, list) else json.dumps(item)[:40]
            raise source.error(f"not an object: {shown}", line, f"needs {shape}")
    return Items(key, found[key])


def lists_of_object(text: Text, keys: Collection[str]) -> Iterator[tuple[str, list[Item]]]:
    """The lists under some keys of an object whose brace was taken; its other values are passed."""
    more = not text.take("}")
    while more:
        _, key = text.value()
        if not isinstance(key, str) or not text.take(":"):
            raise text.error("a name and a colon are missing")
        if key in keys and text.take("["):
            yield key, list(text.rest_of_list())
        else:
            text.value()
        more = text.take(",")
        if not more and not text.take("}"):
            raise text.error("the object neither goes on nor ends here")


def number(value: Any, scale: float = 1.0) -> float | None:
    """A time in seconds from what should be a number of such units; None for anything else."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < NO_TIME
    return value / scale if good else None
