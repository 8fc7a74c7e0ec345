"""Whether replies fit their own client or anybody: an indicator by embeddings, and no score.

A reply is compared with the client's turn that it answers, and with the turns of the other clients
at the same place of their conversations with the same variant. Reads and writes no files.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from eval.cells import failure_of, scenario_of, variant_of
from eval.statistics.arrays import Array
from hybridtune.records import Session

LEVEL = 1e-6
"""Cosines that differ by less than this are level."""


class Answered(NamedTuple):
    """A reply and the client's turn before it."""

    conversation: str
    client: str
    """The scenario: in repeats the same client speaks."""
    heard: str
    reply: str


def answered(conversation: Session) -> list[Answered]:
    """The replies of a conversation that follow a turn of the client, in their order."""
    found, heard = [], None
    for message in conversation.messages:
        if message.role == "assistant" and heard is not None:
            found.append(
                Answered(conversation.id, scenario_of(conversation), heard, message.content)
            )
            heard = None
        elif message.role == "user":
            heard = message.content
    return found


def mismatch(conversations: Iterable[Session], vectors: Mapping[str, Array]) -> dict[str, float]:
    """By conversation the mean of its replies' mismatch; without one that could be compared, none.

    A reply's mismatch is the share of other clients' turns that it fits at least as well as the
    turn that it answers: about 0 where it fits its own client alone, about 0.5 where it would fit
    anybody. All other turns count, so nothing is drawn: it is what a permutation test of the turns
    among the clients would give on average. Only turns at the same place of a conversation are
    exchanged, as openings are like openings, and never for one in the same words.

    Args:
        conversations: of any variants; compared inside each.
        vectors: of every turn, by its words; of length 1, or 0 where it has none.
    """
    places: defaultdict[tuple[str, int], list[Answered]] = defaultdict(list)
    for one in conversations:
        if not failure_of(one):
            for place, turn in enumerate(answered(one)):
                if vectors[turn.heard].any() and vectors[turn.reply].any():
                    places[variant_of(one), place].append(turn)
    found: defaultdict[str, list[float]] = defaultdict(list)
    for turns in places.values():
        for turn, share in zip(turns, shares(turns, vectors), strict=True):
            if not np.isnan(share):
                found[turn.conversation].append(float(share))
    return {name: float(np.mean(values)) for name, values in found.items()}


def shares(turns: list[Answered], vectors: Mapping[str, Array]) -> Array:
    """Each reply's share of other turns that fit it at least as well; `nan` without any."""
    heard = np.array([vectors[turn.heard] for turn in turns])
    replies = np.array([vectors[turn.reply] for turn in turns])
    cosines = replies @ heard.T
    clients, words = (np.array([getattr(t, name) for t in turns]) for name in ("client", "heard"))
    others = (clients[:, None] != clients) & (words[:, None] != words)
    fits = (cosines >= np.diag(cosines)[:, None] - LEVEL) & others
    count = others.sum(axis=1)
    found: Array = np.where(count > 0, fits.sum(axis=1) / np.maximum(count, 1), np.nan)
    return found
