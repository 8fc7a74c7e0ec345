"""How a command ends: errors of the user's world become one line and an exit code.

Used by every entry point that a person calls (`hybridtune`, `python -m eval`). Our own bugs keep
their traceback.
"""

import errno
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from hybridtune.errors import HybridtuneError, InputError

STOPPED = "stopped; the same command goes on from here"
INTERRUPTED = 130


class Stopped(HybridtuneError):
    """Ctrl-C was the way to end this command: nothing failed, and nothing is to be gone on with."""

    exit_code = INTERRUPTED


@contextmanager
def ending() -> Iterator[None]:
    """Run a whole command; what escapes from it is told in one line."""
    signal.signal(signal.SIGTERM, terminated)
    try:
        yield
    except KeyboardInterrupt:
        fail(STOPPED, INTERRUPTED)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # typer's way to say that Ctrl-C came
            fail(STOPPED, INTERRUPTED)
        raise
    except Stopped as ended:
        typer.echo(str(ended), err=True)
        sys.exit(ended.exit_code)
    except Exception as error:
        told = told_of(first_cause(error))
        if told is None:
            raise
        fail(*told)


def terminated(*_: object) -> None:
    """SIGTERM unwinds the stack as Ctrl-C does, so that servers are stopped."""
    raise KeyboardInterrupt


def first_cause(error: BaseException) -> BaseException:
    """The first error of a group: task groups wrap what their tasks raise."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def told_of(error: BaseException) -> tuple[str, int] | None:
    """The line and the exit code for an error; None for a bug of ours."""
    if isinstance(error, InputError):
        return " ".join(str(error).split()), error.exit_code
    if isinstance(error, HybridtuneError):
        return str(error), error.exit_code
    if full := no_room(error):
        return full, 1
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", 1
    return None


def no_room(error: BaseException) -> str | None:
    """What to say where the system or SQLite had no room for a file; else None."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EFBIG:
        return (
            f"a file may not grow so large here: {error} "
            "(raise the limit, see `ulimit -f`; the same command goes on)"
        )
    if number in {errno.ENOSPC, errno.EDQUOT} or "database or disk is full" in str(error):
        return f"the disk is full: {error} (free some space; the same command goes on)"
    return None


def fail(message: str, code: int) -> None:
    """One line on standard error, and the exit code."""
    typer.secho("error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
    typer.echo(message, err=True)
    sys.exit(code)
