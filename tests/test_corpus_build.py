"""The corpus stage as a whole: the shipped examples, AnnoMI where it lies about, and bad input."""

import json
import os
import platform
import re
import socket
import subprocess
import sys
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from corpus import importing, prepare
from corpus.build import build_corpus, import_all
from corpus.history import Held, History
from corpus.outputs import Outputs
from corpus.report import Report
from corpus.review import Queue
from corpus.steps import steps
from hybridtune.config import Experiment
from hybridtune.config.corpus import CorpusSettings
from hybridtune.domain import load_domain
from hybridtune.errors import ConfigError, DataError, InputError
from hybridtune.manifest import Manifest
from hybridtune.progress import silent
from hybridtune.records import Message, Session, read_json, read_jsonl
from hybridtune.reviews import ReviewLog
from hybridtune.runs import Run
from hybridtune.steps import run_steps

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples" / "transcripts"
ANNOMI = ROOT.parent / "shared" / "data" / "AnnoMI-simple.csv"
THERAPY = load_domain("therapy")
COUNSELORS = {
    "panic_trains": "SPEAKER_00",
    "procrastination": "SPEAKER_00",
    "social_anxiety": "SPEAKER_01",
    "money_worry": "SPEAKER_01",
    "health_worry": "SPEAKER_01",
    "new_parent_guilt": "SPEAKER_02",
}
OPENED_BY_CLIENT = {"real-social_anxiety", "real-sessions_batch_2-friend_conflict"}
AS_IT_IS: dict[str, Any] = {"deidentify": {"enabled": False}}
LOOSE: dict[str, Any] = {
    "filters": {"min_turns": 2, "min_turns_each": 1, "min_words": 0, "language": "any"}
}
WORRIES = ("exams", "money", "trains", "my boss", "the flat", "my sister")


def dialogue(about: str = "", counselor: str = "T", patient: str = "C") -> str:
    """Six exchanges; with another `about` they share no five words in a row with these."""
    lines = []
    for it in WORRIES:
        lines += [
            (counselor, f"What do you think of {it}, if you say it in your own words to me?"),
            (patient, f"I worry about {it} when I wake up, and my hands shake until I am at work."),
        ]
    return "\n".join(f"{who}: {mingled(text, about)}" for who, text in lines)


def mingled(text: str, word: str) -> str:
    """A text with a word after every third one."""
    words = text.split()
    threes = [words[at : at + 3] for at in range(0, len(words), 3)]
    return " ".join(one for three in threes for one in [*three, word] if one)


def outputs_in(folder: Path) -> Outputs:
    return Outputs.in_folder(folder)


def imported(out: Path, *paths: Path, **settings: Any) -> tuple[Report, list[Session]]:
    corpus = CorpusSettings.model_validate({"paths": [str(path) for path in paths], **settings})
    report = import_all(corpus, outputs_in(out), THERAPY, 7, silent())
    return report, read_jsonl(out / "real.jsonl", Session)


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, dict[str, Session]]:
    report, sessions = imported(tmp_path_factory.mktemp("examples"), EXAMPLES, **AS_IT_IS)
    return report, {session.id: session for session in sessions}


def test_all_examples_become_sessions(examples: tuple[Report, dict[str, Session]]) -> None:
    report, sessions = examples
    assert report.left_out == []
    assert report.malformed == []
    assert len(sessions) == 24
    assert [file.name for file in report.skipped] == ["README.md"]
    for session in sessions.values():
        roles = [message.role for message in session.messages]
        assert roles[0] == ("user" if session.id in OPENED_BY_CLIENT else "assistant")
        assert all(one != other for one, other in pairwise(roles))
        assert session.provenance["roles"]["confidence"] == 1.0


def test_examples_of_anonymous_speakers_have_the_right_counselor(
    examples: tuple[Report, dict[str, Session]],
) -> None:
    _, sessions = examples
    for name, counselor in COUNSELORS.items():
        segments = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))["segments"]
        spoken = [(s["speaker"], s["text"].split()) for s in segments if "speaker" in s]
        of_counselor = {word for who, said in spoken if who == counselor for word in said}
        of_others = {word for who, said in spoken if who != counselor for word in said}
        said = {
            word for text in sessions[f"real-{name}"].turns("assistant") for word in text.split()
        }
        # Words that only one of them says, but for the segments that have no speaker.
        assert len(said & (of_counselor - of_others)) > 20
        assert len(said & (of_others - of_counselor)) < 5
        assert sessions[f"real-{name}"].provenance["roles"]["method"] == "you_minus_i"


def test_examples_are_clean(examples: tuple[Report, dict[str, Session]], tmp_path: Path) -> None:
    _, sessions = examples
    for session in sessions.values():
        text = "\n".join(message.content for message in session.messages)
        assert not re.search(r"[\[\]<>]|&amp;|NARRATOR|Narrator|role-player|recording\]", text)
        assert not re.search(r"\b(um|uh)\b(?!-)", "\n".join(session.turns("assistant")), re.I)
    _, kept = imported(tmp_path, EXAMPLES, disfluencies="keep", **AS_IT_IS)
    assert any("um" in text.split() for s in kept for text in s.turns("assistant"))


def test_files_written_and_what_they_say(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=dialogue("really"), two=dialogue("often"))
    write(folder, alone=dialogue(counselor="C"), short="T: Hello?\nC: Yes.\n")
    report, sessions = imported(tmp_path / "out", folder, **AS_IT_IS)
    assert [session.id for session in sessions] == ["real-one", "real-two"]
    assert {message.role for s in sessions for message in s.messages} == {"user", "assistant"}
    told = sessions[0].provenance
    assert told["file"] == "one.txt"
    assert told["span"] == {"first_line": 1, "last_line": 12}
    assert told["roles"] == {"method": "labels", "confidence": 1.0}
    assert (told["source_kind"], told["rights"]) == ("unstated", "unstated")
    assert told["group"] != sessions[1].provenance["group"]
    reasons = {each.file: each.reason for each in report.left_out}
    assert reasons["alone.txt"] == "only one speaker remains"
    assert "fewer than 8 turns" in reasons["short.txt"]
    written = read_json(tmp_path / "out" / "report.json")
    assert written["totals"]["sessions_kept"] == 2
    assert written["totals"]["turns"] == 24
    card = (tmp_path / "out" / "DATA_CARD.md").read_text(encoding="utf-8")
    assert "Not de-identified" in card
    assert str(tmp_path) not in json.dumps(written) + sessions[0].line() + card
    history = read_jsonl(tmp_path / "out" / "history.jsonl", History)
    assert [each.id for each in history] == ["real-one", "real-two"]
    assert [turn.text for turn in history[0].turns] == [m.content for m in sessions[0].messages]
    assert not list((tmp_path / "out").glob(".*"))


def test_identities_and_names_of_files_do_not_get_out(tmp_path: Path) -> None:
    text = dialogue("really") + "\nT: Thank you, Jennifer. Write to jen@post.example or call.\n"
    folder = write(tmp_path / "in", Jennifer_Miller=text + "C: I will, Doctor Okonjo.\n")
    report, sessions = imported(tmp_path / "out", folder)
    everything = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir())
    assert len(sessions) == 1
    assert report.replaced.total() >= 2
    assert not re.search("Jennifer|jen@post|Okonjo", everything)
    assert "[" not in sessions[0].messages[-2].content


def test_a_mapping_is_written_only_when_asked_for(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=dialogue("really") + "\nT: Goodbye, Jennifer.\n")
    mapping = tmp_path / "mapping.jsonl"
    imported(tmp_path / "out", folder, deidentify={"mapping": str(mapping)})
    assert mapping.stat().st_mode & 0o777 == 0o600
    (line,) = mapping.read_text(encoding="utf-8").splitlines()
    assert "Jennifer" in json.loads(line)["replaced"]
    with pytest.raises(InputError, match="cannot be written"):
        imported(tmp_path / "x", folder, deidentify={"mapping": str(tmp_path / "no" / "m")})


def test_pseudonyms_depend_on_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "in", one=dialogue("really") + "\nT: Goodbye, Jennifer.\n")
    settings = {"deidentify": {"salt_env": "CORPUS_SALT"}}
    with pytest.raises(ConfigError, match="CORPUS_SALT is not set"):
        imported(tmp_path / "out", folder, **settings)
    ids = []
    for secret in ("one", "two", "one"):
        monkeypatch.setenv("CORPUS_SALT", secret)
        _, sessions = imported(tmp_path / "out", folder, **settings)
        ids.append((sessions[0].id, sessions[0].provenance["source_id"]))
    assert ids[0] == ids[2] != ids[1]


def test_an_import_repeats_itself_to_the_byte(tmp_path: Path) -> None:
    for name in ("a", "b"):
        imported(tmp_path / name, EXAMPLES)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert "history.jsonl" in names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_limit_draws_by_the_seed_and_nests(tmp_path: Path) -> None:
    drawn = {n: imported(tmp_path / str(n), EXAMPLES, limit=n) for n in (5, 9)}
    small, large = ({session.id for session in drawn[n][1]} for n in (5, 9))
    assert (len(small), len(large)) == (5, 9)
    assert small < large
    assert drawn[5][0].reasons() == {"beyond the limit": 19}


def test_copies_count_once_and_namesakes_get_ids_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "a", same=dialogue("really"), name=dialogue("often"))
    write(tmp_path / "b", copy=dialogue("really"), name=dialogue("always"))
    names = (tmp_path / "a" / "name.txt", tmp_path / "b" / "name.txt")
    _, sessions = imported(tmp_path / "out", *names, tmp_path / "a", **AS_IT_IS)
    assert len({session.id for session in sessions}) == 3
    report, sessions = imported(tmp_path / "out", tmp_path / "a", tmp_path / "b", **AS_IT_IS)
    assert len(sessions) == 3
    assert report.reasons() == {"near-duplicate": 1}


def test_bare_back_channels_are_context_only(tmp_path: Path) -> None:
    text = dialogue("really") + "\nT: Mm-hmm.\nC: That is all that I can say about it today.\n"
    _, (session,) = imported(tmp_path / "out", write(tmp_path / "in", one=text))
    (place,) = session.untrained
    assert session.messages[place].content == "Mm-hmm."


def test_one_bad_file_costs_its_own_sessions_only(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=dialogue("really"))
    (folder / "broken.json").write_text('{"segments": [', encoding="utf-8")
    report, sessions = imported(tmp_path / "out", folder)
    assert len(sessions) == 1
    (error,) = report.malformed
    assert error.where.startswith(str(folder / "broken.json"))
    run = run_of(folder, tmp_path / "run")
    with pytest.raises(DataError, match=r"corpus\.malformed=skip") as caught:
        build_corpus(run.experiment, outputs_in(run.corpus), THERAPY, silent())
    assert "broken.json" in caught.value.where
    skipping = run_of(folder, tmp_path / "run", malformed="skip")
    build_corpus(skipping.experiment, outputs_in(run.corpus), THERAPY, silent())


def run_of(folder: Path, place: Path, **corpus: Any) -> Run:
    server = {"server": "scripted"}
    experiment = Experiment.model_validate(
        {
            "name": "small",
            "seed": 7,
            "model": {"name": "small-model"},
            "servers": {"scripted": {"kind": "scripted"}},
            "roles": dict.fromkeys(("teacher", "patient", "counselor", "judge"), server),
            "corpus": {"paths": [str(folder)], **corpus},
            "variants": {"base": {}, "real": {"real": 1}},
        }
    )
    return Run(place, experiment)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (dialogue(counselor="C"), "only one speaker remains"),
        ("T: Hello?\nC: Yes.\n", "fewer than 8 turns"),
    ],
)
def test_nothing_usable_is_an_error_and_writes_nothing(
    tmp_path: Path, text: str, reason: str
) -> None:
    folder = write(tmp_path / "in", alone=text)
    with pytest.raises(DataError, match=reason) as caught:
        imported(tmp_path / "out", folder)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_without_transcripts(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Nothing here.", encoding="utf-8")
    with pytest.raises(DataError, match="no transcripts here"):
        imported(tmp_path / "out", tmp_path)


def test_transcripts_without_speakers_wait_with_the_honest_reason(tmp_path: Path) -> None:
    words = re.sub(r"^[TC]: ", "", dialogue("really"), flags=re.MULTILINE)
    folder = write(tmp_path / "in", silent=words, one=dialogue("often"))
    report, sessions = imported(tmp_path / "out", folder)
    assert len(sessions) == 1
    (held,) = read_jsonl(tmp_path / "out" / "held.jsonl", Held)
    assert held.session is None
    assert "85 to 88" in held.reasons["quarantine"]
    assert held.file == "silent.txt"
    assert held.lines
    assert report.reasons_to_hold() == {"quarantine": 1}


def uncertain(folder: Path) -> Path:
    """A session whose speakers have numbers, and whose features do not agree."""
    lines = []
    for it in WORRIES:
        lines += [
            f"S1: You told your sister that you and your boss spoke of {it} in your own room.",
            f"S2: I said so, did I not? I do not know what I want with my {it}, do I? Why me?",
        ]
    return write(folder, odd="\n".join(lines))


@pytest.mark.parametrize("action", ["approve", "swap", "reject"])
def test_a_person_decides_about_what_is_held(tmp_path: Path, action: Any) -> None:
    folder = uncertain(tmp_path / "in")
    write(folder, sure=dialogue("really"))
    _, sessions = imported(tmp_path / "out", folder)
    (held,) = read_jsonl(tmp_path / "out" / "held.jsonl", Held)
    assert "roles" in held.reasons
    assert held.session is not None
    assert held.digest is not None
    assert held.id not in {session.id for session in sessions}
    log = ReviewLog(tmp_path / "out" / "reviews.jsonl")
    log.append(held.id, action, reviewer="me", text_sha256=held.digest, reason="listened to it")
    report, sessions = imported(tmp_path / "out", folder)
    assert read_jsonl(tmp_path / "out" / "held.jsonl", Held) == []
    after = {session.id: session for session in sessions}.get(held.id)
    if action == "reject":
        assert after is None
        assert report.reasons() == {"rejected in review": 1}
        return
    assert after is not None
    before, now = ([m.role for m in s.messages] for s in (held.session, after))
    assert (before == now) == (action == "approve")


def decided(place: Path, folder: Path, name: str, *actions: str) -> list[Session]:
    """The sessions of an import after one decision after the other, with an import after each."""
    sessions: list[Session] = []
    for action in actions:
        queue = Queue(outputs_in(place))
        queue.decide(name, action, reviewer="me", reason="listened to it")  # type: ignore[arg-type]
        _, sessions = imported(place, folder)
    return sessions


def test_decisions_can_be_taken_back(tmp_path: Path) -> None:
    folder = uncertain(tmp_path / "in")
    write(folder, sure=dialogue("really"))
    place = tmp_path / "out"
    imported(place, folder)
    (held,) = read_jsonl(place / "held.jsonl", Held)
    assert held.session is not None
    first = [message.role for message in held.session.messages]
    after = {s.id: s for s in decided(place, folder, held.id, "swap")}
    assert [message.role for message in after[held.id].messages] != first
    for action in ("approve", "swap"):  # would turn it back without anybody meaning it
        with pytest.raises(InputError, match="swapped already"):
            decided(place, folder, held.id, action)
    assert held.id not in {s.id for s in decided(place, folder, held.id, "undo")}
    assert held.id not in {s.id for s in decided(place, folder, held.id, "reject")}
    after = {s.id: s for s in decided(place, folder, held.id, "undo", "approve")}
    assert [message.role for message in after[held.id].messages] == first


def test_an_edit_takes_the_place_of_the_words(tmp_path: Path) -> None:
    folder = uncertain(tmp_path / "in")
    place = tmp_path / "out"
    imported(place, folder)
    (held,) = read_jsonl(place / "held.jsonl", Held)
    assert held.session is not None
    assert held.digest is not None
    words = [Message(role=m.role, content=m.content) for m in held.session.messages]
    words[0] = Message(role="assistant", content="Mm-hmm.")
    log = ReviewLog(place / "reviews.jsonl")
    log.append(held.id, "edit", reviewer="me", text_sha256=held.digest, messages=words)
    _, (session,) = imported(place, folder)
    assert session.messages == tuple(words)
    assert session.untrained == (0,)
    (history,) = read_jsonl(place / "history.jsonl", History)
    assert [turn.text for turn in history.turns] == [m.content for m in words]
    assert not history.turns[0].trained


def test_speakers_names_stay_out_of_reports(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=dialogue("really"))
    write(folder, alone=dialogue(counselor="Jane Miller", patient="Jane Miller"))
    imported(tmp_path / "out", folder)
    for path in (tmp_path / "out").iterdir():
        assert "Miller" not in path.read_text(encoding="utf-8"), path.name


def test_a_file_name_is_shown_and_never_obeyed(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=dialogue("really"))
    (folder / "[bold]\x1b[2J|<b>.json").write_text("{", encoding="utf-8")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt")).write_text(dialogue("often"))
    report, sessions = imported(tmp_path / "out", folder)
    assert len(sessions) == 2
    assert "\x1b" not in str(report.malformed[0])


def test_likeness_holds_a_session_where_that_is_asked_for(tmp_path: Path) -> None:
    shared = "I told him that I would not come to the party on the weekend after all of this."
    texts = {
        one: f"{dialogue(one)}\n{dialogue(other)}\nT: Tell me about that.\nC: {shared}\n"
        for one, other in (("really", "deeply"), ("often", "mostly"))
    }
    folder = write(tmp_path / "in", **texts)
    report, sessions = imported(tmp_path / "a", folder)
    assert len(sessions) == 2
    assert [flag for _, flag, _ in report.flags] == ["duplicate"]
    _, sessions = imported(tmp_path / "b", folder, review={"hold": ["duplicate"]})
    assert len(sessions) == 1


def test_an_error_of_ours_costs_one_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "in", one=dialogue("really"), two=dialogue("often"))
    before = prepare.trim

    def break_on_often(utterances: Any) -> Any:
        if "often" in utterances[0].text:
            raise KeyError("a defect")
        return before(utterances)

    monkeypatch.setattr(prepare, "trim", break_on_often)
    report, sessions = imported(tmp_path / "out", folder)
    assert len(sessions) == 1
    assert "please report it (KeyError)" in report.left_out[0].reason


def test_files_that_cannot_be_read_do_not_stay_in_memory(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=dialogue("really"))
    for number in range(20):
        (folder / f"{number}.json").write_text("[" + " " * 1_000_000, encoding="utf-8")
    tracemalloc.start()
    try:
        report, _ = imported(tmp_path / "out", folder)
        assert len(report.malformed) == 20
        assert tracemalloc.get_traced_memory()[0] < 5_000_000
    finally:
        tracemalloc.stop()


def test_an_interrupted_import_leaves_the_old_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "in", one=dialogue("really") + "\nT: Goodbye, Jennifer.\n")
    mapping = {"deidentify": {"mapping": str(tmp_path / "map")}}
    imported(tmp_path / "out", folder, **mapping)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    write(folder, two=dialogue("often"))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "data_card", stop)
    with pytest.raises(KeyboardInterrupt):
        imported(tmp_path / "out", folder, **mapping)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "map", "out"]


def test_what_a_killed_import_left_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=dialogue("really"))
    process = subprocess.Popen(["true"])
    process.wait()
    left = tmp_path / "out" / f".import-{platform.node()}-{process.pid}"
    left.mkdir(parents=True)
    (left / "sessions").write_text("words", encoding="utf-8")
    imported(tmp_path / "out", folder)
    assert not left.exists()


def test_outputs_are_not_read_back(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=dialogue("really"))
    settings = CorpusSettings(paths=(str(folder),))
    for _ in range(2):
        out = Outputs.beside(folder / "real.jsonl")
        report = import_all(settings, out, THERAPY, 7, silent())
        assert report.counts["sessions"] == 1
        assert report.malformed == []
        assert report.left_out == []


def test_a_file_of_the_users_is_not_overwritten(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=dialogue("really"), two=dialogue("often"))
    mine = (folder / "one.txt").read_bytes()
    for settings, out in (
        ({"paths": [str(folder)]}, folder / "one.txt"),
        ({"paths": [str(folder / "one.txt")]}, folder / "one.txt"),
        ({"paths": [str(folder)], "deidentify": {"mapping": f"{folder}/one.txt"}}, tmp_path / "r"),
        ({"paths": [str(folder)], "deidentify": {"mapping": f"{tmp_path}/r"}}, tmp_path / "r"),
    ):
        corpus = CorpusSettings.model_validate(settings)
        with pytest.raises(InputError):
            import_all(corpus, Outputs.beside(out), THERAPY, 7, silent())
        assert (folder / "one.txt").read_bytes() == mine


def test_of_two_copies_the_one_that_nobody_need_decide_about_stays(tmp_path: Path) -> None:
    words = re.sub(r"^([TC]): ", ">> ", dialogue("really"), flags=re.MULTILINE)
    folder = write(tmp_path / "in", sure=dialogue("really"), marks=words + " And one word more.")
    report, sessions = imported(tmp_path / "out", folder)
    assert len(sessions) == 1
    assert sessions[0].provenance["roles"]["method"] == "labels"
    assert report.reasons() == {"near-duplicate": 1}


def test_files_that_cannot_be_read_are_told_beside_what_cannot_be_used(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", short="T: Hello?\nC: Yes.\n")
    (folder / "broken.json").write_text("[{", encoding="utf-8")
    with pytest.raises(DataError, match=r"1 files cannot be read, the first .*broken\.json:1"):
        imported(tmp_path / "out", folder)


WORKING = """
import sys
from corpus.pool import map_in_order
import test_corpus_pool
for answer in map_in_order(test_corpus_pool.wait, range(1000), 2):
    print(answer, flush=True)
"""


def test_workers_end_with_the_process_that_started_them() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKING],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    workers = {int(process.stdout.readline()) for _ in range(40)}
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(is_running(worker) for worker in workers):
        time.sleep(0.1)
    assert [worker for worker in workers if is_running(worker)] == []


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except FileNotFoundError:
        return False
    return not state.split()[0].startswith("Z")


def test_a_decision_holds_for_its_words_only(tmp_path: Path) -> None:
    folder = uncertain(tmp_path / "in")
    write(folder, sure=dialogue("really"))
    imported(tmp_path / "out", folder)
    (held,) = read_jsonl(tmp_path / "out" / "held.jsonl", Held)
    log = ReviewLog(tmp_path / "out" / "reviews.jsonl")
    log.append(held.id, "approve", reviewer="me", text_sha256="0" * 64)
    imported(tmp_path / "out", folder)
    assert len(read_jsonl(tmp_path / "out" / "held.jsonl", Held)) == 1


def test_decisions_make_the_step_run_again(tmp_path: Path) -> None:
    folder = uncertain(tmp_path / "in")
    run = run_of(write(folder, sure=dialogue("really")), tmp_path / "run")
    run.path.mkdir()
    for _ in range(2):
        run_steps(steps(run, THERAPY), Manifest(run.path), silent())
    (step,) = steps(run, THERAPY)
    assert Manifest(run.path).why_stale("corpus", step.fingerprint()) is None
    (held,) = read_jsonl(run.corpus / "held.jsonl", Held)
    assert held.digest is not None
    ReviewLog(run.corpus / "reviews.jsonl").append(
        held.id, "approve", reviewer="me", text_sha256=held.digest
    )
    assert Manifest(run.path).why_stale("corpus", step.fingerprint()) is not None
    run_steps(steps(run, THERAPY), Manifest(run.path), silent())
    assert len(read_jsonl(run.corpus / "real.jsonl", Session)) == 2


def test_only_held_sessions_is_an_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    run = run_of(uncertain(tmp_path / "in"), tmp_path / "run")
    with pytest.raises(DataError, match="1 wait for a person"):
        build_corpus(run.experiment, outputs_in(run.corpus), THERAPY, silent())
    assert len(read_jsonl(run.corpus / "held.jsonl", Held)) == 1


def test_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the import opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    _, sessions = imported(tmp_path / "out", EXAMPLES)
    assert len(sessions) == 24


MEMORY = """
import resource, sys
from benchmarks.corpus import ours, write_table
from pathlib import Path
path = Path(sys.argv[1])
write_table(path, int(sys.argv[2]))
ours(path, path.with_suffix(".jsonl"))
for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
    print(resource.getrusage(who).ru_maxrss)
"""


@pytest.mark.slow
def test_ten_times_the_sessions_take_the_same_memory(tmp_path: Path) -> None:
    peaks = []
    for count in (100, 1000):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(tmp_path / f"{count}.csv"), str(count)],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append([int(number) for number in done.stdout.split()])
    # A session takes some 20 kB: held in memory, 900 more would show.
    assert all(later < 1.08 * first for first, later in zip(*peaks, strict=True))


def test_annomi(tmp_path: Path) -> None:
    if not ANNOMI.is_file():
        pytest.skip("AnnoMI is not part of the repository, and does not lie beside it")
    report, sessions = imported(tmp_path / "out", ANNOMI)
    assert len(sessions) >= 127
    assert len(sessions) + len(report.left_out) + report.counts["held"] == 133
    assert all(each.reason for each in report.left_out)
    assert 7_200 <= report.totals()["turns"] <= 7_600
    bare = re.compile(r"\W*(mm-?hmm|mhm|uh-huh|okay|yeah|right|yes|sure)\W*", re.IGNORECASE)
    trained = [
        message.content
        for session in sessions
        for place, message in enumerate(session.messages)
        if message.role == "assistant" and place not in session.untrained
    ]
    assert [text for text in trained if bare.fullmatch(text)] == []
    assert len({session.provenance["group"] for session in sessions}) < len(sessions)


def test_a_model_tells_who_speaks_and_a_person_approves(tmp_path: Path) -> None:
    words = re.sub(r"^[TC]: ", "", dialogue("really"), flags=re.MULTILINE)
    folder = write(tmp_path / "in", silent=words.replace("\n", "\n\n"), one=dialogue("often"))
    run = run_of(folder, tmp_path / "run", review={"attribution": "teacher"})
    run.path.mkdir()
    (step,) = steps(run, THERAPY)
    step.run(silent())
    assert read_json(run.corpus / "report.json")["totals"]["transcripts"] == 2
    (held,) = read_jsonl(run.corpus / "held.jsonl", Held)
    assert held.session is not None
    assert held.digest is not None
    assert held.session.provenance["roles"]["method"] == "model"
    assert "attempt" in held.reasons
    log = ReviewLog(run.corpus / "reviews.jsonl")
    log.append(held.id, "approve", reviewer="me", text_sha256=held.digest)
    step.run(silent())
    assert len(read_jsonl(run.corpus / "real.jsonl", Session)) == 2


def test_spellings_of_a_label_are_one_speaker_and_lost_labels_wait(tmp_path: Path) -> None:
    lines = dialogue("really", counselor="Anna", patient="Tom").splitlines()
    lines[4] = lines[4].replace("Anna:", "ANNA:")
    folder = write(tmp_path / "in", names="\n".join(lines))
    report, _ = imported(tmp_path / "a", folder)
    assert report.counts["sessions"] + report.counts["held"] == 1
    assert report.steps["other_speakers"] == 0
    lost = dialogue("often").splitlines()
    lost[3] += ". Therapist: And what do you think of that?"
    folder = write(tmp_path / "lost", lost="\n".join(lost), sure=dialogue("really"))
    imported(tmp_path / "b", folder)
    (held,) = read_jsonl(tmp_path / "b" / "held.jsonl", Held)
    assert "labels are left inside" in held.reasons["roles"]
