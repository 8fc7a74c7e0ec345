"""What is refused before anything is loaded: trackers, launch files, variants that cannot be."""

from pathlib import Path

import pytest
from test_training_launch import make_run
from test_training_mixture import make_run as mixture_run
from typer.testing import CliRunner

from hybridtune.cli.app import app
from hybridtune.cli.train_check import check_sessions
from hybridtune.config.training import TrainingSettings
from hybridtune.errors import ConfigError
from training.launch_file import HOME, check_launch
from training.layout import layout_of
from training.mixture import session_files
from training.options import check_training
from training.trackers import TRACKERS, places

ACCELERATE = HOME / "configs" / "accelerate"


@pytest.mark.parametrize("name", ["wandb", "trackio", "mlflow"])
def test_a_tracker_that_is_not_installed_is_one_line(name, monkeypatch):
    monkeypatch.setattr("training.trackers.find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        check_training(TrainingSettings(sft={"report_to": [name]}))
    assert str(caught.value) == (
        f"training.sft.report_to: {name} is not installed (pip install {name}, or leave {name} out)"
    )


def test_either_package_of_tensorboard_does(monkeypatch):
    there = {"tensorboardX"}
    monkeypatch.setattr("training.trackers.find_spec", lambda name: name in there or None)
    check_training(TrainingSettings(sft={"report_to": "tensorboard"}))
    there.clear()
    with pytest.raises(ConfigError, match="pip install tensorboard,"):
        check_training(TrainingSettings(sft={"report_to": "tensorboard"}))


def test_an_unknown_tracker_is_named_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"no tracker 'wand' .*wandb"):
        check_training(TrainingSettings(sft={"report_to": ["wand"]}))
    check_training(TrainingSettings(sft={"report_to": "none"}))


@pytest.mark.slow
def test_the_known_trackers_are_those_of_transformers():
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    # Kubeflow's is no package: it is told by its environment.
    assert TRACKERS.keys() | {"kubeflow"} == INTEGRATION_TO_CALLBACK.keys()


def test_what_the_trackers_write_lies_in_the_run_folder():
    logs = Path("/runs/a/logs")
    found = places(["mlflow", "tensorboard", "trackio", "wandb"], logs, "real")
    assert all(place.removeprefix("sqlite:///").startswith(str(logs)) for place in found.values())
    assert len(found) == 4
    assert places(["none"], logs, "real") == {}


def test_zero3_without_deepspeed_is_refused_before_anything_is_loaded(monkeypatch):
    monkeypatch.setattr("training.launch_file.find_spec", lambda _: None)
    settings = TrainingSettings(accelerate_config="configs/accelerate/deepspeed_zero3.yaml")
    with pytest.raises(ConfigError, match=r"deepspeed_zero3.yaml: deepspeed is not installed"):
        check_launch(settings, ACCELERATE / "deepspeed_zero3.yaml")
    monkeypatch.setattr("training.launch_file.find_spec", lambda _: object())
    check_launch(settings, ACCELERATE / "deepspeed_zero3.yaml")


@pytest.mark.parametrize("name", ["fsdp2", "deepspeed_zero3"])
def test_a_quantised_base_is_not_sharded(name, monkeypatch):
    monkeypatch.setattr("training.launch_file.find_spec", lambda _: object())
    settings = TrainingSettings(quantization={"load_in_4bit": True})
    with pytest.raises(ConfigError, match=r"do not shard soundly .*multi_gpu.yaml"):
        check_launch(settings, ACCELERATE / f"{name}.yaml")
    check_launch(settings, ACCELERATE / "multi_gpu.yaml")


@pytest.mark.parametrize("read", [check_launch, lambda settings, _: layout_of(settings)])
@pytest.mark.parametrize(
    ("text", "arguments", "told"),
    [
        ("- a\n- b\n", (), "a list instead of keys with values"),
        ("a: [", (), "not YAML"),
        ("{}", ("--num_processes", "two"), "accelerate_args: --num_processes: 'two' is no whole"),
        ("num_processes: many", (), "num_processes: 'many' is no whole number above 0"),
        ("num_machines: 1.5", (), "num_machines: 1.5 is no whole number above 0"),
    ],
)
def test_a_launch_file_that_is_none_is_one_line(text, arguments, told, read, tmp_path):
    file = tmp_path / "launch.yaml"
    file.write_text(text)
    settings = TrainingSettings(accelerate_config=str(file), accelerate_args=arguments)
    with pytest.raises(ConfigError, match=told):
        read(settings, file)


DEMO = str(HOME / "configs" / "demo.yaml")


def told(*words):
    done = CliRunner().invoke(app, ["train", "run", *words])
    return done.output if done.exit_code == 0 else done.exception


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(HOME)


def test_a_dry_run_of_one_variant_says_what_would_be_done_and_writes_nothing(tmp_path):
    run = tmp_path / "run"
    text = told(DEMO, "hybrid", "--run", str(run), "--dry-run")
    steps = [line.partition(": ")[0] for line in text.splitlines() if line.endswith("not done yet")]
    assert steps[0] == "corpus"
    assert steps[-1] == "training:hybrid"
    assert any(step.startswith("generation") for step in steps)
    assert f"-m training.sft --run {run} --variant hybrid" in text
    assert not run.exists()
    text = told(DEMO, "real", "--run", str(run), "--dry-run")
    assert "generation" not in text


def test_what_a_variant_is_matched_to_is_written_before_it(tmp_path):
    run, overrides = tmp_path / "run", ["--set", "training.patience=0"]
    overrides += ["--set", "variants.real-repeated={real: 1, match: hybrid}"]
    text = told(DEMO, "real-repeated", "--run", str(run), "--dry-run", *overrides)
    steps = [line.partition(": ")[0] for line in text.splitlines() if line.endswith("not done yet")]
    assert any(step.startswith("generation") for step in steps)
    assert steps[-1] == "training:real-repeated"


def test_a_matched_variant_asks_for_the_sessions_of_both(tmp_path):
    variants = {"real": {"real": 1}, "hybrid": {"real": 1, "synthetic": 1}}
    run = mixture_run(tmp_path, variants | {"repeated": {"real": 1, "match": "hybrid"}})
    synthetic = run.generation / "synthetic.jsonl"
    assert session_files(run, "real") == [run.corpus / "real.jsonl"]
    assert session_files(run, "repeated") == [run.corpus / "real.jsonl", synthetic]
    synthetic.unlink()
    check = check_sessions(run, "repeated")
    assert check.status == "warn"
    assert str(synthetic) in check.detail
    (run.path / "experiment.json").write_text(run.experiment.model_dump_json())
    assert f"{synthetic}: no such file" in str(told(str(run.path), "repeated"))


def test_a_variant_that_is_not_trained_is_refused():
    for name in ("nobody", "base"):
        error = told(DEMO, name, "--dry-run")
        assert str(error) == f"no variant {name!r} to train (trained variants: real, hybrid)"


def test_a_run_without_its_sessions_is_refused(tmp_path):
    run = make_run(tmp_path / "run")
    run.path.mkdir()
    model = run.experiment.model.model_copy(update={"name": "some/model"})
    experiment = run.experiment.model_copy(update={"model": model})
    (run.path / "experiment.json").write_text(experiment.model_dump_json())
    error = told(str(run.path), "real")
    assert "real.jsonl: no such file (give the experiment's file" in str(error)


def test_an_option_that_no_library_knows_is_refused_before_a_step_runs(tmp_path):
    run = tmp_path / "run"
    error = told(DEMO, "real", "--run", str(run), "--set", "training.sft.warmup_ratio=0.1")
    assert "warmup_steps" in str(error)
    assert not run.exists()
