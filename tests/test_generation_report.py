"""The report of the generation: every measure against a value computed in another way."""

import io
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fabricated import with_embedder
from fake_teacher import FakeTeacher, bicycles, generated, run_of
from rich.console import Console
from scipy import stats
from scipy.sparse import csr_array

from generation.card import model_name, plain
from generation.comparison import compare
from generation.measures import bins, cut, distances, distinct, histogram, quantile, summary
from generation.page import write_report
from generation.sample import read_side
from generation.sentences import embed_samples
from generation.steps import steps
from generation.summary import lines, render_summary
from generation.topics import clusters, plane, topics
from generation.vectors import (
    by_sentences,
    chosen_terms,
    from_centre,
    lsa,
    nearest,
    tfidf,
    unit,
    vectors,
    vendi,
)
from hybridtune.cli.plan import Load, cost, loads_table
from hybridtune.config import ROLES, Experiment
from hybridtune.domain import Domain, load_domain
from hybridtune.embedding.embedder import open_embedder
from hybridtune.manifest import Manifest
from hybridtune.progress import Reporter, silent
from hybridtune.records import Message, Persona, Session, read_json, read_jsonl, write_jsonl
from hybridtune.runs import Run
from hybridtune.scripted.answer import answer
from hybridtune.steps import role_part, run_steps

ONE = Counter({3: 4, 5: 1, 9: 2})
OTHER = Counter({2: 1, 5: 3, 8: 5})


def spelled(lengths: Counter[int]) -> list[int]:
    return sorted(lengths.elements())


def session(number: int, *turns: str, source: str = "real") -> Session:
    roles = ("user", "assistant")
    messages = [Message(role=roles[at % 2], content=turn) for at, turn in enumerate(turns)]
    return Session.model_validate(
        {
            "id": f"{source}-{number}",
            "domain": "bikes",
            "source": source,
            "messages": [{"role": "system", "content": "You mend."}, *messages],
        }
    )


def real_sessions(count: int) -> list[Session]:
    drawn = np.random.default_rng(3)
    words = [f"r{number}" for number in range(80)]
    return [
        session(number, *(" ".join(drawn.choice(words, 9)) for _ in range(2 * (2 + number % 4))))
        for number in range(count)
    ]


def test_distances_are_those_of_scipy() -> None:
    found = distances(ONE, OTHER)
    assert found is not None
    one, other = spelled(ONE), spelled(OTHER)
    assert found["ks"] == pytest.approx(stats.ks_2samp(one, other).statistic, abs=1e-4)
    assert found["wasserstein"] == pytest.approx(stats.wasserstein_distance(one, other), abs=1e-4)
    assert distances(ONE, ONE) == {"ks": 0, "wasserstein": 0}
    assert distances(ONE, Counter()) is None


def test_quantiles_and_means_are_those_of_numpy() -> None:
    values = spelled(ONE)
    for share in (0.05, 0.25, 0.5, 0.75, 0.95, 1.0):
        assert quantile(ONE, share) == np.quantile(values, share, method="inverted_cdf")
    found = summary(ONE)
    assert found is not None
    assert (found["n"], found["min"], found["max"]) == (7, 3, 9)
    assert found["mean"] == pytest.approx(np.mean(values), abs=1e-3)
    assert summary(Counter()) is None


def test_both_sides_have_the_same_bins_and_every_length_is_in_one() -> None:
    for sides in ((ONE, OTHER), (Counter({1: 1, 1000: 2}), Counter({7: 1})), (Counter({4: 9}),)):
        edges = bins(sides)
        assert len(edges) <= 13
        for side in sides:
            assert histogram(side, edges) == np.histogram(spelled(side), edges)[0].tolist()
            assert sum(histogram(side, edges)) == side.total()
    assert bins([Counter()]) == []


def test_distinct_counts_n_grams_within_turns() -> None:
    sample = [(("a", "b", "a", "b"), ("a", "b")), (("c",),)]
    assert distinct(sample, 1, 100) == {"distinct": round(3 / 7, 4), "different": 3, "n": 7}
    # ab, ba, ab, ab: the last turn ends before the next begins.
    assert distinct(sample, 2, 100) == {"distinct": 0.5, "different": 2, "n": 4}
    assert list(cut(sample, 5)) == [("a", "b", "a", "b"), ("a",)]
    assert distinct(sample, 3, 2) == {"distinct": 0.0, "different": 0, "n": 0}


def test_a_file_is_measured_whole_and_sampled_at_random(tmp_path: Path) -> None:
    path = tmp_path / "real.jsonl"
    sessions = [session(n, f"s{n} One, two", "three") for n in range(200)]
    write_jsonl(path, sessions)
    side = read_side(path, "real", 5, size=20)
    assert side.sessions == 200
    assert side.lengths["words_per_session"] == Counter({4: 200})
    assert side.lengths["words_per_turn"] == Counter({3: 200, 1: 200})
    assert len(side.sample) == 20
    assert read_side(path, "real", 5, size=20) == side
    assert read_side(path, "real", 6, size=20).sample != side.sample
    # Each session is as likely as any other: over many seeds, its mean number is the middle one.
    numbers = [
        int(turns[0][0][1:])
        for seed in range(60)
        for turns in read_side(path, "real", seed, size=20).sample
    ]
    assert abs(np.mean(numbers) - 99.5) < 4 * math.sqrt(200**2 / 12 / len(numbers))
    assert read_side(tmp_path / "none.jsonl", "real", 5).sessions == 0


def counted(*texts: str) -> list[Counter[str]]:
    return [Counter(text.split()) for text in texts]


def test_words_that_most_of_a_side_says_do_not_count() -> None:
    one = counted("um a b", "um a c", "um b d", "um e")
    other = counted("so a f", "so f", "so b", "so c")
    # um is in all of one side though in half of both; d and e are in one session only.
    assert chosen_terms([one, other]) == ("a", "b", "c", "f")
    assert chosen_terms([one, []]) == ("a", "b")


def test_tfidf_by_hand() -> None:
    everything = np.arange(4)
    counts = counted("a a b", "a b", "c d", "c d d")
    found = tfidf(counts, ("a", "b", "c", "d"), everything).toarray()
    first = np.array([1 + math.log(2), 1.0])
    assert found[0] == pytest.approx([*(first / np.linalg.norm(first)), 0, 0])
    for fitted, sessions in ((np.arange(2), (2, 1)), (np.arange(1), (1, 1))):
        rare = tfidf(counted("a b", "a"), ("a", "b"), fitted).toarray()[0]
        idf = np.array([1 + math.log((1 + len(fitted)) / (1 + with_it)) for with_it in sessions])
        assert rare == pytest.approx(idf / np.linalg.norm(idf))


def test_nearest_neighbours_are_those_of_all_pairs() -> None:
    drawn = np.random.default_rng(1)
    one, other = unit(drawn.random((30, 6))), unit(drawn.random((20, 6)))
    pairs = one @ one.T
    np.fill_diagonal(pairs, -1)
    assert nearest(csr_array(one), at_once=7) == pytest.approx(pairs.max(axis=1))
    across = nearest(csr_array(one), csr_array(other), at_once=7)
    assert across == pytest.approx((one @ other.T).max(axis=1))


def test_lsa_keeps_the_cosines_of_the_best_approximation() -> None:
    drawn = np.random.default_rng(2)
    matrix = drawn.random((420, 350)) @ np.diag(np.linspace(3, 0.1, 350))
    fitted = np.arange(400)
    found = lsa(csr_array(matrix), fitted, 1, dimensions=5)
    left, values, right = np.linalg.svd(matrix[:400], full_matrices=False)
    best = unit(left[:, :5] * values[:5])
    assert found[:400] @ found[:400].T == pytest.approx(best @ best.T, abs=1e-6)
    others = unit(matrix[400:] @ right[:5].T)  # where they fall, without a say in the axes
    assert found[400:] @ found[:400].T == pytest.approx(others @ best.T, abs=1e-6)
    assert np.array_equal(found, lsa(csr_array(matrix), fitted, 1, dimensions=5))


def test_vendi_score_counts_what_is_different() -> None:
    def all_pairs(rows: np.ndarray) -> np.ndarray:
        return rows @ rows.T

    axes = np.eye(4)
    assert vendi(all_pairs(axes)) == pytest.approx(4)
    assert vendi(all_pairs(np.repeat(axes[:1], 9, axis=0))) == pytest.approx(1)
    assert vendi(all_pairs(np.repeat(axes[:2], 5, axis=0))) == pytest.approx(2)
    places = unit(np.random.default_rng(4).random((12, 5)))
    eigenvalues = np.linalg.svd(places)[1] ** 2 / 12  # another way to the same eigenvalues
    assert vendi(all_pairs(places)) == pytest.approx(math.exp(stats.entropy(eigenvalues)))
    times = np.array([2.0, 0, 1, *[1] * 9])
    repeated = all_pairs(np.repeat(places, times.astype(int), axis=0))
    assert vendi(all_pairs(places), times) == pytest.approx(vendi(repeated))
    assert from_centre(all_pairs(places), times) == pytest.approx(from_centre(repeated))
    centre = places.mean(axis=0)
    by_hand = np.mean([math.dist(place, centre) for place in places])
    assert from_centre(all_pairs(places)) == pytest.approx(by_hand)


def test_a_side_is_not_judged_by_the_words_of_a_larger_one() -> None:
    """Equally varied sides stay so, however much more there is of one."""
    drawn = np.random.default_rng(6)
    sides = [
        [(tuple(drawn.choice([f"{name}{n}" for n in range(60)], 12)),) for _ in range(count)]
        for name, count in (("s", 400), ("r", 30))
    ]
    found = vectors(sides, 1)
    assert found is not None
    assert len(found.fitted) == 60
    scores = [
        vendi((found.weights[rows] @ found.weights[rows].T).toarray())
        for rows in (np.arange(30), np.arange(400, 430))
    ]
    assert scores[0] == pytest.approx(scores[1], rel=0.1)
    norms = np.linalg.norm(found.places, axis=1)
    assert np.all((norms == 0) | (np.abs(norms - 1) < 1e-9))


def test_topics_part_what_is_apart() -> None:
    drawn = np.random.default_rng(5)
    groups = [unit(centre + 0.02 * drawn.standard_normal((10, 3))) for centre in np.eye(3)[:2]]
    places, everything = np.concatenate(groups), np.arange(20)
    labels = clusters(places, everything, 1)
    assert not set(labels[:10]) & set(labels[10:])
    assert set(clusters(np.repeat(np.eye(3)[:1], 8, axis=0), np.arange(8), 1)) == {0}
    centred = places - places.mean(axis=0)
    expected = np.linalg.svd(centred)[1][:2]
    assert np.linalg.norm(plane(places, everything), axis=0) == pytest.approx(expected)


@pytest.fixture
async def finished(tmp_path: Path) -> tuple[Run, Domain, dict[str, Any]]:
    pack = bicycles(tmp_path / "pack")
    run = run_of(tmp_path / "run", sessions=24)
    write_jsonl(run.corpus / "real.jsonl", real_sessions(15))
    run = await generated(pack, tmp_path / "run", FakeTeacher(), sessions=24)
    return run, pack, write_report(run, pack)


async def test_coverage_counts_what_was_due_asked_written_and_taken(tmp_path: Path) -> None:
    pack = bicycles(tmp_path / "pack")
    teacher = FakeTeacher(fail_persona={0}, leak={1})
    run = await generated(pack, tmp_path / "run", teacher, scenarios_per_persona=2)
    report = read_json(run.generation / "report.json")
    table = report["coverage"]
    assert (table["rows"], table["met"], table["forbidden"]) == (6, True, 0)
    values = table["axes"]["theme"].values()
    assert sum(value["asked"] for value in values) == 6
    assert sum(value["written"] for value in values) == 5
    assert sum(value["taken"] for value in values) == report["synthetic"] == 8
    lengths = table["axes"]["exchanges"]
    assert {length: each["asked"] for length, each in lengths.items()} == {"3": 4, "4": 4, "5": 4}
    assert sum(each["written"] for each in lengths.values()) == 10
    assert sum(each["taken"] for each in lengths.values()) == 8


def test_the_report_compares_equal_numbers(finished: tuple[Run, Domain, dict[str, Any]]) -> None:
    run, _, report = finished
    found = report["against_real"]
    assert found["sessions"] == {"synthetic": 24, "real": 15}
    assert found["distinct"]["tokens"]["synthetic"] == found["distinct"]["tokens"]["real"]
    assert found["likeness"]["within_all_synthetic"]["n"] == 24
    for name in ("within_synthetic", "within_real", "synthetic_to_real"):
        assert found["likeness"][name]["n"] == 15
    for side in ("synthetic", "real"):
        for measure in found["spread"][side].keys() - {"n"}:
            entry = found["spread"][side][measure]
            assert entry["low"] < entry["value"] < entry["high"]
    for side in ("real", "synthetic"):
        assert sum(topic[side] for topic in found["map"]["topics"]) == found["sessions"][side]
        shares = [topic[f"{side}_share"] for topic in found["map"]["topics"]]
        assert sum(shares) == pytest.approx(1, abs=1e-3)
    # The two sides share no word, so that no topic has both and nothing is near to the other side.
    assert not any(topic["real"] and topic["synthetic"] for topic in found["map"]["topics"])
    assert found["likeness"]["synthetic_to_real"]["mean"] == 0
    assert report["scores"] == {"use": {"9": 24}}
    assert compare(run) == found


async def test_with_an_embedder_the_report_compares_its_vectors(
    finished: tuple[Run, Domain, dict[str, Any]],
) -> None:
    run, pack, by_words = finished
    async with open_embedder(
        with_embedder(run, "fake", max_words=40), pack, stage="generation", reporter=silent()
    ) as embedder:
        sentences = await embed_samples(run, embedder)
    assert len(sentences.rows) == 24 + 15
    found = write_report(run, pack, sentences)["against_real"]
    told = found["embedding"]
    assert told["model"]["kind"] == "scripted"
    assert told["model"]["dimensions"] == 512
    assert told["model"]["counts"]["in_parts"] > 0
    assert told["kind"].startswith("sentence embeddings")
    assert by_words["against_real"]["embedding"]["model"] is None
    synthetic, real = sentences.rows[:24], sentences.rows[24:]
    across = (synthetic[:15] @ real.T).max(axis=1).mean()
    within = (real @ real.T - 2 * np.eye(15)).max(axis=1).mean()
    assert found["likeness"]["synthetic_to_real"]["mean"] == pytest.approx(across, abs=1e-4)
    assert found["likeness"]["within_real"]["mean"] == pytest.approx(within, abs=1e-4)
    assert found["spread"]["real"]["vendi"]["value"] == pytest.approx(
        vendi(real @ real.T), abs=1e-3
    )
    for side, count in (("real", 15), ("synthetic", 24)):
        assert sum(topic[side] for topic in found["map"]["topics"]) == count
    assert found["lengths"] == by_words["against_real"]["lengths"]
    assert found["distinct"] == by_words["against_real"]["distinct"]
    page = (run.generation / "report.html").read_text()
    assert "scripted: a stand-in that sees letters, not meaning" in page
    assert "by sentence embeddings" in page
    assert "not measured: no embedder configured" not in page
    write_report(run, pack)
    page = (run.generation / "report.html").read_text()
    assert "not measured: no embedder configured" in page


def test_the_step_embeds_where_an_embedder_is_configured(
    finished: tuple[Run, Domain, dict[str, Any]],
) -> None:
    run, pack, _ = finished
    (before,) = [one for one in steps(run, pack) if one.name == "generation:report"]
    (step,) = [one for one in steps(with_embedder(run, "fake"), pack) if one.name == before.name]
    assert step.fingerprint() != before.fingerprint()
    step.run(silent())
    report = read_json(run.generation / "report.json")
    assert report["against_real"]["embedding"]["model"]["name"] == "scripted"
    assert run.vectors.is_file()


def test_vectors_that_are_all_alike_make_one_topic() -> None:
    found = vectors([[(("a", "b"),), (("a", "c"),)], [(("b", "c"),), (("c", "a"),)]], 1)
    assert found is not None
    alike = by_sentences(found, np.full((4, 3), 3**-0.5), 1)
    told = topics(alike, np.array([False, False, True, True]), 1)
    assert [topic["real"] for topic in told["topics"]] == [2]
    assert alike.placed.all()


def test_the_report_can_be_written_again_with_the_same_bytes(
    finished: tuple[Run, Domain, dict[str, Any]],
) -> None:
    run, pack, _ = finished
    names = ("report.json", "report.html", "DATASET_CARD.md")
    before = [(run.generation / name).read_bytes() for name in names]
    write_report(run, pack)
    assert [(run.generation / name).read_bytes() for name in names] == before


async def test_new_sessions_take_the_old_page_away(
    finished: tuple[Run, Domain, dict[str, Any]],
) -> None:
    run, pack, _ = finished
    await generated(pack, run.path, FakeTeacher(), sessions=26)
    assert not (run.generation / "report.html").exists()
    assert not (run.generation / "DATASET_CARD.md").exists()


async def test_without_sessions_or_a_corpus_the_report_says_so(tmp_path: Path) -> None:
    pack = bicycles(tmp_path / "pack")
    run = await generated(pack, tmp_path / "run", FakeTeacher(), sessions=0)
    found = write_report(run, pack)["against_real"]
    assert found["sessions"] == {"synthetic": 0, "real": 0}
    assert found["map"] is None
    assert "Too few sessions" in (run.generation / "report.html").read_text()


class Injecting(FakeTeacher):
    """Puts a script, Markdown and a template into every field that it may write."""

    evil = "<script>alert(1)</script> {{ 7 * 7 }} | [x](http://evil) $x$"

    def answer(self, request: Any) -> Any:
        data = super().answer(request)
        if request.task == "persona":
            return {**data, "about": f"{data['about']} {self.evil}", self.evil: self.evil}
        if request.task == "scenario":
            return {**data, self.evil: self.evil}
        if request.task == "judge":
            return {"scores": {"use": {"score": 9, "quote": self.evil}}}
        if request.task == "session":
            for turn in data["turns"]:
                turn["text"] += self.evil.replace("{{ 7 * 7 }}", "")
        return data

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "scripted", "name": f"/home/somebody/models/{self.evil}"}


async def test_no_word_of_a_model_becomes_markup(tmp_path: Path) -> None:
    pack = bicycles(tmp_path / "pack")
    run = await generated(pack, tmp_path / "run", Injecting(), sessions=6)
    report = write_report(run, pack)
    assert report["synthetic"] == 6, report["reasons"]
    page = (run.generation / "report.html").read_text()
    assert "<script" not in page.lower()
    assert page.count("&lt;script&gt;") > 10
    assert "{{ 7 * 7 }}" in page
    card = (run.generation / "DATASET_CARD.md").read_text()
    assert "<script" not in card
    assert "/home/somebody" not in card


def test_the_page_stands_alone_and_has_words_for_every_picture(
    finished: tuple[Run, Domain, dict[str, Any]],
) -> None:
    run, _, _ = finished
    page = (run.generation / "report.html").read_text()
    assert "Scripted teacher." in page
    assert page.count('role="img" aria-label="') == page.count("<svg") == 6
    assert page.count("<table") >= 9
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert 'name="viewport"' in page
    for outside in ('src="http', 'href="http', "@import", "url(http"):
        assert outside not in page
    identifiers = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert len(identifiers) == len(set(identifiers))


def test_the_card_has_front_matter_and_no_place_of_this_machine(
    finished: tuple[Run, Domain, dict[str, Any]], tmp_path: Path
) -> None:
    run, _, _ = finished
    card = (run.generation / "DATASET_CARD.md").read_text()
    _, front, body = card.split("---\n", 2)
    head = yaml.safe_load(front)
    assert head["tags"] == ["synthetic", "conversational", "scripted"]
    assert head["size_categories"] == ["n<1K"]
    assert "**Scripted.**" in body
    assert str(tmp_path) not in card
    for name in ("persona", "scenario", "session"):
        assert f"| {name} |" in body


def test_names_of_models_lose_their_folders() -> None:
    assert model_name("Qwen/Qwen3-8B") == "Qwen/Qwen3-8B"
    assert model_name("/home/me/models/mine/") == "mine"
    assert model_name("./runs/mine") == "mine"
    assert model_name("models/old/mine") == "mine"
    assert plain("a|b\n<i>*c*</i>") == "a\\|b &lt;i&gt;\\*c\\*&lt;/i&gt;"


PRICED = {
    "kind": "attached",
    "base_url": "http://127.0.0.1:1/v1",
    "prices": {"prompt": 2, "completion": 8, "currency": "EUR"},
}


def priced(**server: Any) -> Experiment:
    settings = {
        "name": "test",
        "model": {"name": "none"},
        "servers": {"one": {**PRICED, **server}},
        "roles": {role: {"server": "one"} for role in ROLES},
        "corpus": {"paths": ["none"]},
        "variants": {"base": {}},
        "generation": {"sessions": 12, "min_exchanges": 3, "max_exchanges": 5, "quotes_found": 0},
    }
    return Experiment.model_validate(settings)


async def test_cost_is_tokens_by_price(tmp_path: Path) -> None:
    pack = bicycles(tmp_path / "pack")
    run = await generated(pack, tmp_path / "run", FakeTeacher())
    report = write_report(Run(run.path, priced()), pack)
    sent = sum(task["prompt_tokens"] for task in report["tokens"].values())
    answered = sum(task["completion_tokens"] for task in report["tokens"].values())
    assert report["cost"]["total"] == pytest.approx((2 * sent + 8 * answered) / 1e6, abs=1e-6)
    assert report["cost"]["currency"] == "EUR"
    assert write_report(run, pack)["cost"] is None


def test_the_plan_estimates_what_priced_roles_cost() -> None:
    experiment = priced()
    load = Load("teacher", calls=3, prompt_tokens=2_000_000, completion_tokens=500_000)
    assert cost(experiment, load) == "8.00 EUR"
    assert cost(priced(prices=None), load) is None
    table = loads_table(experiment, [load])
    assert [column.header for column in table.columns][-1] == "cost, estimated"
    assert [column.header for column in loads_table(priced(prices=None), [load]).columns][-1] == (
        "completion tokens"
    )


def test_prices_change_neither_answers_nor_what_was_asked_before() -> None:
    free, dear = priced(prices=None), priced()
    assert role_part(free, "teacher") == role_part(dear, "teacher")


def test_a_role_with_its_own_endpoint_has_its_own_prices() -> None:
    values = priced().model_dump()
    values["roles"]["teacher"] = {"base_url": "http://127.0.0.1:2/v1", "prices": PRICED["prices"]}
    server = Experiment.model_validate(values).server_of("teacher")
    assert server.kind == "attached"
    assert server.prices is not None
    assert server.prices.cost(10**6, 500_000) == 6
    values["roles"]["teacher"] = {"server": "one", "prices": PRICED["prices"]}
    with pytest.raises(ValueError, match="prices need base_url"):
        Experiment.model_validate(values)
    with pytest.raises(ValueError, match="greater than or equal"):
        priced(prices={"prompt": -1, "completion": 1})


def test_the_summary_has_the_numbers_of_the_report(
    finished: tuple[Run, Domain, dict[str, Any]],
) -> None:
    _, _, report = finished
    found = dict(lines(report))
    assert found["drafts"] == "24 of 24, 0 failed"
    assert found["decisions"] == "24 accepted"
    assert found["quotas"] == "all met"
    real = report["against_real"]["lengths"]["words_per_session"]["real"]["mean"]
    assert found["words a session"].endswith(f"real {real:.0f}")
    # Names are text for the terminal, never its markup.
    odd = {**report, "reviews": {"[bold]x": 1}}
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(render_summary(odd))
    assert "1 [bold]x" in console.export_text()


class Stand(FakeTeacher):
    """The shipped stand-in for the therapy pack, without a server between."""

    domain = load_domain("therapy")

    def answer(self, request: Any) -> Any:
        text = answer(self.domain, request.task, request.inputs, request.messages, request.seed)
        return json.loads(text)


@pytest.mark.slow
async def test_two_thousand_scenarios_meet_every_quota_exactly(tmp_path: Path) -> None:
    settings = {"sessions": 2000, "min_exchanges": 5, "max_exchanges": 14}
    teacher = Stand()
    run = await generated(teacher.domain, tmp_path / "run", teacher, **settings)
    report = read_json(run.generation / "report.json")
    table = report["coverage"]
    assert (table["rows"], table["met"], table["forbidden"]) == (2000, True, 0)
    assert len(table["axes"]) >= 12
    for axis, values in table["axes"].items():
        for value, each in values.items():
            assert each["quota"] == 2000 * each["share"], (axis, value)  # whole, not rounded
            assert each["asked"] == each["written"] == each["quota"], (axis, value)
        assert sum(each["asked"] for each in values.values()) == 2000
    assert table["floors"]
    for each in table["floors"]:
        assert each["asked"] >= 2000 * each["share"] == each["floor"]
    # The same counts from the records themselves.
    personas = read_jsonl(run.generation / "personas.jsonl", Persona)
    assert len(personas) == 2000
    schema = teacher.domain.schema("persona")["properties"]
    shown = [axis for axis in table["axes"] if axis in schema]
    assert shown
    for axis in shown:
        found = Counter(str(each.persona[axis]) for each in personas)
        assert found == {value: each["quota"] for value, each in table["axes"][axis].items()}


@pytest.mark.slow
def test_the_report_is_a_step_that_follows_the_sessions(tmp_path: Path) -> None:
    settings = {"sessions": 3, "min_exchanges": 6, "max_exchanges": 6}
    run, therapy, told = run_of(tmp_path, **settings), load_domain("therapy"), Telling()
    run_steps(steps(run, therapy), Manifest(run.path), told)
    assert told.ran() == ["generation", "generation:report"]
    files = {path.name: path.read_bytes() for path in run.generation.glob("*.*")}
    assert {"report.html", "DATASET_CARD.md", "timing.json"} <= files.keys()
    assert json.loads(files["timing.json"])["request_seconds"] > 0
    assert json.loads(files["timing.json"])["wall_seconds_of_last_process"] > 0
    run_steps(steps(run, therapy), Manifest(run.path), told)
    assert told.ran() == []
    # A report that is gone is counted again from the rows, and completed and drawn again.
    (run.generation / "report.json").unlink()
    run_steps(steps(run, therapy), Manifest(run.path), told)
    assert told.ran() == ["generation", "generation:report"]
    again = {path.name: path.read_bytes() for path in run.generation.glob("*.*")}
    for name in ("report.json", "report.html", "DATASET_CARD.md"):
        assert again[name] == files[name], name


class Telling(Reporter):
    """Keeps what steps are said to run."""

    def __init__(self) -> None:
        super().__init__(Console(file=io.StringIO()))
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def ran(self) -> list[str]:
        found = [text.split("]")[1].split("[")[0] for text in self.said if "up to date" not in text]
        self.said.clear()
        return found
