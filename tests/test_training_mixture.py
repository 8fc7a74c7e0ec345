import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridtune.config import Experiment
from hybridtune.errors import ConfigError, DataError
from hybridtune.records import Message, Session, read_jsonl, write_jsonl
from hybridtune.runs import Run
from training.mixture import split, write_mixture
from training.sampling import take


def talk(name, source="real", turns=1):
    """A session whose words no other has."""
    found = [str(place) for place in range(6 * turns)]
    says = (" ".join(f"{name}{each}" for each in found[at::2]) for at in (0, 1))
    messages = [Message(role=role, content=next(says)) for role in ("user", "assistant")]
    return Session(id=name, domain="d", source=source, messages=messages)


def make_run(path, variants, *, real=20, synthetic=10, held_out=0.1, seed=3):
    roles = {name: {"server": "s"} for name in ("teacher", "patient", "counselor", "judge")}
    experiment = {
        "name": "t",
        "seed": seed,
        "model": {"name": "nowhere"},
        "servers": {"s": {"kind": "scripted"}},
        "roles": roles,
        "corpus": {"paths": ["x"]},
        "training": {"held_out": held_out, "patience": 0},
        "variants": {"base": {}, **variants},
        "evaluation": {"reference": "base"},
    }
    run = Run(path, Experiment.model_validate(experiment))
    for source, count, file in (
        ("real", real, run.corpus / "real.jsonl"),
        ("synthetic", synthetic, run.generation / "synthetic.jsonl"),
    ):
        ids = [f"{source}-{number}" for number in range(count)]
        write_jsonl(file, [talk(name, source) for name in ids])
    return run


def ids(run, variant, file="dataset.jsonl"):
    return [session.id for session in read_jsonl(run.variant(variant) / file, Session)]


def test_the_same_real_sessions_are_held_out_of_every_variant(tmp_path):
    run = make_run(tmp_path, {"real": {"real": 1}, "hybrid": {"real": 1, "synthetic": 1}})
    assert write_mixture(run, "real") == (18, 2)
    assert write_mixture(run, "hybrid") == (28, 2)
    held_out = ids(run, "real", "held_out.jsonl")
    assert held_out == ids(run, "hybrid", "held_out.jsonl")
    assert not set(held_out) & {*ids(run, "real"), *ids(run, "hybrid")}


def test_a_synthetic_variant_is_measured_on_real_sessions(tmp_path):
    run = make_run(tmp_path, {"synthetic": {"synthetic": 1}})
    assert write_mixture(run, "synthetic") == (10, 2)
    assert all(name.startswith("real-") for name in ids(run, "synthetic", "held_out.jsonl"))


def test_shares_above_one_repeat_and_below_one_sample(tmp_path):
    run = make_run(tmp_path, {"twice": {"synthetic": 2.5}, "half": {"synthetic": 0.5}})
    write_mixture(run, "twice")
    write_mixture(run, "half")
    twice, half = ids(run, "twice"), ids(run, "half")
    assert len(twice) == len(set(twice)) == 25
    assert sum(name.endswith("#2") for name in twice) == 10
    assert len(half) == 5
    assert {f"{name}#3" for name in half} <= set(twice)


def test_the_seed_decides_who_is_held_out(tmp_path):
    chosen = set()
    for seed in range(5):
        run = make_run(tmp_path / str(seed), {"real": {"real": 1}}, seed=seed)
        write_mixture(run, "real")
        chosen.add(tuple(ids(run, "real", "held_out.jsonl")))
    assert len(chosen) > 1


def test_a_new_session_moves_no_other_across_the_split(tmp_path):
    small, large = (
        make_run(tmp_path / str(count), {"real": {"real": 1}}, real=count) for count in (20, 21)
    )
    for run in (small, large):
        write_mixture(run, "real")
    before, after = (set(ids(run, "real", "held_out.jsonl")) for run in (small, large))
    assert len(before - after) <= 1


def grouped(sizes):
    """Sessions in groups of these sizes; a group of one alternately names itself or nothing."""
    return [
        Session(
            id=f"s{group}-{number}",
            domain="d",
            source="real",
            messages=talk(f"s{group}-{number}").messages,
            provenance={} if size == 1 and group % 2 else {"group": f"g{group}"},
        )
        for group, size in enumerate(sizes)
        for number in range(size)
    ]


def names(sessions):
    return [session.id for session in sessions]


@given(
    sizes=st.lists(st.integers(1, 12), max_size=30),
    share=st.floats(0, 0.99),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_no_group_is_on_both_sides(sizes, share, seed, data):
    sessions = grouped(sizes)
    held_out, rest = split(sessions, share, seed)
    assert sorted(names(held_out + rest)) == sorted(names(sessions))
    sides = [{session.id.partition("-")[0] for session in side} for side in (held_out, rest)]
    assert not sides[0] & sides[1]
    if share and len(sizes) > 1:
        assert held_out
        assert rest
    else:
        assert not held_out
    # No group's coming or going would bring the number nearer to the share.
    off = abs(len(held_out) - round(share * len(sessions)))
    if len(sides[0]) > 1 and len(sides[1]) > 1:
        assert off <= max(sizes) / 2
    assert split(data.draw(st.permutations(sessions)), share, seed) == (held_out, rest)


def test_the_share_is_met_as_near_as_groups_allow():
    assert len(split(grouped([1] * 20), 0.1, 3)[0]) == 2
    for seed in range(20):
        assert len(split(grouped([30, *[1] * 70]), 0.1, seed)[0]) == 10
        assert len(split(grouped([40, 40, 40]), 0.1, seed)[0]) == 40
        assert len(split(grouped([6] * 20), 0.1, seed)[0]) == 12
        assert len(split(grouped([6] * 16), 0.1, seed)[0]) == 12


def test_sessions_without_groups_are_split_as_ever():
    sessions = grouped([1, 1, 1])
    for session in sessions:
        session.provenance.clear()
    held_out, rest = split(sessions, 0.4, 3)
    # By SHA-256 of "3:held-out:s0-0" and so on.
    assert names(held_out + rest) == sorted(
        names(sessions), key=lambda name: sha256(f"3:held-out:{name}".encode()).hexdigest()
    )
    assert len(held_out) == 1


def test_a_held_out_group_is_the_same_for_every_variant(tmp_path):
    run = make_run(tmp_path, {"real": {"real": 1}, "twice": {"real": 2, "synthetic": 1}})
    write_jsonl(run.corpus / "real.jsonl", grouped([4, 3, 5, 1, 1, 6]))
    assert write_mixture(run, "real")[1] == write_mixture(run, "twice")[1] == 2
    held_out = ids(run, "real", "held_out.jsonl")
    assert held_out == ids(run, "twice", "held_out.jsonl")
    assert not {name.partition("-")[0] for name in held_out} & {
        name.partition("-")[0] for name in ids(run, "twice")
    }


def test_copies_keep_their_marks():
    marked = grouped([1])[0].model_copy(update={"untrained": (1,)})
    assert [(each.id, each.untrained) for each in take([marked], 2, 3)] == [
        ("s0-0", (1,)),
        ("s0-0#2", (1,)),
    ]


def test_datasets_load_as_plain_json_lines(tmp_path):
    run = make_run(tmp_path, {"real": {"real": 1}})
    write_mixture(run, "real")
    lines = (run.variant("real") / "dataset.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["messages"][1]["role"] == "assistant"


def test_nothing_to_train_on_is_an_error(tmp_path):
    run = make_run(tmp_path, {"little": {"synthetic": 0.01}})
    with pytest.raises(DataError, match="no session to train on"):
        write_mixture(run, "little")
    with pytest.raises(ConfigError, match="no variant 'base' to train"):
        write_mixture(run, "base")
