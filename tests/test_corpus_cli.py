"""`hybridtune import` and `hybridtune corpus`, as a person calls them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from test_corpus_build import LOOSE, dialogue, uncertain, write

from corpus.export import ExportFormat
from corpus.history import Held
from corpus.review import Decision
from generation.queue import Decision as Verdict
from hybridtune.cli import options
from hybridtune.config.corpus import CorpusSettings, Format, Preset, Rights, SourceKind
from hybridtune.records import Session, read_jsonl

ROOT = Path(__file__).resolve().parents[1]


def call(folder: Path, *words: str, keys: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hybridtune", *words],
        cwd=folder, env={"PYTHONPATH": str(ROOT), "USER": "me", "COLUMNS": "200"},
        input=keys, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with an import of one ready and one held session."""
    write(uncertain(tmp_path / "in"), sure=dialogue("really") + "\nT: Goodbye, um, Jennifer.\n")
    done = call(tmp_path, "import", "in", "--out", "real.jsonl", "--rights", "local-use")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "real.jsonl\n"
    return tmp_path


def test_values_that_the_help_tells_are_those_of_the_configuration() -> None:
    levels = CorpusSettings.model_fields["disfluencies"].annotation
    for told, kind in (
        (options.FORMATS, Format),
        (options.PRESETS, Preset),
        (options.KINDS, SourceKind),
        (options.RIGHTS, Rights),
        (options.LEVELS, levels),
        (options.EXPORTS, ExportFormat),
        (options.DECISIONS, Decision),
        (options.VERDICTS, Verdict),
    ):
        assert told == get_args(kind)


def test_an_import_tells_what_it_did(place: Path) -> None:
    names = {path.name for path in place.iterdir()} - {"in"}
    beside = {"real.history.jsonl", "real.held.jsonl", "real.report.json", "real.DATA_CARD.md"}
    assert names == {"real.jsonl", *beside}
    done = call(place, "corpus", "report", "real.jsonl")
    assert done.returncode == 0
    assert "sessions kept" in done.stdout
    assert "roles" in done.stdout


def test_a_file_that_cannot_be_read_ends_with_one(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", sure=dialogue("really"))
    (folder / "broken.json").write_text("[{", encoding="utf-8")
    done = call(tmp_path, "import", "in")
    assert done.returncode == 1
    assert "in/broken.json:1" in done.stderr
    assert len(read_jsonl(tmp_path / "real.jsonl", Session)) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("import", "nothing"), "nothing: no such file or folder"),
        (("import",), "PATHS"),
        (("import", "in", "--format", "mp3"), "--format"),
        (("import", "in", "--source-kind", "clinical"), "--authority"),
        (("import", "in", "--set", "training.held_out=0"), "keys of `corpus` only"),
        (("import", "in", "--set", "corpus.filters.min_turn=3"), "did you mean 'min_turns'"),
        (("import", "in", "--out", "in"), "is a folder"),
        (("corpus", "show", "nowhere"), "no imported sessions"),
        (("corpus", "review", "nowhere"), "no imported sessions"),
    ],
)
def test_mistakes_cost_one_line(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    write(tmp_path / "in", sure=dialogue("really"))
    done = call(tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "real.jsonl").exists()


def test_clinical_material_needs_an_authority(tmp_path: Path) -> None:
    write(tmp_path / "in", sure=dialogue("really"))
    kind = ("--source-kind", "clinical", "--authority", "ethics board 12/2026")
    done = call(tmp_path, "import", "in", *kind)
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "real.DATA_CARD.md").read_text(encoding="utf-8")
    assert "ethics board 12/2026" in card


def test_show_colours_raw_against_clean(place: Path) -> None:
    (session,) = read_jsonl(place / "real.jsonl", Session)
    listed = call(place, "corpus", "show", "real.jsonl")
    assert session.id in listed.stdout
    plain = call(place, "corpus", "show", "real.jsonl", session.id[:10])
    assert session.messages[0].content in plain.stdout
    diff = call(place, "corpus", "show", "real.jsonl", session.id, "--diff")
    assert "[-" in diff.stdout
    assert "um," in diff.stdout
    assert "Jennifer" not in diff.stdout
    missing = call(place, "corpus", "show", "real.jsonl", "real-x")
    assert "no such session" in missing.stderr


def test_review_from_the_list_to_the_next_import(place: Path) -> None:
    (held,) = read_jsonl(place / "real.held.jsonl", Held)
    listed = call(place, "corpus", "review", "real.jsonl")
    assert held.id in listed.stdout
    refused = call(place, "corpus", "review", "real.jsonl", held.id, "reject")
    assert refused.returncode == 2
    assert "--reason" in refused.stderr
    done = call(place, "corpus", "review", "real.jsonl", held.id, "approve")
    assert done.returncode == 0, done.stderr
    assert "approve by me" in call(place, "corpus", "review", "real.jsonl").stdout
    assert call(place, "import", "in", "--out", "real.jsonl").returncode == 0
    assert held.id in {session.id for session in read_jsonl(place / "real.jsonl", Session)}


def test_export_obeys_the_rights(place: Path) -> None:
    out = ("--out", "out.jsonl")
    refused = call(place, "corpus", "export", "real.jsonl", *out)
    assert refused.returncode == 2
    assert "local-use" in refused.stderr
    assert not (place / "out.jsonl").exists()
    done = call(place, "corpus", "export", "real.jsonl", *out, "--allow-rights", "local-use")
    assert done.returncode == 0, done.stderr
    (line,) = (place / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert {message["role"] for message in json.loads(line)["messages"]} == {"user", "assistant"}


def test_loose_filters_are_options_of_every_import(tmp_path: Path) -> None:
    write(tmp_path / "in", short="T: What brings you here?\nC: My exams, mostly, and my sleep.\n")
    settings = [
        f"--set=corpus.filters.{name}={json.dumps(value)}"
        for name, value in LOOSE["filters"].items()
    ]
    done = call(tmp_path, "import", "in", *settings)
    assert done.returncode == 0, done.stderr
    assert len(read_jsonl(tmp_path / "real.jsonl", Session)) == 1
