"""How many tries the conversations took, and why: what a simulated patient did wrong is counted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hybridtune.records import Session


def attempts(conversations: Sequence[Session]) -> dict[str, Any]:
    """A variant's tries: those thrown away, by reason, and the conversations that stayed invalid.

    `thrown` by `tries` is the share of conversations in which the patient left its role.
    """
    thrown = [
        str(told["reason"]) for one in conversations for told in one.provenance.get("attempts", ())
    ]
    kept = sum("invalid" not in one.provenance for one in conversations)
    return {
        "conversations": len(conversations),
        "tries": kept + len(thrown),
        "thrown": len(thrown),
        "again": sum(bool(one.provenance.get("attempts")) for one in conversations),
        "invalid": len(conversations) - kept,
        "reasons": dict(sorted(Counter(thrown).items(), key=lambda item: (-item[1], item[0]))),
    }
