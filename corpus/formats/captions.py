"""WebVTT and SRT: manual captions, Zoom's and Teams' transcripts, YouTube's rolling captions.

Voice tags and labels at the start of a line name the speaker; a cue without either has none here,
and the stage lets it go on with the last one. Captions without any speaker are read all the same:
what may be done with them is the stage's to say.
"""

from collections.abc import Iterator

from corpus.encoding import read_text
from corpus.formats.cues import read_cues
from corpus.formats.rolling import is_rolling, unroll
from corpus.formats.voices import utterances
from corpus.transcript import Hints, Source, Transcript


def read(source: Source, hints: Hints) -> Iterator[Transcript]:
    """Read the one conversation of a caption file.

    Raises:
        DataError: no cues, a broken timing, or text outside of any cue; names the line.
    """
    title, cues = read_cues(source, read_text(source))
    rolling = is_rolling(cues)
    spoken = utterances(unroll(cues) if rolling else cues, hints.labels, automatic=rolling)
    said = tuple(spoken)
    if not said:
        raise source.error("no words in any cue", cues[0].line, "is the file complete?")
    yield Transcript("", source.name, "captions", said, title=title)
