"""Days, months and years in words and figures: read, and said again in the same manner."""

import re

from corpus.deid.gazetteer import each

MONTHS = each(
    "january february march april may june july august september october november december"
)
ONES = each(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen"
)
TENS = each("twenty thirty forty fifty sixty seventy eighty ninety")
FIRSTS = each(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh"
    " twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
    " twentieth"
)
ORDINALS = [*FIRSTS, *(f"twenty-{first}" for first in FIRSTS[1:10]), "thirtieth", "thirty-first"]
SMALL = "|".join(ONES[1:10])


def say(number: int, like: str) -> str:
    """A day or year number in the manner of another: digits, ordinal, words; of its case."""
    low = like.lower()
    if low[0].isdigit():
        shown = str(number).zfill(len(low)) if low.isdigit() and low[0] == "0" else str(number)
        return shown + (ending(number) if low[-1].isalpha() else "")
    if number < len(ORDINALS):
        said = ORDINALS[number]
        return said.replace("-", " ") if "-" not in like else said
    return say_year(number)


def ending(number: int) -> str:
    last = 0 if number % 100 in (11, 12, 13) else number % 10
    return {1: "st", 2: "nd", 3: "rd"}.get(last, "th")


def say_number(number: int) -> str:
    """A number below a hundred in words."""
    if number < len(ONES):
        return ONES[number]
    tens, ones = divmod(number, 10)
    return TENS[tens - 2] + (f" {ONES[ones]}" if ones else "")


def say_year(year: int) -> str:
    """A year in words: "nineteen eighty four", "two thousand eleven"."""
    century, rest = divmod(year, 100)
    if century == 20 and rest < 20:
        return "two thousand" + (f" {say_number(rest)}" if rest else "")
    return f"{say_number(century)} {'oh ' if rest < 10 else ''}{say_number(rest)}"


YEARS = {say_year(year): year for year in range(1900, 2100)}
YEARS |= {f"twenty {say_number(rest)}": 2000 + rest for rest in range(10, 100)}
YEARS |= {f"twenty oh {say_number(rest)}": 2000 + rest for rest in range(1, 10)}


def read_year(said: str | None) -> int | None:
    """The year of a match; two figures are of this century up to 30."""
    if said is None:
        return None
    if said.isdigit():
        number = int(said)
        return number if number > 99 else number + (2000 if number <= 30 else 1900)
    return YEARS.get(re.sub(r"[ -]+", " ", said.lower()).replace("thousand and", "thousand"))


def read_day(said: str) -> int:
    number = re.match(r"\d+", said)
    return int(number[0]) if number else ORDINALS.index(re.sub(" ", "-", said.lower()))


def read_month(said: str) -> int:
    if said.isdigit():
        return int(said)
    return next(at for at, name in enumerate(MONTHS, 1) if name.startswith(said.lower()[:3]))
