"""What a comparison of variants says, in sentences."""

from collections.abc import Mapping
from typing import Any

HASH = 64


def verdicts(found: Mapping[str, Any]) -> list[str]:
    """Whether the variants can be compared, and in what, one line each."""
    names = list(found["variants"])
    if len(names) == 1:
        lines = [f"{names[0]} alone: name others to compare it with"]
    elif found["comparable"]:
        lines = [f"comparable: {enumerated(names)} differ in their data alone"]
    else:
        lines = [
            f"NOT comparable: {each['what']} is {told(each['values'])}: {each['why']}"
            for each in found["not_comparable"]
        ]
    lines += [
        f"by design: {each['what']}: {told(each['values'])}"
        for each in found["by_design"]
        if each["what"] in {"shares", "budget", "mixture seed"}
    ]
    return lines + amounts(found)


def amounts(found: Mapping[str, Any]) -> list[str]:
    """How much each was trained, and what may be read from that."""
    variants, groups = found["variants"], found["equally_trained"]
    least = variants[groups[0][0]]["tokens in the adapter"] or 1
    lines = []
    for group in groups:
        low, *_, high = sorted([variants[name]["tokens in the adapter"] for name in group] * 2)
        spread = f" to {high:,}, {high / low - 1:.1%} more" if high > low else ""
        times = f", {low / least:.2f} times the fewest" if low > least else ""
        steps = sorted({variants[name]["adapter of step"] for name in group})
        lines.append(
            f"trained tokens: {enumerated(group)}: {low:,}{spread}{times}, in"
            f" {' or '.join(map(str, steps))} steps"
        )
    lines += [
        f"adapter of {name}: of step {its['adapter of step']} of {its['optimizer steps']}, by"
        f" {its['chosen by']}: what was trained behind it is not in it"
        for name, its in variants.items()
        if its["adapter of step"] < its["optimizer steps"]
    ]
    if len(groups) > 1:
        lines.append(
            "by design: across these lines more training alone may make a difference; `match:` in"
            " a variant makes a control with as many trained tokens (docs/training.md)"
        )
    return lines


def told(values: Mapping[str, Any]) -> str:
    """Each value with the variants that have it."""
    holders: dict[str, list[str]] = {}
    for name, value in values.items():
        holders.setdefault(word(value), []).append(name)
    return ", ".join(f"{value} in {enumerated(names)}" for value, names in holders.items())


def word(value: Any) -> str:
    """A value in a sentence: digests by their beginning."""
    if value is None or value == {}:
        return "not set"
    if isinstance(value, dict):
        return " and ".join(f"{name} {each}" for name, each in value.items())
    text = str(value)
    return text[:12] if len(text) == HASH and " " not in text else text


def enumerated(names: list[str]) -> str:
    """Names in a row."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
