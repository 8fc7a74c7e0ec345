"""Serving templates of four families, written for these tests, over one small tokenizer."""

import json
from dataclasses import asdict

import pytest

from hybridtune.config import Experiment
from hybridtune.config.training import TrainingSettings
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, DataError
from hybridtune.records import Message, Session
from training.cuts import exchanges_of
from training.data import Tally, rows_of
from training.report import model_card
from training.template import IGNORED, load_chat

SYSTEM = "Listen, and be kind."
SPECIALS = ["<pad>", "<bos>", "<eos>", "<start>", "<head>", "<end>", "[INST]", "[/INST]"]
CHATML = """\
{%- for message in messages %}{{ '<start>' + message.role + '\n' + message.content + '<end>\n' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<start>assistant\n' }}{% endif %}"""
LLAMA = """\
{{- bos_token }}{% for message in messages %}
{{- '<start>' + message.role + '<head>\n\n' + message.content | trim + '<end>' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<start>assistant<head>\n\n' }}{% endif %}"""
GEMMA = """\
{{- bos_token }}{% set first = messages[0].content + '\n\n' %}{% for message in messages[1:] %}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}
{%- endif %}{{ '<start>' + message.role + '\n' + (first if loop.first else '') }}
{{- message.content | trim + '<end>\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<start>model\n'.replace('model', 'assistant') }}{% endif %}"""
MISTRAL = """\
{{- bos_token }}{% for message in messages[1:] %}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}
{%- endif %}{% if message.role == 'user' %}
{%- set last = messages[1:] | selectattr('role', 'equalto', 'user') | list | last %}
{{- '[INST] ' + (messages[0].content + '\n\n' if message == last else '') + message.content }}
{{- '[/INST]' }}{% else %}{{ ' ' + message.content + '<end>' }}{% endif %}{% endfor %}"""
FAMILIES = {"chatml": CHATML, "llama": LLAMA, "gemma": GEMMA, "mistral": MISTRAL}


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    """Makes a folder with a tokenizer, a template and a generation configuration."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIALS,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    text = ["user assistant system counselor what do you feel today I felt sad and tired"]
    bpe.train_from_iterator(text * 20, trainer)

    def make(template, *, stops=("<end>",), embeddings=None):
        folder = tmp_path_factory.mktemp("model")
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=bpe, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>"
        )
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        ids = tokenizer.convert_tokens_to_ids(list(stops))
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}))
        config = {"model_type": "llama", "vocab_size": embeddings or len(tokenizer)}
        (folder / "config.json").write_text(json.dumps(config))
        return str(folder)

    return make


def session(*texts, first="user"):
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    messages = [Message(role=roles[place % 2], content=text) for place, text in enumerate(texts)]
    return Session(id="s", domain="d", source="real", messages=tuple(messages))


def marked(talk, *untrained):
    return Session.model_validate({**talk.model_dump(), "untrained": untrained})


def long_session(turns):
    texts = [f"I felt sad {n}, and tired." if n % 2 == 0 else f"What did {n} do?" for n in turns]
    return session(*texts)


def trained_pieces(chat, rows):
    """The texts between masked tokens, in order."""
    pieces, current = [], []
    for row in rows:
        for token in [*row.labels, IGNORED]:
            if token != IGNORED:
                current.append(token)
            elif current:
                pieces.append(chat.tokenizer.decode(current))
                current = []
    return pieces


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("max_length", [128, 2048])
def test_only_counselor_turns_and_their_end_carry_loss_each_once(family, max_length, model_folder):
    chat = load_chat(model_folder(FAMILIES[family]), None, SYSTEM)
    whole = long_session(range(60))
    rows, tally = rows_of(
        [whole], chat, TrainingSettings(max_length=max_length, context_tokens=40), "Hello."
    )
    pieces = [piece.removeprefix(" ") for piece in trained_pieces(chat, rows)]
    assert pieces == [f"{text}<end>" for text in whole.turns("assistant")]
    assert tally.counselor_turns == 30
    assert tally.dropped_turns == []
    assert all(len(row.input_ids) <= max_length for row in rows)
    assert tally.trained_tokens == sum(token != IGNORED for row in rows for token in row.labels)
    for row in rows:
        seen = [(token, label) for token, label in zip(row.input_ids, row.labels, strict=True)]
        assert all(label in (token, IGNORED) for token, label in seen)
        assert SYSTEM in chat.tokenizer.decode(row.input_ids)


def test_labels_equal_a_segmentwise_tokenisation(model_folder):
    chat = load_chat(model_folder(CHATML), None, SYSTEM)
    talk = session("I felt sad.", "What do you feel today?", "Tired", "Tired, and sad.")
    [row], _ = rows_of([talk], chat, TrainingSettings(), "Hello.")
    assert (row.input_ids, row.labels) == segmentwise(chat, talk)


def segmentwise(chat, talk):
    """The tokens of a CHATML session and its labels, put together piece by piece."""

    def encode(text):
        return chat.tokenizer.encode(text, add_special_tokens=False)

    ids = encode(f"<start>system\n{SYSTEM}<end>\n")
    labels = [IGNORED] * len(ids)
    for place, message in enumerate(talk.messages):
        if message.role == "system":
            continue
        header, body = encode(f"<start>{message.role}\n"), encode(f"{message.content}<end>")
        ids += header + body + encode("\n")
        loss = message.role == "assistant" and place not in talk.untrained
        labels += [IGNORED] * len(header) + (body if loss else [IGNORED] * len(body)) + [IGNORED]
    return ids, labels


BACK_CHANNELS = ("Sad.", "Mm-hmm.", "And tired.", "Since when?", "May.", "Right.", "Yes.", "Why?")


@pytest.mark.parametrize("untrained", [(), (1,), (1, 5), (3,), (5,), (1, 3, 5)])
def test_untrained_turns_are_context_without_loss(untrained, model_folder):
    chat = load_chat(model_folder(CHATML), None, SYSTEM)
    talk = marked(session(*BACK_CHANNELS), *untrained)
    [row], tally = rows_of([talk], chat, TrainingSettings(), "Hello.")
    assert (row.input_ids, row.labels) == segmentwise(chat, talk)
    assert (tally.counselor_turns, tally.untrained_turns) == (4, len(untrained))
    assert (tally.untrained_sessions, tally.dropped_turns) == (0, [])


def test_what_follows_the_last_trained_turn_is_left_out(model_folder):
    chat = load_chat(model_folder(CHATML), None, SYSTEM)
    talk = marked(session(*BACK_CHANNELS), 5, 7)
    [row], tally = rows_of([talk], chat, TrainingSettings(), "Hello.")
    assert (row.input_ids, row.labels) == segmentwise(chat, marked(session(*BACK_CHANNELS[:4])))
    assert tally.untrained_turns == 2


def test_a_system_message_in_a_session_shifts_no_mark(model_folder):
    chat = load_chat(model_folder(CHATML), None, SYSTEM)
    system = Message(role="system", content="Another prompt.")
    talk = session(*BACK_CHANNELS)
    talk = marked(talk.model_copy(update={"messages": (system, *talk.messages)}), 2, 6)
    [row], _ = rows_of([talk], chat, TrainingSettings(), "Hello.")
    assert (row.input_ids, row.labels) == segmentwise(chat, talk)
    assert trained_pieces(chat, [row]) == ["Since when?<end>", "Why?<end>"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("max_length", [128, 2048])
def test_every_other_turn_is_trained_once_in_every_template(family, max_length, model_folder):
    chat = load_chat(model_folder(FAMILIES[family]), None, SYSTEM)
    whole = long_session(range(60))
    # Single ones, a run longer than a window, the first and the last.
    whole = marked(whole, 1, 5, 9, *range(21, 45, 2), 49, 59)
    rows, tally = rows_of(
        [whole], chat, TrainingSettings(max_length=max_length, context_tokens=40), "Hello."
    )
    pieces = [piece.removeprefix(" ") for piece in trained_pieces(chat, rows)]
    kept = [n for n in range(1, 60, 2) if n not in whole.untrained]
    assert pieces == [f"What did {n} do?<end>" for n in kept]
    assert (tally.counselor_turns, tally.untrained_turns) == (30, 17)
    assert all(len(row.input_ids) <= max_length for row in rows)
    assert all(any(label != IGNORED for label in row.labels) for row in rows)
    after_the_run = next(row for row in rows if "What did 45 do?" in decoded(chat, row))
    assert "What did 43 do?" in decoded(chat, after_the_run)


def decoded(chat, row):
    return chat.tokenizer.decode(row.input_ids)


def test_a_session_without_trained_turns_gives_no_row_and_is_counted(model_folder):
    chat = load_chat(model_folder(CHATML), None, SYSTEM)
    silent = marked(session("Sad.", "Mm-hmm.", "Tired.", "Okay."), 1, 3)
    rows, tally = rows_of([silent, session("Sad.", "Why?")], chat, TrainingSettings(), "Hello.")
    assert trained_pieces(chat, rows) == ["Why?<end>"]
    assert (tally.sessions, tally.untrained_sessions, tally.windows) == (2, 1, 1)
    assert (tally.counselor_turns, tally.untrained_turns, tally.dropped_turns) == (3, 2, [])
    with pytest.raises(DataError, match=r"all counselor turns \(2\) are marked"):
        rows_of([silent], chat, TrainingSettings(), "Hello.")


def test_an_untrained_turn_that_is_too_long_is_not_missed(model_folder):
    chat = load_chat(model_folder(CHATML), None, SYSTEM)
    talk = marked(session("Sad.", "Why?", "May.", "hm " * 300, "Yes.", "Since when?"), 3)
    rows, tally = rows_of([talk], chat, TrainingSettings(max_length=128), "Hello.")
    assert trained_pieces(chat, rows) == ["Why?<end>", "Since when?<end>"]
    assert (tally.untrained_turns, tally.dropped_turns) == (1, [])


def test_an_opener_shifts_no_mark(model_folder):
    chat = load_chat(model_folder(GEMMA), None, SYSTEM)
    talk = marked(session("Okay.", "Sad.", "Since when?", first="assistant"), 0)
    rows, tally = rows_of([talk], chat, TrainingSettings(), "Hello.")
    assert trained_pieces(chat, rows) == ["Since when?<end>"]
    assert (tally.openers, "Hello." in decoded(chat, rows[0])) == (1, True)


def test_the_model_card_counts_untrained_turns(tmp_path):
    tally = Tally(sessions=2, counselor_turns=9, untrained_turns=3, dropped_turns=["s: turn 1"])
    assert "| counselor turns | 9, 3 of them context without loss, 1 too long and left out |" in (
        card_of(tally, tmp_path)
    )


def card_of(tally, folder):
    (folder / "domain.yaml").write_text("title: Small\nopener: Hello.\n")
    report = {
        "variant": "real",
        "shares": {"real": 1.0},
        "data": asdict(tally),
        "budget": {},
        "tokens_seen": 1,
        "tokens_trained": 1,
        "steps": 1,
        "best_step": 1,
        "best_by": "last step",
        "base_in_training": "float32",
        "epochs": 1.0,
        "lora": {},
        "quantization": None,
        "held_out_loss": {"before": None, "after": None},
        "hashes": {"adapter": "a", "dataset": "b"},
        "versions": {},
    }
    roles = {name: {"server": "s"} for name in ("teacher", "patient", "counselor", "judge")}
    experiment = Experiment.model_validate(
        {
            "name": "t",
            "model": {"name": "nowhere"},
            "servers": {"s": {"kind": "scripted"}},
            "roles": roles,
            "corpus": {"paths": ["x"]},
            "variants": {"base": {}, "real": {"real": 1}},
            "evaluation": {"reference": "base"},
        }
    )
    return model_card(report, experiment, Domain(folder), {})


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_are_what_the_server_would_render(family, model_folder):
    chat = load_chat(model_folder(FAMILIES[family]), None, SYSTEM)
    talk = session("I felt sad.", "What do you feel?", "Tired.", "Since when?")
    rows, _ = rows_of([talk], chat, TrainingSettings(), "Hello.")
    messages = [{"role": "system", "content": SYSTEM}]
    messages += [message.model_dump() for message in talk.messages]
    served = chat.tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
    assert rows[-1].input_ids == served


def test_a_template_that_moves_the_system_prompt_gets_one_turn_per_window(model_folder):
    chat = load_chat(model_folder(MISTRAL), None, SYSTEM)
    rows, tally = rows_of([long_session(range(8))], chat, TrainingSettings(), "Hello.")
    assert chat.turns_per_window == 1
    assert len(rows) == tally.windows == 4


def test_a_counselor_who_opens_gets_an_opener_only_where_the_template_insists(model_folder):
    talk = session("What brings you?", "I felt sad.", "Since when?", first="assistant")
    for template, openers in ((CHATML, 0), (GEMMA, 1)):
        chat = load_chat(model_folder(template), None, SYSTEM)
        rows, tally = rows_of([talk], chat, TrainingSettings(), "Hello.")
        assert tally.openers == openers
        assert ("Hello." in chat.tokenizer.decode(rows[0].input_ids)) == bool(openers)
        assert trained_pieces(chat, rows) == ["What brings you?<end>", "Since when?<end>"]


def test_a_turn_longer_than_a_window_is_dropped_and_named(model_folder):
    chat = load_chat(model_folder(CHATML), None, SYSTEM)
    talk = session("Sad.", "What do you feel?", "Tired.", "word " * 300, "Yes.", "Since when?")
    rows, tally = rows_of([talk], chat, TrainingSettings(max_length=128), "Hello.")
    assert tally.dropped_turns == ["s: counselor turn 2"]
    assert trained_pieces(chat, rows) == ["What do you feel?<end>", "Since when?<end>"]
    with pytest.raises(DataError, match="no counselor turn fits into 128"):
        rows_of([session("Sad.", "word " * 300)], chat, TrainingSettings(max_length=128), "Hi.")


def test_what_the_patient_says_last_is_left_out():
    assert exchanges_of(session("One.", "Two.", "Three.")) == [
        [{"role": "user", "content": "One."}, {"role": "assistant", "content": "Two."}]
    ]


@pytest.mark.parametrize(
    ("template", "stops", "message"),
    [
        (CHATML, ("<eos>",), "no token on which generation stops"),
        (CHATML.replace("message.content", "message.content | replace('o', '0')"), ("<end>",),
         "rendered"),
        (CHATML.replace("'<start>assistant", "'<head>assistant"), ("<end>",),
         "is not what stands before"),
        (LLAMA.replace("bos_token", "bos_token + bos_token"), ("<end>",), "first token twice"),
        (CHATML.replace("<end>\n", "\n"), ("<end>",), "no token on which generation stops"),
        (GEMMA.replace("first if", "'' if"), ("<end>",), "leaves the system prompt out"),
        (CHATML.replace("messages %}", "messages %}{{ raise_exception('no system') if "
         "message.role == 'system' }}", 1), ("<end>",), "refuses a system prompt"),
    ],
)  # fmt: skip
def test_a_template_that_would_train_the_wrong_tokens_is_refused(
    template, stops, message, model_folder
):
    folder = model_folder(template, stops=stops)
    with pytest.raises(DataError, match=message) as caught:
        load_chat(folder, None, SYSTEM)
    assert folder in str(caught.value)


def test_a_session_that_the_template_refuses_is_named(model_folder):
    chat = load_chat(model_folder(GEMMA), None, SYSTEM)
    twice = session("One.", "Two.").messages
    bad = Session(id="odd", domain="d", source="real", messages=(twice[0], twice[0], twice[1]))
    with pytest.raises(DataError, match=r"odd: the chat template .* alternate"):
        rows_of([bad], chat, TrainingSettings(), "Hello.")


def test_models_without_a_chat_template_or_without_files_are_refused(model_folder, tmp_path):
    with pytest.raises(ConfigError, match="has no chat template"):
        load_chat(model_folder(None), None, SYSTEM)
    with pytest.raises(ConfigError, match="cannot load the tokenizer"):
        load_chat(str(tmp_path), None, SYSTEM)
