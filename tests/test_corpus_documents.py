"""Word documents and PDFs, made here, read back."""

import io
import sys
import textwrap
import zipfile
from collections.abc import Sequence

import pytest
from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.formats import detect, pdf, read_source
from corpus.transcript import Hints, Source, Transcript
from hybridtune.errors import DataError

Said = list[tuple[str | None, str]]


def source(raw: bytes, name: str) -> Source:
    return Source(name, f"folder/{name}", len(raw), lambda: io.BytesIO(raw))


def read(raw: bytes, name: str) -> Transcript:
    (transcript,) = read_source(source(raw, name), Hints())
    return transcript


def pairs(transcript: Transcript) -> Said:
    return [(each.speaker, each.text) for each in transcript.utterances]


def word(*items: str | Sequence[Sequence[str]]) -> bytes:
    """A Word document: a string is a paragraph, a list of rows a table."""
    document = Document()
    document.sections[0].header.paragraphs[0].text = "CONFIDENTIAL"
    for item in items:
        if isinstance(item, str):
            document.add_paragraph(item)
            continue
        table = document.add_table(len(item), len(item[0]))
        for row, cells in zip(table.rows, item, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
    raw = io.BytesIO()
    document.save(raw)
    return raw.getvalue()


def make_pdf(*pages: Sequence[str], encrypt: str = "") -> bytes:
    """A PDF of lines of text, written by hand: a catalogue, a font, and two objects a page."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{refs(pages)}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        drawn = " T* ".join(f"({escape(line)}) Tj" for line in lines)
        stream = f"BT /F1 10 Tf 14 TL 50 780 Td {drawn} ET" if lines else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    raw, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(raw))
        raw += f"{number} 0 obj\n{each}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"/Size {len(objects) + 1} /Root 1 0 R {encrypt}"
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< {end} >>\n"
    return raw + f"{head}startxref\n{len(raw)}\n%%EOF".encode()


def refs(pages: Sequence[Sequence[str]]) -> str:
    return " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))


def escape(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def test_word_as_teams_writes_it() -> None:
    raw = word(
        "Weekly call", "Ann O'Neil   0:03\nHello: how\nare you?", "Ben   1:00:05\nFine.", "Thanks."
    )
    transcript = read(raw, "a.docx")
    assert transcript.format == "docx"
    assert pairs(transcript) == [("Ann O'Neil", "Hello: how are you?"), ("Ben", "Fine. Thanks.")]
    assert [each.start_s for each in transcript.utterances] == [3, 3605]
    assert [each.line for each in transcript.utterances] == [2, 3]


def test_word_paragraphs_and_tables_in_order() -> None:
    table = [["T", "Two"], ["C", "Three"], ["", "and more"], ["T", "Four"], ["C", "Five"]]
    raw = word("Intake", "T: Zero", "C: One", table, "T: Six", "Note: she waves", "C: Seven")
    transcript = read(raw, "a.docx")
    assert pairs(transcript) == [
        (None, "Intake"),
        ("T", "Zero"),
        ("C", "One"),
        ("T", "Two"),
        ("C", "Three"),
        (None, "and more"),
        ("T", "Four"),
        ("C", "Five"),
        ("T", "Six"),
        (None, "Note: she waves"),
        ("C", "Seven"),
    ]
    assert [each.line for each in transcript.utterances] == list(range(1, 12))


@pytest.mark.parametrize(
    ("heads", "order"),
    [
        (["Time", "Speaker", "Text"], (2, 0, 1)),
        (["Speaker", "Transcript", "Time"], (0, 1, 2)),
        (None, (2, 0, 1)),
        (None, (0, 1)),
        (["Speaker", "Text"], (0, 1)),
    ],
)
def test_word_tables_with_and_without_heads(
    heads: list[str] | None, order: tuple[int, ...]
) -> None:
    said = [
        ("Therapist:", "Hello there, how are you?", "[00:01]"),
        ("Ann", "Not bad: fine.", "0:05"),
    ]
    said = [*said, ("Therapist:", "I see.", "0:09"), ("Ann", "Yes.", "0:11")]
    rows = [[each[at] for at in order] for each in said]
    transcript = read(word([*([heads] if heads else []), *rows]), "a.docx")
    assert pairs(transcript) == [(who.strip(":"), words) for who, words, _ in said]
    starts = [1, 5, 9, 11] if 2 in order else [None] * 4
    assert [each.start_s for each in transcript.utterances] == starts


def test_word_tables_that_only_lay_the_page_out() -> None:
    assert pairs(read(word([["T: Hello.\nC: Hi."], ["T: So?\nC: Well."]]), "a.docx")) == [
        ("T", "Hello."),
        ("C", "Hi."),
        ("T", "So?"),
        ("C", "Well."),
    ]


def test_pdf_without_its_furniture() -> None:
    pages = [
        ["Vale Transcripts, 2024", "T: So how", "1", "are you?", "C: I have been re-", "2"],
        ["Vale Transcripts, 2024", "lieved (really): well-", "known to me.", "T: I see."],
        ["Vale Transcripts, 2024", "C: It is well-known, and I am relieved.", "T: Mm-hmm."],
        ["Vale Transcripts, 2024", "C: And I just-", "you know."],
    ]
    raw = make_pdf(*([*lines, f"Page {n} of 4"] for n, lines in enumerate(pages, start=1)))
    assert pairs(read(raw, "a.pdf")) == [
        ("T", "So how are you?"),
        ("C", "I have been relieved (really): well-known to me."),
        ("T", "I see."),
        ("C", "It is well-known, and I am relieved."),
        ("T", "Mm-hmm."),
        ("C", "And I just- you know."),
    ]


def test_pdf_with_numbers_before_the_lines() -> None:
    lines = ["1  Q: Where were you?", "2  A: At home, with", "3  my sister.", "4  Q: And 2 others?"]
    raw = make_pdf([*lines, "5  A: No."])
    assert pairs(read(raw, "a.pdf")) == [
        ("Q", "Where were you?"),
        ("A", "At home, with my sister."),
        ("Q", "And 2 others?"),
        ("A", "No."),
    ]


WORDS = st.sampled_from(["so", "well,", "I'd", "you", "no?", "half-way", "(really)", "caf\u00e9"])
SPOKEN = st.lists(WORDS, min_size=1, max_size=25).map(" ".join)
SESSIONS = st.lists(st.tuples(SPOKEN, SPOKEN), min_size=2, max_size=5)


@settings(max_examples=15, deadline=None)
@given(SESSIONS)
def test_random_sessions_come_back(pairs_said: list[tuple[str, str]]) -> None:
    who = ("Therapist", "Client")
    said: Said = [
        (name, words) for both in pairs_said for name, words in zip(who, both, strict=True)
    ]
    labelled = [f"{name}: {words}" for name, words in said]
    assert pairs(read(word(*labelled), "a.docx")) == said
    assert pairs(read(word([["Speaker", "Text"], *map(list, said)]), "a.docx")) == said
    teams = [f"{name}   0:03\n{words}" for name, words in said]
    assert pairs(read(word(*teams), "a.docx")) == said
    lines = [part for line in labelled for part in wrap(line)]
    assert pairs(read(make_pdf(lines[:20], lines[20:]), "a.pdf")) == said


def wrap(line: str) -> list[str]:
    return textwrap.wrap(line, 60, break_on_hyphens=False)


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def zipped(**members: bytes) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return raw.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)
BAD = {
    "cut docx": ("a.docx", cut(word("T: Hi")), "not a Word document, or cut off"),
    "text docx": ("a.docx", b"T: Hi", "not a Word document"),
    "no docx": ("a.docx", b"", "the file is empty"),
    "zip docx": ("a.docx", zipped(a=b"x"), "without a Word document"),
    "hollow docx": ("a.docx", zipped(word__document_xml=b"<x/>"), "not a readable Word document"),
    "bomb docx": ("a.docx", zipped(word__document_xml=bytes(2**22)), "zip bomb"),
    "wordless docx": ("a.docx", word("", " "), "no text in the document"),
    "locked docx": ("a.docx", OLE + "EncryptedPackage".encode("utf-16-le"), "by a password"),
    "old Word": ("a.docx", OLE, "old Word format"),
    "old Word by its name": ("a.doc", OLE, "old Word format"),
    "cut pdf": ("a.pdf", cut(make_pdf(["T: Hi"])), "not a readable PDF"),
    "text pdf": ("a.pdf", b"T: Hi", "not a readable PDF"),
    "no pdf": ("a.pdf", b"", "not a readable PDF"),
    "scanned pdf": ("a.pdf", make_pdf([], []), "no text in the PDF"),
    "locked pdf": (
        "a.pdf",
        make_pdf(
            ["T: Hi"],
            encrypt="/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 "
            f"/O <{'00' * 32}> /U <{'00' * 32}> >> /ID [<00> <00>]",
        ),
        "protected by a password",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_documents_give_one_clear_error(case: str) -> None:
    name, raw, reason = BAD[case]
    with pytest.raises(DataError) as caught:
        read(raw, name)
    message = str(caught.value)
    assert message.startswith(f"folder/{name}:")
    assert reason in message
    assert message.endswith(")")
    assert "\n" not in message


def test_documents_are_told_by_content() -> None:
    assert detect(source(word("T: Hi"), "a.dat")) == "docx"
    assert detect(source(make_pdf(["T: Hi"]), "a.txt")) == "pdf"


def test_pdf_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(DataError, match="needs the package pypdf") as caught:
        list(pdf.read(source(make_pdf(["T: Hi"]), "a.pdf"), Hints()))
    assert "pip install -e '.[pdf]'" in caught.value.fix
