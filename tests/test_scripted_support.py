"""A second, tiny vertical through the same stand-ins: technical support with two themes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hybridtune.domain import Domain, load_domain
from hybridtune.errors import DomainError
from hybridtune.records import Message
from hybridtune.scripted.answer import answer

FACTS = {
    "summaries": ["A thing does not work."],
    "feelings": ["annoyed"],
    "consequences": ["I cannot finish my order."],
    "exceptions": ["I had it working last week."],
    "views": ["I may have missed a cable."],
    "questions": ["Which lamp is on?"],
    "steps": ["switch it off and on"],
}
SUPPORT = {
    "domain.yaml": {"title": "Technical support", "opener": "Hello.", "end_marker": "<bye>"},
    "taxonomy/axes.yaml": {"skill": ["beginner", "expert"]},
    "rubrics/help.yaml": {
        "title": "help",
        "high": 5,
        "dimensions": {"useful": {"question": "Is it useful?", "anchors": {1: "no", 5: "yes"}}},
    },
    "scripted/language.yaml": {
        "function_words": "the a my is it i and not to", "suffixes": ["s"],
        "swaps": {"my": "your", "i": "you"}, "stay_capital": ["I "], "fillers": ["well"],
        "joints": ["because"], "clause_starts": ["my", "i", "the"],
    },
    "scripted/shapes.yaml": {
        "persona": {"skill": "{skill}"},
        "scenario": {
            "title": "{summary}",
            "faults": {"each": "thoughts", "item": {"fault": "{kind}", "belief": "{thought}"}},
            "report": "{situation} {detail}",
        },
        "fallback_theme": "printer",
        "places": {
            "story": "report", "summary": "title",
            "thoughts": {"list": "faults", "text": "belief"},
        },
        "parts": {},
    },
    "scripted/themes/devices.yaml": {
        "printer": {
            **FACTS, "topic": "my printer", "words": "printer paper toner",
            "situations": ["My printer eats the paper."], "details": ["The red lamp blinks."],
            "thoughts": {"hardware": ["The roller is broken"]},
        },
        "router": {
            **FACTS, "topic": "my router", "words": "router network cable",
            "situations": ["My router has no network."], "details": ["The cable is new."],
            "thoughts": {"line": ["The line is dead"]},
        },
    },
    "scripted/patient.yaml": {
        "agenda": ["story", "thought", "story", "mood"], "thought_frames": ['Maybe "{thought}."'],
        "items": {"mood": ["I am {feeling} with {topic}."]}, "later": ["{consequence}"],
        "blank": ["And now?"], "attitudes": {"expert": ["expert"]},
        "reactions": [
            {"name": "told", "cues": ["restart"], "say": {"expert": ["Ok."], "default": ["How?"]}},
            {"name": "else", "say": ["Yes."]},
        ],
        "farewells": ["Bye."], "manners": [],
    },
    "scripted/counselor.yaml": {
        "usual_length": 4, "echo_words": 12, "echo_content": 2,
        "plan": {"first": "open", "last": "end", "between": {"work": 1.0}},
        "need_thought": {}, "without_echo": {}, "feelings": ["annoyed"],
        "manners": [{
            "name": "only", "share": 1,
            "frames": {"any": ["So {echo}. {question}"], "end": ["Please {step}. Goodbye."]},
        }],
        "parts": {},
    },
    "scripted/judge.yaml": {
        "echo_words": 2, "thread_words": 2, "brief_words": 3, "full_exchanges": 4,
        "tie_margin": 0.1,
        "function_share": {"low": 0.0, "high": 0.9, "width": 0.5, "circular": 0.5},
        "full_count": {}, "phrases": {"open_starts": ["which"], "steps": ["switch", "restart"]},
        "rubrics": {"help": {"useful": {"start": 1, "weights": {"echo": 2, "any steps": 2}}}},
    },
}  # fmt: skip


@pytest.fixture
def support(tmp_path: Path) -> Domain:
    """A tiny pack of another vertical."""
    for name, content in SUPPORT.items():
        path = tmp_path / "support" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_domain(str(tmp_path / "support"))


def made(domain: Domain, theme: str, exchanges: int) -> dict[str, Any]:
    """A persona, its scenario and their session, as the teacher writes them."""
    persona = json.loads(answer(domain, "persona", {"theme": theme, "index": 1}, []))
    scenario = json.loads(answer(domain, "scenario", {"persona": persona, "theme": theme}, []))
    inputs = {"persona": persona, "scenario": scenario, "exchanges": exchanges}
    session = json.loads(answer(domain, "session", inputs, []))
    return {"persona": persona, "scenario": scenario, "turns": session["turns"]}


def test_another_vertical_runs_through_the_same_code(support: Domain) -> None:
    one = made(support, "router", 4)
    assert one["scenario"]["faults"] == [{"fault": "line", "belief": "The line is dead"}]
    assert one["turns"][0]["text"] == "My router has no network."
    assert one["turns"][1]["text"] == "So your router has no network. Which lamp is on?"
    assert one["turns"][-1]["text"] == "Please switch it off and on. Goodbye."
    inputs = {"persona": one["persona"], "scenario": one["scenario"], "max_exchanges": 2}
    heard = [Message(role="assistant", content="My router has no network.")]
    assert answer(support, "patient", inputs, heard).endswith("<bye>")
    messages = [
        {"role": "user", "content": one["turns"][0]["text"]},
        {"role": "assistant", "content": one["turns"][1]["text"]},
    ]
    verdict = json.loads(answer(support, "judge", {"rubric": "help", "messages": messages}, []))
    assert verdict["scores"]["useful"]["score"] == 3


def test_a_theme_without_facts_is_named(support: Domain) -> None:
    path = support.path / "scripted" / "themes" / "more.yaml"
    path.write_text("scanner: {topic: my scanner}\n", encoding="utf-8")
    with pytest.raises(DomainError, match=r"more\.yaml.*'scanner' has no words"):
        answer(load_domain(str(support.path)), "persona", {"theme": "scanner"}, [])
