"""Sessions to rows of tokens: windows that train every counselor turn once, and their counts.

A turn that the session names as untrained is the exception: it is context, and carries no loss.

Reads `variants/<name>/dataset.jsonl` and `held_out.jsonl` (through the caller).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from jinja2 import TemplateError

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import DataError
from hybridtune.records import Session
from training.template import IGNORED, Chat, Row
from training.windows import Measure, Window, earliest, plan_windows

Turn = dict[str, str]


@dataclass
class Tally:
    """What became of a set of sessions; goes into `training.json` as it is.

    Attributes:
        counselor_turns: all there are; of these
        untrained_turns: are context only, by `Session.untrained`, and
        dropped_turns: are too long, by name. Every other one is trained once.
        untrained_sessions: have counselor turns, but none to train.
    """

    sessions: int = 0
    untrained_sessions: int = 0
    counselor_turns: int = 0
    untrained_turns: int = 0
    windows: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    longest_window: int = 0
    openers: int = 0
    dropped_turns: list[str] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Count one window."""
        self.windows += 1
        self.tokens += len(row.input_ids)
        self.trained_tokens += sum(label != IGNORED for label in row.labels)
        self.longest_window = max(self.longest_window, len(row.input_ids))


def rows_of(
    sessions: Iterable[Session], chat: Chat, settings: TrainingSettings, opener: str
) -> tuple[list[Row], Tally]:
    """Cut sessions into windows and tokenise them.

    A counselor turn that does not fit into `max_length` tokens together with the patient's turn
    before it is dropped, and named in the tally; every other one that the session does not name as
    untrained is trained exactly once. A session without such a turn gives no row.

    Raises:
        DataError: the template cannot render a session, or nothing is left to train on.
    """
    rows: list[Row] = []
    tally = Tally()
    for session in sessions:
        rows += counted_rows(session, chat, settings, opener, tally)
    if tally.sessions and not rows:
        raise nothing_to_train(tally, settings)
    return rows, tally


def counted_rows(
    session: Session, chat: Chat, settings: TrainingSettings, opener: str, tally: Tally
) -> list[Row]:
    """The windows of one session, counted in a tally."""
    try:
        found = session_rows(session, chat, settings, opener, tally)
    except TemplateError as error:
        what = f"the chat template of {chat.model} refuses this session: {error}"
        raise DataError(what, where=session.id, fix="speakers must alternate") from None
    tally.sessions += 1
    for row in found:
        tally.add(row)
    return found


def trained_tokens(session: Session, chat: Chat, settings: TrainingSettings, opener: str) -> int:
    """How many tokens of one session carry loss."""
    tally = Tally()
    counted_rows(session, chat, settings, opener, tally)
    return tally.trained_tokens


def nothing_to_train(tally: Tally, settings: TrainingSettings) -> DataError:
    """Why there are sessions, but no row."""
    if tally.dropped_turns or not tally.untrained_turns:
        what = f"no counselor turn fits into {settings.max_length} tokens"
        return DataError(what, where="training.max_length", fix="raise it")
    return DataError(
        f"all counselor turns ({tally.untrained_turns}) are marked as untrained",
        where=f"sessions ({tally.sessions})",
        fix="add sessions whose counselor says more, or clear `untrained` in some",
    )


def session_rows(
    session: Session, chat: Chat, settings: TrainingSettings, opener: str, tally: Tally
) -> list[Row]:
    """The windows of one session."""
    exchanges = exchanges_of(session)
    untrained = untrained_exchanges(session)

    def window(first: int, last: int) -> list[Turn]:
        turns = [turn for exchange in exchanges[first : last + 1] for turn in exchange]
        if chat.needs_opener and turns[0]["role"] == "assistant":
            return [{"role": "user", "content": opener}, *turns]
        return turns

    def measure(first: int, last: int) -> int:
        return chat.length(window(first, last))

    windows, too_long = plan_windows(
        len(exchanges),
        measure,
        max_length=settings.max_length,
        context_tokens=settings.context_tokens,
        most=chat.turns_per_window,
    )
    rows = []
    for plan in teaching(windows, untrained, measure, settings):
        turns = window(plan.first, plan.last)
        tally.openers += len(turns) > sum(map(len, exchanges[plan.first : plan.last + 1]))
        answers = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
        trained = set(range(plan.trained, plan.last + 1)) - untrained
        rows.append(chat.row(turns, [answers[place - plan.first] for place in sorted(trained)]))
    tally.counselor_turns += len(exchanges)
    tally.untrained_turns += len(untrained)
    tally.untrained_sessions += 0 < len(exchanges) == len(untrained)
    tally.dropped_turns += [
        f"{session.id}: counselor turn {place + 1}" for place in too_long if place not in untrained
    ]
    return rows


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
