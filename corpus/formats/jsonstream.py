"""The values of a JSON file one by one: a list's items, JSON Lines, or objects over many lines.

JSON Lines are read in constant memory. A list is decoded whole (encoding.MAX_BYTES at most), but
its items are made one at a time.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from corpus.encoding import mender, read_start, read_text, stream_lines
from corpus.transcript import Source
from hybridtune.errors import DataError

SPACE = re.compile(r"[ \t\n\r]*")
GOES_ON = ("{", "[", ",")
Numbered: TypeAlias = tuple[int, Any]


def read_values(source: Source) -> Iterator[Numbered]:
    """Each value with the line that it begins on.

    Raises:
        DataError: not JSON, or nothing in it; names the line.
    """
    start = read_start(source, 4096).lstrip()
    first, newline, _ = start.partition("\n")
    if start.startswith("["):
        values = list_items(Text(source, read_text(source)))
    elif newline and first.startswith("{") and first.rstrip().endswith(GOES_ON):
        values = objects(source, read_text(source))
    else:
        values = lines(source)
    count = 0
    for numbered in values:
        count += 1
        yield numbered
    if not count:
        raise source.error("nothing in it", 1, "remove it")


def lines(source: Source) -> Iterator[Numbered]:
    """JSON Lines: a value on each line that is not blank."""
    for number, line in stream_lines(source):
        if line.strip():
            yield number, Text(source, line.strip(), number).whole()


def objects(source: Source, content: str) -> Iterator[Numbered]:
    """Values one after the other, each over several lines."""
    text = Text(source, content)
    while not text.at_end():
        yield text.value()


def list_items(text: "Text") -> Iterator[Numbered]:
    """The items of the list that a file is."""
    text.take("[")
    yield from text.rest_of_list()
    if not text.at_end():
        raise text.error("something follows the list")


class Text:
    """A text with a place in it that moves over values."""

    def __init__(self, source: Source, text: str, line: int = 1) -> None:
        self.source, self.text = source, text
        self.place = self.counted = 0
        self.line = line
        self.decoder = json.JSONDecoder()

    def skip(self) -> None:
        """Move over white space."""
        match = SPACE.match(self.text, self.place)
        assert match
        self.place = match.end()

    def take(self, mark: str) -> bool:
        """Move over a mark if it comes next."""
        self.skip()
        found = self.text.startswith(mark, self.place)
        self.place += found * len(mark)
        return found

    def at_end(self) -> bool:
        """Whether nothing but white space is left."""
        self.skip()
        return self.place == len(self.text)

    def here(self) -> int:
        """The line of the place."""
        self.line += self.text.count("\n", self.counted, self.place)
        self.counted = self.place
        return self.line

    def error(self, what: str) -> DataError:
        """What is wrong at the place."""
        return self.source.error(f"not JSON: {what}", self.here(), "is the file whole?")

    def value(self) -> Numbered:
        """The next value and its line."""
        self.skip()
        line = self.here()
        try:
            value, self.place = self.decoder.raw_decode(self.text, self.place)
        except json.JSONDecodeError as error:
            self.place = error.pos
            raise self.error(error.msg) from None
        except RecursionError:
            raise self.error("nested too deep") from None
        except ValueError:  # Python refuses to read numbers of thousands of digits
            raise self.error("a number too long to be one") from None
        return line, value

    def rest_of_list(self) -> Iterator[Numbered]:
        """The items of a list whose bracket was taken."""
        more = not self.take("]")
        while more:
            yield self.value()
            more = self.take(",")
            if not more and not self.take("]"):
                raise self.error("the list neither goes on nor ends here")

    def whole(self) -> Any:
        """The only value."""
        _, value = self.value()
        if not self.at_end():
            raise self.error("more than one value on the line")
        return value


def mend(text: str) -> str:
    """The words of a value: escapes hide wrongly decoded letters and halves of a pair."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(map(mender(), plain.split("\n"))).strip()
