"""What would fail after an hour is told in the first second, and from the right folder."""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_server import fake_server

from eval.__main__ import evaluate
from hybridtune.cli.preflight import (
    check_servers,
    preflight,
    preflight_of_teacher,
    roles_called,
)
from hybridtune.cli.reproduce import reproduce
from hybridtune.cli.serve import serve
from hybridtune.cli.status import status
from hybridtune.cli.steps import steps_of
from hybridtune.config import Experiment, load_experiment
from hybridtune.domain import load_domain
from hybridtune.errors import ConfigError, InputError, ServerError
from hybridtune.manifest import Manifest
from hybridtune.places import check_models
from hybridtune.runs import Run, open_run
from hybridtune.serving.process import free_port
from hybridtune.steps import Step

HOME = Path(__file__).parent.parent
DEMO = HOME / "configs" / "demo.yaml"
NOBODY = "http://127.0.0.1:9/v1"
NOT_HERE = "no such folder here (run from the folder that you made the run from)"


def demo(*overrides: str) -> Experiment:
    return load_experiment(DEMO, overrides)


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HOME)


@pytest.mark.usefixtures("at_home")
def test_what_is_right_passes() -> None:
    preflight(demo("evaluation.count=50"), load_domain("therapy"))
    preflight(demo("generation.accept_at=10"), load_domain("therapy"))


@pytest.mark.usefixtures("at_home")
@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("evaluation.count=51", "evaluation.count is 51, but there are 50 scenarios"),
        (
            "generation.accept_at=11",
            "generation.accept_at: no draft can reach 11 (the rubric 'ranking' goes from 1 to 10)",
        ),
        ("training.accelerate_config=absent.yaml", "training.accelerate_config: no such file: abs"),
        ("model.name=examples/macro", "model.name: examples/macro: no such folder here"),
    ],
)
def test_late_failures_are_told_early(override: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        preflight(demo(override), load_domain("therapy"))
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["./m", "../m", "/no/such", "~/m", "a/b/c", "here/m"])
def test_folders_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^model\.name: .*: no such folder here"):
        check_models(demo(f"model.name={name}"), [])


def test_hub_ids_and_folders_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for name in ("Qwen/Qwen2.5-7B-Instruct", "gpt2", "a/b/c", "./a", str(tmp_path)):
        check_models(demo(f"model.name={name}"), [])


def test_the_models_of_our_servers_are_looked_up_for_the_roles_that_use_them() -> None:
    experiment = demo("servers.vllm.model=./absent", "model.name=some/model")
    check_models(experiment, ["judge"])
    with pytest.raises(ConfigError, match=r"servers\.vllm\.model: \./absent"):
        check_models(experiment, ["counselor"])


def test_a_fixed_port_in_use() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        experiment = demo(f"servers.vllm.port={holder.getsockname()[1]}")
        with pytest.raises(ServerError, match=r"^servers\.vllm\.port: .* leave it out for a free"):
            check_servers(experiment, ["counselor"])
        check_servers(experiment, ["teacher"])
    check_servers(demo(f"servers.vllm.port={free_port()}"), ["counselor"])


def step(name: str, fingerprint: str) -> Step:
    stage = name.partition(":")[0]
    return Step(name, stage, lambda: fingerprint, (), lambda _: None)


def test_only_servers_of_steps_that_run_are_looked_at(tmp_path: Path) -> None:
    names = ["corpus", "generation", "training:real", "eval:conversations", "eval:judgments"]
    manifest = Manifest(tmp_path)
    for name in names:
        with manifest.recording(name, "same", []):
            pass
    steps = [step(name, "same") for name in names]
    assert roles_called(steps, manifest) == ()
    assert roles_called(steps, manifest, ["eval"]) == ("counselor", "patient", "judge")
    steps[2] = step(names[2], "other")
    assert roles_called(steps, manifest) == ("counselor", "patient", "judge")
    assert roles_called(steps, Manifest(tmp_path / "new"))[0] == "teacher"


def test_an_embedder_is_looked_at_like_the_other_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMBED_KEY", raising=False)
    endpoint = (f"roles.embedder.base_url={NOBODY}", "roles.embedder.api_key_env=EMBED_KEY")
    experiment, domain = demo(*endpoint), load_domain("therapy")
    for check in (preflight, preflight_of_teacher):
        with pytest.raises(InputError, match=r"roles\.embedder\.api_key_env: .*EMBED_KEY is not"):
            check(experiment, domain)
    monkeypatch.setenv("EMBED_KEY", "x")
    with pytest.raises(ServerError, match=r"roles\.embedder: .* cannot be reached"):
        check_servers(experiment, ["embedder"])
    server = "servers.encoder={kind: managed, model: ./absent}"
    absent = demo(server, "roles.embedder.server=encoder")
    with pytest.raises(ConfigError, match=r"servers\.encoder\.model: \./absent"):
        preflight(absent, domain)


def test_steps_that_embed_name_their_role(tmp_path: Path) -> None:
    run = Run(tmp_path, demo("roles.embedder.server=scripted"))
    by_name = {one.name: one.roles for one in steps_of(run, load_domain("therapy"))}
    assert by_name["generation:report"] == by_name["eval:embeddings"] == ("embedder",)
    without = steps_of(Run(tmp_path, demo()), load_domain("therapy"))
    assert all("embedder" not in one.roles for one in without)


def run_demo(folder: Path, *overrides: str, dry_run: bool = False) -> None:
    reproduce(
        DEMO, overrides, run=str(folder), start=None, force=False, update=False, dry_run=dry_run
    )


@pytest.mark.usefixtures("at_home")
def test_an_endpoint_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    override = f"roles.judge.base_url={NOBODY}"
    with pytest.raises(ServerError, match=r"roles\.judge: .* cannot be reached"):
        run_demo(tmp_path / "run", override)
    assert not (tmp_path / "run" / "experiment.json").exists()
    run_demo(tmp_path / "other", override, dry_run=True)
    told = " ".join(capsys.readouterr().err.split())
    assert f"before it can run: roles.judge: {NOBODY} cannot be reached" in told
    assert not (tmp_path / "other").exists()


async def test_an_endpoint_that_is_there_is_asked_once() -> None:
    async with fake_server() as server:
        experiment = demo(f"roles.judge.base_url={server.url}", "roles.judge.model=m")
        command = "from hybridtune.cli.preflight import *; import sys; "
        command += (
            "x = Experiment.model_validate_json(sys.argv[1]); check_servers(x, x.all_roles())"
        )
        await finished(command, experiment.model_dump_json())
    assert len(server.bodies) == 1


async def finished(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", *arguments, cwd=HOME)
    assert await process.wait() == 0


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of the demo, looked at from another folder than the one it was made from."""
    run = open_run(tmp_path / "made" / "runs" / "demo", demo())
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    return run


def test_a_run_is_served_only_with_its_model(elsewhere: Run) -> None:
    with pytest.raises(ConfigError) as caught:
        serve(elsewhere.path, free_port())
    assert str(caught.value) == f"model.name: examples/micro: {NOT_HERE}"


def test_a_users_own_folder_is_known_by_where_the_run_was_made(tmp_path: Path) -> None:
    (tmp_path / "made" / "my" / "model").mkdir(parents=True)
    run = open_run(tmp_path / "made" / "runs" / "demo", demo("model.name=my/model"))
    with pytest.raises(ConfigError, match=r"model\.name: my/model: no such folder here"):
        serve(run.path, free_port())


def test_eval_from_elsewhere_changes_nothing(elsewhere: Run) -> None:
    manifest: dict[str, Any] = {"steps": {"eval:report": {"fingerprint": "x", "outputs": {}}}}
    (elsewhere.path / "manifest.json").write_text(json.dumps(manifest))
    done = subprocess.run(
        [sys.executable, "-m", "eval", str(elsewhere.path)],
        env={"PYTHONPATH": str(HOME)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: model.name: examples/micro: {NOT_HERE}\n"
    assert json.loads((elsewhere.path / "manifest.json").read_text()) == manifest


def test_status_and_eval_look_for_the_embedders_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(HOME)
    encoder = ("servers.encoder={kind: managed, model: ./absent}", "roles.embedder.server=encoder")
    run = open_run(tmp_path / "runs" / "demo", demo(*encoder))
    status(run.path)
    assert "note: servers.encoder.model: ./absent: no such folder" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"servers\.encoder\.model: \./absent: no such folder"):
        evaluate(run.path, force=False)


def test_status_from_elsewhere_tells_what_it_can(
    elsewhere: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    step = {"fingerprint": "x", "outputs": {}, "seconds": 7.5}
    (elsewhere.path / "manifest.json").write_text(json.dumps({"steps": {"corpus": step}}))
    status(elsewhere.path)
    out = capsys.readouterr().out
    assert "note: model.name: examples/micro: no such folder here" in out
    assert "cannot be told: " in out
    assert "7.5" in out
    assert "eval:report" in out
    lost = json.loads((elsewhere.path / "experiment.json").read_text()) | {"domain": "my/pack"}
    (elsewhere.path / "experiment.json").write_text(json.dumps(lost))
    status(elsewhere.path)
    assert "cannot be told: no domain pack 'my/pack'" in capsys.readouterr().out
