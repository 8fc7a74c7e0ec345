"""Repair of spoken language, for counselor turns: what the model would learn to stumble on.

`light` takes out fillers (um, uh), words begun twice ("wh-what", "the, the"), a few repeated small
words ("I I") and the dashes of cut-off turns. `medium` also takes out repetitions of whole phrases
and of small words without a comma between them, and says a repeated "yeah, yeah" once. What may be
meant stays at every level: "that that", "had had", "very very", "no, no", "you know".

There is no heavier level on purpose: taking restarted sentences out by rule makes "It looks that
you put -- You drink" into "It You drink". The patient's turns are left as they are spoken; no model
is trained on them.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Literal

from corpus.clean import mend, tidy_spaces

Level = Literal["keep", "light", "medium"]

WORD = r"[A-Za-z]+(?:'[A-Za-z]+)*"
# "Um-um" is one; "uh-uh" says no, and "um-hum" yes.
FILLER = r"(?:[Uu]+[Mm]+(?:-[Uu]+[HhMm]+)*|[Uu]+[Hh]+[Mm]*(?:-[Uu]+[Mm]+)*|[Ee]rr*m*)(?![\w']|-\w)"
QUOTED_FILLER = re.compile(rf"(?:^|(?<=[\s(]))\"\s*{FILLER}\s*(?:[.,?!]|--?)*\s*\"")
FILLERS = re.compile(
    rf"(?P<before>,?\s*)(?<![\w'])(?<!\w-)(?P<run>{FILLER}(?:\s*(?:,|--?)?\s*{FILLER})*)"
    r"(?P<after>\s*(?:,|--?(?!\w))?\s*)(?P<next>\w?)"
)
# Said twice on purpose, as a rule.
EMPHATIC = frozenset(
    {"no", "yes", "yeah", "yep", "very", "really", "right", "okay", "ok", "so", "never", "much"}
    | {"many", "long", "well", "good", "now", "more", "bye", "far", "please", "wait", "fine"}
    | {"great", "sorry", "ha", "hey", "slowly", "big", "little", "sure", "again"}
)
# May end one clause and open the next: "if I told you, you would".
CLAUSE_EDGES = frozenset(
    {"you", "it", "that", "this", "her", "is", "was", "do", "did", "have", "can", "what", "there"}
    | {"here", "know", "think", "said", "say"}
)
HYPHENATED = frozenset({"so", "bye", "ha", "no", "night", "tut", "boo", "mm", "uh"})
CONJUNCTIONS = frozenset({"and", "but", "or", "if", "because", "'cause", "when", "as"})
REPEAT = re.compile(
    rf"(?<![\w'-])(?P<phrase>{WORD}(?:\s+{WORD}){{0,2}})"
    r"(?:(?P<gap>\s*,\s+|\s*--\s*|\s*-\s+|-)(?P=phrase)\b){1,20}(?!-\w)(?P<clitic>'?)",
    re.IGNORECASE,
)
# "that that" and "had had" are English; these are not.
SMALL = re.compile(
    r"(?<![\w'-])(?P<word>i|the|a|and|it|we|you)(?: (?P=word)\b(?![-'])){1,20}", re.IGNORECASE
)
FRAGMENT = re.compile(
    r"(?<![\w'-])(?P<part>[A-Za-z]{1,5})(?:--?\s*(?P=part)){0,8}(?P<gap>--?\s*)(?P<word>(?P=part)[a-z])",
    re.IGNORECASE,
)
NOT_FRAGMENTS = frozenset(
    ("re", "co", "de", "pre", "un", "non", "in", "on", "so", "no", "for", "be", "an")
)
# Words that nobody says twice for emphasis; "that", "had", "very", "really", "so" are none of them.
FUNCTION = (
    r"(?:i'm|i'll|i've|i'd|he|she|they|we're|you're|it's|there's|that's|my|your|his|our|their"
    r"|to|of|in|at|for|with|from|about|if|when|where|because|but|or|be|can|could|would|was|were|are)"
)
SMALL_TOO = re.compile(
    rf"(?<![\w'-])(?P<word>{FUNCTION})(?: (?P=word)\b(?![-'])){{1,20}}", re.IGNORECASE
)
# Begins with a small word, so that "over and over and over" is none.
PHRASE = re.compile(
    rf"(?<![\w'-])(?P<word>(?!or )(?:{FUNCTION}|i|the|a|it|we|you)(?: {WORD}){{1,2}})"
    r"(?: (?P=word)(?![\w'-])){1,20}",
    re.IGNORECASE,
)
# A dash between says that the speaker started over.
RESTART = re.compile(
    rf"(?<![\w'-])(?P<word>{WORD}(?: {WORD}){{3,6}})\s?--?\s?(?P=word)(?![\w'-])", re.IGNORECASE
)
HEARD_TWICE = re.compile(
    r"(?<![\w'-])(?P<word>yeah|yep|okay|ok|right|sure|mm-hmm|uh-huh)"
    r"(?:[,.] (?P=word)(?![\w'-])){1,20}",
    re.IGNORECASE,
)


def lighten(text: str, level: Level, counts: Counter[str]) -> str:
    """Repair one counselor turn, adding what was changed to `counts`."""
    if level == "keep":
        return text
    unquoted, quoted = QUOTED_FILLER.subn(" ", tidy_spaces(text)[0])
    lightened, fillers = FILLERS.subn(without_filler, unquoted)
    counts["fillers"] += quoted + fillers
    stripped = bare(lightened)
    counts["cut_offs"] += (lightened[:1] == "-") + (lightened[-1:] == "-")
    lightened = bare(without_repeats(stripped, level, counts))
    if text[:1].isupper() and lightened[:1].islower():
        lightened = lightened[0].upper() + lightened[1:]
    return lightened


def bare(text: str) -> str:
    """A text without dashes at its ends, its marks and spaces as they should be."""
    while (mended := tidy_spaces(mend(text.strip("- ")))[0].strip("- ")) != text:
        text = mended
    return text


def without_repeats(text: str, level: Level, counts: Counter[str]) -> str:
    """Say once what was said twice; "the, the-- the" takes two rounds."""
    rules = RULES if level == "medium" else RULES[:LIGHT]
    for _ in range(ROUNDS):
        before = text
        for name, pattern, replace in rules:
            after = pattern.sub(replace, text)
            counts[name] += after != text
            text = after
        if text == before:
            break
    return text


def without_filler(match: re.Match[str]) -> str:
    """What stays of a filler and the commas around it."""
    before, following = match.string[: match.start()], match["next"]
    spoken = before.rstrip(" \"'-")
    if not spoken or spoken[-1] in ".?!" or before[-1:] in ('"', "-"):
        capital = match["run"][0].isupper()
        return match["before"].replace(",", "") + (following.upper() if capital else following)
    if "-" in match["after"] and following.isupper():
        return "-- " + following
    if not following and match.string[match.end() : match.end() + 1] in {"", ".", "?", "!"}:
        return ""
    comma = "," in match["before"] + match["after"]
    comma = comma and spoken.split()[-1].lower() not in CONJUNCTIONS
    return (", " if comma else " ") + following


def once(match: re.Match[str]) -> str:
    """A repeated phrase once, unless it is repeated on purpose, or only seems to be."""
    phrase, gap = match["phrase"].lower(), match["gap"].strip()
    meant = (
        (gap == "," and (phrase in EMPHATIC | CLAUSE_EDGES or match["clitic"]))
        or (gap == "-" and phrase in HYPHENATED)
    )  # fmt: skip
    return match[0] if meant else match["phrase"] + match["clitic"]


def without_fragment(match: re.Match[str]) -> str:
    """A word without its false start, unless that is a prefix or a word of its own."""
    # "I-it" is a stutter, "I-- in that case" is not.
    alone = len(match["part"]) == 1 and match["gap"] != "-"
    if alone or match["part"].lower() in NOT_FRAGMENTS:
        return match[0]
    capital = match["part"][0].isupper()
    return match["word"][0].upper() + match["word"][1:] if capital else match["word"]


Rule = tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]]
RULES: tuple[Rule, ...] = (
    ("repeats", REPEAT, once),
    ("repeats", SMALL, r"\g<word>"),
    ("fragments", FRAGMENT, without_fragment),
    ("repetitions", RESTART, r"\g<word>"),
    ("repetitions", PHRASE, r"\g<word>"),
    ("repetitions", SMALL_TOO, r"\g<word>"),
    ("repetitions", HEARD_TWICE, r"\g<word>"),
)
LIGHT = 3  # so many of the rules are the light level's
ROUNDS = 8
