"""Takes out of a transcript what tells who somebody is, and puts made-up words in its place.

Everything is by rule and by list, on one session at a time, and nothing asks the network. Text
only: recordings, voice prints and pictures never come in here. It is no promise of anonymity: a
rare story stays a rare story, so what is left is listed for a person to read.
"""

from corpus.deid.deidentify import Deidentified, Deidentifier
from corpus.deid.spans import KINDS, Kind, Span

__all__ = ["KINDS", "Deidentified", "Deidentifier", "Kind", "Span"]
