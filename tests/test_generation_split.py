"""Who is for training and who for evaluation: the hash, claims of scenarios, and the rows."""

import random
from collections.abc import Mapping
from fractions import Fraction
from itertools import islice, product
from math import ceil, floor
from pathlib import Path
from typing import Any

import pytest
from fake_teacher import FakeTeacher, bicycles, run_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_generation_quotas import SEEDS, spaces

from generation.arrange import Rules, arranged
from generation.coverage import Row, coverage_table, iter_rows
from generation.space import Space, has, load_space
from generation.split import Split, claim, split_of, training_rows
from generation.stage import generate
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import DomainError
from hybridtune.progress import silent
from hybridtune.records import Scenario, read_json, write_jsonl
from hybridtune.runs import Run
from hybridtune.scenarios import read_scenarios, scenarios_path

THERAPY = load_domain("therapy")


def values_of(row: Row) -> dict[str, str]:
    return {"theme": row.theme, **row.axes}


@pytest.mark.parametrize("name", ["therapy", "support", "text2cypher"])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_both_sides_keep_every_quota_and_share_nobody(name: str, share: float) -> None:
    domain, split = load_domain(name), Split(3, share)
    sides = []
    for fits, sessions in ((split.training, 240), (split.evaluation, 50), (split.training, 33)):
        asked = GenerationSettings(sessions=sessions)
        rows = list(iter_rows(domain, asked, sessions, None, fits))
        table = coverage_table(rows, domain, asked)
        assert table["met"] is True
        assert table["forbidden"] == 0
        assert all(fits(values_of(row)) for row in rows)
        sides.append({tuple(sorted(values_of(row).items())) for row in rows})
    assert not sides[0] & sides[1]


def test_without_a_split_some_rows_would_have_been_on_the_other_side() -> None:
    split = Split(3, 0.2)
    rows = list(iter_rows(THERAPY, GenerationSettings(sessions=500), 0))
    crossed = sum(split.evaluation(values_of(row)) for row in rows)
    assert 0.12 < crossed / 500 < 0.28


def test_more_rows_leave_the_earlier_ones_as_they_are() -> None:
    split = Split(3, 0.2)
    for fits in (split.training, split.evaluation):
        few, many = (
            list(iter_rows(THERAPY, GenerationSettings(sessions=sessions), 1, None, fits))
            for sessions in (60, 130)
        )
        assert many[:60] == few


def test_the_hash_draws_the_share_by_seed_and_whatever_the_order_of_axes() -> None:
    axes = {"theme": range(40), "a": range(25), "b": range(10)}
    rows = [dict(zip(axes, map(str, values), strict=True)) for values in product(*axes.values())]
    one, other = Split(1, 0.2), Split(2, 0.2)
    held = [one.evaluation(row) for row in rows]
    assert abs(sum(held) / len(rows) - 0.2) < 0.02  # five standard errors
    assert held == [one.evaluation(dict(reversed(row.items()))) for row in rows]
    both = sum(other.evaluation(row) for row, mine in zip(rows, held, strict=True) if mine)
    assert abs(both / sum(held) - 0.2) < 0.05
    assert all(one.training(row) is not mine for row, mine in zip(rows, held, strict=True))


@settings(deadline=None, max_examples=40)
@given(space=spaces(), seed=SEEDS, share=st.sampled_from([0.1, 0.3, 0.6]))
def test_any_space_is_split_with_its_quotas_or_refused(
    space: Space, seed: int, share: float
) -> None:
    """Small spaces of all kinds: forbidden pairs, floors, values that one side lacks."""
    fits = fits_of(seed, share)
    rules = Rules(space)
    block = rules.block()
    try:
        rows = list(islice(arranged(space, seed, fits), 2 * block))
    except DomainError:
        return
    for row in rows:
        assert fits(row)
        assert not any(has(row, each) for each in space.forbidden)
    for count in (block, 2 * block):
        for axis, parts in space.axes.items():
            for value, part in parts.items():
                found = sum(row[axis] == value for row in rows[:count])
                assert floor(count * part) <= found <= ceil(count * part)
    for rare in space.rare:
        assert sum(has(row, rare.when) for row in rows) >= floor(rare.share * len(rows))
    assert list(islice(arranged(space, seed, fits), block // 2)) == rows[: block // 2]


def fits_of(seed: int, share: float) -> Any:
    side = random.Random(seed)
    known: dict[tuple[str, ...], bool] = {}

    def fits(values: Mapping[str, str]) -> bool:
        return known.setdefault(tuple(values.values()), side.random() >= share)

    return fits


def test_a_space_where_a_value_has_nobody_on_one_side_is_refused(tmp_path: Path) -> None:
    domain = bicycles(tmp_path / "bikes")
    split = Split(1, 0.02)
    with pytest.raises(DomainError, match=r"12 combinations .* cannot be split .* nobody with the"):
        iter_rows(domain, GenerationSettings(sessions=5), 0, None, split.evaluation)


def test_quotas_that_one_side_cannot_keep_are_refused() -> None:
    """Each value has somebody there, but nine in ten of one axis go with one in ten of another."""
    most, few = Fraction(9, 10), Fraction(1, 10)
    axes = {"theme": {"x": most, "y": few}, "a": {"p": few, "q": most}}
    space = Space("taxonomy", axes, (), ())
    pairs = {("x", "p"), ("y", "q")}
    with pytest.raises(DomainError, match=r"4 combinations .* \d+ of 100 rows find none"):
        next(arranged(space, 0, lambda row: (row["theme"], row["a"]) in pairs))


def full(row: Row, **more: Any) -> Scenario:
    return Scenario(
        id=f"own-{row.index}",
        domain="bikes",
        persona={},
        scenario={"problem": f"number {row.index}"},
        provenance={"theme": row.theme, "axes": dict(row.axes), **more},
    )


async def test_a_scenario_that_names_its_combination_claims_it(tmp_path: Path) -> None:
    domain = bicycles(tmp_path / "bikes")
    run = run_of(tmp_path / "run", sessions=24)
    before = list(training_rows(run, domain))
    assert len({tuple(values_of(row).items()) for row in before}) > 8
    own = [full(before[0]), full(before[1])]
    write_jsonl(tmp_path / "own.jsonl", own)
    evaluation = run.experiment.evaluation.model_copy(
        update={"scenarios": str(tmp_path / "own.jsonl")}
    )
    run = Run(run.path, run.experiment.model_copy(update={"evaluation": evaluation}))
    split = split_of(run, domain)
    assert len(split.claimed) == 2
    rows = list(training_rows(run, domain))
    taken = {tuple(values_of(row).items()) for row in before[:2]}
    assert not taken & {tuple(values_of(row).items()) for row in rows}
    assert coverage_table(rows, domain, run.experiment.generation)["met"] is True
    await generate(run, domain, FakeTeacher(), silent())
    report = read_json(run.generation / "report.json")
    assert report["split"] == {"by": "scenarios", "share": 0.0, "claimed": 2, "crossed": 0}


def test_a_theme_alone_is_not_claimed(tmp_path: Path) -> None:
    bicycles(tmp_path / "bikes")
    (tmp_path / "bikes" / "taxonomy" / "axes.yaml").write_text("{}\n")
    domain = Domain(tmp_path / "bikes")
    run = run_of(tmp_path / "run", sessions=6)
    rows = list(training_rows(run, domain))
    write_jsonl(domain.path / "scenarios" / "evaluation.jsonl", map(full, rows))
    assert split_of(run, domain).fits is None
    assert list(training_rows(run, domain)) == rows


def test_a_part_of_a_combination_claims_nothing() -> None:
    axes = load_space(THERAPY).axes
    row = next(iter(iter_rows(THERAPY, GenerationSettings(sessions=1), 0)))
    whole = full(row)
    assert claim(whole, axes) == tuple(sorted(values_of(row).items()))
    in_persona = whole.model_copy(
        update={"persona": dict(row.axes), "provenance": {"theme": row.theme}}
    )
    assert claim(in_persona, axes) == claim(whole, axes)
    for provenance in ({}, {"theme": row.theme}, {"theme": row.theme, "axes": ["not", "axes"]}):
        assert claim(whole.model_copy(update={"provenance": provenance}), axes) is None
    odd = {**row.axes, "attitude": "glad"}
    assert claim(full(row, axes=odd), axes) is None
    assert claim(full(row, axes={**row.axes, "attitude": ["a", "list"]}), axes) is None


@pytest.mark.parametrize(("name", "claims"), [("therapy", 0), ("support", 24), ("text2cypher", 24)])
def test_what_the_shipped_scenarios_claim(name: str, claims: int, tmp_path: Path) -> None:
    """Those of therapy name no culture and no severity, and occupations of their own."""
    domain = load_domain(name)
    scenarios = read_scenarios(scenarios_path(domain, "domain"), domain)
    found = split_of(run_of(tmp_path, sessions=1), domain)
    assert len(found.claimed) == claims <= len(scenarios)
    assert (found.fits is None) is not claims
    asked = GenerationSettings(sessions=200)
    plain, kept = (list(iter_rows(domain, asked, 1, None, fits)) for fits in (None, found.fits))
    crossing = sum(found.evaluation(values_of(row)) for row in plain)
    changed = sum(row != other for row, other in zip(plain, kept, strict=True))
    assert crossing <= changed <= 3 * crossing
