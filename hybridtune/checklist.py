"""Scores by checklist: the judge answers yes or no, the score is counted.

People agree on whether something was said far better than on a number for it. A `yes` must come
with a quote of the counselor; where nobody said those words, the thing was not observed.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from hybridtune.domain import Dimension, Rubric
from hybridtune.records import Evidence, Observed

Found = Callable[[str], bool]
"""Whether the counselor said these words."""


def checklist_schema(rubric: Rubric, longest_quote: int) -> dict[str, Any]:
    """The JSON Schema of an answer: `{"items": {dimension: {item: {"quote", "answer"}}}}`."""
    shape = tuple((name, tuple(one.items)) for name, one in rubric.dimensions.items())
    return checklist_shape(shape, longest_quote)


@cache
def checklist_shape(
    shape: tuple[tuple[str, tuple[str, ...]], ...], longest_quote: int
) -> dict[str, Any]:
    """One object for equal rubrics, so that its validator is compiled once."""
    answer = closed(
        {
            "quote": {"type": "string", "maxLength": longest_quote},
            "answer": {"enum": ["yes", "no"]},
        }
    )
    dimensions = {name: closed(dict.fromkeys(items, answer)) for name, items in shape}
    return closed({"items": closed(dimensions)})


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object with exactly these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def checklist_scores(
    rubric: Rubric, answers: Mapping[str, Any], found: Found
) -> dict[str, Evidence]:
    """Every dimension's score from the answers to its items."""
    return {
        name: counted(rubric, dimension, answers[name], found)
        for name, dimension in rubric.dimensions.items()
    }


def counted(
    rubric: Rubric, dimension: Dimension, answers: Mapping[str, Any], found: Found
) -> Evidence:
    """The share of items in the counselor's favour, on the rubric's scale, rounded half up."""
    items = {
        name: Observed(
            yes=answers[name]["answer"] == "yes",
            quote=answers[name]["quote"],
            quote_found=found(answers[name]["quote"]),
        )
        for name in dimension.items
    }
    shown = {name for name, item in items.items() if item.yes and item.quote_found}
    for_it = sum((name in shown) == item.good for name, item in dimension.items.items())
    points = (rubric.high - rubric.low) * for_it / len(items)
    quote = next((items[name].quote for name in items if name in shown), "")
    return Evidence(
        score=rubric.low + int(points + 0.5), quote=quote, quote_found=bool(shown), items=items
    )
