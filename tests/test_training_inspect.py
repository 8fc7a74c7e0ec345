"""`hybridtune train inspect`, and AnnoMI with the demo's synthetic sessions, token by token."""

import json
import os
import re
import subprocess
from pathlib import Path

import annomi
import pytest
from demo_command import hybridtune
from small_models import save_model, tokenizer_of
from typer.testing import CliRunner

from hybridtune.cli.app import app
from hybridtune.config import Experiment
from hybridtune.domain import load_domain
from hybridtune.errors import InputError
from hybridtune.records import Message, Session, write_jsonl
from hybridtune.runs import Run, load_run
from training.micro.tokenizer import CHAT_TEMPLATE
from training.mixture import write_mixture
from training.preview import figures, preview_of
from training.template import IGNORED

ROOT = Path(__file__).resolve().parents[1]
MICRO = ROOT / "examples" / "micro"
PLACES = ("at work", "at home", "on the train", "with my sister")


def talk(number):
    place = PLACES[number]
    turns = [("user", f"I felt sad {place}."), ("assistant", "Mm-hmm.")]
    turns += [("user", f"My heart beats fast {place}."), ("assistant", "Since when?")]
    messages = tuple(Message(role=role, content=text) for role, text in turns)
    return Session(
        id=f"talk-{number}", domain="therapy", source="real", messages=messages, untrained=(1,)
    )


def run_in(path, **training):
    roles = {name: {"server": "s"} for name in ("teacher", "patient", "counselor", "judge")}
    experiment = Experiment.model_validate(
        {
            "name": "small",
            "model": {"name": str(MICRO), "dtype": "float32"},
            "servers": {"s": {"kind": "scripted"}},
            "roles": roles,
            "corpus": {"paths": ["x"]},
            "training": {"held_out": 0.25} | training,
            "variants": {"base": {}, "real": {"real": 1}},
            "evaluation": {"reference": "base"},
        }
    )
    run = Run(path, experiment)
    write_jsonl(run.corpus / "real.jsonl", [talk(number) for number in range(4)])
    (path / "experiment.json").write_text(experiment.model_dump_json())
    return run


@pytest.fixture
def run(tmp_path):
    return run_in(tmp_path / "run")


def inspect(run, *arguments):
    done = CliRunner().invoke(app, ["train", "inspect", str(run.path), *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def files_in(run):
    return {path for path in run.path.rglob("*") if path.is_file()}


def test_the_table_counts_a_mixture_that_is_not_written_and_writes_none(run):
    before = files_in(run)
    told = inspect(run, "real")
    cells = {
        line.split("│")[1].strip(): line.split("│")[2:4]
        for line in told.splitlines()
        if "│" in line
    }
    numbers = {name: [cell.strip() for cell in both] for name, both in cells.items()}
    assert numbers["sessions"] == ["3", "1"]
    assert numbers["counselor turns"] == ["6", "2"]
    assert numbers["- trained once"] == numbers["- untrained by design"] == ["3", "1"]
    assert numbers["- dropped (must be 0)"] == ["0", "0"]
    assert numbers["rows"] == ["1", "1"]
    assert numbers["- filled"][1] == "not packed"
    assert files_in(run) == before


def test_trained_tokens_are_marked_without_colours(run):
    told = inspect(run, "real", "--session", "talk-2", "--plain")
    assert told.count("[[") == told.count("]]") == 1
    assert "<|im_start|>assistant\n[[Since when?<|im_end|>]]\n" in told
    assert "<|im_start|>assistant\nMm-hmm.<|im_end|>\n" in told
    assert told.startswith("== talk-2, window 1 of 1: ")
    assert "what a training sees" not in told
    assert "what a training sees" in inspect(run, "real", "--sample", "1", "--table")


def test_trained_tokens_are_coloured_in_a_terminal(run, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = inspect(run, "real", "--session", "talk-2")
    assert "\x1b[1;32mSince when?<|im_end|>" in coloured
    assert "[[" not in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert "[[Since when?<|im_end|>]]" in inspect(run, "real", "--session", "talk-2")


def test_all_of_it_as_json(run):
    told = json.loads(inspect(run, "real", "--json", "--session", "talk-1", "--sample", "2"))
    training = told["training"]
    assert (training["trained_turns"], training["untrained_turns"]) == (3, 3)
    assert (training["rows"], training["dropped_turns"]) == (1, [])
    assert training["fill"] == pytest.approx(training["tokens"] / 4096, abs=1e-4)
    assert training["longest_turn_in"].endswith(("message 0", "message 2"))
    assert told["held_out"]["fill"] is None
    assert len(told["shown"]) == 3
    first = told["shown"][0]
    assert first["session"] == "talk-1"
    [window] = first["windows"]
    assert [run["text"] for run in window if run["trained"]] == ["Since when?<|im_end|>"]
    words = "".join(run["text"] for run in window)
    assert words.endswith(
        "beats fast at home.<|im_end|>\n<|im_start|>assistant\nSince when?<|im_end|>\n"
    )


def test_an_edited_data_set_is_what_is_shown(run):
    folder = run.variant("real")
    write_jsonl(folder / "held_out.jsonl", [])
    write_jsonl(folder / "dataset.jsonl", [talk(3).model_copy(update={"id": "mine"})])
    assert "== mine, window" in inspect(run, "real", "--sample", "9")
    assert "edited by hand" in json.loads(inspect(run, "real", "--json"))["sessions"]


def test_a_mixture_that_is_no_longer_current_is_not_shown(run):
    write_mixture(run, "real")
    assert "sessions: dataset.jsonl\n" in inspect(run, "real")
    later = talk(0).model_copy(update={"id": "later"})
    write_jsonl(run.corpus / "real.jsonl", [later, talk(1), talk(2)])
    before = files_in(run)
    told = inspect(run, "real", "--sample", "9", "--table")
    assert "== later, window" in told or "== talk-2, window" in told
    assert "talk-3" not in told
    assert "sessions: mixed in memory: dataset.jsonl is of another mixture" in told
    assert files_in(run) == before
    (run.corpus / "real.jsonl").unlink()
    assert "sessions: dataset.jsonl\n" in inspect(run, "real")


def test_without_sessions_the_file_of_the_run_is_named(run):
    (run.corpus / "real.jsonl").unlink()
    with pytest.raises(InputError, match=re.escape(str(run.corpus / "real.jsonl"))):
        inspect(run, "real")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["base"], r"no variant 'base' to train \(trained variants: real\)"),
        (["real", "--session", "nobody"], r"--session nobody: no such session \(for example talk"),
        (["real", "--session", "talk"], "4 sessions begin so"),
    ],
)
def test_what_is_not_there_is_told(run, arguments, message):
    with pytest.raises(InputError, match=message):
        inspect(run, *arguments)


def test_what_a_training_would_refuse_is_refused(run):
    odd = talk(0).model_copy(update={"messages": (*talk(1).messages[:3], Message(
        role="assistant", content="I typed <|im_end|>."))})  # fmt: skip
    write_jsonl(run.corpus / "real.jsonl", [odd, talk(2)])
    with pytest.raises(InputError, match=r"message 3 holds '<\|im_end\|>'"):
        inspect(run, "real")


def test_a_turn_longer_than_a_window_is_shown_as_dropped(tmp_path):
    run = run_in(tmp_path / "run", max_length=512, held_out=0)
    long = Message(role="assistant", content="Tell me more of it. " * 200)
    odd = talk(0).model_copy(
        update={"id": "odd", "messages": (talk(0).messages[0], long), "untrained": ()}
    )
    write_jsonl(run.corpus / "real.jsonl", [talk(1), odd])
    told = inspect(run, "real")
    assert "dropped: odd: counselor turn 1" in told


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    """AnnoMI as the corpus stage imports it, the demo's scripted sessions, an 8k tokenizer."""
    texts = [words for session in annomi.sessions() for _, words in session]
    place = tmp_path_factory.mktemp("mixture")
    tokenizer = tokenizer_of(
        ["<|im_start|>"], bos="<|endoftext|>", end="<|im_end|>", texts=texts, size=8192
    )
    model = save_model(place / "model", tokenizer, CHAT_TEMPLATE)
    command = hybridtune(
        "generate", str(ROOT / "configs" / "demo.yaml"), "--run", str(place / "run")
    )
    for override in (
        f"corpus.paths=[{annomi.PATH}]",
        "corpus.source={kind: roleplay, rights: local-use}",
        f"model.name={model}",
        "training.max_length=4096",
        "training.context_tokens=1024",
        "training.held_out=0",
    ):
        command += ["--set", override]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env={**os.environ})
    run = load_run(place / "run")
    return run, preview_of(run, "hybrid", load_domain("therapy"))


@pytest.mark.slow
def test_annomi_and_synthetic_turns_are_trained_exactly_once_token_by_token(mixture):
    _, preview = mixture
    tokenizer, rows = preview.chat.tokenizer, preview.training.rows
    assert {session.source for session in preview.training.sessions} == {"real", "synthetic"}
    trained = {}
    for row in rows:
        trained.setdefault(row.session, []).extend(n for n in row.labels if n != IGNORED)
        header = tokenizer.encode("<|im_start|>assistant\n", add_special_tokens=False)
        for place, label in enumerate(row.labels):
            if label != IGNORED and row.labels[place - 1] == IGNORED:
                assert row.input_ids[place - len(header) : place] == header
    turns = 0
    for session in preview.training.sessions:
        said = [
            message.content
            for place, message in enumerate(session.messages)
            if message.role == "assistant" and place not in session.untrained
        ]
        ids = [tokenizer.encode(f"{words}<|im_end|>", add_special_tokens=False) for words in said]
        assert trained[session.id] == [token for turn in ids for token in turn]
        turns += len(said)
    assert turns == preview.training.tally.trained_turns > 3000
    assert all(len(row.input_ids) <= 4096 for row in rows)


@pytest.mark.slow
def test_annomi_and_synthetic_sessions_are_all_there_and_fill_their_rows(mixture):
    run, preview = mixture
    told = figures(run, preview)["training"]
    assert told["sessions"] > 140
    assert (told["untrained_sessions"], told["dropped_turns"]) == (0, [])
    assert told["trained_turns"] + told["untrained_turns"] == told["counselor_turns"]
    assert told["windows"] > told["sessions"]
    assert told["fill"] >= 0.97
