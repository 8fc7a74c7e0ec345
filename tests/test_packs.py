"""Other verticals are folders: whole demo generations on the packs for support and text2cypher."""

import itertools
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from generation.execution import executor_of
from generation.review import Review
from generation.stage import generate
from hybridtune.config import load_experiment
from hybridtune.domain import HOME, Domain, load_domain
from hybridtune.overlap import strings
from hybridtune.progress import silent
from hybridtune.records import Message, Persona, Scenario, Session, read_json, read_jsonl
from hybridtune.runs import Run
from hybridtune.scripted.answer import answer
from hybridtune.scripted.stock import stock
from hybridtune.scripted.text import SLOT, refill, words
from hybridtune.serving.models import open_models

ROOT = HOME.parent
NAMES = ("support", "text2cypher")
LISTS = {"support": ("causes", "cause"), "text2cypher": ("operations", "operation")}
PLANTED = {
    "parse": "MATCH (s:Station RETURN s.name AS station",
    "error": "MATCH (s:Station) RETURN s.capacity AS capacity",
    "empty": "MATCH (s:Station) WHERE s.docks > 1000 RETURN s.name AS station",
    "timeout": "UNWIND range(1, 1000000) AS x UNWIND range(1, 1000000) AS y WITH x, y "
    "WHERE x + y < 0 RETURN count(*) AS pairs",
    "forbidden: SET": "MATCH (s:Station) SET s.docks = 99 RETURN s.name AS station",
    "forbidden: LOAD": "LOAD CSV FROM 'stations.csv' AS row RETURN row",
}


def run_of(path: Path, name: str, **generation: Any) -> Run:
    """A run of the shipped demo of a pack, with other settings of its generation where given."""
    experiment = load_experiment(ROOT / "configs" / f"{name}-demo.yaml")
    settings = experiment.generation.model_copy(update=generation)
    path.mkdir(exist_ok=True)
    return Run(path, experiment.model_copy(update={"generation": settings}))


async def generated(run: Run, domain: Domain) -> dict[str, Any]:
    async with open_models(
        run, domain, ["teacher"], stage="generation", reporter=silent()
    ) as models:
        await generate(run, domain, models["teacher"], silent())
    report: dict[str, Any] = read_json(run.generation / "report.json")
    return report


def held_out(domain: Domain) -> list[Scenario]:
    return read_jsonl(domain.path / "scenarios" / "evaluation.jsonl", Scenario)


def grams(text: str, size: int = 8) -> set[tuple[str, ...]]:
    said = words(text)
    return {said[start : start + size] for start in range(len(said) - size + 1)}


@pytest.mark.parametrize("method", ["whole", "two-agent"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_whole_demo_generation(tmp_path: Path, name: str, method: str) -> None:
    domain = load_domain(name)
    run = run_of(tmp_path / "run", name, sessions=48, method=method)
    report = await generated(run, domain)
    for kind, count in report["counts"].items():
        assert count["failed"] == 0, kind
        assert count["asked"] == count["written"], kind
    assert len(read_jsonl(run.generation / "personas.jsonl", Persona)) == 48
    scenarios = read_jsonl(run.generation / "scenarios.jsonl", Scenario)
    for scenario in scenarios:
        jsonschema.validate(scenario.persona, domain.schema("persona"))
        jsonschema.validate(scenario.scenario, domain.schema("scenario"))
    themes = Counter(scenario.provenance["theme"] for scenario in scenarios)
    assert themes == dict.fromkeys(domain.words("taxonomy/themes"), 4)
    for axis, values in domain.words("taxonomy/axes").items():
        shown = Counter(scenario.persona[axis] for scenario in scenarios)
        assert set(shown) == set(values)
        assert {count - 48 // len(values) for count in shown.values()} <= {0, 1}, axis
    drafts = read_jsonl(run.generation / "drafts.jsonl", Session)
    reviews = read_jsonl(run.generation / "decisions.jsonl", Review)
    synthetic = read_jsonl(run.generation / "synthetic.jsonl", Session)
    statuses = Counter(review.status for review in reviews)
    assert len(drafts) == len(reviews) == 48
    assert statuses["accepted"] == len(synthetic) >= 24, report["reasons"]
    assert statuses["rejected"] > 0
    assert all(session.ranking for session in synthetic)
    assert report["held_out"]["scenarios"] == 24
    assert report["held_out"]["disjoint"] is True


async def test_every_pair_kept_was_executed(tmp_path: Path) -> None:
    domain = load_domain("text2cypher")
    run = run_of(tmp_path / "run", "text2cypher")
    report = await generated(run, domain)
    kept = read_jsonl(run.generation / "synthetic.jsonl", Session)
    executor = executor_of(domain)
    assert executor
    for session in kept:
        assert [message.role for message in session.messages] == ["user", "assistant"]
        (proof,) = session.provenance["execution"]
        found = executor.run(session.messages[1].content)
        assert proof == {"rows": found.rows, "columns": found.columns, "sha256": found.sha256}
        assert found.rows > 0
        assert session.provenance["checks"][-2:] == ["execution", "near_duplicate"]
    assert report["reasons"]["rejected"]["execution"] >= 1, "some are wrong on purpose"
    again = run_of(tmp_path / "again", "text2cypher")
    await generated(again, domain)
    for file in ("synthetic.jsonl", "decisions.jsonl"):
        assert (again.generation / file).read_bytes() == (run.generation / file).read_bytes()


async def test_planted_pairs_are_rejected_each_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generation.execution.CPU_S", 0.5)
    pack = tmp_path / "text2cypher"
    shutil.copytree(load_domain("text2cypher").path, pack)
    for path in (pack / "scripted" / "themes").glob("*.yaml"):
        path.unlink()
    facts = load_domain("text2cypher").words("scripted/themes/stations")["size of stations"]
    themes = dict.fromkeys(PLANTED) | {"good": None}
    queries = {**PLANTED, "good": "MATCH (s:Station) RETURN s.name AS station ORDER BY station"}
    planted = {
        theme: {
            **facts,
            "parts": {"ask": [f"Which stations of the {theme} kind are there?"]},
            "answers": {f"Which stations of the {theme} kind are there?": [queries[theme]]},
        }
        for theme in themes
    }
    write = {"scripted/themes/planted.yaml": planted, "taxonomy/themes.yaml": themes}
    for name, content in write.items():
        (pack / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    shapes = pack / "scripted" / "shapes.yaml"
    shapes.write_text(
        shapes.read_text(encoding="utf-8").replace("size of stations", "good"), encoding="utf-8"
    )
    run = run_of(tmp_path / "run", "text2cypher", sessions=len(themes))
    report = await generated(run, Domain(pack))
    assert report["reasons"]["rejected"] == {"execution": len(PLANTED)}
    drafts = read_jsonl(run.generation / "drafts.jsonl", Session)
    reviews = read_jsonl(run.generation / "decisions.jsonl", Review)
    details = {
        draft.provenance["theme"]: review.detail
        for draft, review in zip(drafts, reviews, strict=True)
        if review.reason == "execution"
    }
    assert details.keys() == PLANTED.keys()
    assert [theme for theme, detail in details.items() if not detail.startswith(theme)] == []
    kept = read_jsonl(run.generation / "synthetic.jsonl", Session)
    assert [session.provenance["theme"] for session in kept] == ["good"]


@pytest.mark.parametrize("name", NAMES)
def test_lists_of_a_pack_agree(name: str) -> None:
    domain = load_domain(name)
    place, kind = LISTS[name]
    item = domain.schema("scenario")["properties"][place]["items"]
    assert set(item["properties"][kind]["enum"]) == set(domain.words(f"taxonomy/{place}"))
    axes = domain.words("taxonomy/axes")
    assert set(axes) | {"background"} == set(domain.schema("persona")["properties"])
    themes = set(domain.words("taxonomy/themes"))
    assert set(stock(domain).themes) == themes
    for theme in stock(domain).themes.values():
        assert set(theme["thoughts"]) <= set(domain.words(f"taxonomy/{place}"))


@pytest.mark.parametrize("name", NAMES)
def test_held_out_scenarios_of_a_pack(name: str) -> None:
    domain = load_domain(name)
    scenarios = held_out(domain)
    themes = list(domain.words("taxonomy/themes"))
    numbers = range(1, len(scenarios) + 1)
    assert [each.id for each in scenarios] == [f"{name}-eval-{number:02}" for number in numbers]
    assert len(scenarios) >= 20
    assert Counter(each.provenance["theme"] for each in scenarios) == dict.fromkeys(themes, 2)
    axes = domain.words("taxonomy/axes")
    for each in scenarios:
        jsonschema.validate(each.persona, domain.schema("persona"))
        jsonschema.validate(each.scenario, domain.schema("scenario"))
        assert all(each.persona[axis] in values for axis, values in axes.items()), each.id


@pytest.mark.parametrize("name", NAMES)
def test_held_out_scenarios_are_apart_from_the_stand_ins(name: str) -> None:
    domain = load_domain(name)
    files = [*domain.path.glob("scripted/**/*.yaml"), *domain.path.glob("prompts/*")]
    written = set[tuple[str, ...]]().union(*(grams(path.read_text("utf-8")) for path in files))
    seen: dict[tuple[str, ...], str] = {}
    for each in held_out(domain):
        texts = strings([each.scenario, each.persona["background"]])
        for gram in set[tuple[str, ...]]().union(*map(grams, texts)):
            assert gram not in written, each.id
            assert seen.setdefault(gram, each.id) == each.id


def test_every_held_out_question_has_an_answer() -> None:
    domain = load_domain("text2cypher")
    executor = executor_of(domain)
    assert executor
    for each in held_out(domain):
        found = executor.run(each.provenance["cypher"])
        assert found.reason is None, (each.id, found)
        assert each.provenance["cypher"] not in str(each.scenario)


def test_the_first_query_to_every_scripted_question_is_right() -> None:
    domain = load_domain("text2cypher")
    executor = executor_of(domain)
    assert executor
    wrong = Counter[str]()
    for theme in stock(domain).themes.values():
        assert set(theme["parts"]["ask"]) == set(theme["answers"])
        for question, queries in theme["answers"].items():
            slots = [slot[1:-1] for slot in SLOT.findall(question)]
            for values in itertools.product(*(theme["parts"][slot] for slot in slots)):
                filled = dict(zip(slots, values, strict=True))
                first, *others = [executor.run(refill(query, filled)) for query in queries]
                assert first.reason is None, (question, filled, first)
                wrong.update(str(found.reason) for found in others if found.reason)
    assert wrong.keys() == {"error", "empty", "parse"}


def test_the_prompts_know_the_graph_as_it_is() -> None:
    path = load_domain("text2cypher").path
    told = (path / "prompts" / "graph.txt").read_text(encoding="utf-8")
    schema = (path / "graph" / "schema.cypher").read_text(encoding="utf-8")
    tables = dict(re.findall(r"TABLE (\w+)\((.*)\);", schema))
    assert {file.stem for file in (path / "graph").glob("*.csv")} == tables.keys()
    for table, columns in tables.items():
        (line,) = [line for line in told.splitlines() if re.match(rf"- .*\b{table}\b[\]:]", line)]
        names = re.findall(r"(?:^|, )(\w+) (?:STRING|INT64|DATE|BOOLEAN)", columns)
        assert [name for name in names if not re.search(rf"\b{name}\b", line)] == []
        ends = re.match(r"FROM (\w+) TO (\w+)", columns)
        if ends:
            assert f"(:{ends[1]})-[:{table}]->(:{ends[2]})" in line


def test_the_counselor_answers_a_question_with_its_query() -> None:
    domain = load_domain("text2cypher")
    theme = stock(domain).themes["stations of a district"]
    question = "For my notes: which stations are in Old Town, in the order of the alphabet?"
    queries = {
        refill(query, {"district": "Old Town"})
        for query in theme["answers"][next(iter(theme["answers"]))]
    }
    heard = [Message(role="user", content=question)]
    assert {answer(domain, "counselor", {}, heard, seed) for seed in range(30)} == queries


def test_an_experiment_may_ask_for_pairs() -> None:
    settings = load_experiment(ROOT / "configs" / "text2cypher-demo.yaml").generation
    assert (settings.min_exchanges, settings.max_exchanges) == (1, 1)
