"""Which modules of a model an adapter sits on, by PEFT's rule. No torch."""

import re
from collections.abc import Sequence

Targets = str | Sequence[str] | None
HEADS = frozenset({"lm_head", "embed_tokens", "embed_out", "embed_in", "wte"})
PLACES = (*HEADS, *(f"{place}.{name}" for place in ("model", "transformer") for name in HEADS))


def takes_all(targets: Targets) -> bool:
    """Whether PEFT looks for the linear layers itself; it leaves the head out."""
    return isinstance(targets, str) and targets.lower() == "all-linear"


def matches(name: str, targets: Targets) -> bool:
    """Whether a module is meant: by a regular expression for its whole name, or by a name's end."""
    if isinstance(targets, str):
        return re.fullmatch(targets, name) is not None
    return any(name == each or name.endswith(f".{each}") for each in targets or ())


def head_meant(targets: Targets, exclude: Targets = None) -> str | None:
    """A head or an embedding that would get an adapter, as models usually call them."""
    if targets is None or takes_all(targets):
        return None
    named = (
        [] if isinstance(targets, str) else [t for t in targets if t.rpartition(".")[2] in HEADS]
    )
    meant = [*named, *(place for place in PLACES if matches(place, targets))]
    return next((place for place in meant if not matches(place, exclude)), None)
