"""The other verticals' demos end to end: real training, a real vLLM, their own examples."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from demo_command import HOME, hybridtune

from generation.execution import executor_of
from hybridtune.domain import load_domain
from hybridtune.records import Judgment, Message, Record, Session, read_json, read_jsonl


class Pair(Record):
    """A line of the examples."""

    messages: tuple[Message, ...]


PAIRS = HOME / "examples" / "text2cypher" / "pairs.jsonl"
SMALL = (
    "generation.sessions=8",
    "evaluation.count=2",
    "evaluation.max_exchanges=2",
    "evaluation.resamples=200",
    "training.sft.max_steps=2",
    "variants={base: {}, hybrid: {real: 1, synthetic: 1}}",
)


@pytest.mark.slow
@pytest.mark.vllm
@pytest.mark.parametrize("name", ["support", "text2cypher"])
def test_the_demo_of_a_pack(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    command = hybridtune("reproduce", f"configs/{name}-demo.yaml", "--run", str(run))
    for override in SMALL:
        command += ["--set", override]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    real = read_jsonl(run / "corpus" / "real.jsonl", Session)
    kept = read_jsonl(run / "generation" / "synthetic.jsonl", Session)
    assert real
    assert kept
    assert {each.domain for each in real + kept} == {name}
    assert read_json(run / "variants" / "hybrid" / "training.json")["steps"] == 2
    talks = read_jsonl(run / "eval" / "conversations.jsonl", Session)
    assert Counter(each.provenance["variant"] for each in talks) == {"base": 2, "hybrid": 2}
    assert len(read_jsonl(run / "eval" / "judgments.jsonl", Judgment)) == 4
    if name == "text2cypher":
        executor = executor_of(load_domain(name))
        assert executor
        for session in kept:
            replies = session.turns("assistant")
            assert len(session.provenance["execution"]) == len(replies) > 0
            assert all(executor.run(reply).reason is None for reply in replies)


def test_pairs_that_people_wrote_survive_the_import_and_run(tmp_path: Path) -> None:
    out = tmp_path / "real.jsonl"
    command = hybridtune("import", "--config", "configs/text2cypher-demo.yaml", "--out", str(out))
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = [tuple(turn.content for turn in each.messages) for each in read_jsonl(PAIRS, Pair)]
    sessions = read_jsonl(out, Session)
    kept = [tuple(turn.content for turn in each.messages) for each in sessions]
    assert sorted(kept) == sorted(written)
    executor = executor_of(load_domain("text2cypher"))
    assert executor
    for question, query in written:
        found = executor.run(query)
        assert found.reason is None, (question, found)
