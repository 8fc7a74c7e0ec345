"""Sessions to rows of tokens: windows that train every counselor turn once, and their counts.

Reads `variants/<name>/dataset.jsonl` and `held_out.jsonl` (through the caller).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from jinja2 import TemplateError

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import DataError
from hybridtune.records import Session
from training.template import IGNORED, Chat, Row
from training.windows import plan_windows

Turn = dict[str, str]


@dataclass
class Tally:
    """What became of a set of sessions; goes into `training.json` as it is."""

    sessions: int = 0
    counselor_turns: int = 0
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
    before it is dropped, and named in the tally; every other one is trained exactly once.

    Raises:
        DataError: the template cannot render a session, or nothing is left to train on.
    """
    rows: list[Row] = []
    tally = Tally()
    for session in sessions:
        try:
            found = session_rows(session, chat, settings, opener, tally)
        except TemplateError as error:
            what = f"the chat template of {chat.model} refuses this session: {error}"
            raise DataError(what, where=session.id, fix="speakers must alternate") from None
        rows += found
        tally.sessions += 1
        for row in found:
            tally.add(row)
    if tally.sessions and not rows:
        raise DataError(
            f"no counselor turn fits into {settings.max_length} tokens",
            where="training.max_length",
            fix="raise it",
        )
    return rows, tally


def session_rows(
    session: Session, chat: Chat, settings: TrainingSettings, opener: str, tally: Tally
) -> list[Row]:
    """The windows of one session."""
    exchanges = exchanges_of(session)

    def window(first: int, last: int) -> list[Turn]:
        turns = [turn for exchange in exchanges[first : last + 1] for turn in exchange]
        if chat.needs_opener and turns[0]["role"] == "assistant":
            return [{"role": "user", "content": opener}, *turns]
        return turns

    windows, too_long = plan_windows(
        len(exchanges),
        lambda first, last: chat.length(window(first, last)),
        max_length=settings.max_length,
        context_tokens=settings.context_tokens,
        most=chat.turns_per_window,
    )
    rows = []
    for plan in windows:
        turns = window(plan.first, plan.last)
        tally.openers += len(turns) > sum(map(len, exchanges[plan.first : plan.last + 1]))
        answers = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
        rows.append(chat.row(turns, answers[plan.trained - plan.first :]))
    tally.counselor_turns += len(exchanges)
    tally.dropped_turns += [f"{session.id}: counselor turn {place + 1}" for place in too_long]
    return rows


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
