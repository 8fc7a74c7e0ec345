"""Held-out scenarios that training sessions have seen, in the same words or nearly so.

Counts runs of five words, so a scenario that was copied with a few words changed is found; one that
was told anew in other words is not. Reads and writes no files.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from hybridtune.records import Scenario, Session

RUN = 5
"""Words in a row that are looked up."""
LEAKED = 0.5
"""From this share of a scenario's runs on, a session counts as written from it."""
WORD = re.compile(r"\w+")


class HeldOut:
    """The evaluation scenarios by their runs of words."""

    def __init__(self, scenarios: Iterable[Scenario]) -> None:
        self.sizes: dict[str, int] = {}
        self.holders: defaultdict[str, list[str]] = defaultdict(list)
        for scenario in scenarios:
            found = set(runs(scenario.scenario))
            self.sizes[scenario.id] = len(found)
            for run in found:
                self.holders[run].append(scenario.id)

    def seen_in(self, session: Session) -> str | None:
        """The scenario whose words a session repeats most, if it repeats too much of one."""
        texts = [session.scenario or {}, [turn.content for turn in session.messages]]
        shared = Counter(name for run in set(runs(texts)) for name in self.holders.get(run, ()))
        shares = {name: count / self.sizes[name] for name, count in shared.items()}
        worst = max(shares, key=lambda name: (shares[name], name), default=None)
        return worst if worst is not None and shares[worst] >= LEAKED else None


def runs(value: Any) -> Iterator[str]:
    """All runs of `RUN` words in the texts of a JSON value; none crosses from text to text."""
    if isinstance(value, str):
        words = WORD.findall(value.casefold())
        yield from (" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from runs(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from runs(inner)
