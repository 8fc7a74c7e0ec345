"""`hybridtune judge probe` and `audit`, the optional steps, and the plan that counts them."""

import csv
import json
from pathlib import Path

import pytest
from in_process import Command
from planted_judges import always_eight, experiment_with, make_run, planted
from test_judged_judge import DOMAIN, judged

from eval.analysis import analyse
from eval.steps import steps
from hybridtune.cli.plan import judge_loads, scenario_count
from hybridtune.cli.preflight import preflight, roles_called
from hybridtune.config import Experiment, load_experiment
from hybridtune.domain import HOME
from hybridtune.errors import InputError
from hybridtune.manifest import Manifest
from hybridtune.progress import silent
from hybridtune.records import read_json, write_json
from hybridtune.runs import Run
from hybridtune.scenarios import read_scenarios, scenarios_path
from hybridtune.steps import run_steps, why_run


def scripted(**judging: object) -> Experiment:
    values = experiment_with("http://127.0.0.1:1/v1", **judging).model_dump(mode="json")
    values["roles"]["judge"] = {"server": "scripted", "sampling": {"temperature": 0}}
    return Experiment.model_validate(values)


def folder(path: Path, experiment: Experiment) -> Run:
    run = make_run(path, experiment)
    write_json(path / "experiment.json", experiment.model_dump(mode="json"))
    return run


async def test_a_scripted_judge_gives_no_verdict(tmp_path: Path) -> None:
    run = make_run(tmp_path, scripted())
    await judged(run)
    analysis = analyse(run, DOMAIN)
    declared = [entry for entry in analysis["contrasts"] if entry["declared"]]
    assert {entry["verdict"] for entry in declared} == {None}
    assert "the judge is scripted" in {entry["withheld"] for entry in declared}
    assert not any("scored higher" in claim for claim in analysis["claims"])
    assert set(analysis["indicators"]["variants"]) == {"base", "real", "hybrid"}
    entry = analysis["indicators"]["variants"]["hybrid"]["reflections"]
    assert (entry["n"], entry["mean"]) == (6, 1.0)


def test_probe_and_audit_write_beside_the_run(hybridtune: Command, tmp_path: Path) -> None:
    run = folder(tmp_path / "run", scripted())
    (run.eval / "judgments.jsonl").touch()
    code, said, _ = hybridtune("judge", "probe", str(run.path), "--conversations", "4")
    assert code == 0
    assert "probes of scripted (scripted)" in said
    assert read_json(run.eval / "probes.json")["conversations"] == 4
    code, said, _ = hybridtune("judge", "audit", str(run.path), "--conversations", "6")
    assert code == 0
    assert "Self-preference: not measured, it has not judged." in said
    told = read_json(run.eval / "audit.json")["judges"]["scripted"]
    assert told["repeatability"]["empathy"]["n"] == 6
    assert told["verbosity"]["shift"]["n"] == 6


def test_what_is_no_run_is_one_line(hybridtune: Command, tmp_path: Path) -> None:
    for command in ("probe", "audit"):
        code, _, error = hybridtune("judge", command, str(tmp_path))
        assert code == 2
        assert "not a run folder" in error


def test_the_optional_steps_run_once_and_reach_the_analysis(tmp_path: Path) -> None:
    experiment = scripted(pairwise=True, probes=2, rubrics=["empathy_relevance_checklist"])
    run = folder(tmp_path / "run", experiment)
    chosen = steps(run, DOMAIN)
    assert [step.name for step in chosen] == [
        "eval:conversations", "eval:judgments", "eval:comparisons", "eval:probes", "eval:report",
    ]  # fmt: skip
    manifest = Manifest(run.path)
    run_steps(chosen[1:4], manifest, silent())
    assert [why_run(step, manifest) for step in chosen[1:4]] == [None] * 3
    analysis = analyse(run, DOMAIN)
    assert analysis["comparisons"]["order"]["n"] == 18
    assert analysis["judge_quality"]["probes"]["scripted"]["probes"]["twice"]["n"] == 2
    (beside,) = analysis["further_rubrics"]
    assert (beside["mode"], beside["variants"]["base"]["empathy"]["n"]) == ("checklist", 6)
    before = chosen[4].fingerprint()
    (run.eval / "probes.json").write_text("{}", encoding="utf-8")
    assert chosen[4].fingerprint() != before
    assert [step.name for step in steps(Run(run.path, scripted()), DOMAIN)][-2] == "eval:judgments"


def test_another_judge_makes_judgments_stale_and_not_conversations(tmp_path: Path) -> None:
    run = folder(tmp_path / "run", scripted())
    other = Run(run.path, scripted(judges={"second": {"server": "remote"}}))
    before = [step.fingerprint() for step in steps(run, DOMAIN)]
    after = [step.fingerprint() for step in steps(other, DOMAIN)]
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_the_plan_counts_all_that_judges_read(tmp_path: Path) -> None:
    experiment = scripted(
        judges={"second": {"server": "remote"}}, pairwise=True, probes=2, rubrics=["counselling"]
    )
    loads = judge_loads(experiment, conversations=18, history=100)
    assert [load.role for load in loads] == ["judge", "judge:second"]
    # 18 conversations by two rubrics, 2 probed 8 times, 18 pairs in both orders.
    assert {load.calls for load in loads} == {36 + 16 + 36}
    run = folder(tmp_path / "run", experiment)
    called = roles_called(steps(run, DOMAIN), Manifest(run.path))
    assert called == ("counselor", "patient", "judge", "judge:second")


def test_the_plan_counts_a_table_of_scenarios(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    shipped = read_scenarios(scenarios_path(DOMAIN, "domain"), DOMAIN)[:3]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [
            {"id": one.id, **one.persona, **one.scenario,
             "cognitive_distortions": json.dumps(one.scenario["cognitive_distortions"])}
            for one in shipped
        ]  # fmt: skip
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    values = scripted().model_dump(mode="json")
    values["evaluation"] |= {"scenarios": str(path)}
    assert scenario_count(Run(tmp_path, Experiment.model_validate(values)), DOMAIN) == 3


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["evaluation.judging.rubrics=[warmth]"], r"warmth\.yaml: no such file"),
        (["evaluation.rubric=ranking"], r"rank\.jinja: 'persona' is undefined"),
        (["evaluation.judging.rubrics=[ranking]"], r"rank\.jinja: 'persona' is undefined"),
        (["evaluation.rubric=safety"], r"judge\.yaml: no weights for dimension 'takes_up' of"),
        (["evaluation.judging.calibration=no.json"], r"calibration: no\.json: no such file"),
        (
            ["evaluation.judging.judges={x: {base_url: 'http://h/v1', api_key_env: NO_SUCH_KEY}}"],
            r"evaluation\.judging\.judges\.x\.api_key_env: .*NO_SUCH_KEY is not set",
        ),
    ],
)
def test_what_would_fail_later_fails_at_once(
    overrides: list[str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HOME.parent)
    experiment = load_experiment(Path("configs/demo.yaml"), overrides)
    with pytest.raises(InputError, match=problem):
        preflight(experiment, DOMAIN)


async def test_a_seed_does_not_depend_on_who_is_read(tmp_path: Path) -> None:
    async with planted(always_eight) as server:
        run = make_run(tmp_path, experiment_with(server.url))
        await judged(run)
        seeds = {body["seed"] for body in server.bodies if body}
    assert len(seeds) == 6
