"""Templates of real families: the sources that TRL ships, read from the installed package.

TRL can patch some of them for training; where it does, both must train the same words.
"""

import re
from pathlib import Path

import pytest
import trl
from small_models import save_model, tokenizer_of

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import DataError
from hybridtune.records import Message, Session
from training.check import checked_rows
from training.served import ServingTemplate
from training.template import IGNORED, load_chat

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
SYSTEM = "Listen, and be kind."
QUIET = {"enable_thinking": False}
# Name of the template: first token, end of a turn, openers for a counselor who opens.
FAMILIES = {
    "llama3": ("<|begin_of_text|>", "<|eot_id|>", 0),
    "llama3_1": ("<|begin_of_text|>", "<|eot_id|>", 0),
    "llama3_2": ("<|begin_of_text|>", "<|eot_id|>", 0),
    "gemma3": ("<bos>", "<end_of_turn>", 1),
    "gemma4": ("<bos>", "<turn|>", 0),
    "gemma4_v5": ("<bos>", "<turn|>", 0),
    "qwen2_5": ("<|endoftext|>", "<|im_end|>", 0),
    "qwen3_instruct_2507": ("<|endoftext|>", "<|im_end|>", 0),
    "phi3": ("<s>", "<|end|>", 0),
}
# Two that are not among them, as far as their structure goes: the prompt before the last user turn
# (Mistral 7B v0.3), and none at all (v0.1, like Gemma 1 and 2).
ALTERNATE = """\
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}
{%- endif %}"""
MISTRAL_3 = f"""\
{{{{- bos_token }}}}{{% for message in messages[1:] %}}{ALTERNATE}
{{%- if message.role == 'assistant' %}}{{{{ ' ' + message.content | trim + '</s>' }}}}{{% else %}}
{{{{- '[INST] ' + (messages[0].content + '\\n\\n' if loop.index0 >= loop.length - 2 else '') }}}}
{{{{- message.content + '[/INST]' }}}}{{% endif %}}{{% endfor %}}"""
MISTRAL_1 = f"""\
{{{{- bos_token }}}}{{% for message in messages %}}{ALTERNATE}
{{%- if message.role == 'assistant' %}}{{{{ message.content + '</s>' }}}}
{{%- else %}}{{{{ '[INST] ' + message.content + ' [/INST]' }}}}{{% endif %}}{{% endfor %}}"""
FOLDED = f"""\
{{{{- bos_token }}}}{{% for message in messages[1:] %}}{ALTERNATE}
{{%- if message.role == 'assistant' %}}{{{{ message.content + '</s>' }}}}
{{%- else %}}{{{{ '[INST] ' + (messages[0].content + '\\n\\n' if loop.first else '') }}}}
{{{{- message.content + ' [/INST]' }}}}
{{%- endif %}}{{% endfor %}}"""
OPENED = [
    ("assistant", "What brings you?"),
    ("user", "I felt sad."),
    ("assistant", "Since when?"),
    ("user", "Today."),
    ("assistant", "What do you feel?"),
]


def session(turns):
    messages = tuple(Message(role=role, content=content) for role, content in turns)
    return Session(id="s", domain="d", source="real", messages=messages)


def source(name):
    return (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")


def chat_of(folder, template, bos, end, serving=None):
    marks = re.findall(r"<\|?[a-z_]+\|?>|\[/?INST\]", template)
    tokenizer = tokenizer_of(marks, bos=bos, end=end)
    name = save_model(folder, tokenizer, template)
    return load_chat(name, None, SYSTEM, *([serving] if serving else []))


def trained_words(chat, rows):
    """The trained tokens as text, a piece for each turn."""
    ids = [label for row in rows for label in row.labels if label != IGNORED]
    end = chat.tokenizer.eos_token
    return [piece.strip() for piece in chat.tokenizer.decode(ids).split(end)[:-1]]


def answers(turns):
    return [content for role, content in turns if role == "assistant"]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_trains_each_turn_once_as_it_is_served(name, tmp_path):
    bos, end, openers = FAMILIES[name]
    chat = chat_of(tmp_path, source(name), bos, end)
    rows, tally = checked_rows([session(OPENED)], chat, TrainingSettings(), "Hello.")
    assert trained_words(chat, rows) == answers(OPENED)
    assert (tally.trained_turns, tally.openers, len(rows)) == (3, openers, 1)
    served = chat.tokenizer.apply_chat_template(
        [chat.system, *rows[0].messages], tokenize=True, return_dict=False
    )
    assert rows[0].input_ids == served


@pytest.mark.parametrize(
    "name", [n for n in FAMILIES if (TEMPLATES / f"{n}_training.jinja").exists()]
)
def test_our_mask_is_that_of_trl_but_for_what_stands_around_a_turn(name, tmp_path):
    bos, end, _ = FAMILIES[name]
    chat = chat_of(tmp_path, source(name), bos, end)
    turns = [("user", "Hello."), *OPENED]
    [row], _ = checked_rows([session(turns)], chat, TrainingSettings(), "Hello.")
    theirs = chat.tokenizer.apply_chat_template(
        [chat.system, *row.messages],
        chat_template=source(f"{name}_training"),
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    assert row.input_ids == theirs["input_ids"]
    both = list(zip(row.input_ids, row.labels, theirs["assistant_masks"], strict=True))
    assert all(marked for _, label, marked in both if label != IGNORED)
    # Some of TRL's train the newline of a header, and what stands behind the end of a turn.
    more = [
        chat.tokenizer.decode(token) for token, label, marked in both if marked and label == IGNORED
    ]
    assert set(more) <= {"\n", end}


def test_trl_has_masks_to_compare_with():
    found = [name for name in FAMILIES if (TEMPLATES / f"{name}_training.jinja").exists()]
    assert {"llama3", "gemma3", "qwen2_5"} <= set(found)
    assert not {"llama3_1", "llama3_2", "gemma4", "gemma4_v5"} & set(found)


def test_a_model_that_thinks_is_trained_as_it_is_served_without_thoughts(tmp_path):
    marks = ("<|endoftext|>", "<|im_end|>")
    with pytest.raises(DataError, match=r"rendered '<think>.*enable_thinking: false"):
        chat_of(tmp_path / "on", source("qwen3"), *marks)
    chat = chat_of(tmp_path / "off", source("qwen3"), *marks, ServingTemplate(None, QUIET))
    rows, tally = checked_rows([session(OPENED)], chat, TrainingSettings(), "Hello.")
    assert trained_words(chat, rows) == answers(OPENED)
    # The thought that the server leaves empty stands before the last turn alone.
    assert (chat.turns_per_window, len(rows)) == (1, 3)
    assert all(chat.tokenizer.decode(row.input_ids).count("<think>") == 1 for row in rows)
    # Asked without a user turn, the server would leave it empty too, but the template does not.
    assert tally.openers == 3


def test_a_prompt_before_the_last_user_turn_means_one_turn_per_window(tmp_path):
    chat = chat_of(tmp_path, MISTRAL_3, "<s>", "</s>")
    rows, tally = checked_rows([session(OPENED)], chat, TrainingSettings(), "Hello.")
    assert trained_words(chat, rows) == answers(OPENED)
    assert (chat.turns_per_window, tally.windows, tally.openers) == (1, 3, 3)


def test_a_template_without_a_system_prompt_needs_another_one_at_the_server(tmp_path):
    for name, template in (("own", MISTRAL_1), ("gemma", source("gemma"))):
        with pytest.raises(DataError, match=r"refuses a system prompt.*chat_template: FILE"):
            chat_of(tmp_path / name, template, "<s>", "</s>")
    chat = chat_of(tmp_path / "folded", MISTRAL_1, "<s>", "</s>", ServingTemplate(FOLDED))
    [row], tally = checked_rows([session(OPENED)], chat, TrainingSettings(), "Hello.")
    assert trained_words(chat, [row]) == answers(OPENED)
    begin = f"<s>[INST] {SYSTEM}\n\nHello. [/INST]What brings you?</s>"
    assert chat.tokenizer.decode(row.input_ids).startswith(begin)
    assert tally.openers == 1


def test_a_template_that_writes_the_date_is_told_until_it_is_fixed(tmp_path):
    marks = ("<|begin_of_text|>", "<|eot_id|>")
    assert chat_of(tmp_path / "today", source("llama3_2"), *marks).dated
    fixed = ServingTemplate(None, {"date_string": "26 Jul 2024"})
    chat = chat_of(tmp_path / "fixed", source("llama3_2"), *marks, fixed)
    assert not chat.dated
    assert "26 Jul 2024" in chat.render([])
    assert not chat_of(tmp_path / "own", source("llama3_1"), *marks).dated
