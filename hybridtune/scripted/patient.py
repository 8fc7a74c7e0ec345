"""The scripted patient: an agenda from the scenario, and reactions to what the counselor says.

What comes next follows from how often the patient has spoken, so any single request can be answered
without memory. Words and order of the agenda are in `scripted/patient.yaml` of the domain pack.
"""

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hybridtune.records import Message
from hybridtune.scripted.stock import Stock
from hybridtune.scripted.text import Slots, closed, fresh, lowered, seeded, sentences


@dataclass
class Patient:
    """One person with one concern, and what was said so far."""

    stock: Stock
    persona: Mapping[str, Any]
    scenario: Mapping[str, Any]
    own: list[str] = field(default_factory=list)
    heard: str = ""
    seed: int | None = None

    def __post_init__(self) -> None:
        self.script = self.stock.script("patient")
        self.story = self.stock.story(self.scenario)
        self.theme = self.stock.theme_of(self.scenario)
        self.character = " ".join(str(value) for value in self.persona.values()).lower()

    def rng(self, purpose: str) -> random.Random:
        """Chance that depends on the person, the concern and the place in the talk."""
        place = [len(self.own), self.heard, self.seed]
        return seeded(purpose, self.persona, self.scenario, place)

    def slots(self, rng: random.Random) -> Slots:
        """Values for templates, if possible none that was said before."""
        said = " ".join(self.own)
        return self.stock.pick(self.theme, said + self.story, rng, self.script["items"])

    def agenda(self, turns: int) -> list[str]:
        """What the patient means to say, one item a turn, in at most so many turns."""
        rng = seeded("agenda", self.persona, self.scenario)
        story, thoughts = list(sentences(self.story)), self.stock.thoughts(self.scenario)
        slots, items = self.slots_at_start(rng), []
        for kind in self.script["agenda"]:
            if kind == "story":
                items += [story.pop(0)] if story else []
            elif kind == "thought":
                items += [self.frame(thoughts.pop(0), rng)] if thoughts else []
            else:
                items.append(slots.fill("{" + kind + "}"))
        return packed(items + story, max(1, turns))

    def slots_at_start(self, rng: random.Random) -> Slots:
        """As `slots`, but the same at every turn."""
        return self.stock.pick(self.theme, self.story, rng, self.script["items"])

    def frame(self, thought: str, rng: random.Random) -> str:
        """The thought as a quotation, in words that lead to it."""
        frame: str = rng.choice(self.script["thought_frames"])
        return frame.format(thought=thought.rstrip("."))

    def due(self, parts: Sequence[Mapping[str, str]]) -> str:
        """What a disclosure plan lets the patient tell now; thoughts as quotations."""
        rng = seeded("agenda", self.persona, self.scenario)
        thought = self.stock.shapes["places"]["thoughts"]["text"]
        return " ".join(
            self.frame(part["text"], rng) if part["kind"] == thought else part["text"]
            for part in parts
        )

    def speak(self, item: str) -> str:
        """A reaction to the counselor's last words, then an item of the agenda."""
        rng = self.rng("speak")
        said = " ".join(self.own)
        text = f"{self.react(rng) if self.own else ''} {'' if item in said else item}".strip()
        return self.mannered(text or closed(fresh(self.script["blank"], said, rng)), rng)

    def react(self, rng: random.Random) -> str:
        """An answer to the kind of thing that the counselor said."""
        cued = self.stock.reactions.names(self.heard)
        for reaction in self.script["reactions"] if self.heard else ():
            if ("cues" not in reaction or reaction["name"] in cued) and self.calls_for(reaction):
                options = self.by_attitude(reaction["say"])
                return self.slots(rng).fill(fresh(options, " ".join(self.own), rng))
        return ""

    def calls_for(self, reaction: Mapping[str, Any]) -> bool:
        """Whether a reaction's other conditions hold; one without a condition always does."""
        asked = self.heard.rstrip().endswith("?")
        if "question" in reaction and reaction["question"] != asked:
            return False
        mine = {*self.stock.content(self.own[-1])} | self.stock.key_words[self.theme]
        shared = mine.intersection(self.stock.content(self.heard))
        return len(shared) >= int(reaction.get("shared_words", 0))

    def farewell(self) -> str:
        """The last words."""
        rng = self.rng("farewell")
        return self.slots(rng).fill(rng.choice(self.by_attitude(self.script["farewells"])))

    def by_attitude(self, options: Any) -> list[str]:
        """The options for this person's attitude, where they differ by attitude."""
        if isinstance(options, list):
            return options
        mine = self.stock.attitudes.names(self.character)
        fitting = (name for name in self.script["attitudes"] if name in mine and name in options)
        return list(options[next(fitting, "default")])

    def mannered(self, text: str, rng: random.Random) -> str:
        """The text in the person's manner of speaking."""
        for manner in self.script["manners"]:
            if manner["cue"] in self.character and rng.random() < manner["chance"]:
                keep = text.startswith(tuple(self.stock.language["stay_capital"]))
                return f"{rng.choice(manner['openers'])} {text if keep else lowered(text)}"
        return text


def next_words(
    stock: Stock, inputs: Mapping[str, Any], messages: Sequence[Message], seed: int | None
) -> str:
    """The patient's next turn, with the end marker where the patient is done.

    In `messages` the patient is the assistant and the counselor the user. What is told follows from
    the scenario alone, and where `inputs` has parts `released` now and a number `left` for later,
    from these; the seed varies reactions and manner.
    """
    own = [message.content for message in messages if message.role == "assistant"]
    heard = [message.content for message in messages if message.role == "user"]
    limit = int(inputs["max_exchanges"])
    last = heard[-1] if heard else ""
    patient = Patient(stock, inputs["persona"], inputs["scenario"], own, last, seed)
    if "released" in inputs:
        due = bool(inputs["released"] or inputs["left"])
        if not own or (due and len(own) < limit - 1):
            return patient.speak(patient.due(inputs["released"]))
        return f"{patient.farewell()} {stock.domain.settings.end_marker}"
    agenda = patient.agenda(limit - 1)
    if len(own) < len(agenda):
        return patient.speak(agenda[len(own)])
    return f"{patient.farewell()} {stock.domain.settings.end_marker}"


def packed(items: Sequence[str], turns: int) -> list[str]:
    """The items in at most so many turns of at most two items each."""
    count = min(turns, len(items))
    bounds = [len(items) * number // count for number in range(count + 1)]
    pairs = itertools.pairwise(bounds)
    return [" ".join(items[start : min(end, start + 2)]) for start, end in pairs]
