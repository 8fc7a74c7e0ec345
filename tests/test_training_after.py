"""What is done with an adapter after its training: served by vLLM, loaded by PEFT, merged, pushed.

Three are trained, on a plain and a quantised base, and served by one vLLM on the base as it is.
"""

import asyncio
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
from demo_command import HOME, hybridtune
from test_training_sft import MICRO, make_run

from hybridtune.progress import silent
from hybridtune.records import Session, read_jsonl
from hybridtune.serving.command import Served, vllm_command
from hybridtune.serving.process import free_port, running_server
from hybridtune.weights import model_digest
from training.launch import train_variant

pytestmark = pytest.mark.slow
SFT = {"max_steps": 8, "learning_rate": 5e-3, "gradient_accumulation_steps": 1}
NF4 = {
    "load_in_4bit": True,
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_use_double_quant": True,
    "bnb_4bit_compute_dtype": "float32",
}
KINDS = {
    "lora": {"sft": SFT | {"report_to": ["tensorboard"]}},
    "rslora": {"sft": SFT, "lora": {"r": 8, "use_rslora": True}},
    "qlora": {"sft": SFT, "quantization": NF4},
}
MOST = 24


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished training of each kind."""
    made = {name: make_run(tmp_path_factory.mktemp(name), **more) for name, more in KINDS.items()}
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(train_variant, *each_of(made[name])) for name in made]:
            done.result()
    return {name: run for name, (run, _) in made.items()}


def each_of(made):
    run, domain = made
    return run, "real", domain, silent()


def adapter_of(run):
    return run.variant("real") / "adapter"


@pytest.fixture(scope="module")
def prompts(runs):
    """Openings of some sessions as tokens, up to the counselor's turn."""
    from training.template import load_chat

    chat = load_chat(str(MICRO), None, "You are a kind counselor.")
    sessions = read_jsonl(runs["lora"].variant("real") / "dataset.jsonl", Session)[:5]
    talks = [[message.model_dump() for message in session.messages] for session in sessions]
    openings = [
        [{"role": turn["role"], "content": turn["content"]} for turn in talk[: 1 + 2 * (n % 2)]]
        for n, talk in enumerate(talks)
    ]
    return [chat.encode(chat.render(opening, ask=True))["input_ids"] for opening in openings]


def greedy(model, prompts):
    """The likeliest tokens after each prompt, by transformers."""
    import torch

    torch.set_num_threads(1)  # more only wait for each other with so small a model
    found = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=MOST,
            repetition_penalty=1.0,
        )
        found.append(out[0, len(prompt) :].tolist())
    return found


def plain_model(folder=MICRO):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()


@pytest.fixture(scope="module")
def wanted(runs, prompts):
    """The replies of base and adapters by transformers and PEFT."""
    from peft import PeftModel

    replies = {"base": greedy(plain_model(), prompts)}
    for name, run in runs.items():
        model = PeftModel.from_pretrained(plain_model(), str(adapter_of(run))).eval()
        replies[name] = greedy(model, prompts)
    return replies


async def by_vllm(runs, prompts, log):
    adapters = {name: adapter_of(run).resolve() for name, run in runs.items()}
    served = Served(str(MICRO), ("base",), dtype="float32", adapters=adapters)
    options = {
        "max_model_len": 512,
        "enforce_eager": True,
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": 4096,
    }
    port = free_port()
    async with (
        running_server(
            "vllm",
            vllm_command(served, port=port, options=options),
            port=port,
            log=log,
            env={"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
            timeout_s=300,
            reporter=silent(),
        ) as address,
        aiohttp.ClientSession() as http,
    ):
        return {
            name: [await completed(http, address, name, prompt) for prompt in prompts]
            for name in ("base", *adapters)
        }


async def completed(http, address, model, prompt):
    body = {
        "model": model,
        "prompt": prompt,
        "temperature": 0,
        "max_tokens": MOST,
        "return_token_ids": True,
    }
    async with http.post(f"{address}/completions", json=body) as response:
        answer = await response.json()
        assert response.status == 200, answer
        return answer["choices"][0]["token_ids"]


@pytest.mark.vllm
def test_vllm_and_peft_answer_with_the_same_tokens(runs, prompts, wanted, tmp_path):
    found = asyncio.run(by_vllm(runs, prompts, tmp_path / "vllm.log"))
    assert found == wanted
    assert all(wanted[name] != wanted["base"] for name in KINDS), "an adapter that changes nothing"
    assert max(len(reply) for replies in wanted.values() for reply in replies) > 5


def test_losses_go_to_tensorboard_in_the_run_folder(runs):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(runs["lora"].logs / "tensorboard" / "real"))
    events.Reload()
    losses = [event.value for event in events.Scalars("train/loss")]
    report = json.loads((runs["lora"].variant("real") / "training.json").read_text())
    assert losses == pytest.approx([point["loss"] for point in report["loss_curve"]])


def merged(run, out, *options, **environment):
    command = hybridtune("merge", str(run.path), "real", "--out", str(out), *options)
    return subprocess.run(
        command, cwd=HOME, capture_output=True, text=True, env=os.environ | environment
    )


@pytest.fixture(scope="module")
def merging(runs, tmp_path_factory):
    """The QLoRA adapter merged into the plain base, and pushed to a hub that is not there."""
    out = tmp_path_factory.mktemp("merged") / "model"
    before = model_digest(MICRO)
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_x"}
    done = merged(runs["qlora"], out, "--push", "nobody/nothing", **nowhere)
    assert model_digest(MICRO) == before
    return out, done


def test_a_merged_model_answers_as_base_and_adapter_do(prompts, wanted, merging):
    out, _ = merging
    assert greedy(plain_model(out), prompts) == wanted["qlora"]
    found = json.loads((out / "merge.json").read_text())
    assert found["dtype"] == "float32"
    assert 0 <= found["mean_difference"] <= found["largest_difference"] < 1e-3
    assert found["same_likeliest_token"] == 1
    assert "quantised base" in found["warnings"][0]


def test_a_merged_folder_is_whole_and_names_no_place_of_this_machine(runs, merging):
    from safetensors import safe_open

    out, _ = merging
    with safe_open(out / "model.safetensors", framework="np") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F32"}  # noqa: SIM118
    template = (MICRO / "chat_template.jinja").read_text()
    assert (out / "chat_template.jinja").read_text() == template
    texts = {path.name: path.read_text() for path in out.iterdir() if path.suffix != ".safetensors"}
    here = (str(HOME), str(runs["qlora"].path.parent), str(out))
    assert [name for name, text in texts.items() if any(place in text for place in here)] == []
    card = texts["README.md"]
    assert "library_name: transformers" in card
    assert "| rights of the sessions | 11 real, unstated |" in card
    assert "| base model | `micro`, float32 |" in card
    assert "differ by" in card
    assert [path.name for path in out.parent.iterdir()] == ["model"]


def test_a_push_that_fails_is_one_line_and_leaves_the_folder(merging):
    out, done = merging
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot push to nobody/nothing" in done.stderr
    assert f"hf upload nobody/nothing {out}" in done.stderr


def test_nothing_is_merged_over_something(runs, merging):
    out, _ = merging
    before = (out / "merge.json").read_bytes()
    done = merged(runs["lora"], out)
    assert done.returncode == 2
    assert "there already" in done.stderr
    assert (out / "merge.json").read_bytes() == before


def test_the_card_tells_scores_only_of_the_adapter_that_was_evaluated(runs):
    from training.card import further_rows

    run = runs["rslora"]
    run.eval.mkdir()
    analysis = {
        "rubric": {"title": "Empathy", "low": 1, "high": 10},
        "scripted": True,
        "variants": {"real": {"combined": {"mean": 6.5, "n": 16}}},
    }
    file = run.eval / "analysis.json"
    file.write_text(json.dumps(analysis))
    told = further_rows(run, "real")["evaluation"]
    assert told.startswith("Empathy, 1 to 10, by scripted stand-ins")
    assert told.endswith("combined 6.50 (n 16)")
    os.utime(file, ns=(1, 1))
    assert "evaluation" not in further_rows(run, "real")
