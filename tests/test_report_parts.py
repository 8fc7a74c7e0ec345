"""The parts of the report: the three sentences, the paper's numbers, grounds, trainings."""

import pytest
from fabricated import make_domain, make_run
from hostile_run import training_record
from paper_scores import make_paper_run

from eval.analysis import analyse
from eval.answer import answer
from eval.breakdown import described, reply_words, themes
from eval.browser import cards, lowest
from eval.cells import gather, load_material
from eval.grounds import grounds
from eval.paper import beside_paper
from eval.trainings import trainings
from hybridtune.errors import DataError
from hybridtune.records import Scenario, read_jsonl, write_json, write_jsonl


@pytest.fixture(scope="module")
def domain(tmp_path_factory):
    return make_domain(tmp_path_factory.mktemp("pack") / "domain")


@pytest.fixture(scope="module")
def paper(tmp_path_factory, domain):
    """An analysis of scores with the paper's means, judged by a model."""
    return analyse(make_paper_run(tmp_path_factory.mktemp("paper") / "run", 0.75), domain)


def test_three_sentences_say_the_verdicts_and_no_more(paper):
    helped, against, certain = answer(paper)
    assert helped.startswith("Did synthetic data help? hybrid against real: superior on empathy")
    assert "(+1.32, +" in helped
    assert "superior on relevance" in helped
    assert against.startswith("Against base: hybrid inconclusive on empathy (+0.16, \N{MINUS SIGN}")
    assert "likely to be missed) and superior on relevance (+0.58" in against
    assert "; real inferior on empathy (\N{MINUS SIGN}1.16" in against
    assert "50 scenarios, each played once" in certain
    assert "never compared with people's ratings" in certain


def test_a_scripted_judge_leaves_no_verdict(tmp_path, domain):
    helped, against, certain = answer(analyse(make_run(tmp_path / "run"), domain))
    assert helped == (
        "Did synthetic data help? hybrid against real: no verdict, because the judge is scripted."
    )
    assert against == "Against base: no verdict either, for the same reason."
    assert certain.endswith("on a scripted judge: no conclusion is drawn.")


def test_verdicts_are_read_from_the_side_of_the_first(paper):
    turned = {**paper, "reference": "hybrid"}
    turned["shares"] = {**paper["shares"], "base": {"real": 0, "synthetic": 0}}
    told = answer(turned)[1]
    assert "Against hybrid:" in told
    assert "base inconclusive on empathy (\N{MINUS SIGN}0.16" in told
    assert "inferior on relevance (\N{MINUS SIGN}0.58" in told


def test_no_pair_no_answer(paper):
    shares = {name: {"real": 1, "synthetic": 0} for name in paper["shares"]}
    assert "Not asked" in answer({**paper, "shares": shares})[0]


def test_the_papers_numbers_stand_beside_this_runs(paper):
    found = beside_paper(paper)
    means = {name: [(cell["value"], cell["paper"], cell["n"]) for cell in cells]
             for name, cells in found["means"]}  # fmt: skip
    assert means["hybrid"] == [(8.64, 8.64, 50), (8.66, 8.66, 50)]
    assert means["base"] == [(8.48, 8.48, 50), (8.08, 8.08, 50)]
    assert means["real"] == [(7.32, 7.32, 50), (7.24, 7.24, 50)]
    rows = dict(found["differences"])
    assert list(rows) == ["hybrid \N{MINUS SIGN} base", "base \N{MINUS SIGN} real",
                          "hybrid \N{MINUS SIGN} real"]  # fmt: skip
    for cells in rows.values():
        for cell in cells:
            assert cell["value"] == pytest.approx(cell["paper"])
            assert cell["low"] < cell["value"] < cell["high"]


def test_other_measures_or_other_data_are_not_the_papers(paper):
    other = {**paper["rubric"], "dimensions": {"helpfulness": "?"}}
    assert beside_paper({**paper, "rubric": other}) is None
    shares = {**paper["shares"], "hybrid": {"real": 0, "synthetic": 1}}
    assert [name for name, _ in beside_paper({**paper, "shares": shares})["means"]] == [
        "base", "real"
    ]  # fmt: skip


def weak(found):
    return {one.label: one.text for one in found if one.weak}


def test_what_is_weak_is_named(tmp_path, domain):
    analysis = analyse(make_run(tmp_path / "run", missing={"real": 2}), domain)
    told = weak(grounds(analysis, None, None))
    assert told["stand-ins"] == "teacher, patient and judge scripted, no model"
    assert told["calibration"] == "judge not calibrated against people"
    assert told["probes"] == "judge not probed"
    assert told["judgments"] == "2 of 24 missing"
    assert "no training record" in told["training"]


def test_what_is_sound_is_not_called_weak(paper):
    sound = {"value": 0.6}
    quality = {
        "calibrated": True, "audit": None,
        "calibration": {"j": [{"measure": "empathy", "spearman": sound, "length": {"value": 0.2},
                               "findings": []}]},
        "probes": {"j": {"probes": {"empty": {"outcome": "passed"}}}},
    }  # fmt: skip
    safety = {"gate": {"base": {"state": "passed"}}}
    found = grounds({**paper, "judge_quality": quality}, safety, {"warnings": []})
    assert (
        not {"calibration", "probes", "training", "safety gate", "judgments"} & weak(found).keys()
    )
    quality["calibration"]["j"][0]["length"] = {"value": 0.7}
    quality["probes"]["j"]["probes"]["empty"]["outcome"] = "failed"
    told = weak(grounds({**paper, "judge_quality": quality}, safety, {"warnings": ["x"]}))
    assert "length alone 0.70" in told["calibration"]
    assert told["probes"] == "j passed 0 of 1; failed: empty"
    assert told["training"] == "1 warning on comparability"


def test_variants_that_answer_alike_are_named(paper):
    alike = [
        {"a": "base", "b": "real", "n": 50, "same": 50},
        {"a": "base", "b": "hybrid", "n": 50, "same": 9},
    ]
    told = weak(grounds({**paper, "identical_replies": alike}, None, None))
    assert told["variants"] == "the same first reply: base and real (50 of 50)"


def test_trainings_are_compared(tmp_path):
    run = make_run(tmp_path / "run", scenarios=2)
    assert trainings(run) is None
    same = {"base_model": {"dtype": "float32"}}
    write_json(run.variant("real") / "training.json", training_record(2, **same))
    (alone,) = trainings(run)["warnings"]
    assert alone == "hybrid: no training record"
    record = training_record(2, **same, tokens_trained=2060)
    write_json(run.variant("hybrid") / "training.json", record)
    found = trainings(run)
    assert found["warnings"] == []
    assert found["variants"]["hybrid"]["tokens"] == 2060
    assert found["variants"]["hybrid"]["real"] is None
    assert found["curves"]["real"]["held-out sessions"] == [(0, 3.5), (2000, 2.5)]
    record |= {"tokens_trained": 4000, "seed": 2, "sft": {"learning_rate": 0.01},
               "held_out_loss": {"before": 3.5, "after": 3.6}}  # fmt: skip
    write_json(run.variant("hybrid") / "training.json", record)
    assert trainings(run)["warnings"] == [
        "Not comparable: seed is 1 in real, 2 in hybrid.",
        "Not comparable: option learning_rate is 0.001 in real, 0.01 in hybrid.",
        "Trained tokens are not equal (real 2,000; hybrid 4,000): between these groups, kind and"
        " amount of data cannot be told apart. A control with `match:` can.",
        "hybrid: loss on held-out sessions did not fall (3.500 to 3.600).",
    ]


def test_a_broken_training_record_is_named(tmp_path):
    run = make_run(tmp_path / "run", scenarios=2)
    write_json(run.variant("real") / "training.json", {})
    (run.variant("real") / "training.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"training\.json"):
        trainings(run)


def test_themes_with_few_scenarios_have_scores_and_no_mean(tmp_path, domain):
    run = make_run(tmp_path / "run", scenarios=5, missing={"base": 1})
    names = ["work", "home", "work", "work", ""]
    scenarios = [
        one.model_copy(update={"provenance": {"theme": name} if name else {}})
        for one, name in zip(read_jsonl(run.eval / "scenarios.jsonl", Scenario), names, strict=True)
    ]
    write_jsonl(run.eval / "scenarios.jsonl", scenarios)
    material = load_material(run)
    cells = gather(material, run, ["empathy", "relevance"])
    found = themes(cells, material, run.experiment.variants, 0.05)
    assert list(found) == ["home", "work"]
    base, real = found["work"]["base"], found["work"]["real"]
    assert (base["n"], real["n"]) == (2, 3)  # base's first judgment is missing
    assert base["mean"] != base["mean"]  # nan
    assert len(base["scores"]) == 2
    assert real["low"] < real["mean"] < real["high"]
    assert described(cells.values("real", "combined")[:0], 0.05)["n"] == 0
    assert analyse(run, domain)["themes"]["work"]["base"]["mean"] is None


def test_reply_words_keep_the_scenarios_order(tmp_path):
    run = make_run(tmp_path / "run", scenarios=3)
    words = reply_words(load_material(run), run.experiment.variants)
    # "That sounds heavy. I am base, <b>tell</b> me more." and "What was ... you?" + number * 2.
    assert words["base"] == [8.0, 9.0, 10.0]


def test_every_conversation_is_in_the_browser(tmp_path):
    run = make_run(tmp_path / "run", scenarios=4, repeats=2, missing={"real": 1})
    found = cards(run)
    assert [card.id for card in found] == ["s00", "s01", "s02", "s03"]
    for card in found:
        assert [[talk.variant for talk in talks] for talks in card.rounds] == [
            ["base", "real", "hybrid"]
        ] * 2
    talks = [talk for card in found for talks in card.rounds for talk in talks]
    assert len({talk.anchor for talk in talks}) == 24
    (lost,) = [talk for talk in talks if talk.missing]
    assert lost.variant == "real"
    assert lost.score is None
    worst = {talk.variant: talk.score for talk in lowest(found, list(run.experiment.variants))}
    for variant, score in worst.items():
        assert score == min(t.score for t in talks if t.variant == variant and t.score is not None)
