"""Dates and months: found, and moved in the words they were said in.

Every date of a session moves by the same number of days, so that what lies a week apart still does.
Weekdays and relative times ("last Tuesday") stay, and so does a year on its own.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from corpus.deid.calendar_words import (
    FIRSTS,
    MONTHS,
    ONES,
    ORDINALS,
    SMALL,
    TENS,
    read_day,
    read_month,
    read_year,
    say,
    say_year,
)
from corpus.deid.spans import Span
from corpus.deid.tokens import Scene, without_markup

MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?" \
        r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"  # fmt: skip
FULL_MONTH = "|".join(MONTHS)
SAID_DAY = "|".join(
    sorted((name.replace("-", "[- ]") for name in ORDINALS[1:]), key=len, reverse=True)
)
DAY = rf"(?:(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?![\d:])|{SAID_DAY})"
DAY_ORDINAL = rf"(?:(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)|{SAID_DAY})"
SAID_YEAR = (
    r"(?:(?:nineteen|twenty)[ -](?:(?:oh|o)[ -])?"
    rf"(?:(?:{'|'.join(TENS)})(?:[ -](?:{SMALL}))?|{'|'.join(ONES[10:])}|{SMALL})"
    rf"|two thousand(?: and)?(?: (?:(?:twenty)(?:[ -](?:{SMALL}))?|{'|'.join(ONES[1:])}))?)"
)
YEAR = rf"(?:(?:19|20)\d\d|{SAID_YEAR})\b"
PATTERNS: tuple[tuple[str, float, re.Pattern[str]], ...] = tuple(
    (rule, confidence, re.compile(pattern, re.IGNORECASE))
    for rule, confidence, pattern in (
        ("iso", 0.97, r"(?<![\w-])(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)(?![\w-])"),
        (
            "numbers",
            0.95,
            r"(?<![\w/.-])(?P<month>\d{1,2})([/.-])(?P<day>\d{1,2})\2(?P<year>(?:19"
            r"|20)\d\d)(?![\w/-])",
        ),
        (
            "short numbers",
            0.9,
            r"(?<![\w/.-])(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d\d)(?![\w/-])",
        ),
        (
            "told numbers",
            0.6,
            r"(?<=\b(?:on|by) )(?P<month>1[0-2]|0?[1-9])/(?P<day>3[01]|[12]\d|0?[1-9])(?![\w/%-])",
        ),
        (
            "month and day",
            0.95,
            rf"\b(?P<month>{MONTH})\b\.? (?:the )?(?P<day>{DAY})\b(?:,? (?:of )?(?P<year>{YEAR}))?",
        ),
        (
            "day and month",
            0.95,
            rf"\b(?:the )?(?P<day>{DAY})\b (?:day )?(?:of )?(?P<month>{MONTH})\b\.?"
            rf"(?:,? (?:of )?(?P<year>{YEAR}))?",
        ),
        ("month and year", 0.9, rf"\b(?P<month>{MONTH})\b\.?,? (?:of )?(?P<year>{YEAR})"),
        (
            "told month",
            0.6,
            rf"(?<!\w)(?:in|since|last|next|until|till|before|after|during|through|from|to|of|early"
            rf"|late|mid|by|around|every|this) (?P<month>{FULL_MONTH})\b",
        ),
        ("month", 0.55, rf"\b(?P<month>{FULL_MONTH})\b"),
        (
            "day",
            0.4,
            rf"(?<=\bon )the (?P<day>{DAY_ORDINAL})\b(?! (?:floor|day|one|time|step|hand))",
        ),
    )
)
# Months that are words or names too: bare, they are none.
DOUBTFUL = frozenset({"may", "march", "april", "june", "august"})
# An utterance without a figure and without one of these words has no date.
HINTS = frozenset({*MONTHS, *(month[:3] for month in MONTHS), "sept", *FIRSTS[1:], "thirtieth"})


def moved(match: re.Match[str], offset: int) -> str | None:
    """The match's words with another date; None if there is no such date."""
    groups = match.groupdict()
    month = read_month(groups["month"]) if groups.get("month") else 1
    day = read_day(groups["day"]) if groups.get("day") else 15
    swapped = month > 12 >= day
    if swapped:
        month, day = day, month
    try:
        # A leap year where none is told, so that every day exists.
        new = date(read_year(groups.get("year")) or 2024, month, day) + timedelta(offset)
    except ValueError:
        return None
    if offset and not groups.get("day") and new.month == month:
        new += timedelta(31 if offset > 0 else -31)
    return rendered(match, new, {"month": "day", "day": "month"} if swapped else {})


def rendered(match: re.Match[str], new: date, names: dict[str, str]) -> str:
    """Put a date's parts where the old one's are."""
    text, base = match[0], match.start()
    parts = []
    for group, like in match.groupdict().items():
        if like is None:
            continue
        number = getattr(new, names.get(group, group))
        if group == "month" and not like.isdigit():
            word = MONTHS[number - 1]
            shown = word[: len(like)] if len(like) < 4 and like.lower() not in MONTHS else word
            shown = shown.capitalize() if like[0].isupper() else shown
        elif group == "year" and len(like) == 2:
            shown = f"{number % 100:02d}"
        elif group == "year" and not like.isdigit():
            shown = say_year(number)
        else:
            padded = like.isdigit() and len(like) == 2 and "0" in (match["month"][:1], like[0])
            shown = f"{number:02d}" if padded else say(number, like)
        parts.append((match.start(group) - base, match.end(group) - base, shown))
    for start, end, shown in sorted(parts, reverse=True):
        text = text[:start] + shown + text[end:]
    return text


def credible(rule: str, match: re.Match[str], cased: bool) -> bool:
    """Whether a month's name is meant as one: "March third", not "may I" or "April said"."""
    month = match.groupdict().get("month") or ""
    if match[0].lower().removeprefix("the ") in ("fourth of july", "4th of july", "july 4th"):
        return False
    if month.isdigit() or not month or rule not in ("month", "told month", "month and day"):
        return True
    if rule == "month and day":
        return (
            month.lower() not in DOUBTFUL
            or match["day"].lower() not in ("second", "first")
            or (cased and month[0].isupper())
        )
    if month.lower() not in DOUBTFUL:
        return True
    if rule == "month":
        return False
    if cased:
        return month[0].isupper()
    return bool(re.match(r"(?i)(?:in|since|last|next|until|late|early|mid|of) ", match[0]))


def find(scene: Scene) -> Iterator[Span]:
    """Dates, and months with or without a year."""
    for utterance, text in enumerate(scene.texts):
        if not scene.numeric[utterance] and scene.forms[utterance].isdisjoint(HINTS):
            continue
        for rule, confidence, pattern in PATTERNS:
            for match in pattern.finditer(text):
                if moved(match, 0) is not None and credible(rule, match, scene.cased):
                    start = match.start("month") if rule == "told month" else match.start()
                    found = text[start : match.end()]
                    yield Span(utterance, start, match.end(), "date", rule, confidence, found)


# "on 5/6": the found stretch without the word that told it.
BARE = re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})")


def shift(found: str, offset: int) -> str:
    """The same words with the date moved; "that day" for what cannot be read without its place."""
    words = re.sub(r"\s+", " ", without_markup(found))
    for pattern in (*(pattern for _, _, pattern in PATTERNS), BARE):
        match = pattern.fullmatch(words)
        if match and (shown := moved(match, offset)):
            return shown
    return "that day"
