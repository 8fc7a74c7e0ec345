import ast
import sys

import pytest
import yaml

from hybridtune.config import Experiment
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError
from hybridtune.runs import Run
from training import launch, steps
from training.checkpoints import drop_unusable, latest_checkpoint, mark_complete
from training.launch_file import HOME, processes_asked
from training.progress import Progress, parse
from training.remedies import remedy, telling_lines


@pytest.fixture
def domain(tmp_path):
    folder = tmp_path / "domains" / "small"
    folder.mkdir(parents=True)
    (folder / "domain.yaml").write_text("title: Small\nopener: Hello.\n")
    return Domain(folder)


def make_run(path, **training):
    roles = {name: {"server": "s"} for name in ("teacher", "patient", "counselor", "judge")}
    experiment = {
        "name": "t",
        "model": {"name": "nowhere"},
        "servers": {"s": {"kind": "scripted"}},
        "roles": roles,
        "corpus": {"paths": ["x"]},
        "training": training,
        "variants": {"base": {}, "real": {"real": 1}},
        "evaluation": {"reference": "base"},
    }
    return Run(path, Experiment.model_validate(experiment))


def test_the_command_is_accelerates_own_with_absolute_paths(tmp_path, domain, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / "runs" / "a b", accelerate_args=("--main_process_port", "0"))
    config = str(HOME / "accelerate_config.yaml")
    assert launch.launch_command(run, "real", domain) == [
        *(sys.executable, "-m", "accelerate.commands.launch", "--quiet", "--config_file", config),
        *("--main_process_port", "0", "-m", "training.sft", "--run", str(run.path)),
        *("--variant", "real", "--domain", str(domain.path), "--processes", "1"),
    ]


def test_how_many_processes_were_asked_for(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"num_processes": 4}))
    assert processes_asked(config, ()) == 4
    assert processes_asked(config, ("--num_processes", "2")) == 2
    assert processes_asked(config, ("--num-processes=8",)) == 8
    config.write_text("")
    assert processes_asked(config, ("--num_machines", "1")) is None


def test_a_missing_accelerate_configuration_is_an_error(tmp_path, domain):
    run = make_run(tmp_path, accelerate_config="nowhere.yaml")
    with pytest.raises(ConfigError, match=r"accelerate_config: no such file: nowhere.yaml"):
        launch.launch_command(run, "real", domain)


def test_the_users_environment_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    settings = make_run(tmp_path, env={"OMP_WAIT_POLICY": "active"}).experiment.training
    found = launch.environment(settings)
    assert found["OMP_WAIT_POLICY"] == "active"
    assert found["OMP_NUM_THREADS"] == "3"


def test_a_single_process_sees_one_gpu_unless_the_user_says_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def seen(**training):
        settings = make_run(tmp_path, **training).experiment.training
        return launch.environment(settings).get("CUDA_VISIBLE_DEVICES")

    assert seen() == "0"
    assert seen(env={"CUDA_VISIBLE_DEVICES": "3"}) == "3"
    assert seen(accelerate_config="configs/accelerate/multi_gpu.yaml") is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert seen() is None


def test_the_cpu_is_asked_for_by_accelerates_own_option(tmp_path, domain, monkeypatch):
    def command(**training):
        return launch.launch_command(make_run(tmp_path, **training), "real", domain)

    assert "--cpu" not in command()
    assert "--cpu" in command(env={"ACCELERATE_USE_CPU": "yes"})
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    assert command(accelerate_args=("--cpu",)).count("--cpu") == 1
    assert "--cpu" not in command(accelerate_config="configs/accelerate/multi_gpu.yaml")


def test_an_adapter_is_of_the_code_that_trains_it_alone():
    modules = {f"training/{name.partition('.')[2]}.py" for name in imported("training.sft")}
    assert "training/mixture.py" in modules
    assert modules <= set(steps.code())
    assert not {"training/merge.py", "training/preview.py"} & set(steps.code())


def imported(name, found=None):
    """A module of training and all that it imports of it, however far away."""
    found = set() if found is None else found
    path = HOME / f"{name.replace('.', '/')}.py"
    if name in found or not path.is_file():
        return found
    found.add(name)
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith(
            "training"
        ):
            for each in (
                statement.module,
                *(f"{statement.module}.{n.name}" for n in statement.names),
            ):
                imported(each, found)
    return found


@pytest.mark.parametrize(
    "progress",
    [Progress(0, 80), Progress(12, 80, 1.25, 12345.0, 3725.0), Progress(80, 80, 0.5, 900.0, 0.0)],
)
def test_progress_lines_are_read_back(progress):
    assert parse(f"  {progress.line()}\n") == progress
    assert parse(f"{progress.line()} and more") is None


def test_the_lines_of_a_log_that_tell_what_went_wrong():
    log = """\
Traceback (most recent call last):
  File "x.py", line 3, in <module>
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB
error: training.lora.r: vLLM serves no adapter of rank 12 (take 16)
"""
    assert len(telling_lines(log)) == 2
    assert telling_lines(log)[-1].startswith("error: training.lora.r")
    assert "training.max_length" in remedy(log)
    assert remedy("all is well") is None


def checkpoint(folder, step, *, plan="plan"):
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    for name in ("adapter_model.safetensors", "optimizer.pt", "rng_state.pth"):
        (path / name).write_bytes(b"12345")
    mark_complete(path, plan, {"seen": 9, "trained": 4})
    return path


def test_only_whole_checkpoints_of_the_same_training_are_continued(tmp_path):
    good = checkpoint(tmp_path, 9)
    checkpoint(tmp_path, 10, plan="another")
    (checkpoint(tmp_path, 11) / "optimizer.pt").write_bytes(b"1")
    (checkpoint(tmp_path, 12) / "rng_state.pth").unlink()
    (checkpoint(tmp_path, 13) / "complete.json").unlink()
    assert drop_unusable(tmp_path, "plan", 1) == 4
    assert latest_checkpoint(tmp_path) == good
    assert latest_checkpoint(tmp_path / "nowhere") is None
