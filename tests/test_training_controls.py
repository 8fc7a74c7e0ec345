"""Controls by training: budgets are kept, every token is counted, and trainings are compared."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hybridtune.config import Experiment
from hybridtune.domain import Domain
from hybridtune.progress import silent
from hybridtune.records import Message, Session, read_json, write_jsonl
from hybridtune.runs import Run
from training.launch import train_variant

HOME = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def talk(name, source, exchanges):
    """A session whose words no other has, but for the first ones."""
    messages = []
    for number in range(exchanges):
        asked = f"What does {name} say about worry {number}, and what else is there?"
        messages.append(Message(role="user", content=f"I am {name} and worry {number} times."))
        messages.append(Message(role="assistant", content=asked))
    return Session(id=name, domain="small", source=source, messages=messages)


def make_run(path, variants, **training):
    settings = {
        "max_length": 512,
        "held_out": 0.15,
        "env": {"OMP_NUM_THREADS": "1"},
        "lora": {"r": 8},
        "sft": {"num_train_epochs": 2, "gradient_accumulation_steps": 4, "save_strategy": "no"},
    }
    domain = path / "domains" / "small"
    (domain / "prompts").mkdir(parents=True)
    (domain / "domain.yaml").write_text("title: Small\nopener: Hello.\n")
    (domain / "prompts" / "counselor.jinja").write_text("You are a kind counselor.")
    roles = {name: {"server": "s"} for name in ("teacher", "patient", "counselor", "judge")}
    experiment = Experiment.model_validate(
        {
            "name": "t",
            "seed": 5,
            "domain": str(domain),
            "model": {"name": str(HOME / "examples/micro"), "dtype": "float32"},
            "servers": {"s": {"kind": "scripted"}},
            "roles": roles,
            "corpus": {"paths": ["x"], "filters": {"duplicate_containment": 1}},
            "training": settings | training,
            "variants": {"base": {}, **variants},
            "evaluation": {"reference": "base"},
        }
    )
    run = Run(path / "run", experiment)
    run.path.mkdir()
    (run.path / "experiment.json").write_text(experiment.model_dump_json())
    return run, Domain(domain)


def trained(run, domain, variant):
    train_variant(run, variant, domain, silent())
    return read_json(run.variant(variant) / "training.json")


@pytest.fixture(scope="module")
def matched(tmp_path_factory):
    """Real sessions alone, and a mixture with as many trained tokens."""
    variants = {"real": {"real": 1}, "matched": {"real": 1, "synthetic": 1, "match": "real"}}
    run, domain = make_run(tmp_path_factory.mktemp("matched"), variants)
    real = [talk(f"real-{number}", "real", 1 + number % 5) for number in range(21)]
    made = [talk(f"made-{number}", "synthetic", 2 + number % 3) for number in range(9)]
    copy = real[0].model_copy(update={"id": "copy", "source": "synthetic"})
    write_jsonl(run.corpus / "real.jsonl", real)
    write_jsonl(run.generation / "synthetic.jsonl", [*made, copy])
    return run, {name: trained(run, domain, name) for name in variants}


def test_the_matched_variant_is_trained_on_as_many_tokens(matched):
    run, reports = matched
    real, other = reports["real"], reports["matched"]
    budget = other["mixture"]["budget"]
    assert budget["wanted_per_epoch"] == real["data"]["trained_tokens"]
    assert budget["taken_per_epoch"] == other["data"]["trained_tokens"]
    # Five exchanges are the longest session; whole sessions are off by half of it at most.
    exchange = real["data"]["trained_tokens"] / real["data"]["counselor_turns"]
    off = abs(other["tokens_trained"] - real["tokens_trained"])
    assert off <= 2 * 2.5 * exchange * 1.2
    assert other["mixture"]["shares"]["synthetic"] > 0
    assert other["hashes"]["held_out"] == real["hashes"]["held_out"]
    card = (run.variant("matched") / "MODEL_CARD.md").read_text()
    assert "(1 x real, 1 x synthetic, match real)" in card


def test_what_was_counted_in_the_steps_is_what_the_data_holds(matched):
    for report in matched[1].values():
        assert report["rows"] % 4, "an epoch should end with a part of a step"
        assert report["tokens_seen"] == 2 * report["data"]["tokens"]
        assert report["tokens_trained"] == 2 * report["data"]["trained_tokens"]
        assert report["held_out_curve"][0]["tokens_trained"] == 0


def test_real_trainings_are_compared_and_drawn(matched, tmp_path):
    run, reports = matched
    command = [sys.executable, "-m", "hybridtune", "train", "compare", str(run.path), "--strict"]
    plot = tmp_path / "losses.html"
    done = subprocess.run(
        [*command, "--json", "--plot", str(plot)],
        cwd=HOME, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["comparable"]
    assert [set(group) for group in found["equally_trained"]] == [{"real", "matched"}]
    assert found["variants"]["real"]["adapter"] == reports["real"]["hashes"]["adapter"][:12]
    assert "<svg" in plot.read_text()


def test_the_speed_is_of_this_process_alone(monkeypatch, capsys):
    from transformers import TrainerControl, TrainerState

    from training.callbacks import Teller
    from training.trainer import Tokens

    tokens, clock = Tokens(seen=9_000, trained=3_000), iter([100.0, 104.0])
    monkeypatch.setattr("training.callbacks.time.monotonic", lambda: next(clock))
    teller, state = Teller(tokens), TrainerState(global_step=30, max_steps=34)
    teller.on_train_begin(None, state, TrainerControl())
    tokens.seen += 400
    teller.on_step_begin(None, state, TrainerControl())
    state.global_step = 32
    teller.on_log(None, state, TrainerControl(), {"loss": 1.0})
    assert teller.tokens_per_s == 100
    assert capsys.readouterr().out.endswith("step 32/34  loss 1.0000  100 tokens/s  0:04 left\n")


def test_steps_are_a_budget_and_two_processes_count_every_row_once(tmp_path):
    run, domain = make_run(
        tmp_path,
        {"short": {"real": 1, "steps": 3}},
        held_out=0,
        accelerate_config="configs/accelerate/multi_gpu.yaml",
        accelerate_args=["--num_processes", "2", "--main_process_port", "0"],
        env={"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        sft={"packing": False, "gradient_accumulation_steps": 2, "save_strategy": "no"},
    )
    one = talk("same", "real", 2)
    copies = [one.model_copy(update={"id": f"same-{number}"}) for number in range(5)]
    write_jsonl(run.corpus / "real.jsonl", copies)
    report = trained(run, domain, "short")
    assert report["processes"] == 2
    assert report["steps"] == 3
    assert report["budget"] == {"steps": 3}
    # Five rows for two processes are six: two steps of four and two rows, then one of four.
    row, carrying = report["data"]["tokens"] // 5, report["data"]["trained_tokens"] // 5
    assert report["tokens_seen"] == (4 + 2 + 4) * row
    assert report["tokens_trained"] == (4 + 2 + 4) * carrying
