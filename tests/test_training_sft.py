"""Training by training: the micro model, real `accelerate launch`, TRL and PEFT."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hybridtune.config import Experiment
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, StageError
from hybridtune.progress import silent
from hybridtune.records import Message, Session, write_jsonl
from hybridtune.runs import Run
from hybridtune.weights import adapter_digest, model_digest
from training.launch import train_variant

MICRO = Path(__file__).parent.parent / "examples" / "micro"
PLACES = ("at work", "at home", "at night", "on the train", "with my sister", "after lunch")
pytestmark = pytest.mark.slow


def sessions():
    """Twelve short talks that all end alike, which is soon learned."""
    for number in range(12):
        place = PLACES[number % len(PLACES)]
        talk = [
            ("user", f"I have felt worried {place} for {number + 2} weeks."),
            ("assistant", f"That sounds hard. What happens {place}?"),
            ("user", "My heart beats fast and I think that I will fail."),
            ("assistant", f"So {place} a thought comes: I will fail. What speaks against it?"),
        ] * (1 + number % 3)
        messages = tuple(Message(role=role, content=text) for role, text in talk)
        yield Session(id=f"talk-{number}", domain="small", source="real", messages=messages)


def make_run(path, **training):
    roles = {name: {"server": "s"} for name in ("teacher", "patient", "counselor", "judge")}
    settings = {
        "max_length": 256,
        "context_tokens": 64,
        "env": {"OMP_NUM_THREADS": "1"},
        "lora": {"r": 8},
        "sft": {
            "num_train_epochs": 3,
            "learning_rate": 2e-3,
            "gradient_accumulation_steps": 1,
            "save_steps": 3,
        },
    }
    experiment = Experiment.model_validate(
        {
            "name": "t",
            "seed": 5,
            "domain": str(path / "domains" / "small"),
            "model": {"name": str(MICRO), "dtype": "float32"},
            "servers": {"s": {"kind": "scripted"}},
            "roles": roles,
            # The talks are alike on purpose: only copies count as the same.
            "corpus": {"paths": ["x"], "filters": {"duplicate_containment": 1}},
            "training": settings | training,
            "variants": {"base": {}, "real": {"real": 1}},
            "evaluation": {"reference": "base"},
        }
    )
    folder = path / "domains" / "small"
    (folder / "prompts").mkdir(parents=True)
    (folder / "domain.yaml").write_text("title: Small\nopener: Hello.\n")
    (folder / "prompts" / "counselor.jinja").write_text("You are a kind counselor.")
    run = Run(path / "run", experiment)
    write_jsonl(run.corpus / "real.jsonl", sessions())
    (run.path / "experiment.json").write_text(experiment.model_dump_json())
    return run, Domain(folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One uninterrupted training."""
    before = model_digest(MICRO)
    run, domain = make_run(tmp_path_factory.mktemp("trained run"))
    train_variant(run, "real", domain, silent())
    assert model_digest(MICRO) == before
    return run.variant("real")


def test_the_adapter_moved_and_holds_nothing_of_the_base(trained):
    from safetensors.numpy import load_file

    tensors = load_file(trained / "adapter" / "adapter_model.safetensors")
    assert all(".lora_A." in name or ".lora_B." in name for name in tensors)
    assert all(tensor.any() for name, tensor in tensors.items() if ".lora_B." in name)
    config = json.loads((trained / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(MICRO)
    assert config["target_modules"] == sorted(config["target_modules"])
    assert {path.name for path in (trained / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_the_loss_fell_also_on_held_out_sessions(trained):
    report = json.loads((trained / "training.json").read_text())
    curve = [point["loss"] for point in report["loss_curve"]]
    assert len(curve) == report["steps"] > 5
    assert curve[-1] < 0.7 * curve[0]
    assert report["held_out_loss"]["after"] < 0.8 * report["held_out_loss"]["before"]


def test_training_json_and_the_card_tell_what_was_done(trained):
    report = json.loads((trained / "training.json").read_text())
    assert report["data"]["sessions"] == 11
    assert report["held_out"]["sessions"] == 1
    assert report["data"]["dropped_turns"] == []
    assert report["tokens_seen"] == 3 * report["data"]["tokens"]
    assert report["tokens_trained"] == 3 * report["data"]["trained_tokens"]
    assert report["loss_curve"][-1]["tokens_trained"] == report["tokens_trained"]
    assert report["removed_near_duplicates"] == []
    assert report["windows"] == {"max_length": 256, "context_tokens": 64}
    assert report["peak_memory_bytes"] > 100e6
    assert report["tokens_per_s"] > 0
    assert report["padding"] == 0
    assert set(report["seconds"]) == {"prepare", "train", "finish"}
    assert {"python", "hybridtune", "torch", "trl"} <= set(report["versions"])
    assert report["hashes"]["adapter"] == adapter_digest(trained / "adapter")
    assert report["lora"]["r"] == 8
    assert report["sft"]["learning_rate"] == 2e-3
    assert report["processes"] == 1
    assert report["layout"] == {"kind": "NO", "zero_stage": 0}
    assert report["patience"] == 3
    held_out = {point["step"]: point["tokens_trained"] for point in report["held_out_curve"]}
    assert report["tokens_in_adapter"] == held_out[report["best_step"]]
    assert report["resumed_from_step"] is None
    card = (trained / "MODEL_CARD.md").read_text()
    assert report["hashes"]["adapter"] in card
    assert str(MICRO) not in card
    assert not (trained / "checkpoints").exists()


def test_killed_and_started_again_it_ends_with_the_same_adapter(trained, tmp_path):
    run, domain = make_run(tmp_path)
    log = run.logs / "train-real.log"
    code = (
        "import sys; from pathlib import Path; from hybridtune.domain import Domain;"
        "from hybridtune.progress import silent; from training.launch import train_variant;"
        "from hybridtune.runs import load_run;"
        "train_variant(load_run(Path(sys.argv[1])), 'real', Domain(Path(sys.argv[2])), silent())"
    )
    command = [sys.executable, "-c", code, str(run.path), str(domain.path)]
    with subprocess.Popen(command) as parent:
        wait_for(lambda: log.exists() and "\nstep 7/" in log.read_text())
        parent.send_signal(signal.SIGKILL)
    wait_for(lambda: not processes_of(run.path))
    assert not (run.variant("real") / "training.json").exists()

    train_variant(run, "real", domain, silent())
    report = json.loads((run.variant("real") / "training.json").read_text())
    whole = json.loads((trained / "training.json").read_text())
    assert report["resumed_from_step"] >= 3
    assert report["hashes"] == whole["hashes"]
    assert report["loss_curve"] == whole["loss_curve"]
    assert report["tokens_seen"] == whole["tokens_seen"]
    assert report["held_out_loss"] == whole["held_out_loss"]


def test_a_failed_training_tells_the_reason_and_leaves_no_report(tmp_path):
    run, domain = make_run(tmp_path, accelerate_args=["--no-such-thing"])
    with pytest.raises(StageError, match="no-such-thing") as caught:
        train_variant(run, "real", domain, silent())
    assert "mend training.accelerate_args" in str(caught.value)
    assert str(run.logs / "train-real.log") in str(caught.value)
    assert not (run.variant("real") / "training.json").exists()


def test_a_value_that_trl_refuses_is_one_line(tmp_path):
    from training.settings import sft_config

    run, _ = make_run(tmp_path, sft={"lr_scheduler_type": "cosinus"})
    with pytest.raises(ConfigError, match=r"training.sft: trl.SFTConfig refuses it: .*cosinus"):
        sft_config(run.experiment, tmp_path)


@pytest.mark.parametrize(
    ("sft", "wanted"),
    [
        ({}, ("steps", 0.1, True)),
        ({"save_strategy": "best"}, ("steps", 0.1, True)),
        ({"save_strategy": "best", "eval_strategy": "epoch"}, ("epoch", 0.1, True)),
        ({"save_strategy": "no"}, ("no", 0.1, False)),
        ({"save_strategy": "no", "eval_strategy": "steps"}, ("steps", 0.1, False)),
        ({"save_strategy": "no", "eval_strategy": "steps", "eval_steps": 5}, ("steps", 5, False)),
        ({"eval_strategy": "no"}, ("no", None, False)),
        ({"save_strategy": "epoch"}, ("epoch", 0.1, True)),
        ({"save_steps": 7}, ("steps", 7, True)),
    ],
)
def test_how_often_the_held_out_loss_is_measured(tmp_path, sft, wanted):
    from training.settings import sft_config

    run, _ = make_run(tmp_path, sft=sft)
    found = sft_config(run.experiment, tmp_path)
    assert (found.eval_strategy, found.eval_steps, found.load_best_model_at_end) == wanted
    assert found.load_best_model_at_end is run.experiment.training.keeps_best


def test_a_checkpoint_is_of_processes_that_share_alike(tmp_path):
    from training.layout import Layout
    from training.sft import plan_digest

    run, domain = make_run(tmp_path)
    kinds = (("MULTI_GPU", 0), ("FSDP", 0), ("DEEPSPEED", 2), ("DEEPSPEED", 3))
    layouts = [Layout(None, kind, stage) for kind, stage in kinds]
    plans = [plan_digest(run.experiment, {}, domain, 2, layout, None) for layout in layouts]
    assert len(set(plans)) == 4


def test_an_unknown_option_is_refused_before_anything_starts(tmp_path):
    run, domain = make_run(tmp_path, sft={"warmup_ratio": 0.1})
    with pytest.raises(ConfigError, match="warmup_steps"):
        train_variant(run, "real", domain, silent())
    assert not run.logs.exists()


def wait_for(condition, seconds=300):
    for _ in range(seconds * 20):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("waited in vain")


def processes_of(path):
    """Command lines that name a path, of processes that still run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(path) in words:
            found.append(words)
    return found
