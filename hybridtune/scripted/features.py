"""What the scripted judge counts in a conversation: stated features, each between 0 and 1.

Phrase features are lists in `scripted/judge.yaml` of the domain pack; the others are computed here:

    echo      shares content words with the other speaker's last turn
    parrot    consists of hardly anything else
    thread    shares content words with what the other speaker said before
    open      asks an open question
    brief     is too short to say anything
    tangled   does not read like sentences: too few or too many function words, or circular
    repeat    repeats the speaker's own earlier turns
    stray     speaks of matters of other themes
    unanswered  answers a question with a question, or not at all
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from hybridtune.records import Message
from hybridtune.scripted.stock import Stock
from hybridtune.scripted.text import CACHED, sentences, words


@dataclass(frozen=True)
class Turn:
    """One turn with what was said before it."""

    text: str
    heard: str
    """The other speaker's last turn."""
    others: tuple[str, ...]
    """All of the other speaker's turns so far."""
    own: tuple[str, ...]
    """The speaker's own earlier turns."""


def turns_of(messages: Sequence[Message], role: str) -> list[Turn]:
    """The turns of one role, each in its place."""
    found: list[Turn] = []
    own: list[str] = []
    others: list[str] = []
    for message in messages:
        if message.role == "system":
            continue
        if message.role == role:
            last = others[-1] if others else ""
            found.append(Turn(message.content, last, tuple(others), tuple(own)))
            own.append(message.content)
        else:
            others.append(message.content)
    return found


def features(stock: Stock, turn: Turn, theme: str | None) -> dict[str, float]:
    """All features of one turn, in a talk about this theme."""
    script = stock.script("judge")
    full = script["full_count"]
    hits = stock.judged.count(turn.text)
    said = stock.content(turn.text)
    counted = {name: min(1.0, count / full.get(name, 1)) for name, count in hits.items()}
    return counted | {
        "echo": shared(stock, said, [turn.heard], script["echo_words"]),
        "parrot": parrot(stock, said, turn.heard),
        "thread": shared(stock, said, turn.others[:-1], script["thread_words"]),
        "open": float(asks_openly(stock, turn.text)),
        "brief": float(len(words(turn.text)) < script["brief_words"]),
        "tangled": tangled(stock, turn.text, script["function_share"]),
        "repeat": repeat(turn.text, turn.own),
        "stray": stray(stock, said, turn.others, theme),
        "unanswered": unanswered(turn),
    }


def shared(stock: Stock, said: Sequence[str], others: Sequence[str], enough: int) -> float:
    """Share of `enough` content words that also occur in other turns."""
    known = {word for other in others for word in stock.content(other)}
    return min(1.0, len(known & set(said)) / enough)


def parrot(stock: Stock, said: Sequence[str], heard: str) -> float:
    """1 where a reply of some length brings no content word of its own."""
    own = set(said) - set(stock.content(heard))
    return float(len(said) > 3 and len(own) <= len(set(said)) / 5)


def asks_openly(stock: Stock, text: str) -> bool:
    """Whether a question holds one of the words that open questions begin with."""
    asked = (part for part in sentences(text) if part.endswith("?"))
    return any(stock.judged.count(part)["open_starts"] for part in asked)


def tangled(stock: Stock, text: str, usual: Mapping[str, float]) -> float:
    """How far the share of function words is from usual, or how circular the words are."""
    said = words(text)
    if not said:
        return 1.0
    share = sum(word in stock.function_words for word in said) / len(said)
    off = max(usual["low"] - share, share - usual["high"], 0.0) / usual["width"]
    circular = 1 - len(set(said)) / len(said) - usual["circular"]
    return min(1.0, off + max(0.0, circular * 4))


def repeat(text: str, own: Sequence[str]) -> float:
    """Share of the word triples that the speaker used before."""
    here = triples(text)
    before: set[tuple[str, ...]] = set().union(*map(triples, own))
    return len(here & before) / len(here) if here else float(text in own)


@lru_cache(maxsize=CACHED)
def triples(text: str) -> frozenset[tuple[str, ...]]:
    """All runs of three words."""
    said = words(text)
    return frozenset(zip(said, said[1:], said[2:], strict=False))


def stray(stock: Stock, said: Sequence[str], others: Sequence[str], theme: str | None) -> float:
    """Share of the topic words that belong neither to the theme nor to what was said before."""
    topical = [word for word in said if word in stock.topical]
    known = {word for other in others for word in stock.content(other)}
    known |= stock.theme_words[theme] if theme else set()
    return sum(word not in known for word in topical) / max(3, len(topical))


def unanswered(turn: Turn) -> float:
    """1 where the other asked something and got no statement back."""
    asked = turn.heard.rstrip().endswith("?")
    told = [part for part in sentences(turn.text) if not part.endswith("?")]
    return float(asked and not told)


def conversation_features(
    stock: Stock, messages: Sequence[Message], wanted: Collection[str]
) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Features of the whole, and those of each counselor turn.

    Plain names are means over the counselor's turns, `any NAME` is the best turn's value, and
    `patient NAME` the mean over the patient's turns; those are computed if one is wanted.
    """
    theme = stock.closest(" ".join(each.content for each in messages if each.role == "user"))
    each = [features(stock, turn, theme) for turn in turns_of(messages, "assistant")]
    whole = {"exchanges": min(1.0, len(each) / stock.script("judge")["full_exchanges"])}
    for name in each[0] if each else ():
        values = [turn[name] for turn in each]
        whole |= {name: mean(values), f"any {name}": max(values)}
    if any(name.startswith("patient ") for name in wanted):
        other = [features(stock, turn, theme) for turn in turns_of(messages, "user")]
        for name in other[0] if other else ():
            whole[f"patient {name}"] = mean([turn[name] for turn in other])
    return whole, each


def mean(values: Sequence[float]) -> float:
    """The mean of at least one value."""
    return sum(values) / len(values)


def weighted(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Sum of weight times value; a feature that does not apply counts nothing."""
    return sum(weight * values.get(name, 0.0) for name, weight in weights.items())
