"""ESConv and FailedESConv: a JSON list of emotional support chats, `{"dialog": [...], ...}`.

Both vocabularies are read: seeker and supporter, and the failed ones' speaker and listener. What
the survey and the annotators said is not used.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from corpus.formats.jsonstream import mend, read_values
from corpus.transcript import Hints, Part, Source, Transcript, Utterance

PARTS: Mapping[str, Part] = {
    "seeker": "patient",
    "speaker": "patient",
    "usr": "patient",
    "supporter": "counselor",
    "listener": "counselor",
    "sys": "counselor",
}
SHAPE = 'needs {"dialog": [{"speaker": "seeker" or "supporter", "content"}, ...]}'


def read(source: Source, _hints: Hints) -> Iterator[Transcript]:
    """Read a file's chats.

    Raises:
        DataError: not JSON, or not of this shape; names the line.
    """
    for number, (line, chat) in enumerate(read_values(source), start=1):
        dialog = chat.get("dialog") if isinstance(chat, dict) else None
        if not isinstance(dialog, list) or not dialog:
            raise source.error("a chat without a dialog", line, SHAPE)
        said = (
            read_message(source, message, line, place)
            for place, message in enumerate(dialog, start=1)
        )
        utterances = tuple(said)
        speakers = dict.fromkeys(each.speaker for each in utterances if each.speaker)
        parts = {speaker: PARTS[speaker.lower()] for speaker in speakers}
        yield Transcript(str(number), source.name, "esconv", utterances, parts)


def read_message(source: Source, message: Any, line: int, place: int) -> Utterance:
    """One message; some are nothing but a line break."""
    message = message if isinstance(message, dict) else {}
    speaker, content = message.get("speaker"), message.get("content", message.get("text"))
    if not isinstance(speaker, str) or not isinstance(content, str):
        raise source.error(f"message {place} lacks its speaker or its content", line, SHAPE)
    speaker = speaker.strip()
    if speaker.lower() not in PARTS:
        raise source.error(f"message {place}: unknown speaker {speaker[:40]!r}", line, SHAPE)
    return Utterance(speaker, mend(content), line)
