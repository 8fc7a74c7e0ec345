"""Queries are executed in a confined process: what is believed, and what is not, and why."""

import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import generation.execution
from generation.execution import Executor, executor_of, looked_over, started
from hybridtune.domain import load_domain
from hybridtune.errors import ConfigError, DomainError

PACK = load_domain("text2cypher")
ENDLESS = (
    "UNWIND range(1, 1000000) AS x UNWIND range(1, 1000000) AS y "
    "WITH x, y WHERE x + y < 0 RETURN count(*)"
)


@pytest.fixture(scope="module", autouse=True)
def impatience() -> Iterator[None]:
    """Half a second is enough for all that is asked here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation.execution, "CPU_S", 0.5)
        yield


@pytest.fixture(scope="module")
def executor() -> Executor:
    found = executor_of(PACK)
    assert found
    return found


@pytest.fixture
def credulous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked over first: what is left is the process and its bounds."""
    monkeypatch.setattr(generation.execution, "looked_over", lambda _: None)


@pytest.mark.parametrize(
    ("reason", "query"),
    [
        ("parse", "MATCH (s:Station RETURN s.name"),
        ("parse", "Sure, here is the query: MATCH (s:Station) RETURN s.name"),
        ("parse", ""),
        ("error", "MATCH (s:Station) RETURN s.capacity"),
        ("error", "MATCH (s:Stop) RETURN s.name"),
        ("error", "MATCH (s:Station) RETURN range(1, 1000000000)"),
        ("error", "MATCH (s:Station) WHERE s.docks = $least RETURN s.name"),
        ("empty", "MATCH (s:Station) WHERE s.docks > 1000 RETURN s.name"),
        ("empty", "MATCH (s:Station) WHERE s.docks > 1000 RETURN count(s), sum(s.docks)"),
        ("empty", "MATCH (s:Station) OPTIONAL MATCH (s)-[l:LEADS_TO {metres: -1}]->() RETURN l"),
        ("empty", "UNWIND [1, 2] AS n RETURN NULL"),
        ("empty", "MATCH (d:District)-[:IN_DISTRICT]->(s:Station) RETURN s.name"),
        ("timeout", ENDLESS),
        ("timeout", "MATCH (a:Bike), (b:Bike), (c:Bike), (d:Bike) RETURN a.id, b.id, c.id, d.id"),
        ("forbidden", "MATCH (s:Station) SET s.docks = 0 RETURN s.name"),
        ("forbidden", "MATCH (s:Station) DETACH DELETE s"),
        ("forbidden", "LOAD CSV FROM '/etc/passwd' AS line RETURN line"),
        ("forbidden", "LOAD FROM '/etc/passwd' (file_format='csv') RETURN *"),
        ("forbidden", "copy (MATCH (s:Station) RETURN s.name) to 'stations.csv'"),
        ("forbidden", "ATTACH 'other' AS other (dbtype lbug)"),
        ("forbidden", "INSTALL httpfs"),
        ("forbidden", "CALL show_tables() RETURN *"),
        ("forbidden", "MATCH (s:Station) RETURN s.name; MATCH (b:Bike) RETURN b.id"),
        ("forbidden", "MATCH (s:Station) RETURN s.name ORDER BY random() LIMIT 1"),
    ],
)
def test_what_is_not_believed(executor: Executor, reason: str, query: str) -> None:
    found = executor.run(query)
    assert (found.reason, found.rows) == (reason, 0), found
    assert found.detail
    assert executor.run("MATCH (b:Bike) RETURN count(b)").rows == 1, "the next one runs"


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("MATCH (s:Station) RETURN s.name, s.opened", 22),
        ("MATCH (s:Station) RETURN count(s) AS stations;", 1),
        ("MATCH (w:Workshop) RETURN w.name AS `set`, 'drop; delete' AS note // load", 4),
        ("MATCH (:Bike)-[r:REPAIRED_BY]->() RETURN r.fault, sum(r.cost)", 6),
        ("MATCH (s:Station) RETURN count(s) < 0 AS fewer", 1),
        ("MATCH (s:Station) RETURN s.name = 'nowhere'", 22),
        ("MATCH (s:Station) OPTIONAL MATCH (b:Bike)-[:PARKED_AT]->(s) RETURN s, count(b)", 22),
    ],
)
def test_what_is_believed(executor: Executor, query: str, rows: int) -> None:
    found = executor.run(query)
    assert (found.reason, found.rows) == (None, rows), found
    assert len(found.sha256) == 64
    assert executor.run(query) == found


def test_the_digest_is_of_the_result_and_not_of_its_order(executor: Executor) -> None:
    names = "MATCH (d:District) RETURN d.name ORDER BY d.name"
    there, back = executor.run(names), executor.run(f"{names} DESC")
    assert there.sha256 == back.sha256
    assert there.sha256 != executor.run("MATCH (d:District) RETURN d.residents").sha256
    assert pickle.loads(pickle.dumps(executor)).run(names) == there


@pytest.mark.parametrize(
    "query",
    [
        "LOAD FROM '{}' RETURN *",
        "COPY (MATCH (s:Station) RETURN s.name) TO '{}.out'",
        "COPY Bike FROM '{}'",
        "EXPORT DATABASE '{}.all'",
        "ATTACH '{}' AS other (dbtype lbug)",
        "INSTALL httpfs",
        "MATCH (s:Station) SET s.docks = 0",
        "CREATE NODE TABLE Leak(name STRING PRIMARY KEY)",
    ],
)
@pytest.mark.usefixtures("credulous")
def test_the_process_withstands_what_is_not_looked_over(tmp_path: Path, query: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n", encoding="utf-8")
    assert Executor(PACK.path / "graph").run(query.format(secret)).reason == "error"
    assert secret.read_text(encoding="utf-8") == "a,b\n"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [secret]


@pytest.mark.usefixtures("credulous")
def test_no_query_lifts_its_own_limit() -> None:
    executor = Executor(PACK.path / "graph")
    executor.run("CALL timeout=0")
    assert executor.run(ENDLESS).reason == "timeout"


def test_a_process_that_dies_takes_one_query_with_it() -> None:
    executor = Executor(PACK.path / "graph")
    executor.run("RETURN 1")
    assert executor.process
    os.kill(executor.process.pid, signal.SIGSEGV)
    executor.process.wait()
    assert executor.run("RETURN 1").detail == "ended the database (exit -11)"
    assert executor.run("RETURN 1").rows == 1


def test_no_process_and_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation.execution.tempfile, "tempdir", str(tmp_path))
    executor = Executor(PACK.path / "graph")
    executor.run("RETURN 1")
    assert list(tmp_path.iterdir()) == []
    process = executor.process
    assert process
    del executor
    assert process.poll() is not None


def test_the_process_knows_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hidden")
    process = started(PACK.path / "graph")
    environment = Path(f"/proc/{process.pid}/environ")
    if not environment.exists():
        pytest.skip("no /proc")
    assert b"hidden" not in environment.read_bytes()
    process.kill()
    process.communicate()


def test_a_broken_graph_is_named(tmp_path: Path) -> None:
    (tmp_path / "schema.cypher").write_text("CREATE NODE TABLE Bike(id STRING);", encoding="utf-8")
    with pytest.raises(DomainError, match=r"primary key|PRIMARY KEY"):
        Executor(tmp_path).run("RETURN 1")


def test_a_missing_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: Any, **__: Any) -> Any:
        read = SimpleNamespace(readline=lambda: b'{"missing": "No module"}', close=lambda: None)
        return SimpleNamespace(
            stdin=None, stdout=read, wait=lambda *_: 0, kill=lambda: None, returncode=0
        )

    monkeypatch.setattr(generation.execution.subprocess, "Popen", answer)
    with pytest.raises(ConfigError, match=r"text2cypher"):
        Executor(PACK.path / "graph").run("RETURN 1")


def test_only_packs_with_a_graph_execute() -> None:
    assert executor_of(load_domain("therapy")) is None
    assert looked_over("MATCH (s) RETURN s.set, s.`create`") is None
