"""Whether a conversation is in English, by the share of its function words.

Words such as "the", "you" and "what" make up 35 to 55 of 100 words of spoken English. The list
leaves out those that neighbouring languages spell alike ("in", "me", "was", "is", "we"), so their
texts stay below 5; a text that is half in English passes. Languages other than English are not
told apart: for them the answer is "cannot tell", which drops nothing.
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
WORD = re.compile(r"[^\W\d_]+")
APOSTROPHES = re.compile("['\u2018\u2019\u02bc`]")
Verdict = Literal["yes", "no", "cannot tell"]


def english_share(text: str) -> float | None:
    """The share of English function words among the words of a text; None where it has too few."""
    words = WORD.findall(APOSTROPHES.sub("", text.casefold()))
    if len(words) < LEAST_WORDS:
        return None
    return sum(word in ENGLISH for word in words) / len(words)


def in_language(english: float | None, language: str) -> Verdict:
    """Whether a text is in a domain's language.

    Args:
        english: its `english_share`.
        language: the domain's BCP 47 tag, such as `en` or `en-GB`.
    """
    if english is None or language.casefold().split("-")[0] != "en":
        return "cannot tell"
    return "yes" if english >= LEAST_ENGLISH else "no"
