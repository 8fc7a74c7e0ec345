"""Judges against people's ratings: the formats, the figures, their nulls, and the command."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import Command
from planted_judges import always_eight, experiment_with, honest, planted, prose

from eval.analysis import analyse
from eval.calibrate import Plan, calibrate
from eval.calibration import FIGURES, Predictor, agreement, folds_of, held_out
from eval.calibration_page import markdown
from eval.judge_quality import figures
from eval.ratings import MECHANISMS, Rated, Ratings, read_ratings
from eval.statistics.arrays import generator
from hybridtune.domain import load_domain
from hybridtune.errors import DataError, StageError
from hybridtune.progress import silent
from hybridtune.records import Message, read_json
from hybridtune.runs import Run

DOMAIN = load_domain("therapy")
DATA = Path(__file__).resolve().parents[2] / "shared/data"
EPITOME = [DATA / f"epitome-{name.replace('_', '-')}-reddit.csv" for name in MECHANISMS]
THINGS = ("violin", "harbour", "orchard", "thesis", "ledger", "marathon", "kitchen", "garden")


def rated(count: int = 40) -> Ratings:
    """Conversations whose rating is how many of four replies listen."""
    items = []
    for number in range(count):
        good, messages = number % 5, list[Message]()
        for turn in range(4):
            thing = THINGS[(number + turn) % len(THINGS)]
            about = thing if turn < good else "things"
            more = " Indeed." * (number % 3)
            messages += [
                Message(role="user", content=f"Lately the {thing} worries me."),
                Message(role="assistant", content=f"The {about} weigh heavily.{more}"),
            ]
        items.append(Rated(str(number), f"g{number // 2}", tuple(messages), {"empathy": good}))
    return Ratings("plain", ("empathy",), tuple(items))


async def calibrated(path: Path, judge: Any, **plan: Any) -> dict[str, Any]:
    async with planted(judge) as server:
        run = Run(path, experiment_with(server.url))
        wanted = Plan(("judge",), indicators=True, resamples=100, permutations=20, **plan)
        return await calibrate(run, DOMAIN, rated(), [Path(__file__)], wanted, silent())


async def test_a_judge_that_reads_agrees_and_length_does_not(tmp_path: Path) -> None:
    result = await calibrated(tmp_path, honest)
    told = result["measures"]["empathy"]
    one, length = told["predictors"]["planted"], told["predictors"]["length"]
    assert one["by"] == "empathy"
    assert one["spearman"]["value"] > 0.95
    assert one["kappa"]["low"] > 0.9
    assert one["mae"]["value"] < 0.1 < one["mae_of_the_median"]
    assert abs(one["spearman"]["null"]["mean"]) < 0.2
    assert one["beyond_length"]["low"] > 0
    assert length["spearman"]["value"] is None or length["spearman"]["value"] < 0.5
    assert told["predictors"]["planted"]["findings"] == []
    assert result == read_json(tmp_path / "calibration.json")
    page = markdown(result)
    assert "| planted (empathy) |" in page
    assert "0 verdicts missing" in page


async def test_a_judge_that_always_says_eight_is_named(tmp_path: Path) -> None:
    result = await calibrated(tmp_path, always_eight)
    told = result["measures"]["empathy"]
    one = told["predictors"]["planted"]
    assert one["spearman"]["value"] is None
    assert one["kappa"]["value"] == pytest.approx(0, abs=1e-6)
    (line,) = told["predictors"]["planted"]["findings"]
    assert line.startswith("planted gives one value to everything")
    assert "none (nothing varies)" in markdown(result)


async def test_a_judge_that_returns_prose_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"40 of 40 verdicts of planted are missing"):
        await calibrated(tmp_path, prose)
    assert not (tmp_path / "calibration.json").exists()


async def test_the_report_takes_the_calibration_of_its_own_judge(tmp_path: Path) -> None:
    from planted_judges import make_run
    from test_judged_judge import judged

    file = tmp_path / "made" / "calibration.json"
    await calibrated(file.parent, always_eight)
    async with planted(honest) as server:
        run = make_run(tmp_path / "run", experiment_with(server.url, calibration=str(file)))
        await judged(run)
    analysis = analyse(run, DOMAIN)
    (one,) = analysis["judge_quality"]["calibration"]["planted"]
    assert (one["measure"], one["n"]) == ("empathy", 40)
    assert not any("not been calibrated" in note for note in analysis["notes"])
    assert any("planted gives one value to everything" in note for note in analysis["notes"])
    told = read_json(file)
    told["judges"]["planted"]["model"]["name"] = "another"
    file.write_text(json.dumps(told), encoding="utf-8")
    assert any("not been calibrated" in note for note in analyse(run, DOMAIN)["notes"])


async def test_too_few_ratings_say_nothing(tmp_path: Path) -> None:
    few = Ratings("plain", ("empathy",), rated().items[:19])
    run = Run(tmp_path, experiment_with("http://127.0.0.1:1/v1"))
    with pytest.raises(DataError, match="19 rated conversations, fewer than the 20"):
        await calibrate(run, DOMAIN, few, [], Plan((), indicators=True), silent())


def grouped(count: int) -> Ratings:
    items = [replace(one, group=f"g{place % count}") for place, one in enumerate(rated().items)]
    return Ratings("plain", ("empathy",), items)


async def test_one_group_says_nothing_and_few_say_it_roughly(tmp_path: Path) -> None:
    run = Run(tmp_path / "one", experiment_with("http://127.0.0.1:1/v1"))
    with pytest.raises(DataError, match="are of one group"):
        await calibrate(run, DOMAIN, grouped(1), [], Plan((), indicators=True), silent())
    run = Run(tmp_path / "three", experiment_with("http://127.0.0.1:1/v1"))
    plan = Plan((), indicators=True, resamples=20, permutations=2)
    told = await calibrate(run, DOMAIN, grouped(3), [], plan, silent())
    assert "There are 3 groups of conversations only" in markdown(told)


def test_a_finding_belongs_to_the_judge_it_is_about() -> None:
    def one(*lines: str) -> dict[str, Any]:
        return {"by": "empathy", "findings": list(lines), **dict.fromkeys(FIGURES)}

    predictors = {"length": {"spearman": None}, "gpt": one(), "gpt-4": one("gpt-4 is constant")}
    told = {"n": 20, "findings": [], "predictors": predictors}
    assert figures("empathy", told, "gpt")["findings"] == []
    assert figures("empathy", told, "gpt-4")["findings"] == ["gpt-4 is constant"]


def test_groups_are_never_split() -> None:
    groups = [f"g{number // 3}" for number in range(90)]
    folds = folds_of(groups, generator("f"))
    assert all(len(set(folds[start : start + 3])) == 1 for start in range(0, 90, 3))
    assert sorted(np.bincount(folds)) == [18] * 5


def test_nothing_is_learned_from_what_is_predicted() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(60, 3)), rng.integers(0, 3, 60).astype(float)
    folds = folds_of([str(n) for n in range(60)], generator("f"))
    before = held_out(Predictor(x, fitted=True), y, folds)
    other = y.copy()
    other[folds == 2] = 2 - other[folds == 2]
    after = held_out(Predictor(x, fitted=True), other, folds)
    for name in ("ranks", "mapped", "constant"):
        here, there = getattr(before, name)[folds == 2], getattr(after, name)[folds == 2]
        assert np.array_equal(here, there)


def test_useless_indicators_come_out_near_nothing() -> None:
    values = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        table, truth = rng.normal(size=(80, 6)), rng.integers(0, 3, 80).astype(float)
        told = agreement(
            {
                "length": Predictor(rng.normal(size=(80, 1))),
                "useless": Predictor(table, fitted=True),
            },
            truth,
            [str(n) for n in range(80)],
            generator(seed),
            resamples=2,
            permutations=2,
        )
        values.append(told["useless"]["spearman"]["value"])
    # Pooled over folds their mean would be about -0.1.
    assert abs(np.mean(values)) < 0.06


ESCONV = {
    "situation": "Work",
    "survey_score": {"seeker": {"empathy": "4", "relevance": "5"}, "supporter": {"relevance": "1"}},
    "dialog": [
        {"speaker": "seeker", "annotation": {}, "content": "Hello\n"},
        {"speaker": "seeker", "annotation": {}, "content": "I am tired."},
        {"speaker": "supporter", "annotation": {"strategy": "Question"}, "content": "Of what?"},
    ],
}


def test_esconv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ESConv.json"
    path.write_text(json.dumps([ESCONV, {**ESCONV, "survey_score": {}}]), encoding="utf-8")
    ratings = read_ratings([path], DOMAIN.settings)
    assert (ratings.format, ratings.measures) == ("esconv", ("empathy", "relevance"))
    (item,) = ratings.items
    assert item.ratings == {"empathy": 4, "relevance": 5}
    assert [(turn.role, turn.content) for turn in item.messages] == [
        ("user", "Hello\nI am tired."), ("assistant", "Of what?"),
    ]  # fmt: skip


def table(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_plain_table_is_read(tmp_path: Path) -> None:
    messages = '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]'
    path = table(
        tmp_path / "mine.csv",
        ("id", "group", "conversation", "warmth", "pace"),
        ("a", "x", "Client: Hi\nthere: you\nTherapist: Hello", "3.5", ""),
        ("b", "", messages, "2", "4"),
    )
    ratings = read_ratings([path], DOMAIN.settings)
    assert ratings.measures == ("warmth", "pace")
    first, second = ratings.items
    assert [turn.content for turn in first.messages] == ["Hi there: you", "Hello"]
    assert (first.group, first.ratings) == ("x", {"warmth": 3.5})
    assert (second.group, second.ratings) == ("b", {"warmth": 2, "pace": 4})


def epitome(path: Path, levels: str) -> Path:
    rows = [
        (f"p{place // 2}", f"r{place}", "I am so tired.", "What happened?", level, "")
        for place, level in enumerate(levels)
    ]
    header = ("sp_id", "rp_id", "seeker_post", "response_post", "level", "rationales")
    return table(path, header, *rows, rows[0])


def test_mechanisms_are_joined_and_added(tmp_path: Path) -> None:
    names = ("emotional-reactions", "interpretations", "explorations")
    files = [epitome(tmp_path / f"epitome-{name}.csv", "012") for name in names]
    ratings = read_ratings(files, DOMAIN.settings)
    assert ratings.measures == (*MECHANISMS, "total")
    assert [item.ratings["total"] for item in ratings.items] == [0, 3, 6]
    assert [item.group for item in ratings.items] == ["p0", "p0", "p1"]
    assert read_ratings(files[:1], DOMAIN.settings).measures == ("emotional_reactions",)
    with pytest.raises(DataError, match="the same mechanism twice"):
        read_ratings([files[0], files[0]], DOMAIN.settings)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.csv", "who,what\n1,2\n", r"a\.csv:1: no ratings that are known: the columns are who"),
        ("a.csv", "conversation,warmth\nHello,3\n", r"a\.csv:2: .*no speaker before 'Hello'"),
        ("a.csv", 'conversation,warmth\n"Client: a\nb",3\nClient: a,much\n', r":4: .*'much'"),
        ("a.csv", "conversation,warmth\nClient: a\n", r"a\.csv:2: not as many cells"),
        ("a.csv", 'conversation,warmth\n"[{""role"": ""x""}]",3\n', r"a\.csv:2: .*role"),
        ("a.csv", "conversation,warmth\nClient: a,\n", "no row has a rating"),
        ("a.csv", "seeker_post,response_post,level\na,b,nan\n", r"a\.csv:2: .*no number"),
        ("a.json", "{}", "not a list of dialogs"),
        ("a.json", '[{"dialog": [{"speaker": "x"}]}]', r"dialog 1 is not as in ESConv"),
        ("a.json", '[{"dialog": []}]', "no dialog has a seeker's survey"),
        ("a.json", "[", r"a\.json:1: not JSON"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, text: str, problem: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=problem):
        read_ratings([tmp_path / name], DOMAIN.settings)


def esconv_file(path: Path) -> Path:
    dialogs = []
    for number in range(30):
        warm = "That sounds heavy, it makes sense that you feel tired. " * (number % 3)
        turns = [("seeker", "I am so tired."), ("supporter", f"{warm}What happened?")]
        dialog = [{"speaker": who, "content": words} for who, words in turns]
        score = {"seeker": {"empathy": str(1 + 2 * (number % 3)), "relevance": "3"}}
        dialogs.append({**ESCONV, "dialog": dialog, "survey_score": score})
    path.write_text(json.dumps(dialogs), encoding="utf-8")
    return path


def test_the_command_writes_both_files_and_overwrites_none(
    hybridtune: Command, tmp_path: Path
) -> None:
    ratings, out = esconv_file(tmp_path / "ESConv.json"), tmp_path / "out"
    arguments = ("judge", "calibrate", "--ratings", str(ratings), "--out", str(out))
    quick = ("--resamples", "100", "--permutations", "10")
    code, said, _ = hybridtune(*arguments, *quick)
    assert code == 0
    assert "scripted stand-in, no judge" in said
    told = read_json(out / "calibration.json")
    assert set(told["measures"]["empathy"]["predictors"]) == {"length", "indicators", "scripted"}
    assert told["measures"]["relevance"]["withheld"].startswith("too few ratings, or all")
    assert (out / "calibration.md").read_text(encoding="utf-8").startswith("# Calibration")
    before = (out / "calibration.json").read_bytes()
    code, _, error = hybridtune(*arguments)
    assert code == 2
    assert "holds calibration.json already (give another --out)" in error
    assert (out / "calibration.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--judge", "gpt"), "no judge 'gpt' (known: scripted, indicators"),
        (("--rubric", "warmth"), "warmth.yaml: no such file"),
        (("--set", "seed=3"), "there is no experiment to override"),
        (("--domain", "nowhere"), "no domain pack 'nowhere'"),
    ],
)
def test_what_the_user_can_mend(
    hybridtune: Command, tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    ratings = esconv_file(tmp_path / "ESConv.json")
    out = tmp_path / "out"
    asked = ("judge", "calibrate", "--ratings", str(ratings), "--out", str(out), *arguments)
    code, _, error = hybridtune(*asked)
    assert code == 2
    assert problem in error
    assert len(error.strip().splitlines()) == 1
    assert not out.exists()


@pytest.mark.slow
def test_epitome_with_the_stand_in_the_indicators_and_length(
    hybridtune: Command, tmp_path: Path
) -> None:
    if not all(path.exists() for path in EPITOME):
        pytest.skip(f"needs EPITOME, which may not be shipped, in {DATA}")
    files = [part for path in EPITOME for part in ("--ratings", str(path))]
    limits = ("--limit", "400", "--resamples", "100", "--permutations", "20")
    code, _, _ = hybridtune("judge", "calibrate", *files, *limits, "--out", str(tmp_path / "out"))
    assert code == 0
    told = read_json(tmp_path / "out" / "calibration.json")
    total = told["measures"]["total"]["predictors"]
    # All 3,023 pairs give length 0.29, the indicators 0.33 and the stand-in 0.32.
    assert 0.15 < total["length"]["spearman"]["value"] < 0.45
    assert 0.15 < total["scripted"]["spearman"]["value"] < 0.5
    assert told["measures"]["explorations"]["predictors"]["length"]["spearman"]["value"] < 0
    for one in total.values():
        assert abs(one["spearman"]["null"]["mean"]) < 0.06
