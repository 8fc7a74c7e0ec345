"""Several judges and rubrics, checklists, masked names: what is asked, and what records say."""

import json
from pathlib import Path
from typing import Any

import pytest
from planted_judges import always_eight, experiment_with, make_run, planted
from test_judged_judge import DOMAIN, judged

from eval.analysis import analyse
from eval.cells import gather, load_material
from eval.judging import judges_named
from eval.masking import MASK, mask_of
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.chat.structured import parse_json
from hybridtune.checklist import checklist_scores
from hybridtune.config.servers import Sampling
from hybridtune.domain import Rubric, load_domain
from hybridtune.errors import ConfigError
from hybridtune.judge import judge_messages
from hybridtune.records import Judgment, Message, Session, read_jsonl, write_jsonl
from hybridtune.scripted.answer import answer

CHECKLIST = {
    "name": "seen", "title": "Seen", "mode": "checklist", "low": 1, "high": 10,
    "dimensions": {
        "warmth": {
            "question": "How warm?",
            "items": {
                "greets": {"ask": "Does it greet?"},
                "names": {"ask": "Does it name a feeling?"},
                "scolds": {"ask": "Does it scold?", "good": False},
            },
        }
    },
}  # fmt: skip
TALK = (
    Message(role="user", content="I am afraid of the bridge."),
    Message(role="assistant", content="Good morning. You are afraid."),
)


def observed(**answers: tuple[str, str]) -> dict[str, Any]:
    items = {name: {"answer": said, "quote": quote} for name, (said, quote) in answers.items()}
    return {"items": {"warmth": items}}


class Judge:
    description = {"kind": "attached", "name": "fake"}  # noqa: RUF012

    def __init__(self, said: Any) -> None:
        self.said = said

    async def complete(self, request: ChatRequest) -> ChatReply:
        assert request.schema is not None
        data = parse_json(json.dumps(self.said), request.schema)
        return ChatReply("", "stop", 1, 1, "call", False, data)


@pytest.mark.parametrize(
    ("greets", "names", "scolds", "score"),
    [
        (("yes", "good  MORNING"), ("yes", "You are afraid."), ("no", ""), 10),
        (("yes", "Good morning"), ("no", ""), ("no", ""), 7),
        (("yes", "Good evening"), ("no", ""), ("no", ""), 4),  # nobody said so
        (("no", ""), ("no", ""), ("yes", "Good morning."), 1),
        (("no", ""), ("no", ""), ("yes", "Shame on you"), 4),  # nor that
        (("yes", "afraid of the bridge"), ("no", ""), ("no", ""), 4),  # that was the client
    ],
)
async def test_a_checklist_counts_what_can_be_shown(
    greets: tuple[str, str], names: tuple[str, str], scolds: tuple[str, str], score: int
) -> None:
    rubric = Rubric.model_validate({**CHECKLIST, "prompt": "checklist"})
    said = observed(greets=greets, names=names, scolds=scolds)
    verdict = await judge_messages(Judge(said), DOMAIN, rubric, TALK, sampling=Sampling(), seed=1)
    assert verdict.scores is not None
    found = verdict.scores["warmth"]
    assert found.score == score
    assert list(found.items) == ["greets", "names", "scolds"]
    assert found.items["greets"].yes is (greets[0] == "yes")


def test_the_shipped_checklist_reaches_both_ends() -> None:
    rubric = DOMAIN.rubric("empathy_relevance_checklist")
    assert [len(one.items) for one in rubric.dimensions.values()] == [9, 9]
    for kind, score in ((True, 10), (False, 1)):
        answers = {
            name: {
                item: {"answer": "yes" if asked.good is kind else "no", "quote": "x"}
                for item, asked in dimension.items.items()
            }
            for name, dimension in rubric.dimensions.items()
        }
        scores = checklist_scores(rubric, answers, bool)
        assert {one.score for one in scores.values()} == {score}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mode": "scale"}, "a scale needs two anchors or more"),
        ({"dimensions": {"a": {"question": "?", "anchors": {1: "x", 10: "y"}}}}, "two items"),
    ],
)
def test_a_rubric_says_what_it_scores_by(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Rubric.model_validate({**CHECKLIST, **change})


@pytest.mark.parametrize("name", ["counselling", "empathy_relevance_checklist"])
def test_the_stand_in_applies_every_rubric(name: str) -> None:
    good = [
        ("user", "My boss shouted at me and I feel so ashamed and afraid."),
        ("assistant", "When your boss shouted you felt ashamed. That makes sense. What went through"
         " your mind?"),
        ("user", "The thought that I am useless at work."),
        ("assistant", "What speaks against the thought that you are useless at work? Could you"
         " imagine one small step this week?"),
    ]  # fmt: skip
    bad = [(role, words if role == "user" else "Calm down.") for role, words in good]
    means = []
    for turns in (good, bad):
        messages = [{"role": role, "content": words} for role, words in turns]
        said = json.loads(answer(DOMAIN, "judge", {"rubric": name, "messages": messages}, []))
        rubric = DOMAIN.rubric(name)
        if rubric.mode == "checklist":
            spoken = " ".join(words for role, words in turns if role == "assistant")
            scores = checklist_scores(rubric, said["items"], lambda q, s=spoken: bool(q) and q in s)
            means.append(sum(one.score for one in scores.values()) / len(scores))
        else:
            means.append(sum(one["score"] for one in said["scores"].values()) / len(said["scores"]))
    assert means[0] > means[1] + 1


async def test_records_name_judge_and_rubric_and_the_mean_is_over_judges(tmp_path: Path) -> None:
    async with planted(always_eight) as server, planted(lambda shown: shown.scores(4)) as other:
        experiment = experiment_with(
            server.url, judges={"strict": {"base_url": other.url}}, rubrics=["counselling"]
        )
        run = make_run(tmp_path, experiment)
        judgments = await judged(run)
    assert read_jsonl(run.eval / "judgments.jsonl", Judgment) == judgments
    assert len({one.id for one in judgments}) == len(judgments) == 18 * 2 * 2
    by_judge = judges_named(judgments)
    assert {name: len(ones) for name, ones in by_judge.items()} == {"planted": 36, "strict": 36}
    assert {one.rubric for one in judgments} == {"empathy_relevance", "counselling"}
    cells = gather(load_material(run), run, ["empathy", "relevance"])
    assert set(cells.values("base", "empathy")) == {6.0}
    assert cells.missing["base"].total() == 0
    (beside,) = analyse(run, DOMAIN)["further_rubrics"]
    assert (beside["name"], beside["mode"]) == ("counselling", "scale")
    assert beside["variants"]["base"]["techniques"]["mean"] == 6.0
    assert beside["variants"]["base"]["techniques"]["n"] == 6


async def test_a_judge_that_is_away_leaves_the_count_of_the_planned(tmp_path: Path) -> None:
    async with planted(always_eight) as server:
        experiment = experiment_with(server.url, judges={"second": {"base_url": server.url}})
        run = make_run(tmp_path, experiment)
        everything = await judged(run)
    kept = [one for one in everything if one.judge != "second" or one.variant != "base"]
    write_jsonl(run.eval / "judgments.jsonl", kept)
    cells = gather(load_material(run), run, ["empathy", "relevance"])
    assert cells.missing["base"] == {"not judged": 6}
    assert cells.missing_share("base") == 0.5


async def test_two_judges_of_one_name_are_refused(tmp_path: Path) -> None:
    async with planted(always_eight) as server:
        run = make_run(
            tmp_path, experiment_with(server.url, judges={"planted": {"base_url": server.url}})
        )
        with pytest.raises(ConfigError, match=r"evaluation\.judging\.judges\.planted: .*roles"):
            await judged(run)


def test_a_panel_judge_needs_a_server() -> None:
    with pytest.raises(ValueError, match=r"evaluation\.judging\.judges\.x\.server: no server 'no'"):
        experiment_with("http://127.0.0.1:1/v1", judges={"x": {"server": "no"}})


@pytest.mark.parametrize(
    ("words", "masked"),
    [
        ("I am hybrid, hello.", f"I am {MASK}, hello."),
        ("My name is  Real.", f"My name is {MASK}."),
        ("That sounds real, and the base hurts.", "That sounds real, and the base hurts."),
        ("As ChatGPT I cannot.", f"As {MASK} I cannot."),
        ("I'm Qwen2.5-7B, made by Alibaba  Cloud.", f"I'm {MASK}, made by {MASK}."),
        ("small-model here", f"{MASK} here"),
        ("A llama farm.", f"A {MASK} farm."),  # the price of masking makers' names everywhere
        ("Claudette called.", "Claudette called."),
        ("I am real glad.", "I am real glad."),
        ("This is real progress.", "This is real progress."),
        ("This is real, and you're talking to real people.",) * 2,
        ("I'm real-world minded.", "I'm real-world minded."),
        ("I'm hybrid and I listen.", f"I'm {MASK} and I listen."),
        ("I am hybrid, a counselor. I am Hybrid!", f"I am {MASK}, a counselor. I am {MASK}!"),
        ("Hello, this is hybrid speaking.", f"Hello, this is {MASK} speaking."),
        ("I\u2019m base here", f"I\u2019m {MASK} here"),
        ("I am Phi, made by Microsoft.", f"I am {MASK}, made by {MASK}."),
        ("Google made me; Grok did not.", f"{MASK} made me; {MASK} did not."),
        ("I am Phi-3.5-mini-instruct, not GPT-4o.", f"I am {MASK}, not {MASK}."),
        ("The philosophy of graphite.", "The philosophy of graphite."),
    ],
)
def test_names_are_masked(words: str, masked: str) -> None:
    mask = mask_of(experiment_with("http://127.0.0.1:1/v1"), DOMAIN)
    assert mask.text(words) == masked


def test_a_pack_without_lists_masks_the_base_model_alone() -> None:
    mask = mask_of(experiment_with("http://127.0.0.1:1/v1"), load_domain("support"))
    assert mask.text("I am hybrid, a small-model by OpenAI.") == f"I am hybrid, a {MASK} by OpenAI."


async def test_no_judge_sees_a_name(tmp_path: Path) -> None:
    async with planted(always_eight) as server:
        run = make_run(tmp_path, experiment_with(server.url))
        path = run.eval / "conversations.jsonl"
        told = [
            one.model_copy(
                update={
                    "messages": tuple(
                        turn.model_copy(update={"content": f"I am {variant}. {turn.content}"})
                        for turn in one.messages
                    )
                }
            )
            for one in read_jsonl(path, Session)
            if (variant := one.provenance["variant"])
        ]
        write_jsonl(path, told)
        await judged(run)
        asked = [body["messages"][0]["content"] for body in server.bodies if body]
    assert len(asked) == 18
    assert not any(f"I am {name}" in text for text in asked for name in ("real", "base", "hybrid"))
    assert all(f"I am {MASK}." in text for text in asked)
