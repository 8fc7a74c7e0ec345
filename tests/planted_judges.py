"""Judges with a known fault, behind a real server, and conversations for them to read."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from fabricated import make_experiment
from fake_server import FakeServer, completion, fake_server

from hybridtune.config import Experiment
from hybridtune.records import Message, Scenario, Session, write_jsonl
from hybridtune.runs import Run

TOPICS = (
    ("rehearsals", "violin", "conductor"), ("harvest", "orchard", "tractor"),
    ("lectures", "thesis", "professor"), ("ferries", "harbour", "captain"),
    ("invoices", "ledger", "auditor"), ("marathon", "sprinter", "trainer"),
)  # fmt: skip
SPEAKER = re.compile(r"^(Client|Counselor): ", re.MULTILINE)
Judge = Callable[["Shown"], dict[str, Any] | str]


class Shown:
    """What a judge is asked: one conversation or two, as turns of (speaker, words)."""

    def __init__(self, body: dict[str, Any]) -> None:
        prompt = body["messages"][0]["content"]
        self.properties = body["response_format"]["json_schema"]["schema"]["properties"]
        self.pair = "winner" in self.properties
        tags = ("first", "second") if self.pair else ("conversation",)
        self.talks = [
            turns(re.findall(rf"^<{tag}>\n(.*?)\n</{tag}>", prompt, re.DOTALL | re.MULTILINE)[-1])
            for tag in tags
        ]

    def scores(self, score: float) -> dict[str, Any]:
        """The same score for every dimension."""
        names = self.properties["scores"]["properties"]
        level = min(10, max(1, round(score)))
        return {"scores": {name: {"quote": "", "score": level} for name in names}}

    def winner(self, name: str) -> dict[str, Any]:
        return {"reason": "so it is", "winner": name}


def turns(text: str) -> list[tuple[str, str]]:
    parts = SPEAKER.split(text)[1:]
    return [(who, words.strip()) for who, words in zip(parts[::2], parts[1::2], strict=True)]


def long_words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]+", text.lower()) if len(word) > 5}


def merit(talk: list[tuple[str, str]]) -> float:
    """How many replies take up the client's words and add some of their own."""
    heard, good, count = "", 0, 0
    for who, words in talk:
        if who == "Client":
            heard = words
            continue
        count += 1
        mine, theirs = long_words(words), long_words(heard)
        good += bool(mine & theirs) and bool(mine - theirs)
    return 2 + 7 * good / max(count, 1)


def length(talk: list[tuple[str, str]]) -> int:
    return sum(len(words.split()) for who, words in talk if who == "Counselor")


def ahead(first: float, second: float) -> str:
    return "tie" if first == second else "first" if first > second else "second"


def honest(shown: Shown) -> dict[str, Any]:
    if shown.pair:
        return shown.winner(ahead(*map(merit, shown.talks)))
    return shown.scores(merit(shown.talks[0]))


def always_eight(shown: Shown) -> dict[str, Any]:
    return shown.winner("tie") if shown.pair else shown.scores(8)


def first_place(shown: Shown) -> dict[str, Any]:
    return shown.winner("first") if shown.pair else honest(shown)


def longer(shown: Shown) -> dict[str, Any]:
    if shown.pair:
        return shown.winner(ahead(*map(length, shown.talks)))
    return shown.scores(length(shown.talks[0]) / 10)


def prose(_: Shown) -> str:
    return "What a caring counselor. I would say it is about an eight."


@asynccontextmanager
async def planted(judge: Judge) -> AsyncIterator[FakeServer]:
    """Serve a judge; the server remembers what it was asked."""

    async def behave(request: web.Request, _: FakeServer) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"data": [{"id": "planted"}]})
        said = judge(Shown(await request.json()))
        return completion(said if isinstance(said, str) else json.dumps(said))

    async with fake_server(behave) as server:
        yield server


def experiment_with(url: str, **judging: Any) -> Experiment:
    """An experiment whose judge answers at this address."""
    values = make_experiment().model_dump(mode="json")
    values["roles"]["judge"] = {"base_url": url, "sampling": {"temperature": 0}}
    values["evaluation"]["judging"] = judging
    return Experiment.model_validate(values)


def make_run(path: Path, experiment: Experiment) -> Run:
    """Six scenarios, each played by all variants; `hybrid` listens, `real` mostly, `base` never."""
    run = Run(path, experiment)
    sessions = [
        talk(f"s{number}", variant, topic)
        for number, topic in enumerate(TOPICS)
        for variant in experiment.variants
    ]
    scenarios = [
        Scenario(id=f"s{n}", domain="therapy", persona={}, scenario={"summary": topic[0]})
        for n, topic in enumerate(TOPICS)
    ]
    write_jsonl(run.eval / "scenarios.jsonl", scenarios)
    write_jsonl(run.eval / "conversations.jsonl", sessions)
    return run


def talk(scenario: str, variant: str, topic: tuple[str, ...]) -> Session:
    listens = {"base": 0, "real": 2, "hybrid": 3}[variant]
    messages = [Message(role="system", content="You are a counselor.")]
    for number, thing in enumerate(topic):
        about = thing if number < listens else "things"
        reply = f"It sounds as if the {about} weigh on you. What happens inside you then?"
        messages += [
            Message(role="user", content=f"Since spring the {thing} frighten me."),
            Message(role="assistant", content=reply),
        ]
    return Session(
        id=f"{scenario}--{variant}--0",
        domain="therapy",
        source="simulated",
        messages=tuple(messages),
        provenance={
            "variant": variant, "scenario": scenario, "repeat": 0, "ended": "cap",
            "patient": {"kind": "attached", "name": "somebody"},
            "counselor": {"kind": "managed", "name": variant},
        },
    )  # fmt: skip
