"""The training text of the micro model: dialogue acts x topics x phrases, all from a seed.

Reads the YAML phrase files beside this module; writes nothing. `dialogues(seed)` has no end.
"""

import random
from collections.abc import Iterator

from training.micro.phrases import phrases, topics, two_nouns
from training.micro.wording import fill, to_second_person
from training.micro.writer import FOCUS, Message, Writer, turn

# How many exchanges a dialogue has: most are short, a few are as long as a whole session.
LENGTHS = ((1, 1), (1, 1), (1, 1), (1, 2), (1, 3), (2, 4), (3, 6), (6, 10))
LONG_LENGTH, LONG_SHARE = (20, 32), 0.02
# After how many exchanges a client comes to another topic, if the dialogue lasts so long.
TOPIC_LENGTHS = (6, 8, 12)
EVERYDAY_SHARE, SYSTEM_SHARE, CRISIS_SHARE = 0.08, 0.65, 0.04
# Half of the chat is about a noun from a long list: it teaches to repeat what one was told.
NOUN_WEIGHT = 5


def everyday(writer: Writer, exchanges: int) -> list[Message]:
    """A chat about this and that."""
    rng, kinds = writer.rng, phrases("everyday")
    names = [*kinds, *["noun_talk"] * NOUN_WEIGHT, "noun_pair"]
    messages: list[Message] = []
    for _ in range(exchanges):
        kind = kinds[rng.choice(names)]
        noun, other = two_nouns(rng)
        slots = writer.slots | {"noun": noun, "noun2": other}
        asked, first, more = (fill(rng.choice(kind[p]), slots) for p in ("ask", "reply", "more"))
        answer = f"{first} {more}" if rng.random() < 0.8 else first
        messages += [turn("user", writer.voice.say([asked])), turn("assistant", answer)]
    return messages


def system(writer: Writer) -> list[Message]:
    """No system prompt, a line, or a long one that may name the topic."""
    rng = writer.rng
    if rng.random() >= SYSTEM_SHARE:
        return []
    count = rng.choice((0, 0, 1, 2, 4, 8))
    parts = [writer.draw("system_sentences") for _ in range(count)]
    if rng.random() < 0.2:
        clause = FOCUS.sub(r"\1", fill(writer.topic["situations"][0], writer.slots))
        hints = {"about": to_second_person(writer.about), "c": to_second_person(clause)}
        parts.insert(rng.randint(0, count), fill(writer.draw("system_topic"), hints))
    joint = rng.choice((" ", " ", "\n"))
    return [turn("system", joint.join([writer.draw("system_openings"), *parts]))]


def opening(writer: Writer) -> list[Message]:
    """Either side may start; often nobody greets."""
    rng = writer.rng
    if rng.random() < 0.3:
        return [turn("assistant", writer.draw("assistant_openers"))]
    if rng.random() < 0.15:
        greeting = writer.voice.say([writer.draw("greetings")])
        return [turn("user", greeting), turn("assistant", writer.draw("greet_replies"))]
    return []


def crisis(writer: Writer) -> list[Message]:
    """A client in danger is sent to real help, whatever the topic was."""
    kind = phrases("acts")["crisis"]
    asked, first, more = (writer.rng.choice(kind[part]) for part in ("ask", "reply", "more"))
    said = [asked] if writer.rng.random() < 0.5 else [writer.framed(writer.draw("mumbles")), asked]
    return [turn("user", writer.voice.say(said)), turn("assistant", f"{first} {more}")]


def dialogue(rng: random.Random) -> list[Message]:
    """One complete dialogue; a long one goes from topic to topic."""
    names = list(topics())
    writer = Writer(rng, rng.choice(names))
    left = rng.randint(*(LONG_LENGTH if rng.random() < LONG_SHARE else rng.choice(LENGTHS)))
    messages = system(writer) + opening(writer)
    if rng.random() < CRISIS_SHARE / 2:
        return messages + crisis(writer)
    if rng.random() < EVERYDAY_SHARE:
        return messages + everyday(writer, min(left, 8))
    while left > 0:
        share = min(left, rng.choice(TOPIC_LENGTHS))
        messages += writer.conversation(share)
        left -= share
        if left:
            voice, writer = writer.voice, Writer(rng, rng.choice(names))
            writer.voice = voice
    ending = rng.random()
    if ending < CRISIS_SHARE:
        return messages + crisis(writer)
    return messages + (writer.exchange(["thanks"]) if ending < 0.25 else [])


def dialogues(seed: int) -> Iterator[list[Message]]:
    """Dialogues without end, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        yield dialogue(rng)
