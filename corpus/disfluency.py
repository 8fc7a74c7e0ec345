"""Light repair of spoken language, for counselor turns: what the model would learn to stumble on.

Fillers (um, uh), words begun twice ("wh-what", "the, the"), a few repeated small words ("I I") and
the dashes of cut-off turns go. What may be meant stays: "that that", "no, no", "you know",
restarted sentences. The patient's turns are left as they are spoken; no model is trained on them.
"""

import re
from collections import Counter

from corpus.clean import tidy_spaces

WORD = r"[A-Za-z]+(?:'[A-Za-z]+)*"
FILLER = r"(?:[Uu]+[Mm]+|[Uu]+[Hh]+[Mm]*|[Ee]rr*m*)(?![\w']|-\w)"
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
HYPHENATED = frozenset({"so", "bye", "ha", "no", "night", "tut", "boo", "mm"})
CONJUNCTIONS = frozenset({"and", "but", "or", "if", "because", "'cause", "when", "as"})
REPEAT = re.compile(
    rf"(?<![\w'-])(?P<phrase>{WORD}(?:\s+{WORD}){{0,2}})"
    r"(?:(?P<gap>\s*,\s+|\s*--\s*|\s*-\s+|-)(?P=phrase)\b)+(?!-\w)(?P<clitic>'?)",
    re.IGNORECASE,
)
# "that that" and "had had" are English; these are not.
SMALL = re.compile(r"(?<![\w'-])(?P<word>i|the|a|and|it|we|you) (?P=word)\b(?!-)", re.IGNORECASE)
FRAGMENT = re.compile(
    r"(?<![\w'-])(?P<part>[A-Za-z]{1,5})(?:--?\s*(?P=part))*(?P<gap>--?\s*)(?P<word>(?P=part)[a-z])",
    re.IGNORECASE,
)
NOT_FRAGMENTS = frozenset(
    ("re", "co", "de", "pre", "un", "non", "in", "on", "so", "no", "for", "be", "an")
)
EDGES = re.compile(r"^\s*-+\s*|\s*-+\s*$")


def lighten(text: str, counts: Counter[str]) -> str:
    """Repair one counselor turn, adding what was changed to `counts`."""
    lightened, fillers = FILLERS.subn(without_filler, text)
    counts["fillers"] += fillers
    lightened, edges = EDGES.subn("", lightened)
    counts["cut_offs"] += edges
    before = ""
    while before != lightened:  # "the, the, the" takes two rounds
        before = lightened
        for name, pattern, replace in (
            ("repeats", REPEAT, once),
            ("repeats", SMALL, r"\g<word>"),
            ("fragments", FRAGMENT, without_fragment),
        ):
            after = pattern.sub(replace, lightened)
            counts[name] += after != lightened
            lightened = after
    lightened = tidy_spaces(lightened)[0]
    if text[:1].isupper() and lightened[:1].islower():
        lightened = lightened[0].upper() + lightened[1:]
    return lightened


def without_filler(match: re.Match[str]) -> str:
    """What stays of a filler and the commas around it."""
    spoken = match.string[: match.start()].rstrip(" \"'-")
    following = match["next"]
    if not spoken or spoken[-1] in ".?!":
        capital = match["run"][0].isupper()
        return match["before"].replace(",", "") + (following.upper() if capital else following)
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
