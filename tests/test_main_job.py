"""The whole main job on real parts: what it writes, and what holds of the three variants."""

import json
import math
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import offline
from demo_command import HOME, ON_GPU, hybridtune, small_demo

from hybridtune.manifest import digest
from hybridtune.records import Judgment, Session, read_json, read_jsonl
from hybridtune.serving.process import free_port
from hybridtune.weights import adapter_digest

pytestmark = [pytest.mark.slow, pytest.mark.vllm]

VARIANTS = ("base", "real", "hybrid")
GREETINGS = (
    "I failed my exam and I think I am stupid.",
    "My manager shouted at me and I keep thinking about it at night.",
    "I feel so lonely since I moved to this city.",
)


def test_every_variant_meets_every_scenario(demo_run: Path) -> None:
    sessions = read_jsonl(demo_run / "eval/conversations.jsonl", Session)
    cells = {(one.provenance["scenario"], one.provenance["variant"]) for one in sessions}
    assert len(sessions) == len(cells) == 4 * len(VARIANTS)
    assert {variant for _, variant in cells} == set(VARIANTS)
    seeds = {}
    for one in sessions:
        seeds.setdefault(one.provenance["scenario"], set()).add(one.provenance["seed"])
        assert all(turn.content.strip() for turn in one.messages)
        assert [turn.role for turn in one.messages[:2]] == ["user", "assistant"]
    assert all(len(seed) == 1 for seed in seeds.values())


def test_every_record_says_that_it_is_scripted(demo_run: Path) -> None:
    for session in read_jsonl(demo_run / "eval/conversations.jsonl", Session):
        assert session.provenance["patient"]["kind"] == "scripted"
        assert session.provenance["counselor"]["kind"] == "managed"
    for judgment in read_jsonl(demo_run / "eval/judgments.jsonl", Judgment):
        assert judgment.provenance["judge"]["kind"] == "scripted"
    for session in read_jsonl(demo_run / "generation/synthetic.jsonl", Session):
        assert "scripted" in json.dumps(session.provenance)
    assert "scripted" in (demo_run / "stdout.txt").read_text(encoding="utf-8")
    assert "scripted" in (demo_run / "eval/report.html").read_text(encoding="utf-8")


def test_analysis_counts_every_judgment(demo_run: Path) -> None:
    judgments = read_jsonl(demo_run / "eval/judgments.jsonl", Judgment)
    analysis = read_json(demo_run / "eval/analysis.json")
    assert len(judgments) == 4 * len(VARIANTS)
    assert analysis["scripted"] is True
    for judgment in judgments:
        assert (judgment.scores is None) != (judgment.missing is None)


def test_the_whole_job_runs_without_a_network(demo_run: Path, tmp_path: Path) -> None:
    # vLLM asks the system which address it would use to reach a name server, and copes without.
    blocked = demo_run.parent / "blocked.txt"
    tried = set(blocked.read_text(encoding="utf-8").split()) if blocked.exists() else set()
    assert tried <= {"8.8.8.8", "2001:4860:4860::8888"}
    own = tmp_path / "own.txt"
    reaching = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    done = subprocess.run(
        [sys.executable, "-c", reaching], env=offline(own), capture_output=True, check=False
    )
    assert b"blocked by the test" in done.stderr
    assert own.read_text(encoding="utf-8") == "192.0.2.1\n"


ALONE = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""Runs a command where the kernel has no network but loopback, whatever language it is in."""


def test_the_evaluation_runs_where_the_kernel_has_no_network(
    demo_run: Path, tmp_path: Path
) -> None:
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody make a network namespace (unshare, iproute2)")
    run = tmp_path / "run"
    shutil.copytree(demo_run, run, ignore=shutil.ignore_patterns("calls.sqlite*", "checkpoints"))
    shutil.rmtree(run / "eval")
    command = [*ALONE, sys.executable, "-m", "eval", str(run), "--force"]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert len(read_jsonl(run / "eval/conversations.jsonl", Session)) == 4 * len(VARIANTS)
    before, after = (read_json(each / "eval/analysis.json") for each in (demo_run, run))
    assert after.keys() == before.keys()
    assert (run / "eval/report.html").is_file()


def test_how_near_training_came_is_reported(demo_run: Path) -> None:
    overlap = read_json(demo_run / "eval/analysis.json")["overlap"]
    assert overlap["scenarios"] == 4
    for source in ("real", "synthetic"):
        found = overlap["sources"][source]
        assert found["sessions"] >= 5
        assert found["most_shared"] < overlap["limit_shared"]


def test_replay_of_the_held_out_sessions(demo_run: Path) -> None:
    command = hybridtune("eval", "replay", str(demo_run))
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = read_json(demo_run / "replay/replay.json")
    assert found["sessions"] >= 1
    for variant in VARIANTS:
        entry = found["variants"][variant]
        assert 0 < entry["measures"]["chrf"]["mean"] < 1
        assert entry["missing"] == {}
    told = {name: found["variants"][name]["perplexity"] for name in VARIANTS}
    loss = read_json(demo_run / "variants/hybrid/training.json")["held_out_loss"]
    assert told["hybrid"] == pytest.approx(math.exp(loss["after"]))
    assert told["base"] == pytest.approx(math.exp(loss["before"]))
    assert "hybrid" in done.stdout


def test_run_again_is_up_to_date(demo_run: Path, overrides: tuple[str, ...]) -> None:
    before = (demo_run / "manifest.json").read_bytes()
    done = subprocess.run(
        small_demo(demo_run, *overrides), cwd=HOME, capture_output=True, text=True, check=True
    )
    assert done.stderr.count("up to date") == 8
    assert json.loads(before)["steps"] == read_json(demo_run / "manifest.json")["steps"]


@pytest.fixture(scope="module")
def served(demo_run: Path) -> Iterator[str]:
    """`hybridtune serve` on the finished run."""
    port = free_port()
    process = subprocess.Popen(
        hybridtune("serve", str(demo_run), "--port", str(port)),
        cwd=HOME,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "serving" in line:
            break
    yield f"http://127.0.0.1:{port}/v1"
    process.send_signal(signal.SIGINT)
    process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 130
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)


def greedy(address: str, variant: str, text: str) -> str:
    """One greedy reply, asked as any OpenAI client would."""
    body = {
        "model": variant,
        "messages": [{"role": "user", "content": text}],
        "temperature": 0,
        "max_tokens": 40,
    }
    request = urllib.request.Request(
        f"{address}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return str(json.load(response)["choices"][0]["message"]["content"])


def test_variants_differ_and_adapters_reply_as_under_peft(served: str, demo_run: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # All at once, so that batches mix the variants: none may leak into another.
    asked = [(served, variant, text) for text in GREETINGS for variant in VARIANTS]
    with ThreadPoolExecutor(len(asked)) as pool:
        told = list(pool.map(lambda one: greedy(*one), asked))
    replies = {
        variant: [reply for (_, name, _), reply in zip(asked, told, strict=True) if name == variant]
        for variant in VARIANTS
    }
    assert len({tuple(reply) for reply in replies.values()}) == len(VARIANTS)
    if ON_GPU:
        pytest.skip("in bfloat16 the two engines round differently; equality is tested on a CPU")

    folder = HOME / "examples/micro"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for variant in VARIANTS:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        if variant != "base":
            model = PeftModel.from_pretrained(model, demo_run / "variants" / variant / "adapter")
        for text, reply in zip(GREETINGS, replies[variant], strict=True):
            prompt = tokenizer.apply_chat_template(
                [{"role": "user", "content": text}],
                add_generation_prompt=True,
                return_tensors="pt",
                return_dict=True,
            )
            with torch.no_grad():
                tokens = model.generate(**prompt, max_new_tokens=40, do_sample=False)
            new = tokens[0, prompt["input_ids"].shape[1] :]
            assert tokenizer.decode(new, skip_special_tokens=True) == reply


def test_adapters_are_two_and_the_base_is_untouched(demo_run: Path) -> None:
    digests = {name: adapter_digest(demo_run / f"variants/{name}/adapter") for name in VARIANTS[1:]}
    assert len(set(digests.values())) == 2
    assert (demo_run / "base-before.txt").read_text() == digest(HOME / "examples/micro")
