"""What an earlier anonymisation left: "[Name]", "[CITY]", "[DATE_1]", "[**Hospital1 18**]".

Pure: a text in, a text and a count out. A placeholder becomes a neutral word that keeps the
sentence whole: "told [Name]" is "told someone", "in [City]" is "in the city", "on [DATE]" is "on
that day"; behind "the" or "my" the bare word stands. A name that only repeats who is meant goes
("Hi, [Name]."; "my sister [Name]"). Where no word fits ("my name is [Name]", "I am [AGE]") it is a
gap, "...". "[client's sister]" stays as words, as everything in square brackets does.
"""

import re

from corpus.brackets import ENCLOSED
from corpus.deid.cues import GREETINGS, KIN

FOUND = re.compile(rf"(?:{ENCLOSED})(?P<tail>\s*,\s+(?P<next>[a-z]))?")
ROLE = r"(?:client|patient|therapist|counsell?or|clinician|provider|interviewer|participant)"
# A word for each kind of place; those of `BARE` take no article.
PLACES = {
    **{word: word for word in ("city", "town", "village", "country", "state", "county", "region")},
    **{word: word for word in ("hospital", "clinic", "company", "agency", "restaurant", "store")},
    **{word: word for word in ("university", "shelter", "facility", "program", "district")},
    **{word: word for word in ("school", "college", "church", "work")},
    **dict.fromkeys(("organization", "organisation", "org"), "organization"),
    **dict.fromkeys(("employer", "workplace"), "workplace"),
    **dict.fromkeys(("place", "location", "loc", "gpe"), "place"),
    **dict.fromkeys(("area", "neighborhood", "neighbourhood"), "area"),
}
BARE = frozenset(("school", "college", "church", "work"))
POINTED = frozenset(("place", "area"))
MOMENTS = {
    **dict.fromkeys(("date", "day", "date time", "weekday"), "day"),
    **{word: word for word in ("month", "year", "time", "week", "season")},
}
NUMBERS = (
    *("age", "number", "phone", "phone number", "telephone", "telephone number", "email"),
    *("email address", "ssn", "us ssn", "zip", "zip code", "postcode", "id", "mrn", "url", "dob"),
    *("date of birth", "account number", "amount", "street", "address", "street address"),
)
PLACE_WORDS = "|".join(PLACES)
PLACE_NAME = re.compile(rf"(?:name of (?:the )?)?({PLACE_WORDS})(?:'s)?(?: name)?")
OWNER = rf"(?:{ROLE}|{'|'.join(sorted(KIN))})"
NAME = re.compile(
    rf"(?:(?:known|first|last|full|middle|given|family|maiden|nick|pet|user|{OWNER}(?:'s)?) ?)"
    rf"{{0,3}}names?(?: of (?:the |my |his |her )?{OWNER})?|person|surname|pseudonym|individual"
)
OWNED = re.compile(rf"{ROLE}'?s (?!name)[a-z]+(?: [a-z]+)?")

DETERMINED = re.compile(
    r"(?:\b(?:the|an?|my|your|his|her|its|our|their|this|that|these|those|every|each|all|any|some"
    r"|no|one|next|last|same|first|another|which|what|whose|other|new|old|local|different|whole)"
    r"|\w's|s')\s+$",
    re.IGNORECASE,
)
STARTS = re.compile(r"(?:^|[.?!][\"')]*\s+|^[\"'(])$")
INTRODUCED = re.compile(
    r"(?:\bname(?:'s| is| was)|\bi'm|\bi am|\bcall(?:s|ed)? (?:me|him|her)"
    r"|\b(?:is|was) called|\bnamed|\b(?:dr|mr|mrs|ms|prof|miss|aunt|uncle|nurse)\.?)\s+$",
    re.IGNORECASE,
)
RELATED = re.compile(rf"\b(?:{'|'.join(sorted(KIN))})\s+$", re.IGNORECASE)
GREETED = re.compile(rf"\b(?:{'|'.join(sorted(GREETINGS))}),?\s+$", re.IGNORECASE)
CLOSED = re.compile(r"\s*(?:$|[.?!;]|,(?!\s*(?:and\b|or\b|\[))|--)")
LISTED = re.compile(r"[\])}>],?\s+$")


def fill_placeholders(text: str) -> tuple[str, int]:
    """Put a neutral word in the place of each placeholder."""
    count = 0

    def decide(match: re.Match[str]) -> str:
        nonlocal count
        shown = filled(match)
        count += shown is not None
        return match[0] if shown is None else shown

    return FOUND.sub(decide, text), count


def filled(match: re.Match[str]) -> str | None:
    """What stands for one placeholder and the comma behind it; None if it is none."""
    kind = next(name for name in KINDS if match[name] is not None)
    written, tail = match[kind], match["tail"] or ""
    said = normal(written)
    if not placeholder_in(kind, written, said):
        return None
    before = match.string[max(0, match.start() - 40) : match.start()]
    after = match.string[match.end() - len(tail) : match.end() + 8]
    word = neutral(said, before, after)
    if word is None:
        return None
    if not word and tail and STARTS.search(before):
        return match["next"].upper()
    if STARTS.search(before):
        word = word[:1].upper() + word[1:]
    return word + tail


KINDS = ("square", "double", "round", "curly", "angle", "star")


def placeholder_in(kind: str, written: str, said: str) -> bool:
    """Square brackets hold them in any letters, others in capitals only, but for "(name)"."""
    if kind == "square":
        return True
    if kind in ("double", "star"):
        return False
    return written.isupper() or (kind == "round" and said in ("name", "first name", "last name"))


def normal(written: str) -> str:
    """A placeholder without its numbers and marks: "NAME_1", "**Hospital1 18**", "Person A"."""
    words = re.sub(r"[_*#/\\\d]+", " ", written).lower().strip(" .:-\"'")
    return re.sub(r" [a-z]$", "", " ".join(words.split()))


def neutral(said: str, before: str, after: str) -> str | None:
    """The word for a placeholder: empty where it may go, None where it is none."""
    if place := PLACE_NAME.fullmatch(said):
        return articled(PLACES[place[1]], before)
    if NAME.fullmatch(said):
        return somebody(said, before, after)
    if re.fullmatch(ROLE, said):
        return "" if called(before, after) else with_determiner("the", said, before)
    if OWNED.fullmatch(said):
        return with_determiner("the", said, before)
    if said in MOMENTS:
        return said if DETERMINED.search(before) else f"that {MOMENTS[said]}"
    if said in NUMBERS:
        return said if DETERMINED.search(before) else "..."
    return None


def articled(noun: str, before: str) -> str:
    """A place with its article."""
    if noun in BARE:
        return noun
    return with_determiner("that" if noun in POINTED else "the", noun, before)


def with_determiner(determiner: str, noun: str, before: str) -> str:
    """A noun with its determiner, unless it has one."""
    return noun if DETERMINED.search(before) else f"{determiner} {noun}"


def somebody(said: str, before: str, after: str) -> str:
    """What a name becomes: nothing where it is an address or behind "my sister"."""
    if said.endswith("name") and DETERMINED.search(before) and not after.startswith("'s"):
        return "name"
    if INTRODUCED.search(before):
        return "..."
    if RELATED.search(before) or called(before, after):
        return ""
    return "someone"


def called(before: str, after: str) -> bool:
    """Whether somebody is spoken to: "Hi [Name]", "So, [Name], how", "[Name], how"."""
    if LISTED.search(before) or not CLOSED.match(after):
        return bool(GREETED.search(before)) and not LISTED.search(before)
    if STARTS.search(before):
        return after.lstrip().startswith(",")
    return before.rstrip().endswith(",") or GREETED.search(before) is not None
