"""Queries are executed before they are believed: the check `execution` of packs with a graph.

A pack that has `graph/schema.cypher` teaches a model to write Cypher. Every assistant turn of its
drafts is one query; it is looked over for what is not allowed, and run in the confined process of
`graph.py`. One that does not parse, fails, takes too long, or finds nothing rejects its draft.
"""

import contextlib
import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, DomainError

Reason = Literal["parse", "error", "empty", "timeout", "forbidden"]

CPU_S = 2.0
"""Processor time that a query may take."""
WALL_S = 20.0
"""And by the clock, for one that waits instead of working."""
MEMORY_BYTES = 2**30
"""Address space of the process, the database's own 320 MiB included."""

TOKEN = re.compile(
    r"""(?P<skip>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`|//[^\n]*|/\*.*?\*/)"""
    r"|(?P<word>(?<![.:\w$])[A-Za-z_]\w*)|(?P<other>\S)",
    re.DOTALL,
)
FIRST = frozenset(("match", "optional", "unwind", "with", "return"))
"""What a question to a graph may begin with."""
CHANGES = """create merge set delete detach remove insert drop alter truncate foreach comment macro
update"""
OUTSIDE = """load copy export import attach use install uninstall extension call yield begin commit
rollback transaction checkpoint explain profile grant revoke"""
FICKLE = "rand random setseed uuid gen_random_uuid current_date current_timestamp now"
FORBIDDEN = frozenset(f"{CHANGES} {OUTSIDE} {FICKLE}".split())
"""Words that no reading query needs: of changes, of what is outside the graph, and of answers that
are others each time. A name like one of them is written in backticks."""


@dataclass(frozen=True)
class Execution:
    """What came of a query; `reason` is None where it found something.

    Attributes:
        reason: why it is not believed.
        detail: the particulars, in one line.
        rows: how many came back.
        columns: how many values each has.
        sha256: digest of the result, whatever the order of its rows.
    """

    reason: Reason | None = None
    detail: str = ""
    rows: int = 0
    columns: int = 0
    sha256: str = ""

    @property
    def evidence(self) -> dict[str, Any]:
        """What the provenance says of a query that found something."""
        return {"rows": self.rows, "columns": self.columns, "sha256": self.sha256}


class Executor:
    """Runs queries over a pack's graph, one at a time; starts the process anew if one ended it.

    Can be called from several threads, and can be pickled: the copy has a process of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.end: weakref.finalize[..., Executor] | None = None

    def __reduce__(self) -> tuple[type["Executor"], tuple[Path]]:
        """Only the folder travels."""
        return Executor, (self.folder,)

    def run(self, query: str) -> Execution:
        """Execute one query.

        Raises:
            ConfigError: the database is not installed.
            DomainError: the pack's graph cannot be built.
        """
        if refused := looked_over(query):
            return refused
        with self.lock:
            if self.process is None:
                self.process = started(self.folder)
                self.end = weakref.finalize(self, stopped, self.process)
            reply = asked(self.process, query)
            if reply is None:
                code = stopped(self.process, patience_s=10)
                self.process = None
                if self.end:
                    self.end.detach()
                return ended(code)
        if "reason" in reply:
            return Execution(**reply)
        if not reply["rows"]:
            return Execution("empty", "nothing but nulls and zeros, or no row at all")
        return Execution(**reply)


def looked_over(query: str) -> Execution | None:
    """Why a text is not even handed to the database, unless it is one reading query."""
    tokens = [match for match in TOKEN.finditer(query) if match["skip"] is None]
    words = [match["word"].lower() for match in tokens if match["word"]]
    if found := FORBIDDEN.intersection(words):
        return Execution("forbidden", min(found, key=words.index).upper())
    if any(match.group() == ";" for match in tokens[:-1]):
        return Execution("forbidden", "more than one statement")
    if any(match.group() == "$" for match in tokens):
        return Execution("error", "a parameter that nobody gives a value")
    first = tokens[0].group() if tokens else ""
    if first.lower() not in FIRST:
        return Execution("parse", f"begins with {first!r}, as no query does")
    return None


def started(folder: Path) -> "subprocess.Popen[bytes]":
    """A process that has the graph open, with nothing of this one's surroundings in it."""
    limits = [str(CPU_S), str(WALL_S), str(MEMORY_BYTES)]
    process = subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__).with_name("graph.py")), str(folder), *limits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"HOME": "/nonexistent", "TMPDIR": tempfile.gettempdir()},
        cwd="/",
        start_new_session=True,  # Ctrl-C is not the query's fault
    )
    assert process.stdout
    reply = json.loads(process.stdout.readline() or "{}")
    if "ready" in reply:
        return process
    stopped(process)
    if "missing" in reply:
        fix = "uv pip install -e '.[text2cypher]'"
        raise ConfigError(
            f"this pack's queries are executed, and the database is missing ({reply['missing']})",
            fix=fix,
        )
    raise DomainError(reply.get("broken", "the database did not start"), where=str(folder))


def asked(process: "subprocess.Popen[bytes]", query: str) -> dict[str, Any] | None:
    """The process's reply; None where the query ended it."""
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(json.dumps(query).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        return None
    line = process.stdout.readline()
    reply: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
    return reply


def ended(code: int) -> Execution:
    """What it means that a query ended the process."""
    if -code == signal.SIGPROF:
        return Execution("timeout", f"stopped after {CPU_S:g} s of processor time")
    if -code == signal.SIGALRM:
        return Execution("timeout", f"stopped after {WALL_S:g} s by the clock")
    return Execution("error", f"ended the database (exit {code})")


def stopped(process: "subprocess.Popen[bytes]", patience_s: float = 0.0) -> int:
    """Wait for a process that is ending, or end it; close what led to it, and say how it ended."""
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    return process.wait()


def executor_of(domain: Domain) -> Executor | None:
    """The executor of a pack with a graph, tried once; None for the others."""
    folder = domain.path / "graph"
    if not (folder / "schema.cypher").is_file():
        return None
    executor = Executor(folder)
    executor.run("RETURN 1")
    return executor
