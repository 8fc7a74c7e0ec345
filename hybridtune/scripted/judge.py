"""The scripted judge: scores from stated features, with the words that show them best.

A dimension's score is `start` plus the weighted sum of features (`features.py`), rounded and kept
on the rubric's scale; the weights are in `scripted/judge.yaml` of the domain pack. These numbers
show that the machinery works. They are indicators, and no measure of quality.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hybridtune.domain import Rubric
from hybridtune.errors import DomainError
from hybridtune.records import Message
from hybridtune.scripted.features import conversation_features, weighted
from hybridtune.scripted.stock import Stock
from hybridtune.scripted.text import sentences


def verdict(stock: Stock, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A score and a quote for each dimension of the rubric, or an answer to each of its items."""
    rubric = stock.domain.rubric(str(inputs["rubric"]))
    messages = as_messages(inputs["messages"])
    if rubric.mode == "checklist":
        return {"items": observed(stock, rubric, messages)}
    replies = [message.content for message in messages if message.role == "assistant"]
    scores = {}
    for name, (raw, ranks) in raw_scores(stock, rubric, messages).items():
        quote = excerpt(replies[ranks.index(max(ranks))]) if ranks else ""
        scores[name] = {"score": int(raw + 0.5), "quote": quote}
    return {"scores": scores}


def check_rules(stock: Stock, rubric: Rubric) -> None:
    """See that there is a rule for everything that the rubric asks.

    Raises:
        DomainError: there is none for a dimension, or for an item of a checklist.
    """
    find = checks_for if rubric.mode == "checklist" else rule_for
    for dimension in rubric.dimensions:
        find(stock, rubric, dimension)


def observed(
    stock: Stock, rubric: Rubric, messages: Sequence[Message]
) -> dict[str, dict[str, dict[str, str]]]:
    """Yes or no for every item of a checklist, with the words that show a yes best."""
    rules = {name: checks_for(stock, rubric, name) for name in rubric.dimensions}
    wanted = {
        name for items in rules.values() for rule in items.values() for name in rule["weights"]
    }
    whole, each = conversation_features(stock, messages, wanted)
    replies = [message.content for message in messages if message.role == "assistant"]

    def answer(rule: Mapping[str, Any]) -> dict[str, str]:
        if not each or weighted(whole, rule["weights"]) < rule["at"]:
            return {"quote": "", "answer": "no"}
        plain = {name.removeprefix("any "): weight for name, weight in rule["weights"].items()}
        ranks = [weighted(turn, plain) for turn in each]
        return {"quote": excerpt(replies[ranks.index(max(ranks))]), "answer": "yes"}

    return {
        name: {item: answer(rule) for item, rule in items.items()} for name, items in rules.items()
    }


def checks_for(stock: Stock, rubric: Rubric, dimension: str) -> Mapping[str, Any]:
    """The rules of all items of one dimension of a checklist."""
    known = stock.script("judge").get("checklists", {}).get(rubric.name, {}).get(dimension, {})
    for item in rubric.dimensions[dimension].items:
        if item not in known:
            place = str(stock.domain.path / "scripted" / "judge.yaml")
            what = f"no rule for item {item!r} of checklist {rubric.name!r}"
            raise DomainError(what, where=place, fix="add it under checklists:")
    rules: Mapping[str, Any] = known
    return rules


def compare(stock: Stock, inputs: Mapping[str, Any]) -> dict[str, str]:
    """Which of two conversations has the higher mean score before rounding, and why."""
    rubric = stock.domain.rubric(str(inputs["rubric"]))
    first = levels(stock, rubric, as_messages(inputs["first"]))
    second = levels(stock, rubric, as_messages(inputs["second"]))
    gaps = {name: first[name] - second[name] for name in rubric.dimensions}
    gap = sum(gaps.values()) / len(gaps)
    if abs(gap) < stock.script("judge")["tie_margin"]:
        return {"winner": "tie", "reason": f"The mean scores differ by {abs(gap):.2f} only."}
    winner = "first" if gap > 0 else "second"
    widest = max(gaps, key=lambda name: abs(gaps[name]))
    reason = f"By the features, the {winner} is ahead by {abs(gap):.2f}, most in {widest}."
    return {"winner": winner, "reason": reason}


def levels(stock: Stock, rubric: Rubric, messages: Sequence[Message]) -> dict[str, float]:
    """For each dimension the score before rounding; of a checklist, the share of its items."""
    if rubric.mode == "scale":
        return {name: raw for name, (raw, _) in raw_scores(stock, rubric, messages).items()}
    return {
        name: rubric.low
        + (rubric.high - rubric.low)
        * sum(
            (items[item]["answer"] == "yes") == asked.good
            for item, asked in rubric.dimensions[name].items.items()
        )
        / len(items)
        for name, items in observed(stock, rubric, messages).items()
    }


def raw_scores(
    stock: Stock, rubric: Rubric, messages: Sequence[Message]
) -> dict[str, tuple[float, list[float]]]:
    """For each dimension the score before rounding, and what each counselor turn adds to it."""
    rules = {name: rule_for(stock, rubric, name) for name in rubric.dimensions}
    wanted = {name for rule in rules.values() for name in rule["weights"]}
    whole, each = conversation_features(stock, messages, wanted)
    scores = {}
    for name, rule in rules.items():
        raw = rule["start"] + weighted(whole, rule["weights"]) if each else rubric.low
        ranks = [weighted(turn, rule["weights"]) for turn in each]
        scores[name] = (float(min(max(raw, rubric.low), rubric.high)), ranks)
    return scores


def rule_for(stock: Stock, rubric: Rubric, dimension: str) -> Mapping[str, Any]:
    """Start and weights of one dimension."""
    try:
        rule: Mapping[str, Any] = stock.script("judge")["rubrics"][rubric.name][dimension]
    except KeyError:
        place = str(stock.domain.path / "scripted" / "judge.yaml")
        what = f"no weights for dimension {dimension!r} of rubric {rubric.name!r}"
        raise DomainError(what, where=place, fix="add them under rubrics:") from None
    return rule


def excerpt(reply: str, longest: int = 200) -> str:
    """The reply's longest sentence, or its beginning: an exact part of the reply."""
    best = max(sentences(reply), key=len, default=reply)
    if len(best) <= longest:
        return best
    return best[:longest].rpartition(" ")[0] or best[:longest]


def as_messages(values: Sequence[Any]) -> list[Message]:
    """Messages from JSON, or as they are."""
    return [
        value if isinstance(value, Message) else Message.model_validate(value) for value in values
    ]
