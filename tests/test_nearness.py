"""Embeddings in the evaluation: what leaked in other words, and replies that would fit anybody."""

from pathlib import Path

import numpy as np
import pytest
from fabricated import make_domain, make_run, with_embedder

from eval.analysis import analyse
from eval.cells import variant_of
from eval.embeddings import NOT_YET, UNCONFIGURED, embed_run
from eval.grounds import grounds, nearness_ground
from eval.mismatch import mismatch
from eval.nearness import (
    AT_ONCE,
    MOST_AMONG,
    Named,
    Played,
    Sessions,
    among,
    closest,
    nearness,
    notes_on,
    reached,
)
from eval.overlap import overlap
from eval.report import write_report
from eval.statistics.arrays import Array
from eval.steps import steps
from hybridtune.domain import Domain
from hybridtune.embedding.embedder import open_embedder
from hybridtune.errors import DataError
from hybridtune.manifest import Manifest
from hybridtune.overlap import HeldOut
from hybridtune.progress import silent
from hybridtune.records import (
    Judgment,
    Message,
    Scenario,
    Session,
    read_json,
    read_jsonl,
    write_jsonl,
)
from hybridtune.runs import Run
from hybridtune.scripted.embedding import embedding
from hybridtune.steps import run_steps

HELD = (
    "Since her promotion Mara checks every invoice four times and stays in the office until nine,"
    " afraid that one mistake will show everybody that she never deserved the job."
)
RETOLD = (
    "After the promotion Mara was checking each invoice four times, staying at the office till"
    " nine, and was afraid one mistake would show everyone she did not deserve that job."
)
OTHERS = [
    "His dog died in March and he still walks the old round alone, in the dark, without a coat.",
    "Exams begin on Monday; she reads the same page again and cannot say what stands in it.",
    "They moved to a village where nobody greets them, and he spends his evenings in the car.",
    "Trains have become impossible: the doors close, the air gets thin, her hands go numb.",
    "His father calls twice a week to ask for money, and each time he says yes and hates it.",
]
ANYBODY = "That sounds really hard, thank you for sharing this with me. How does it make you feel?"


def unit(rows: Array) -> Array:
    made: Array = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return made


def drawn(count: int, seed: int, dimensions: int = 6) -> Named:
    rows = np.random.default_rng(seed).standard_normal((count, dimensions))
    return Named([f"{seed}-{number}" for number in range(count)], unit(rows))


def test_the_highest_cosine_is_that_of_all_pairs() -> None:
    scenarios, sessions = drawn(7, 1), drawn(2 * AT_ONCE + 3, 2)
    found = closest(scenarios, sessions, 0.95)
    assert found is not None
    cosines = scenarios.rows @ sessions.rows.T
    highest = cosines.max(axis=1)
    assert found["highest_by_scenario"]["median"] == pytest.approx(np.median(highest), abs=1e-4)
    assert found["highest_by_scenario"]["highest"] == pytest.approx(highest.max(), abs=1e-4)
    assert found["above"] == (highest >= 0.95).sum() > 0
    assert found["share_above"] == pytest.approx(found["above"] / 7, abs=1e-4)
    one, other = np.unravel_index(cosines.argmax(), cosines.shape)
    assert found["nearest"]["scenario"] == scenarios.ids[one]
    assert found["nearest"]["session"] == sessions.ids[other]
    assert len(found["near_duplicates"]) == found["above"]
    assert closest(scenarios, Named([], np.zeros((0, 1))), 0.9) is None


def test_a_copy_reaches_any_threshold() -> None:
    scenarios = drawn(3, 1)
    copy = Named(["copy"], scenarios.rows[1:2])
    found = closest(scenarios, copy, 1.0)
    assert found is not None
    assert found["above"] == 1
    assert found["nearest"] == {"scenario": "1-1", "session": "copy", "cosine": 1.0}


def test_a_scenario_near_to_any_text_of_a_session_counts_once() -> None:
    scenarios = Named(["a", "b", "c"], np.eye(3))
    told, said = Named(["s1", "s2"], np.eye(3)[:2]), Named(["s3"], np.eye(3)[1:2])
    sessions = {
        "hybrid": Sessions(3, told, said),
        "real": Sessions(1, Named([], np.zeros((0, 1))), told),
    }
    nobody = Played(np.zeros((0, 1)), [])
    rng = np.random.default_rng(0)
    assert reached(nearness(scenarios, nobody, sessions, 0.9, rng)) == {"hybrid": 2, "real": 2}
    said = Named(["s3"], np.eye(3)[2:])
    found = nearness(scenarios, nobody, {"hybrid": Sessions(3, told, said)}, 0.9, rng)
    assert reached(found) == {"hybrid": 3}
    many = Named([str(number) for number in range(30)], np.eye(30))
    copied = closest(many, many, 0.9)
    assert copied is not None
    assert [pair["session"] for pair in copied["near_duplicates"]] == list(many.ids)


def test_references_tell_the_own_scenario_from_the_others() -> None:
    scenarios = drawn(5, 1, dimensions=40)
    own = [number % 5 for number in range(15)]
    noise = 0.5 * drawn(15, 2, dimensions=40).rows
    played = Played(unit(scenarios.rows[own] + noise), [scenarios.ids[place] for place in own])
    sessions = Sessions(4, drawn(4, 3, dimensions=40), drawn(4, 4, dimensions=40))
    generator = np.random.default_rng(0)
    found = nearness(scenarios, played, {"real": sessions}, 0.9, generator)["references"]
    assert found["conversations_to_own_scenario"]["n"] == 15
    assert found["conversations_to_own_scenario"]["lowest"] > 0.8
    assert found["conversations_to_another_scenario"]["highest"] < 0.8
    cosines = scenarios.rows @ scenarios.rows.T - 2 * np.eye(5)
    assert found["scenarios_among_themselves"]["highest"] == pytest.approx(cosines.max(), abs=1e-4)


def test_a_threshold_that_hides_what_leaked_is_told() -> None:
    scenarios = drawn(4, 1, dimensions=60)
    played = Played(unit(scenarios.rows + drawn(4, 2, dimensions=60).rows * 0.8), scenarios.ids)
    # A training session that is one of these talks has leaked, and stays under 0.9.
    leaked = Sessions(4, Named([], np.zeros((0, 1))), Named(scenarios.ids, played.rows))
    rng = np.random.default_rng(0)
    found = nearness(scenarios, played, {"real": leaked}, 0.9, rng)
    assert reached(found) == {}
    measured = {**found, "measured": True, "model": {"kind": "managed", "name": "m"}}
    (note,) = notes_on(measured)
    references = found["references"]
    low = references["conversations_to_another_scenario"]["highest"]
    high = references["conversations_to_own_scenario"]["lowest"]
    assert f"near_duplicate between {low:.2f} and {high:.2f} would tell them from talks" in note
    (ground,) = nearness_ground(measured)
    assert ground.weak
    assert "and 0.9 counts as near" in ground.text
    between = nearness(scenarios, played, {"real": leaked}, (low + high) / 2, rng)
    assert reached(between) == {"real": 4}
    (note,) = notes_on({**measured, **between})
    assert "training data of real come as near" in note
    only = Played(played.rows[:1], scenarios.ids[:1])
    alone = nearness(Named(scenarios.ids[:1], scenarios.rows[:1]), only, {}, 0.9, rng)
    (note,) = notes_on({**measured, **alone})
    assert note.endswith("not be found by their clients' words.")
    mixed = Played(unit(played.rows + 6 * drawn(4, 3, dimensions=60).rows), scenarios.ids)
    (note,) = notes_on({**measured, **nearness(scenarios, mixed, {}, 0.9, rng)})
    assert note.endswith(
        "no value would, as some talks on other scenarios come as near by this model."
    )


def test_many_sessions_are_compared_by_a_sample() -> None:
    many = drawn(MOST_AMONG + 50, 1, dimensions=3)
    found = among(many, np.random.default_rng(3))
    assert found is not None
    assert found["n"] == MOST_AMONG
    assert found == among(many, np.random.default_rng(3))
    assert among(drawn(1, 1), np.random.default_rng(3)) is None


def conversation(client: str, variant: str, *turns: str, repeat: int = 0) -> Session:
    roles = ("user", "assistant")
    return Session(
        id=f"{client}--{variant}--{repeat}",
        domain="test",
        source="simulated",
        messages=tuple(Message(role=roles[at % 2], content=text) for at, text in enumerate(turns)),
        provenance={"variant": variant, "scenario": client},
    )


def vectors_of(conversations: list[Session]) -> dict[str, Array]:
    texts = {message.content for one in conversations for message in one.messages}
    return {text: np.array(embedding(text) if text.strip() else [0.0] * 512) for text in texts}


def test_a_reply_that_fits_anybody_is_told_from_one_that_fits_its_client() -> None:
    texts = [HELD, *OTHERS]
    fitting = [
        conversation(f"c{n}", "fits", text, f"You say: {text[:60]} What is worst in this?")
        for n, text in enumerate(texts)
    ]
    anybody = [conversation(f"c{n}", "any", text, ANYBODY) for n, text in enumerate(texts)]
    both = fitting + anybody
    found = mismatch(both, vectors_of(both))
    assert [found[one.id] for one in fitting] == [0.0] * len(texts)
    # The same reply to everybody: its ranks among the clients are 0, 1, ..., whose mean is a half.
    shares = sorted(found[one.id] for one in anybody)
    assert shares == pytest.approx([rank / 5 for rank in range(6)])
    assert np.mean(shares) == pytest.approx(0.5)


def test_only_another_client_at_the_same_place_in_other_words_is_compared() -> None:
    alone = [conversation("a", "x", "I am sad.", "Sad?"), conversation("a", "x", "No.", "So.")]
    assert mismatch(alone, vectors_of(alone)) == {}
    same = [conversation(name, "x", "Hello.", "Hello to you.") for name in ("a", "b")]
    assert mismatch(same, vectors_of(same)) == {}
    silent_one = [
        conversation("a", "x", "I am sad.", "..."),
        conversation("b", "x", "Fine.", "Ok."),
    ]
    vectors = {**vectors_of(silent_one), "...": np.zeros(512)}
    assert mismatch(silent_one, vectors) == {}
    # At the second place there is one other client; the first place has two.
    three = [
        conversation("a", "x", HELD, HELD, OTHERS[0], OTHERS[0]),
        conversation("b", "x", OTHERS[1], HELD, OTHERS[2], OTHERS[0]),
        conversation("c", "x", OTHERS[3], OTHERS[3]),
    ]
    found = mismatch(three, vectors_of(three))
    assert found["a--x--0"] == found["c--x--0"] == 0
    # b's replies are a's turns, word for word; whether the first fits c, too, is seen here.
    first = [embedding(HELD), embedding(OTHERS[1]), embedding(OTHERS[3])]
    fits_c = np.dot(first[0], first[2]) >= np.dot(first[0], first[1])
    assert found["b--x--0"] == pytest.approx(((1 + fits_c) / 2 + 1) / 2)


def test_failed_conversations_are_left_out() -> None:
    good = [conversation(name, "x", text, text) for name, text in zip("abc", OTHERS, strict=False)]
    told = {**good[0].provenance, "failed": "answered 500"}
    broken = [good[0].model_copy(update={"provenance": told}), *good[1:]]
    assert set(mismatch(broken, vectors_of(good))) == {one.id for one in good[1:]}


def train(run: Run, variant: str, *told: str | None) -> None:
    """Let a variant's data have sessions with these scenarios, or with none."""
    sessions = [
        Session(
            id=f"{variant}-{number}",
            domain="test",
            source="real" if text is None else "synthetic",
            messages=(
                Message(role="user", content=f"It is about the garden, part {number}."),
                Message(role="assistant", content="Go on."),
            ),
            scenario=None if text is None else {"summary": text},
        )
        for number, text in enumerate(told)
    ]
    write_jsonl(run.variant(variant) / "dataset.jsonl", sessions)


@pytest.fixture
def pack(tmp_path: Path) -> Domain:
    return make_domain(tmp_path / "domain")


@pytest.fixture
def leaky(tmp_path: Path) -> Run:
    """A run whose hybrid variant was trained on a scenario retold; replies of base fit anybody."""
    run = make_run(tmp_path / "run", scenarios=6)
    scenarios = [
        one.model_copy(update={"scenario": {"summary": text}})
        for one, text in zip(
            read_jsonl(run.eval / "scenarios.jsonl", Scenario), [HELD, *OTHERS], strict=True
        )
    ]
    write_jsonl(run.eval / "scenarios.jsonl", scenarios)
    text = {one.id: one.scenario["summary"] for one in scenarios}
    conversations = []
    for one in read_jsonl(run.eval / "conversations.jsonl", Session):
        words = text[one.provenance["scenario"]]
        reply = ANYBODY if variant_of(one) == "base" else f"I hear that {words[:70]}."
        roles = (("user", words), ("assistant", reply))
        messages = tuple(Message(role=role, content=said) for role, said in roles)  # type: ignore[arg-type]
        conversations.append(one.model_copy(update={"messages": messages}))
    write_jsonl(run.eval / "conversations.jsonl", conversations)
    train(run, "real", None, None)
    train(run, "hybrid", None, RETOLD, "A neighbour plays drums at night and never opens.")
    return run


async def test_a_scenario_retold_is_found_by_embeddings_and_not_by_runs_of_words(
    leaky: Run, pack: Domain
) -> None:
    run = with_embedder(leaky, near_duplicate=0.5)
    scenarios = read_jsonl(run.eval / "scenarios.jsonl", Scenario)
    assert HeldOut(scenarios).too_close({"summary": RETOLD}) is None
    assert overlap(run, scenarios)["sources"]["synthetic"]["sharing"] == 0
    async with open_embedder(run, pack, stage="eval", reporter=silent()) as embedder:
        await embed_run(run, embedder)
    analysis = analyse(run, pack)
    near = analysis["nearness"]
    assert near["model"] == {"kind": "scripted", "name": "scripted"}
    told = near["variants"]["hybrid"]["told"]
    assert (told["compared"], told["above"]) == (2, 1)
    assert told["nearest"]["session"] == "hybrid-1"
    assert told["nearest"]["scenario"] == "s00"
    assert near["variants"]["real"]["told"] is None
    assert near["variants"]["real"]["said"]["compared"] == 2
    # In this run the clients say their scenario: what a leak looks like is a cosine of 1.
    references = near["references"]
    assert references["conversations_to_own_scenario"]["lowest"] == pytest.approx(1, abs=1e-4)
    assert references["conversations_to_another_scenario"]["highest"] < 0.5
    (note,) = [line for line in analysis["notes"] if "near-duplicates" in line]
    assert note.startswith("By a stand-in that sees letters, not meaning, training data of hybrid")
    assert "nearest session hybrid-1 to s00" in note
    (ground,) = [one for one in grounds(analysis, None, None) if "embeddings" in one.label]
    assert ground.weak
    assert "hybrid 1" in ground.text
    page = write_report(run, pack).read_text(encoding="utf-8")
    assert "a scripted stand-in that sees letters and not meaning" in page
    assert "hybrid-1, s00" in page
    assert "near 0.5 where they would fit anybody" in page


async def test_a_conversation_of_another_run_is_refused(leaky: Run, pack: Domain) -> None:
    run = with_embedder(leaky)
    scenarios = read_jsonl(run.eval / "scenarios.jsonl", Scenario)
    write_jsonl(run.eval / "scenarios.jsonl", scenarios[1:])
    async with open_embedder(run, pack, stage="eval", reporter=silent()) as embedder:
        with pytest.raises(DataError, match="names the scenario 's00', which this run does not"):
            await embed_run(run, embedder)
    assert not (run.eval / "embeddings.json").exists()


async def test_a_scenario_without_words_and_a_silent_client_are_compared_with_nothing(
    leaky: Run, pack: Domain
) -> None:
    run = with_embedder(leaky)
    first, *scenarios = read_jsonl(run.eval / "scenarios.jsonl", Scenario)
    wordless = first.model_copy(update={"scenario": {"severity": 3, "summary": " "}})
    write_jsonl(run.eval / "scenarios.jsonl", [wordless, *scenarios])
    conversations = read_jsonl(run.eval / "conversations.jsonl", Session)
    silent_one = conversations[-1].model_copy(update={"messages": conversations[-1].messages[1:]})
    write_jsonl(run.eval / "conversations.jsonl", [*conversations[:-1], silent_one])
    async with open_embedder(run, pack, stage="eval", reporter=silent()) as embedder:
        await embed_run(run, embedder)
    found = read_json(run.eval / "embeddings.json")["nearness"]
    assert found["scenarios"] == 5
    own = found["references"]["conversations_to_own_scenario"]
    assert own["n"] == len(conversations) - 3 - 1
    assert own["lowest"] == pytest.approx(1, abs=1e-4)
    assert "no embedder configured" not in write_page(run, pack)


async def test_one_scenario_and_no_training_data_are_enough_for_a_page(
    leaky: Run, pack: Domain
) -> None:
    run = with_embedder(leaky)
    scenarios = read_jsonl(run.eval / "scenarios.jsonl", Scenario)[:1]
    write_jsonl(run.eval / "scenarios.jsonl", scenarios)
    conversations = read_jsonl(run.eval / "conversations.jsonl", Session)
    only = [one for one in conversations if one.provenance["scenario"] == scenarios[0].id]
    write_jsonl(run.eval / "conversations.jsonl", only)
    kept = {one.id for one in only}
    judgments = read_jsonl(run.eval / "judgments.jsonl", Judgment)
    write_jsonl(
        run.eval / "judgments.jsonl", [one for one in judgments if one.conversation in kept]
    )
    for variant in ("real", "hybrid"):
        (run.variant(variant) / "dataset.jsonl").unlink()
    async with open_embedder(run, pack, stage="eval", reporter=silent()) as embedder:
        await embed_run(run, embedder)
    analysis = analyse(run, pack)
    assert analysis["nearness"]["variants"]["real"]["said"] is None
    assert analysis["nearness"]["references"]["scenarios_among_themselves"] is None
    assert analysis["indicators"]["variants"]["base"]["mismatch"]["n"] == 0
    (ground,) = [one for one in grounds(analysis, None, None) if "embeddings" in one.label]
    assert ground.text.startswith("scenarios with a near-duplicate in training data: none")
    assert "near 0.5 where they would fit anybody" in write_page(run, pack)


def write_page(run: Run, pack: Domain) -> str:
    analyse(run, pack)
    return write_report(run, pack).read_text(encoding="utf-8")


async def test_the_mismatch_of_replies_is_an_indicator(leaky: Run, pack: Domain) -> None:
    run = with_embedder(leaky)
    async with open_embedder(run, pack, stage="eval", reporter=silent()) as embedder:
        await embed_run(run, embedder)
    found = analyse(run, pack)["indicators"]
    assert found["unmeasured"] == {}
    assert "fits at least as well" in found["names"]["mismatch"]
    means = {name: entries["mismatch"]["mean"] for name, entries in found["variants"].items()}
    assert means == pytest.approx({"base": 0.5, "real": 0.0, "hybrid": 0.0})
    assert found["variants"]["base"]["mismatch"]["n"] == 6


def test_without_an_embedder_the_report_says_that_it_was_not_measured(
    leaky: Run, pack: Domain
) -> None:
    analysis = analyse(leaky, pack)
    assert analysis["nearness"] == {"measured": False, "why": UNCONFIGURED}
    assert "mismatch" not in analysis["indicators"]["names"]
    assert analysis["indicators"]["unmeasured"] == {"mismatch": UNCONFIGURED}
    page = write_report(leaky, pack).read_text(encoding="utf-8")
    assert page.count("not measured: no embedder configured") == 2
    assert analyse(with_embedder(leaky), pack)["nearness"]["why"] == NOT_YET


def test_the_step_runs_once_and_again_where_the_conversations_changed(
    leaky: Run, pack: Domain
) -> None:
    assert "eval:embeddings" not in [step.name for step in steps(leaky, pack)]
    run = with_embedder(leaky)
    (step,) = [one for one in steps(run, pack) if one.name == "eval:embeddings"]
    assert step.roles == ("embedder",)
    manifest = Manifest(run.path)
    run_steps([step], manifest, silent())
    before = (run.eval / "embeddings.json").read_bytes()
    assert manifest.why_stale(step.name, step.fingerprint()) is None
    conversations = read_jsonl(run.eval / "conversations.jsonl", Session)
    other = conversations[0].model_copy(update={"messages": conversations[4].messages})
    write_jsonl(run.eval / "conversations.jsonl", [other, *conversations[1:]])
    assert analyse(run, pack)["nearness"]["why"] == NOT_YET
    assert manifest.why_stale(step.name, step.fingerprint()) is not None
    run_steps([step], manifest, silent())
    write_jsonl(run.eval / "conversations.jsonl", conversations)
    run_steps([step], manifest, silent())
    assert (run.eval / "embeddings.json").read_bytes() == before
    told = read_json(run.eval / "embeddings.json")
    assert told["dimensions"] == 512
    assert told["model"]["identity"]["scripted"]
