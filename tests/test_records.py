"""Records and their files: whole or not at all, repaired after a crash, errors with a place."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hybridtune.errors import DataError
from hybridtune.records import (
    Message,
    Session,
    atomic_write,
    read_json,
    read_jsonl,
    write_json,
    write_jsonl,
)

ODD = "line\u2028separator, next\x85line, \r\n and \U0001f600"


def session(number: int, text: str = "I see.") -> Session:
    messages = (Message(role="user", content="Hello."), Message(role="assistant", content=text))
    return Session(id=f"s{number}", domain="therapy", source="real", messages=messages)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "real.jsonl"
    sessions = [session(1), session(2, ODD)]
    assert write_jsonl(path, sessions) == 2
    assert read_jsonl(path, Session) == sessions
    assert path.read_bytes().count(b"\n") == 2
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line)["id"] for line in lines] == ["s1", "s2"]
    assert list(path.parent.iterdir()) == [path]


def test_records_are_frozen_and_strict() -> None:
    with pytest.raises(ValueError, match="frozen"):
        session(1).id = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="Extra inputs"):
        Message(role="user", content="x", mood="bad")  # type: ignore[call-arg]
    assert session(1).turns("assistant") == ["I see."]


def three_turns(**more: object) -> dict[str, object]:
    turns = [("assistant", "Mm-hmm."), ("user", "It was hard."), ("assistant", "What was?")]
    messages = [{"role": role, "content": text} for role, text in turns]
    return {"id": "s", "domain": "therapy", "source": "real", "messages": messages, **more}


def test_untrained_turns_are_kept_and_files_without_the_field_are_read(tmp_path: Path) -> None:
    path = tmp_path / "real.jsonl"
    path.write_text(json.dumps(three_turns()) + "\n" + json.dumps(three_turns(untrained=[0, 2])))
    sessions = read_jsonl(path, Session)
    assert [each.untrained for each in sessions] == [(), (0, 2)]
    write_jsonl(path, sessions)
    assert read_jsonl(path, Session) == sessions
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["untrained"] for line in lines] == [[], [0, 2]]
    assert all(set(turn) == {"role", "content"} for line in lines for turn in line["messages"])


@pytest.mark.parametrize(
    ("untrained", "what"),
    [
        ([2, 0], "each place once, in ascending order"),
        ([0, 0], "each place once, in ascending order"),
        ([3], "there is no message 3, the last is 2"),
        ([-1], "there is no message -1"),
        ([1], "message 1 is no counselor turn, but user's"),
    ],
)
def test_untrained_turns_that_are_none_are_refused(
    untrained: list[int], what: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=what):
        Session.model_validate(three_turns(untrained=untrained))
    path = tmp_path / "real.jsonl"
    path.write_text(
        f"{json.dumps(three_turns())}\n{json.dumps(three_turns(untrained=untrained))}\n"
    )
    with pytest.raises(
        DataError, match=rf"real\.jsonl:2: not a Session record: untrained: .*{what}"
    ):
        read_jsonl(path, Session)


def test_errors_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "real.jsonl"
    write_jsonl(path, [session(1), session(2)])
    path.write_text(path.read_text() + '\n{"id": "s3", "messages": 5}\n')
    with pytest.raises(DataError, match=r"real\.jsonl:4: not a Session record: domain: Field"):
        read_jsonl(path, Session)
    path.write_text("{broken\n")
    with pytest.raises(DataError, match=r"real\.jsonl:1: not a Session record: Invalid JSON"):
        read_jsonl(path, Session)
    with pytest.raises(DataError, match=r"absent\.jsonl: no such file"):
        read_jsonl(tmp_path / "absent.jsonl", Session)


@pytest.mark.parametrize("reader", [lambda path: read_jsonl(path, Session), read_json])
def test_files_that_are_not_text_are_the_users_error(tmp_path: Path, reader: object) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(b'{"id": "caf\xe9"}\n')
    with pytest.raises(DataError, match=r"odd\.json.*UTF-8"):
        reader(path)  # type: ignore[operator]


def test_json_errors_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text('{\n "a": 1,\n "b": oops\n}')
    with pytest.raises(DataError, match=r"report\.json:3: not JSON"):
        read_json(path)


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"new": float("nan")})

    def failing() -> list[Session]:
        with atomic_write(path) as temporary:
            temporary.write_text("half of")
            raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        failing()
    assert read_json(path) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_not_a_number_is_null_in_a_file(tmp_path: Path) -> None:
    bad = session(1).model_copy(update={"provenance": {"mean": float("nan")}})
    write_jsonl(tmp_path / "real.jsonl", [bad])
    assert read_jsonl(tmp_path / "real.jsonl", Session)[0].provenance == {"mean": None}


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "real.jsonl"
    write_jsonl(path, [session(1)])
    script = """
import sys
from pathlib import Path
from hybridtune.records import Message, Session, write_jsonl
message = Message(role="user", content="x" * 1000)
rows = (Session(id=str(i), domain="d", source="real", messages=(message,)) for i in range(100))
try:
    write_jsonl(Path(sys.argv[1]), rows)
except OSError as error:
    sys.exit(3)
"""

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        preexec_fn=small_files,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    assert done.returncode == 3
    assert read_jsonl(path, Session) == [session(1)]
    assert list(tmp_path.iterdir()) == [path]
