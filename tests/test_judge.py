"""Rubric in, verdict out: what the judge is asked, and what becomes of its answers."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.chat.structured import parse_json
from hybridtune.config.servers import Sampling
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import AnswerError, CallError, DomainError, ServerError
from hybridtune.judge import (
    Comparison,
    Verdict,
    compare_messages,
    judge_messages,
    render_transcript,
    verdict_schema,
)
from hybridtune.records import Message

MESSAGES = (
    Message(role="system", content="Be kind."),
    Message(role="user", content="I said: that  sounds hard."),
    Message(role="assistant", content="That sounds\nhard, {{ domain.title }}."),
)
OTHER = (*MESSAGES[:2], Message(role="assistant", content="Next."))
GOOD = '{"scores": {"empathy": {"quote": "THAT sounds hard", "score": 7}}}'

RUBRIC = """
title: Empathy
high: 10
dimensions:
  empathy: {question: 'How warm?', anchors: {1: cold, 10: warm}}
"""


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    """A pack as small as one can be."""
    files = {
        "domain.yaml": "title: Trial\nopener: Hello.\ncounselor: Coach\npatient: Guest\n",
        "rubrics/empathy.yaml": RUBRIC,
        "prompts/judge.jinja": "{{ rubric.title }} for {{ domain.title }}:\n{{ transcript }}\n",
        "prompts/compare.jinja": "1: {{ first }}\n2: {{ second }}",
    }
    for name, text in files.items():
        path = tmp_path / "trial" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_domain(str(tmp_path / "trial"))


class Judge:
    """A model that gives the answers of a list, checked as the client checks them."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers, self.requests = list(answers), list[ChatRequest]()

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "fake"}

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert request.schema is not None
        data = parse_json(answer, request.schema)
        return ChatReply(answer, "stop", 1, 1, f"call-{len(self.requests)}", False, data)


async def judged(judge: Judge, domain: Domain) -> Verdict:
    return await judge_messages(
        judge, domain, domain.rubric("empathy"), MESSAGES, sampling=Sampling(), seed=4, sample=2
    )


async def compared(judge: Judge, domain: Domain) -> Comparison:
    rubric = domain.rubric("empathy")
    return await compare_messages(
        judge, domain, rubric, MESSAGES, OTHER, sampling=Sampling(), seed=4
    )


async def test_a_verdict(domain: Domain) -> None:
    judge = Judge(GOOD)
    verdict = await judged(judge, domain)
    assert verdict.scores is not None
    evidence = verdict.scores["empathy"]
    assert (evidence.score, evidence.quote_found) == (7, True)
    assert (verdict.missing, verdict.call_id) == (None, "call-1")
    (request,) = judge.requests
    assert request.messages[0].content == (
        "Empathy for Trial:\nGuest: I said: that  sounds hard.\n"
        "Coach: That sounds\nhard, {{ domain.title }}."
    )
    assert (request.task, request.seed, request.sample) == ("judge", 4, 2)
    assert request.inputs["rubric"] == "empathy"
    assert request.inputs["messages"][2]["role"] == "assistant"


@pytest.mark.parametrize(
    ("quote", "found"),
    [("sounds hard,", True), ("I said", False), ("never said", False), ("", False), ("  ", False)],
)
async def test_quotes_are_the_counselors(domain: Domain, quote: str, found: bool) -> None:
    verdict = await judged(Judge(GOOD.replace("THAT sounds hard", quote)), domain)
    assert verdict.scores is not None
    assert verdict.scores["empathy"].quote_found is found


@pytest.mark.parametrize(
    ("said", "quote", "found"),
    [
        ("I\u2019m here \u2014 with you.", "I'm here - with you", True),
        ("I\u2019m here\u2014with you.", "i\u00b4m here -- with you...", True),
        ("You said \u201cnever\u201d again.", "'You said \"never\" again.'", True),
        ("That is hard. Go on.", "\u201cThat is hard\u2026\u201d", True),
        ("It is a self\u2011critical thought.", "self-critical", True),
        ("One \ufb01ne\u00a0day.", "one fine day", True),
        ("I\u2019m here.", "I am here", False),
        ("That is hard.", "...", False),
        ("That is hard.", "\u201c\u201d", False),
    ],
)
async def test_a_quote_may_differ_in_typography_alone(
    domain: Domain, said: str, quote: str, found: bool
) -> None:
    messages = (MESSAGES[1], Message(role="assistant", content=said))
    answer = json.dumps({"scores": {"empathy": {"quote": quote, "score": 7}}})
    verdict = await judge_messages(
        Judge(answer), domain, domain.rubric("empathy"), messages, sampling=Sampling(), seed=4
    )
    assert verdict.scores is not None
    assert verdict.scores["empathy"].quote_found is found


@pytest.mark.parametrize("error", [AnswerError("no usable answer"), CallError("too long")])
async def test_a_verdict_that_cannot_be_had_is_missing(domain: Domain, error: Exception) -> None:
    verdict = await judged(Judge(error), domain)
    assert verdict == Verdict(None, str(error), None)


async def test_a_judge_that_is_gone_stops_everything(domain: Domain) -> None:
    with pytest.raises(ServerError):
        await judged(Judge(ServerError("refused")), domain)


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        '{"scores": {}}',
        GOOD.replace("7", "0"),
        GOOD.replace("7", "11"),
        GOOD.replace("7", "6.5"),
        GOOD.replace("7", '"7"'),
        GOOD.replace("empathy", "warmth"),
    ],
)
def test_the_schema_refuses_what_is_off_the_rubric(domain: Domain, answer: str) -> None:
    schema = verdict_schema(domain.rubric("empathy"))
    jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(ValueError, match="at "):
        parse_json(answer, schema)


def winner(name: str) -> str:
    return f'{{"reason": "because", "winner": "{name}"}}'


@pytest.mark.parametrize(
    ("straight", "swapped", "expected", "agreed"),
    [
        ("first", "second", "first", True),
        ("second", "first", "second", True),
        ("tie", "tie", "tie", True),
        ("first", "first", "tie", False),  # it prefers whatever stands first
        ("second", "second", "tie", False),
        ("first", "tie", "tie", False),
    ],
)
async def test_a_win_needs_both_orders(
    domain: Domain, straight: str, swapped: str, expected: str, agreed: bool
) -> None:
    judge = Judge(winner(straight), winner(swapped))
    comparison = await compared(judge, domain)
    assert comparison == Comparison(
        expected,
        agreed,
        None,
        ("call-1", "call-2"),
        (straight, swapped),  # type: ignore[arg-type]
    )
    one, other = (request.inputs for request in judge.requests)
    assert (one["first"], one["second"]) == (other["second"], other["first"])
    assert judge.requests[1].messages[0].content.startswith("1: Guest: I said")


async def test_half_a_comparison_is_missing(domain: Domain) -> None:
    comparison = await compared(Judge(winner("first"), AnswerError("nothing usable")), domain)
    assert comparison == Comparison(None, False, "nothing usable", ("call-1",), ("first",))


def test_words_are_values_and_never_templates(domain: Domain) -> None:
    text = domain.render("judge", rubric=domain.rubric("empathy"), transcript="{{ 1 + 1 }}")
    assert "{{ 1 + 1 }}" in text
    assert "Be kind" not in render_transcript(MESSAGES, domain.settings)


def test_prompts_and_packs_fail_clearly(domain: Domain) -> None:
    with pytest.raises(DomainError, match=r"judge\.jinja.*transcript"):
        domain.render("judge", rubric=domain.rubric("empathy"))
    with pytest.raises(DomainError, match="no such prompt"):
        domain.render("absent")
    (domain.path / "prompts" / "broken.jinja").write_text("one\n{% if %}")
    with pytest.raises(DomainError, match=r"broken\.jinja:2"):
        domain.render("broken")
    with pytest.raises(DomainError, match="no such file"):
        domain.rubric("absent")
    (domain.path / "rubrics" / "off.yaml").write_text(RUBRIC.replace("10: warm", "11: warm"))
    with pytest.raises(DomainError, match=r"off\.yaml: .*anchor 11 is off 1\.\.10"):
        domain.rubric("off")
    (domain.path / "rubrics" / "torn.yaml").write_text("title: [a\nhigh: 3\n")
    with pytest.raises(DomainError, match=r"torn\.yaml:2: not YAML: [^\n]*$"):
        domain.rubric("torn")
    with pytest.raises(DomainError, match=r"no domain pack 'theraphy' .*therapy"):
        load_domain("theraphy")
