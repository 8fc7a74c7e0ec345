"""`hybridtune generate` and what `review` changes for it, with the scripted teacher."""

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from generation.meter import Meter
from generation.show import chains, spent_on
from hybridtune.cli.app import app
from hybridtune.cli.generate import extrapolated
from hybridtune.cli.options import ENGINES
from hybridtune.config import load_experiment
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import HOME
from hybridtune.errors import ConfigError, InputError, RunError, ServerError
from hybridtune.records import read_json

ROOT = HOME.parent
DEMO = str(ROOT / "configs" / "demo.yaml")
FEW = ("--set", "generation.sessions=4")


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "140")


def hybridtune(*words: str) -> tuple[str, str]:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def calls(run: Path) -> int:
    database = sqlite3.connect(run / "calls.sqlite")
    count = database.execute("SELECT COUNT(*) FROM calls").fetchone()[0]
    database.close()
    return int(count)


def test_a_preview_writes_no_record_and_is_not_asked_for_twice(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shown, _ = hybridtune("generate", DEMO, *FEW, "--run", str(run), "--preview", "2")
    assert "row 1:" in shown
    assert "row 2:" in shown
    assert "row 3:" not in shown
    assert "synthetic-00002-1" in shown
    assert re.search(r"(accepted|flagged|rejected): rank, mean", shown)
    assert not (run / "generation").exists()
    assert calls(run) == 8
    table, _ = hybridtune("generate", DEMO, *FEW, "--run", str(run))
    assert "scripted teacher" in table
    assert calls(run) == 16


def test_a_preview_binds_nobody(tmp_path: Path) -> None:
    run, other = str(tmp_path / "run"), ("--set", "generation.sessions=3")
    configuration = tmp_path / "run" / "experiment.json"
    hybridtune("generate", DEMO, *FEW, "--run", run, "--preview", "1")
    assert not configuration.exists()
    with pytest.raises(RunError, match="run: holds previews only"):
        hybridtune("generate", run)
    hybridtune("generate", DEMO, *other, "--run", run, "--preview", "1")
    hybridtune("generate", DEMO, *other, "--run", run)
    before = configuration.read_bytes()
    assert read_json(configuration)["generation"]["sessions"] == 3
    with pytest.raises(RunError, match="made with another configuration: generation"):
        hybridtune("generate", DEMO, *FEW, "--run", run, "--preview", "1")
    hybridtune("generate", DEMO, *other, "--run", run, "--preview", "1")
    assert configuration.read_bytes() == before


def test_what_cannot_run_binds_nobody(tmp_path: Path) -> None:
    nobody = ("--set", "roles.teacher.base_url=http://127.0.0.1:1/v1")
    with pytest.raises(ServerError):
        hybridtune("generate", DEMO, *FEW, *nobody, "--run", str(tmp_path / "run"))
    hybridtune("generate", DEMO, *FEW, "--run", str(tmp_path / "run"))


def test_options_that_would_have_no_effect_are_refused(tmp_path: Path) -> None:
    command = ("generate", DEMO, "--run", str(tmp_path / "run"))
    with pytest.raises(InputError, match="--engine: no engine 'foo'"):
        hybridtune(*command, "--engine", "foo", "--dry-run")
    for words in (["--dry-run"], ["--engine", "ray"], ["--force"], ["--update"]):
        with pytest.raises(InputError, match=f"{words[0]}: does not go with --preview"):
            hybridtune(*command, "--preview", "2", *words)
    assert not (tmp_path / "run").exists()


def test_review_that_changes_nothing_draws_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    hybridtune("generate", DEMO, *FEW, "--run", str(run))
    files = {path: path.stat().st_mtime_ns for path in (run / "generation").glob("[!.]*")}
    out, told = hybridtune("review", str(run), "--apply")
    assert "sessions in" in out
    assert "up to date  generation:report" in told
    assert files == {path: path.stat().st_mtime_ns for path in (run / "generation").glob("[!.]*")}
    hybridtune("review", str(run), "synthetic-00001-1", "reject", "--reason", "stiff")
    _, told = hybridtune("review", str(run), "--apply")
    assert "generation:report  (asked for)" in told
    _, told = hybridtune("review", str(run), "--apply")
    assert "up to date  generation:report" in told


def test_review_asks_no_teacher_whoever_wrote_and_by_whatever_engine(tmp_path: Path) -> None:
    run, words = tmp_path / "run", list(FEW)
    for setting in (
        "evaluation.scenarios=generated",
        "evaluation.generated.count=4",
        "evaluation.count=4",
        "roles.embedder.server=scripted",
        "generation.engine=ray",
    ):
        words += ["--set", setting]
    hybridtune("generate", DEMO, *words, "--run", str(run), "--engine", "local")
    report = read_json(run / "generation" / "report.json")
    assert report["held_out"]["embeddings"]["measured"]
    first = (run / "generation" / "synthetic.jsonl").read_text().splitlines()[0]
    hybridtune("review", str(run), json.loads(first)["id"], "reject", "--reason", "stiff")
    _, told = hybridtune("review", str(run), "--apply")
    assert "generation:report  (asked for)" in told
    assert "generation  (" not in told
    assert "out of date" not in told
    after = read_json(run / "generation" / "report.json")
    assert after["synthetic"] == report["synthetic"] - 1
    assert after["held_out"] == report["held_out"]
    _, told = hybridtune("generate", str(run), "--engine", "local")
    assert told.count("up to date") == 4


def test_keys_that_nobody_reads(tmp_path: Path) -> None:
    run = tmp_path / "run"
    hybridtune("generate", DEMO, *FEW, "--run", str(run))
    command = [sys.executable, "-m", "hybridtune", "review", str(run)]
    for keys, told in (("a\nq\n", "keys are read at a terminal only"), ("", "")):
        done = subprocess.run(command, input=keys, capture_output=True, text=True, check=True)
        assert "synthetic-00001-1" in done.stdout
        assert done.stderr[: len(told) or None] == told
    assert not (run / "generation" / "reviews.jsonl").exists()


def test_review_makes_the_stage_stale_and_asks_nobody(tmp_path: Path) -> None:
    run = tmp_path / "run"
    hybridtune("generate", DEMO, *FEW, "--run", str(run))
    _, told = hybridtune("generate", str(run))
    assert "up to date  generation" in told
    before, taken = calls(run), read_json(run / "generation" / "report.json")["synthetic"]
    listed = json.loads(hybridtune("review", str(run), "--json")[0])
    accepted = read_json(run / "generation" / "report.json")["reviews"].get("accepted", 0)
    assert accepted == taken > 0
    first = (run / "generation" / "synthetic.jsonl").read_text().splitlines()[0]
    name = json.loads(first)["id"]
    assert name in {line["id"] for line in listed}  # four drafts: all are read, some of them blind
    hybridtune("review", str(run), name, "reject", "--reason", "stiff", "--reviewer", "kim")
    _, told = hybridtune("generate", str(run))
    assert "inputs or code changed" in told
    assert read_json(run / "generation" / "report.json")["synthetic"] == taken - 1
    hybridtune("review", str(run), name, "undo", "--reviewer", "kim")
    hybridtune("review", str(run), "--apply")
    assert read_json(run / "generation" / "report.json")["synthetic"] == taken
    _, told = hybridtune("generate", str(run))
    assert "up to date  generation" in told
    assert calls(run) == before


def test_what_the_whole_would_cost() -> None:
    server = {"kind": "attached", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
    prices = {"prompt": 0.5, "completion": 2, "currency": "EUR"}
    told = [f"servers.paid={json.dumps(server | {'prices': prices})}", "roles.teacher.server=paid"]
    experiment = load_experiment(Path(DEMO), told)
    found = experiment.prices_of("teacher")
    assert found
    assert found.cost(2_000_000, 500_000) == 2.0
    assert experiment.prices_of("judge") is None
    assert [str(column.header) for column in extrapolated(experiment, []).columns][-1] == "cost"
    shown, _ = hybridtune("generate", DEMO, *(word for each in told for word in ("--set", each)),
                          "--dry-run")  # fmt: skip
    assert re.search(r"\d\.\d\d EUR", shown)


def test_overrides_of_a_run_folder_are_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    hybridtune("generate", DEMO, *FEW, "--run", str(run), "--preview", "1")
    with pytest.raises(InputError, match="keeps the configuration that it was made with"):
        hybridtune("generate", str(run), *FEW)


def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--engine: no engine 'slurm' \(one of local, ray\)"):
        hybridtune("generate", DEMO, *FEW, "--run", str(tmp_path / "run"), "--engine", "slurm")
    assert get_args(GenerationSettings.model_fields["engine"].annotation) == ENGINES


def test_a_teacher_without_its_key_is_refused_before_anything_starts(tmp_path: Path) -> None:
    told = ["roles.teacher.base_url=http://127.0.0.1:1/v1", "roles.teacher.api_key_env=NO_SUCH_KEY"]
    words = [word for each in told for word in ("--set", each)]
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):
        hybridtune("generate", DEMO, *words, "--run", str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


async def test_what_models_wrote_is_text_and_no_markup(tmp_path: Path) -> None:
    from io import StringIO

    from fake_teacher import FakeTeacher, bicycles, run_of
    from rich.console import Console

    from generation.stage import preview

    class Marked(FakeTeacher):
        def answer(self, request):  # type: ignore[no-untyped-def]
            data = super().answer(request)
            if request.task == "persona":
                data["about"] = "[bold red]loud[/] \\[link=x] [/nothing]"
            return data

    pack = bicycles(tmp_path / "pack")
    meter = Meter(Marked())
    outcomes = await preview(run_of(tmp_path / "run"), pack, meter, 1)
    out = StringIO()
    console = Console(file=out, width=160)
    for part in chains(outcomes, run_of(tmp_path / "run").experiment.generation, pack.settings):
        console.print(part)
    assert "[bold red]loud[/] \\[link=x] [/nothing]" in out.getvalue()
    assert spent_on(outcomes)["calls"] == 4
