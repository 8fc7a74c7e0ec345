"""Scenarios that tell one of evaluation in other words: found by embeddings, and replaced."""

import math
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from fabricated import with_embedder
from fake_server import FakeServer, failure, fake_server
from fake_teacher import HELD, FakeTeacher, bicycles, contents, run_of
from rich.console import Console
from test_embedding import embedder_of

from eval.nearness import Named, closest
from generation.fingerprints import circumstances
from generation.outcomes import Failure, Near
from generation.page import write_report
from generation.retold import CLUSTER, UNASKED, held_vectors
from generation.stage import generate, rewrite
from generation.steps import steps
from hybridtune.chat.model import ChatRequest
from hybridtune.cli.plan import loads
from hybridtune.cli.preflight import roles_called
from hybridtune.domain import Domain, load_domain
from hybridtune.embedding.embedder import Embedder
from hybridtune.errors import ServerError, StageError
from hybridtune.manifest import Manifest
from hybridtune.overlap import HeldOut, told_by
from hybridtune.progress import Reporter, silent
from hybridtune.records import Scenario, Session, read_json, read_jsonl
from hybridtune.runs import Run
from hybridtune.scenarios import read_held_out
from hybridtune.scripted.embedding import embedding

RETOLD = "Whenever a climb gets sharp my drive comes loose in front, so I walk the bike back"
NEAR = 0.95


@pytest.fixture
def pack(tmp_path: Path) -> Domain:
    return bicycles(tmp_path / "bikes")


class Reteller(FakeTeacher):
    """Tells the evaluation scenario in other words for some rows, or only when asked first."""

    def answer(self, request: ChatRequest) -> Any:
        told = super().answer(request)
        if request.task == "scenario":
            index, first = request.inputs["persona"]["index"], len(request.messages) == 1
            if index in self.told.get("retell", ()):
                return {"problem": RETOLD}
            if first and index in self.told.get("retell_once", ()):
                return {"problem": RETOLD}
        return told


def planted(text: str) -> list[float]:
    """A vector of length 1: of the held scenario, near to it, or of neither."""
    if text == HELD:
        return [1, 0, 0, 0]
    if text == RETOLD:
        return [NEAR, math.sqrt(1 - NEAR**2), 0, 0]
    angle = zlib.crc32(text.encode()) % 360
    return [0, 0, math.cos(angle), math.sin(angle)]


@dataclass
class Model:
    """An embedding model that knows who retells whom; refuses texts with `bad` in them."""

    embedder: Embedder
    server: FakeServer

    def texts(self) -> Counter[str]:
        return Counter(text for body in self.server.bodies for text in body["input"])


@asynccontextmanager
async def model(folder: Path, bad: str = "\0", **told: Any) -> AsyncIterator[Model]:
    async def embeds(_: web.Request, server: FakeServer) -> web.StreamResponse:
        texts = server.bodies[-1]["input"]
        if any(bad in text for text in texts):
            return failure(400, "this text is not for me")
        items = [{"index": at, "embedding": planted(text)} for at, text in enumerate(texts)]
        return web.json_response({"data": items})

    folder.mkdir(parents=True, exist_ok=True)
    async with fake_server(embeds) as server, embedder_of(server.url, folder, **told) as embedder:
        yield Model(embedder, server)


async def held(
    pack: Domain, folder: Path, teacher: FakeTeacher, bad: str = "\0", **settings: Any
) -> tuple[Run, Counter[str]]:
    """A run with an embedder, and what the embedder was asked for."""
    near = settings.pop("near_duplicate", 0.9)
    run = with_embedder(run_of(folder, **settings), "fake", near_duplicate=near)
    async with model(folder, bad, near_duplicate=near) as made:
        await generate(run, pack, teacher, silent(), made.embedder)
        return run, made.texts()


def told_of(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = read_json(run.generation / "report.json")["held_out"]
    return found


async def test_what_is_retold_is_replaced_or_removed_and_counted(
    pack: Domain, tmp_path: Path
) -> None:
    (evaluation,) = read_jsonl(pack.path / "scenarios" / "evaluation.jsonl", Scenario)
    assert HeldOut([evaluation]).too_close({"problem": RETOLD}) is None
    told = {"retell_once": [1, 4, 6], "retell": [7, 9]}
    teacher = Reteller(**told)
    run, asked = await held(pack, tmp_path / "run", teacher)
    found, report = told_of(run), read_json(run.generation / "report.json")
    model = found["embeddings"].pop("model")
    assert (model["kind"], model["name"]) == ("attached", "m")
    assert found["embeddings"] == {
        "measured": True, "threshold": 0.9, "scenarios_replaced": 3, "scenarios_removed": 2,
    }  # fmt: skip
    assert (found["scenarios_replaced"], found["scenarios_removed"]) == (0, 0)
    assert report["counts"]["scenario"] == {"asked": 12, "written": 10, "failed": 2}
    assert report["counts"]["draft"] == {"asked": 12, "written": 10, "failed": 2}
    failures = read_jsonl(run.generation / "failures.jsonl", Failure)
    assert [(each.kind, each.row) for each in failures] == [
        ("scenario", 7), ("draft", 7), ("scenario", 9), ("draft", 9),
    ]  # fmt: skip
    reason = "too near to the evaluation scenario held-1 by embeddings (cosine 0.9500)"
    assert {each.reason for each in failures} == {reason}
    # What stays near was asked for three times: once, and again for `reasks`.
    calls = Counter(request.task for request in teacher.requests)
    assert calls["scenario"] == 12 + 3 + 2 * 2
    assert asked[HELD] == 1
    for path in run.generation.glob("*.jsonl"):
        assert RETOLD not in path.read_text()
    kept = read_jsonl(run.generation / "synthetic.jsonl", Session)
    assert len(kept) == 10
    assert all(told_by(session) in asked for session in kept)
    mixed, _ = await held(pack, tmp_path / "mixed", Reteller(delays=3, **told))
    files, others = contents(run), contents(mixed)
    del files["report.json"], others["report.json"]  # they name the server's port
    assert files == others


async def test_the_report_says_so_and_rewriting_keeps_it(pack: Domain, tmp_path: Path) -> None:
    run, _ = await held(pack, tmp_path / "run", Reteller(retell_once=[1], retell=[7]))
    before = contents(run)
    rewrite(run, pack)
    assert contents(run) == before
    write_report(run, pack)
    page = (run.generation / "report.html").read_text()
    assert "too near (cosine 0.9 or more): 1 scenarios replaced, 1 removed" in page
    card = (run.generation / "DATASET_CARD.md").read_text()
    assert "By embeddings of m too near (cosine 0.9 or more):\n1 scenarios replaced" in card
    assert "http://" not in card


async def test_words_are_looked_at_first(pack: Domain, tmp_path: Path) -> None:
    teacher = Reteller(copy=[2], copy_once=[3], retell=[5])
    run, asked = await held(pack, tmp_path / "run", teacher)
    found = told_of(run)
    assert (found["scenarios_replaced"], found["scenarios_removed"]) == (1, 1)
    told = found["embeddings"]
    assert (told["scenarios_replaced"], told["scenarios_removed"]) == (0, 1)
    assert asked[HELD] == 1  # the evaluation scenario itself, and none of the copies
    failures = read_jsonl(run.generation / "failures.jsonl", Failure)
    assert failures[0].reason == "too near to the evaluation scenario held-1"


async def test_a_resume_asks_nothing_again(pack: Domain, tmp_path: Path) -> None:
    told = {"retell_once": [1], "retell": [7]}
    run, asked = await held(pack, tmp_path / "run", Reteller(**told), sessions=8)
    before = contents(run)
    async with model(run.path, near_duplicate=0.9) as again:
        # The same server at another port is another model, unless its weights are known.
        again.embedder.client.endpoint.identities = {"*": {"weights": "w"}}
        await generate(run, pack, Reteller(**told), silent(), again.embedder)
        assert sum(again.texts().values()) >= len(asked)
        again.server.bodies.clear()
        teacher = Reteller(**told)
        await generate(run, pack, teacher, silent(), again.embedder)
        assert not teacher.requests
        (run.generation / "rows.sqlite").unlink()
        await generate(run, pack, teacher, silent(), again.embedder)
        assert teacher.requests
        assert not again.server.bodies
    files = contents(run)
    assert {name for name in files if files[name] != before[name]} == {"report.json"}


async def test_a_text_that_is_refused_costs_its_row_alone(pack: Domain, tmp_path: Path) -> None:
    run, _ = await held(pack, tmp_path / "run", FakeTeacher())
    bad = read_jsonl(run.generation / "scenarios.jsonl", Scenario)[4].scenario["problem"]
    other, _ = await held(pack, tmp_path / "other", FakeTeacher(), bad=bad)
    failures = read_jsonl(other.generation / "failures.jsonl", Failure)
    assert [(each.kind, each.row) for each in failures] == [("scenario", 4), ("draft", 4)]
    assert "embedder: " in failures[0].reason
    assert "this text is not for me" in failures[0].reason
    counts = read_json(other.generation / "report.json")["counts"]
    assert counts["draft"] == {"asked": 12, "written": 11, "failed": 1}
    async with model(other.path, near_duplicate=0.9) as healed:
        healed.embedder.client.endpoint.identities = {"*": {"weights": "w"}}
        await generate(other, pack, FakeTeacher(), silent(), healed.embedder)
    assert (other.generation / "failures.jsonl").read_text() == ""


async def test_a_server_that_is_gone_stops_the_stage(pack: Domain, tmp_path: Path) -> None:
    run = with_embedder(run_of(tmp_path / "run"), "fake")
    run.path.mkdir()
    async with model(run.path, retries=0) as made:
        scenarios = read_jsonl(pack.path / "scenarios" / "evaluation.jsonl", Scenario)
        retold = await held_vectors(made.embedder, scenarios)
        near = await retold.near_to(scenarios[0].model_copy(update={"id": "another"}))
        assert near == Near("held-1", 1.0)
        nothing = scenarios[0].model_copy(update={"scenario": {"problem": " "}})
        assert await retold.near_to(nothing) is None
        nobody = await held_vectors(made.embedder, [nothing])
        assert await nobody.near_to(scenarios[0]) is None
    async with embedder_of("http://127.0.0.1:9/v1", run.path, retries=0) as gone:
        with pytest.raises(ServerError):
            await generate(run, pack, FakeTeacher(), silent(), gone)
    assert not (run.generation / "report.json").exists()


async def test_what_decides_about_likeness_decides_which_rows_are_written_anew(
    pack: Domain, tmp_path: Path
) -> None:
    plain = run_of(tmp_path / "run")
    teacher, vectors = {"name": "fake"}, {"name": "m", "identity": {"weights": "w"}}
    known = circumstances(plain, pack, teacher, None)
    assert circumstances(with_embedder(plain, "fake"), pack, teacher, None) == known
    changed: list[dict[str, Any]] = [
        {}, {"near_duplicate": 0.8}, {"prefix": "query: "}, {"max_words": 40},
    ]  # fmt: skip
    found = [circumstances(with_embedder(plain, "fake", **each), pack, teacher, vectors)
             for each in changed]  # fmt: skip
    other = {**vectors, "identity": {"weights": "other"}}
    found += [known, circumstances(with_embedder(plain, "fake"), pack, teacher, other)]
    assert len(set(found)) == len(found)
    faster = with_embedder(plain, "fake", batch_size=1)
    assert circumstances(faster, pack, teacher, vectors) == found[0]
    of_step = [steps(with_embedder(plain, "fake", **each), pack)[0].fingerprint()
               for each in changed]  # fmt: skip
    before = steps(plain, pack)[0].fingerprint()
    assert len({*of_step, before}) == len(changed) + 1
    cluster = with_embedder(run_of(tmp_path / "run", engine="ray"), "fake", near_duplicate=0.8)
    assert steps(cluster, pack)[0].fingerprint() == before
    run, _ = await held(pack, tmp_path / "run", Reteller(retell=[7]))
    again = Reteller(retell=[7])
    run, _ = await held(pack, run.path, again, near_duplicate=0.99)
    assert again.requests
    assert told_of(run)["embeddings"]["scenarios_removed"] == 0


async def test_without_an_embedder_nothing_is_said_or_started(pack: Domain, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    await generate(run, pack, FakeTeacher(), silent())
    assert "embeddings" not in told_of(run)
    assert not run.vectors.exists()
    assert roles_called(steps(run, pack)[:1], Manifest(run.path)) == ("teacher",)
    assert not [load for load in loads(run.experiment, 3) if load.role == "embedder"]
    embeds = with_embedder(run, "fake")
    assert roles_called(steps(embeds, pack)[:1], Manifest(run.path)) == ("teacher", "embedder")
    planned = [load.calls for load in loads(embeds.experiment, 3) if load.role == "embedder"]
    assert planned[0] == 12
    await generate(embeds, pack, FakeTeacher(), silent())
    assert told_of(run)["embeddings"] == {"measured": False, "why": UNASKED}


async def test_a_teacher_that_only_retells_ends_the_stage(pack: Domain, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"raise roles.embedder.near_duplicate"):
        await held(pack, tmp_path / "run", Reteller(retell=range(11)))


def test_a_cluster_says_that_it_does_not_measure(pack: Domain, tmp_path: Path) -> None:
    settings = {"engine": "ray", "ray": {"address": "ray://127.0.0.1:1"}}
    run = with_embedder(run_of(tmp_path / "run", **settings), "fake")
    console = Console(file=StringIO(), width=200)
    step = steps(run, pack)[0]
    assert step.roles == ("teacher",)
    with pytest.raises(StageError, match="ray"):
        step.run(Reporter(console))
    assert isinstance(console.file, StringIO)
    assert f"not held against those of evaluation by embeddings: {CLUSTER}" in (
        console.file.getvalue()
    )


def test_what_was_kept_is_no_near_duplicate_to_the_evaluation(tmp_path: Path) -> None:
    domain, threshold = load_domain("therapy"), 0.45

    def near_duplicates(run: Run) -> int:
        step, report = steps(run, domain)
        step.run(silent())
        report.run(silent())
        sessions = read_jsonl(run.generation / "synthetic.jsonl", Session)
        sides = [
            Named([one.id for one in side], np.array([embedding(told_by(one)) for one in side]))
            for side in (read_held_out(run, domain), sessions)
        ]
        found = closest(*sides, threshold)
        assert found is not None
        return int(found["above"])

    plain = run_of(tmp_path / "plain", sessions=6)
    assert near_duplicates(plain)
    run = with_embedder(run_of(tmp_path / "run", sessions=6), "fake", near_duplicate=threshold)
    assert near_duplicates(run) == 0
    told = told_of(run)["embeddings"]
    assert told["measured"]
    assert told["model"]["kind"] == "scripted"
    assert told["scenarios_replaced"] + told["scenarios_removed"]
    assert run.vectors.is_file()
    page = (run.generation / "report.html").read_text()
    assert "a stand-in that sees letters" in page
    assert "too near (cosine 0.45 or more): " in page
    assert "(cosine " not in (plain.generation / "report.html").read_text()
