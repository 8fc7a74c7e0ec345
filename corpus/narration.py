"""Words that are no part of the session: a narrator, a sponsor, a channel's greeting and farewell.

A family of patterns; each has a name that reports show. In the first and the last 15 % of a
transcript an utterance that matches is cut, and what the same speaker says between two such
utterances; in the middle it is only flagged, for a person to look at. Patterns are for what nobody
says in a session: "thanks for watching", not "thanks for coming".
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from corpus.transcript import Utterance

EDGE = 0.15
# Shorter ones have no edges to speak of: all is flagged.
SHORTEST = 5
# So many utterances between two narrated ones are the narrator's too, if he is their speaker.
BETWEEN = 2

GENRE = r"(?:video|clip|episode|podcast|vignette|webinar|tutorial|demo|demonstration|module|film)"
PART = (
    rf"(?:{GENRE}|segment|excerpt|scene|re-?enactment|role[- ]?plays?|simulation|dramati[sz]ation)"
)
EXPERT = r"(?:therapist|counsell?or|clinician|practitioner|interviewer|provider|facilitator)"
PERSON = rf"(?:{EXPERT}|client|patient|nurse|doctor|physician|psychologist|social worker|trainee)"
EVERYONE = r"(?:guys|everyone|everybody|folks|friends|viewers|all|y'all|you all)"
DOES = (
    r"(?:is using|uses|used|demonstrates?|demonstrated|elicits?|elicited|models|modell?ed|reflects?"
    r"|reflected|affirms?|affirmed|summari[sz]es|summari[sz]ed|validates|evokes?|evoked|avoids"
    r"|avoided|rolls with|explores|asks (?:an )?open)"
)
PATTERNS = {
    "channel": (
        rf"\b(?:welcome|coming) (?:back )?to (?:(?:my|our|the|this|another|today's) )+(?:\w+ )?"
        rf"(?:channel|show|series|{GENRE})\b"
        rf"|^\W*(?:hi|hey|hello|what's up|welcome),? (?:there )?(?:back,? )?{EVERYONE}\b"
        r"|\b(?:subscribe to|subscribed to) (?:my|our|the|this) (?:\w+ )?(?:channel|podcast)\b"
        r"|\blike and subscribe\b|\b(?:don't forget|remember|make sure|be sure) to"
        r" (?:like|subscribe|hit|share this)\b"
        r"|\bhit (?:the|that) (?:\w+ )?(?:bell|(?:like|subscribe) button)\b"
        r"|\bsmash (?:the|that) like\b|\bleave (?:us )?a comment\b|\bcomments? (?:section )?below\b"
        r"|\blinks? (?:is |are )?(?:\w+ )?(?:in the description|below)\b"
        r"|\bin the (?:video )?description(?: box)?(?: below)?[.!]?$"
    ),
    "farewell": (
        r"\b(?:thanks|thank you)(?: all| guys| everyone| so much| very much)*"
        r" for (?:watching|viewing|tuning in)\b"
        rf"|\b(?:thanks|thank you)(?: so much)? for listening to (?:this|our|the|my) {GENRE}\b"
        rf"|\b(?:see|catch) you (?:all )?(?:in the )?next (?:time|one|week|{GENRE}),?"
        rf" (?:{EVERYONE})\b|\b(?:see|catch) you (?:all )?in (?:the|my|our) next {GENRE}\b"
        rf"|\b(?:that's|that is|this is|this was) (?:it|all) for (?:this|today's|our) {GENRE}\b"
        rf"|\b(?:hope|hopefully) (?:you|this)\b[^.?!]{{0,40}}\b(?:enjoyed|useful|helpful|liked)\b"
        rf"[^.?!]{{0,20}}\b{GENRE}\b"
        rf"|\bhope you(?:'ve)? (?:have )?(?:enjoyed|liked) (?:this|the|our) {PART}\b"
    ),
    "sponsor": (
        r"\b(?:is|was|are) sponsored by\b|\bthis (?:\w+ )?(?:is|was)? ?brought to you by\b"
        rf"|\b(?:today's|this {GENRE}'s|our) sponsors? (?:is|for|today)\b"
        r"|\b(?:promo|coupon|discount) code\b|\buse (?:the |my |our )?code \w+\b"
        r"|\b(?:per ?cent|%) off (?:your|the) (?:first|next)\b"
        rf"|\bthis {GENRE} (?:is|was) (?:made possible|funded|supported|produced|presented) by\b"
        rf"|\bsupport for this {GENRE}\b|\bsupport (?:us|me) on patreon\b"
    ),
    "announcement": (
        rf"\bin (?:this|today's|the (?:next|following|previous)|our (?:next|first)|that) {PART}"
        r"(?:,| (?:we|i|you|the|it|he|she|they|dr)\b)"
        rf"|\bin (?:the )?following {PART}\b|\bthe following (?:is|{PART})\b"
        r"|\b(?:you|we|you're|we're)(?: are|'ll| will| can)?(?: going to| about to| now| be)?"
        r" (?:see|watch|watching|seeing|observe|hear|view|viewing)"
        rf" (?:me|us|how|an?|two|the|dr\.? \w+)"
        rf"\b[^.?!]{{0,40}}\b(?:{EXPERT}|client|patient|session|interview|{PART}s?|example of)\b"
        rf"|\b(?:this|today's|the next|our next|my next) {PART} (?:is|was|will|shows?|illustrates?"
        rf"|demonstrates?|features?|presents?|looks?)\b"
        r"|\b(?:let's|let us) (?:now )?(?:watch|look at how|see how|take a look at how|listen"
        rf" to how) (?:\w+ )?(?:{PERSON}|dr|he|she|they)\b"
        rf"|\bnow (?:let's|we'll|we will) (?:watch|see|move to|look at) (?:an?|the|another)"
        rf" (?:\w+ )?(?:example|{PART}|session|{PERSON})\b"
    ),
    "observer": (
        rf"\b(?:notice|noticed|observe|observed|note|pay attention to|watch)"
        rf" (?:how|what|that|when|the way) (?:\w+ )?(?:{PERSON}|dr\.? \w+)\b"
        rf"|\bthe {EXPERT} {DOES}\b|\bthe {EXPERT} (?:in|from) (?:this|that|the) {PART}\b"
        rf"|\bas you (?:can|could|just|will)(?: see| saw)?,? the {PERSON}\b"
        r"|\b(?:example|demonstration|illustration|principles|spirit) of (?:\w+ )?(?:motivational"
        r" interviewing|reflective listening|change talk|sustain talk|open[- ]ended questions?"
        r"|active listening|cognitive behaviou?ral therapy|rolling with resistance)\b"
        rf"|\bin (?:this|that) {PART},? (?:i|we) (?:was|were|am|are|tried|wanted)\b"
        r"|\bwhat (?:did|do) you notice about (?:the|how|this|that)\b[^.?!]{0,30}"
        rf"\b(?:{EXPERT}|session|interview|{PART})\b"
        r"|\bwhat you(?:'ve| have)? just (?:saw|seen|watched|heard|witnessed)\b"
        r"|\byou(?:'ve| have)? just (?:saw|seen|watched|witnessed) (?:an?|the|me|how)\b"
        r"(?! (?:doctor|nurse|dentist))"
    ),
    "acted": (
        rf"\b(?:this|she|he|the {PERSON}|who you see) (?:is|are|was) (?:not a real \w+|"
        r"(?:played|portrayed) by|(?:just )?an?"
        r" (?:paid |professional |trained )?(?:actor|actress))\b"
        r"|\b(?:played|portrayed) by (?:an? )?(?:\w+ )?(?:actors?|actress|colleague|student"
        r"|volunteer)\b"
        r"|\b(?:are|were) (?:both )?(?:all )?(?:paid |professional )?actors\b"
        r"|\b(?:this|it|following|what follows|you'll see) (?:is|was) (?:only |just )?"
        r"(?:an? |the )?(?:\w+ )?(?:re-?enactment|dramati[sz]ation|role[- ]?play|simulat(?:ed|ion)"
        r"|mock|fictional|scripted|staged)\b|\b(?:a|this) re-?enactment\b"
        r"|\b(?:names?|details)\b[^.?!]{0,40}\b(?:have|has) been (?:changed|altered)\b"
        r"|\bfor (?:educational|training|demonstration|teaching|illustrative)"
        r"(?: and \w+)? purposes\b"
        r"|\bnot (?:a substitute for|intended to (?:replace|be)) (?:\w+ )?"
        r"(?:professional|medical|therapy)"
    ),
}
RULES = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in PATTERNS.items()}
MARKS = str.maketrans({"\u2019": "'", "\u2018": "'", "\n": " ", "\u00a0": " "})
# Narration says what it is at once; longer texts are speech, and cost time.
LONGEST = 20_000


@dataclass(frozen=True)
class Flagged:
    """An utterance in the middle that sounds like narration, and the rule that says so."""

    line: int
    rule: str


@dataclass(frozen=True)
class Trimmed:
    """What is left of a transcript.

    Attributes:
        utterances: those that stay, in order.
        cut: how many each rule cut; `between` are a narrator's own among them.
        flagged: what a person should look at.
    """

    utterances: list[Utterance]
    cut: dict[str, int]
    flagged: list[Flagged]


def rule_of(text: str) -> str | None:
    """The first rule that takes a text for narration."""
    plain = text[:LONGEST].translate(MARKS)
    return next((name for name, rule in RULES.items() if rule.search(plain)), None)


def trim(utterances: Sequence[Utterance]) -> Trimmed:
    """Cut narration off both ends of a transcript, flag it in the middle."""
    found = {place: rule for place, each in enumerate(utterances) if (rule := rule_of(each.text))}
    edge = math.ceil(EDGE * len(utterances)) if len(utterances) >= SHORTEST else 0
    head = {place: rule for place, rule in found.items() if place < edge}
    tail = {place: rule for place, rule in found.items() if place >= len(utterances) - edge}
    cut = enclosed(utterances, head) | enclosed(utterances, tail)
    return Trimmed(
        [each for place, each in enumerate(utterances) if place not in cut],
        dict(sorted(Counter(cut.values()).items())),
        [
            Flagged(utterances[place].line, rule)
            for place, rule in found.items()
            if place not in cut
        ],
    )


def enclosed(utterances: Sequence[Utterance], found: dict[int, str]) -> dict[int, str]:
    """Narrated utterances of one edge, and what their speaker says between two of them."""
    cut = dict(found)
    places = list(found)
    for first, last in pairwise(places):
        speakers = {each.speaker for each in utterances[first : last + 1]}
        if last - first - 1 <= BETWEEN and len(speakers) == 1:
            cut |= dict.fromkeys(range(first + 1, last), "between")
    return cut
