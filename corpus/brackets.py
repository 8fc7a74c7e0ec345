"""What stands in brackets: a transcriber's notes, gaps, and words that an editor put in.

Pure: a text in, a text and a count out; `corpus.clean` runs them in its order. Notes name a sound,
an action, a time or the recording, in any brackets: "[laughter]", "((pause))", "{sighs}",
"(laughs)", "*coughs*"; they go. A note that words are missing ("[unintelligible 00:01:15]")
becomes "...", so that nobody takes two halves for one sentence. All else in `[...]` are words that
somebody put there to be read ("I [could not] sleep"): they stay, without the brackets, for taking
them out can turn a sentence round. Placeholders are `corpus.placeholders`'.
"""

import re
from difflib import get_close_matches

from corpus.deid import gazetteer
from corpus.transcript import CLOCK

# None holds another's marks, so that "2 * (so [laughs] on) * 3" hides no note.
ENCLOSED = (
    r"\[(?P<square>[^\[\]]{0,300})\]|\(\((?P<double>[^()\[\]]{0,80})\)\)"
    r"|\((?P<round>[^()\[\]{}<>*]{1,60})\)|\{(?P<curly>[^()\[\]{}<>*]{1,60})\}"
    r"|<(?P<angle>[^()\[\]{}<>*]{1,60})>|\*(?P<star>[^()\[\]{}<>*\n]{1,60})\*"
)
ANY = re.compile(ENCLOSED)
SQUARE = re.compile(r"(?P<left>\S?)\[(?P<words>[^\[\]]{0,300})\]")

LOST = r"unintelligible|inaudible|indiscernible|indistinct|untranscribable|redacted"
LANGUAGE = (
    r"(?:speak(?:s|ing)? )?(?:in )?(?:an? )?(?:foreign(?: language| speech)?|non-?english"
    r"|spanish|french|german|other language|another language|native language)"
)
GAP = re.compile(
    rf"[\[({{]\s?(?:(?:{LOST}|foreign language)\b[^\[\](){{}}]{{0,40}}|{LANGUAGE}"
    r"|phi|pii|deleted|removed|withheld|anonymi[sz]ed|bleep(?:ed)?|expletive|unclear|garbled"
    r"|muffled|(?:audio|words?|sound) (?:is )?(?:missing|lost|unclear)"
    r"|\?+|\.{3,})\s*[\])}](?:\s?[.,])?|(?<!\w)_{3,}(?!\w)",
    re.IGNORECASE,
)

# With the slips that transcribers make: "[croostalk]", "[signs]".
SOUND = (
    r"laugh(?:s|ter|ing)?|laughts|chuckl(?:es?|ing)|chucles|giggl(?:es?|ing)|sigh(?:s|ing)?|signs"
    r"|cough(?:s|ing)?|cry(?:ing)?|cries|sob(?:s|bing)?|weep(?:s|ing)|tearful(?:ly)?|tears up"
    r"|tearing up|sniff(?:s|ing|ling|les?)?|clear(?:s|ing)?(?: (?:his|her|their))? throat"
    r"|throat clear(?:s|ing)|pauses?|pausing|silen(?:ce|t)|cro+s+s?[ -]?talk(?:ing)?"
    r"|over ?lap(?:s|ping)?(?: (?:talk|speech|voices|conversation))?|talk(?:s|ing)? over"
    r"|(?:simultaneous|multiple|speaking) (?:talk|speech|speakers|conversations?|simultaneously)"
    r"|(?:upbeat |soft |intro |outro |theme )?music(?: play(?:s|ing))?|applause|clap(?:s|ping)"
    r"|breath(?:es?|ing)?(?: (?:in|out))?|(?:in|ex)hal(?:es?|ing)|scoff(?:s|ing)?|groan(?:s|ing)?"
    r"|moan(?:s|ing)?|yawn(?:s|ing)?|whisper(?:s|ing)|smil(?:es|ing)|nod(?:s|ding)(?: head)?"
    r"|sha(?:kes?|king)(?: (?:his|her|their))? head|head (?:shak(?:es?|ing)|nod(?:s|ding)?)"
    r"|shrug(?:s|ging)?|gasp(?:s|ing)?|grunt(?:s|ing)?|gulp(?:s|ing)?|swallow(?:s|ing)"
    r"|snort(?:s|ing)?|snicker(?:s|ing)?|humm?(?:s|ing)|sing(?:s|ing)|whistl(?:es|ing)"
    r"|scream(?:s|ing)|shout(?:s|ing)|yell(?:s|ing)|mumbl(?:es|ing)|mutter(?:s|ing)"
    r"|stutter(?:s|ing)|sneez(?:es?|ing)|hiccups?|burps?|belch(?:es)?|tsks?|tuts?|wheez(?:es|ing)"
    r"|(?:clicks|clicking|sucks|smacks|smacking) (?:tongue|teeth|lips)|lip smack(?:s|ing)?|beeps?"
    r"|beeping|bleeps|ring(?:s|ing)|knock(?:s|ing)|footsteps|typing|writing|rustling|shuffling"
    r"|(?:background |ambient |room )?(?:noises?|chatter|conversation)|static|sirens?|barking"
    r"|(?:phone|paper|door|mic|microphone|bell|dog|keyboard|cell ?phone) (?:noises?|sounds?)"
)
HOW = (
    r"soft(?:ly)?|loud(?:ly)?|quiet(?:ly)?|nervous(?:ly)?|awkward(?:ly)?|long|short|brief(?:ly)?"
    r"|slight(?:ly)?|light(?:ly)?|heav(?:y|ily)|deep(?:ly)?|big|slow(?:ly)?|audibl[ey]|background"
    r"|more|mutual|bitter(?:ly)?|sarcastic(?:ally)?|continu(?:ed|es)|still|distant|faint(?:ly)?"
    r"|again|together|a (?:little|bit|lot)|to (?:him|her|them)sel(?:f|ves)|in (?:the )?background"
    r"|under (?:his|her|their) breath|hard|gently|for"
)
PERSON = (
    r"(?:client|patient|therapist|counsell?or|interviewer|interviewee|participant|clinician"
    r"|doctor|nurse|speaker|facilitator|man|woman|baby|child|children|dog|audience|group|class)"
)
WHO = (
    rf"(?:both|all|everyone|(?:the )?{PERSON}(?: ?\d)?)"
    r"(?: (?:is|are|begins?|starts?|continues|keeps?)(?: to)?)?"
)
TIME = (
    rf"(?:(?:at |for |of |about )?(?:{CLOCK}|(?:\d{{1,3}}(?:[.,]\d)?|one|two|three|five|ten)"
    r"[ -]?(?:s|secs?|seconds?|mins?|minutes?))\.?)"
)
TAPE = r"(?:recording|audio|tape|video|session|interview|transcript(?:ion)?|file|clip|call|segment)"
THING = (
    r"(?:door|phone|telephone|bell|doorbell|dog|baby|clock|chair|alarm|timer|papers?|pages?|car"
    r"|bird|water|keys?|intercom|sirens?|music)"
)
NOTE_PART = re.compile(
    rf"(?:{WHO} )?(?:(?:{HOW}|{TIME}) ){{0,3}}(?:{SOUND})(?: (?:{HOW}|{TIME})){{0,4}}"
    rf"|{WHO} (?:{HOW})|(?:at )?{CLOCK}(?: ?(?:-|to) ?{CLOCK})?|\d{{1,3}}(?:\.\d)? ?(?:s|secs?)\.?"
    rf"|(?:the )?(?:end|start|beginning|break|change) (?:of|in) (?:the )?{TAPE}(?: \w+)?"
    rf"|(?:the )?(?:{TAPE}|{THING}) (?:is |are )?(?:start|end|begin|stop|resum|paus|play|cut|fad"
    r"|skip|interrupt|chang|clos|open|slam|ring|bark|cr[yi]|knock|tick|creak|buzz|beep|chirp"
    r"|rustl|shuffl|turn|honk|runn?)\w{0,5}(?: (?:in|out|off|over|again))?"
    r"|sic|ph|phonetic|sp|spelled phonetically|emphasis(?: added| mine)?|time ?stamp|nonverbal"
    r"|no (?:verbal )?(?:response|answer|audio|sound|speech)|new speaker|off[- ](?:mic|camera)"
    rf"|{PERSON} ?\d|speaker changes?",
    re.IGNORECASE,
)
PARTS = re.compile(r"\s*(?:[,;/&+|]|--?|\b(?:and|then)\b)\s*", re.IGNORECASE)
# Somebody else's words in the middle of a turn: "[Interviewer: mm-hmm]".
OTHERS = re.compile(rf"(?:{PERSON} ?\d?|int|th|cl|dr|[a-z]\d?) ?:.*", re.IGNORECASE | re.DOTALL)
# What one does without words, where a sentence is over: not in "she [looks after me]".
STAGE = re.compile(
    rf"(?:(?:he|she|they|{WHO}) )?(?:look|point|pick|turn|leav|hand|sit|stand|get|walk|enter|exit"
    r"|mov|reach|hold|tak|wip|rub|lean|gestur|touch|hug|wav|sip|show|cries|laugh|sigh|smil|nod"
    r"|writ|read|clos|open|dr[ai]|star|rais|cover|put)\w{0,4}(?:s|ing) \w.{0,50}",
    re.IGNORECASE,
)
OVER = re.compile(r"(?:^|[.?!,;:\"\])-])\s*$")
WANTED = re.compile(r"(?:\b(?:to|not|can|could|would|will|did|do|does|me)|n't)\s+$", re.IGNORECASE)
PLAIN_FORM = frozenset(("cry", "laugh", "sigh", "cough", "giggle", "chuckle", "breathe", "sob"))
# What a misspelt note is measured against.
COMMON = (
    *("laughs", "laughing", "laughter", "chuckles", "chuckling", "giggles", "sighs", "coughs"),
    *("crying", "sobbing", "sniffles", "crosstalk", "silence", "applause", "pause", "overlapping"),
)


def mark_gaps(text: str) -> tuple[str, int]:
    """Notes of missing words to an ellipsis."""
    return GAP.subn(" ... ", text)


def drop_notes(text: str) -> tuple[str, int]:
    """Notes of a sound, an action or a time go."""
    count = 0

    def decide(match: re.Match[str]) -> str:
        nonlocal count
        if not is_note(match):
            return match[0]
        count += 1
        return " "

    return ANY.sub(decide, text), count


def is_note(match: re.Match[str]) -> bool:
    """Whether what is enclosed tells about the words, and is none of them."""
    kind = match.lastgroup or ""
    content = " ".join(match[kind].strip(" \t\n.,;:!*-_~\"'").split())
    before = match.string[max(0, match.start() - 30) : match.start()]
    free = kind in ("square", "double")
    if not content:
        return free
    if free and (OTHERS.fullmatch(content) or (content.isdigit() and before[-1:].strip())):
        return True
    if free and STAGE.fullmatch(content) and (kind == "double" or OVER.search(before)):
        return True
    if content.lower() in PLAIN_FORM and WANTED.search(before):
        return False
    parts = [part for part in PARTS.split(content) if part]
    if all(NOTE_PART.fullmatch(part) for part in parts) or NOTE_PART.fullmatch(content):
        return True
    return free and is_misspelt(content.lower())


def is_misspelt(word: str) -> bool:
    """Whether a word that nobody knows is nearly a sound: "chukles"."""
    if len(word) < 5 or not word.isalpha() or word in gazetteer.words():
        return False
    named = word in gazetteer.first_names() or word in gazetteer.last_names()
    return not named and bool(get_close_matches(word, COMMON, n=1, cutoff=0.8))


def unwrap(text: str) -> tuple[str, int]:
    """Words in square brackets without them: "I [could not]", "want[ed]", "[sleep?]"."""
    return SQUARE.subn(
        lambda found: found["left"] + found["words"].strip(" *").removesuffix("?").rstrip(), text
    )
