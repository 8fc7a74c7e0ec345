"""What the stand-ins know of a vertical: its scripted words, read once and prepared for look-up.

Reads from the domain pack:

    taxonomy/axes.yaml       axis -> values, for personas
    scripted/language.yaml   function words, suffixes, exchanged pronouns
    scripted/shapes.yaml     how persona and scenario are put together, and where a story is in them
    scripted/themes/*.yaml   theme -> facts: topic, situations, details, thoughts, steps, ...
    scripted/patient.yaml    agenda, reactions, manners
    scripted/counselor.yaml  phases and replies
    scripted/judge.yaml      features, phrases, weights
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from typing import Any

from hybridtune.domain import Domain
from hybridtune.errors import DomainError
from hybridtune.scripted.text import CACHED, Phrases, Slots, fresh, pattern_of, refill, words

SINGLE = (
    "situation", "detail", "feeling", "consequence", "exception", "view", "step", "question",
)  # fmt: skip
NEEDED = ("topic", "words", "summaries", "thoughts", *(f"{single}s" for single in SINGLE))


@dataclass(frozen=True, eq=False)
class Stock:
    """The scripted part of one pack."""

    domain: Domain
    language: Mapping[str, Any]
    shapes: Mapping[str, Any]
    themes: Mapping[str, Mapping[str, Any]]
    function_words: frozenset[str]
    suffixes: tuple[str, ...]
    key_words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    theme_words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    topical: frozenset[str] = frozenset()
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def script(self, name: str) -> Mapping[str, Any]:
        """One of the files of `scripted/`."""
        return self.domain.words(f"scripted/{name}")

    @cache  # noqa: B019
    def stem(self, word: str) -> str:
        """The word without a common ending, so that near forms count as the same."""
        for suffix in self.suffixes:
            if word.endswith(suffix) and len(word) - len(suffix) >= 3:
                return word[: -len(suffix)]
        return word

    @lru_cache(maxsize=CACHED)  # noqa: B019 - a process serves one pack
    def content(self, text: str) -> tuple[str, ...]:
        """Stems of the words that carry content, in order."""
        return tuple(self.stem(word) for word in words(text) if word not in self.function_words)

    @cached_property
    def reactions(self) -> Phrases:
        """The cues of the patient's reactions, by the reaction's name."""
        listed = self.script("patient")["reactions"]
        return Phrases({each["name"]: each["cues"] for each in listed if "cues" in each})

    @cached_property
    def attitudes(self) -> Phrases:
        """The cues of the patient's attitudes."""
        return Phrases(self.script("patient")["attitudes"])

    @cached_property
    def judged(self) -> Phrases:
        """The phrases that the judge counts."""
        return Phrases(self.script("judge")["phrases"])

    def theme(self, name: str) -> str:
        """The key of a theme by its name, or of the one that a text is about."""
        named = [theme for theme in self.themes if name == theme or name.startswith(f"{theme}:")]
        return named[0] if named else self.closest(name) or str(self.shapes["fallback_theme"])

    def closest(self, text: str) -> str | None:
        """The theme whose words a text uses most, if it uses any that names a theme.

        A word counts the more, the fewer themes know it, and much more if it names the theme.
        """
        said = sorted(set(self.content(text)))
        if self.topical.isdisjoint(said):
            return None
        scores: dict[str, float] = {}
        for word in said:
            for theme, weight in self.weights.get(word, {}).items():
                scores[theme] = scores.get(theme, 0.0) + weight
        return max(scores, key=lambda theme: (scores[theme], theme))

    def theme_of(self, scenario: Mapping[str, Any]) -> str:
        """The theme that a scenario is about."""
        summary = str(scenario.get(self.shapes["places"]["summary"], ""))
        return self.theme(" ".join([summary, *self.thoughts(scenario), self.story(scenario)]))

    def story(self, scenario: Mapping[str, Any]) -> str:
        """The part of a scenario that tells what happened."""
        return str(scenario.get(self.shapes["places"]["story"], ""))

    def pick(
        self, theme: str, said: str, rng: random.Random, parts: Mapping[str, Sequence[str]]
    ) -> Slots:
        """Slots with one entry of each of the theme's lists, if possible one not yet said."""
        facts = self.themes[theme]
        values = {name: fresh(facts[f"{name}s"], said, rng) for name in SINGLE}
        own = {**parts, **facts.get("parts", {})}
        return Slots({**values, "topic": facts["topic"]}, own, lambda all_: fresh(all_, said, rng))

    @cached_property
    def answers(self) -> list[tuple[re.Pattern[str], Sequence[str]]]:
        """What the themes answer outright: a question, its slots open, and templates of replies."""
        return [
            (pattern_of(question), replies)
            for theme in self.themes.values()
            for question, replies in theme.get("answers", {}).items()
        ]

    def known_answer(self, heard: str, rng: random.Random) -> str | None:
        """The reply to a question that a theme answers outright, the asker's words in its slots."""
        for pattern, replies in self.answers:
            if asked := pattern.search(heard):
                return refill(rng.choice(replies), asked.groupdict())
        return None

    def thoughts(self, scenario: Mapping[str, Any]) -> list[str]:
        """What the scenario's patient is convinced of."""
        place = self.shapes["places"]["thoughts"]
        return [str(item[place["text"]]) for item in scenario.get(place["list"], [])]


@cache
def stock(domain: Domain) -> Stock:
    """Load the scripted part of a pack.

    Raises:
        DomainError: a file is missing, or a theme lacks a list.
    """
    language = domain.words("scripted/language")
    themes = load_themes(domain)
    bare = Stock(
        domain=domain,
        language=language,
        shapes=domain.words("scripted/shapes"),
        themes=themes,
        function_words=frozenset(language["function_words"].split()),
        suffixes=tuple(language["suffixes"]),
    )
    keys = {name: frozenset(bare.content(theme["words"])) for name, theme in themes.items()}
    known = {name: keys[name] | theme_words(bare, theme) for name, theme in themes.items()}
    return replace(
        bare,
        key_words=keys,
        theme_words=known,
        topical=frozenset(word for group in keys.values() for word in group),
        weights=word_weights(keys, known),
    )


def word_weights(
    keys: Mapping[str, frozenset[str]], known: Mapping[str, frozenset[str]]
) -> dict[str, dict[str, float]]:
    """For each word, what it says for each of its themes."""
    weights: dict[str, dict[str, float]] = {}
    for theme, group in known.items():
        for word in group:
            weights.setdefault(word, {})[theme] = 3.0 if word in keys[theme] else 0.3
    return {
        word: {theme: weight / len(uses) for theme, weight in uses.items()}
        for word, uses in weights.items()
    }


def load_themes(domain: Domain) -> dict[str, Mapping[str, Any]]:
    """All themes of `scripted/themes/`, each with all its lists."""
    folder = domain.path / "scripted" / "themes"
    themes: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*.yaml")):
        for name, theme in domain.words(f"scripted/themes/{path.stem}").items():
            for key in NEEDED:
                if not theme.get(key):
                    raise DomainError(f"theme {name!r} has no {key}", where=str(path))
            themes[name] = theme
    if not themes:
        raise DomainError("no themes", where=str(folder), fix="the stand-ins need at least one")
    return themes


def theme_words(stock: Stock, theme: Mapping[str, Any]) -> frozenset[str]:
    """All content words that come with a theme."""
    text = [*theme["situations"], *theme["details"], *theme["consequences"], *theme["steps"]]
    text += [thought for group in theme["thoughts"].values() for thought in group]
    return frozenset(stock.content(" ".join(text)))
