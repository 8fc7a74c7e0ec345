"""One model call after another: a persona, a scenario, a session, its ranking.

Every method asks the teacher for one record of one row and says in its provenance how it came
about: the teacher, the digest of the rendered prompt, the seed and the call ids. What a model wrote
goes into later prompts as a value, never as a template.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from generation.apart import PERSON, SCENARIO, Talk
from generation.coverage import Row, decided
from generation.phases import phases_for
from hybridtune.chat.model import ChatModel, ChatReply, ChatRequest
from hybridtune.config.generation import GenerationSettings
from hybridtune.config.servers import Sampling
from hybridtune.conversation import converse
from hybridtune.domain import Domain
from hybridtune.judge import judge_messages
from hybridtune.records import Judgment, Message, Persona, Scenario, Session
from hybridtune.seeds import derive

LONGEST_TURN = 4000
"""Characters of a turn; one that reaches it is cut off."""
SPEAKERS = {"patient": "user", "counselor": "assistant"}


@dataclass(frozen=True)
class Written:
    """A draft, and how many of its turns the token limit cut off."""

    session: Session
    cut_turns: int


@dataclass(frozen=True)
class Writer:
    """The teacher at work in one domain, with everything that its requests share."""

    domain: Domain
    settings: GenerationSettings
    teacher: ChatModel
    sampling: Sampling
    seed: int

    async def persona(self, row: Row, talk: Talk) -> Persona:
        """Who comes: after what was asked and answered so far, somebody else, and it goes on there.

        What is asked depends on this row alone, never on whom its earlier people were like.
        """
        schema = decided(self.domain.schema("persona"), row.axes)
        prompt = self.domain.render("persona", theme=row.theme, axes=dict(row.axes), schema=schema)
        inputs = {"index": row.index, "theme": row.theme, "axes": dict(row.axes)}
        messages = (Message(role="user", content=prompt), *talk.turns)
        seed = derive(self.seed, "generation", row.index, "persona", *later(len(talk.calls)))
        reply = await self.ask("persona", messages, schema, seed, inputs)
        talk.heard(reply, PERSON)
        return Persona(
            id=persona_id(row),
            domain=self.domain.name,
            persona=reply.data,
            provenance={
                "theme": row.theme,
                "axes": dict(row.axes),
                **self.origin(seed, {"persona": prompt}, *talk.calls),
            },
        )

    async def scenario(self, row: Row, number: int, persona: Persona, talk: Talk) -> Scenario:
        """What the persona brings to one session: something else each time, as in `persona`."""
        schema = self.domain.schema("scenario")
        prompt = self.domain.render(
            "scenario", persona=persona.persona, theme=row.theme, schema=schema
        )
        again = later(len(talk.calls))
        seed = derive(self.seed, "generation", row.index, "scenario", number, *again)
        inputs = {"persona": persona.persona, "theme": row.theme}
        messages = (Message(role="user", content=prompt), *talk.turns)
        reply = await self.ask("scenario", messages, schema, seed, inputs, sample=number)
        talk.heard(reply, SCENARIO)
        return Scenario(
            id=row_id("scenario", row, number),
            domain=self.domain.name,
            persona=persona.persona,
            scenario=reply.data,
            provenance={
                "persona": persona.id,
                "theme": row.theme,
                **self.origin(seed, {"scenario": prompt}, *talk.calls),
            },
        )

    async def session(
        self, row: Row, number: int, scenario: Scenario, sample: int = 0, again: int = 0
    ) -> Written:
        """A conversation over a scenario, by the configured method; drawn anew where `again`."""
        parts = (*later(sample), *(("again", again) if again else ()))
        seed = derive(self.seed, "generation", row.index, "session", number, *parts)
        write = self.whole if self.settings.method == "whole" else self.two_agent
        messages, how, cut_turns = await write(scenario, row.exchanges[number], seed)
        session = Session(
            id=row_id("synthetic", row, number, sample),
            domain=self.domain.name,
            source="synthetic",
            messages=messages,
            persona=scenario.persona,
            scenario=scenario.scenario,
            provenance={
                "group": scenario.provenance["persona"],
                "persona": scenario.provenance["persona"],
                "scenario": scenario.id,
                "theme": row.theme,
                "method": self.settings.method,
                "exchanges_asked": row.exchanges[number],
                **how,
            },
        )
        return Written(session, cut_turns)

    async def whole(
        self, scenario: Scenario, exchanges: int, seed: int
    ) -> tuple[tuple[Message, ...], dict[str, Any], int]:
        """One call writes both sides."""
        told = {
            "persona": scenario.persona,
            "scenario": scenario.scenario,
            "exchanges": exchanges,
        }
        phases = phases_for(self.domain, exchanges)
        prompt = self.domain.render(
            "session", counselor_prompt=self.domain.system_prompt, phases=phases, **told
        )
        asked = (Message(role="user", content=prompt),)
        reply = await self.ask("session", asked, session_schema(exchanges), seed, told)
        messages = tuple(
            Message.model_validate({"role": SPEAKERS[turn["speaker"]], "content": turn["text"]})
            for turn in reply.data["turns"]
        )
        cut_turns = sum(len(message.content) >= LONGEST_TURN for message in messages)
        return messages, self.origin(seed, {"session": prompt}, reply.call_id), cut_turns

    async def two_agent(
        self, scenario: Scenario, exchanges: int, seed: int
    ) -> tuple[tuple[Message, ...], dict[str, Any], int]:
        """The teacher plays both, and the patient alone knows the scenario."""
        told = {"persona": scenario.persona, "scenario": scenario.scenario}
        prompts = {
            "patient": self.domain.render(
                "patient", phases=phases_for(self.domain, exchanges), **told
            ),
            "counselor": self.domain.system_prompt,
        }
        talk = await converse(
            patient=self.teacher,
            counselor=self.teacher,
            patient_system=prompts["patient"],
            counselor_system=prompts["counselor"],
            patient_inputs=told,
            patient_sampling=self.sampling,
            counselor_sampling=self.sampling,
            seed=seed,
            max_exchanges=exchanges,
            end_marker=self.domain.settings.end_marker,
        )
        how = self.origin(seed, prompts, *talk.call_ids)
        return talk.messages, {**how, "ended": talk.ended}, talk.cut_turns

    async def ranking(self, row: Row, number: int, draft: Session, sample: int = 0) -> Judgment:
        """The teacher's reading of a draft, by the ranking rubric, drawn greedily."""
        seed = derive(self.seed, "generation", row.index, "ranking", number, *later(sample))
        found = await judge_messages(
            self.teacher,
            self.domain,
            self.domain.rubric(self.settings.rubric),
            draft.messages,
            sampling=self.sampling.model_copy(update={"temperature": 0.0}),
            seed=seed,
            reasks=self.settings.reasks,
            told={"persona": draft.persona, "scenario": draft.scenario},
        )
        return Judgment(
            id=row_id("ranking", row, number, sample),
            conversation=draft.id,
            scenario=draft.provenance["scenario"],
            variant="synthetic",
            repeat=0,
            rubric=self.settings.rubric,
            judge=str(self.teacher.description.get("name", "teacher")),
            scores=found.scores,
            missing=found.missing,
            provenance={
                "judge": self.teacher.description,
                "seed": seed,
                "calls": [found.call_id] if found.call_id else [],
            },
        )

    async def ask(
        self,
        task: str,
        messages: tuple[Message, ...],
        schema: Mapping[str, Any],
        seed: int,
        inputs: Mapping[str, Any],
        sample: int = 0,
    ) -> ChatReply:
        """One call with a JSON answer."""
        request = ChatRequest(
            messages=messages,
            sampling=self.sampling,
            task=task,
            seed=seed,
            schema=schema,
            sample=sample,
            inputs=inputs,
            reasks=self.settings.reasks,
        )
        return await self.teacher.complete(request)

    def origin(self, seed: int, prompts: Mapping[str, str], *calls: str) -> dict[str, Any]:
        """What the provenance of everything that the teacher wrote has in common."""
        digests = {
            name: hashlib.sha256(prompt.encode()).hexdigest() for name, prompt in prompts.items()
        }
        return {
            "teacher": self.teacher.description,
            "prompt_sha256": digests,
            "seed": seed,
            "calls": list(calls),
        }


def persona_id(row: Row) -> str:
    """The id of a row's persona; rows count from 1 for people."""
    return f"persona-{row.index + 1:05d}"


def row_id(kind: str, row: Row, number: int, sample: int = 0) -> str:
    """The id that a row's scenario, draft and ranking share but for the first word."""
    more = f"-{sample + 1}" if sample else ""
    return f"{kind}-{row.index + 1:05d}-{number + 1}{more}"


def later(sample: int) -> tuple[int, ...]:
    """The part of a seed that tells samples apart; the first draws as if there were no others."""
    return (sample,) if sample else ()


@cache
def session_schema(exchanges: int) -> dict[str, Any]:
    """The JSON Schema of a whole session; the upper bound keeps a runaway answer finite."""
    turn = {
        "type": "object",
        "properties": {
            "speaker": {"enum": list(SPEAKERS)},
            "text": {"type": "string", "minLength": 1, "maxLength": LONGEST_TURN},
        },
        "required": ["speaker", "text"],
        "additionalProperties": False,
    }
    turns = {"type": "array", "items": turn, "minItems": 2, "maxItems": 4 * exchanges}
    return {
        "type": "object",
        "properties": {"turns": turns},
        "required": ["turns"],
        "additionalProperties": False,
    }
