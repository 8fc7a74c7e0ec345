"""Which trainings can be compared, and what `hybridtune train compare` says of them."""

import json
import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
from test_training_mixture import make_run
from typer.testing import CliRunner

from hybridtune.cli.app import app
from hybridtune.cli.train_compare import compare_trainings
from hybridtune.errors import InputError
from hybridtune.records import write_json
from training.comparison.conditions import WHY, compare, conditions
from training.comparison.verdicts import verdicts

REPORT = {
    "variant": "real",
    "shares": {"real": 1.0},
    "budget": {},
    "mixture": {"shares": {"real": 1.0}, "seed": 3, "budget": None},
    "removed_near_duplicates": [],
    "base_model": {"name": "some/model", "revision": None, "dtype": "bfloat16"},
    "data": {"sessions": 18, "windows": 20},
    "windows": {"max_length": 4096, "context_tokens": 1024},
    "steps": 40,
    "stopped_early": False,
    "best_step": 40,
    "best_by": "last step",
    "patience": 0,
    "epochs": 3.0,
    "tokens_seen": 30_000,
    "tokens_trained": 10_000,
    "tokens_in_adapter": 10_000,
    "tokens_per_s": 900,
    "processes": 1,
    "layout": {"kind": "NO", "zero_stage": 0},
    "device": "cpu",
    "peak_memory_bytes": 2**30,
    "seconds": {"prepare": 1.0, "train": 33.5, "finish": 1.0},
    "resumed_from_step": None,
    "seed": 3,
    "sft": {"learning_rate": 2e-4, "save_steps": 0.1, "logging_steps": 1},
    "lora": {"r": 16},
    "quantization": None,
    "versions": {"torch": "2.13", "trl": "1.16"},
    "loss_curve": [
        {"step": step, "tokens_trained": 250 * step, "loss": 3 / step} for step in range(1, 41)
    ],
    "held_out_curve": [{"step": 0, "tokens_trained": 0, "loss": 3.1}],
    "held_out_loss": {"before": 3.1, "after": 1.2},
    "hashes": {
        name: (name[0] * 64)
        for name in (
            "adapter", "base_model", "chat_template", "dataset", "held_out", "system_prompt"
        )
    },
}  # fmt: skip


def changed(**changes):
    """A report that differs; `a__b` is the key `b` in `a`."""
    report = deepcopy(REPORT)
    if "tokens_trained" in changes:
        changes = {"tokens_in_adapter": changes["tokens_trained"]} | changes
    if "steps" in changes:
        changes = {"best_step": changes["steps"]} | changes
    for key, value in changes.items():
        *outer, last = key.split("__")
        place = report
        for name in outer:
            place = place[name]
        place[last] = value
    return report


def test_variants_that_differ_in_their_data_alone_are_comparable():
    hybrid = changed(
        hashes__dataset="h" * 64, hashes__adapter="x" * 64, shares={"real": 1.0, "synthetic": 1.0},
        tokens_trained=19_400, steps=78, sft__save_steps=0.5, sft__logging_steps=5,
    )  # fmt: skip
    matched = hybrid | {
        "tokens_in_adapter": 10_050, "best_step": 41, "steps": 41, "budget": {"match": "real"},
    }  # fmt: skip
    found = compare({"real": REPORT, "hybrid": hybrid, "matched": matched})
    assert found["comparable"]
    assert found["equally_trained"] == [["real", "matched"], ["hybrid"]]
    said = "\n".join(verdicts(found))
    assert said.startswith("comparable: real, hybrid and matched differ in their data alone")
    assert (
        "trained tokens: real and matched: 10,000 to 10,050, 0.5% more, in 40 or 41 steps" in said
    )
    assert "trained tokens: hybrid: 19,400, 1.94 times the fewest, in 78 steps" in said
    assert "`match:` in a variant makes a control" in said
    assert "budget: not set in real and hybrid, match real in matched" in said


def test_one_training_is_compared_with_nothing():
    assert verdicts(compare({"real": REPORT})) == [
        "real alone: name others to compare it with",
        "trained tokens: real: 10,000, in 40 steps",
    ]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"hashes__base_model": "z" * 64}, "base model"),
        ({"base_model__dtype": "float32"}, "dtype"),
        ({"quantization": {"load_in_4bit": True}}, "quantization"),
        ({"hashes__system_prompt": "z" * 64}, "system prompt"),
        ({"hashes__chat_template": "z" * 64}, "chat template"),
        ({"hashes__held_out": "z" * 64}, "held-out sessions"),
        ({"seed": 4}, "seed"),
        ({"windows__max_length": 2048}, "windows.max_length"),
        ({"windows__context_tokens": 0}, "windows.context_tokens"),
        ({"sft__learning_rate": 1e-4}, "sft.learning_rate"),
        ({"sft__weight_decay": 0.1}, "sft.weight_decay"),
        ({"lora__r": 8}, "lora.r"),
        ({"device": "NVIDIA H200"}, "device"),
        ({"processes": 2}, "processes"),
        ({"layout__kind": "FSDP"}, "layout.kind"),
        ({"layout__zero_stage": 3}, "layout.zero_stage"),
        ({"versions__trl": "1.17"}, "version.trl"),
    ],
)
def test_whatever_else_differs_is_named_with_its_reason(change, what):
    found = compare({"real": REPORT, "other": changed(**change)})
    assert not found["comparable"]
    assert [each["what"] for each in found["not_comparable"]] == [what]
    first = verdicts(found)[0]
    assert first.startswith(f"NOT comparable: {what} is ")
    assert first.endswith(f": {WHY[what.partition('.')[0]]}")


def test_every_condition_has_a_reason():
    assert {what.partition(".")[0] for what in conditions(REPORT)} == set(WHY)


def test_when_to_save_counts_where_the_best_is_kept():
    best = {"sft__load_best_model_at_end": True}
    found = compare({"one": changed(**best), "other": changed(**best, sft__save_steps=0.5)})
    assert [each["what"] for each in found["not_comparable"]] == ["sft.save_steps"]


def test_patience_counts_where_the_best_is_kept():
    best = {"sft__load_best_model_at_end": True}
    found = compare({"one": changed(**best), "other": changed(**best, patience=3)})
    assert [each["what"] for each in found["not_comparable"]] == ["patience"]
    assert compare({"one": REPORT, "other": changed(patience=3)})["comparable"]


def test_what_was_trained_behind_the_best_step_does_not_count():
    early = {"tokens_in_adapter": 2_500, "best_step": 10, "best_by": "held-out loss"}
    found = compare({"real": REPORT, "early": changed(**early, stopped_early=True)})
    assert found["equally_trained"] == [["early"], ["real"]]
    assert found["variants"]["early"]["adapter of step"] == 10
    said = "\n".join(verdicts(found))
    assert "trained tokens: real: 10,000, 4.00 times the fewest, in 40 steps" in said
    assert "adapter of early: of step 10 of 40, by held-out loss: what was trained" in said


@pytest.fixture
def runs(tmp_path):
    """Two runs of three variants, one of them not trained yet in the second."""
    variants = {"real": {"real": 1}, "hybrid": {"real": 1, "synthetic": 1}, "late": {"real": 2}}
    made = []
    for name, seed in (("a", 3), ("b", 4)):
        run = make_run(tmp_path / name, variants)
        (run.path / "experiment.json").write_text(run.experiment.model_dump_json())
        for variant, tokens in (("real", 10_000), ("hybrid", 20_000)):
            report = changed(variant=variant, tokens_trained=tokens, seed=seed)
            write_json(run.variant(variant) / "training.json", report)
        made.append(str(run.path))
    return made


def invoke(*words):
    return CliRunner().invoke(app, ["train", "compare", *words], env={"COLUMNS": "160"})


def test_the_command_prints_them_side_by_side(runs):
    done = invoke(runs[0])
    assert done.exit_code == 0, done.output
    lines = [re.split(r"\s*│\s*", line)[1:-1] for line in done.output.splitlines()]
    assert ["tokens trained", "10,000", "20,000"] in lines
    assert ["peak memory, GiB", "1", "1"] in lines
    assert "comparable: real and hybrid differ in their data alone" in done.output
    assert "hybrid: 20,000, 2.00 times the fewest" in done.output


def test_variants_and_runs_are_chosen_by_words(runs):
    assert list(json.loads(invoke(runs[0], "hybrid", "--json").output)["variants"]) == ["hybrid"]
    found = json.loads(invoke(runs[0], "real", runs[1], "--json").output)
    assert list(found["variants"]) == ["a/real", "b/real", "b/hybrid"]
    assert [each["what"] for each in found["not_comparable"]] == ["seed"]
    assert found["not_comparable"][0]["values"] == {"a/real": 3, "b/real": 4, "b/hybrid": 4}


def test_only_strict_makes_an_exit_code_of_it(runs):
    assert invoke(*runs).exit_code == 0
    assert "NOT comparable: seed is 3 in a/real and a/hybrid, 4 in b/real" in invoke(*runs).output
    assert invoke(*runs, "--strict").exit_code == 1
    assert invoke(runs[0], "--strict").exit_code == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["base"], "base: is the untouched base model"),
        (["late"], "late: is not trained yet"),
        (["nobody"], "neither a run folder nor a variant: nobody .its variants: real, hybrid"),
    ],
)
def test_what_cannot_be_compared_is_one_line(runs, words, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        compare_trainings([runs[0], *words], as_json=False, plot=None, strict=False)
    assert "\n" not in str(caught.value)


def test_a_report_of_an_older_version_is_refused(runs):
    older = changed()
    del older["tokens_in_adapter"]
    write_json(Path(runs[0]) / "variants/real/training.json", older)
    with pytest.raises(InputError, match=r"training\.json: is of an older version"):
        compare_trainings([runs[0]], as_json=False, plot=None, strict=False)


def test_the_losses_are_drawn_and_nothing_is_overwritten(runs, tmp_path):
    for name in ("losses.svg", "losses.html"):
        assert invoke(runs[0], "--plot", str(tmp_path / name)).exit_code == 0
    drawn = (tmp_path / "losses.svg").read_text()
    page = (tmp_path / "losses.html").read_text()
    assert drawn.startswith("<?xml")
    assert page.count("<svg") == 1
    assert "comparable: real and hybrid differ in their data alone" in page
    assert "http" not in page.replace("http-equiv", "")
    for plot, complaint in (
        ("losses.html", "exists"),
        ("losses.png", "name a .html or .svg"),
        ("nowhere/losses.svg", "no such folder: .*nowhere"),
    ):
        with pytest.raises(InputError, match=complaint):
            compare_trainings([runs[0]], as_json=False, plot=tmp_path / plot, strict=False)


def test_every_point_is_inside_the_figure():
    from training.comparison.curves import curves

    longer = changed(loss_curve=[{"tokens_trained": 20_000, "loss": 9.0}], tokens_trained=20_000)
    training, held_out = curves({"real": REPORT, "longer": longer}).axes
    assert training.get_ylim()[1] > 9
    assert held_out.get_xlim()[1] > 20_000
    assert [len(line.get_xdata()) for line in held_out.lines] == [2, 2]


def test_the_adapters_own_loss_stands_at_its_step():
    from training.comparison.curves import held_out_points

    early = changed(tokens_in_adapter=2_500, best_step=10)
    assert held_out_points(early)[-1] == {"tokens_trained": 2_500, "loss": 1.2}
    point = {"step": 10, "tokens_trained": 2_500, "loss": 1.2}
    early["held_out_curve"] += [point, point | {"step": 40, "loss": 1.5}]
    assert held_out_points(early) == early["held_out_curve"]


def test_comparing_loads_no_torch(runs):
    code = (
        "import sys; from hybridtune.cli.train_compare import compare_trainings as c;"
        f"c([{runs[0]!r}], as_json=True, plot=None, strict=False);"
        "assert not {'torch', 'transformers', 'matplotlib'} & set(sys.modules)"
    )
    home = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], cwd=home, check=True, capture_output=True)
