"""Cleaning steps for what is no speech at all: tags, glued sentences, a source's boilerplate.

Pure: a text in, a text and a count out; `corpus.clean` runs them in its order. Only known tags go,
so that "I <3 it" and "a < b" stay. No pattern may take more than linear time: texts come from
anywhere, and lines may be megabytes long.
"""

import re

# Formatting, with Word's and captions' own; `v` and `c` are WebVTT's.
INLINE = (
    "a|abbr|b|big|c|center|cite|code|del|em|font|i|img|ins|lang|m|mark|o|q|ruby|rt|s|small|span"
    "|st1|strike|strong|sub|sup|u|v|w"
)
BLOCK = "p|br|div|ul|ol|blockquote|hr|pre|table|tbody|thead|tr|td|th|section|article|body|html"
ENDING = "li|h[1-6]|dt|dd"
INSIDE = r"(?:[\s:./][^<>]*)?"
HIDDEN = re.compile(r"<!--|<(script|style|xml)\b[^<>]{0,500}>", re.IGNORECASE)
END_OF_ITEM = re.compile(rf"\s?</?(?:{ENDING}){INSIDE}>", re.IGNORECASE)
# "Hello</p><p>Next" are two sentences; "hello</p><p>again" is a wrapped line.
PARAGRAPH = re.compile(
    r"(?<=[^\s.?!:;,>\"'-])\s?</(?:[pP]|div|DIV)>\s?(?=(?:<[^<>]{1,200}>\s?){0,3}[A-Z])"
)
BLOCK_TAG = re.compile(rf"</?(?:{BLOCK}){INSIDE}>", re.IGNORECASE)
INLINE_TAG = re.compile(
    rf"</?(?:{INLINE}){INSIDE}>|<!\[[^<>]{{0,60}}>|<(?:\d\d:)?\d\d:\d\d[.,]\d{{3}}>"
    r"|\{\\[^{}]{1,60}\}",
    re.IGNORECASE,
)
LINK = re.compile(r"\[([^\[\]]{1,120})\]\((?:https?://|www\.|mailto:)[^\s()]{1,500}\)")
# Marks the end of a list item until it is known whether a full stop is missing there.
ITEM = "\ue000"
ITEMS = re.compile(rf"[\s{ITEM}]*{ITEM}[\s{ITEM}]*")

GLUED = re.compile(
    r"[.?!](?:(?<=[a-z]{2}.)|(?<=\d.)|(?<=[a-z][)\"'].))[.?!]{0,2}[\"')]?"
    r"(?=[A-Z](?:[a-z]|'[a-z])|[IA]\s)"
)
# Of a name that has dots of its own, in the word where sentences seem to be glued.
DOTTED = re.compile(
    r"://|@|www\.|\.(?:com|org|net|edu|gov|info|io|co|uk|js|py|html?|pdf|docx?|txt|ca|au)\b",
    re.IGNORECASE,
)

YEAR = r"(?:19|20)\d\d"
URL = r"(?:https?://|www\.)?[\w-]{1,60}\.(?:com|ai|org|net|io|co|tv)(?:/[^\s]{0,200})?"
MADE = (
    r"(?:transcri(?:bed|pt|ption|pts)|subtitl(?:es|ed|ing)|(?:closed )?caption(?:s|ed|ing)?"
    r"|translat(?:ed|ion)|recorded|edited)"
)
BY = r"(?:(?:provided|created|made|powered|generated|produced|done)\s)?(?:by|with|from)"
BOILERPLATE = re.compile(
    r"\[\s?BLANK_AUDIO\s?\]"
    # A line of its own, or a sentence that names a site: nobody says either in a session.
    rf"|^[ \t]{{0,20}}{MADE}\s{BY}\s[^\n.!?]{{1,60}}(?:\.\w[^\n.!?\s]{{0,60}})*[.!]?[ \t]{{0,20}}$"
    rf"|\b{MADE}\s{BY}\s(?:the\s)?{URL}(?:\scommunity)?\.?"
    r"|\bsubtitles by the amara\.org community\.?"
    rf"|(?:\u00a9|\(c\)|\bcopyright\b)(?:\s?(?:\u00a9|\(c\)))?,?\s?{YEAR}(?:\s?[-,]\s?{YEAR})?\b"
    r"[^\n.!?]{0,80}\.?"
    r"|\u00a9\s?[^\n.!?]{1,80}\.?"
    r"|\ball rights reserved\b[.,]?"
    # Labels that a reader did not take for one.
    r"|\b(?:unknown |male |female |unidentified )?speaker[ _]\d{1,2}\s?:"
    r"|\b(?:unknown|male|female|unidentified) speaker\s?:"
    r"|(?<!\S)>>+(?!\S)|(?<!\S)>>+(?=[A-Z-])"
    r"|\u266a[^\u266a\n]{0,300}\u266a|[\u266a\u266b]",
    re.IGNORECASE | re.MULTILINE,
)

# None of it without one of these: a quick look before the slow one.
SIGNS = (
    *("transcri", "subtitl", "caption", "translat", "recorded", "edited", "copyright", "(c)"),
    *("rights reserved", "speaker", "blank_audio", ">>", "\u00a9", "\u266a", "\u266b"),
)


def drop_tags(text: str) -> tuple[str, int]:
    """HTML and caption tags: links become their text, list items sentences, breaks spaces."""
    if "<" not in text and "](" not in text and "{\\" not in text:
        return text, 0
    text, hidden = drop_hidden(text)
    text, links = LINK.subn(r"\1", text)
    text, items = END_OF_ITEM.subn(ITEM, text)
    text = PARAGRAPH.sub(". ", text)
    text, blocks = BLOCK_TAG.subn(" ", text)
    text, inline = INLINE_TAG.subn("", text)
    if items:
        text = end_items(text)
    return text, hidden + links + items + blocks + inline


def drop_hidden(text: str) -> tuple[str, int]:
    """Comments, scripts and styles with what is in them; one that never ends stays."""
    lowered = text.lower() if "<" in text else ""
    if len(lowered) != len(text):  # a few letters change their length
        return text, 0
    kept, at, hidden, endless = [], 0, 0, set()
    for match in HIDDEN.finditer(text):
        name = (match[1] or "").lower()
        ending = f"</{name}>" if name else "-->"
        if match.start() < at or ending in endless:
            continue
        end = lowered.find(ending, match.end())
        if end < 0:
            endless.add(ending)
            continue
        kept.append(text[at : match.start()])
        at, hidden = end + len(ending), hidden + 1
    return " ".join([*kept, text[at:]]), hidden


def end_items(text: str) -> str:
    """Give a list item that has no end a full stop, and the next a capital."""
    pieces = [piece.strip() for piece in ITEMS.split(text)]
    ended = [piece if piece[-1] in ".?!:;,-" else f"{piece}." for piece in pieces[:-1] if piece] + [
        pieces[-1]
    ]
    return " ".join(piece[:1].upper() + piece[1:] for piece in ended).strip()


def unglue(text: str) -> tuple[str, int]:
    """A space where one sentence sticks to the next, as tables of web answers have it.

    Not in addresses, "U.S.A", "Ph.D", "3.5" or "e.g.this": two small letters must stand before
    the stop, and a capitalised word after it.
    """
    dotted = DOTTED.search(text)
    count = 0

    def space(match: re.Match[str]) -> str:
        nonlocal count
        if dotted and DOTTED.search(word_around(text, match.start(), match.end())):
            return match[0]
        count += 1
        return f"{match[0]} "

    return GLUED.sub(space, text), count


def word_around(text: str, start: int, end: int) -> str:
    """What stands between the spaces around a place, up to 80 characters each way."""
    before = text[max(0, start - 80) : start].split()
    after = text[end : end + 80].split()
    left = before[-1] if before and not text[start - 1].isspace() else ""
    return left + text[start:end] + (after[0] if after else "")


def drop_boilerplate(text: str) -> tuple[str, int]:
    """What a captioner, an exporter or a publisher put into the words; see `BOILERPLATE`."""
    lowered = text.lower()
    if not any(sign in lowered for sign in SIGNS):
        return text, 0
    return BOILERPLATE.subn(" ", text)
