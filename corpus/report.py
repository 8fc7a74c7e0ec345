"""What the import did, as `report.json`, as tables for the terminal, and as the data card's facts.

Files are named only where something is wrong with them: names of files identify people. Nothing
in it claims that the sessions are anonymous.
"""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from corpus.files import Skipped
from corpus.history import Held, History
from corpus.prepare import Prepared
from corpus.recipe import Recipe
from hybridtune.errors import DataError
from hybridtune.records import Session

TOKENS_PER_WORD, TOKENS_PER_TURN = 1.26, 4
"""Measured on transcripts of counseling with the tokenizer cl100k; a template's markers a turn."""
EXAMPLES, REMAINING, PERCENTILES = 5, 200, (10, 50, 90)


@dataclass(frozen=True)
class Omission:
    """A session that is left out; `tally` is what it is counted under."""

    session: str
    file: str
    reason: str
    tally: str


@dataclass(frozen=True, order=True)
class Example:
    """A counselor turn before and after; those that changed most come first."""

    changes: int
    session: str
    turn: int
    raw: str = field(compare=False)
    text: str = field(compare=False)


@dataclass
class Report:
    """Gathers while the import runs."""

    recipe: Recipe
    sources: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)
    malformed: list[DataError] = field(default_factory=list)
    left_out: list[Omission] = field(default_factory=list)
    held: Counter[str] = field(default_factory=Counter)
    flags: list[tuple[str, str, str]] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    remaining: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)

    def note(self, prepared: Prepared) -> None:
        """Count what de-identification did, whatever becomes of the session."""
        self.counts["transcripts"] += 1
        self.replaced.update(prepared.replaced)
        self.remaining.update(set(prepared.remaining))

    def leave_out(self, session: str, file: str, reason: str, tally: str = "") -> None:
        """Count a session that is not kept."""
        self.left_out.append(Omission(session, file, reason, tally or reason))

    def keep(self, session: Session, history: History) -> None:
        """Count a session that is kept."""
        counselor, patient = session.turns("assistant"), session.turns("user")
        self.turns.append(len(session.messages))
        self.words.append(count_words(counselor) + count_words(patient))
        self.counts.update(
            sessions=1,
            counselor_turns=len(counselor),
            counselor_words=count_words(counselor),
            counselor_turns_untrained=len(session.untrained),
            single_turn=session.provenance["kind"] == "qa",
            raw_words=sum(count_words(turn.raw) for turn in history.turns),
        )
        self.steps.update(session.provenance["steps"])
        roles = session.provenance["roles"]
        self.roles[roles["method"]] += 1
        self.counts["roles_uncertain"] += roles["confidence"] < 1
        settled = {"roles", "attempt"} if "review" in session.provenance else set()
        flags = session.provenance["flags"].items()
        self.flags += [(session.id, flag, why) for flag, why in flags if flag not in settled]
        for example in examples_of(history):
            heapq.heappush(self.examples, example)
            if len(self.examples) > EXAMPLES:
                heapq.heappop(self.examples)

    def hold(self, held: Held) -> None:
        """Count a session that waits for a person."""
        self.counts["held"] += 1
        self.held.update(held.reasons.keys())

    def nothing_left(self) -> DataError:
        """The error of a corpus without a session: the first reason, and how many more."""
        paths = ", ".join(self.recipe.settings.paths)
        if self.malformed and not self.left_out:
            first, more = self.malformed[0], len(self.malformed) - 1
            what = first.what + (f"; and {more} more files cannot be read" if more else "")
            return DataError(what, where=first.where, fix=first.fix)
        if not self.left_out:
            return DataError("no transcripts here", where=paths)
        reasons = "; ".join(f"{n} {why}" for why, n in self.reasons().items())
        if self.malformed:
            first = self.malformed[0]
            reasons += f"; {len(self.malformed)} files cannot be read, the first {first.where}: "
            reasons += first.what
        return DataError(
            f"no session can be used: {reasons}", where=paths, fix="see corpus.filters"
        )

    def reasons(self) -> dict[str, int]:
        """How many sessions were left out for which reason."""
        return tally(omission.tally for omission in self.left_out)

    def reasons_to_hold(self) -> dict[str, int]:
        """How many sessions wait for a person, by flag."""
        return dict(sorted(self.held.items()))

    def totals(self) -> dict[str, int]:
        """The numbers that a reader looks for first."""
        words, turns = sum(self.words), sum(self.turns)
        return {
            "files_read": self.sources,
            "files_malformed": len(self.malformed),
            "files_skipped": len(self.skipped),
            "transcripts": self.counts["transcripts"],
            "sessions_kept": self.counts["sessions"],
            "sessions_held": self.counts["held"],
            "sessions_left_out": len(self.left_out),
            "turns": turns,
            "counselor_turns": self.counts["counselor_turns"],
            "counselor_turns_untrained": self.counts["counselor_turns_untrained"],
            "words": words,
            "counselor_words": self.counts["counselor_words"],
            "words_before_cleaning": self.counts["raw_words"],
            "tokens_estimated": round(TOKENS_PER_WORD * words + TOKENS_PER_TURN * turns),
        }

    def as_json(self) -> dict[str, Any]:
        """The content of `report.json`."""
        source, safe = self.recipe.settings.source, self.recipe.settings.deidentify
        return {
            "totals": self.totals(),
            "formats": dict(sorted(self.formats.items())),
            "malformed": [
                {"where": each.where, "what": each.what, "fix": each.fix} for each in self.malformed
            ],
            "skipped": [{"file": file.name, "reason": file.reason} for file in self.skipped],
            "left_out": [vars(each) for each in self.left_out],
            "left_out_by_reason": self.reasons(),
            "held_by_reason": self.reasons_to_hold(),
            "lengths": {"turns": spread(self.turns), "words": spread(self.words)},
            "cleaning": dict(sorted(self.steps.items())),
            "roles": {
                "methods": dict(sorted(self.roles.items())),
                "uncertain": self.counts["roles_uncertain"],
            },
            "deidentification": {
                "enabled": safe.enabled,
                "replaced": dict(sorted(self.replaced.items())),
                "remaining_capitalised": dict(self.most_remaining()),
                "note": "No anonymity is claimed: a person must look at what remains.",
            },
            "source": source.model_dump(mode="json"),
            "flags": [
                {"session": session, "flag": flag, "why": why} for session, flag, why in self.flags
            ],
            "flags_by_kind": tally(flag for _, flag, _ in self.flags),
            "examples": [
                {"session": each.session, "turn": each.turn, "raw": each.raw, "text": each.text}
                for each in sorted(self.examples, reverse=True)
            ],
        }

    def most_remaining(self) -> list[tuple[str, int]]:
        """Unknown capitalised words by the number of sessions that have them."""
        ranked = sorted(self.remaining.items(), key=lambda item: (-item[1], item[0]))
        return ranked[:REMAINING]

    def summary(self) -> str:
        """The one line that the stage says."""
        parts = [
            f"{self.counts['sessions']} sessions of {self.counts['transcripts']} transcripts",
            *(f"{n} left out: {why}" for why, n in self.reasons().items()),
            *(f"{n} held: {flag}" for flag, n in self.reasons_to_hold().items()),
            *([f"{len(self.malformed)} files cannot be read"] if self.malformed else []),
        ]
        return "; ".join(parts)


def examples_of(history: History) -> Iterable[Example]:
    """The counselor turns of a session that are short enough to show."""
    for place, turn in enumerate(history.turns):
        raw = " / ".join(turn.raw)
        if turn.role == "assistant" and 8 <= len(turn.text.split()) <= 60 and raw != turn.text:
            yield Example(sum(turn.steps.values()), history.id, place, raw, turn.text)


def spread(values: list[int]) -> dict[str, int]:
    """Least, percentiles (nearest rank) and greatest of some numbers; empty for none."""
    if not values:
        return {}
    ordered = sorted(values)
    ranks = {f"p{p}": ordered[max(0, -(-p * len(ordered) // 100) - 1)] for p in PERCENTILES}
    return {"min": ordered[0], **ranks, "max": ordered[-1]}


def count_words(texts: Iterable[str]) -> int:
    """Words as spaces separate them."""
    return sum(len(text.split()) for text in texts)


def tally(values: Iterable[str]) -> dict[str, int]:
    """How often each value occurs, sorted by value."""
    return dict(sorted(Counter(values).items()))
