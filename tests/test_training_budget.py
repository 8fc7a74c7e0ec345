"""Budgets of variants: which are refused, what they take, and how near they come."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_training_mixture import ids, make_run, talk

from hybridtune.config import load_experiment
from hybridtune.errors import ConfigError, DataError
from hybridtune.records import Session, read_json, read_jsonl, write_jsonl
from training.budget import spend, tokens_of
from training.mixture import write_mixture

CONTROLS = {
    "real": {"real": 1},
    "hybrid": {"real": 1, "synthetic": 1},
    "hybrid-matched": {"real": 1, "synthetic": 1, "match": "real"},
    "real-repeated": {"real": 1, "match": "hybrid"},
}
EXPERIMENT = """\
name: trial
model: {name: some/model}
servers: {s: {kind: scripted}}
roles: {teacher: {server: s}, patient: {server: s}, counselor: {server: s}, judge: {server: s}}
corpus: {paths: [transcripts]}
variants:
  base: {}
  real: {real: 1}
  other: {real: 1, synthetic: 1, steps: 9}
training: {patience: 0}
"""


def words(session):
    """A count that needs no tokenizer: the counselor's words."""
    return sum(len(text.split()) for text in session.turns("assistant"))


def trained(run, variant):
    return sum(map(words, read_jsonl(run.variant(variant) / "dataset.jsonl", Session)))


def uneven(path, variants, **more):
    """Sessions of 3, 6, ... words; the longest one has 30."""
    run = make_run(path, variants, **more)
    for file, source, count in (
        (run.corpus / "real.jsonl", "real", 40),
        (run.generation / "synthetic.jsonl", "synthetic", 30),
    ):
        write_jsonl(file, [talk(f"{source}-{n}", source, 1 + n % 10) for n in range(count)])
    return run


def mixed(run, variants):
    for variant in variants:
        write_mixture(run, variant, words)


def test_controls_have_the_trained_tokens_of_the_variant_that_they_match(tmp_path):
    run = uneven(tmp_path, CONTROLS)
    mixed(run, CONTROLS)
    real, hybrid = trained(run, "real"), trained(run, "hybrid")
    assert hybrid > 1.5 * real
    # Half of the longest session is the most that whole sessions can be off by.
    assert abs(trained(run, "hybrid-matched") - real) <= 15
    assert abs(trained(run, "real-repeated") - hybrid) <= 15
    assert all(name.startswith("real-") for name in ids(run, "real-repeated"))
    assert len(ids(run, "real-repeated")) == len(set(ids(run, "real-repeated")))
    assert {name.partition("-")[0] for name in ids(run, "hybrid-matched")} == {"real", "synthetic"}


def test_a_matched_mixture_keeps_its_proportions(tmp_path):
    run = uneven(tmp_path, CONTROLS)
    mixed(run, CONTROLS)

    def part(variant):
        found = ids(run, variant)
        return sum(name.startswith("real-") for name in found) / len(found)

    assert abs(part("hybrid-matched") - part("hybrid")) < 0.08
    assert set(ids(run, "hybrid-matched")) <= set(ids(run, "hybrid"))


def test_the_mixture_tells_what_was_wanted_and_what_is_left_over(tmp_path):
    run = uneven(tmp_path, CONTROLS | {"short": {"real": 1, "trained_tokens": 300}})
    mixed(run, CONTROLS | {"short": {}})
    budget = read_json(run.variant("hybrid-matched") / "mixture.json")["budget"]
    assert budget["match"] == "real"
    assert budget["wanted_per_epoch"] == trained(run, "real")
    assert budget["taken_per_epoch"] == trained(run, "hybrid-matched")
    # Over three epochs, which is what `sft` takes where it says nothing.
    budget = read_json(run.variant("short") / "mixture.json")["budget"]
    assert budget["trained_tokens"] == 300
    assert budget["wanted_per_epoch"] == 100
    assert budget["taken_per_epoch"] == trained(run, "short") in range(85, 116)
    assert read_json(run.variant("real") / "mixture.json")["budget"] is None


def test_the_held_out_sessions_are_the_same_whatever_the_budget_and_seed(tmp_path):
    variants = CONTROLS | {"drawn": {"real": 0.5, "seed": 1}, "again": {"real": 0.5, "seed": 2}}
    run = uneven(tmp_path, variants)
    mixed(run, variants)
    assert len({tuple(ids(run, name, "held_out.jsonl")) for name in variants}) == 1
    assert set(ids(run, "drawn")) != set(ids(run, "again"))


@given(
    real=st.lists(st.integers(0, 40), min_size=1, max_size=20),
    synthetic=st.lists(st.integers(0, 40), min_size=1, max_size=20),
    shares=st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)),
    wanted=st.integers(0, 3000),
    seed=st.integers(0, 9),
)
def test_whole_sessions_come_within_half_of_one(real, synthetic, shares, wanted, seed):
    sizes = {
        source: {f"{source}-{number}": size for number, size in enumerate(each)}
        for source, each in (("real", real), ("synthetic", synthetic))
    }
    sessions = {source: [talk(name) for name in each] for source, each in sizes.items()}
    asked = dict(zip(sizes, shares, strict=True))
    if not sum(real + synthetic):
        with pytest.raises(DataError, match="token to train"):
            spend(wanted, asked, sessions, sizes, seed)
        return
    found = spend(wanted, asked, sessions, sizes, seed)
    off = abs(tokens_of(found, sessions, sizes, seed) - wanted)
    assert off <= max(real + synthetic) / 2 + 1e-6


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("variants.x={real: 1, steps: 5, match: real}", "match and steps are two budgets"),
        ("variants.x={real: 1, trained_tokens: 9, steps: 5}", "two budgets: keep one"),
        ("variants.x={match: real}", "match needs a share of real or synthetic"),
        ("variants.x={seed: 3}", "seed needs a share"),
        ("variants.x={real: 1, steps: 0}", "greater than or equal to 1"),
        (
            "variants.x={real: 1, match: nobody}",
            r"'nobody' is no trained variant .*there are: real",
        ),
        ("variants.x={real: 1, match: base}", "'base' is no trained variant"),
        ("variants.x={real: 1, match: x}", "'x' is no trained variant without a budget"),
        ("variants.x={real: 1, match: other}", "'other' is no trained variant without a budget"),
        ("training.patience=3", "variants.other.steps: a held-out loss that rises would end it"),
        ("training.sft.max_steps=many", "variants.other.steps: training.sft.max_steps would"),
        ("training.sft.max_steps=4", "variants.other.steps: training.sft.max_steps would overrule"),
    ],
)
def test_impossible_budgets_are_refused_at_load(tmp_path, change, complaint):
    file = tmp_path / "trial.yaml"
    file.write_text(EXPERIMENT)
    load_experiment(file)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_experiment(file, [change])
    assert "\n" not in str(caught.value)


def test_tokens_need_an_epoch_to_be_trained_in(tmp_path):
    file = tmp_path / "trial.yaml"
    file.write_text(EXPERIMENT)
    changes = ["training.sft.num_train_epochs=0", "variants.x={real: 1, trained_tokens: 9}"]
    with pytest.raises(ConfigError, match=r"no epoch of training\.sft to train them in"):
        load_experiment(file, changes)


@pytest.mark.parametrize(
    "change",
    [
        "training.sft.load_best_model_at_end=false",
        "training.sft.save_strategy='no'",
        "training.sft.eval_strategy='no'",
        "training.held_out=0",
    ],
)
def test_a_budget_is_kept_where_no_held_out_loss_ends_it(tmp_path, change):
    file = tmp_path / "trial.yaml"
    file.write_text(EXPERIMENT)
    assert load_experiment(file, ["training.patience=3", change]).variants["other"].steps == 9


def test_the_controls_that_are_shipped(tmp_path):
    file = Path(__file__).parent.parent / "configs" / "paper-controls.yaml"
    variants = load_experiment(file).variants
    assert list(variants) == [
        "base", "real", "hybrid", "synthetic", "hybrid-matched", "real-repeated"
    ]  # fmt: skip
    run = uneven(tmp_path, {name: its.model_dump() for name, its in variants.items()})
    mixed(run, run.experiment.trained_variants())
    assert all(name.startswith("synthetic-") for name in ids(run, "synthetic"))
