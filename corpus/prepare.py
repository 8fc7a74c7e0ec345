"""One transcript to what becomes of it: a session, one that waits for a person, or a reason.

Pure: the same transcript and the same recipe give the same result, whatever else is imported, so
that a pool of processes can do it. The order: narration at the edges goes, identities go, then
every further step sees safe words only.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from corpus.deid import Deidentifier
from corpus.history import Held, History, Replaced
from corpus.labels import leftover_labels, normalise
from corpus.marks import Attempt, attempt
from corpus.narration import trim
from corpus.quality import Measured, flags, measure, reasons_to_drop
from corpus.recipe import Recipe
from corpus.sessions import carry_speakers, clean_all, edited, make_session, swapped
from corpus.speakers import LeftOut, attribute
from corpus.transcript import Transcript, Utterance
from hybridtune.duplicates import fingerprints
from hybridtune.language import LARGE_PART, foreign_share, is_english
from hybridtune.records import Role, Session
from hybridtune.reviews import ReviewEvent, messages_sha256

QUARANTINE = "quarantine"
NO_SPEAKERS = (
    "no speakers: from the words alone 85 to 88 of 100 words get the right one, too few to train on"
)


@dataclass
class Prepared:
    """What became of one transcript.

    Attributes:
        id: of the session, or of the transcript that became none.
        file: the source's name, for the report's list of what is not used.
        dropped: why it is left out; empty if it is not.
        held: what a person must decide first, by flag.
        flags: what a person should know, by flag; those in `held` among them.
        session: None where it is dropped or quarantined.
        history: its turns with the raw words.
        measured: its turns and words.
        replaced: what de-identification replaced, by kind.
        spans: the same one by one.
        remaining: capitalised words that no list knows.
        mapping: originals to pseudonyms.
        trial: an attempt by marks or pauses, where a model is asked first.
        steps: what was done before anybody knew who speaks.
        hashes: its 5-word sequences, for finding near-duplicates.
        pending: the transcript, de-identified, where nobody could say who speaks.
    """

    id: str
    file: str
    dropped: list[str] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    session: Session | None = None
    history: History | None = None
    measured: Measured | None = None
    replaced: dict[str, int] = field(default_factory=dict)
    spans: tuple[Replaced, ...] = ()
    remaining: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)
    hashes: NDArray[Any] | None = None
    pending: Transcript | None = None
    trial: Attempt | None = None
    steps: Counter[str] = field(default_factory=Counter)

    def as_held(self) -> Held:
        """The record for `held.jsonl`."""
        return Held(
            id=self.id,
            reasons=self.held,
            session=self.session,
            lines=tuple(each.text for each in self.pending.utterances) if self.pending else (),
            file=None if self.session else self.file,
            digest=messages_sha256(self.session.messages) if self.session else None,
        )


def prepare_safely(transcript: Transcript, recipe: Recipe) -> Prepared:
    """As `prepare`; an error of ours costs this one session, not the import."""
    try:
        return prepare(transcript, recipe)
    except Exception as error:
        reason = f"an error of hybridtune, please report it ({type(error).__name__})"
        return Prepared(recipe.session_id(transcript), transcript.name, dropped=[reason])


def prepare(transcript: Transcript, recipe: Recipe) -> Prepared:
    """Turn a transcript into a session, or say why not."""
    result = Prepared(recipe.session_id(transcript), transcript.name)
    steps: Counter[str] = Counter()
    utterances = trimmed(transcript, steps, recipe, result)
    if recipe.settings.deidentify.enabled:
        utterances = deidentified(utterances, recipe, result)
    trial = None
    if any(each.speaker for each in utterances):
        utterances = carry_speakers(utterances, steps)
        look_for_labels(utterances, recipe, result)
    else:
        trial = attempt(utterances)
        if trial is None or recipe.settings.review.attribution != "none":
            result.pending = replace(transcript, utterances=tuple(utterances))
            result.trial, result.steps = trial, steps
            result.held = {QUARANTINE: NO_SPEAKERS}
            return result
        utterances = list(trial.utterances)
    return finish(transcript, utterances, steps, trial, recipe, result)


def prepare_attributed(waiting: Prepared, trial: Attempt, recipe: Recipe) -> Prepared:
    """Go on with a transcript whose speakers a model told; its words are safe already."""
    assert waiting.pending is not None
    result = replace(waiting, pending=None, held={})
    return finish(waiting.pending, trial.utterances, waiting.steps, trial, recipe, result)


def trimmed(
    transcript: Transcript, steps: Counter[str], recipe: Recipe, result: Prepared
) -> list[Utterance]:
    """Cut narration off the edges; what looks like it in the middle is flagged."""
    if transcript.kind == "qa" or not recipe.spoken:
        return list(transcript.utterances)
    done = trim(transcript.utterances)
    for rule, count in done.cut.items():
        steps[f"narration_{rule}"] += count
    if done.flagged:
        places = ", ".join(str(each.line) for each in done.flagged[:5])
        result.flags["narration"] = f"sounds like a narrator or a sponsor at line {places}"
    return done.utterances


def look_for_labels(utterances: Sequence[Utterance], recipe: Recipe, result: Prepared) -> None:
    """Labels that no reader took for one put words into the other's mouth: a person must look."""
    speakers = {normalise(each.speaker) for each in utterances if each.speaker}
    left = leftover_labels((each.text for each in utterances), {*speakers, *recipe.known})
    if left:
        result.flags["roles"] = f"{left} labels are left inside the words: check who says what"


def deidentified(
    utterances: Sequence[Utterance], recipe: Recipe, result: Prepared
) -> list[Utterance]:
    """Replace identities in the raw words, once for the whole session."""
    settings = recipe.settings.deidentify
    speakers = sorted({each.speaker for each in utterances if each.speaker})
    safe = Deidentifier(settings, recipe.salt).session(
        [each.text for each in utterances], key=result.id, speakers=speakers
    )
    result.replaced, result.remaining = safe.counts, safe.remaining
    result.spans = tuple(
        Replaced(
            kind=span.kind,
            rule=span.rule,
            confidence=span.confidence,
            at=utterances[span.utterance].line,
        )
        for span in safe.spans
    )
    result.mapping = safe.mapping if settings.mapping else {}
    if safe.weak:
        words = ", ".join(sorted({span.text for span in safe.weak})[:8])
        result.flags["names"] = f"possibly identifying, not replaced: {words}"
    return [replace(each, text=text) for each, text in zip(utterances, safe.texts, strict=True)]


def finish(
    transcript: Transcript,
    utterances: Sequence[Utterance],
    steps: Counter[str],
    trial: Attempt | None,
    recipe: Recipe,
    result: Prepared,
) -> Prepared:
    """From utterances with speakers to a checked session."""
    said = clean_all(utterances, steps, spoken=recipe.spoken)
    known = recipe.known_to(transcript)
    try:
        roles = attribute([(each.speaker, each.text) for each in said], known)
        if trial:
            roles = replace(roles, method=trial.method, confidence=trial.confidence)
            result.flags["attempt"] = trial.why
        elif roles.confidence < 1:
            result.flags.setdefault(
                "roles", f"who the counselor is: confidence {roles.confidence:g}"
            )
        made = make_session(transcript, said, roles, Counter(steps), recipe)
        decision = standing(recipe, result.id, messages_sha256(made[0].messages))
        if decision and decision.action == "swap":
            made = make_session(transcript, said, swapped(roles), Counter(steps), recipe)
        elif decision and decision.messages:
            made = edited(*made, decision.messages)
    except LeftOut as error:
        result.dropped = [error.what]
        return result
    session, history = made
    if trial and trial.calls:
        session.provenance["roles"]["calls"] = list(trial.calls)
    result.history = history.model_copy(update={"replaced": result.spans})
    check(session, transcript, recipe, result)
    if decision:
        reviewed = {
            "action": decision.action,
            "time": decision.time,
            "text_sha256": decision.text_sha256,
        }
        session.provenance["review"] = reviewed
        result.held = {}
        if decision.action == "reject":
            result.dropped.append("rejected in review")
    session.provenance["flags"] = result.flags
    result.session = session
    if not result.dropped:
        # Answers to one question share the question; they are no duplicates for that.
        roles_compared = ("assistant",) if transcript.kind == "qa" else ("user", "assistant")
        result.hashes = fingerprints(
            [each.content for each in session.messages if each.role in roles_compared]
        )
    return result


def check_language(
    session: Session, transcript: Transcript, recipe: Recipe, result: Prepared
) -> None:
    """An answer that goes on in another language is no answer to train on; a session is flagged."""
    if recipe.settings.filters.language == "any" or not is_english(recipe.domain.language):
        return
    role: Role | None = "assistant" if transcript.kind == "qa" else None
    words = " ".join(each.content for each in session.messages if role in {None, each.role})
    share = foreign_share(words)
    if share >= LARGE_PART and transcript.kind == "qa":
        result.dropped.append("an answer partly in another language")
    elif share >= LARGE_PART:
        result.flags["language"] = f"{share:.0%} of it is in another language"


def standing(recipe: Recipe, session: str, words: str) -> ReviewEvent | None:
    """A person's decision on these very words; ids are longer where files are named alike."""
    for name in (session, f"{session}-{words[:8]}"):
        decision = recipe.decisions.get(name)
        if decision and decision.text_sha256 == words:
            return decision
    return None


def check(session: Session, transcript: Transcript, recipe: Recipe, result: Prepared) -> None:
    """Filters drop, flags tell, and some flags hold."""
    filters = recipe.settings.filters
    result.measured = measure(session, gaps=session.provenance["steps"].get("gaps", 0))
    result.dropped = reasons_to_drop(
        result.measured, filters, transcript.kind, transcript.quality, recipe.domain.language
    )
    result.flags.update(flags(session, transcript.title, transcript.quality, recipe.domain))
    check_language(session, transcript, recipe, result)
    # Who speaks was told by nobody who was there: always a person's to decide.
    hold = {"attempt", *recipe.settings.review.hold}
    result.held = {flag: why for flag, why in result.flags.items() if flag in hold}
