"""Whether a conversation is in English, by the share of its function words.

Words such as "the", "you" and "what" make up 35 to 55 of 100 words of spoken English. The list
leaves out those that neighbouring languages spell alike ("in", "me", "was", "is", "we"), so their
texts stay below 5; a text that is half in English passes. Languages other than English are not
told apart: for them the answer is "cannot tell", which drops nothing.

`foreign_share` sees a text that changes its language half-way: an English answer with its
translation behind it. Measured: 0 for every one of AnnoMI's 133 sessions and of CounselChat's 1,444
English answers, and 0.48 or more for the 38 of those that have a Spanish translation.
"""

import re
from typing import Literal

FUNCTION_WORDS = """
    the and of to you your yours it its that this these those are were being im ive our they them
    their she who what when where why how which with without for from about because but if then than
    there here have has does doing did dont didnt doesnt isnt arent wasnt wont cant couldnt wouldnt
    shouldnt would could should can might not just like know think thats youre theyre hes shes youve
    by out up down into some any every very really more much many little get got going need yes yeah
    okay right good something anything nothing everything someone
"""
ENGLISH = frozenset(FUNCTION_WORDS.split())
LEAST_ENGLISH = 0.12
"""Below this share a text is not English."""
LEAST_WORDS = 20
"""Fewer words tell nothing."""
WINDOW = 40
"""So many words in a row must be in another language: a quotation or a prayer is shorter."""
MOST_ENGLISH = 1
"""English function words that a window in another language may have; a list of symptoms has two."""
LARGE_PART = 0.25
"""From this `foreign_share` a text is in two languages."""
WORD = re.compile(r"[^\W\d_]+")
APOSTROPHES = re.compile("['\u2018\u2019\u02bc`]")
Verdict = Literal["yes", "no", "cannot tell"]


def english_share(text: str) -> float | None:
    """The share of English function words among the words of a text; None where it has too few."""
    known = english_words(text)
    return sum(known) / len(known) if len(known) >= LEAST_WORDS else None


def english_words(text: str) -> list[bool]:
    """For each word whether it is an English function word."""
    return [word in ENGLISH for word in WORD.findall(APOSTROPHES.sub("", text.casefold()))]


def foreign_share(text: str) -> float:
    """The share of an English text's words that stand in long stretches of another language.

    Args:
        text: one turn or one whole session; of fewer than `WINDOW` words the answer is 0.

    Returns:
        From 0 to 1; it is for texts in Latin letters, or others that write spaces between words.
    """
    known = english_words(text)
    if len(known) < WINDOW:
        return 0.0
    foreign, covered = 0, 0
    inside = sum(known[:WINDOW])
    for end in range(WINDOW, len(known) + 1):
        if inside <= MOST_ENGLISH:
            foreign += end - max(covered, end - WINDOW)
            covered = end
        if end < len(known):
            inside += known[end] - known[end - WINDOW]
    return foreign / len(known)


def in_language(english: float | None, language: str) -> Verdict:
    """Whether a text is in a domain's language.

    Args:
        english: its `english_share`.
        language: the domain's BCP 47 tag, such as `en` or `en-GB`.
    """
    if english is None or not is_english(language):
        return "cannot tell"
    return "yes" if english >= LEAST_ENGLISH else "no"


def is_english(language: str) -> bool:
    """Whether a BCP 47 tag means English."""
    return language.casefold().split("-")[0] == "en"
