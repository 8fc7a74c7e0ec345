"""Filters drop with plain reasons, flags tell a person where to look, English is told apart."""

import csv
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.clean import mark_gaps
from corpus.crisis import crisis_flag, crisis_phrases
from corpus.quality import Measured, flags, measure, reasons_to_drop
from hybridtune.config.corpus import FilterSettings
from hybridtune.domain import Domain, load_domain
from hybridtune.language import english_share, in_language
from hybridtune.records import Message, Session

ANNOMI = Path(__file__).parents[2] / "shared" / "data" / "AnnoMI-simple.csv"
GOOD = Measured(
    turns=20, turns_each={"assistant": 10, "user": 10}, words=400, counselor_share=0.5, gaps=0,
    language_share=0.45,
)  # fmt: skip
ENGLISH = (
    "How has your week been since we last spoke? Not that good, I keep waking up at four and then"
    " I think about everything that could go wrong at work."
)
OTHERS = {
    "es": "¿Cómo te ha ido esta semana? La verdad es que no muy bien, me cuesta dormir y cuando me"
    " despierto no dejo de pensar en el trabajo y en todo lo que puede salir mal.",
    "fr": "Comment s'est passée votre semaine ? Pas très bien, je me réveille à quatre heures et je"
    " pense à tout ce qui pourrait mal tourner au travail, sans pouvoir me rendormir.",
    "pt": "Como foi a sua semana? Não muito boa, acordo às quatro da manhã e depois fico pensando"
    " em tudo o que pode dar errado no trabalho, e não consigo mais dormir.",
    "de": "Wie war Ihre Woche? Nicht so gut, ich wache um vier auf, und dann denke ich an alles,"
    " was in der Arbeit schiefgehen kann. Mein Mann hat gesagt, ich soll mir frei nehmen.",
    "nl": "Hoe was je week? Niet zo goed, ik word om vier uur wakker en dan denk ik aan alles wat"
    " er op het werk mis kan gaan. Mijn man zei dat we er eens over moeten praten.",
    "hi": "आपका हफ़्ता कैसा रहा? बहुत अच्छा नहीं, मैं सुबह चार बजे उठ जाता हूँ और फिर काम के बारे में"
    " सोचता रहता हूँ कि क्या क्या गलत हो सकता है और नींद नहीं आती।",
}


@pytest.fixture(scope="module")
def therapy() -> Domain:
    return load_domain("therapy")


def session(*texts: str) -> Session:
    """Turns of patient and counselor, in turn."""
    roles = ("user", "assistant")
    said = tuple(Message(role=roles[n % 2], content=text) for n, text in enumerate(texts))
    return Session(id="s", domain="therapy", source="real", messages=said)


def test_a_session_is_measured() -> None:
    found = measure(session("one two", "three", "four"), gaps=2)
    assert (found.turns, found.words, found.gaps) == (3, 4, 2)
    assert found.turns_each == {"assistant": 1, "user": 2}
    assert found.counselor_share == 0.25
    assert found.language_share is None
    assert measure(session()).counselor_share == 0


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({}, []),
        ({"turns": 8, "words": 150, "gaps": 1}, []),
        ({"turns": 7}, ["fewer than 8 turns"]),
        ({"turns_each": {"assistant": 2, "user": 9}}, ["fewer than 3 turns of the counselor"]),
        ({"turns_each": {"assistant": 9}}, ["fewer than 3 turns of the patient"]),
        ({"words": 149}, ["fewer than 150 words"]),
        ({"counselor_share": 0.09}, ["the counselor says less than 10% of the words"]),
        ({"counselor_share": 0.91}, ["the counselor says more than 90% of the words"]),
        ({"gaps": 5}, ["more gaps than 1.0% of the words"]),
        ({"language_share": 0.01}, ["not in the domain's language (en)"]),
        ({"language_share": None}, []),
        ({"turns": 1, "words": 9, "gaps": 9},
         ["fewer than 8 turns", "fewer than 150 words", "more gaps than 1.0% of the words"]),
    ],
)  # fmt: skip
def test_each_limit_has_its_reason(change: dict[str, object], reasons: list[str]) -> None:
    measured = replace(GOOD, **change)  # type: ignore[arg-type]
    assert reasons_to_drop(measured, FilterSettings(), "session", None, "en") == reasons


@pytest.mark.parametrize(
    ("settings", "quality", "language", "share", "reasons"),
    [
        ({"max_words": 399}, None, "en", 0.4, ["more than 399 words"]),
        ({"language": "any"}, None, "en", 0.0, []),
        ({}, None, "de", 0.0, []),
        ({}, None, "en-GB", 0.0, ["not in the domain's language (en-GB)"]),
        ({}, "low", "en", 0.4, []),
        ({"drop_quality": ["low"]}, " Low ", "en", 0.4, ["labelled low"]),
        ({"drop_quality": ["low"]}, "high", "en", 0.4, []),
        ({"drop_quality": ["low"]}, None, "en", 0.4, []),
    ],
)
def test_settings_decide(
    settings: dict[str, object],
    quality: str | None,
    language: str,
    share: float,
    reasons: list[str],
) -> None:
    filters = FilterSettings.model_validate(settings)
    measured = replace(GOOD, language_share=share)
    assert reasons_to_drop(measured, filters, "session", quality, language) == reasons


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        (29, ["an answer of fewer than 30 words"]),
        (30, []),
        (600, []),
        (601, ["an answer of more than 600 words"]),
    ],
)
def test_answers_have_limits_of_their_own(answer: int, reasons: list[str]) -> None:
    pair = session("Why " * 7, "so " * answer)
    measured = replace(measure(pair), language_share=None)
    assert reasons_to_drop(measured, FilterSettings(), "qa", None, "en") == reasons


@given(
    turns=st.integers(0, 30),
    words=st.integers(0, 3000),
    share=st.floats(0, 1),
    gaps=st.integers(0, 40),
)
def test_a_stricter_limit_never_keeps_more(turns: int, words: int, share: float, gaps: int) -> None:
    measured = replace(GOOD, turns=turns, words=words, counselor_share=share, gaps=gaps)
    mild = FilterSettings(min_turns=4, min_words=50, counselor_share=(0.05, 0.95))
    if reasons_to_drop(measured, mild, "session", None, "en"):
        assert reasons_to_drop(measured, FilterSettings(), "session", None, "en")


def test_english_is_english_and_other_languages_are_not() -> None:
    assert in_language(english_share(ENGLISH), "en") == "yes"
    for language, text in OTHERS.items():
        share = english_share(text)
        assert share is not None, language
        assert share < 0.08, language
        assert in_language(share, "en") == "no", language
        assert in_language(share, language) == "cannot tell"


def test_too_few_words_tell_no_language() -> None:
    assert english_share("Sí, claro que sí.") is None
    assert in_language(None, "en") == "cannot tell"


def test_apostrophes_do_not_matter_for_english() -> None:
    text = "I don't know and you're right that it isn't what they'd like. " * 3
    assert english_share(text) == english_share(text.replace("'", "\u2019"))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Some days I want to kill myself.", "kill myself"),
        ("I thought about ENDING IT ALL", "ending it all"),
        ("I don\u2019t want to be here anymore", "don't want to be here anymore"),
        ("i dont want to live", "don't want to live"),
        ("It was self-harm, I suppose", "self harm"),
        ("I'd like to, you know, not ... be here -- anymore", "not be here anymore"),
        ("They'd be better off\nwithout me", "better off without me"),
        ("Have you had thoughts of suicide?", "suicide"),
    ],
)
def test_crisis_is_found_explicit_and_veiled(therapy: Domain, text: str, phrase: str) -> None:
    terms = therapy.settings.crisis_terms
    assert list(crisis_phrases(["Hello.", text], terms)) == [(2, phrase)]


@pytest.mark.parametrize(
    "text",
    [
        "I died laughing, that film kills me.",
        "We decided to end it amicably.",
        "I was cut by my own knife while cooking.",
        "She paints under the name Suicidella.",
        "I am dying to see them again.",
        "I wake up at six and don't want to get up.",
        "",
    ],
)
def test_what_only_sounds_like_it_is_no_crisis(therapy: Domain, text: str) -> None:
    assert crisis_flag([text], therapy.settings.crisis_terms) is None


def test_a_domain_without_terms_has_no_crisis() -> None:
    assert crisis_flag(["I want to kill myself"], ()) is None
    assert crisis_flag(["anything"], ("'", "")) is None


def test_the_longest_phrase_counts_and_others_are_counted() -> None:
    terms = ("give up", "give up on life")
    assert crisis_flag(["I give up on life"], terms) == '"give up on life" in turn 1'
    said = ["I give up.", "Do you?", "I give up, give up."]
    assert crisis_flag(said, terms) == '"give up" in turn 1, and 2 more'


def test_crisis_terms_are_each_written_once(therapy: Domain) -> None:
    terms = [term.casefold().replace("'", "") for term in therapy.settings.crisis_terms]
    assert len(terms) > 100
    assert len(set(terms)) == len(terms)


@pytest.mark.parametrize(
    ("title", "quality", "expected"),
    [
        (None, None, {}),
        ("The effective school nurse", "high", {}),
        ("Badminton and barriers", None, {}),
        ("The INEFFECTIVE nurse", None, {"title": 'its title says "ineffective"'}),
        ("How Not To open a session", None, {"title": 'its title says "how not to"'}),
        ("Confronting the client", None, {"title": 'its title says "confronting"'}),
        (None, "Low", {"quality": "the file labels it low"}),
        ("A bad example", "poor",
         {"title": 'its title says "bad"', "quality": "the file labels it poor"}),
    ],
)  # fmt: skip
def test_titles_and_labels_are_flags(
    therapy: Domain, title: str | None, quality: str | None, expected: dict[str, str]
) -> None:
    assert flags(session("Hello.", "Hi."), title, quality, therapy.settings) == expected


def test_a_session_in_crisis_is_flagged(therapy: Domain) -> None:
    found = flags(session("Hi.", "Hello.", "I want to end my life."), None, None, therapy.settings)
    assert found == {"crisis": '"end my life" in turn 3'}


@pytest.mark.skipif(not ANNOMI.is_file(), reason=f"AnnoMI is not at {ANNOMI}")
def test_annomi_keeps_its_sessions(therapy: Domain) -> None:
    with ANNOMI.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kept, flagged = 0, {"high": 0, "low": 0}
    for _, group in groupby(rows, key=lambda row: row["transcript_id"]):
        said = list(group)
        texts = [
            (who, " ".join(row["utterance_text"] for row in run))
            for who, run in groupby(said, key=lambda row: row["interlocutor"])
        ]
        messages = tuple(
            Message(role="assistant" if who == "therapist" else "user", content=text)
            for who, text in texts
        )
        whole = Session(id="s", domain="therapy", source="real", messages=messages)
        measured = measure(whole, gaps=sum(mark_gaps(text)[1] for _, text in texts))
        quality = said[0]["mi_quality"]
        kept += not reasons_to_drop(measured, FilterSettings(), "session", quality, "en")
        assert in_language(measured.language_share, "en") == "yes"
        found = flags(whole, said[0]["video_title"], quality, therapy.settings)
        assert ("quality" in found) == (quality == "low")
        flagged[quality] += "title" in found
    assert kept >= 127
    assert flagged["low"] >= 16
    assert flagged["high"] <= 2
