"""The plan of the rows: what a pack says of its personas, quotas, lengths, a session's phases."""

import shutil
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from generation.coverage import coverage_table, decided, iter_rows, plan_rows, quotas
from generation.lengths import length_inputs
from generation.phases import phases_for
from generation.space import load_space
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import HOME, Domain, load_domain
from hybridtune.errors import ConfigError, DataError, DomainError
from hybridtune.records import Message, Session, write_jsonl
from hybridtune.seeds import derive

THERAPY = load_domain("therapy")
PACKS = sorted(path.parent.name for path in HOME.glob("*/domain.yaml"))
AXES = {
    "age_band", "occupation", "culture", "personality", "severity", "attitude", "speaking_style",
}  # fmt: skip


def pack(folder: Path, **files: Any) -> Domain:
    """A pack with nothing but a taxonomy."""
    taxonomy = {"themes": {"a": "", "b": ""}, "axes": {"x": ["x1", "x2"], "y": {"y1": 3, "y2": 1}}}
    for name, content in {**taxonomy, **files}.items():
        path = folder / ("" if name == "session_plan" else "taxonomy") / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "domain.yaml").write_text("title: any\nopener: Hello.\n")
    return Domain(folder)


def real_sessions(path: Path, lengths: list[int]) -> Path:
    turns = (Message(role="user", content="a"), Message(role="assistant", content="b"))
    write_jsonl(
        path,
        (
            Session(id=str(number), domain="any", source="real", messages=turns * length)
            for number, length in enumerate(lengths)
        ),
    )
    return path


def lengths_of(settings: GenerationSettings, real: Path | None = None) -> Counter[int]:
    return Counter(n for row in iter_rows(THERAPY, settings, 0, real) for n in row.exchanges)


@pytest.mark.parametrize("seed", [0, 1, 20241011])
def test_two_thousand_rows_meet_every_quota_exactly(seed: int) -> None:
    settings = GenerationSettings(sessions=2000, min_exchanges=6, max_exchanges=10)
    rows = plan_rows(THERAPY, settings, seed)
    found = {axis: Counter(row.axes[axis] for row in rows) for axis in rows[0].axes}
    found["theme"] = Counter(row.theme for row in rows)
    found["exchanges"] = Counter(str(n) for row in rows for n in row.exchanges)
    assert set(found) >= {"theme", "exchanges", *AXES}
    assert found == quotas(THERAPY, settings, 2000)
    table = coverage_table(rows, THERAPY, settings)
    assert (table["rows"], table["forbidden"], table["exact_every"]) == (2000, 0, 100)
    assert table["met"] is True
    assert len(table["floors"]) >= 5
    for values in table["axes"].values():
        for value in values.values():
            assert value["asked"] == value["quota"] == round(2000 * value["share"])


@pytest.mark.parametrize("name", PACKS)
@pytest.mark.parametrize("sessions", [1, 24, 137])
def test_any_number_of_rows_is_within_one_of_every_share(name: str, sessions: int) -> None:
    domain, settings = load_domain(name), GenerationSettings(sessions=sessions)
    table = coverage_table(iter_rows(domain, settings, 5), domain, settings)
    assert table["met"] is True
    assert table["rows"] == sessions


def test_a_broken_plan_is_seen_in_the_table() -> None:
    settings = GenerationSettings(sessions=100)
    rows = plan_rows(THERAPY, settings, 0)
    table = coverage_table([rows[0]] * 100, THERAPY, settings)
    assert table["met"] is False
    assert not table["axes"]["theme"][rows[0].theme]["met"]


def test_more_rows_leave_the_earlier_ones_as_they_are() -> None:
    few = plan_rows(THERAPY, GenerationSettings(sessions=140), seed=3)
    many = plan_rows(THERAPY, GenerationSettings(sessions=390), seed=3)
    assert many[:140] == few
    assert plan_rows(THERAPY, GenerationSettings(sessions=140), seed=4) != few


def test_rows_come_one_at_a_time() -> None:
    rows = iter_rows(THERAPY, GenerationSettings(sessions=10**9), seed=3)
    assert [row.index for row in islice(rows, 5)] == list(range(5))


def test_the_shipped_pack_has_no_retired_students_of_twenty() -> None:
    rows = plan_rows(THERAPY, GenerationSettings(sessions=1000), seed=2)
    for row in rows:
        age, work = row.axes["age_band"], row.axes["occupation"]
        assert not ("retired" in work and age < "55")
        assert not (row.theme == "retirement" and "retired" not in work)
    carers = [row for row in rows if row.theme == "caring for an ill relative"]
    assert sum(row.axes["age_band"] == "18 to 24" for row in carers) >= 10
    assert sum(row.theme == "grief for a pet" for row in rows) == 20


@pytest.mark.parametrize(("sessions", "lengths"), [(7, [3, 3, 1]), (6, [3, 3]), (0, [])])
def test_sessions_share_personas(sessions: int, lengths: list[int]) -> None:
    settings = GenerationSettings(sessions=sessions, scenarios_per_persona=3)
    rows = plan_rows(THERAPY, settings, seed=0)
    assert [len(row.exchanges) for row in rows] == lengths
    due = quotas(THERAPY, settings, len(rows))
    assert sum(due["exchanges"].values()) == sessions
    assert sum(due["theme"].values()) == len(rows)


def test_a_pack_without_coverage_has_equal_themes(tmp_path: Path) -> None:
    space = load_space(pack(tmp_path))
    assert {axis: list(map(float, parts.values())) for axis, parts in space.axes.items()} == {
        "theme": [0.5, 0.5], "x": [0.5, 0.5], "y": [0.75, 0.25],
    }  # fmt: skip
    assert (space.forbidden, space.rare) == ((), ())


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"axes": {"x": []}}, r"axes.yaml: x: neither a list"),
        ({"axes": {"x": ["a", "a"]}}, r"axes.yaml: x: 'a' is there twice"),
        ({"axes": {"x": [True, "a"]}}, r"axes.yaml: x: not a text: True \(write it in quotes\)"),
        ({"axes": {"x": {"a": 0}}}, r"axes.yaml: x.a: not a number above 0: 0"),
        ({"axes": {"x": {"a": 1, "b": 0.0000017}}}, r"coverage.yaml: x: the weights would be met"),
        ({"axes": {"theme": ["a"]}}, r"axes.yaml: no axis can be called 'theme'"),
        ({"themes": {}}, r"themes.yaml: no themes"),
        ({"coverage": {"floor": []}}, r"there is no 'floor' \(did you mean 'floors'\?\)"),
        ({"coverage": {"forbidden": {"x": "x1"}}}, r"forbidden: not a list of mappings"),
        ({"coverage": {"forbidden": [{"x": "x1", "y": "y3"}]}}, r"\[0\].y: there is no 'y3'"),
        ({"coverage": {"forbidden": [{"x": "x1"}]}}, r"forbidden\[0\]: names fewer than two axes"),
        (
            {"coverage": {"forbidden": [{"x": {"not": ["x1", "x2"]}, "y": "y1"}]}},
            r"forbidden\[0\].x: no value is left",
        ),
        ({"coverage": {"floors": [{"x": "x1"}]}}, r"floors\[0\].share: not a number above 0: None"),
        ({"coverage": {"floors": [{"share": 0.1}]}}, r"floors\[0\]: names no axis"),
        ({"coverage": {"floors": [{"x": "x1", "share": 1}]}}, r"floors: x: the floors leave"),
        ({"coverage": {"themes": {"a": 1}}}, r"coverage.yaml: themes: no weight for 'b'"),
        ({"coverage": {"themes": {"a": 1, "c": 1}}}, r"themes: there is no 'c'"),
        (
            {"coverage": {"floors": [{"x": "x1", "y": "y2", "share": 0.3}]}},
            r"the quotas of y cannot be met .* \(of the floor 'x: x1, y: y2'\) can have only 'y2'",
        ),
    ],
)  # fmt: skip
def test_what_a_pack_cannot_mean_is_said_at_once(
    tmp_path: Path, files: dict[str, Any], message: str
) -> None:
    with pytest.raises(DomainError, match=message):
        iter_rows(pack(tmp_path, **files), GenerationSettings(sessions=5), seed=0)


def test_the_example_in_the_documents_is_met(tmp_path: Path) -> None:
    text = (HOME.parent / "docs" / "domains.md").read_text(encoding="utf-8")
    axes, coverage = (
        yaml.safe_load(body)
        for body in text.split("```\n")[1:]
        if body.startswith(("age_band:", "themes:"))
    )
    themes = dict.fromkeys(coverage["themes"], "")
    domain = pack(tmp_path, themes=themes, axes=axes, coverage=coverage)
    settings = GenerationSettings(sessions=400)
    assert coverage_table(iter_rows(domain, settings, 0), domain, settings)["met"] is True


def test_lengths_are_even_weighted_or_those_of_the_corpus(tmp_path: Path) -> None:
    bounds = {"min_exchanges": 4, "max_exchanges": 8}
    even = GenerationSettings(sessions=600, **bounds)
    assert lengths_of(even) == dict.fromkeys(range(4, 9), 120)
    weighted = GenerationSettings(sessions=600, lengths={4: 1, 8: 1.5}, **bounds)
    assert lengths_of(weighted) == {4: 240, 8: 360}
    real = real_sessions(tmp_path / "real.jsonl", [2, 5, 5, 5, 8, 40])
    corpus = GenerationSettings(sessions=600, lengths="corpus", **bounds)
    assert lengths_of(corpus, real) == {4: 100, 5: 300, 8: 200}
    assert quotas(THERAPY, corpus, 12, real)["exchanges"] == {"4": 2, "5": 6, "8": 4}
    assert (length_inputs(corpus, real), length_inputs(even, real)) == ([real], [])


def test_lengths_that_cannot_be_had(tmp_path: Path) -> None:
    corpus = GenerationSettings(sessions=6, lengths="corpus")
    with pytest.raises(DataError, match="no such file"):
        lengths_of(corpus, tmp_path / "real.jsonl")
    with pytest.raises(DataError, match="no sessions whose lengths"):
        lengths_of(corpus, real_sessions(tmp_path / "real.jsonl", []))
    with pytest.raises(DataError, match="no corpus is known"):
        lengths_of(corpus)
    with pytest.raises(ConfigError, match=r"generation.lengths: .* met once in"):
        lengths_of(GenerationSettings(sessions=6, lengths={6: 1, 7: 0.0000017}))
    with pytest.raises(ValueError, match="lengths: 20 is not between"):
        GenerationSettings(lengths={20: 1})
    with pytest.raises(ValueError, match="lengths: no length"):
        GenerationSettings(lengths={})


def test_phases_add_up_and_keep_their_order() -> None:
    order = list(THERAPY.words("session_plan"))
    assert order == ["opening", "exploring", "working", "summarising", "closing"]
    for exchanges in range(1, 60):
        phases = phases_for(THERAPY, exchanges)
        assert sum(phase.exchanges for phase in phases) == exchanges
        assert min(phase.exchanges for phase in phases) >= 1
        names = [phase.name for phase in phases]
        assert names == [name for name in order if name in names]
        assert (phases[0].first, phases[-1].last) == (1, exchanges)
        assert names == order if exchanges >= 6 else len(names) == min(exchanges, 4)


def test_the_plan_is_in_the_prompts_and_optional() -> None:
    told: dict[str, Any] = {
        "persona": {},
        "scenario": {"scenario": "S", "cognitive_distortions": []},
    }
    phases = phases_for(THERAPY, 8)
    asked = {"exchanges": 8, "counselor_prompt": "C", **told}
    session = THERAPY.render("session", phases=phases, **asked)
    assert "- exploring (exchanges 2 to 4): " in session
    assert "- closing (exchange 8): " in session
    assert all(phase.counselor in session and phase.patient in session for phase in phases)
    assert "one small step, and closes" in THERAPY.render("session", **asked)
    patient = THERAPY.render("patient", phases=phases, **told)
    assert all(phase.patient in patient for phase in phases)
    assert phases[1].counselor not in patient
    assert "turns 2 to 4" not in THERAPY.render("patient", **told)


def test_a_plan_that_does_not_fit(tmp_path: Path) -> None:
    phase = {"share": 1, "what": "a", "counselor": "b", "patient": "c"}
    assert phases_for(pack(tmp_path / "none"), 5) == ()
    with pytest.raises(DomainError, match=r"session_plan.yaml: end.share: .* greater than 0"):
        phases_for(pack(tmp_path / "a", session_plan={"end": {**phase, "share": 0}}), 5)
    with pytest.raises(DomainError, match="a session of 1 exchanges would have 2 phases"):
        phases_for(pack(tmp_path / "b", session_plan={"begin": phase, "end": phase}), 5)


def test_what_a_row_decides_is_not_the_models_choice(tmp_path: Path) -> None:
    schema = THERAPY.schema("persona")
    row = plan_rows(THERAPY, GenerationSettings(sessions=1), seed=0)[0]
    bound = decided(schema, row.axes)
    persona = dict.fromkeys(schema["properties"], "any")
    jsonschema.validate(persona, schema)
    jsonschema.validate({**persona, **row.axes}, bound)
    for axis in AXES:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**persona, **row.axes, axis: "other"}, bound)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(
                {k: v for k, v in {**persona, **row.axes}.items() if k != axis}, bound
            )
    assert schema == Domain(shutil.copytree(THERAPY.path, tmp_path / "copy")).schema("persona")
    assert decided({"type": "object"}, row.axes) == {"type": "object"}


def test_seeds_differ_by_purpose_and_are_stable() -> None:
    assert derive(0, "generation", 1, "persona") == 728262425
    seeds = {derive(0, "generation", row, step) for row in range(100) for step in ("a", "b")}
    assert len(seeds) == 200
    assert derive(0, "1", "23") != derive(0, "12", "3")
