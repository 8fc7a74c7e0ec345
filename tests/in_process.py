"""The command line in this process: for tests that look at what it prints."""

import signal
import sys
from collections.abc import Callable

import pytest

from hybridtune.cli import app as application

Command = Callable[..., tuple[int, str, str]]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """What runs a command; it answers with the exit code and what was printed."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hybridtune", *arguments])
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as ended:
                application.main()
        finally:
            signal.signal(signal.SIGTERM, before)
        code = ended.value.code or 0
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    return run
