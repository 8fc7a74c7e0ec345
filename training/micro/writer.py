"""Write one supportive conversation of the micro model's text: client acts and fitting replies."""

import random
import re

from training.micro.phrases import Deck, phrases, topics, two_nouns
from training.micro.wording import ClientVoice, fill, sentence, to_second_person

Message = dict[str, str]
FOCUS = re.compile(r"<(.*?)>")
# What a client does after the first statement, with how often.
NEXT_ACTS = {
    "situation": 4,
    "thought": 4,
    "detail": 3,
    "event": 2,
    "feel": 2,
    "ask": 3,
    "short": 4,
    "resist": 1,
    "accept": 1,
    "progress": 1,
}
OPENING_ACTS: tuple[list[str], ...] = (
    [],
    [],
    [],
    ["detail"],
    ["thought"],
    ["feel"],
    ["ask"],
    ["detail", "feel"],
)
# How often the topic is named by a keyword in a neutral sentence, and a turn says something that
# belongs to no topic, so that the model hears topics in sentences that it never saw.
MUMBLE_SHARE = 0.35
KEYWORD_SHARE = 0.45
CARRIER_SHARE = 0.25
EVENT_FIRST_SHARE = 0.12
BARE_ACTS = ("short", "resist", "accept", "thanks")


def turn(role: str, content: str) -> Message:
    """One message."""
    return {"role": role, "content": content}


class Writer:
    """Writes a conversation about one topic; slots keep their value throughout."""

    def __init__(self, rng: random.Random, topic: str) -> None:
        self.rng = rng
        self.topic, self.acts = topics()[topic], phrases("acts") | phrases("keywords")
        self.slots = {name: rng.choice(v) for name, v in phrases("lexicon")["slots"].items()}
        self.slots["Hobby"] = self.slots["hobby"].capitalize()
        self.decks: dict[str, Deck] = {}
        self.voice = ClientVoice(rng, self.acts["fillers"], self.acts["tails"])
        self.about = fill(rng.choice(self.topic["about"]), self.slots)
        # What the client said last and a reply may take up: a clause, a phrase of it, a feeling.
        self.clause = self.focus = self.feel = ""

    def draw(self, group: str) -> str:
        """A phrase of the topic or of the shared acts, without early repetition."""
        if group not in self.decks:
            cards = self.topic[group] if group in self.topic else self.acts[group]
            self.decks[group] = Deck(self.rng, cards)
        return self.decks[group].deal()

    def client_phrase(self, act: str) -> str:
        """What the client says for an act; remembers clause, focus and feeling for the reply."""
        if act == "event":
            return self.event()
        if act == "progress":
            self.clause = fill(self.draw("progress"), self.slots)
            return self.clause
        if act == "situation" and self.rng.random() < MUMBLE_SHARE:
            return self.mumble()
        if act == "situation" and self.rng.random() < KEYWORD_SHARE:
            self.clause, self.focus = "", self.draw("words")
            return self.framed(self.draw("frames"), k=self.focus, k2=self.draw("words"))
        if act in ("situation", "thought", "detail"):
            raw = fill(self.draw(f"{act}s"), self.slots)
            found = FOCUS.search(raw)
            self.focus = found[1] if found else self.focus
            self.clause = FOCUS.sub(r"\1", raw)
        frame = self.draw(act if act in BARE_ACTS else f"{act}_frames")
        if act == "situation" and "{c}" not in frame:
            self.clause, self.focus = "", self.about
        return self.framed(frame, c=self.clause, about=self.about)

    def framed(self, frame: str, **slots: str) -> str:
        """Fill a client frame; a feeling in it becomes the client's."""
        if "{feel}" in frame:
            self.feel = self.draw("feelings")
        return fill(frame, self.slots | slots | {"feel": self.feel})

    def mumble(self) -> str:
        """Words of the topic among scraps and nouns that have nothing to do with it."""
        self.clause = self.focus = ""
        hints = [self.draw("hints") for _ in range(self.rng.choice((1, 2, 2, 3, 4)))]
        noise = [self.framed(self.draw("mumbles")) for _ in range(self.rng.randint(1, 4))]
        noise += two_nouns(self.rng)[: self.rng.choice((0, 0, 1, 2))]
        scraps = hints + noise
        self.rng.shuffle(scraps)
        return " ".join(scraps)

    def event(self) -> str:
        """Something that belongs to no topic; all that one can do is to follow the words."""
        noun, other = two_nouns(self.rng)
        grammar = self.acts["grammar"]
        parts = (self.rng.choice(grammar[p]) for p in ("subject", "verb", "object", "ending"))
        self.clause = self.framed(" ".join(parts).strip(), noun=noun, noun2=other)
        return self.clause

    def speak(self, group: str) -> str:
        """One sentence of the counselor, drawn until everything that it takes up was said."""
        known = {"c": self.clause, "f": self.focus, "feel": self.feel}
        missing = [f"{{{name}}}" for name, value in known.items() if not value]
        frame = self.draw(group)
        while any(slot in frame for slot in missing):
            frame = self.draw(group)
        slots = {name: to_second_person(value) for name, value in known.items()}
        slots["about"] = to_second_person(self.about)
        if "{a}" in frame:
            slots["a"] = fill(self.draw("advice"), self.slots)
        return sentence(fill(frame, self.slots | slots))

    def question(self) -> str:
        """A question about the topic, general or special."""
        groups = ["questions", "questions", "topic_questions"]
        return self.speak(self.rng.choice(groups + ["focus_questions"] * bool(self.focus)))

    def advice(self) -> str:
        """A suggestion, often followed by a second one or a check."""
        said = self.speak("advice_frames")
        follow = self.rng.choice(("", "advice_more", "advice_checks", "advice_checks"))
        return f"{said} {self.speak(follow)}" if follow else said

    def either(self, share: float) -> str:
        """A question with the given probability, else advice."""
        return self.question() if self.rng.random() < share else self.advice()

    def reply(self, act: str) -> str:
        """The counselor's answer to the client's last act."""
        return " ".join(self.reply_parts(act))

    def reply_parts(self, act: str) -> tuple[str, ...]:
        """One or two sentences or so: first take up what was said, then go on."""
        half = self.rng.random() < 0.5
        match act:
            case "thought":
                return self.speak("thought_replies"), self.speak("thought_questions")
            case "event":
                return self.speak("reflect"), self.speak("event_questions")
            case "feel":
                going_on = self.speak("feel_questions") if half else self.question()
                return self.speak("feel_replies"), going_on
            case "ask":
                return (self.advice(),) if half else (self.speak("comfort"), self.advice())
            case "resist":
                return self.speak("resist_replies"), self.advice()
            case "progress":
                return self.speak("progress_replies"), self.speak("progress_questions")
            case "accept":
                going_on = self.speak("advice_checks") if half else self.question()
                return self.speak("accept_replies"), going_on
            case "short":
                return self.speak("short_replies"), self.either(0.6)
            case "thanks":
                return (self.speak("bye_replies"),)
        groups = ("empathy", "comfort", "reflect") if self.clause else ("empathy", "comfort")
        return self.speak(self.rng.choice(groups)), self.either(0.5)

    def exchange(self, acts: list[str]) -> list[Message]:
        """A client turn made of some acts and the reply to the last of them."""
        said = [self.client_phrase(act) for act in acts]
        if self.rng.random() < CARRIER_SHARE:
            said.insert(self.rng.randint(0, len(said)), self.framed(self.draw("carriers")))
        return [turn("user", self.voice.say(said)), turn("assistant", self.reply(acts[-1]))]

    def conversation(self, exchanges: int) -> list[Message]:
        """So many exchanges about the topic."""
        opened_by_event = self.rng.random() < EVENT_FIRST_SHARE
        messages = self.exchange(["event"]) if opened_by_event else []
        messages += self.exchange(["situation", *self.rng.choice(OPENING_ACTS)])
        names, weights = list(NEXT_ACTS), list(NEXT_ACTS.values())
        while len(messages) < 2 * exchanges:
            acts = self.rng.choices(names, weights, k=self.rng.choice((1, 1, 1, 2)))
            if len(acts) == 2 and (acts[0] == acts[1] or acts[0] in ("ask", "progress")):
                acts = acts[1:]
            messages += self.exchange(acts)
        return messages
