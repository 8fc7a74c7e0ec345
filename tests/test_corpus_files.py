"""Files, folders, globs and archives: what is found, in which order, and what is refused."""

import io
import itertools
import os
import pickle
import stat
import zipfile
from pathlib import Path

import pytest

from corpus import archive
from corpus.encoding import read_bytes
from corpus.files import Skipped, find_sources, input_files
from corpus.transcript import Source
from hybridtune.errors import DataError

SAID = "T: Hello.\nC: Hi.\n"


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SAID, encoding="utf-8")


def pack(path: Path, members: dict[str, str | bytes], *, method: int = zipfile.ZIP_DEFLATED) -> str:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return str(path)


def found(*paths: str | Path, kind: str = "auto") -> tuple[list[Source], list[Skipped]]:
    each = list(find_sources([str(path) for path in paths], kind))
    sources = [one for one in each if isinstance(one, Source)]
    return sources, [one for one in each if isinstance(one, Skipped)]


def content(source: Source) -> bytes:
    with source.open() as file:
        return file.read()


def why(source: Source) -> str:
    with pytest.raises(DataError) as caught:
        content(source)
    message = str(caught.value)
    assert message.startswith(f"{source.where}: ")
    assert "\n" not in message
    return message


def test_a_folder_gives_its_transcripts_in_order_and_says_why_not_the_others(
    tmp_path: Path,
) -> None:
    write(tmp_path, "b.txt", "a.vtt", "in/c.json", "README.md", ".hidden.txt", ".git/x.txt")
    write(tmp_path, "d.docx", "old.doc", "in/deep/e.PDF")
    sources, skipped = found(tmp_path)
    names = ["a.vtt", "b.txt", "d.docx", "in/c.json", "in/deep/e.PDF"]
    assert [source.name for source in sources] == names
    assert [source.where for source in sources] == [str(tmp_path / name) for name in names]
    assert {skip.name: skip.reason for skip in skipped} == {
        ".git": "hidden",
        ".hidden.txt": "hidden",
        "README.md": skipped[2].reason,
        "old.doc": "old Word format: save it as .docx",
    }
    assert skipped[2].reason.startswith("no transcript suffix (.vtt, .srt")


def test_each_file_comes_once_whatever_leads_to_it(tmp_path: Path) -> None:
    write(tmp_path, "in/a.txt", "in/b.txt")
    (tmp_path / "in/link.txt").symlink_to(tmp_path / "in/a.txt")
    sources, _ = found(tmp_path / "in/b.txt", tmp_path, tmp_path / "in", tmp_path / "**/*.txt")
    assert len(sources) == 2
    assert {content(source) for source in sources} == {SAID.encode()}


def test_the_name_of_a_file_does_not_depend_on_the_order_of_the_paths(tmp_path: Path) -> None:
    write(tmp_path, "a/b/c.txt", "a/d.txt")
    (tmp_path / "a/link.txt").symlink_to(tmp_path / "a/d.txt")
    ways = [tmp_path, tmp_path / "a", tmp_path / "a/b", tmp_path / "*/*.txt"]
    for paths in itertools.permutations(ways):
        assert [each.name for each in found(*paths)[0]] == ["a/b/c.txt", "a/d.txt"]
    for paths in itertools.permutations([*ways[:2], tmp_path / "a/d.txt"]):
        assert [each.name for each in found(*paths)[0]] == ["a/b/c.txt", "d.txt"]


def test_names_that_no_terminal_can_take(tmp_path: Path) -> None:
    names = [
        b"caf\xe9.txt",
        b"red\x1b[31m.txt",
        b"two\nlines.txt",
        b"no\xff.md",
        b"in\xc2\x9b/c.txt",
    ]
    for name in names:
        path = tmp_path / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(SAID)
    pack(tmp_path / os.fsdecode(b"z\xff.zip"), {"a\x1b.txt": SAID, "b\x9b.md": "", "../\x07": ""})
    (tmp_path / os.fsdecode(b"n\xff.zip")).write_bytes(b"")
    sources, skipped = found(tmp_path)
    assert [source.name for source in sources] == [
        *("caf?.txt", "in?/c.txt", "n?.zip", "red?[31m.txt", "two?lines.txt"),
        *("z?.zip/../?", "z?.zip/a?.txt"),
    ]
    assert [skip.name for skip in skipped] == ["no?.md", "z?.zip/b?.md"]
    for source in sources:
        assert f"{source.name} {source.where}".replace("?", "").isprintable()
    readable = [source for source in sources if not source.name.endswith((".zip", "../?"))]
    assert {content(source) for source in readable} == {SAID.encode()}
    assert "not a whole zip archive" in why(sources[2])
    assert "leads out of" in why(sources[5])
    with pytest.raises(DataError, match=r"no\?where.txt: no such file"):
        found(os.fsdecode(b"no\xffwhere.txt"))


def test_links_that_lead_nowhere_and_homes_of_nobody(tmp_path: Path) -> None:
    write(tmp_path, "z.txt")
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    sources, _ = found(tmp_path)
    assert [source.name for source in sources] == ["gone.txt", "loop.txt", "z.txt"]
    for source in sources[:2]:
        with pytest.raises(DataError, match="cannot be read"):
            read_bytes(source)
    with pytest.raises(DataError, match="no such file or folder"):
        found("~nobody-of-this-name/a.txt")


def test_a_named_file_is_read_whatever_its_suffix(tmp_path: Path) -> None:
    write(tmp_path, "README.md", "b.txt", "c.vtt")
    sources, skipped = found(tmp_path, tmp_path / "README.md", kind="text")
    assert [source.name for source in sources] == ["README.md", "b.txt"]
    assert skipped == [Skipped("c.vtt", "not text")]


def test_globs_are_relative_to_the_folder_above_the_wildcard(tmp_path: Path) -> None:
    write(tmp_path, "in/c.json", "in/deep/d.json", "in/e.txt", "odd[1].txt")
    assert [each.name for each in found(tmp_path / "**/*.json")[0]] == [
        "in/c.json",
        "in/deep/d.json",
    ]
    assert [each.name for each in found(tmp_path / "in/*")[0]] == ["c.json", "e.txt"]
    assert [each.name for each in found(tmp_path / "odd[1].txt")[0]] == ["odd[1].txt"]


@pytest.mark.parametrize("name", ["nowhere.txt", "*.vtt", "empty"])
def test_missing_paths(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        list(find_sources([str(tmp_path / name)]))
    assert caught.value.where == str(tmp_path / name)


def test_the_inputs_of_a_run_are_files_on_disk(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "notes.md", ".b.txt")
    pack(tmp_path / "more.zip", {"c.txt": SAID})
    assert input_files([str(tmp_path)]) == [tmp_path / "a.txt", tmp_path / "more.zip"]


def test_an_archive_is_read_in_place(tmp_path: Path) -> None:
    write(tmp_path, "z.txt")
    members = {"in/b.txt": SAID, "a.vtt": "WEBVTT\n", "x/": "", "__MACOSX/._a.vtt": "", "x.png": ""}
    pack(tmp_path / "m.zip", {**members, "inner.zip": b"PK"})
    sources, skipped = found(tmp_path)
    assert [source.name for source in sources] == ["m.zip/a.vtt", "m.zip/in/b.txt", "z.txt"]
    assert sources[1].where == f"{tmp_path / 'm.zip'}:in/b.txt"
    assert content(sources[1]) == content(sources[1]) == SAID.encode()
    assert content(pickle.loads(pickle.dumps(sources[1]))) == SAID.encode()
    reasons = {skip.name: skip.reason for skip in skipped}
    assert reasons["m.zip/__MACOSX/._a.vtt"] == "hidden"
    assert reasons["m.zip/inner.zip"] == "an archive in an archive: unpack it first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.zip", "z.txt"]
    assert [each.name for each in found(tmp_path / "m.zip", kind="text")[0]] == ["m.zip/in/b.txt"]


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "/etc/out.txt", "in/../../out.txt", "C:/out.txt", "C:out.txt", "..\\o.txt"],
)
def test_names_that_lead_out_of_an_archive(tmp_path: Path, name: str) -> None:
    sources, _ = found(pack(tmp_path / "m.zip", {"good.txt": SAID, name: "evil"}))
    good = next(source for source in sources if source.name.endswith("good.txt"))
    (bad,) = (source for source in sources if source is not good)
    assert content(good) == SAID.encode()
    assert "leads out of the archive" in why(bad)


def with_flag(path: Path, name: str, flag: int) -> None:
    """Set a flag of one member in both of its headers."""
    raw = bytearray(path.read_bytes())
    for mark, flags, named in ((b"PK\3\4", 6, 30), (b"PK\1\2", 8, 46)):
        at = raw.find(mark)
        while raw[at + named : at + named + len(name)] != name.encode():
            at = raw.find(mark, at + 1)
        raw[at + flags] |= flag
    path.write_bytes(raw)


def test_a_member_with_a_password_a_link_and_another_method(tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("good.txt", SAID)
        file.writestr("locked.txt", SAID)
        file.writestr(link, "/etc/passwd")
        file.writestr("odd.txt", SAID, compress_type=zipfile.ZIP_LZMA)
    with_flag(path, "locked.txt", 0x1)
    good, link_source, locked, odd = found(path)[0]
    assert content(good) == SAID.encode()
    assert "password" in why(locked)
    assert "a link" in why(link_source)
    assert "method 14" in why(odd)


def test_bombs_by_what_the_directory_says_and_by_what_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    pack(path, {"bomb.txt": bytes(4 * 2**20), "good.txt": SAID})
    bomb, good = found(path)[0]
    assert "zip bomb" in why(bomb)
    assert content(good) == SAID.encode()
    info = zipfile.ZipFile(path).getinfo("bomb.txt")
    with archive.open_member(path, "m.zip:bomb.txt", info) as file:
        assert len(file.read(1000)) == 1000
        with pytest.raises(DataError, match="zip bomb"):
            file.read()


def test_a_bomb_whose_directory_lies_about_its_size(tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    pack(path, {"bomb.txt": bytes(4 * 2**20)})
    raw = path.read_bytes()
    path.write_bytes(raw.replace((4 * 2**20).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    (bomb,) = found(path)[0]
    assert bomb.size == 1000
    assert "corrupt" in why(bomb)


def test_a_limit_on_archives_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / "m.zip", {f"{n}.txt": SAID for n in range(5)})
    monkeypatch.setattr(archive, "MOST_MEMBERS", 4)
    assert "5 files in one archive" in why(found(path)[0][0])
    monkeypatch.setattr(archive, "MOST_MEMBERS", 5)
    monkeypatch.setattr(archive, "MOST_BYTES_TOGETHER", 4 * len(SAID))
    assert "of content in one archive" in why(found(path)[0][0])


def test_broken_archives_do_not_stop_the_others(tmp_path: Path) -> None:
    write(tmp_path, "z.txt")
    whole = Path(pack(tmp_path / "whole.zip", {"a.txt": SAID * 99, "b.txt": SAID})).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "no.zip").write_bytes(b"not an archive")
    (tmp_path / "none.zip").write_bytes(whole[-22:-14] + bytes(14))
    bad = bytearray(whole)
    bad[40:50] = b"0123456789"
    (tmp_path / "bad.zip").write_bytes(bad)
    sources = {source.name: source for source in found(tmp_path)[0]}
    assert content(sources.pop("z.txt")) == content(sources.pop("bad.zip/b.txt")) == SAID.encode()
    assert content(sources.pop("whole.zip/a.txt")) == SAID.encode() * 99
    assert content(sources.pop("whole.zip/b.txt")) == SAID.encode()
    assert "corrupt" in why(sources.pop("bad.zip/a.txt"))
    assert "without files" in why(sources.pop("none.zip"))
    assert {name for name in sources if "not a whole zip" in why(sources[name])} == set(sources)
    assert set(sources) == {"cut.zip", "no.zip"}


def test_a_large_member_is_not_held(tmp_path: Path) -> None:
    import tracemalloc

    noise = b"".join(str(n * 7919 % 100_003).encode() for n in range(400_000)) * 4
    path = pack(tmp_path / "m.zip", {"big.txt": noise})
    (source,) = found(path)[0]
    tracemalloc.start()
    with source.open() as file:
        total = sum(len(chunk) for chunk in iter(lambda: file.read(2**16), b""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == len(noise) > 7 * 2**20
    assert peak < 2**20


def test_ten_thousand_members_are_opened_without_reading_the_directory_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.zip"
    pack(path, {f"{n:05}.txt": str(n) for n in range(10_000)}, method=zipfile.ZIP_STORED)
    sources = found(path)[0]
    assert len(sources) == 10_000
    assert io.BytesIO(content(sources[9_999])).read() == b"9999"
    assert sum(int(content(source)) for source in sources) == sum(range(10_000))
