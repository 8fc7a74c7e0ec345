"""Cleaning steps one by one and together, and the repair of counselor turns."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.clean import STEPS, clean, gap_count, has_words
from corpus.disfluency import Level, lighten
from hybridtune.language import LARGE_PART, foreign_share

LONG = 200_000


@pytest.mark.parametrize(
    ("text", "expected", "counted"),
    [
        ("like &amp; subscribe", "like & subscribe", {"entities": 1}),
        ("escaped twice: &amp;lt;p&amp;gt;Hi", "escaped twice: Hi", {"entities": 2, "tags": 1}),
        ("it\u2019s \u201cfine\u201d", 'it\'s "fine"', {"typography": 3}),
        ("[laughter] Yeah. [00:12:03] So", "Yeah. So", {"notes": 2}),
        ("[croostalk] Yes [signs] no (croostalk)", "Yes no", {"notes": 3}),
        ("Right (laughs) now (my sister) then", "Right now (my sister) then", {"notes": 1}),
        ("[music]", "", {"notes": 1}),
        ("the, um, [unintelligible] office", "the, um, ... office", {"gaps": 1}),
        ("if it's [unintelligible 00:14:02].", "if it's ...", {"gaps": 1}),
        ("[inaudible hh:mm:ss - hh:mm:ss] and (inaudible) so", "... and ... so", {"gaps": 2}),
        ("I saw [?] and ____ there", "I saw ... and ... there", {"gaps": 2}),
        ("[REDACTED] said [...] so", "... said ... so", {"gaps": 2}),
        ("a\u00a0 b\u200b\t c , d", "a b c, d", {"spaces": 1}),
        ("Nothing to do here.", "Nothing to do here.", {}),
    ],
)
def test_notes_gaps_and_characters(text: str, expected: str, counted: dict[str, int]) -> None:
    done = clean(text)
    assert done.text == expected
    assert done.steps | {"spaces": 0} == counted | {"spaces": 0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "So I [could not] sleep, and [my mother] came.",
            "So I could not sleep, and my mother came.",
        ),
        ("[M]y friend want[ed] to [go home?] then", "My friend wanted to go home then"),
        (
            "I could not [cry] when she [looks after me].",
            "I could not cry when she looks after me.",
        ),
        ("I had [2] drinks. It helps.[3]", "I had 2 drinks. It helps."),
        ("Well ((pause)) I {laughs} was <laughs> *sighs* in.", "Well I was in."),
        ("[laughs, crying] Yes. [sighs]. [looks down at the floor] No.", "Yes. No."),
        ("[5 second pause] Okay [phone rings], so [chukles]", "Okay, so"),
        ("[Client laughs softly] Yes [Therapist: mm-hmm] I do [end of recording]", "Yes I do"),
        ("[speaking foreign language] yes [crosstalk] {so} it is", "... yes {so} it is"),
    ],
)
def test_brackets_hold_notes_or_words(text: str, expected: str) -> None:
    assert clean(text).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[NAME_1] told me to go to the [clinic] in [City].",
         "Someone told me to go to the clinic in the city."),
        ("Hi [Name], how are you?", "Hi, how are you?"),
        ("Okay. [Name], so, [NAME], what now, [name]?", "Okay. So, what now?"),
        ("My sister [Name] met [Name] and [Name]'s son.",
         "My sister met someone and someone's son."),
        ("What's your name? [Name].", "What's your name? Someone."),
        ("My name is [Name], I'm [AGE], like my [age].", "My name is ... I'm ... like my age."),
        ("On [DATE_1] I left [**Hospital1 18**].", "On that day I left the hospital."),
        ("<PERSON> lives in {LOCATION} near [client's sister].",
         "Someone lives in that place near the client's sister."),
        ("<Name> said (my name) is {name}", "<Name> said (my name) is {name}"),
    ],
)  # fmt: skip
def test_placeholders_become_neutral_words(text: str, expected: str) -> None:
    done = clean(text)
    assert done.text == expected
    assert ("placeholders" in done.steps) == (text != expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>Hi there</p><p>You are not alone.</p>", "Hi there. You are not alone."),
        ("wrapped over</p><p>two lines", "wrapped over two lines"),
        ("Hello<br>there<br/>now", "Hello there now"),
        (
            "Try this:<ul><li>eat well</li><li>sleep!</li></ul>then",
            "Try this: Eat well. Sleep! Then",
        ),
        ("see <a href='https://a.example/x'>my page</a> now", "see my page now"),
        ("see [my page](https://a.example/x) now", "see my page now"),
        ("<h2>Worry</h2>It comes<b> back</b>.", "Worry. It comes back."),
        ("<!-- note <p> -->Yes<style>p {a: b}</style>", "Yes"),
        ("<o:p></o:p><w:x y='1'/>So<00:00:01.200><c> it</c> is", "So it is"),
        ("<v Ann Lee>Bye</v> {\\an8}now", "Bye now"),
    ],
)
def test_tags(text: str, expected: str) -> None:
    done = clean(text)
    assert done.text == expected
    assert done.steps["tags"] > 0


@pytest.mark.parametrize(
    "text", ["I <3 it", "a < b but c > d", "x<y and y>z", "<Name> said it", "1 <2> 3", "{so} it is"]
)
def test_what_is_no_tag_stays(text: str) -> None:
    assert clean(text).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hang out with.Seriously, go", "hang out with. Seriously, go"),
        ("Is it?Then I do.I can't", "Is it? Then I do. I can't"),
        ('he said "no."Then', 'he said "no." Then'),
        ("(a lot).We were 3.You", "(a lot). We were 3. You"),
    ],
)
def test_glued_sentences(text: str, expected: str) -> None:
    assert clean(text).text == expected
    assert clean(text).steps["glued"] >= 1


@pytest.mark.parametrize(
    "text",
    [
        "the U.S.A is big",
        "e.g.this, i.e.That",
        "a Ph.D is",
        "3.5 of 10",
        "at www.x.com or www.GoodDays.org.",
        "https://an.Example.org/Path.Html",
        "my.Name@an.example",
        "Booking.Com",
        "well...then",
    ],
)
def test_what_is_not_glued_stays(text: str) -> None:
    assert clean(text).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bye. Transcribed by https://otter.ai", "Bye."),
        ("[BLANK_AUDIO] Hi", "Hi"),
        ("Subtitles by the Amara.org community", ""),
        ("Captions by Some Body\nHello there", "Hello there"),
        ("Hello. (c) 2020 Some House. All rights reserved.", "Hello."),
        ("\u00a9 Some House", ""),
        ("Copyright 2019-2021 Some House\nYes.", "Yes."),
        ("Okay. Speaker 1: and then SPEAKER_02: no", "Okay. and then no"),
        (">> So it was", "So it was"),
        ("\u266a la la la \u266a Hi", "Hi"),
    ],
)
def test_boilerplate(text: str, expected: str) -> None:
    done = clean(text)
    assert done.text == expected
    assert done.steps["boilerplate"] > 0


@pytest.mark.parametrize(
    "text",
    [
        "Copyright law is what I do.",
        "It was recorded by my phone. I heard it.",
        "My speaker broke: no music.",
        "She edited it with me, and we laughed.",
        "I read the captions by habit. It helps.",
    ],
)
def test_speech_is_no_boilerplate(text: str) -> None:
    assert clean(text).text == text


def test_gaps_are_counted_on_raw_text() -> None:
    assert gap_count("[inaudible] so [unintelligible 00:01:02] (laughs) [?]") == 3
    assert gap_count("nothing is missing (I think)") == 0


PIECES = st.sampled_from(
    [
        *("&amp;", "&lt;", "<p>", "</p>", "<li>", "[", "]", "(", ")", "laughs", "inaudible"),
        *("[Name]", "[my mother]", "((pause))", "{laughs}", "[city], ", "Hi ", "{", "*"),
        *("ab.Ab", " ", "\n", ".", "...", "-", "?", "Speaker 1:", "\u2019", "\u200b", "(c) 2020"),
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    done = clean(text)
    assert clean(done.text).text == done.text
    assert all(count > 0 for count in done.steps.values())


@given(st.text(max_size=60))
def test_cleaning_takes_any_text(text: str) -> None:
    assert set(clean(text).steps) <= set(STEPS)


@given(st.lists(st.sampled_from(["word", "tree,", "I", "3.5", "can't.", "so-so", "a < b", "<3"])))
def test_plain_words_stay(words: list[str]) -> None:
    assert clean(" ".join(words)).text == " ".join(words)


@pytest.mark.parametrize(
    "piece",
    [
        *(" ", "-", "[", "<p ", "<!--", "<script>", "a ", "um, ", "a-", "a- ", "&amp;", "( "),
        *(
            "ab.Ab",
            "the ",
            "the, ",
            "I was ",
            " -",
            "(c)",
            "_",
            "\u266a",
            "Transcribed by ",
            "[a](",
        ),
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    text = piece * (LONG // len(piece))
    done = clean(text).text
    assert len(done) <= 2 * len(text)
    assert len(lighten(text, "medium", Counter())) <= len(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Um, how are you?", "How are you?"),
        ("So how did it go with the, um, with the driving?", "So how did it go with the driving?"),
        ("Okay. Um, so, uh, you know.", "Okay. So, you know."),
        ("There's a, there's a scheme", "There's a scheme"),
        ("I-- I think wh-what th- they said", "I think what they said"),
        ("and-and-and then the the end", "and then the end"),
        ("-and you usually have, uh--", "and you usually have"),
        ("O-one thing", "One thing"),
        ('I would say, "Um, you know, no."', 'I would say, "You know, no."'),
        ("for what-- Um, so it is", "for what-- So it is"),
        ("Well. Um. Yes", "Well. Yes"),
        ("So, um-- Anyway", "So-- Anyway"),
        ("So, um-- the car", "So, the car"),
        ("Um-um, and um-um so", "And so"),
        ("um. So it is. Um", "So it is."),
        ('They say "um", you know (um), etc., and', "They say, you know, etc., and"),
    ],
)
def test_light_repairs(text: str, expected: str) -> None:
    assert lighten(text, "light", Counter()) == expected
    assert lighten(text, "keep", Counter()) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yeah, yeah. Okay. Okay. So", "Yeah. Okay. So"),
        ("I guess I guess it is part of the of the plan", "I guess it is part of the plan"),
        ("wondering if if I could", "wondering if I could"),
        ("what could be a- what could be a first step", "what could be a first step"),
    ],
)
def test_medium_repairs(text: str, expected: str) -> None:
    counts: Counter[str] = Counter()
    assert lighten(text, "medium", counts) == expected
    assert counts["repetitions"] > 0
    assert lighten(text, "light", Counter()) == text


@pytest.mark.parametrize("level", ["light", "medium"])
@pytest.mark.parametrize(
    "text",
    [
        "I know that that had had to be very very hard.",
        "No, no, no. Really, really hard, so so bad.",
        "If I could help you, you would say it.",
        "Uh-huh. Mm-hmm.",
        "Uh-uh. Um-hum.",
        "Re-read it day by day, so-so, over and over and over.",
        "In that I-- in that case.",
        "Go to the ER, you know.",
        "That's, sort of, kind of what I mean.",
        "You put -- You drink.",
        "People who know people who know people.",
    ],
)
def test_what_may_be_meant_stays(text: str, level: Level) -> None:
    counts: Counter[str] = Counter()
    assert lighten(text, level, counts) == text
    assert not +counts


@given(st.text(st.sampled_from("abIumh ,.-?'"), max_size=40), st.sampled_from(["light", "medium"]))
def test_repair_only_takes_away(text: str, level: Level) -> None:
    cleaned = clean(text).text
    words = Counter(cleaned.lower().replace("-", " ").replace(",", " ").split())
    light = lighten(cleaned, level, Counter())
    left = Counter(light.lower().replace("-", " ").replace(",", " ").split())
    assert sum(left.values()) <= sum(words.values())
    assert len(light.replace(" ", "")) <= len(text)


SPOKEN = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("um", "Um", "uh", "Uh", "um-um", "erm", "so", "So", "I", "the", "well", "Anyway"),
                *('"', ",", ".", "?", "!", "--", "-", ";", ":", "...", "(", ")"),
            ]
        ),
        st.sampled_from(["", " "]),
    ).map("".join),
    max_size=12,
).map("".join)
DEBRIS = re.compile(
    r"(?<!\.)[,.;:](?!\.\.)\s?[,.;:?!](?!\.\.)"  # doubled, but for "..."
    r"|[?!]\s?[,.;:](?!\.\.)|--?\s?[,;:](?:\s|$)"
    r"| [,;:?!]| \.(?!\.\.)"  # a space before
    r'|(?:^|\s)"\s?(?:[,;:]|\.(?!\.\.))'  # a quotation that opens with a mark
    r"|^[,;:?!]|^\.(?!\.\.)|\(\s*\)"
)


@given(SPOKEN, st.sampled_from(["light", "medium"]))
def test_repair_leaves_no_debris(text: str, level: Level) -> None:
    light = lighten(text, level, Counter())
    assert not DEBRIS.search(light), light


def test_words_are_letters_or_digits() -> None:
    assert has_words("-- a")
    assert has_words("10?")
    assert not has_words("... -- ?")


ENGLISH = "I think that you could talk to her about it and see what she would like to do with you. "
SPANISH = "Creo que usted puede hablar con ella sobre eso y ver lo que le gusta hacer en su casa. "
LIST = "Racing heart, sweaty palms, dry mouth, shaking, nausea, dizziness, chills, numb fingers. "


def test_a_second_half_in_another_language_is_seen() -> None:
    assert foreign_share(ENGLISH * 4 + SPANISH * 4) > 0.4
    assert foreign_share(ENGLISH * 4 + SPANISH * 4) >= LARGE_PART
    assert foreign_share(SPANISH * 4) == 1
    assert foreign_share(ENGLISH * 12 + SPANISH * 3) < LARGE_PART


def test_english_with_a_quotation_or_a_list_is_english() -> None:
    assert foreign_share(ENGLISH * 4 + SPANISH + ENGLISH * 4) == 0
    assert foreign_share(ENGLISH * 3 + LIST + ENGLISH) == 0
    assert foreign_share(SPANISH) == foreign_share("") == 0


@given(st.lists(st.sampled_from([ENGLISH, SPANISH, LIST]), max_size=12).map("".join))
def test_a_share_is_a_share(text: str) -> None:
    assert 0 <= foreign_share(text) <= 1
