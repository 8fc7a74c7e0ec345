"""Make spoken English of the phrases: slots, "I" to "you", contractions, fillers."""

import random
import re
from collections.abc import Mapping, Sequence

SECOND_PERSON = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "we": "you",
    "us": "you",
    "our": "your",
}
CONTRACTIONS = (
    ("I am", "I'm"),
    ("I will", "I'll"),
    ("cannot", "can't"),
    ("do not", "don't"),
    ("does not", "doesn't"),
    ("did not", "didn't"),
    ("is not", "isn't"),
    ("was not", "wasn't"),
    ("it is", "it's"),
    ("that is", "that's"),
    ("there is", "there's"),
    ("what is", "what's"),
    ("could not", "couldn't"),
)
QUESTION_STARTS = re.compile("what |how |can |do you|is there|are you|who |should|which ", re.I)


def fill(phrase: str, slots: Mapping[str, str]) -> str:
    """Fill the slots and repair "a apple"; a slot that nobody bound is an error."""
    filled = phrase.format_map(slots)
    return re.sub(r"\b([Aa]) (?=[aeiou](?!ni|ne|se))", r"\1n ", filled)


def to_second_person(clause: str) -> str:
    """Say a client's clause as a listener would: "I am late for my exam" -> "you are late ..."."""
    clause = re.sub(r"\bI am\b", "I are", clause)
    clause = re.sub(r"\bI was\b", "I were", clause)
    return re.sub(r"\b[A-Za-z]+\b", lambda m: SECOND_PERSON.get(m[0].lower(), m[0]), clause)


def sentence(text: str) -> str:
    """Give a phrase its capital and, where none is there, its full stop or question mark."""
    text = text[0].upper() + text[1:]
    if text[-1] in ".?!":
        return text
    return text + ("?" if QUESTION_STARTS.match(text) else ".")


def contracted(text: str) -> str:
    """Use the short forms of everyday speech."""
    for long, short in CONTRACTIONS:
        text = re.sub(rf"\b{long}\b", short, text)
        text = re.sub(rf"\b{long.capitalize()}\b", short.capitalize(), text)
    return text


class ClientVoice:
    """One client's habits of speech: short forms, fillers, careless capitals and full stops."""

    def __init__(self, rng: random.Random, fillers: Sequence[str], tails: Sequence[str]) -> None:
        self.rng = rng
        self.fillers, self.tails = fillers, tails
        self.contracts = rng.random() < 0.5
        self.filler_rate = rng.choice((0.0, 0.0, 0.1, 0.4))
        self.lower = rng.random() < 0.15
        self.careless = rng.random() < 0.2

    def say(self, phrases: Sequence[str]) -> str:
        """Join phrases to one client turn."""
        spoken = " ".join(sentence(self.with_filler(phrase)) for phrase in phrases)
        if self.contracts:
            spoken = contracted(spoken)
        if self.careless:
            spoken = spoken.rstrip(".")
        return spoken.lower() if self.lower else spoken

    def with_filler(self, phrase: str) -> str:
        """Sometimes start with a filler, stumble, or trail off."""
        if self.rng.random() < self.filler_rate:
            phrase = f"{self.rng.choice(self.fillers)}, {phrase}"
        if self.rng.random() < self.filler_rate / 3:
            phrase = f"{phrase}, {self.rng.choice(self.tails)}"
        if self.rng.random() < self.filler_rate / 6:
            words = phrase.split()
            at = self.rng.randrange(len(words))
            words.insert(at, self.rng.choice(("...", words[at] + ",", "[unintelligible]", "uh,")))
            phrase = " ".join(words)
        return phrase
