"""How a stretch of words sounds, the counselor's way or the patient's, by weights set by hand.

Every weight is a log-odds in rough steps, with its reason; they stand for what the two do in such
a conversation, and are not fitted to any corpus. `corpus.marks` adds them up.
"""

import re

TEMPER = 0.6
"""Words of a sentence say the same thing several times over; this makes up for it."""
MOST = 2.5
"""No single sentence is surer than this: twelve to one."""

WORDS: dict[str, float] = {
    word: weight
    for weight, words in (
        # The counselor speaks to the other about the other ...
        (1.0, "you"),
        (1.5, "your yours yourself you're you've you'd you'll youre youve"),
        # ... the patient about himself, and about what is his.
        (-1.0, "i me i'd i'll"),
        (-1.5, "my mine myself i'm i've im ive"),
        # The counselor plans together, asks openly, and reflects tentatively;
        (0.5, "we us our we're let's"),
        (0.8, "how what where who when"),
        (1.0, "sounds tell might wonder wondering hearing"),
        # takes note, names what the talk is about and what could help;
        (0.5, "okay about talk help share important goal goals concerns"),
        (0.3, "are were some any other"),
        # the patient tells of other people and of the past, gives reasons, hedges and denies.
        (-0.5, "he she they them her him was because 'cause cause but like just really um"),
        (-0.8, "guess probably don't didn't can't couldn't dont didnt"),
    )
    for word in words.split()
}
FIRST: dict[str, float] = {
    word: weight
    for weight, words in (
        (1.0, "so okay all right hi hello great"),  # sums up, takes note, welcomes, praises
        (0.7, "do did does are have is can could would will"),  # asks
        (-0.8, "yes no yeah well just"),  # answers
    )
    for word in words.split()
}
PHRASES = (
    (re.compile(r"\byou know\b"), -1.3),  # a filler: speaks to nobody
    # The counselor's own I: listening, asking leave, scaling.
    (re.compile(r"\bi (?:hear|wonder|see|understand|appreciate|imagine)\b"), 1.5),
    (re.compile(r"\bi(?:'m| am) (?:hearing|wondering|curious)\b"), 1.5),
    (re.compile(r"\bi(?:'d| would) like to\b"), 1.0),
    (re.compile(r"\bthank(?:s| you) for\b|\bon a scale\b|\bis it (?:ok|okay|all right)\b"), 1.0),
    (re.compile(r"\?"), 1.0),
)
LISTENER = frozenset((
    "mm", "mmm", "mhm", "hmm", "hm", "uh", "huh", "yeah", "yep", "yes", "okay", "ok", "right",
    "sure", "oh", "ah", "no", "great", "good",
))  # fmt: skip
MOST_LISTENER = 4
REPLY = frozenset((
    "yeah", "yes", "no", "yep", "nope", "mm", "mhm", "um", "uh", "well", "hmm", "okay", "right",
    "sure", "oh", "i", "not", "so",
))  # fmt: skip


def words_of(text: str) -> list[str]:
    """The words in lower case, with straight apostrophes."""
    return re.findall(r"[a-z']+", text.lower().replace("\u2019", "'"))


def lean(text: str) -> float:
    """Log-odds that the counselor said it, within `MOST`."""
    words = words_of(text)
    plain = text.lower().replace("\u2019", "'")
    total = sum(WORDS.get(word, 0.0) for word in words)
    total += FIRST.get(words[0], 0.0) if words else 0.0
    total += sum(weight * len(phrase.findall(plain)) for phrase, weight in PHRASES)
    return max(-MOST, min(MOST, TEMPER * total))


def listens(text: str) -> bool:
    """Whether it is nothing but a back-channel."""
    words = words_of(text)
    return 0 < len(words) <= MOST_LISTENER and LISTENER.issuperset(words)


def opens_reply(text: str) -> bool:
    """Whether it begins as replies do."""
    words = words_of(text)
    return bool(words) and words[0] in REPLY
