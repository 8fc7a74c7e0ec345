"""A training that ends before its time, one way or another: by losses, by signals, by a full disk.

One training is stopped by Ctrl-C, by SIGTERM and by a file that may not grow, and must end with
the adapter of another that was left alone.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from demo_command import HOME, hybridtune
from test_training_sft import make_run, processes_of, wait_for

from hybridtune.progress import silent
from hybridtune.weights import adapter_digest
from training.checkpoints import MARK, latest_checkpoint, step_of
from training.launch import launch_command, train_variant
from training.stopping import Stopped

pytestmark = pytest.mark.slow
# So high that the loss on the held-out session rises again.
TRAINING = {
    "patience": 2,
    "sft": {
        "num_train_epochs": 12,
        "learning_rate": 1e-2,
        "gradient_accumulation_steps": 1,
        "save_steps": 3,
    },
}


def report_of(run):
    return json.loads((run.variant("real") / "training.json").read_text())


def start(command, log, **options):
    """A command in a session of its own, as a shell would start it."""
    environment = os.environ | {"PYTHONPATH": str(HOME), "OMP_NUM_THREADS": "1"}
    with log.open("ab") as out:
        return subprocess.Popen(
            command, stdout=out, stderr=out, env=environment, start_new_session=True, **options
        )


def small_files(most):
    """What a child does before it begins, to have no room for larger files."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


class Stops:
    """The same training, stopped three times; what was there after each."""

    def __init__(self, folder):
        self.run, self.domain = make_run(folder, **TRAINING)
        self.log = self.run.logs / "train-real.log"
        self.told = folder / "told.txt"
        self.codes, self.words, self.checkpoints = [], [], []

    def stopped(self, command, log, when=None, number=None, **options):
        before = self.told.stat().st_size if self.told.exists() else 0
        with start(command, self.told, **options) as process:
            if when:
                wait_for(lambda: log.exists() and any(line in log.read_text() for line in when))
                process.send_signal(number)
            self.codes.append(process.wait(timeout=200))
        # accelerate's launcher dies of SIGTERM at once; what it started still saves.
        wait_for(lambda: not processes_of(self.run.path))
        self.words.append(self.told.read_text()[before:])
        last = latest_checkpoint(self.run.variant("real") / "checkpoints")
        self.checkpoints.append((step_of(last), (last / MARK).exists()))
        return last

    def all(self):
        command = hybridtune("train", "run", str(self.run.path), "real")
        self.stopped(command, self.log, ["\nstep 2/", "\nstep 3/"], signal.SIGINT)
        by_hand = launch_command(self.run, "real", self.domain)
        steps = [f"\nstep {step}/" for step in range(6, 12)]
        last = self.stopped(by_hand, self.told, steps, signal.SIGTERM, cwd=HOME)
        room = (last / "optimizer.pt").stat().st_size - 1
        self.stopped(by_hand, self.told, preexec_fn=small_files(room), cwd=HOME)
        train_variant(self.run, "real", self.domain, silent())
        return self


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """One left alone and one stopped three times, side by side."""
    run, domain = make_run(tmp_path_factory.mktemp("whole"), **TRAINING)
    stops = Stops(tmp_path_factory.mktemp("stopped"))
    with ThreadPoolExecutor() as pool:
        whole = pool.submit(train_variant, run, "real", domain, silent())
        stopped = pool.submit(stops.all)
        whole.result()
        return run, stopped.result()


def test_the_adapter_is_that_of_the_lowest_held_out_loss(trainings):
    run, _ = trainings
    report = report_of(run)
    curve = {point["step"]: point["loss"] for point in report["held_out_curve"]}
    best = min(curve, key=curve.get)
    assert report["best_step"] == best < report["steps"]
    assert report["best_by"] == "held-out loss"
    assert report["held_out_loss"]["after"] == pytest.approx(curve[best], abs=1e-6)


def test_it_ends_early_when_the_held_out_loss_no_longer_falls(trainings):
    report = report_of(trainings[0])
    assert report["stopped_early"] is True
    assert report["steps"] == report["best_step"] + 2 * 3 < 108
    assert len(report["loss_curve"]) == report["steps"]
    trained = {point["step"]: point["tokens_trained"] for point in report["loss_curve"]}
    assert report["tokens_in_adapter"] == trained[report["best_step"]] < report["tokens_trained"]


def test_ctrl_c_saves_a_checkpoint_and_tells_how_to_go_on(trainings):
    _, stops = trainings
    assert stops.codes[0] == 130
    step, whole = stops.checkpoints[0]
    assert whole
    assert f"after step {step} of" in " ".join(stops.words[0].split())
    assert "the same command goes on from here" in stops.words[0]


def test_sigterm_to_accelerate_saves_a_checkpoint_of_the_step_that_runs(trainings):
    _, stops = trainings
    assert stops.codes[1] != 0
    step, whole = stops.checkpoints[1]
    assert whole
    assert step > stops.checkpoints[0][0]
    assert f"error: stopped by SIGTERM after step {step} of" in stops.words[1]
    assert "Traceback" not in stops.words[1]


def test_no_room_for_a_checkpoint_leaves_the_last_one_usable(trainings):
    from training.remedies import remedy

    _, stops = trainings
    assert stops.codes[2] == 1
    assert "free disk space" in remedy(stops.words[2])
    torn, whole = stops.checkpoints[2]
    assert torn > stops.checkpoints[1][0]
    assert not whole


def test_stopped_three_times_it_ends_with_the_same_adapter(trainings):
    run, stops = trainings
    one, other = report_of(run), report_of(stops.run)
    assert other["resumed_from_step"] == stops.checkpoints[1][0]
    assert one["hashes"] == other["hashes"]
    assert other["hashes"]["adapter"] == adapter_digest(stops.run.variant("real") / "adapter")
    for same in ("steps", "best_step", "stopped_early", "held_out_loss", "loss_curve"):
        assert one[same] == other[same]


def test_a_signal_before_the_first_step_ends_at_once(tmp_path):
    command = [sys.executable, "-m", "training.sft", "--run", str(tmp_path), "--variant", "real"]
    code = (
        "import os, signal, sys; from training import sft\n"
        "sft.load_run = lambda path: os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.argv = sys.argv[1:]; sys.exit(sft.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command[2:]], cwd=HOME, capture_output=True, text=True
    )
    assert done.returncode == Stopped.exit_code == 143
    assert done.stderr.splitlines()[-1].startswith("error: stopped; ")


def test_stopped_in_the_last_step_it_takes_no_further_one(tmp_path):
    sft = {"max_steps": 3, "save_steps": 2, "gradient_accumulation_steps": 1, "learning_rate": 2e-3}
    (whole, domain), (stopped, _) = (
        make_run(tmp_path / name, held_out=0, sft=sft) for name in ("whole", "stopped")
    )
    code = (
        "import sys; from pathlib import Path; from hybridtune.domain import Domain\n"
        "from hybridtune.runs import load_run; from training.sft import train\n"
        "from training.stopping import Stopped, Stopper\n"
        "class Last(Stopper):\n"
        "    def on_step_end(self, args, state, control, **more):\n"
        "        self.heard = 'SIGTERM' if state.global_step == 3 else ''\n"
        "        super().on_step_end(args, state, control, **more)\n"
        "whole, stopped, domain = map(Path, sys.argv[1:])\n"
        "train(load_run(whole), 'real', Domain(domain), None, Stopper())\n"
        "try: train(load_run(stopped), 'real', Domain(domain), None, Last())\n"
        "except Stopped: train(load_run(stopped), 'real', Domain(domain), None, Stopper())\n"
    )
    command = [sys.executable, "-c", code, *map(str, (whole.path, stopped.path, domain.path))]
    with start(command, tmp_path / "told.txt") as process:
        assert process.wait(timeout=200) == 0, (tmp_path / "told.txt").read_text()
    one, other = report_of(whole), report_of(stopped)
    assert (one["steps"], other["resumed_from_step"]) == (3, 3)
    assert one["epochs"] % 1, "the last step should be within an epoch"
    for same in ("steps", "epochs", "tokens_trained", "loss_curve", "hashes"):
        assert one[same] == other[same]
