"""Conversations that happened: read in three shapes, judged, compared by group."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from demo_command import HOME
from scipy import stats
from typer.testing import CliRunner

from eval.chats import read_chats
from eval.statistics.unpaired import welch
from hybridtune.cli.app import app
from hybridtune.ending import told_of
from hybridtune.errors import DataError
from hybridtune.records import Message, Session, read_json

TURNS = [("user", "I fret."), ("assistant", "I hear that you fret.")]


def written(path: Path, *entries: Any, listed: bool = False) -> Path:
    text = json.dumps(entries, indent=1) if listed else "\n".join(map(json.dumps, entries))
    path.write_text(text, encoding="utf-8")
    return path


def openai(*turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in turns], **more}


def test_three_shapes_say_the_same(tmp_path: Path) -> None:
    turns = [Message(role=role, content=text) for role, text in TURNS]  # type: ignore[arg-type]
    share = {"conversations": [{"from": "system", "value": "Be kind."}]}
    share["conversations"] += [{"from": "human", "value": "I fret."}]
    share["conversations"] += [{"from": "gpt", "value": "I hear that you fret."}]
    own = Session(
        id="own", domain="x", source="simulated", messages=tuple(turns),
        provenance={"variant": "hybrid"},
    )  # fmt: skip
    entries = [
        openai(*TURNS, id=7, variant="real"),
        {**share, "metadata": {"variant": "base"}},
        own.model_dump(),
        openai(("user", [{"type": "text", "text": "I fret."}]), TURNS[1]),
    ]
    for listed in (False, True):
        sessions = read_chats(written(tmp_path / "logs.json", *entries, listed=listed), "therapy")
        assert [one.messages for one in sessions] == [tuple(turns)] * 4
        assert [one.id for one in sessions] == ["7", "log-0002", "own", "log-0004"]
        groups = [one.provenance["variant"] for one in sessions]
        assert groups == ["real", "base", "hybrid", "all"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"text": "hello"}, ":2: no conversation"),
        (openai(("user", "hello")), ":2: a conversation without a counselor turn"),
        (openai(("user", "hello"), ("tool", "x")), ":2: message 2 has the role 'tool'"),
        (openai(("user", "hello"), ("assistant", None)), ":2: message 2 has no text"),
        (openai(*TURNS, id="first"), ":2: the id 'first' is there twice"),
    ],
)
def test_a_broken_entry_is_told_with_its_line(tmp_path: Path, entry: Any, expected: str) -> None:
    path = written(tmp_path / "logs.jsonl", openai(*TURNS, id="first"), entry)
    with pytest.raises(DataError) as caught:
        read_chats(path, "therapy")
    assert str(caught.value).startswith(f"{path}{expected}")


def test_what_is_no_json_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "logs.jsonl"
    path.write_text(json.dumps(openai(*TURNS)) + "\n{broken\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"logs.jsonl:2: not JSON"):
        read_chats(path, "therapy")


def test_welch_is_scipys_and_gives_no_number_where_there_is_none() -> None:
    one, other = [5.0, 7.0, 6.0, 9.0], [4.0, 4.0, 6.0]
    found = welch(one, other)
    assert found.p == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue)
    assert found.difference == pytest.approx(6.75 - 14 / 3)
    assert found.low < found.difference < found.high
    assert welch([5.0], [4.0, 6.0]).difference == 0
    assert math.isnan(welch([5.0], [4.0, 6.0]).p)
    assert math.isnan(welch([5.0, 5.0], [4.0, 4.0]).p)
    assert math.isnan(welch([], [4.0]).difference)


def test_talks_are_scored_by_group_with_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HOME)
    good = [
        openai(("user", f"My exam number {n} frightens me."), ("assistant", "That sounds hard. "
        f"What frightens you most about exam {n}?"), variant="hybrid")
        for n in range(6)
    ]  # fmt: skip
    poor = [
        openai(("user", f"My exam number {n} frightens me."), ("assistant", "Calm down."),
        variant="base")
        for n in range(5)
    ]  # fmt: skip
    silent = openai(("user", "Hello?"), ("assistant", " "), variant="base")
    path = written(tmp_path / "logs.jsonl", *good, *poor, silent)
    run = tmp_path / "run"
    command = ["eval", "logs", str(path), "--config", "configs/demo.yaml", "--run", str(run)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "scripted" in done.output
    found = read_json(run / "eval/logs.json")
    assert found["scripted"] is True
    base, hybrid = found["groups"]["base"], found["groups"]["hybrid"]
    assert (base["conversations"], base["measures"]["empathy"]["n"]) == (6, 5)
    assert list(base["missing"].values()) == [1]
    assert hybrid["measures"]["empathy"]["n"] == 6
    assert hybrid["measures"]["empathy"]["mean"] > base["measures"]["empathy"]["mean"]
    first = (run / "eval/logs.json").read_bytes()
    assert CliRunner().invoke(app, command).exit_code == 0
    assert (run / "eval/logs.json").read_bytes() == first
    written(path, *good)
    again = CliRunner().invoke(app, command)
    assert again.exception
    told = told_of(again.exception)
    assert told
    assert "holds the scores of another file" in told[0]
    assert (run / "eval/logs.json").read_bytes() == first


@pytest.mark.parametrize("further", ["counselling", "empathy_relevance_checklist"])
def test_a_further_rubric_stays_out_of_the_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, further: str
) -> None:
    monkeypatch.chdir(HOME)
    talks = [
        openai(("user", f"Exam {n} frightens me."), ("assistant", "What frightens you most?"),
               variant=variant)
        for n in range(3) for variant in ("base", "hybrid")
    ]  # fmt: skip
    path = written(tmp_path / "logs.jsonl", *talks)
    found = []
    for name, rubrics in (("alone", "[]"), ("beside", f"[{further}]")):
        run = tmp_path / name
        command = ["eval", "logs", str(path), "--config", "configs/demo.yaml", "--run", str(run)]
        command += ["--set", f"evaluation.judging.rubrics={rubrics}"]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, (done.output, done.exception)
        found.append(read_json(run / "eval/logs.json"))
    alone, beside = found
    assert alone["groups"] == beside["groups"]
    assert alone["contrasts"] == beside["contrasts"]
    assert beside["further_rubrics"] == [further]
    assert any(further in line for line in beside["notes"])
