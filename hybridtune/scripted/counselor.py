"""The scripted counselor: replies that reflect, explore, look at a thought and find a step.

Phases, frames and parts are in `scripted/counselor.yaml` of the domain pack. A reply depends on the
history alone; how well a session is led (its manner) is drawn from the session's first words, so
that ranking and review have something to sort out.
"""

import itertools
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hybridtune.records import Message
from hybridtune.scripted.stock import Stock
from hybridtune.scripted.text import QUOTED, Slots, capital, lowered, seeded, sentences, swap, words

CLAUSE_END = re.compile(r"[,;:]|\s-+\s")


def next_words(stock: Stock, messages: Sequence[Message], seed: int | None) -> str:
    """The counselor's next turn; the patient is the user, the counselor the assistant."""
    script = stock.script("counselor")
    own = [message.content for message in messages if message.role == "assistant"]
    heard = [message.content for message in messages if message.role == "user"]
    total = max(script["usual_length"], len(own) + 1)
    return reply(stock, heard or [""], own, total, seed)


def reply(
    stock: Stock,
    heard: Sequence[str],
    own: Sequence[str],
    total: int,
    seed: int | None,
    theme: str | None = None,
) -> str:
    """The reply to the last of the patient's turns, in a session of about `total` replies."""
    script = stock.script("counselor")
    rng = seeded("counselor", seed, list(heard), len(own))
    if known := stock.known_answer(heard[-1], rng):
        return known
    manner = draw_manner(script["manners"], seeded("manner", heard[0]))
    thought = last_quote(heard)
    phase = phase_at(script["plan"], len(own), total)
    if thought is None and phase in script["need_thought"]:
        phase = script["need_thought"][phase]
    said = " ".join(own)
    slots = stock.pick(theme or stock.theme(" ".join(heard)), said, rng, script["parts"])
    slots.update(
        echo=echo(stock, heard[-1], rng),
        Thought=capital(swap(thought or "", stock.language["swaps"])),
        feeling=feeling_in(script["feelings"], heard[-1]) or slots["feeling"],
        topic=swap(slots["topic"], stock.language["swaps"]),
    )
    if not slots["echo"]:
        slots.update({part: slots[other] for part, other in script["without_echo"].items()})
    frames = manner["frames"]
    return new_reply(frames.get(phase) or frames["any"], own, slots, rng)


def draw_manner(manners: Sequence[Mapping[str, Any]], rng: random.Random) -> Mapping[str, Any]:
    """How the whole session is led."""
    return rng.choices(manners, [manner["share"] for manner in manners])[0]


def phase_at(plan: Mapping[str, Any], number: int, total: int) -> str:
    """The phase of the reply with this number (from 0): first, last, or by its share between."""
    if number == 0:
        return str(plan["first"])
    if number >= total - 1:
        return str(plan["last"])
    place = (number - 0.5) / (total - 2) * sum(plan["between"].values())
    phases = list(plan["between"])
    ends = itertools.accumulate(plan["between"].values())
    return str(
        next((phase for phase, end in zip(phases, ends, strict=True) if place < end), phases[-1])
    )


def new_reply(frames: Sequence[str], own: Sequence[str], slots: Slots, rng: random.Random) -> str:
    """A filled frame, if possible one that equals no earlier reply."""
    text = ""
    for frame in rng.sample(list(frames), len(frames)):
        text = Slots(slots, slots.parts, slots.choose).fill(frame)
        if text not in own:
            break
    return text


def echo(stock: Stock, heard: str, rng: random.Random) -> str:
    """A clause of the patient's words, turned to the second person."""
    clauses = [
        trimmed(stock, clause.strip())
        for sentence in sentences(QUOTED.sub("", heard))
        if not sentence.endswith("?")
        for clause in CLAUSE_END.split(sentence.rstrip(".!"))
    ]
    starts = tuple(f"{start} " for start in stock.language["clause_starts"])
    least = stock.script("counselor")["echo_content"]
    good = [
        clause
        for clause in clauses
        if clause.lower().startswith(starts) and len(stock.content(clause)) >= least
    ]
    rich = sorted(good, key=lambda clause: -len(stock.content(clause)))[:2]
    return swap(rng.choice(rich), stock.language["swaps"]) if rich else ""


def trimmed(stock: Stock, clause: str) -> str:
    """The clause without an opening filler and not too long, else nothing."""
    for filler in stock.language["fillers"]:
        if clause.lower().startswith(f"{filler} "):
            clause = clause[len(filler) + 1 :]
    parts = clause.split()
    longest = stock.script("counselor")["echo_words"]
    if len(parts) > longest:
        joints = stock.language["joints"]
        breaks = [place for place in range(4, longest + 1) if parts[place] in joints]
        parts = parts[: breaks[-1]] if breaks else []
    clause = " ".join(parts)
    keep = clause.startswith(tuple(stock.language["stay_capital"]))
    return clause if keep else lowered(clause)


def last_quote(heard: Sequence[str]) -> str | None:
    """The last thing that the patient said in quotation marks."""
    for turn in reversed(heard):
        found = QUOTED.findall(turn)
        if found:
            return str(found[-1])
    return None


def feeling_in(feelings: Sequence[str], heard: str) -> str | None:
    """The first feeling that the patient named."""
    known = set(feelings)
    return next((word for word in words(heard) if word in known), None)
