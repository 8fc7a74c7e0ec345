"""The launch files of `configs/accelerate/`, trained with: on CPU processes that talk by gloo.

Each trains real steps of the micro model; several processes must see the losses of a single one
with the same effective batch. ZeRO-3 needs NVIDIA GPUs: see `test_training_refused.py` for how
it is refused without.
"""

import json
import os
import subprocess
import sys

import pytest
from demo_command import HOME
from test_training_sft import make_run

from hybridtune.serving.process import free_port
from training.launch import ENVIRONMENT

pytestmark = pytest.mark.slow
STEPS = 3
PLACE = "configs/accelerate"


def prepare(folder, processes):
    """A run whose every step takes four rows, however many processes share them."""
    sft = {
        "max_steps": STEPS,
        "learning_rate": 2e-3,
        "gradient_accumulation_steps": 4 // processes,
        "packing": False,
    }
    # Twelve rows: an odd number would be filled up with rows of the next epoch.
    return make_run(folder, held_out=0.0, lora={"r": 8, "lora_dropout": 0}, sft=sft)


def launch(made, *options, processes):
    run, domain = made
    command = [sys.executable, "-m", "accelerate.commands.launch", "--quiet", *options]
    command += ["-m", "training.sft", "--run", str(run.path), "--variant", "real"]
    command += ["--domain", str(domain.path), "--processes", str(processes)]
    own = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HOME)}
    return subprocess.Popen(
        command,
        cwd=HOME,
        env=os.environ | ENVIRONMENT | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def report_of(made, *processes):
    for process in processes:
        told, _ = process.communicate(timeout=400)
        assert process.returncode == 0, told[-3000:]
    return json.loads((made[0].variant("real") / "training.json").read_text())


def losses(report):
    return [point["loss"] for point in report["loss_curve"]]


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The losses of one process."""
    made = prepare(tmp_path_factory.mktemp("one"), 1)
    process = launch(made, "--config_file", f"{PLACE}/cpu.yaml", processes=1)
    report = report_of(made, process)
    assert len(losses(report)) == STEPS
    return report


def test_two_processes_see_the_losses_of_one(single, tmp_path):
    made = prepare(tmp_path, 2)
    options = ("--config_file", f"{PLACE}/multi_gpu.yaml", "--num_processes", "2")
    process = launch(made, *options, "--main_process_port", "0", processes=2)
    report = report_of(made, process)
    assert report["processes"] == 2
    assert losses(report) == pytest.approx(losses(single), abs=1e-5)


def test_two_machines_see_the_losses_of_one(single, tmp_path):
    made = prepare(tmp_path, 2)
    options = ["--config_file", f"{PLACE}/multi_node.yaml", "--num_machines", "2"]
    options += ["--num_processes", "2", "--main_process_ip", "127.0.0.1"]
    options += ["--main_process_port", str(free_port()), "--machine_rank"]
    machines = [launch(made, *options, rank, processes=2) for rank in ("0", "1")]
    report = report_of(made, *machines)
    assert report["processes"] == 2
    assert losses(report) == pytest.approx(losses(single), abs=1e-5)


def test_fsdp2_shards_trains_and_saves_the_whole_adapter(single, tmp_path):
    from safetensors.numpy import load_file

    made = prepare(tmp_path, 2)
    options = ("--config_file", f"{PLACE}/fsdp2.yaml", "--num_processes", "2")
    exact = ("--mixed_precision", "no", "--main_process_port", "0")
    report = report_of(made, launch(made, *options, *exact, processes=2))
    assert losses(report) == pytest.approx(losses(single), abs=1e-5)
    tensors = load_file(made[0].variant("real") / "adapter" / "adapter_model.safetensors")
    assert {tensor.shape[0 if ".lora_A." in name else 1] for name, tensor in tensors.items()} == {8}
    assert all(tensor.any() for tensor in tensors.values())
