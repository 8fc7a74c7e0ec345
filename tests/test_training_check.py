"""The check before every training: faults planted in training templates, rows and tokenizers."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from small_models import save_model, tokenizer_of

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import ConfigError, DataError
from hybridtune.records import Message, Session, write_jsonl
from training.check import check_rows, checked_rows
from training.sft import load_rows
from training.template import IGNORED, Row, load_chat

SYSTEM = "Listen, and be kind."
SERVED = """\
{%- for message in messages %}{{ '<start>' + message.role + '\n' + message.content + '<end>\n' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<start>assistant\n' }}{% endif %}"""
# The same with marks around what is trained, as TRL wants them.
HEADER, NEWLINE = "{{ '<start>assistant\n' }}", "{{ '\n' }}"
BEGIN, CLOSED = "{%- generation %}", "+ '<end>' }}{% endgeneration %}"
MARKED = f"""\
{{%- for message in messages %}}{{% if message.role == 'assistant' %}}{HEADER}
{BEGIN}{{{{ message.content {CLOSED}{NEWLINE}{{% else %}}
{{{{- '<start>' + message.role + '\n' + message.content + '<end>\n' }}}}{{% endif %}}{{% endfor %}}
{{%- if add_generation_prompt %}}{HEADER}{{% endif %}}"""
TALK = Session(
    id="talk",
    domain="d",
    source="real",
    messages=tuple(
        Message(role=role, content=content)
        for role, content in [
            ("user", "I felt sad."),
            ("assistant", "Since when?"),
            ("user", "Tired, too."),
            ("assistant", "What do you feel today?"),
        ]
    ),
)


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of(["<start>"], bos="<bos>", end="<end>")


@pytest.fixture(scope="module")
def chat(tokenizer, tmp_path_factory):
    return load_chat(save_model(tmp_path_factory.mktemp("model"), tokenizer, SERVED), None, SYSTEM)


def trl_row(chat, template):
    """A row as TRL makes it: rendered by a training template, labelled by its marks."""
    messages = [message.model_dump() for message in TALK.messages]
    encoded = chat.tokenizer.apply_chat_template(
        [chat.system, *messages],
        chat_template=template,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    ids = encoded["input_ids"]
    pairs = zip(ids, encoded["assistant_masks"], strict=True)
    labels = [token if trained else IGNORED for token, trained in pairs]
    return Row(ids, labels, messages, "talk")


def check(chat, *rows, dropped=()):
    return check_rows(rows, [TALK], dropped, chat, TrainingSettings())


def test_a_right_training_template_trains_the_same_tokens(chat):
    row = trl_row(chat, MARKED)
    assert check(chat, row) == 2
    [ours], _ = checked_rows([TALK], chat, TrainingSettings(), "Hello.")
    assert (ours.input_ids, ours.labels) == (row.input_ids, row.labels)


def test_marks_in_the_serving_template_change_nothing(chat, tokenizer, tmp_path):
    marked = load_chat(save_model(tmp_path, tokenizer, MARKED), None, SYSTEM)
    assert checked_rows([TALK], marked, TrainingSettings(), "Hello.")[0][0].labels == (
        checked_rows([TALK], chat, TrainingSettings(), "Hello.")[0][0].labels
    )


@pytest.mark.filterwarnings("ignore:.*generation")
@pytest.mark.parametrize(
    ("template", "message"),
    [
        (SERVED, "no token of a window carries loss"),
        (MARKED.replace(NEWLINE, "\n"), r"trained is '<start>user.*would be sent '\\n<start>"),
        (MARKED.replace(f"{HEADER}\n{BEGIN}", "{% generation %}" + HEADER),
         r"loss begins at '<start>assistant\\nSince"),
        (MARKED.replace(f"{CLOSED}{NEWLINE}", "}}{% endgeneration %}{{ '<end>\n' }}"),
         r"without the token that ends a turn \('<end>'\)"),
        ("{{ bos_token + bos_token }}" + MARKED, "'<bos>' is doubled"),
        ("{{ bos_token }}" + MARKED, "token 0: trained is '<bos>"),
        (MARKED.replace("message.content + '<end>'", "(message.content | upper) + '<end>'"),
         "trained is 'INCE WHE', the server would be sent 'ince when"),
    ],
)  # fmt: skip
def test_a_fault_in_a_training_template_is_told(template, message, chat):
    with pytest.raises(DataError, match=message) as caught:
        check(chat, trl_row(chat, template))
    assert str(caught.value).startswith("session talk: ")


def test_each_turn_is_trained_exactly_once_or_it_is_told(chat):
    whole = trl_row(chat, MARKED)
    with pytest.raises(DataError, match="talk: of 2 counselor turns 4 are trained"):
        check(chat, whole, whole)
    with pytest.raises(DataError, match="talk: of 2 counselor turns 0 are trained"):
        check(chat)
    last = [*whole.labels]
    first_end = last.index(chat.tokenizer.eos_token_id)
    last[: first_end + 1] = [IGNORED] * (first_end + 1)
    half = replace(whole, labels=last)
    with pytest.raises(DataError, match="counselor turns 1 are trained; 'Since when"):
        check(chat, half)
    assert check(chat, half, dropped=["talk: counselor turn 1"]) == 1


def test_a_turn_that_is_trained_by_mistake_is_told(chat):
    silent = TALK.model_copy(update={"untrained": (1,)})
    with pytest.raises(DataError, match="of 1 counselor turns 2 are trained"):
        check_rows([trl_row(chat, MARKED)], [silent], [], chat, TrainingSettings())


def test_rows_that_are_too_long_or_have_foreign_labels_are_told(chat):
    row = trl_row(chat, MARKED)
    short = TrainingSettings.model_construct(max_length=len(row.input_ids) - 1)
    with pytest.raises(DataError, match="is longer than"):
        check_rows([row], [TALK], [], chat, short)
    odd = replace(row, labels=[*row.labels[:-3], 7, *row.labels[-2:]])
    with pytest.raises(DataError, match="a label is another token"):
        check(chat, odd)


def test_words_that_are_special_tokens_are_refused(chat):
    said = Message(role="user", content="I typed <end> there.")
    odd = TALK.model_copy(update={"messages": (said, *TALK.messages[1:])})
    with pytest.raises(DataError, match=r"talk: message 0 holds '<end>'.*take it out"):
        checked_rows([odd], chat, TrainingSettings(), "Hello.")


def test_a_training_makes_the_check_on_what_it_reads(chat, tmp_path):
    experiment = SimpleNamespace(training=TrainingSettings())
    domain = SimpleNamespace(settings=SimpleNamespace(opener="Hello."))
    write_jsonl(tmp_path / "good.jsonl", [TALK])
    _, tally = load_rows(tmp_path / "good.jsonl", chat, experiment, domain, tell=True)
    assert (tally.trained_turns, tally.counselor_turns) == (2, 2)
    said = Message(role="user", content="<start>assistant")
    odd = TALK.model_copy(update={"messages": (said, *TALK.messages[1:])})
    write_jsonl(tmp_path / "bad.jsonl", [odd])
    with pytest.raises(DataError, match="talk: message 0 holds '<start>'"):
        load_rows(tmp_path / "bad.jsonl", chat, experiment, domain, tell=True)


def test_one_process_of_several_tells_what_is_left_out(chat, tmp_path, capsys):
    experiment = SimpleNamespace(training=TrainingSettings(max_length=128))
    domain = SimpleNamespace(settings=SimpleNamespace(opener="Hello."))
    long = Message(role="assistant", content="Tell me more of it. " * 200)
    odd = TALK.model_copy(update={"messages": (*TALK.messages, TALK.messages[0], long)})
    write_jsonl(tmp_path / "long.jsonl", [odd])
    for tell in (False, True):
        _, tally = load_rows(tmp_path / "long.jsonl", chat, experiment, domain, tell=tell)
        assert len(tally.dropped_turns) == 1
        assert ("left out" in capsys.readouterr().out) is tell


def test_a_tokenizer_that_needs_resized_embeddings_is_refused(tokenizer, tmp_path):
    size = len(tokenizer)
    folder = save_model(tmp_path / "added", tokenizer, SERVED, embeddings=3)
    with pytest.raises(ConfigError, match=r"is token \d+, the base model has embeddings for 3: "):
        load_chat(folder, None, SYSTEM)
    # A pad token added to a model that had none, which is what most scripts do.
    padded = load_chat(save_model(tmp_path / "fits", tokenizer, SERVED), None, SYSTEM).tokenizer
    padded.add_special_tokens({"pad_token": "<new pad>"})
    folder = save_model(tmp_path / "pad", padded, SERVED, embeddings=size)
    with pytest.raises(ConfigError, match=f"'<new pad>' is token {size}.*resized embeddings"):
        load_chat(folder, None, SYSTEM)
    # Tokens that nothing uses cost nothing: gemma-3-1b-it has one.
    unused = load_chat(str(tmp_path / "fits"), None, SYSTEM).tokenizer
    unused.add_tokens(["<image>"])
    load_chat(save_model(tmp_path / "unused", unused, SERVED, embeddings=size), None, SYSTEM)
