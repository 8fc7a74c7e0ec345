"""Checks that need no model: pure functions over a draft, each with the name it is counted under.

A draft that fails one is rejected with that reason before a ranking is asked for. The pack may add
patterns of its own in `checks.yaml`, as `leaks: [regular expression, ...]`, and say there which
`names` speakers may have.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, get_args

from generation.execution import Executor, executor_of
from generation.names import Rule, name_problem
from hybridtune.domain import Domain
from hybridtune.errors import DomainError
from hybridtune.language import (
    LARGE_PART,
    LEAST_ENGLISH,
    english_share,
    foreign_share,
    is_english,
)
from hybridtune.overlap import HELD_OUT_SHARED, HeldOut, grams, words
from hybridtune.records import Message

MODEL = r"an? (ai|artificial intelligence|(large )?language model)\b"
LEAKS = (
    ("as a", rf"\bas {MODEL}"),
    ("i'm", rf"\bi'm (?:just |only )?{MODEL}"),
    ("i am", rf"\bi am (?:just |only )?{MODEL}"),
    ("system prompt", r"\bsystem prompt\b"),
    ("json schema", r"\bjson schema\b"),
    ("<", r"<\|?(im_start|im_end|endoftext|eot_id|assistant|user|system)\|?>"),
    ("inst]", r"\[/?inst\]"),
    ("```", r"```"),
    ("{", r"\{\{|\{%"),
    ("}", r"\}\}|%\}"),
    ("[", r"\[(insert|your|client'?s?|patient'?s?|counselor'?s?|name)\b[^\]]*\]"),
    (":", r"[\"']?(speaker|turns|text)[\"']\s*:"),
)
"""What a model writes when it speaks about its task instead of doing it, in any vertical.

Each pattern with a piece, as `folded` has it, of all that it matches: without it, it is not tried.
"""


@dataclass(frozen=True)
class Standards:
    """What all drafts of a domain are held against.

    Attributes:
        leaks: patterns that must not occur, and what none of them occurs without: see `LEAKS`.
        instructions: the runs of words of the counselor's system prompt.
        held_out: the evaluation scenarios.
        executor: what runs the drafts' queries, in packs that teach to write them.
        names: what names the speakers may have.
        language: the BCP 47 tag of what is spoken.
    """

    leaks: tuple[tuple[str, re.Pattern[str]], ...]
    instructions: frozenset[str]
    held_out: HeldOut
    executor: Executor | None = None
    names: Rule = "consistent"
    language: str = "en"


@dataclass(frozen=True)
class Draft:
    """What the checks look at.

    Attributes:
        messages: the conversation, without a system message.
        exchanges: how many were asked for.
        cut_turns: how many turns the token limit cut off.
        persona: who the client is.
        evidence: what checks found that the draft's provenance has to say.
    """

    messages: tuple[Message, ...]
    exchanges: int
    cut_turns: int
    standards: Standards
    persona: Mapping[str, Any] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)


def alternation(draft: Draft) -> str | None:
    """Patient and counselor must take turns."""
    roles = [message.role for message in draft.messages]
    if set(roles) != {"user", "assistant"}:
        return "not a conversation of two"
    for number, pair in enumerate(pairwise(roles), start=2):
        if pair[0] == pair[1]:
            return f"turn {number} is by the same speaker as the one before"
    return None


def empty_turn(draft: Draft) -> str | None:
    """Every turn must say something."""
    for number, message in enumerate(draft.messages, start=1):
        if not words(message.content):
            return f"turn {number} says nothing"
    return None


def leak(draft: Draft) -> str | None:
    """Nobody may speak about the task, its format or its prompt."""
    for number, message in enumerate(draft.messages, start=1):
        said = message.content.replace("\u2019", "'")
        text = folded(said)
        for piece, pattern in draft.standards.leaks:
            if piece in text and (match := pattern.search(said)):
                return f"turn {number}: {match.group()!r}"
        if len(draft.standards.instructions & grams(message.content, 8)) >= HELD_OUT_SHARED:
            return f"turn {number} recites the counselor's instructions"
    return None


def folded(text: str) -> str:
    """The text in lower case as patterns see it that ignore case: to them a Turkish i is an i."""
    return text.casefold().replace("i\u0307", "i").replace("\u0131", "i")


def names(draft: Draft) -> str | None:
    """Nobody may change their name, or have one where the pack gives none."""
    return name_problem(draft.messages, draft.persona, draft.standards.names)


def language(draft: Draft) -> str | None:
    """English of a pack in English, in every long stretch; other languages are not told apart."""
    tag = draft.standards.language
    if not is_english(tag):
        return None
    for role in ("user",) if draft.standards.executor else ("user", "assistant"):
        said = " ".join(turn.content for turn in draft.messages if turn.role == role)
        share = english_share(said)
        if share is not None and share < LEAST_ENGLISH:
            return f"{share:.0%} of the {role}'s words are function words of English"
        if (part := foreign_share(said)) >= LARGE_PART:
            return f"{part:.0%} of the {role}'s words stand in stretches of another language"
    return None


def repetition(draft: Draft) -> str | None:
    """No loop inside a turn, and not too many turns that were said before."""
    said: Counter[str] = Counter()
    for number, message in enumerate(draft.messages, start=1):
        turn = words(message.content)
        said[" ".join(turn)] += len(turn) >= 4
        runs = list(zip(turn, turn[1:], turn[2:], turn[3:], strict=False))
        if len(runs) - len(set(runs)) >= 3:
            run, count = Counter(runs).most_common(1)[0]
            if count >= 4:
                return f"turn {number} says {' '.join(run)!r} {count} times"
    again = sum(count - 1 for count in said.values() if count > 1)
    if again > len(draft.messages) / 4:
        return f"{again} of {len(draft.messages)} turns were said before"
    return None


def truncated(draft: Draft) -> str | None:
    """No turn may stop at the token limit."""
    return f"the token limit cut {draft.cut_turns} turns" if draft.cut_turns else None


def too_short(draft: Draft) -> str | None:
    """At least half of the exchanges asked for, and never fewer than two, unless one was asked."""
    count = exchanges(draft.messages)
    least = max(min(2, draft.exchanges), -(-draft.exchanges // 2))
    return f"{count} exchanges of {draft.exchanges} asked" if count < least else None


def too_long(draft: Draft) -> str | None:
    """At most one and a half times the exchanges asked for."""
    count = exchanges(draft.messages)
    return f"{count} exchanges, {draft.exchanges} asked" if count > 1.5 * draft.exchanges else None


def held_out(draft: Draft) -> str | None:
    """No draft may share long runs of words with an evaluation scenario."""
    near = draft.standards.held_out.too_close(*(message.content for message in draft.messages))
    return f"shares its words with {near}" if near else None


def execution(draft: Draft) -> str | None:
    """Every reply of a pack with a graph is a query that runs and finds something."""
    executor = draft.standards.executor
    queries = [message.content for message in draft.messages if message.role == "assistant"]
    for query in queries if executor else ():
        assert executor
        found = executor.run(query)
        if found.reason:
            return f"{found.reason}: {found.detail}"
        draft.evidence.setdefault("execution", []).append(found.evidence)
    return None


CHECKS: dict[str, Callable[[Draft], str | None]] = {
    check.__name__: check
    for check in (
        alternation,
        empty_turn,
        truncated,
        leak,
        names,
        language,
        repetition,
        too_short,
        too_long,
        held_out,
    )
}
"""In the order they are made; each answers None or what is wrong."""


def examine(draft: Draft) -> tuple[list[str], tuple[str, str] | None]:
    """The names of the checks passed, up to the first that fails, and that one with its reason."""
    passed: list[str] = []
    executed = {"execution": execution} if draft.standards.executor else {}
    for name, check in {**CHECKS, **executed}.items():
        if problem := check(draft):
            return passed, (name, problem)
        passed.append(name)
    return passed, None


async def examined(draft: Draft) -> tuple[list[str], tuple[str, str] | None]:
    """As `examine`; while a query of the draft runs, other rows go on."""
    return await asyncio.to_thread(examine, draft) if draft.standards.executor else examine(draft)


def exchanges(messages: tuple[Message, ...]) -> int:
    """A patient turn with its reply is one exchange."""
    return sum(message.role == "assistant" for message in messages)


def load_standards(domain: Domain, held_out: HeldOut) -> Standards:
    """The standards of a domain, with the patterns of its own `checks.yaml` if it has one.

    Raises:
        DomainError: a pattern of the pack is not a regular expression, or its graph is broken.
        ConfigError: the pack has a graph, and the database is not installed.
    """
    settings = domain.settings
    names = "|".join(map(re.escape, (settings.patient, settings.counselor)))
    path = domain.path / "checks.yaml"
    own = domain.words("checks") if path.exists() else {}
    if strange := own.keys() - {"leaks", "names"}:
        raise DomainError(f"{min(strange)}: not a check of a pack", where=str(path))
    rule = own.get("names", "consistent")
    if rule not in get_args(Rule):
        raise DomainError(
            f"names: {rule!r} is not one of {', '.join(get_args(Rule))}", where=str(path)
        )
    marker = settings.end_marker
    ours = [*LEAKS, (folded(marker), re.escape(marker)), (":", rf"^\s*(?:{names})\s*:")]
    theirs = [("", pattern) for pattern in own.get("leaks", ())]
    try:
        leaks = tuple(
            (piece, re.compile(pattern, re.IGNORECASE)) for piece, pattern in [*ours, *theirs]
        )
    except (re.error, TypeError) as error:
        raise DomainError(f"leaks: {error}", where=str(path)) from None
    instructions = frozenset(grams(domain.system_prompt, 8))
    executor = executor_of(domain)
    return Standards(leaks, instructions, held_out, executor, rule, settings.language)
