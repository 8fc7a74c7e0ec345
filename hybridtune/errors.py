"""What can go wrong, as a small tree of exceptions that the command line prints in one line.

`InputError` and its children are the user's to mend: they say what is wrong, where, and how to fix
it. `ServerError` and `CallError` tell of a model server. Everything else that escapes is our bug.
"""

from collections.abc import Mapping


class HybridtuneError(Exception):
    """Base of all errors that end a command with one clear line instead of a traceback."""

    exit_code = 1


class InputError(HybridtuneError, ValueError):
    """Something the user gave cannot be used.

    Args:
        what: the problem, with the offending value.
        where: the file, line, key or option that holds it.
        fix: what to do about it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(f"{where}: {what}" if where else what)

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line} ({self.fix})" if self.fix else line


class ConfigError(InputError):
    """An experiment file or an override that does not fit the configuration's schema."""


class DataError(InputError):
    """A transcript, JSONL file or other input whose content cannot be used."""


class DomainError(InputError):
    """A domain pack that is incomplete or contradicts itself."""


class RunError(InputError):
    """A run folder that does not fit the experiment, or is in use by another process."""


class StageError(HybridtuneError, RuntimeError):
    """A stage that ran and did not succeed, with the last useful lines of its log."""


class ServerError(HybridtuneError, RuntimeError):
    """A model server that did not start, cannot be reached, or stopped."""


class CallError(HybridtuneError, RuntimeError):
    """One model call that failed for good, after the retries that made sense.

    Args:
        what: the reason, free of keys and other secrets.
        status: the HTTP status, or None where no answer came.
    """

    def __init__(self, what: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(what)


class AnswerError(CallError):
    """Answers came, but none that could be used: invalid, cut off or empty.

    Args:
        what: the reason, free of keys and other secrets.
        spent: what they cost: `calls`, `prompt_tokens` and `completion_tokens`.
    """

    def __init__(self, what: str, *, spent: Mapping[str, int] | None = None) -> None:
        self.spent = spent or {}
        super().__init__(what)
