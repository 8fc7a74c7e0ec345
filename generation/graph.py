"""A graph database in a process of its own, for queries that nobody vouches for. Started by file.

Reads a pack's `graph/`: `schema.cypher` (the tables) and one CSV with a header for each table,
named after it. Builds the database in a temporary folder, opens it read-only, deletes the folder,
gives up what a query could do harm with, and then answers: a query as a JSON string a line on
standard input, a result as a JSON object a line on standard output.

The database's own read-only mode is not enough: in Ladybug 0.22 it still lets a query read and
write other files (LOAD FROM, COPY TO, EXPORT), load extensions, and lift its time limit. So the
kernel sets the bounds: no new file or socket (RLIMIT_NOFILE), no written byte (RLIMIT_FSIZE), so
much memory (RLIMIT_AS), and the signals of two timers, which end the process whatever it is in.
Processor time is the limit that counts, because it does not depend on what else the machine does.

    python -I generation/graph.py FOLDER CPU_SECONDS WALL_SECONDS MEMORY_BYTES
"""

import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

START_S = 120.0
POOL_BYTES = 64 * 2**20
STORE_BYTES = 2**28  # address space that the database reserves for its file
WARM = (
    "UNWIND [1, 2] AS n RETURN sum(n), avg(n), date('2026-05-01'), "
    "timestamp('2026-05-01 12:00:00'), interval('1 day'), CAST(1.5 AS DECIMAL(5, 2)), "
    "gen_random_uuid()"
)
"""Brings values of all kinds, so that what is loaded late is loaded while files can be opened."""


def main(folder: str, cpu_s: float, wall_s: float, memory_bytes: int) -> None:
    """Build, confine, serve until standard input ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no reply
    for alarm in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(alarm, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, START_S)
    try:
        connection = opened(Path(folder))
    except ImportError as error:
        replies.write(json.dumps({"missing": str(error)}) + "\n")
        return
    except Exception as error:  # told to the other side, which raises it
        replies.write(json.dumps({"broken": one_line(error)}) + "\n")
        return
    if "reason" in (warm := run(connection, WARM)):
        replies.write(json.dumps({"broken": warm["detail"]}) + "\n")
        return
    confine(memory_bytes)
    replies.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_REAL, wall_s)
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        reply = run(connection, json.loads(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps(reply) + "\n")
        signal.setitimer(signal.ITIMER_REAL, 0)


def opened(folder: Path) -> Any:
    """A connection to the pack's graph, read-only, its file already without a name."""
    import ladybug  # noqa: PLC0415 - an optional extra

    place = tempfile.mkdtemp()
    sizes = {"buffer_pool_size": POOL_BYTES, "max_db_size": STORE_BYTES, "max_num_threads": 1}
    try:
        os.chdir(folder)
        with (
            ladybug.Database(f"{place}/graph", **sizes) as database,
            ladybug.Connection(database) as connection,
        ):
            connection.execute(Path("schema.cypher").read_text(encoding="utf-8"))
            tables = connection.execute("CALL show_tables() RETURN id, name ORDER BY id")
            for _, table in tables.get_all():
                connection.execute(f"COPY {table} FROM '{table}.csv' (header=true, parallel=false)")
        return ladybug.Connection(ladybug.Database(f"{place}/graph", read_only=True, **sizes))
    finally:
        os.chdir("/")
        shutil.rmtree(place, ignore_errors=True)


def confine(memory_bytes: int) -> None:
    """From here on: no new file or socket, nothing written, no more memory than this."""
    highest = max(int(name) for name in os.listdir("/dev/fd"))
    while (plug := os.open(os.devnull, os.O_RDONLY)) < highest:
        pass  # no number below the limit may stay free
    os.close(plug)
    bounds = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: highest,
    }
    for bound, value in bounds.items():
        resource.setrlimit(bound, (value, value))


def run(connection: Any, query: str) -> dict[str, Any]:
    """What came of one query: its rows counted and hashed, or why it failed."""
    try:
        with connection.execute(query) as result:
            return {"columns": len(result.get_column_names()), **summary(result)}
    except Exception as error:  # a failed query is a result
        what = one_line(error)
        reason = "parse" if what.startswith("Parser exception") else "error"
        return {"reason": reason, "detail": what[:300]}


def summary(result: Any) -> dict[str, Any]:
    """How many rows, whether they hold anything, and a digest that their order does not change."""
    rows, total, told, counted = 0, 0, False, False
    while result.has_next():
        row = result.get_next()
        rows += 1
        values = [value for value in row if value is not None and value != []]
        told = told or bool(values)
        counted = counted or any(isinstance(value, bool) or value != 0 for value in values)
        content = json.dumps(row, sort_keys=True, default=str).encode()
        total += int.from_bytes(hashlib.sha256(content).digest())
    # A count of nothing is one row with a nought; among several rows, a nought is a value.
    found = counted if rows == 1 else told
    return {"rows": rows if found else 0, "sha256": f"{total % 2**256:064x}"}


def one_line(error: BaseException) -> str:
    """The error's message in one line."""
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
