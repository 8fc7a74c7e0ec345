"""Run folder, lock, manifest and fingerprints: what is done, and what must be done again."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hybridtune.config import Experiment
from hybridtune.errors import RunError, StageError
from hybridtune.manifest import Manifest, code_digest, digest, fingerprint
from hybridtune.progress import silent
from hybridtune.records import read_json, write_json
from hybridtune.runs import changed_keys, load_run, lock_run, open_run
from hybridtune.steps import Step, run_steps

HOME = Path(__file__).parent.parent


def experiment(**changes: Any) -> Experiment:
    role = {"server": "here"}
    values = {
        "name": "trial",
        "model": {"name": "some/model"},
        "servers": {"here": {"kind": "scripted"}},
        "roles": dict.fromkeys(("teacher", "patient", "counselor", "judge"), role),
        "corpus": {"paths": ["transcripts"]},
        "variants": {"base": {}, "real": {"real": 1}},
    }
    return Experiment.model_validate(values | changes)


def test_a_run_folder_is_opened_again_by_the_same_experiment(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", experiment())
    assert open_run(tmp_path / "run", experiment()) == run
    assert load_run(tmp_path / "run") == run
    assert run.variant("real") == tmp_path / "run/variants/real"


def test_a_locked_new_folder_becomes_a_run(tmp_path: Path) -> None:
    with lock_run(tmp_path / "run"):
        run = open_run(tmp_path / "run", experiment())
    assert load_run(run.path).experiment == experiment()


def test_a_changed_configuration_is_refused_by_its_keys(tmp_path: Path) -> None:
    open_run(tmp_path, experiment())
    other = experiment(seed=7, variants={"base": {}, "real": {"real": 2}})
    with pytest.raises(RunError) as caught:
        open_run(tmp_path, other)
    assert "seed: 0 -> 7" in str(caught.value)
    assert "variants.real.real: 1.0 -> 2.0" in str(caught.value)
    assert "--update" in str(caught.value)
    assert load_run(tmp_path).experiment == experiment()
    open_run(tmp_path, other, update=True)
    assert load_run(tmp_path).experiment == other


def test_changed_keys_sees_what_came_and_went() -> None:
    before = {"a": {"b": 1, "gone": "x"}, "same": [1], "c": None}
    after = {"a": {"b": 2}, "same": [1], "new": True}
    assert changed_keys(before, after) == [
        "a.b: 1 -> 2",
        'a.gone: "x" -> null',
        "new: null -> true",
    ]


def test_a_folder_with_other_things_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="no run folder"):
        open_run(tmp_path, experiment())
    with pytest.raises(RunError, match="no run folder"), lock_run(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(RunError, match="not a folder"), lock_run(tmp_path / "thesis.txt"):
        pass


def test_what_is_no_run_folder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        load_run(tmp_path / "absent")
    write_json(tmp_path / "experiment.json", {**experiment().model_dump(mode="json"), "old": 1})
    with pytest.raises(RunError, match=r"experiment\.json: old: Extra inputs"):
        load_run(tmp_path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from hybridtune.runs import lock_run\n"
        "with lock_run(Path(sys.argv[1])):\n"
        "    print('mine', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    holder = subprocess.Popen(command, cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mine\n"
        with pytest.raises(RunError, match="another hybridtune"), lock_run(tmp_path):
            pass
        holder.kill()
        holder.wait()
    with lock_run(tmp_path):
        assert os.listdir(tmp_path) == [".lock"]


def test_a_step_that_was_interrupted_is_not_done(tmp_path: Path) -> None:
    output = tmp_path / "corpus" / "real.jsonl"
    manifest = Manifest(tmp_path)
    assert manifest.why_stale("corpus", "f1") == "not done yet"
    with manifest.recording("corpus", "f1", [output]):
        write_json(output, 1)
    assert Manifest(tmp_path).why_stale("corpus", "f1") is None
    assert "changed" in str(manifest.why_stale("corpus", "f2"))

    def interrupted() -> None:
        with manifest.recording("corpus", "f1", [output]):
            # A reader that comes now, or after kill -9, sees no finished step either.
            assert Manifest(tmp_path).why_stale("corpus", "f1") == "not done yet"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert Manifest(tmp_path).why_stale("corpus", "f1") == "not done yet"


def test_a_missing_output_makes_its_step_stale(tmp_path: Path) -> None:
    outputs = [tmp_path / "real.jsonl", tmp_path / "adapter"]
    manifest = Manifest(tmp_path)
    with manifest.recording("training", "f", outputs):
        write_json(outputs[0], 1)
        write_json(outputs[1] / "weights", 1)
    assert manifest.why_stale("training", "f") is None
    (outputs[1] / "weights").unlink()
    outputs[1].rmdir()
    assert manifest.why_stale("training", "f") == "adapter is missing"


def test_a_fingerprint_changes_with_each_of_its_parts(tmp_path: Path) -> None:
    file, folder = tmp_path / "a.txt", tmp_path / "adapter"
    file.write_text("one")
    folder.mkdir()
    (folder / "x").write_text("x")

    def now(configuration: dict[str, Any], **more: str) -> str:
        return fingerprint(configuration, [file, folder], ["corpus"], **more)

    first = now({"a": 1, "b": 2})
    assert now({"b": 2, "a": 1}) == first
    assert now({"a": 1, "b": 3}) != first
    assert now({"a": 1, "b": 2}, domain="d") != first
    file.write_text("two")
    edited = now({"a": 1, "b": 2})
    assert edited != first
    (folder / "x").rename(folder / "y")
    assert now({"a": 1, "b": 2}) != edited
    assert fingerprint({}, [], ["corpus"]) != fingerprint({}, [], ["eval"])


def chain(folder: Path, ran: list[str]) -> list[Step]:
    """Two steps: the second copies what the first wrote."""
    first, second = folder / "real.jsonl", folder / "dataset.jsonl"

    def write(_: object) -> None:
        ran.append("corpus")
        first.write_text("written")

    def copy(_: object) -> None:
        ran.append("training:real")
        second.write_text(first.read_text())

    return [
        Step("corpus", "corpus", lambda: fingerprint({}, [], ["corpus"]), (first,), write),
        Step(
            "training:real",
            "training",
            lambda: fingerprint({}, [first], ["corpus"]),
            (second,),
            copy,
        ),
    ]


def test_steps_run_once_and_again_when_something_changed(tmp_path: Path) -> None:
    def now_run(*redo: str) -> list[str]:
        ran: list[str] = []
        run_steps(chain(tmp_path, ran), Manifest(tmp_path), silent(), redo=redo)
        return ran

    assert now_run() == ["corpus", "training:real"]
    assert now_run() == []
    # An output that a person edited is kept, and what follows runs again.
    (tmp_path / "real.jsonl").write_text("edited")
    assert now_run() == ["training:real"]
    assert (tmp_path / "dataset.jsonl").read_text() == "edited"
    (tmp_path / "dataset.jsonl").unlink()
    assert now_run() == ["training:real"]
    (tmp_path / "real.jsonl").unlink()
    assert now_run() == ["corpus", "training:real"]
    assert now_run("training") == ["training:real"]
    assert now_run() == []


def test_a_step_that_fails_keeps_the_earlier_ones_done(tmp_path: Path) -> None:
    ran: list[str] = []
    steps = chain(tmp_path, ran)

    def fail(_: object) -> None:
        raise StageError("no memory")

    with pytest.raises(StageError):
        run_steps([steps[0], replace(steps[1], run=fail)], Manifest(tmp_path), silent())
    run_steps(steps, Manifest(tmp_path), silent())
    assert ran == ["corpus", "training:real"]


def test_digests(tmp_path: Path) -> None:
    assert digest(tmp_path / "nothing") == "absent"
    assert digest(tmp_path) != digest(tmp_path / "nothing")
    assert code_digest("corpus") != code_digest("hybridtune")


def test_a_run_says_what_it_was_made_with(tmp_path: Path) -> None:
    Manifest(tmp_path).describe(11)
    content = read_json(tmp_path / "manifest.json")
    assert content["seed"] == 11
    assert content["versions"]["numpy"]
    assert content["python"] == ".".join(map(str, sys.version_info[:3]))
