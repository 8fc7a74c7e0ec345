"""Replay of held-out sessions: true histories, known values of metrics, one number a session."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from adapters import adapters_in, make_adapter
from fabricated import make_experiment

from eval.modules import load_module
from eval.reference import chrf, distinct, length_ratio, rouge_l
from eval.replay import recent, replay
from eval.replay_numbers import Replay, compared
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import CallError, DataError, InputError, StageError
from hybridtune.progress import silent
from hybridtune.records import Message, Session, read_jsonl, write_jsonl
from hybridtune.runs import Run

MODULE = """
import datasets
import evaluate

class Same(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        features = datasets.Features({"predictions": text, "references": text})
        return evaluate.MetricInfo(description="-", citation="-", features=features)

    def _compute(self, predictions, references):
        return {"same": float(predictions == references)}
"""


class Counselor:
    """Echoes the patient in capitals under the name `hybrid`, and says little under the others."""

    def __init__(self, fails: str = "") -> None:
        self.fails, self.asked = fails, list[ChatRequest]()

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "managed", "name": "fake", "identity": {}}

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.asked.append(request)
        heard = request.messages[-1].content
        if self.fails and self.fails in heard:
            raise CallError("too long")
        text = heard if request.model == "hybrid" else "Mm."
        return ChatReply(text, "stop", 1, 1, f"call-{len(self.asked)}", cached=False)


@pytest.fixture
def therapy() -> Domain:
    return load_domain("therapy")


def session(name: str, *turns: str, untrained: tuple[int, ...] = ()) -> Session:
    messages = tuple(
        Message(role="assistant" if number % 2 else "user", content=text)
        for number, text in enumerate(turns)
    )
    return Session(id=name, domain="therapy", source="real", messages=messages, untrained=untrained)


def run_in(folder: Path, sessions: list[Session]) -> Run:
    run = Run(folder, make_experiment(resamples=100))
    for name in ("real", "hybrid"):
        write_jsonl(run.variant(name) / "held_out.jsonl", sessions)
        loss = {"before": 2.0, "after": 1.0 if name == "real" else 0.5}
        (run.variant(name) / "training.json").write_text(json.dumps({"held_out_loss": loss}))
    return run


def test_chrf_and_rouge_have_the_values_of_their_reference_implementations() -> None:
    # sacreBLEU 2.6.0 (CHRF().sentence_score / 100) and rouge-score 0.1.2 (rougeL, F) give these.
    cat = ("the cat sat on the mat", "the cat is on the mat")
    fret = ("I hear that you fret.", "That sounds very hard for you, I hear.")
    assert chrf(*cat) == pytest.approx(0.645779420625287)
    assert chrf(*fret) == pytest.approx(0.18961669496900627)
    assert chrf("ok", "no way ok") == pytest.approx(0.2676056338028169)
    assert rouge_l(*cat) == pytest.approx(0.8333333333333334)
    assert rouge_l(*fret) == pytest.approx(0.3076923076923077)
    assert rouge_l("a b c d", "b d a c") == pytest.approx(0.5)
    assert chrf("same words", "same words") == pytest.approx(1)
    assert chrf("xyz", "abc") == rouge_l("xyz", "abc") == 0
    assert chrf("", "abc") == rouge_l("", "abc") == 0


def test_distinct_and_length() -> None:
    assert distinct(["a b a b", "a b"], 1) == pytest.approx(2 / 6)
    assert distinct(["a b a b", "a b"], 2) == pytest.approx(2 / 4)
    assert math.isnan(distinct(["a"], 2))
    assert length_ratio("a b c", "x y") == 1.5
    assert math.isnan(length_ratio("a", "..."))


async def test_every_variant_answers_every_counselor_turn_from_the_true_history(
    therapy: Domain, tmp_path: Path
) -> None:
    sessions = [
        session("one", "I worry.", "You worry.", "Yes, a lot.", "Mm-hmm.", untrained=(3,)),
        session("two", "I am sad today.", "I am sad today.", "And tired.", "So tired."),
    ]
    run, counselor = run_in(tmp_path, sessions), Counselor()
    found = await replay(run, therapy, counselor, silent())
    assert (found["sessions"], found["turns"]) == (2, 3)
    replies = read_jsonl(run.path / "replay/replies.jsonl", Replay)
    assert [(r.session, r.turn) for r in replies[::3]] == [("one", 1), ("two", 1), ("two", 3)]
    third = next(r for r in counselor.asked if r.messages[-1].content == "And tired.")
    assert [m.content for m in third.messages[1:]] == [
        "I am sad today.", "I am sad today.", "And tired.",
    ]  # fmt: skip
    assert third.messages[0].content == therapy.system_prompt
    seeds = {(request.messages[-1].content, request.seed) for request in counselor.asked}
    assert len(seeds) == 3, "variants share their seeds"
    entry = found["variants"]["hybrid"]
    expected = [rouge_l("I worry.", "You worry."), (1 + rouge_l("And tired.", "So tired.")) / 2]
    assert entry["measures"]["rouge_l"]["n"] == 2
    assert entry["measures"]["rouge_l"]["mean"] == pytest.approx(sum(expected) / 2)
    assert found["variants"]["base"]["perplexity"] == pytest.approx(math.exp(2))
    assert entry["perplexity"] == pytest.approx(math.exp(0.5))
    contrast = next(
        c for c in found["contrasts"] if (c["b"], c["measure"]) == ("hybrid", "rouge_l")
    )
    assert contrast["n"] == 2
    assert contrast["difference"] == pytest.approx(-sum(expected) / 2)


def test_variants_are_compared_on_the_turns_that_both_answered(tmp_path: Path) -> None:
    run = run_in(tmp_path, sessions := [session("one", "a", "b", "c", "d")])

    def told(variant: str, turn: int, score: float | None) -> Replay:
        return Replay(
            id=f"{variant}{turn}", session="one", turn=turn, variant=variant, reference="x",
            scores={"rouge_l": score},
        )  # fmt: skip

    replies = [
        told("base", 1, 0.9), told("base", 3, 0.1), told("real", 1, None), told("real", 3, 0.2),
        told("hybrid", 1, 0.5), told("hybrid", 3, 0.3),
    ]  # fmt: skip
    found = compared(run, sessions, replies, ["rouge_l"])
    gaps = {(one["a"], one["b"]): one["difference"] for one in found["contrasts"]}
    assert gaps["base", "real"] == pytest.approx(0.1 - 0.2)
    assert gaps["base", "hybrid"] == pytest.approx((0.4 - 0.2) / 2)
    assert found["variants"]["base"]["measures"]["rouge_l"]["mean"] == pytest.approx(0.5)


async def test_a_reply_that_fails_is_missing_and_many_are_an_error(
    therapy: Domain, tmp_path: Path
) -> None:
    sessions = [session(f"s{number}", f"Turn {number}.", "So.") for number in range(20)]
    run = run_in(tmp_path, sessions)
    found = await replay(run, therapy, Counselor(fails="Turn 7."), silent())
    for variant in run.experiment.variants:
        assert found["variants"][variant]["missing"] == {"too long": 1}
        assert found["variants"][variant]["measures"]["chrf"]["n"] == 19
    with pytest.raises(StageError, match="60 of 60 replies are missing, first: too long"):
        await replay(run, therapy, Counselor(fails="Turn"), silent())


async def test_without_held_out_sessions_it_says_so(therapy: Domain, tmp_path: Path) -> None:
    run = run_in(tmp_path, [])
    with pytest.raises(DataError, match=r"no held-out sessions \(raise training.held_out"):
        await replay(run, therapy, Counselor(), silent())
    write_jsonl(run.variant("hybrid") / "held_out.jsonl", [session("other", "a", "b")])
    write_jsonl(run.variant("real") / "held_out.jsonl", [session("one", "a", "b")])
    with pytest.raises(DataError, match="other held-out sessions than real's"):
        await replay(run, therapy, Counselor(), silent())


async def test_a_wrong_adapter_is_refused_before_anything_is_asked(
    therapy: Domain, tmp_path: Path
) -> None:
    run, counselor = adapters_in(run_in(tmp_path, [session("one", "a", "b")])), Counselor()
    make_adapter(run.variant("hybrid") / "adapter", b"real")
    with pytest.raises(DataError, match="hybrid: the adapter of real answers as hybrid"):
        await replay(run, therapy, counselor, silent())
    assert counselor.asked == []


def test_a_history_is_no_longer_than_a_training_window() -> None:
    messages = session("one", *(f"turn {number} here" for number in range(6))).messages
    assert recent(messages, 100, "Hello.") == list(messages)
    assert [m.content for m in recent(messages, 12, "Hello.")] == ["turn 4 here", "turn 5 here"]
    assert recent(messages[1:2], 100, "Hello.")[0] == Message(role="user", content="Hello.")
    assert recent((), 100, "Hello.") == [Message(role="user", content="Hello.")]


@pytest.mark.slow
def test_a_local_module_of_evaluate_measures_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_module: Any = pytest.importorskip("evaluate")
    monkeypatch.setattr(any_module.config, "HF_MODULES_CACHE", tmp_path / "modules")
    folder = tmp_path / "same"
    folder.mkdir()
    (folder / "same.py").write_text(MODULE, encoding="utf-8")
    name, measure = load_module(folder)
    assert (name, measure("a", "a"), measure("a", "b")) == ("same", 1.0, 0.0)


def test_a_metric_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such metric module"):
        load_module(tmp_path / "rouge")
