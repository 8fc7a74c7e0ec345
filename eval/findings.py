"""What an audit has found, in plain sentences; reads and writes no files."""

from typing import Any

LEAST_ALPHA = 0.667
"""Below it Krippendorff 2004 draws no conclusions."""
ALPHA = 0.05


def findings(audited: dict[str, Any]) -> list[str]:
    """The faults of one judge; an empty list means that none was found at this number of cases."""
    return [
        *unsteady(audited["repeatability"]),
        *swayed_by_place(audited["position"]),
        *swayed_by_length(audited["verbosity"]),
        *fond_of_itself(audited.get("self_preference", {})),
    ]


def notes(audited: dict[str, Any]) -> list[str]:
    """What the figures of one judge cannot show."""
    if audited["temperature"]:
        return []
    return [
        "It reads at temperature 0, where an answer is nearly the same each time: that readings"
        " agree shows little."
    ]


def unsteady(repeatability: dict[str, Any]) -> list[str]:
    """Dimensions with a single level, or whose readings disagree."""
    found = []
    for name, told in repeatability.items():
        alpha = told["alpha"]["value"]
        if told["levels"] == 1:
            found.append(
                f"It gives {told['mean']:g} on {name} to all {told['n']} conversations: its scores"
                " tell nothing apart."
            )
        elif alpha is not None and alpha < LEAST_ALPHA:
            found.append(
                f"Read again, it gives other scores on {name} (alpha {alpha:.2f}, under"
                f" {LEAST_ALPHA})."
            )
    return found


def swayed_by_place(position: dict[str, Any]) -> list[str]:
    """A preferred place, where the answers of both orders contradict each other."""
    if position["p"] >= ALPHA:
        return []
    place = "first" if position["first"] > position["second"] else "second"
    return [
        f"It prefers what stands {place}: {position[place]} of {position['n']} pairs were won by"
        f" that place in both orders."
    ]


def swayed_by_length(verbosity: dict[str, Any]) -> list[str]:
    """A higher score, or more wins, for words that say nothing."""
    found, shift = [], verbosity["shift"]
    if shift["low"] is not None and shift["low"] > 0:
        found.append(
            f"Padding raises its score by {shift['mean']:.2f} points"
            f" ({shift['low']:.2f} to {shift['high']:.2f}, n = {shift['n']})."
        )
    if verbosity["low"] is not None and verbosity["low"] > 0.5:
        found.append(
            f"It prefers the longer of two equal conversations: {verbosity['longer']} to"
            f" {verbosity['shorter']}, {verbosity['tie']} tied."
        )
    return found


def fond_of_itself(own: dict[str, Any]) -> list[str]:
    """A lead for its own model that other judges do not see."""
    if not own.get("measured") or own["low"] is None or own["low"] <= 0:
        return []
    return [
        f"It favours its own model by {own['mean']:.2f} points more than the other judges do"
        f" ({own['low']:.2f} to {own['high']:.2f}, n = {own['n']} scenarios)."
    ]
