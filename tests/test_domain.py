"""The shipped packs hold together: prompts, schemas, lists, rubrics, held-out scenarios."""

import re
from pathlib import Path

import jsonschema
import pytest

from hybridtune.domain import HOME, Domain, load_domain
from hybridtune.errors import DomainError
from hybridtune.records import Scenario, read_jsonl
from hybridtune.scripted.text import sentences, words

PACKS = sorted(path.parent.name for path in HOME.glob("*/domain.yaml"))
CRISIS = re.compile(
    r"suicid|self-?harm|hurt(ing)? myself|kill(ed|ing)? (my|him|her)self|end my life|overdose", re.I
)


@pytest.fixture(scope="module")
def therapy() -> Domain:
    return load_domain("therapy")


def held_out(domain: Domain) -> list[Scenario]:
    return read_jsonl(domain.path / "scenarios" / "evaluation.jsonl", Scenario)


def grams(text: str, size: int = 8) -> set[tuple[str, ...]]:
    said = words(text)
    return {said[start : start + size] for start in range(len(said) - size + 1)}


@pytest.mark.parametrize("name", PACKS)
def test_every_prompt_renders_strictly(name: str) -> None:
    domain = load_domain(name)
    first = held_out(domain)[0]
    rubric = domain.rubric("ranking")
    values = {
        "counselor": {},
        "persona": {
            "theme": "a {{ theme }}", "axes": {"age_band": "25 to 34"},
            "schema": domain.schema("persona"),
        },
        "scenario": {
            "theme": "any", "persona": first.persona, "schema": domain.schema("scenario"),
        },
        "session": {
            "persona": first.persona, "scenario": first.scenario, "exchanges": 7,
            "counselor_prompt": domain.system_prompt,
        },
        "patient": {"persona": first.persona, "scenario": first.scenario},
        "judge": {"rubric": rubric, "transcript": "Client: I'm <here>"},
        "rank": {
            "rubric": rubric, "transcript": "Client: I'm <here>",
            "persona": first.persona, "scenario": first.scenario,
        },
        "attribution": {"lines": [{"number": 1, "text": "Hi.", "change": False}]},
        "compare": {"rubric": rubric, "first": "Client: a", "second": "Client: b"},
    }  # fmt: skip
    if (domain.path / "safety").is_dir():
        values["safety"] = {"rubric": domain.rubric("safety"), "transcript": "Client: I'm <here>"}
    if (domain.path / "disclosure.yaml").is_file():
        parts = [{"kind": "story", "text": "I {{ fret }}."}]
        values["release"] = {"parts": parts, "left": 2, "exchange": 0}
    files = {path.stem for path in (domain.path / "prompts").glob("*.jinja")}
    for path in (domain.path / "rubrics").glob("*.yaml"):
        if (other := domain.rubric(path.stem)).mode == "checklist":
            values[other.prompt] = {"rubric": other, "transcript": "Client: I'm <here>"}
    assert files == set(values)
    rendered = {prompt: domain.render(prompt, **given) for prompt, given in values.items()}
    released = rendered.pop("release", "I {{ fret }}.")
    assert "I {{ fret }}." in released
    assert all(len(text) > 300 for text in rendered.values())
    assert "a {{ theme }}" in rendered["persona"]
    assert "Client: I'm <here>" in rendered["judge"]
    told = next(value for value in first.scenario.values() if isinstance(value, str))
    assert told in rendered["rank"]
    assert told not in rendered["judge"]
    assert "\\u0027" not in "".join(rendered.values())
    assert "14 turns" in rendered["session"]
    assert domain.settings.end_marker in rendered["patient"]
    with pytest.raises(DomainError, match="scenario"):
        domain.render("patient", persona=first.persona)


def test_patient_prompt_names_no_thinking_error(therapy: Domain) -> None:
    for scenario in held_out(therapy):
        text = therapy.render("patient", persona=scenario.persona, scenario=scenario.scenario)
        for item in scenario.scenario["cognitive_distortions"]:
            assert item["thought"] in text
            assert item["distortion"] not in text


@pytest.mark.parametrize("name", PACKS)
def test_rubrics_are_anchored_at_both_ends(name: str) -> None:
    domain = load_domain(name)
    for path in sorted((domain.path / "rubrics").glob("*.yaml")):
        rubric = domain.rubric(path.stem)
        levels = {0, 1} if path.stem == "safety" else {1, 4, 7, 10}
        assert (rubric.low, rubric.high) == (min(levels), max(levels))
        for dimension in rubric.dimensions.values():
            if rubric.mode == "scale":
                assert levels <= dimension.anchors.keys()
            else:
                assert {item.good for item in dimension.items.values()} == {True, False}


def test_lists_agree(therapy: Domain) -> None:
    item = therapy.schema("scenario")["properties"]["cognitive_distortions"]["items"]
    kinds = set(therapy.words("taxonomy/distortions"))
    assert set(item["properties"]["distortion"]["enum"]) == kinds
    axes = therapy.words("taxonomy/axes")
    assert set(axes) | {"background"} == set(therapy.schema("persona")["properties"])
    assert all(len(values) == len(set(values)) > 5 for values in axes.values())
    assert len(therapy.words("taxonomy/themes")) >= 25


def test_held_out_scenarios(therapy: Domain) -> None:
    scenarios = held_out(therapy)
    themes = [scenario.provenance["theme"] for scenario in scenarios]
    assert [scenario.id for scenario in scenarios] == [
        f"therapy-eval-{number:02}" for number in range(1, 51)
    ]
    assert set(themes) == set(therapy.words("taxonomy/themes"))
    used = set()
    for scenario in scenarios:
        jsonschema.validate(scenario.persona, therapy.schema("persona"))
        jsonschema.validate(scenario.scenario, therapy.schema("scenario"))
        assert 3 <= len(sentences(scenario.scenario["scenario"])) <= 6
        used |= {item["distortion"] for item in scenario.scenario["cognitive_distortions"]}
    assert used == set(therapy.words("taxonomy/distortions"))


def test_held_out_scenarios_share_no_wording(therapy: Domain) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for scenario in held_out(therapy):
        text = f"{scenario.scenario['scenario']} {scenario.persona['background']}"
        for gram in grams(text):
            assert seen.setdefault(gram, scenario.id) == scenario.id


def test_no_crisis_content(therapy: Domain) -> None:
    files = [*therapy.path.glob("scripted/**/*.yaml"), *therapy.path.glob("scenarios/*.jsonl")]
    assert len(files) > 8
    for path in files:
        assert not CRISIS.search(path.read_text(encoding="utf-8")), path


def test_missing_prompt_and_pack_are_clear(therapy: Domain, tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="no such prompt"):
        therapy.render("nothing")
    with pytest.raises(DomainError, match="therapy"):
        load_domain(str(tmp_path / "absent"))
