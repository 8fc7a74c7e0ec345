"""PDF transcripts (extra `pdf`): the text in reading order, page furniture taken off, then as text.

Taken off are line numbers on lines of their own, and headers and footers, told by standing at the
same edge of more than 60 % of the pages. Words that were broken at the end of a line are put
together again where the document itself shows how they are written. The line of an utterance counts
the lines of text from the start of the document.
"""

import io
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from corpus.encoding import mender, read_bytes
from corpus.formats.text import parse
from corpus.transcript import Hints, Source, Transcript

MOST_BYTES, MOST_PAGES = 128 * 2**20, 5_000
LINE_NUMBER = re.compile(r"\d{1,3}")
PAGE_NUMBER = re.compile(r"(?:page )?\d+ ?(?:of|/) ?\d+|page \d+|- ?\d+ ?-", re.IGNORECASE)
EDGE, REPEATED = 3, 0.6
BROKEN = re.compile(r"(?:.*\s)?(?P<start>[^\W\d_]{2,})(?P<hyphen>[-\u00ad\u2010])")
FIRST_WORD = re.compile(r"(?P<end>[^\W\d_]+)(?P<rest>.*)")
WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
NUMBERED = re.compile(r"\d{1,3}\s+(?P<text>\S.*)")
LEAST_NUMBERED = 0.6


def read(source: Source, hints: Hints) -> Iterator[Transcript]:
    """Read the one conversation of a PDF.

    Raises:
        DataError: it is encrypted, corrupt, or holds no text; or the extra is not installed.
    """
    pages = [page_lines(page) for page in read_pages(source)]
    lines = rejoin(without_numbers(without_furniture(pages)))
    if not any(lines):
        raise source.error("no text in the PDF: scanned pages?", 1, "run OCR on it first")
    utterances = parse(list(enumerate(lines, start=1)), hints)
    yield Transcript("", source.name, "pdf", tuple(utterances))


def read_pages(source: Source) -> list[str]:
    """The text of each page."""
    try:
        from pypdf import PdfReader  # noqa: PLC0415
    except ModuleNotFoundError:
        fix = "uv pip install -e '.[pdf]'"
        raise source.error("PDF needs the package pypdf", fix=fix) from None
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it comments on every flaw of a file
    content = read_bytes(source, MOST_BYTES)
    try:
        document = PdfReader(io.BytesIO(content))
        locked = document.is_encrypted and not document.decrypt("")
        if not locked and len(document.pages) <= MOST_PAGES:
            return [page.extract_text() for page in document.pages]
    except Exception as error:  # pypdf lets through whatever a broken file makes it stumble over
        locked = type(error).__name__ in {"FileNotDecryptedError", "DependencyError"}
        if not locked:
            what = f"not a readable PDF ({type(error).__name__})"
            raise source.error(what, fix="open it and print it to a new PDF") from None
    if locked:
        raise source.error("protected by a password", fix="save it without one")
    raise source.error(f"more than {MOST_PAGES:,} pages", fix="split it")


def page_lines(text: str) -> list[str]:
    """A page's lines, without those that only number a line or the page."""
    mend = mender()
    lines = (" ".join(mend(line).split()) for line in text.splitlines())
    return [
        line
        for line in lines
        if not LINE_NUMBER.fullmatch(line) and not PAGE_NUMBER.fullmatch(line)
    ]


def without_furniture(pages: Sequence[Sequence[str]]) -> list[str]:
    """All lines in order, without the headers and footers."""
    tops, bottoms = (Counter[str](), Counter[str]())
    filled = [[line for line in page if line] for page in pages]
    edge = EDGE if len(filled) > EDGE else 1  # what two pages share may well be words
    for page in filled:
        tops.update({shape(line) for line in page[:edge]})
        bottoms.update({shape(line) for line in page[-edge:]})
    least = max(1, REPEATED * sum(map(bool, filled)))
    lines: list[str] = []
    for page in filled:
        lines += [
            line
            for number, line in enumerate(page)
            if not (number < edge and tops[shape(line)] > least)
            and not (number >= len(page) - edge and bottoms[shape(line)] > least)
        ]
    return lines


def shape(line: str) -> str:
    """A line as it repeats: page numbers and dates differ from page to page."""
    return re.sub(r"\d+", "#", line.lower())


def without_numbers(lines: Sequence[str]) -> list[str]:
    """Take line numbers off that stand before the words, where most lines have one."""
    numbered = [NUMBERED.fullmatch(line) for line in lines]
    if sum(map(bool, numbered)) < max(2, LEAST_NUMBERED * len(lines)):
        return list(lines)
    return [match["text"] if match else line for line, match in zip(lines, numbered, strict=True)]


def rejoin(lines: Sequence[str]) -> list[str]:
    """Put words together that were broken at the end of a line; the part comes up, not the line."""
    known = Counter(word for line in lines for word in words_inside(line))
    joined: list[str] = list(lines)
    for number in range(len(joined) - 1):
        broken = BROKEN.fullmatch(joined[number])
        first = FIRST_WORD.fullmatch(joined[number + 1])
        if not broken or not first or not first["end"][0].islower():
            continue
        link = how_joined(broken["start"], broken["hyphen"], first["end"], known)
        if link is not None:
            joined[number] = joined[number][:-1] + link + first["end"] + glued(first["rest"])
            joined[number + 1] = first["rest"].removeprefix(glued(first["rest"])).strip()
    return [line for line in joined if line]


def glued(rest: str) -> str:
    """What stands right after a word, its comma for one."""
    return re.match(r"\S*", rest)[0]  # type: ignore[index]


def words_inside(line: str) -> Iterable[str]:
    """The words of a line that are surely whole, in lower case."""
    words = WORD.findall(line.lower())
    return words[1:-1] if line.endswith(("-", "\u00ad", "\u2010")) else words[1:] or words


def how_joined(start: str, hyphen: str, end: str, known: Counter[str]) -> str | None:
    """What stands between the two parts of a broken word; None if they are two words.

    The document decides: "self-" and "esteem" if it says self-esteem elsewhere, "under-" and
    "standing" if it says understanding. A first part that is a word by itself broke off in speech.
    """
    start, end = start.lower(), end.lower()
    if hyphen == "\u00ad" or start + end in known:
        return ""
    if f"{start}-{end}" in known:
        return "-"
    return None if start in known or end in known else ""
