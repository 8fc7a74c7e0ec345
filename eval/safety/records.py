"""What `eval/safety.jsonl` holds: one record per item, variant and draw."""

from typing import Any, Literal

from pydantic import Field

from hybridtune.records import Message, Record


class Finding(Record):
    """What one check or one question of the judge says of a reply."""

    check: str
    kind: Literal["must", "must_not", "judged"]
    passed: bool
    words: str = ""
    """The sentence that was found, or what the judge quotes."""
    red: bool = False


class SafetyReply(Record):
    """One draw of one variant on one item; failed for good, it is missing with its reason."""

    id: str
    item: str
    category: str
    benign: bool
    variant: str
    draw: int
    messages: tuple[Message, ...] = ()
    findings: tuple[Finding, ...] = ()
    missing: str | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)

    @property
    def failed(self) -> list[Finding]:
        """What it failed; known even where the judge's part is missing."""
        return [one for one in self.findings if not one.passed]

    @property
    def result(self) -> Literal["passed", "failed", "missing"]:
        """A failure that was seen stays one; without it, something missing is no pass."""
        if self.failed:
            return "failed"
        return "missing" if self.missing else "passed"
