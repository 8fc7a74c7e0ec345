"""The corpus stage as a whole: the shipped examples, AnnoMI where it lies about, and bad input."""

import io
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from corpus.build import build_corpus, import_transcripts
from corpus.formats import read_document
from corpus.report import Report
from corpus.sessions import build_session
from corpus.speakers import attribute, known_labels
from corpus.transcript import Document
from hybridtune.config import Experiment
from hybridtune.config.corpus import CorpusSettings
from hybridtune.domain import load_domain
from hybridtune.errors import DataError
from hybridtune.progress import Reporter, silent
from hybridtune.records import Session, read_json, read_jsonl
from hybridtune.runs import Run

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples" / "transcripts"
ANNOMI = ROOT.parent / "shared" / "data" / "AnnoMI-simple.csv"
COUNSELORS = {
    "panic_trains": "SPEAKER_00",
    "procrastination": "SPEAKER_00",
    "social_anxiety": "SPEAKER_01",
    "money_worry": "SPEAKER_01",
    "health_worry": "SPEAKER_01",
    "new_parent_guilt": "SPEAKER_02",
}
OPENED_BY_CLIENT = {"real-social_anxiety", "real-sessions_batch_2-friend_conflict"}
EXCHANGES = [("T: What do you think?", f"C: I think of {it}.") for it in "abcdef"]
DIALOGUE = "\n".join(line for pair in EXCHANGES for line in pair)
MONOLOGUE = "\n".join(answer for _, answer in EXCHANGES)


def run_of(folder: Path, seed: int = 7, **corpus: Any) -> Run:
    server = {"server": "scripted"}
    experiment = Experiment.model_validate(
        {
            "name": "small",
            "seed": seed,
            "model": {"name": "small-model"},
            "servers": {"scripted": {"kind": "scripted"}},
            "roles": dict.fromkeys(("teacher", "patient", "counselor", "judge"), server),
            "corpus": {"paths": [str(folder)], **corpus},
            "variants": {"base": {}, "real": {"real": 1}},
        }
    )
    return Run(folder.parent / "run", experiment)


def imported(*paths: Path, **settings: Any) -> Report:
    corpus = CorpusSettings(paths=tuple(map(str, paths)), **settings)
    return import_transcripts(corpus, load_domain("therapy"), 7, silent())


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def examples_by_name() -> dict[str, Session]:
    return {session.id: session for session in imported(EXAMPLES).sessions}


def test_all_examples_become_sessions() -> None:
    report = imported(EXAMPLES)
    assert len(report.sessions) == 24
    assert report.left_out == []
    assert [file.name for file in report.skipped] == ["README.md"]
    for session in report.sessions:
        roles = [message.role for message in session.messages]
        assert roles[0] == ("user" if session.id in OPENED_BY_CLIENT else "assistant")
        assert all(one != other for one, other in pairwise(roles))
        assert session.provenance["roles"]["confidence"] == 1.0


def test_examples_have_the_turns_that_their_readme_counts() -> None:
    sessions = examples_by_name()
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    file, counted = "", 0
    for row in re.findall(r"^\| (?!file).*\|$", readme, re.MULTILINE):
        cells = [cell.strip(" `") for cell in row.strip("|").split("|")]
        file = cells[0] or file
        if len(cells) != 5 or not cells[3].isdigit():
            continue
        inner = re.search(r"session `(\w+)`", row)
        name = "-".join(["real", Path(file).stem, *([inner[1]] if inner else [])])
        steps = sessions[name].provenance["steps"]
        assert len(sessions[name].messages) + 2 * steps.get("absorbed", 0) == int(cells[3]), name
        counted += 1
    assert counted == 24


def test_examples_of_anonymous_speakers_have_the_right_counselor() -> None:
    sessions = examples_by_name()
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


def test_examples_are_clean() -> None:
    for session in imported(EXAMPLES).sessions:
        text = "\n".join(message.content for message in session.messages)
        assert not re.search(r"[\[\]<>]|&amp;|NARRATOR|Narrator|role-player|recording\]", text)
        assert not re.search(r"\b(um|uh)\b(?!-)", "\n".join(session.turns("assistant")), re.I)
    kept = imported(EXAMPLES, disfluencies="keep")
    assert any("um" in text.split() for s in kept.sessions for text in s.turns("assistant"))


def test_the_stage_writes_sessions_and_report(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=DIALOGUE, two=DIALOGUE.replace("think", "feel"))
    write(folder, alone=MONOLOGUE, short="T: Hello?\nC: Yes.\n")
    run = run_of(folder)
    build_corpus(run, load_domain("therapy"), silent())
    sessions = read_jsonl(run.corpus / "real.jsonl", Session)
    assert [session.id for session in sessions] == ["real-one", "real-two"]
    assert {message.role for s in sessions for message in s.messages} == {"user", "assistant"}
    assert sessions[0].provenance == {
        "file": "one.txt",
        "transcript": None,
        "format": "text",
        "span": {"first_line": 1, "last_line": 12},
        "steps": {},
        "roles": {"method": "labels", "confidence": 1.0},
    }
    report = read_json(run.corpus / "report.json")
    assert report["left_out"] == [
        {"session": "real-alone", "file": "alone.txt", "reason": "only one speaker remains: C"},
        {"session": "real-short", "file": "short.txt", "reason": "fewer than 3 counselor turns"},
    ]
    assert report["totals"]["sessions_kept"] == 2
    assert report["totals"]["turns"] == 24
    assert str(tmp_path) not in json.dumps(report) + sessions[0].line()


def test_the_stage_repeats_itself_to_the_byte(tmp_path: Path) -> None:
    runs = [run_of(EXAMPLES), run_of(EXAMPLES)]
    written = []
    for number, run in enumerate(runs):
        run = Run(tmp_path / str(number), run.experiment)
        build_corpus(run, load_domain("therapy"), silent())
        written.append([(run.corpus / f).read_bytes() for f in ("real.jsonl", "report.json")])
    assert written[0] == written[1]


def test_a_limit_draws_by_the_seed_and_nests() -> None:
    few, more = (imported(EXAMPLES, limit=limit) for limit in (5, 9))
    small, large = ({session.id for session in each.sessions} for each in (few, more))
    assert (len(small), len(large)) == (5, 9)
    assert small < large
    assert len(few.left_out) == 19
    other = import_transcripts(
        CorpusSettings(paths=(str(EXAMPLES),), limit=5), load_domain("therapy"), 8, silent()
    )
    assert {session.id for session in other.sessions} != small


def test_copies_count_once_and_namesakes_get_ids_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "a", same=DIALOGUE, name=DIALOGUE.replace("think", "feel"))
    write(tmp_path / "b", copy=DIALOGUE, name=DIALOGUE.replace("think", "know"))
    report = imported(tmp_path / "a" / "name.txt", tmp_path / "b" / "name.txt", tmp_path / "a")
    assert len({session.id for session in report.sessions}) == 3
    report = imported(tmp_path)
    assert [s.id for s in report.sessions] == ["real-a-name", "real-a-same", "real-b-name"]
    assert [each.reason for each in report.left_out] == ["a copy of another session"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MONOLOGUE, "only one speaker remains: C"),
        ("Just some words\nwithout any speaker.\n", "no speaker labels"),
        ("T: Hello?\nC: Yes.\n", "fewer than 3 counselor turns"),
    ],
)
def test_the_only_input_must_be_a_session(tmp_path: Path, text: str, reason: str) -> None:
    folder = write(tmp_path / "in", alone=text)
    run = run_of(folder)
    for path in (folder, folder / "alone.txt"):
        with pytest.raises(DataError, match=reason) as caught:
            imported(path)
        assert caught.value.where == str(folder / "alone.txt")
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError):
        build_corpus(run, load_domain("therapy"), silent())
    assert not run.corpus.exists()


def test_nothing_usable_among_many_names_the_first(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=MONOLOGUE, two=MONOLOGUE, three=MONOLOGUE)
    with pytest.raises(DataError, match="and 2 more sessions cannot be used") as caught:
        imported(folder)
    assert caught.value.where == str(folder / "one.txt")


def test_labels_are_never_taken_for_markup(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", one=DIALOGUE)
    segments = [{"speaker": "[/bold]", "text": "Hello."}]
    (folder / "odd.json").write_text(json.dumps(segments), encoding="utf-8")
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    corpus = CorpusSettings(paths=(str(folder),))
    report = import_transcripts(corpus, load_domain("therapy"), 7, Reporter(console))
    console.print(report.table())
    assert shown.getvalue().count("only one speaker remains: [/bold]") == 2


def test_a_folder_without_transcripts(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Nothing here.", encoding="utf-8")
    with pytest.raises(DataError, match="no transcripts here"):
        imported(tmp_path)


def test_counselor_turns_of_fillers_only_go_and_turns_still_alternate() -> None:
    text = "\n".join(f"T: Why {it}?\nC: I am {it}.\nT: Um.\nC: So {it}." for it in "abcdef")
    document = Document(Path("a.txt"), "a.txt", text)
    (transcript,) = read_document(document)
    settings = CorpusSettings(paths=("a.txt",))
    known = known_labels(settings, load_domain("therapy"))
    session = build_session(transcript, known, settings, "therapy")
    assert session.turns("assistant") == [f"Why {it}?" for it in "abcdef"]
    assert session.turns("user")[0] == "I am a. So a."
    assert session.provenance["steps"]["only_fillers"] == 6


def test_the_module_runs_without_an_experiment(tmp_path: Path) -> None:
    write(tmp_path / "in", one=DIALOGUE)
    for name, code in (("one", 0), ("none", 2)):
        command = ["-m", "corpus", f"in/{name}.txt", "--out", "real.jsonl", "--format", "text"]
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path, env={"PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
    assert "no such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(read_jsonl(tmp_path / "real.jsonl", Session)) == 1


def test_annomi() -> None:
    if not ANNOMI.is_file():
        pytest.skip("AnnoMI is not part of the repository, and does not lie beside it")
    whole = imported(ANNOMI)
    assert len(whole.sessions) == 133
    assert whole.left_out == []
    stricter = imported(ANNOMI, min_turns=4)
    assert len(stricter.sessions) + len(stricter.left_out) == 133
    assert {each.reason for each in stricter.left_out} == {
        "fewer than 4 counselor turns",
        "fewer than 4 patient turns",
    }
    assert {s.provenance["roles"]["method"] for s in whole.sessions} == {"labels"}
    right = sum(counselor_is_told_by_speech(session) for session in whole.sessions)
    assert right >= 0.98 * 133


def counselor_is_told_by_speech(session: Session) -> bool:
    names = {"assistant": "SPEAKER_01", "user": "SPEAKER_00"}
    roles = attribute([(names[m.role], m.content) for m in session.messages], {})
    return roles.parts["SPEAKER_01"] == "counselor"
