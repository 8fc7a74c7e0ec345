"""What stands around a name and gives it away."""

from collections.abc import Sequence

from corpus.deid.gazetteer import each
from corpus.deid.tokens import Scene, Word

TITLES = frozenset(each("dr mr mrs ms mx prof professor sgt capt lt"))
CALLINGS = frozenset(
    each(
        "miss doctor nurse officer judge pastor reverend rev father brother sister coach aunt"
        " auntie aunty uncle cousin grandma grandpa granny nana sergeant captain detective rabbi"
        " imam principal"
    )
)
KIN = frozenset(
    each(
        "sister brother wife husband son daughter friend boss partner boyfriend girlfriend"
        " mother father mom mum dad cousin aunt uncle niece nephew fiancé fiancée fiancee ex"
        " roommate flatmate neighbor neighbour therapist counselor sponsor manager supervisor"
        " doctor dog cat stepdad stepmom mate colleague coworker grandson granddaughter"
        " grandmother grandfather baby boy girl kid buddy twin teacher coach psychiatrist nurse"
        " dentist"
    )
)
OWNERS = frozenset(
    each(
        "my your his her our their old new best older younger little big oldest youngest a the this"
    )
)
GREETINGS = frozenset(
    each(
        "hi hello hey hiya howdy thanks you bye goodbye welcome dear morning afternoon evening"
        " cheers congratulations"
    )
)
LEAD_INS = frozenset(
    each(
        "so okay ok well alright right now and but yeah yes no oh look listen sorry sure great"
        " good come hmm um uh please yep true exactly absolutely fantastic excellent"
    )
)
INSTITUTIONS = frozenset(
    each(
        "society university college school hospital clinic pharmacy street avenue road lane"
        " drive county foundation institute academy league disease syndrome scale method center"
        " centre church company retriever elementary boulevard park lake river"
        " island award prize leagues state stadium bank hotel store inc llc start"
        " oats daniels cigars cigarettes"
    )
)
# Those of them that also stand behind a name without a capital of their own.
SMALL_INSTITUTIONS = frozenset(
    each("society university college hospital foundation disease syndrome league leagues retriever")
)
# Names in what days are called: "Christmas Eve", "St. Patrick's Day".
FEASTS = frozenset(each("christmas xmas thanksgiving halloween hallows hallow easter"))
SAINTS = frozenset(each("patrick andrew george david stephen nicholas lucy martin john joseph"))
LOVERS = frozenset(each("valentine valentines columbus"))
SPEAKING = frozenset(each("said says told asked thinks thought wants wanted called"))
DETERMINERS = frozenset(each("a an the this that these those some any no every each"))
NOT_BEFORE = frozenset(each("st saint san santa mount mt fort lake port new north south east west"))
# In capitals behind a first name, and still no last name: two sentences run together.
BEHIND = frozenset(
    each(
        "how what will can may so and but is are do did when where why thank thanks okay ok yes"
        " no yeah let let's i i'm i'll i've i'd what's how's it's that's you're there's he's"
        " she's he she we they it you my your his her please sorry good great nice well right if"
        " in on at then just tell see maybe this that the a an as or not to for of from with who"
        " which because oh hi hello hey was has have had would could should now all there here"
        " alright one two mm uh um"
    )
)


def form(words: Sequence[Word], at: int) -> str:
    """The word at that place in lower case, with its possessive; empty outside."""
    if not 0 <= at < len(words):
        return ""
    return words[at].form + ("'s" if words[at].possessive else "")


def titled(words: Sequence[Word], at: int) -> str | None:
    """A title right before: `title` for Dr. and Mr., `calling` for "Nurse", "Aunt"."""
    before, gap = form(words, at - 1), words[at].before
    if before in TITLES and gap in (". ", " ", "."):
        return "title"
    if before in CALLINGS and gap == " ":
        return "calling"
    return None


def introduced(words: Sequence[Word], at: int) -> str | None:
    """How it is introduced.

    "My name is X" is `name`, "I'm X" is `I`, "this is X" is `this`, "call me X" is `call`.
    """
    if words[at].before.strip(" ,") and not words[at].before.endswith((' "', " \u201c")):
        return None
    while at > 1 and form(words, at - 1) in ("uh", "um", "actually", "just"):
        words = [*words[: at - 1], *words[at:]]
        at -= 1
    one, two, three = (form(words, at - back) for back in (1, 2, 3))
    if one in ("name's", "named") or (two == "name" and one in ("is", "was")):
        return "name"
    if two in ("call", "calls", "called", "calling") and one in ("me", "him", "her"):
        return "call"
    if one == "called" and two in ("is", "was", "girl", "guy", "man", "woman", "someone"):
        return "call"
    if one == "i'm" or (two == "i" and one == "am"):
        return "I"
    if (two in ("this", "you") and one in ("is", "are")) or (one, two) == ("you", "are"):
        return "this"
    if one in ("it's", "meet", "that's") or (one == "is" and three == ""):
        return "this"
    return None


def festive(words: Sequence[Word], at: int) -> bool:
    """Part of what a day or a song is called: "New Year's Eve", "Christmas Carol".

    Not in "this Christmas Carol came", and not in "David's day was long".
    """
    word, one, two = words[at], form(words, at - 1).removesuffix("'s"), form(words, at - 2)
    if word.before.strip("'") == " ":
        new_year = one in ("year", "years") and two == "new"
        song = one == "christmas" and two not in ("this", "last", "next", "every")
        if {"eve": one in FEASTS or new_year, "noel": one in ("first", "joyeux"), "carol": song,
            "carols": one in FEASTS}.get(word.form):  # fmt: skip
            return True
    if form(words, at + 1) not in ("day", "days") or words[at + 1].before != " ":
        return False
    return word.form in LOVERS or (
        word.form in SAINTS and word.possessive and words[at + 1].capital
    )


def acting(words: Sequence[Word], at: int) -> bool:
    """Somebody who does what people do: "X and I", "X said"."""
    one, two = form(words, at + 1), form(words, at + 2)
    return one in SPEAKING or (one == "and" and two == "i")


def related(words: Sequence[Word], at: int) -> bool:
    """A relation comes before: "my sister X", "my friend, X," "a girl named X"."""
    if words[at].before.strip(" ,"):
        return False
    back = at - 1
    if form(words, back) in ("is", "was", "called", "named"):
        back -= 1
    owned = form(words, back - 1) in OWNERS or form(words, back - 2) in ("my", "your", "his", "her")
    return back >= 1 and form(words, back) in KIN and owned


def asked_for_name(scene: Scene, words: Sequence[Word], at: int) -> bool:
    """The answer to "What's your name?"."""
    word = words[at]
    skipped = all(form(words, before) in ("uh", "um", "it's", "oh", "well") for before in range(at))
    if not word.utterance or not skipped:
        return False
    question = scene.texts[word.utterance - 1][-60:].lower().rstrip()
    asks = "name" in question or "call you" in question or "call him" in question
    return asks and (question.endswith(("?", "name", "you")))
