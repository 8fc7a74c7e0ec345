"""Deterministic stand-ins for teacher, patient, counselor and judge, driven by a domain pack.

They let the whole machinery run without a large model: equal requests give equal answers, in any
process. They show that the parts fit together, and nothing about any method. All words come from
`domains/<name>/scripted/` (see `stock`); no vertical's vocabulary is in this package.

    python -m hybridtune.scripted --domain therapy --port 8001
"""

import hashlib
from pathlib import Path

from hybridtune.domain import Domain


def scripted_digest(domain: Domain) -> str:
    """SHA-256 over the pack and this package's source: what the stand-ins' answers depend on."""
    total = hashlib.sha256(domain.digest.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        total.update(source.name.encode() + b"\0" + source.read_bytes())
    return total.hexdigest()
