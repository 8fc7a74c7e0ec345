"""Narrators, sponsors and channels: cut at the edges of a transcript, flagged in the middle."""

import pytest

from corpus.narration import RULES, rule_of, trim
from corpus.transcript import Utterance

NARRATION = [
    "In this video you will see a counselor talk with a young man about his drinking.",
    "In the following segment you will see me with a client who is not sure about change.",
    "In that segment I was focusing on open questions and on affirming her strengths.",
    "Please note that this is an actor and not a patient of our clinic.",
    "What you are about to watch is a reenactment of a first interview.",
    "All right, see you next time guys!",
    "Hey everyone, welcome back to my channel, today we talk about worry.",
    "Welcome to our webinar series on brief interventions.",
    "Thanks for watching, and take good care of yourselves.",
    "Thank you all so much for tuning in.",
    "Thank you for listening to this podcast.",
    "If this was useful, don't forget to subscribe and leave a comment.",
    "Hit that little bell so that you never miss a new lesson.",
    "The links are in the description below.",
    "This episode is sponsored by a maker of mattresses.",
    "Use code CALM at checkout for twenty percent off your first month.",
    "This film was made possible by a grant from the county.",
    "Notice how the therapist waits before she answers.",
    "Let's watch how the clinician handles his anger.",
    "The counselor uses a double-sided reflection here.",
    "That was a good example of reflective listening, I think.",
    "What did you notice about how the interviewer opened the session?",
    "As you can see, the client has begun to argue for change himself.",
    "The client is played by a colleague of ours.",
    "This is a role play; the details of the case have been changed.",
    "This demonstration was recorded for educational purposes only.",
    "The following is a simulated session between a nurse and a patient.",
    "Now let's look at another example, this time with a teenager.",
    "You just saw an interview that went rather badly.",
    "I hope you enjoyed this demonstration.",
    "today's video is about how to talk with someone who does not want to talk",
    "you\u2019re going to see two short scenes",
    "Our next clip shows the same talk done differently.",
    "So there you have it, folks, that is motivational interviewing in a nutshell.",
    "The names of the people in it have been altered.",
]
IN_SESSION = [
    "I watched a video about breathing that you sent me.",
    "Thanks for listening to me, really.",
    "Thank you for coming in today.",
    "See you next time.",
    "I will see you next week then, same time.",
    "My sponsor at the meeting says I should call him more.",
    "My brother is an actor, he is never at home.",
    "I play a role at work, I am never myself.",
    "In the last session we talked about your mother.",
    "In that moment I was focusing on my breath.",
    "The doctor used a word that I did not know.",
    "Notice how your shoulders come up when you say that.",
    "Let's see how it goes until Thursday.",
    "Let's look at how a typical day goes for you.",
    "My therapist in the other town was nice, too.",
    "Did you notice what happened just now?",
    "He wanted me to subscribe to some magazine.",
    "I like the girls in my class and they like me.",
    "I left a comment on her picture and she got angry.",
    "I hope you enjoyed your holiday.",
    "You will see a nurse first and then me.",
    "Welcome back, how was the week?",
    "It felt like a scene from a film.",
    "For instance, if you could change one thing, what would it be?",
    "He hit the button of the lift again and again.",
    "We changed the names of the dogs.",
    "I said hi to everyone and went home.",
    "The client I had this morning at the shop shouted at me.",
    "In this family you do not talk about money.",
    "I was watching how the others eat.",
    "She said the following week would be better.",
    "It was brought to my door by a neighbour.",
]


def said(*texts: str, speaker: str | None = None) -> list[Utterance]:
    return [Utterance(speaker, text, line) for line, text in enumerate(texts, start=1)]


def test_at_least_nine_in_ten_narrated_lines_are_found() -> None:
    missed = [text for text in NARRATION if rule_of(text) is None]
    assert len(missed) <= len(NARRATION) * 0.1, missed


@pytest.mark.parametrize("text", IN_SESSION)
def test_what_is_said_in_sessions_is_no_narration(text: str) -> None:
    assert rule_of(text) is None


def test_every_rule_is_needed() -> None:
    assert {rule_of(text) for text in NARRATION} >= set(RULES)


def test_narration_is_cut_at_the_edges_and_flagged_in_the_middle() -> None:
    session = [f"Sentence number {number}." for number in range(20)]
    texts = ["Thanks for watching.", *session, "Bye now.", "Thanks for watching."]
    texts[10] = "Notice how the therapist waits."
    done = trim(said(*texts))
    assert [each.text for each in done.utterances] == texts[1:-1]
    assert done.cut == {"farewell": 2}
    assert [(each.line, each.rule) for each in done.flagged] == [(11, "observer")]


def test_what_a_narrator_says_between_is_cut_with_him() -> None:
    intro = ["In this video you will see a nurse.", "It is winter.", "Notice how the nurse smiles."]
    session = [f"Sentence number {number}." for number in range(25)]
    alone = said(*intro, speaker="Narrator") + said(*session, speaker="Ann")
    assert trim(alone).cut == {"announcement": 1, "between": 1, "observer": 1}
    shared = [
        Utterance("Ann" if each.text == "It is winter." else each.speaker, each.text, each.line)
        for each in alone
    ]
    assert [each.text for each in trim(shared).utterances] == ["It is winter.", *session]


def test_short_and_clean_transcripts_keep_everything() -> None:
    short = said("Thanks for watching.", "Hello.", "Hi.")
    done = trim(short)
    assert done.utterances == short
    assert [each.rule for each in done.flagged] == ["farewell"]
    clean = said(*IN_SESSION)
    assert trim(clean).utterances == clean
    assert trim([]).utterances == []
