"""Streets, postal codes, towns, counties, and employers and schools where the sentence tells.

Countries and states stay: the Safe Harbor list wants out what is smaller than a state.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from corpus.deid import gazetteer
from corpus.deid.gazetteer import each
from corpus.deid.spans import Kind, Span
from corpus.deid.tokens import Scene, Word

ROOMS = r"(?:apt|apartment|unit|suite|flat|ste|room|#)"
# The stop of an abbreviation goes with it only where the sentence goes on.
SUFFIX = (
    r"(?:(?:street|avenue|road|drive|lane|boulevard|court|place|terrace|circle|parkway|highway"
    r"|crescent|close|way)\b"
    rf"|(?:ave|rd|ln|blvd|pkwy|hwy|st|dr|ct)\b(?:\.(?=,| (?-i:[a-z])| {ROOMS}\b))?)"
)
ROOM = rf"(?:,? {ROOMS}\.? ?#?\d{{0,5}}[a-z]?\b)?"
# Words that never stand inside a street's name; they keep "5 minutes on the way" out.
PLAIN = (
    r"(?!(?:the|a|an|my|your|his|her|their|our|this|that|in|on|at|to|of|or|and|by|for|off|down"
    r"|up|out|from|with|is|was|it|i|he|she|we|they|you|so|way|minutes?|hours?|days?|weeks?|months?|years?"
    r"|times?|percent|more|other|people|blocks?|miles?|drinks?|pounds?|dollars?|o'?clock)\b)"
)
STREETS: tuple[tuple[Kind, str, float, re.Pattern[str]], ...] = (
    ("street", "number and street", 0.93, re.compile(
        rf"(?<![\w.$-])\d{{1,6}}[a-z]? (?:{PLAIN}[\w.'-]{{1,30}} ){{1,4}}?{SUFFIX}"
        rf"(?! (?:of|to|too|more|I)\b){ROOM}",
        re.IGNORECASE)),
    ("street", "street", 0.8, re.compile(
        r"\b(?!(?:The|My|This|That|Her|His|Our|Your|Main|Wall|High|Sesame|No|One|Any|By|In|On"
        r"|Half)\b)(?:(?!The )[A-Z][\w']{2,30} ){1,2}"
        r"(?:Street|Avenue|Ave|Road|Drive|Lane|Boulevard|Blvd|Court|Terrace|Circle|Parkway"
        r"|Highway|Crescent)\b" + ROOM)),
    ("street", "box", 0.95, re.compile(r"\bp\.? ?o\.? box \d{1,8}\b", re.IGNORECASE)),
    ("zip", "United Kingdom", 0.75, re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b")),
    ("zip", "Canada", 0.8, re.compile(r"\b[A-Z]\d[A-Z] \d[A-Z]\d\b")),
    ("city", "county", 0.85, re.compile(
        r"\b(?!(?:The|My|This|Our|Your|In|Every)\b)[A-Z][\w']{2,30}(?: [A-Z][\w']{2,30})? (?:County"
        r"|Parish|Township)\b")),
)  # fmt: skip
TAILS = frozenset(
    each(
        "street avenue ave road drive lane boulevard blvd court terrace circle parkway highway"
        " crescent county parish township"
    )
)
STATE_ZIP = re.compile(r"(?P<state>[A-Za-z]{2,14})\.?,? (?P<zip>\d{5}(?:-\d{4})?)(?![\w-])")
STATES = frozenset(
    each(
        "al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh"
        " nj nm ny nc nd oh ok or pa ri sc sd tn tx ut vt va wa wv wi wy dc alabama alaska"
        " arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho"
        " illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan"
        " minnesota mississippi missouri montana nebraska nevada hampshire jersey mexico york"
        " carolina dakota ohio oklahoma oregon pennsylvania island tennessee texas utah vermont"
        " virginia washington wisconsin wyoming"
    )
)
PLACE_BEFORE = frozenset(
    each("in from near to around outside of at leaving visiting toward towards")
)
LIVED = re.compile(
    r"\b(?:live|lives|lived|living|grew up|raised|born|moved|move|moving|down|back|over|based|house"
    r"|apartment|am|[Ii]'m|was|she's|he's|they're|[Ww]e're) (?:in|to|from|near|outside)$"
)
ORGANISATIONS: tuple[tuple[str, float, re.Pattern[str]], ...] = (
    ("school", 0.85, re.compile(
        r"\b(?:University|College|Institute|Academy) (?:of|at) (?:the )?"
        r"[A-Z][\w']{1,30}(?:[ -][A-Z][\w']{1,30}){0,3}")),
    ("institution", 0.8, re.compile(
        r"\b(?!(?:The|My|This|That|Our|Your|His|Her|In|At|To|And|But|So|High|Middle|Elementary"
        r"|Junior|Senior"
        r"|Community|Medical|General|State|Public|Law|Nursing|Grad|Graduate|Early|Sunday|Saturday"
        r"|Health"
        r"|American|National|A|I|Their|When|After|No|Some) )(?:(?:St\.|Saint|Mt\.)"
        r" )?(?:[A-Z][\w']{1,30}[ -]){1,3}?(?:(?:High|Middle|Elementary|Primary"
        r"|Secondary|Grammar|Community|State|Medical|Memorial|General|Regional|Junior|Nursing"
        r"|Technical) ){0,2}"
        r"(?:University|College|School|High|Elementary|Academy|Institute|Hospital|Clinic|Pharmacy"
        r"|Infirmary"
        r"|Hospice|Rehab|Society|Foundation|Industries|Logistics|Inc|Corporation"
        r"|Bank)\b")),
    ("employer", 0.75, re.compile(
        r"\b(?:[Ww]ork(?:s|ed|ing)?|[Tt]each(?:es|ing)?|[Tt]aught|[Jj]obs?|[Bb]oss|[Mm]anager"
        r"|[Ee]mployed"
        r"|[Ii]ntern(?:ed|ship)?|[Ss]hifts?|[Hh]ired|[Ff]ired|[Cc]oworkers?|[Cc]olleagues?)"
        r" (?:(?:over|down|full time|part time|here) )?(?:at|for|by|from)"
        r" (?:the )?(?P<name>[A-Z][\w&']{1,30}(?: (?:and |& )?[A-Z][\w&']{1,30}){0,3})")),
)  # fmt: skip


@cache
def openings() -> dict[str, list[tuple[str, ...]]]:
    """Cities as words, by their first word, the longest first."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for city in gazetteer.cities():
        parts = tuple(part.strip(".") for part in city.replace("-", " ").split())
        found.setdefault(parts[0], []).append(parts)
    return {first: sorted(names, key=len, reverse=True) for first, names in found.items()}


def city_at(words: Sequence[Word], at: int) -> tuple[str, ...] | None:
    """The longest listed city that begins at this word."""
    for parts in openings().get(words[at].form, ()):
        stretch = words[at : at + len(parts)]
        if tuple(word.form for word in stretch) == parts and all(
            word.before.strip(". ") in ("", "-") for word in stretch[1:]
        ):
            return parts
    return None


def listed(words: Sequence[Word], at: int, cased: bool) -> tuple[int, float] | None:
    """How many words of a listed city begin here, and how sure that is."""
    word = words[at]
    parts = city_at(words, at)
    if parts is None or (cased and not word.capital):
        return None
    asked = at > 0 and words[at - 1].form in PLACE_BEFORE and word.before == " "
    sure = gazetteer.cities().get(" ".join(parts), True)
    if not sure and not asked:
        return None
    if not cased and len(parts) == 1 and not asked:
        return None
    if not cased and (not sure or not asked) and gazetteer.words().issuperset(parts):
        return None
    follows = words[at + 1] if at + 1 < len(words) else None
    if cased and not sure and follows and follows.capital and follows.before == " ":
        return None
    return len(parts), 0.85 if sure else 0.82


def unlisted(words: Sequence[Word], at: int, text: str) -> tuple[int, float] | None:
    """A town that no list has: "grew up in Wexcombe"."""
    word = words[at]
    if not word.capital or word.initial or word.before != " ":
        return None
    strange = (
        word.form not in gazetteer.words()
        and word.form not in gazetteer.known()
        and word.form not in STATES
        and word.form not in gazetteer.first_names()
    )
    if (
        strange
        and len(word.form) > 2
        and LIVED.search(text[max(0, word.start - 24) : word.start - 1])
    ):
        return 1, 0.6
    return None


def towns(scene: Scene, words: Sequence[Word]) -> Iterator[Span]:
    for at, word in enumerate(words):
        text = scene.texts[word.utterance]
        rule, found = "list", listed(words, at, scene.cased)
        if found is None and scene.cased:
            rule, found = "lived in", unlisted(words, at, text)
        if found:
            length, confidence = found
            end = words[at + length - 1].end
            yield Span(
                word.utterance, word.start, end, "city", rule, confidence, text[word.start : end]
            )


def employer(name: str) -> bool:
    """Whether what somebody works for has a name of its own."""
    first = name.split()[0].lower()
    return not ({"i", "me", "home"} & {first}) and (
        first not in gazetteer.known() or first in ("starbucks", "mcdonald's", "google", "uber")
    )


def named(found: str) -> bool:
    """Whether an institution has a name of its own: not "the Cancer Society", not "High School"."""
    words = [word.strip(".").lower() for word in found.split()]
    if words[-1] not in ("society", "foundation", "bank", "academy", "institute", "rehab"):
        return True
    return any(word not in gazetteer.words() for word in words[:-1])


def find(scene: Scene) -> Iterator[Span]:
    """Everything of a place."""
    found = [span for words in scene.words for span in towns(scene, words)]
    yield from found
    yield from mentioned(scene, found)
    for utterance, text in enumerate(scene.texts):
        numeric = scene.numeric[utterance]
        streets = STREETS if numeric or not scene.forms[utterance].isdisjoint(TAILS) else ()
        for kind, rule, confidence, pattern in streets:
            for match in pattern.finditer(text):
                yield Span(utterance, *match.span(), kind, rule, confidence, match[0])
        for match in STATE_ZIP.finditer(text) if numeric else ():
            if match["state"].lower() in STATES and (
                len(match["state"]) > 2 or match["state"].isupper()
            ):
                yield Span(utterance, *match.span("zip"), "zip", "state", 0.9, match["zip"])
        if scene.cased and any(
            word.capital and not word.initial for word in scene.words[utterance]
        ):
            yield from organisations(utterance, text)


def mentioned(scene: Scene, found: Sequence[Span]) -> Iterator[Span]:
    """The other mentions of towns that no list has."""
    forms = {span.text for span in found if span.rule == "lived in"}
    places = {(span.utterance, span.start) for span in found}
    for word in (word for words in scene.words for word in words if forms):
        if word.text in forms and (word.utterance, word.start) not in places:
            yield Span(word.utterance, word.start, word.end, "city", "mentioned", 0.6, word.text)


def organisations(utterance: int, text: str) -> Iterator[Span]:
    for rule, confidence, pattern in ORGANISATIONS:
        for match in pattern.finditer(text):
            name = "name" if rule == "employer" else 0
            if employer(match["name"]) if rule == "employer" else named(match[0]):
                yield Span(
                    utterance, *match.span(name), "organisation", rule, confidence, match[name]
                )
