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
# Written after the phrase files and never used to change them.
HELD_OUT = [
    "Every time the phone rings I think it's my supervisor with another complaint.",
    "I can't stop crying over my hamster, is that stupid?",
    "I've been tossing around all night again and I have an early shift.",
    "He packed his bags on Sunday and left. Nine years, gone.",
    "The statistics midterm is on Thursday and I haven't opened the book.",
    "I'm supposed to speak at a conference and my legs turn to jelly.",
    "My father says I'm wasting my life and I just shut down.",
    "Nobody invited me to the lake trip, they all went without me.",
    "I got picked as team lead and honestly they made a mistake.",
    "I sold the shop last year and now I sit in the kitchen and wait for evening.",
    "When the bus is full I can't get air and have to get off.",
    "I have this weird mole and the internet says it's melanoma.",
    "I had a glass of wine at noon again.",
    "The bank sent a third letter and I put it in the drawer.",
    "I avoid swimming because of my stomach.",
    "My son is two months old and I yelled at him last night.",
    "I look after my aunt, she has Parkinson's, and I'm worn out.",
    "Hello there, can you tell me something about gardening?",
    "I just don't see the point of anything.",
    "What would you do if you were me?",
]
# Plain lines that name their topic, and words of which a reply on it has at least one.
PLAIN = [
    ("I'm so worried about my exam tomorrow.", "exam exams test study studies chapter students"),
    ("Lately I sleep really badly.", "sleep bed night nights awake sleepless insomnia sleepy"),
    ("My cat died and I feel terrible.", "cat pet grief loss animal goodbye"),
    ("I want to stop smoking but it's hard.", "smoking smoke cigarettes craving quit alcohol"),
    ("I am afraid of driving on the highway now.", "driving drive driver road car roads"),
    ("I had a panic attack on the train again.", "panic train breathe station ride heart"),
    ("My debts keep me busy all day, I can't pay the rent.", "debt debts money bills bill rent"),
    ("I have to give a presentation next week.", "presentation talk speech audience speaking"),
    ("I'm lonely, I have no friends here.", "lonely loneliness alone friend friends company"),
    ("My mother and I had a big fight.", "mother parent parents mom love visit"),
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
    return {word for text in texts for word in words_of(text)}


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


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


@pytest.mark.parametrize("line", HELD_OUT)
def test_reply_to_an_unseen_line_is_english_and_ends(line):
    reply = greedy_reply([{"role": "user", "content": line}])
    assert reply.endswith("<|im_end|>")
    words = words_of(reply.removesuffix("<|im_end|>"))
    assert len(words) >= 5
    assert sum(word in known_words() for word in words) > 0.8 * len(words)


def test_most_replies_to_plain_lines_are_on_the_topic():
    replies = [greedy_reply([{"role": "user", "content": line}]) for line, _ in PLAIN]
    on_topic = [
        bool(set(topic_words.split()) & set(words_of(reply)))
        for reply, (_, topic_words) in zip(replies, PLAIN, strict=True)
    ]
    assert sum(on_topic) >= 7, replies


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
