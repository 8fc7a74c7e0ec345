"""What a listener says to show that he listens, and when it stands inside somebody else's turn.

A back-channel is part of the other's turn if that turn is unfinished. How that shows:

- it is cut: a dash, a comma or nothing at its end, or the next words continue it ("-and", "and");
- it goes on with a connective ("And then...", "'Cause..."), whatever stop the transcriber wrote;
- the listener only hums ("Mm-hmm."): a continuer leaves the floor to the speaker, who in fact goes
  on (Schegloff 1982, "Discourse as an interactional achievement").

The last two hold only between two pieces of a telling. After a question or a request, and after a
counselor's statement about the patient ("You're worried, then."), which asks for confirmation as a
question does (Labov and Fanshel 1977, "Therapeutic discourse"), "Yeah." is an answer and stays. So
it does when the speaker reacts to it ("Okay. So...") or goes on with a question.
"""

import re
from dataclasses import dataclass

# "Mm-mm" and "uh-uh" say no.
HUM = r"(?:m+h*m*[- ]?h+[mn]+|m+h+m*|h+m+|m+(?![- ]m+\b)|mhm+|u[hm]+[- ]?hu[hm]|a-?ha)\b"
RECEIPT = (
    r"(?:yeah|yep|yup|yah|okay|ok|kay|right|sure|i see|oh|ah|all right|alright|got it|gotcha)\b"
)
AGREEMENT = (
    r"(?:yes|exactly|absolutely|definitely|totally|true|of course|for sure|i know"
    r"|that's (?:right|true|it)|that is (?:right|true)|i understand|i get it|i hear you)\b"
)
LONGEST = 60
HUMS = re.compile(rf"\W*(?:{HUM}\W*){{1,8}}", re.IGNORECASE)
RECEIPTS = re.compile(rf"\W*(?:(?:{HUM}|{RECEIPT})\W*){{1,8}}", re.IGNORECASE)
BACK_CHANNEL = re.compile(rf"\W*(?:(?:{HUM}|{RECEIPT}|{AGREEMENT})\W*){{1,8}}", re.IGNORECASE)

CUT_OFF = re.compile(r"[-,]$")
CONTINUED = re.compile(r"-+\s*")
SENTENCE = re.compile(r"(?<!\bMr)(?<!\bMs)(?<!\bDr)(?<!\bMrs)[.?!][\"')]*\s+")
WORDS = re.compile(r"[\w']+")
FILLED = r"\W*(?:(?:um|uh|er|well)\b\W*){0,3}"
CONNECTIVE = re.compile(
    rf"{FILLED}(?:and|but|'?cause|because|or|which|then|you know|i mean|like|except|also|plus|not"
    r"|even|until|unless|although|though"
    # Increments: what no sentence begins with unless it belongs to the one before.
    r"|just|only|especially|mostly|probably|maybe|for|to|at|on|in|of|by|from|with|without|about"
    r"|as|after|before|than|that's (?:why|because|what|when|how))\b",
    re.IGNORECASE,
)
# A patient's "so" goes on with the story, and his "um" keeps the floor (Clark and Fox Tree 2002);
# a counselor's sum up, and ask.
HOLD = re.compile(rf"{FILLED}so\b|\W*(?:um|uh)\b", re.IGNORECASE)
REACTION = re.compile(
    rf"{FILLED}(?:{HUM}|{RECEIPT}|{AGREEMENT}|no|nope|good|great|thank you|thanks|perfect|excellent"
    r"|hi|bye|what|how|why|who|anyway|now)\b",
    re.IGNORECASE,
)
LISTENER = re.compile(
    r"\byou(?:'\w+|r|rs|rself)?\b(?! know\b| see\b)|\b(?:sounds?|seems?|feels?) like\b",
    re.IGNORECASE,
)
REQUEST = re.compile(
    r"\b(?:you'd|you would|(?:can|could|would|will|do|did|are) you)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Writing:
    """What punctuation tells in a transcript: ASR output may have none of it.

    Attributes:
        capitals: sentences begin with one.
        stops: sentences end with one.
    """

    capitals: bool
    stops: bool


def writing(texts: list[str]) -> Writing:
    """How most of the turns are written; those of a few words tell little."""
    told = [text for text in texts if len(text) > 20]
    return Writing(
        capitals=sum(text[:1].isupper() for text in told) * 2 > len(told),
        stops=sum(text[-1] in ".?!\"'" for text in told) * 2 > len(told),
    )


def is_back_channel(text: str) -> bool:
    """Whether a turn only shows that its speaker listens."""
    return len(text) <= LONGEST and bool(BACK_CHANNEL.fullmatch(text))


def interrupts(before: str, between: str, after: str, style: Writing, *, asker: bool) -> bool:
    """Whether a back-channel stands between two pieces of one turn.

    Args:
        before: what the speaker said.
        between: what the listener said.
        after: what the speaker said then.
        style: what punctuation tells here.
        asker: the speaker is the counselor, whose "you" is the listener; a patient's is anybody.
    """
    if before.endswith("?") or between.rstrip("\"' ").endswith("?") or not is_back_channel(between):
        return False
    if is_cut(before, after, style):
        return True
    receipt = RECEIPTS.fullmatch(between) is not None
    return receipt and (
        trails_off(before, style) or goes_on(before, between, after, style, asker=asker)
    )


def is_cut(before: str, after: str, style: Writing) -> bool:
    """Whether the transcriber shows that the turn was not over."""
    if CUT_OFF.search(before) or CONTINUED.match(after):
        return True
    # Small letters tell nothing in a transcript that has no capitals.
    return style.capitals and after[:1].islower() and before[-1:] not in {".", "!"}


def trails_off(before: str, style: Writing) -> bool:
    """Whether a turn ends without an end, in a transcript that writes ends."""
    return style.stops and (before.endswith("...") or (before[-1:].isalnum() and len(before) > 20))


def goes_on(before: str, between: str, after: str, style: Writing, *, asker: bool) -> bool:
    """Whether a telling goes on after its hearer made a sound."""
    if not (style.stops and style.capitals) or is_back_channel(before) or REACTION.match(after):
        return False
    asks = (LISTENER if asker else REQUEST).search(last_sentence(before))
    if asks or "?" in first_sentence(after):
        return False
    if HUMS.fullmatch(between):
        return True
    return bool(
        CONNECTIVE.match(after) or (not asker and (HOLD.match(after) or again(before, after)))
    )


def again(before: str, after: str) -> bool:
    """Whether the next words begin as the last sentence did: "I get edgy. I get edgy, and"."""
    first, second = (WORDS.findall(text)[:2] for text in (last_sentence(before), after))
    return len(first) == 2 and [w.lower() for w in first] == [w.lower() for w in second]


def last_sentence(text: str) -> str:
    """The words after the last stop but the final one."""
    return SENTENCE.split(text[-400:])[-1]


def first_sentence(text: str) -> str:
    """The words up to the first stop, the stop included."""
    end = SENTENCE.search(text)
    return text[: end.end()] if end else text
