"""A teacher without a server, and a pack of bicycle repairs for it to work in."""

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from generation.review import Review
from generation.stage import generate
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.config import ROLES, Experiment
from hybridtune.domain import Domain
from hybridtune.errors import CallError
from hybridtune.progress import silent
from hybridtune.records import Scenario, read_jsonl, write_jsonl
from hybridtune.runs import Run
from hybridtune.seeds import derive

FILES = (
    "personas.jsonl",
    "scenarios.jsonl",
    "drafts.jsonl",
    "rankings.jsonl",
    "decisions.jsonl",
    "synthetic.jsonl",
    "failures.jsonl",
    "report.json",
)
SEED = 5
HELD = "The chain jumps off the front ring on every steep hill and then I have to push it home"
OBJECT = '{"type": "object"}'
PACK = {
    "domain.yaml": (
        "title: bicycle repair\nlanguage: und\nopener: Hello.\n"
        "counselor: Mechanic\npatient: Rider\n"
    ),
    "prompts/counselor.jinja": "You mend bicycles with words.",
    "prompts/persona.jinja": "{{ theme }} {{ axes | tojson }} {{ schema | tojson }}",
    "prompts/scenario.jinja": "{{ persona | tojson }} {{ theme }} {{ schema | tojson }}",
    "prompts/session.jinja": "{{ persona }} {{ scenario }} {{ exchanges }} {{ counselor_prompt }}",
    "prompts/patient.jinja": "{{ persona }} {{ scenario }}",
    "prompts/judge.jinja": "{{ rubric.title }} {{ transcript }}",
    "schemas/persona.schema.json": OBJECT,
    "schemas/scenario.schema.json": OBJECT,
    "taxonomy/themes.yaml": "brakes: they squeal\ngears: they slip\nwheels: they wobble\n",
    "taxonomy/axes.yaml": "bike: [racer, cargo]\nriding: [daily, weekends]\n",
    "rubrics/ranking.yaml": (
        "title: use\ndimensions:\n  use:\n    question: Any?\n    anchors: {1: None, 10: Great}\n"
    ),
}


class FakeTeacher:
    """Answers everything, from the request's seed alone; fails, copies or scores as it is told.

    Row-wise behaviour is keyed by the seeded persona's `index`, which its later inputs carry along.
    """

    def __init__(self, *, delays: int | None = None, **told: Any) -> None:
        self.delays = random.Random(delays) if delays is not None else None
        self.told = told
        self.requests: list[ChatRequest] = []

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "scripted", "name": "fake"}

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.requests.append(request)
        await asyncio.sleep(self.delays.uniform(0, 0.01) if self.delays else 0)
        data = self.answer(request)
        text = data if isinstance(data, str) else json.dumps(data)
        return ChatReply(
            text=text,
            finish_reason="stop",
            prompt_tokens=10,
            completion_tokens=len(text.split()),
            call_id=f"call-{request.task}-{request.seed}",
            cached=False,
            data=data,
        )

    def answer(self, request: ChatRequest) -> Any:
        drawn = random.Random(request.seed)
        if request.task == "counselor":
            return nonsense(drawn)
        if request.task == "judge":
            return self.verdict()
        index = request.inputs.get("index", request.inputs.get("persona", {}).get("index"))
        first = len(request.messages) == 1
        if index in self.told.get(f"fail_{request.task}", ()):
            raise CallError(f"{request.task}: no usable answer in 3 tries")
        if request.task == "persona":
            bike = request.inputs["axes"]["bike"]
            people = self.told.get("people", {}).get(index, [])
            told = people[len(request.messages) // 2 :] or [nonsense(drawn)]
            return {"index": index, "bike": bike, "about": told[0]}
        if request.task == "scenario":
            held = index in self.told.get("copy", ())
            held = held or (index in self.told.get("copy_once", ()) and first)
            return {"problem": HELD if held else nonsense(drawn)}
        if request.task == "patient":
            asked = sum(message.role == "assistant" for message in request.messages)
            return "Thanks, that helps. [END]" if asked >= 4 else nonsense(drawn)
        if index in self.told.get("same", ()):
            drawn = random.Random(0)
        return {"turns": self.turns(request, drawn, index)}

    def turns(self, request: ChatRequest, drawn: random.Random, index: int) -> list[dict[str, str]]:
        speakers = ("patient", "counselor") * request.inputs["exchanges"]
        turns = [{"speaker": speaker, "text": nonsense(drawn)} for speaker in speakers]
        once = request.seed == derive(SEED, "generation", index, "session", 0)
        held = once and index in self.told.get("copy_in_draft_once", ())
        if held or index in self.told.get("copy_in_draft", ()):
            turns[0]["text"] = f"Well, {HELD}."
        if index in self.told.get("leak", ()):
            turns[1]["text"] = "As an AI, I never ride."
        return turns

    def verdict(self) -> Any:
        scores = self.told.get("scores")
        score = 9 if scores is None else next(scores)
        if score is None:
            raise CallError("judge: no usable answer in 3 tries")
        return {"scores": {"use": {"score": score, "quote": ""}}}


def nonsense(drawn: random.Random) -> str:
    return " ".join(f"w{drawn.randrange(5000)}" for _ in range(12)) + "."


def bicycles(folder: Path) -> Domain:
    """The pack, written to a folder."""
    for name, text in PACK.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    held = Scenario(id="held-1", domain="bikes", persona={}, scenario={"problem": HELD})
    write_jsonl(folder / "scenarios" / "evaluation.jsonl", [held])
    return Domain(folder)


def run_of(path: Path, **generation: Any) -> Run:
    settings = {
        "sessions": 12,
        "min_exchanges": 3,
        "max_exchanges": 5,
        "quotes_found": 0,
        **generation,
    }
    experiment = Experiment.model_validate(
        {
            "name": "test",
            "seed": SEED,
            "model": {"name": "none"},
            "servers": {"fake": {"kind": "scripted"}},
            "roles": {role: {"server": "fake"} for role in ROLES},
            "corpus": {"paths": ["none"]},
            "variants": {"base": {}},
            "generation": settings,
        }
    )
    return Run(path, experiment)


async def generated(pack: Domain, folder: Path, teacher: FakeTeacher, **settings: Any) -> Run:
    run = run_of(folder, **settings)
    await generate(run, pack, teacher, silent())
    return run


def contents(run: Run) -> dict[str, bytes]:
    return {name: (run.generation / name).read_bytes() for name in FILES}


def statuses(run: Run) -> Counter[tuple[str, str]]:
    reviews = read_jsonl(run.generation / "decisions.jsonl", Review)
    return Counter((review.status, review.reason) for review in reviews)
