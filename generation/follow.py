"""Close behind the writing: rows are looked at in their order while others still wait for answers.

Whom a persona is like, and which drafts are taken, depends on the rows before; rows are done in any
order. So each row that is done lets a few go on that are next in turn. What is left when the last
is done, and all that follows a row that must give way, is the stage's to do.
"""

from generation.outcomes import Outcome
from generation.outputs import Outputs
from generation.personas import Company, Crowded
from generation.store import RowStore

AT_ONCE = 4
"""Rows that one row lets go on: more than come, and few enough that no answer waits for long."""
FRESH = 256
"""Outcomes held in memory, so that it stays flat while one row keeps thousands waiting."""


class Follower:
    """The rows that are done, in turn.

    Attributes:
        crowded: rows whose persona must give way to that of a settled one.
    """

    def __init__(self, store: RowStore, outputs: Outputs, company: Company) -> None:
        self.store, self.outputs, self.company = store, outputs, company
        self.crowded: list[Crowded] = []
        self.next = self.reached = 0
        self.ahead: set[int] = set()
        self.fresh: dict[int, Outcome] = {}

    def done(self, row: int, outcome: Outcome | None = None) -> None:
        """This row is in the store; the first few that wait their turn need not be read again."""
        self.ahead.add(row)
        if outcome and len(self.fresh) < FRESH:
            self.fresh[row] = outcome
        while self.reached in self.ahead:
            self.ahead.remove(self.reached)
            self.reached += 1

    def go_on(self, most: int | None = AT_ONCE) -> None:
        """Look at some rows, or with None at all, whose turn has come."""
        stop = self.reached if most is None else min(self.reached, self.next + most)
        for row in range(self.next, stop):
            outcome = self.fresh.pop(row, None) or self.store.get(row)
            persona = outcome.persona
            if persona:
                found = self.company.meet(outcome.row.index, persona.id, persona.persona)
                self.crowded += [found] if found else []
            if self.company.unsettled_from is None:
                self.outputs.add(outcome)
        self.next = stop
