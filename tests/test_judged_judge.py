"""Planted faults: what probes, audit and pairs find out about a judge behind a server."""

from pathlib import Path
from typing import Any

import pytest
from planted_judges import (
    always_eight,
    experiment_with,
    first_place,
    honest,
    longer,
    make_run,
    planted,
    prose,
)

from eval.analysis import analyse
from eval.audit import audit_run
from eval.findings import notes
from eval.judge_quality import judge_quality
from eval.judging import judge_all
from eval.pairwise import Pair, compare_all, meetings_of
from eval.probes import RULES, probe_run
from eval.report import write_report
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import DataError, StageError
from hybridtune.progress import silent
from hybridtune.records import Judgment, Session, read_json, read_jsonl, write_jsonl
from hybridtune.runs import Run
from hybridtune.serving.models import open_models

DOMAIN = load_domain("therapy")


async def outcomes(path: Path, judge: Any) -> dict[str, str]:
    async with planted(judge) as server:
        run = make_run(path, experiment_with(server.url))
        result = await probe_run(run, DOMAIN, 12, silent())
    assert read_json(run.eval / "probes.json") == result
    return {name: one["outcome"] for name, one in result["judges"]["planted"]["probes"].items()}


async def audited(path: Path, judge: Any) -> dict[str, Any]:
    async with planted(judge) as server:
        run = make_run(path, experiment_with(server.url))
        await judged(run)
        result = await audit_run(run, DOMAIN, silent(), count=12, samples=2)
    told: dict[str, Any] = result["judges"]["planted"]
    return told


async def judged(run: Run, domain: Domain = DOMAIN) -> list[Judgment]:
    everything: list[Judgment] = []
    for role in run.experiment.judges():
        async with open_models(run, domain, [role], stage="eval", reporter=silent()) as models:
            everything = await judge_all(
                run, domain, models[role], silent(), role=role, earlier=everything
            )
    return everything


async def test_a_judge_that_reads_passes_every_probe(tmp_path: Path) -> None:
    assert await outcomes(tmp_path, honest) == dict.fromkeys(RULES, "passed")


async def test_a_judge_that_always_says_eight_fails_where_scores_must_fall(tmp_path: Path) -> None:
    found = await outcomes(tmp_path, always_eight)
    assert {name for name, outcome in found.items() if outcome == "failed"} == {
        "parrot", "other", "empty",
    }  # fmt: skip


async def test_a_judge_that_likes_length_fails_padding_and_sympathy(tmp_path: Path) -> None:
    found = await outcomes(tmp_path, longer)
    assert (found["padding"], found["sympathy"]) == ("failed", "failed")


async def test_probes_of_a_judge_that_returns_prose_are_an_error(tmp_path: Path) -> None:
    async with planted(prose) as server:
        run = make_run(tmp_path, experiment_with(server.url))
        with pytest.raises(StageError, match="planted: no usable verdict on any of 3"):
            await probe_run(run, DOMAIN, 3, silent())
        with pytest.raises(StageError, match=r"18 of 18 judgments are missing.*no JSON object"):
            await judged(run)
        assert not (run.eval / "judgments.jsonl").exists()
        assert not (run.eval / "probes.json").exists()


async def test_an_audit_finds_nothing_in_a_judge_that_reads(tmp_path: Path) -> None:
    told = await audited(tmp_path, honest)
    assert told["findings"] == []
    assert told["temperature"] == 0
    assert told["notes"][0].startswith("It reads at temperature 0")
    assert notes({"temperature": 0.7}) == []
    one = told["repeatability"]["empathy"]
    assert (one["n"], one["missing"], one["icc_1_1"]["value"]) == (12, 0, pytest.approx(1.0))
    assert told["position"]["flips"] == 0
    assert told["self_preference"] == {
        "measured": False, "why": "its model is none of the variants",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("judge", "words"),
    [
        (always_eight, "It gives 8 on empathy to all 12 conversations"),
        (first_place, "It prefers what stands first: 12 of 12 pairs"),
        (longer, "It prefers the longer of two equal conversations: 12 to 0"),
        (longer, "Padding raises its score by"),
    ],
)
async def test_an_audit_names_the_fault(tmp_path: Path, judge: Any, words: str) -> None:
    told = await audited(tmp_path, judge)
    assert any(line.startswith(words) for line in told["findings"]), told["findings"]


async def test_a_judge_that_favours_its_own_model(tmp_path: Path) -> None:
    async with planted(honest) as server:
        experiment = experiment_with(
            server.url, judges={"other": {"base_url": server.url, "model": "other"}}
        )
        run = make_run(tmp_path, experiment)
        judgments = await judged(run)
        assert {one.judge for one in judgments} == {"planted", "other"}
        own = {"judge": {"kind": "attached", "name": "models/small-model"}}
        biased = [
            one.model_copy(
                update={
                    "provenance": own,
                    "scores": {
                        name: each.model_copy(update={"score": each.score + 3})
                        for name, each in (one.scores or {}).items()
                    }
                    if one.variant == "base"
                    else one.scores,
                }
            )
            if one.judge == "planted"
            else one
            for one in judgments
        ]
        write_jsonl(run.eval / "judgments.jsonl", biased)
        told = (await audit_run(run, DOMAIN, silent(), count=6, samples=2))["judges"]
    own_lead = told["planted"]["self_preference"]
    assert (own_lead["n"], own_lead["mean"]) == (6, pytest.approx(3.0))
    assert any("It favours its own model by 3.00 points" in f for f in told["planted"]["findings"])
    assert told["other"]["self_preference"]["measured"] is False


async def compared(path: Path, judge: Any) -> dict[str, Any]:
    async with planted(judge) as server:
        run = make_run(path, experiment_with(server.url, pairwise=True))
        await judged(run)
        async with open_models(run, DOMAIN, ["judge"], stage="eval", reporter=silent()) as models:
            await compare_all(run, DOMAIN, models["judge"], silent())
    assert len(read_jsonl(run.eval / "comparisons.jsonl", Pair)) == 18
    comparisons: dict[str, Any] = analyse(run, DOMAIN)["comparisons"]
    return comparisons


async def test_pairs_find_who_listens(tmp_path: Path) -> None:
    told = await compared(tmp_path, honest)
    assert [(one["a"], one["b"], one["wins"], one["losses"]) for one in told["pairs"]] == [
        ("base", "real", 0, 6), ("base", "hybrid", 0, 6), ("real", "hybrid", 0, 6),
    ]  # fmt: skip
    assert told["pairs"][0]["high"] == pytest.approx(0.390334, abs=1e-6)
    assert told["order"]["flips"] == 0
    # Nobody ever lost to a worse one, so that no finite strengths fit.
    assert told["strengths"]["hybrid"]["value"] is None


async def test_a_judge_that_prefers_the_first_place_wins_nobody_anything(tmp_path: Path) -> None:
    told = await compared(tmp_path, first_place)
    assert {(one["wins"], one["ties"], one["losses"]) for one in told["pairs"]} == {(0, 6, 0)}
    assert (told["order"]["first"], told["order"]["second"]) == (18, 0)
    assert told["order"]["p"] < 0.001
    assert all(one["value"] == pytest.approx(0) for one in told["strengths"].values())


async def test_pairs_of_a_judge_that_returns_prose_are_an_error(tmp_path: Path) -> None:
    async with planted(prose) as server:
        run = make_run(tmp_path, experiment_with(server.url, pairwise=True))
        async with open_models(run, DOMAIN, ["judge"], stage="eval", reporter=silent()) as models:
            with pytest.raises(StageError, match="18 of 18 comparisons are missing"):
                await compare_all(run, DOMAIN, models["judge"], silent())
    assert not (run.eval / "comparisons.jsonl").exists()


@pytest.mark.slow
async def test_the_first_page_tells_what_is_known_of_the_judge(tmp_path: Path) -> None:
    async with planted(longer) as server:
        experiment = experiment_with(
            server.url, rubrics=["empathy_relevance_checklist"], pairwise=True, probes=3
        )
        run = make_run(tmp_path, experiment)
        without = experiment_with(server.url, probes=3)
        await judged(Run(run.path, without))
        analysis = analyse(Run(run.path, without), DOMAIN)
        assert any("not been calibrated" in note for note in analysis["notes"])
        assert any("was not probed" in note for note in analysis["notes"])
        page = write_report(Run(run.path, without), DOMAIN).read_text(encoding="utf-8")
        first = page.partition('id="scores"')[0]
        assert "judge not calibrated against people" in first
        assert "judge not probed" in first
        assert "Not calibrated." in page
        assert "Not probed." in page
        await probe_run(run, DOMAIN, 6, silent())
        analysis = analyse(Run(run.path, without), DOMAIN)
        assert any("planted failed the probes sympathy, padding" in n for n in analysis["notes"])
        page = write_report(Run(run.path, without), DOMAIN).read_text(encoding="utf-8")
        assert "Not probed." not in page
        first = page.partition('id="scores"')[0]
        assert "planted passed" in first
        assert "failed: sympathy, padding" in first
        assert "<td>padding</td>" in page


async def test_what_was_found_on_other_conversations_is_not_shown(tmp_path: Path) -> None:
    async with planted(honest) as server:
        run = make_run(tmp_path, experiment_with(server.url))
        await judged(run)
        await audit_run(run, DOMAIN, silent(), count=6, samples=2)
        await probe_run(run, DOMAIN, 2, silent())
        models = [{"kind": "attached", "name": "planted"}]
        found = judge_quality(run, models)
        assert (list(found["audit"]), list(found["probes"])) == (["planted"], ["planted"])
        path = run.eval / "conversations.jsonl"
        path.write_text(path.read_text(encoding="utf-8").replace("s0", "s9"), encoding="utf-8")
        found = judge_quality(run, models)
        assert (found["audit"], found["probes"]) == (None, None)


def test_what_the_patient_spoilt_meets_nobody(tmp_path: Path) -> None:
    run = make_run(tmp_path, experiment_with("http://127.0.0.1:1/v1"))
    sessions = read_jsonl(run.eval / "conversations.jsonl", Session)
    assert len(meetings_of(sessions, run)) == 18
    for why in ("failed", "invalid"):
        told = sessions[0].provenance | {why: "the patient left its role"}
        spoilt = [sessions[0].model_copy(update={"provenance": told}), *sessions[1:]]
        assert len(meetings_of(spoilt, run)) == 16


async def test_probes_need_two_scenarios(tmp_path: Path) -> None:
    async with planted(honest) as server:
        run = make_run(tmp_path, experiment_with(server.url))
        path = run.eval / "conversations.jsonl"
        path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
        with pytest.raises(DataError, match="needs conversations on two scenarios or more"):
            await probe_run(run, DOMAIN, 3, silent())
