"""The stand-ins: valid, deterministic, apart from the held-out scenarios, and fit for any pack."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hybridtune.domain import load_domain
from hybridtune.errors import DataError
from hybridtune.records import Message, Scenario, read_jsonl
from hybridtune.scripted import scripted_digest
from hybridtune.scripted.answer import TASKS, answer
from hybridtune.scripted.stock import stock
from hybridtune.scripted.text import swap, words

ROOT = Path(__file__).resolve().parent.parent
THERAPY = load_domain("therapy")

WARM = [
    ("user", "I have an exam on Friday and I cannot sit down to study."),
    ("assistant", "So the exam is close and you cannot sit down to study. It makes sense that you "
     "feel worried. What goes through your mind when you look at the books?"),
    ("user", 'I think, "I am going to fail." My parents ask about it every evening.'),
    ("assistant", "I hear how heavy that thought about failing is, and your parents asking every "
     "evening adds to it. What speaks for that thought, and what speaks against it?"),
]  # fmt: skip
FLAT = [
    WARM[0],
    ("assistant", "You should make a plan. Do you have a plan?"),
    WARM[2],
    ("assistant", "You need to study more. Try to get up early."),
]
GIBBERISH = [
    WARM[0],
    ("assistant", "blue lamp seven river chalk chalk turnip window"),
    WARM[2],
    ("assistant", "qwe asd turnip turnip lamp zzz"),
]


def as_json(turns: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in turns]


def made(theme: str, index: int, exchanges: int = 8) -> dict[str, Any]:
    """A persona, its scenario and their session, as the teacher writes them."""
    persona = json.loads(answer(THERAPY, "persona", {"theme": theme, "index": index}, [], index))
    inputs = {"persona": persona, "theme": theme}
    scenario = json.loads(answer(THERAPY, "scenario", inputs, [], index))
    inputs = {"persona": persona, "scenario": scenario, "exchanges": exchanges}
    session = json.loads(answer(THERAPY, "session", inputs, [], index))
    return {"persona": persona, "scenario": scenario, "turns": session["turns"]}


def scores(turns: list[tuple[str, str]], rubric: str = "empathy_relevance") -> dict[str, Any]:
    inputs = {"rubric": rubric, "messages": as_json(turns)}
    found: dict[str, Any] = json.loads(answer(THERAPY, "judge", inputs, []))["scores"]
    return found


def grams(text: str, size: int = 8) -> set[tuple[str, ...]]:
    said = words(text)
    return {said[start : start + size] for start in range(len(said) - size + 1)}


def play(scenario: Scenario, limit: int, reply: str | None = None) -> list[str]:
    """The patient's turns against the scripted counselor, or one that always says the same."""
    history: list[Message] = []
    said: list[str] = []
    while len(said) <= limit:
        view = [
            Message(role="assistant" if turn.role == "user" else "user", content=turn.content)
            for turn in history
        ]
        inputs = {
            "persona": scenario.persona, "scenario": scenario.scenario, "max_exchanges": limit,
        }  # fmt: skip
        opening = [Message(role="user", content="[The session begins.]")]
        said.append(answer(THERAPY, "patient", inputs, opening + view, 3))
        if said[-1].endswith(THERAPY.settings.end_marker):
            break
        history.append(Message(role="user", content=said[-1]))
        words_back = reply or answer(THERAPY, "counselor", {}, history, 3)
        history.append(Message(role="assistant", content=words_back))
    return said


def held_out() -> list[Scenario]:
    return read_jsonl(THERAPY.path / "scenarios" / "evaluation.jsonl", Scenario)


@pytest.mark.parametrize("theme", list(THERAPY.words("taxonomy/themes")))
def test_teacher_fits_the_schemas(theme: str) -> None:
    for index, exchanges in enumerate((1, 2, 6, 14)):
        one = made(theme, index, exchanges)
        jsonschema.validate(one["persona"], THERAPY.schema("persona"))
        jsonschema.validate(one["scenario"], THERAPY.schema("scenario"))
        speakers = [turn["speaker"] for turn in one["turns"]]
        assert speakers == ["patient", "counselor"] * exchanges
        assert all(turn["text"].strip() for turn in one["turns"])
        assert THERAPY.settings.end_marker not in json.dumps(one["turns"])
        assert "{" not in json.dumps([turn["text"] for turn in one["turns"]])
        assert stock(THERAPY).theme_of(one["scenario"]) == theme


def test_teacher_keeps_given_axes() -> None:
    axes = {"occupation": "lighthouse keeper", "attitude": "curious but cautious"}
    inputs = {"theme": "sleep trouble", "index": 1, "axes": axes}
    persona = json.loads(answer(THERAPY, "persona", inputs, [], 1))
    assert persona.items() >= axes.items()


def test_sessions_vary() -> None:
    themes = list(THERAPY.words("taxonomy/themes"))
    sessions = [made(theme, index) for index, theme in enumerate(themes * 3)]
    replies = [
        turn["text"] for one in sessions for turn in one["turns"] if turn["speaker"] == "counselor"
    ]
    assert len(set(replies)) > 0.9 * len(replies)
    assert len({one["scenario"]["scenario"] for one in sessions}) == len(sessions)


def test_held_out_scenarios_are_apart() -> None:
    themes = list(THERAPY.words("taxonomy/themes"))
    written: set[tuple[str, ...]] = set()
    for index in range(300):
        one = made(themes[index % len(themes)], index, 6)
        texts = [one["persona"]["background"], one["scenario"]["scenario"]]
        texts += [turn["text"] for turn in one["turns"]]
        texts += [item["thought"] for item in one["scenario"]["cognitive_distortions"]]
        for text in texts:
            written |= grams(text)
    for scenario in held_out():
        thoughts = [item["thought"] for item in scenario.scenario["cognitive_distortions"]]
        for text in [scenario.scenario["scenario"], scenario.persona["background"], *thoughts]:
            assert not grams(text) & written, scenario.id


def test_stand_ins_recognize_most_held_out_themes() -> None:
    found = [
        stock(THERAPY).theme_of(scenario.scenario) == scenario.provenance["theme"]
        for scenario in held_out()
    ]
    assert sum(found) >= 0.9 * len(found)


@pytest.mark.parametrize("limit", [2, 3, 6, 8, 20])
def test_patient_ends_in_time(limit: int) -> None:
    for scenario in held_out()[::7]:
        said = play(scenario, limit)
        assert said[-1].endswith(THERAPY.settings.end_marker)
        assert 2 <= len(said) <= limit
        assert not any(THERAPY.settings.end_marker in turn for turn in said[:-1])


def test_patient_opens_with_the_complaint_and_tells_the_thoughts() -> None:
    scenario = held_out()[2]
    said = play(scenario, 8)
    assert "competition drawings" in said[0]
    for item in scenario.scenario["cognitive_distortions"]:
        assert item["thought"] not in said[0]
        assert any(item["thought"] in turn for turn in said)


def test_patient_reacts_to_what_it_hears() -> None:
    scenario = held_out()[0]
    dismissed = play(scenario, 8, "Just relax, it is not a big deal.")
    asked = play(scenario, 8, "What speaks for that thought about the exam, and what against it?")
    assert dismissed[0] == asked[0]
    assert dismissed[1:] != asked[1:]
    script = THERAPY.words("scripted/patient")["reactions"]
    upset = next(each["say"] for each in script if each["name"] == "dismissed")
    begun = [text.split("{")[0].lower() for text in upset]
    assert any(start in dismissed[1].lower() for start in begun)


def test_counselor_reflects_and_asks() -> None:
    days = ("Monday", "Tuesday", "Friday")
    said = [f"My manager gave me more tasks late on {day}." for day in days]
    replies = {
        answer(THERAPY, "counselor", {}, [Message(role="user", content=content)], seed)
        for content in said
        for seed in range(20)
    }
    assert len(replies) > 20
    assert any("your manager gave you more tasks" in reply for reply in replies)
    assert sum("?" in reply for reply in replies) > 0.5 * len(replies)


def test_judge_orders_warm_flat_gibberish() -> None:
    for dimension in ("empathy", "relevance"):
        warm, flat, gibberish = (
            scores(turns)[dimension]["score"] for turns in (WARM, FLAT, GIBBERISH)
        )
        assert warm >= 6
        assert 2 <= flat < warm
        assert gibberish <= min(2, flat)


@pytest.mark.parametrize("rubric", ["empathy_relevance", "ranking"])
def test_verdicts_are_complete_and_quote_verbatim(rubric: str) -> None:
    for turns in (WARM, FLAT, GIBBERISH):
        found = scores(turns, rubric)
        assert list(found) == list(THERAPY.rubric(rubric).dimensions)
        spoken = [content for role, content in turns if role == "assistant"]
        for item in found.values():
            assert 1 <= item["score"] <= 10
            assert any(item["quote"] in text for text in spoken)
            assert item["quote"]


def test_judge_without_a_reply_gives_the_lowest_score() -> None:
    assert {item["score"] for item in scores(WARM[:1]).values()} == {1}


def test_judge_reads_only_the_words() -> None:
    turns = [("system", "anything"), *WARM]
    assert scores(turns) == scores(WARM)


def test_repetition_costs() -> None:
    again = [WARM[0], WARM[1], WARM[2], WARM[1]]
    assert scores(again)["relevance"]["score"] < scores(WARM)["relevance"]["score"]


def test_compare_is_symmetric() -> None:
    def winner(first: list[tuple[str, str]], second: list[tuple[str, str]]) -> str:
        inputs = {
            "rubric": "empathy_relevance", "first": as_json(first), "second": as_json(second),
        }  # fmt: skip
        verdict = json.loads(answer(THERAPY, "compare", inputs, []))
        assert verdict["reason"]
        return str(verdict["winner"])

    assert winner(WARM, FLAT) == "first"
    assert winner(FLAT, WARM) == "second"
    assert winner(WARM, WARM) == "tie"


def test_ranking_sorts_sessions() -> None:
    themes = list(THERAPY.words("taxonomy/themes"))
    means = []
    for index in range(104):
        roles = {"patient": "user", "counselor": "assistant"}
        turns = made(themes[index % len(themes)], index)["turns"]
        found = scores([(roles[turn["speaker"]], turn["text"]) for turn in turns], "ranking")
        means.append(sum(item["score"] for item in found.values()) / len(found))
    accepted = sum(mean >= 7 for mean in means)
    assert 0.6 * len(means) < accepted < len(means)
    assert min(means) < 4


SAME = """
import hashlib, json
from hybridtune.domain import load_domain
from hybridtune.records import Message
from hybridtune.scripted import scripted_digest
from hybridtune.scripted.answer import answer
domain = load_domain("therapy")
total = hashlib.sha256()
for index, theme in enumerate(domain.words("taxonomy/themes")):
    persona = json.loads(answer(domain, "persona", {"theme": theme, "index": 0}, [], index))
    inputs = {"persona": persona, "theme": theme, "exchanges": 9, "max_exchanges": 5}
    inputs["scenario"] = json.loads(answer(domain, "scenario", inputs, [], index))
    session = answer(domain, "session", inputs, [], index)
    roles = {"patient": "user", "counselor": "assistant"}
    messages = [
        {"role": roles[turn["speaker"]], "content": turn["text"]}
        for turn in json.loads(session)["turns"]
    ]
    inputs |= {"messages": messages, "rubric": "ranking", "first": messages, "second": messages[:6]}
    history = [Message(**message) for message in messages[:-1]]
    answers = [
        answer(domain, task, inputs, history, index)
        for task in ("session", "patient", "counselor", "judge", "compare")
    ]
    total.update(json.dumps([persona, *answers]).encode())
print(total.hexdigest(), scripted_digest(domain))
"""


def test_equal_requests_give_equal_answers_in_every_process() -> None:
    def run(hash_seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", SAME], cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = run("1")
    assert first == run("2")
    assert first.split()[1] == scripted_digest(THERAPY)


def test_swap_turns_the_first_person_round() -> None:
    table = THERAPY.words("scripted/language")["swaps"]
    assert swap("I am late, and my boss waits for me.", table) == (
        "you are late, and your boss waits for you."
    )


def test_unknown_task_and_missing_input() -> None:
    with pytest.raises(DataError, match="unknown task 'sing'"):
        answer(THERAPY, "sing", {}, [])
    with pytest.raises(DataError, match="'exchanges'"):
        answer(THERAPY, "session", {"persona": {}, "scenario": {}}, [])


def test_no_words_of_a_vertical_in_the_code() -> None:
    code = " ".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "hybridtune/scripted").glob("*.py")
    ).lower()
    banned = ["distortion", "cognitive", "cbt", "anxi", "exam ", "empath", "emotion"]
    assert not [word for word in banned if word in code]


def test_tasks_are_those_of_the_contract() -> None:
    assert set(TASKS) == {
        "persona", "scenario", "session", "patient", "counselor", "judge", "compare", "attribute",
    }  # fmt: skip
