"""The log of decisions: chained, shared by processes, repaired, and folded with undo."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.review import text_digest
from hybridtune.errors import DataError
from hybridtune.records import Message, Session, read_jsonl
from hybridtune.reviews import START, ReviewEvent, ReviewLog, messages_sha256

ONE, TWO = "1" * 64, "2" * 64
TURNS = (Message(role="user", content="Hi\u2028there."), Message(role="assistant", content="Yes?"))


def noon() -> datetime:
    return datetime(2026, 1, 31, 13, tzinfo=timezone(timedelta(hours=1)))


def make_log(path: Path) -> ReviewLog:
    return ReviewLog(path / "corpus" / "reviews.jsonl", clock=noon)


def test_events_are_chained_line_by_line(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    log.append("s1", "approve", reviewer="ana", text_sha256=ONE, reason="roles are right")
    log.append("s2", "edit", reviewer="ben", text_sha256=TWO, messages=TURNS)
    lines = log.path.read_bytes().splitlines()
    events = read_jsonl(log.path, ReviewEvent)
    assert [event.n for event in events] == [1, 2]
    assert [event.previous for event in events] == [START, sha256(lines[0]).hexdigest()]
    assert events[0].time == "2026-01-31T12:00:00Z"
    assert (events[0].reviewer, events[0].reason) == ("ana", "roles are right")
    assert events[1].messages == TURNS
    assert log.verify() == ReviewLog(log.path).verify() == 2
    assert log.decisions() == {"s1": events[0], "s2": events[1]}


def test_the_real_clock_is_in_utc(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    event = ReviewLog(tmp_path / "r.jsonl").append("s", "reject", reviewer="a", text_sha256=ONE)
    assert before <= datetime.fromisoformat(event.time) <= datetime.now(UTC)


def test_undo_takes_back_the_last_standing_decision(tmp_path: Path) -> None:
    log = make_log(tmp_path)

    def decide(subject: str, action: str) -> None:
        log.append(subject, action, reviewer="ana", text_sha256=ONE)  # type: ignore[arg-type]

    for subject, action in (("s", "approve"), ("other", "reject"), ("s", "swap"), ("s", "undo")):
        decide(subject, action)
    assert {name: event.action for name, event in log.decisions().items()} == {
        "s": "approve",
        "other": "reject",
    }
    decide("s", "undo")
    assert set(log.decisions()) == {"other"}
    with pytest.raises(DataError, match=r"reviews\.jsonl: no decision about 's' to take back"):
        decide("s", "undo")
    assert log.verify() == 5


def test_a_decision_holds_for_its_text_alone(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    assert log.standing("s", ONE) is None
    event = log.append("s", "approve", reviewer="ana", text_sha256=ONE)
    assert log.standing("s", ONE) == event
    assert log.standing("s", TWO) is None
    assert log.standing("t", ONE) is None
    log.append("s", "undo", reviewer="ana", text_sha256=ONE)
    assert log.standing("s", ONE) is None


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [lines[0].replace("approve", "reject"), *lines[1:]], 2),
        (lambda lines: [lines[0], lines[2]], 2),
        (lambda lines: lines[1:], 1),
        (lambda lines: [lines[0], lines[2], lines[1]], 2),
        (lambda lines: [*lines, lines[-1]], 4),
        (lambda lines: [lines[0], lines[1][:40], lines[2]], 2),
        (lambda lines: [lines[0], "", *lines[1:]], 2),
        (lambda lines: [lines[0], lines[1].replace('"n":2', '"n":7'), lines[2]], 2),
        (lambda lines: [*lines[:2], lines[2].replace("reject", "undo")], 3),
    ],
)
def test_a_meddled_file_is_an_error_that_names_the_line(
    change: object, line: int, tmp_path: Path
) -> None:
    log = make_log(tmp_path)
    for subject, action in (("a", "approve"), ("b", "approve"), ("c", "reject")):
        log.append(subject, action, reviewer="ana", text_sha256=ONE)  # type: ignore[arg-type]
    lines = change(log.path.read_text().splitlines())  # type: ignore[operator]
    log.path.write_text("".join(each + "\n" for each in lines))
    before = log.path.read_bytes()
    for use in (
        log.verify,
        ReviewLog(log.path).decisions,
        lambda: ReviewLog(log.path).append("d", "approve", reviewer="ana", text_sha256=ONE),
    ):
        with pytest.raises(DataError) as caught:
            use()
        assert str(caught.value).startswith(f"{log.path}:{line}: ")
        assert "\n" not in str(caught.value)
    assert log.path.read_bytes() == before


def test_a_torn_last_line_is_cut_off_by_the_next_append(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    first = log.append("a", "approve", reviewer="ana", text_sha256=ONE)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + whole[:-20])
    assert log.decisions() == ReviewLog(log.path).decisions() == {"a": first}
    assert log.path.read_bytes() != whole
    second = ReviewLog(log.path).append("b", "reject", reviewer="ana", text_sha256=TWO)
    assert second.n == 2
    assert log.decisions() == {"a": first, "b": second}
    assert log.path.read_bytes().count(b"\n") == 2


def test_two_readers_see_what_the_other_appends(tmp_path: Path) -> None:
    one, two = make_log(tmp_path), make_log(tmp_path)
    for number in range(6):
        log = (one, two)[number % 2]
        log.append(f"s{number}", "approve", reviewer="ana", text_sha256=ONE)
    assert one.decisions() == two.decisions()
    assert len(one.decisions()) == one.verify() == 6


def test_a_file_that_was_replaced_or_removed_is_read_anew(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    log.append("a", "approve", reviewer="ana", text_sha256=ONE)
    one_line = log.path.read_bytes()
    log.append("b", "approve", reviewer="ana", text_sha256=ONE)
    log.path.write_bytes(one_line)
    assert set(log.decisions()) == {"a"}
    log.path.unlink()
    assert log.decisions() == {}
    assert log.verify() == 0


def test_processes_that_append_at_once_keep_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    script = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from hybridtune.records import Message
from hybridtune.reviews import ReviewLog

def slow():  # asked between reading the tail and writing the line
    time.sleep(0.002)
    return datetime.now(UTC)

log = ReviewLog(Path(sys.argv[1]), clock=slow)
turn = Message(role="user", content="word " * 3000)
print("ready", flush=True)
sys.stdin.read()
for number in range(40):
    name = f"{sys.argv[2]}-{number}"
    log.append(name, "edit", reviewer=sys.argv[2], text_sha256="1" * 64, messages=[turn])
"""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), name],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("ana", "ben", "cleo")
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.stdout.close()
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    assert [child.wait(timeout=120) for child in children] == [0, 0, 0]
    log = ReviewLog(path)
    assert log.verify() == 120
    assert len(log.decisions()) == 120


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"action": "edit"}, "an edit needs the messages"),
        ({"action": "edit", "messages": ()}, "an edit needs the messages"),
        ({"action": "approve", "messages": TURNS}, "only an edit has them"),
        ({"action": "approve", "reviewer": "  "}, "reviewer"),
        ({"action": "approve", "text_sha256": "abc"}, "text_sha256"),
        ({"action": "applaud"}, "action"),
        ({"action": "approve", "subject": ""}, "subject"),
    ],
)
def test_what_is_no_decision_is_refused_and_leaves_no_line(
    given: dict[str, object], what: str, tmp_path: Path
) -> None:
    log = make_log(tmp_path)
    values = {"subject": "s", "reviewer": "ana", "text_sha256": ONE, **given}
    with pytest.raises(DataError, match=what):
        log.append(**values)  # type: ignore[arg-type]
    assert log.verify() == 0
    log.append("s", "approve", reviewer="ana", text_sha256=ONE)
    assert log.verify() == 1


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["approve", "reject", "swap", "undo"])),
        max_size=12,
    )
)
def test_the_fold_is_a_stack_per_subject(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, str]]
) -> None:
    log = make_log(tmp_path_factory.mktemp("log"))
    stacks: dict[str, list[str]] = {"a": [], "b": []}
    for subject, action in events:
        if action == "undo" and not stacks[subject]:
            continue
        log.append(subject, action, reviewer="ana", text_sha256=ONE)  # type: ignore[arg-type]
        if action == "undo":
            stacks[subject].pop()
        else:
            stacks[subject].append(action)
    expected = {subject: stack[-1] for subject, stack in stacks.items() if stack}
    again = ReviewLog(log.path)
    for each in (log, again):
        found = {subject: event.action for subject, event in each.decisions().items()}
        assert found == expected


def test_texts_have_the_digest_that_generation_gives_them() -> None:
    session = Session(id="s", domain="d", source="synthetic", messages=TURNS)
    assert messages_sha256(session.messages) == text_digest(session)
    others = [TURNS[::-1], TURNS[:1], (*TURNS, TURNS[0])]
    assert len({messages_sha256(each) for each in [TURNS, *others]}) == 4


def test_lines_are_plain_json(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    log.append("s", "edit", reviewer="ana", text_sha256=ONE, messages=TURNS)
    line = json.loads(log.path.read_text(encoding="utf-8").split("\n")[0])
    assert list(line) == [
        "n", "subject", "action", "reviewer", "time", "reason", "text_sha256", "messages",
        "previous",
    ]  # fmt: skip
    assert line["messages"][0] == {"role": "user", "content": "Hi\u2028there."}
