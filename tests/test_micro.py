"""The shipped micro base model and the command that rebuilds it."""

import re
import subprocess
import sys
from functools import cache
from itertools import compress, islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "examples" / "micro"
# A client line that no phrase file holds, and words of which a reply on the topic has at least one.
HELD_OUT = [
    (
        "My dog passed away last month and coming home to an empty house is unbearable.",
        {"dog", "pet", "grief", "loss", "animal", "goodbye"},
    ),
    (
        "I just lie there and stare at the ceiling, I have not been sleeping for ages.",
        {"sleep", "bed", "night", "awake", "sleepy", "bedroom", "insomnia", "coffee", "clock"},
    ),
    (
        "My chest gets tight on the subway and I feel like I am going to pass out.",
        {"train", "panic", "subway", "breathe", "heart", "station", "ride", "attack"},
    ),
]


@cache
def shipped():
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(SHIPPED)
    return tokenizer, AutoModelForCausalLM.from_pretrained(SHIPPED, dtype="float32").eval()


@cache
def known_words() -> set[str]:
    from training.micro.text import dialogues

    texts = (turn["content"] for messages in islice(dialogues(7), 3000) for turn in messages)
    return {word for text in texts for word in re.findall(r"[a-z']+", text.lower())}


def greedy_reply(messages: list[dict[str, str]], max_new_tokens: int = 60) -> str:
    tokenizer, model = shipped()
    prompt = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**prompt, do_sample=False, max_new_tokens=max_new_tokens)
    return tokenizer.decode(output[0, prompt["input_ids"].shape[1] :])


def test_shipped_model_is_small_and_complete():
    names = {path.name for path in SHIPPED.iterdir()}
    assert {"config.json", "generation_config.json", "README.md", "model.safetensors"} <= names
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 10_000_000
    _, model = shipped()
    assert 2_000_000 <= sum(p.numel() for p in model.parameters()) <= 4_100_000


def test_end_of_turn_ends_generation():
    tokenizer, model = shipped()
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert tokenizer.eos_token_id == model.generation_config.eos_token_id == end
    assert tokenizer.pad_token_id != end


@pytest.mark.parametrize("first", ["user", "assistant"])
@pytest.mark.parametrize("system", [[], [{"role": "system", "content": "Be kind."}]])
def test_template_is_plain_chatml(first, system):
    tokenizer, _ = shipped()
    roles = ["user", "assistant", "user"] if first == "user" else ["assistant", "user"]
    turns = [*system, *({"role": role, "content": f"I am {role}.\n {{x}}"} for role in roles)]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    expected = "".join(f"<|im_start|>{t['role']}\n{t['content']}<|im_end|>\n" for t in turns)
    assert text == f"{expected}<|im_start|>assistant\n"
    assert tokenizer.apply_chat_template(turns, tokenize=False) == expected


def test_tokenizer_returns_every_text():
    tokenizer, _ = shipped()
    text = "Naïve  [unintelligible] — 你好 \U0001f600\n\tWell, uh... I'M DONE"
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize(("line", "topic_words"), HELD_OUT)
def test_reply_to_an_unseen_line_is_english_on_the_topic(line, topic_words):
    reply = greedy_reply([{"role": "user", "content": line}])
    assert reply.endswith("<|im_end|>")
    words = re.findall(r"[a-z']+", reply.removesuffix("<|im_end|>").lower())
    assert len(words) >= 5
    assert sum(word in known_words() for word in words) > 0.8 * len(words)
    assert topic_words & set(words), reply


def test_long_conversation_still_ends_its_turn():
    line = "I keep on working late because my manager gave me another three projects to do."
    answer = "That sounds really hard. You could ask your manager which task should come first."
    turns = [{"role": "system", "content": "You are a patient counselor."}]
    for _ in range(20):
        turns += [{"role": "user", "content": line}, {"role": "assistant", "content": answer}]
    turns.append({"role": "user", "content": "What should I do about my boss?"})
    tokenizer, _ = shipped()
    length = len(tokenizer.apply_chat_template(turns, return_dict=False))
    assert 900 < length < 1500
    assert greedy_reply(turns).endswith("<|im_end|>")


def test_training_tokens_are_the_served_tokens():
    from training.micro.text import dialogues
    from training.micro.train import encode

    tokenizer, _ = shipped()
    for messages in islice(dialogues(3), 50):
        ids, spoken = encode(tokenizer, messages)
        served = tokenizer.apply_chat_template(messages, return_dict=False)
        assert ids == served[: len(ids)]
        learned = tokenizer.decode(list(compress(ids, spoken)))
        said = "".join(
            f"{turn['content']}<|im_end|>" for turn in messages if turn["role"] == "assistant"
        )
        assert said.startswith(learned)


def test_dialogues_depend_on_the_seed_only():
    from training.micro.text import dialogues

    first, again, other = (list(islice(dialogues(seed), 40)) for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert not any("{" in turn["content"] for messages in first for turn in messages)


def test_listener_turns_the_clause_around():
    from training.micro.wording import to_second_person

    assert (
        to_second_person("I am sure that my boss hates me")
        == "you are sure that your boss hates you"
    )
    assert to_second_person("I was late and we lost") == "you were late and you lost"


def test_tiny_rebuild_writes_the_same_loadable_model_again(tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from training.micro.__main__ import main

    command = ["-m", "training.micro", "--out", str(tmp_path / "one"), "--steps", "2"]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
    main(tmp_path / "two", steps=2)
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "one")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "one")
    assert model.config.vocab_size == len(tokenizer)
    assert "toy" in (tmp_path / "one" / "README.md").read_text(encoding="utf-8")


def test_build_refuses_a_folder_of_something_else(tmp_path):
    import typer

    from training.micro.__main__ import main

    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    app = typer.Typer()
    app.command()(main)
    outcome = CliRunner().invoke(app, ["--out", str(tmp_path), "--steps", "1"])
    assert outcome.exit_code == 2
    assert "--force" in outcome.output
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
