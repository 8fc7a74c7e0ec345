"""A session as exchanges, and the ways to cut it into windows that train each of them once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from hybridtune.config.training import TrainingSettings
from hybridtune.records import Session
from training.template import Chat
from training.windows import Measure, Window, earliest, plan_windows

Turn = dict[str, str]
STEPS = 64
"""A long session is cut for windows shorter by so many parts of `max_length`, one after another."""


@dataclass
class Talk:
    """One session's exchanges, as a template renders them."""

    session: Session
    chat: Chat
    opener: str

    @cached_property
    def exchanges(self) -> list[list[Turn]]:
        """The turns, cut after each of the counselor's."""
        return exchanges_of(self.session)

    @cached_property
    def untrained(self) -> set[int]:
        """The exchanges whose counselor turn carries no loss."""
        return untrained_exchanges(self.session)

    def window(self, first: int, last: int) -> list[Turn]:
        """The turns of a window, behind an opener where the template insists on one."""
        turns = [turn for exchange in self.exchanges[first : last + 1] for turn in exchange]
        if self.chat.needs_opener and turns[0]["role"] == "assistant":
            return [{"role": "user", "content": self.opener}, *turns]
        return turns

    def measure(self, first: int, last: int) -> int:
        """The tokens of a window."""
        return self.chat.length(self.window(first, last))

    def estimate(self) -> Measure:
        """A quick measure: exact, apart from what a template does at the joints of exchanges."""
        alone = self.chat.lengths([self.window(n, n) for n in range(len(self.exchanges))])
        system = alone[0] + alone[1] - self.measure(0, 1) if len(alone) > 1 else 0
        ends = list(accumulate((length - system for length in alone), initial=0))
        return lambda first, last: system + ends[last + 1] - ends[first]


@dataclass(frozen=True)
class Cut:
    """Windows of a session that train all there is to train, and their lengths."""

    windows: list[Window]
    lengths: list[int]


def cuts_of(talk: Talk, settings: TrainingSettings) -> tuple[list[Cut], list[int]]:
    """The ways to cut a session, windows as long as possible first; and what fits into none.

    The others have as many windows, with which rows may be packed better. Where the template makes
    the quick measure wrong, the exact one decides.
    """
    size, one_each = settings.max_length, talk.chat.turns_per_window is not None
    whole = talk.measure(0, len(talk.exchanges) - 1) if talk.exchanges else 0
    quick = talk.measure if whole <= size and not one_each else talk.estimate()
    first, too_long = cut(talk, settings, quick, size)
    if max(first.lengths, default=0) > size:
        first, too_long = cut(talk, settings, talk.measure, size)
    found = [first]
    if len(first.windows) < 2 or one_each or not settings.sft.get("packing", True):
        return found, too_long
    for limit in range(size - size // STEPS, size // 2, -(size // STEPS)):
        other, missing = cut(talk, settings, quick, limit)
        if len(other.windows) > len(first.windows) or missing != too_long:
            break
        if max(other.lengths) <= size and other not in found:
            found.append(other)
    return found, too_long


def cut(
    talk: Talk, settings: TrainingSettings, measure: Measure, limit: int
) -> tuple[Cut, list[int]]:
    """Cut a session into windows of so many tokens; also the exchanges that are too long."""
    windows, too_long = plan_windows(
        len(talk.exchanges),
        measure,
        max_length=limit,
        context_tokens=settings.context_tokens,
        most=talk.chat.turns_per_window,
    )
    kept = teaching(windows, talk.untrained, measure, settings)
    return Cut(kept, [talk.measure(window.first, window.last) for window in kept]), too_long


def teaching(
    windows: Sequence[Window],
    untrained: Collection[int],
    measure: Measure,
    settings: TrainingSettings,
) -> list[Window]:
    """The windows that train anything, from their first trained exchange to their last one.

    Untrained exchanges before the first become context, and count towards its limit like the rest.
    """
    kept = []
    for plan in windows:
        trained = [place for place in range(plan.trained, plan.last + 1) if place not in untrained]
        if not trained:
            continue
        start, first = trained[0], plan.first
        if start > plan.trained:
            room = min(settings.context_tokens, settings.max_length // 2)
            first = max(first, earliest(start, measure, measure(start, start) + room))
        kept.append(replace(plan, first=first, trained=start, last=trained[-1]))
    return kept


def exchanges_of(session: Session) -> list[list[Turn]]:
    """Split a session after each counselor turn; what the patient says last teaches nothing."""
    exchanges: list[list[Turn]] = []
    current: list[Turn] = []
    for message in session.messages:
        if message.role == "system":
            continue
        current.append({"role": message.role, "content": message.content})
        if message.role == "assistant":
            exchanges.append(current)
            current = []
    return exchanges


def untrained_exchanges(session: Session) -> set[int]:
    """The exchanges whose counselor turn carries no loss."""
    places = [n for n, message in enumerate(session.messages) if message.role == "assistant"]
    return {number for number, place in enumerate(places) if place in session.untrained}
