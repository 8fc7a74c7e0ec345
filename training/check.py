"""Are these the tokens that we want to train? Counted anew from the rows, whatever made them.

Runs over the whole dataset before every training and refuses the first fault. It knows nothing of
how rows are made: it reads tokens and labels, what the server would be sent, and the sessions.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import DataError
from hybridtune.records import Session
from training.data import Tally, rows_of
from training.template import IGNORED, Chat, Row, check_embeddings

Span = tuple[int, int]
MARKS = "no training template is needed: leave the marking to the serving template"


def checked_rows(
    sessions: Sequence[Session], chat: Chat, settings: TrainingSettings, opener: str
) -> tuple[list[Row], Tally]:
    """Cut sessions into rows as `rows_of` does, and check every one of them.

    Raises:
        DataError: as `rows_of` does, or tells the first fault in a row.
    """
    check_words(sessions, chat)
    rows, tally = rows_of(sessions, chat, settings, opener)
    tally.trained_turns = check_rows(rows, sessions, tally.dropped_turns, chat, settings)
    return rows, tally


def check_words(sessions: Iterable[Session], chat: Chat) -> None:
    """Refuse words that the tokenizer takes for its own marks, such as the end of a turn."""
    added = chat.tokenizer.added_tokens_decoder.values()
    marks = [token.content for token in added if token.special]
    for session in sessions:
        for place, message in enumerate(session.messages):
            found = next((mark for mark in marks if mark in message.content), None)
            if found:
                what = f"message {place} holds {found!r}, one of the tokenizer's special tokens"
                raise DataError(what, where=session.id, fix="take it out of the session")


def check_rows(
    rows: Iterable[Row],
    sessions: Iterable[Session],
    dropped: Sequence[str],
    chat: Chat,
    settings: TrainingSettings,
) -> int:
    """Refuse rows that do not train each counselor turn exactly once, its end included.

    Returns:
        how many turns are trained.

    Raises:
        DataError: the first fault, and the session that has it.
    """
    taught: dict[str, list[str]] = {}
    for row in rows:
        taught.setdefault(row.session, []).extend(trained_turns(row, chat, settings.max_length))
    for session in sessions:
        check_coverage(session, taught.get(session.id, []), dropped, chat)
    return sum(map(len, taught.values()))


def check_coverage(
    session: Session, taught: Sequence[str], dropped: Sequence[str], chat: Chat
) -> None:
    """Compare the trained turns of a session with those that should be."""
    places = [n for n, message in enumerate(session.messages) if message.role == "assistant"]
    wanted = [
        plain(session.messages[place].content, chat)
        for number, place in enumerate(places, start=1)
        if place not in session.untrained
        and f"{session.id}: counselor turn {number}" not in dropped
    ]
    if list(taught) == wanted:
        return
    odd = next((a for a, b in zip(wanted, taught, strict=False) if a != b), None)
    which = repr(odd[:60]) if odd is not None else f"one of {len(wanted)}"
    raise DataError(
        f"of {len(wanted)} counselor turns {len(taught)} are trained; {which} not exactly once",
        where=session.id,
    )


def trained_turns(row: Row, chat: Chat, max_length: int) -> list[str]:
    """The counselor turns that a row trains, read from its tokens.

    Raises:
        DataError: it trains something else as well, or renders otherwise than the server.
    """
    ids, last = row.input_ids, max(n for n, turn in enumerate(row.messages) if is_answer(turn))
    check_embeddings(chat, set(ids))
    if len(ids) > max_length:
        raise fault(row, f"a window of {len(ids)} tokens is longer than {max_length}")
    if ids[0] == ids[1] and ids[0] in chat.tokenizer.all_special_ids:
        raise fault(row, f"{chat.tokenizer.decode(ids[0])!r} is doubled at the start of a row")
    if any(label not in (token, IGNORED) for token, label in zip(ids, row.labels, strict=True)):
        raise fault(row, "a label is another token than the one at its place")
    spans = spans_of(row.labels, chat.stop_ids)
    if not spans:
        raise fault(row, "no token of a window carries loss: its template marks nothing", MARKS)
    starts = serving_starts(row, last, chat)
    return [checked_turn(row, span, starts, chat) for span in spans]


def serving_starts(row: Row, last: int, chat: Chat) -> dict[int, int]:
    """The tokens at which the server would begin to answer, and the turns that stand there.

    Raises:
        DataError: before the last answer, the row is not what the server would be sent.
    """
    prompt = chat.render(row.messages[:last], ask=True)
    encoded = chat.encode(prompt)
    sent, offsets = encoded["input_ids"], encoded["offset_mapping"]
    if row.input_ids[: len(sent)] != sent:
        raise fault(row, difference(row.input_ids, sent, chat), MARKS)
    places = {start: token for token, (start, _) in reversed(list(enumerate(offsets)))}
    places[len(prompt)] = len(sent)
    starts = {}
    for number, turn in enumerate(row.messages[: last + 1]):
        if is_answer(turn):
            header = chat.render(row.messages[:number], ask=True)
            if prompt.startswith(header) and len(header) in places:
                starts[places[len(header)]] = number
    return starts


def checked_turn(row: Row, span: Span, starts: dict[int, int], chat: Chat) -> str:
    """The words that a run of trained tokens teaches."""
    begin, end = span
    words = chat.tokenizer.decode(row.labels[begin:end])
    if begin not in starts:
        what = f"loss begins at {words[:40]!r}: that is not where the server lets an answer begin"
        raise fault(row, what, "leave the header outside of the marks")
    if row.labels[end - 1] not in chat.stop_ids:
        stops = " or ".join(repr(chat.tokenizer.decode(stop)) for stop in sorted(chat.stop_ids))
        what = f"loss ends with {words[-40:]!r}, without the token that ends a turn ({stops})"
        raise fault(row, what, "put the end of the turn inside the marks")
    turn = chat.tokenizer.decode(row.labels[begin : end - 1]).strip()
    wanted = plain(row.messages[starts[begin]]["content"], chat)
    if turn != wanted:
        raise fault(row, f"a counselor turn is {wanted[:60]!r}, trained is {turn[:60]!r}")
    return turn


def spans_of(labels: Sequence[int], stop_ids: frozenset[int]) -> list[Span]:
    """The runs of trained tokens; one ends behind each token on which generation stops."""
    edges = [0]
    for place, (one, two) in enumerate(pairwise(labels), start=1):
        if (one == IGNORED) != (two == IGNORED) or one in stop_ids:
            edges.append(place)
    runs = pairwise([*edges, len(labels)])
    return [(begin, end) for begin, end in runs if labels[begin] != IGNORED]


def plain(content: str, chat: Chat) -> str:
    """A turn as its tokens give it back, for tokenizers that normalise what they read."""
    ids = chat.tokenizer(content.strip(), add_special_tokens=False)["input_ids"]
    words: str = chat.tokenizer.decode(ids)
    return words.strip()


def difference(ids: Sequence[int], sent: Sequence[int], chat: Chat) -> str:
    """Where a row and what the server would be sent part, in words."""
    pairs = zip(ids, sent, strict=False)
    place = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(ids), len(sent)))
    trained, served = (chat.tokenizer.decode(side[place : place + 8]) for side in (ids, sent))
    return f"token {place}: trained is {trained!r}, the server would be sent {served!r}"


def is_answer(turn: dict[str, str]) -> bool:
    """Whether the counselor speaks."""
    return turn["role"] == "assistant"


def fault(row: Row, what: str, fix: str = "") -> DataError:
    """Why a row cannot be trained on."""
    return DataError(what, where=f"session {row.session}", fix=fix)
