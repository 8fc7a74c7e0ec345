"""What captions wrap around words: tags, entities, invisible characters."""

import html
import re

BREAK = re.compile(r"<br\s*/?>|\n", re.IGNORECASE)
TIME_TAG = re.compile(r"<\d[\d:.,]*>")
TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.,]*>|\{\\[^{}]*\}")  # {\an8}: left over from SSA
# Zero-width and direction marks, controls, and halves of characters that no file can be written of.
UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b\u200e\u200f\u2060\ufeff\ud800-\udfff]")


def plain(text: str) -> str:
    """The words alone, in one line."""
    return tidy(html.unescape(TAG.sub("", BREAK.sub(" ", text))))


def tidy(text: str) -> str:
    """One space between words, nothing unseen among them."""
    return " ".join(UNSEEN.sub("", text).split())
