"""Sessions to rows of tokens: windows that train every counselor turn once, and their counts.

A turn that the session names as untrained is the exception: it is context, and carries no loss.

Reads `variants/<name>/dataset.jsonl` and `held_out.jsonl` (through the caller).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jinja2 import TemplateError

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import DataError
from hybridtune.records import Session
from training.cuts import Cut, Talk, cuts_of
from training.fitting import choose_cuts
from training.template import IGNORED, Chat, Row


@dataclass
class Tally:
    """What became of a set of sessions; goes into `training.json` as it is.

    Attributes:
        counselor_turns: all there are; of these
        untrained_turns: are context only, by `Session.untrained`, and
        dropped_turns: are too long, by name. Every other one is trained once, and
        trained_turns: is what the check counts of them in the finished rows.
        untrained_sessions: have counselor turns, but none to train.
    """

    sessions: int = 0
    untrained_sessions: int = 0
    counselor_turns: int = 0
    untrained_turns: int = 0
    trained_turns: int = 0
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
    tally = Tally()
    talks = [Talk(session, chat, opener) for session in sessions]
    ways: list[list[Cut]] = []
    for talk in talks:
        with naming(talk):
            cuts, too_long = cuts_of(talk, settings)
        ways.append(cuts)
        count(talk, too_long, tally)
    chosen = choose_cuts([[cut.lengths for cut in cuts] for cuts in ways], settings.max_length)
    rows: list[Row] = []
    for talk, cuts, number in zip(talks, ways, chosen, strict=True):
        with naming(talk):
            rows += session_rows(talk, cuts[number], tally)
    for row in rows:
        tally.add(row)
    if tally.sessions and not rows:
        raise nothing_to_train(tally, settings)
    return rows, tally


@contextmanager
def naming(talk: Talk) -> Iterator[None]:
    """Name the session that a template refuses."""
    try:
        yield
    except TemplateError as error:
        what = f"the chat template of {talk.chat.model} refuses this session: {error}"
        raise DataError(what, where=talk.session.id, fix="speakers must alternate") from None


def trained_tokens(session: Session, chat: Chat, settings: TrainingSettings, opener: str) -> int:
    """How many tokens of one session carry loss; however it is cut, they are the same."""
    talk = Talk(session, chat, opener)
    with naming(talk):
        cuts, _ = cuts_of(talk, settings)
        rows = session_rows(talk, cuts[0], Tally())
    return sum(label != IGNORED for row in rows for label in row.labels)


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


def session_rows(talk: Talk, cut: Cut, tally: Tally) -> list[Row]:
    """The windows of one session."""
    rows = []
    for plan in cut.windows:
        turns = talk.window(plan.first, plan.last)
        held = sum(map(len, talk.exchanges[plan.first : plan.last + 1]))
        tally.openers += len(turns) > held
        answers = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
        trained = sorted(set(range(plan.trained, plan.last + 1)) - talk.untrained)
        rows.append(talk.chat.row(turns, [answers[place - plan.first] for place in trained]))
        rows[-1].session = talk.session.id
    return rows


def count(talk: Talk, too_long: list[int], tally: Tally) -> None:
    """Count a session's turns, and name those that no window holds."""
    turns = len(talk.exchanges)
    tally.sessions += 1
    tally.counselor_turns += turns
    tally.untrained_turns += len(talk.untrained)
    tally.untrained_sessions += 0 < turns == len(talk.untrained)
    tally.dropped_turns += [
        f"{talk.session.id}: counselor turn {place + 1}"
        for place in too_long
        if place not in talk.untrained
    ]
