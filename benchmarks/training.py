"""Our training stage beside plain `trl sft`: same base, sessions and steps, in one run.

    python -m benchmarks.training [--steps 3] [--sessions 40] [--base 30m]
    python -m benchmarks.training --gpu [--size 8b]

Writes `benchmarks/results/training-cpu.json`: counselor tokens trained a second, the share of them
that is trained at all, padding, and peak memory beside the estimate. With `--gpu`, which needs one
but for `--size toy`, an 8-billion-parameter architecture with random weights, by LoRA and QLoRA,
and the options that might be faster: `training-gpu.json`. Every training is a process of its own.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.training_data import Talk, talks, write_base

HOME = Path(__file__).parent.parent
RESULTS = HOME / "benchmarks/results"
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes")
WINDOW = 1024  # TRL's default length: so both sides see rows of the same size
PROMPT = "You are a counselor. Listen, reflect and ask."
NF4 = {
    "load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True,
    "bnb_4bit_compute_dtype": "bfloat16",
}  # fmt: skip
FLASH = "kernels-community/flash-attn2"
# What is tried on a GPU: parts of `training`, over bfloat16 LoRA with windows of 4096 tokens.
CASES: dict[str, dict[str, Any]] = {
    "lora": {},
    "lora, no checkpointing": {"sft": {"gradient_checkpointing": False}},
    "lora, selective checkpointing": {
        "sft": {"gradient_checkpointing_kwargs": {"selective": True}}
    },
    "lora, FlashAttention": {"sft": {"model_init_kwargs": {"attn_implementation": FLASH}}},
    "lora, fused layers": {"sft": {"model_init_kwargs": {"use_kernels": True}}},
    "lora, no dropout": {"lora": {"lora_dropout": 0.0}},
    "qlora": {"quantization": NF4},
    "qlora, no checkpointing": {"quantization": NF4, "sft": {"gradient_checkpointing": False}},
}


def ours(
    folder: Path, base: Path, sessions: Sequence[Talk], steps: int, training: Mapping[str, Any],
    dtype: str = "float32",
) -> dict[str, Any]:  # fmt: skip
    """Train through the stage itself; what its `training.json` says."""
    from hybridtune.domain import Domain  # noqa: PLC0415
    from hybridtune.errors import HybridtuneError  # noqa: PLC0415
    from hybridtune.progress import silent  # noqa: PLC0415
    from training.launch import train_variant  # noqa: PLC0415

    run = run_of(folder, base, sessions, steps, training, dtype)
    try:
        train_variant(run, "real", Domain(folder / "pack"), silent())
    except HybridtuneError as error:
        return {"failed": str(error).splitlines()[:4]}
    report = json.loads((run.variant("real") / "training.json").read_text(encoding="utf-8"))
    trained = report["tokens_trained"] / report["tokens_seen"]
    turns = report["data"]["counselor_turns"] - report["data"]["untrained_turns"]
    names = ("steps", "tokens_per_s", "fill", "mfu", "peak_memory_bytes", "estimated_memory_bytes")
    return {
        **{name: report[name] for name in names},
        "counselor_tokens_per_s": report["tokens_per_s"] * trained,
        "counselor_tokens_trained": 1 - len(report["data"]["dropped_turns"]) / turns,
        "padding": report["padding"],
        "estimate_to_peak": report["estimated_memory_bytes"] / report["peak_memory_bytes"],
    }


def run_of(
    folder: Path, base: Path, sessions: Sequence[Talk], steps: int, training: Mapping[str, Any],
    dtype: str,
) -> Any:  # fmt: skip
    """A run folder with imported sessions and one variant."""
    from hybridtune.config import Experiment  # noqa: PLC0415
    from hybridtune.records import Message, Session, write_jsonl  # noqa: PLC0415
    from hybridtune.runs import Run  # noqa: PLC0415

    pack = folder / "pack"
    (pack / "prompts").mkdir(parents=True)
    (pack / "domain.yaml").write_text("title: Counseling\nopener: Hello.\n", encoding="utf-8")
    (pack / "prompts/counselor.jinja").write_text(PROMPT, encoding="utf-8")
    sft = {"max_steps": steps, "save_strategy": "no", **training.get("sft", {})}
    settings = {
        "name": "benchmark",
        "domain": str(pack),
        "model": {"name": str(base), "dtype": dtype},
        "servers": {"s": {"kind": "scripted"}},
        "roles": {each: {"server": "s"} for each in ("teacher", "patient", "counselor", "judge")},
        "corpus": {"paths": ["none"]},
        "training": {"held_out": 0, **training, "sft": sft},
        "variants": {"base": {}, "real": {"real": 1}},
        "evaluation": {"reference": "base"},
    }
    run = Run(folder / "run", Experiment.model_validate(settings))
    records = [
        Session(
            id=f"talk-{number}", domain="pack", source="real",
            messages=tuple(Message(**each) for each in talk),
        )
        for number, talk in enumerate(sessions)
    ]  # fmt: skip
    write_jsonl(run.corpus / "real.jsonl", records)
    run.path.mkdir(exist_ok=True)
    text = run.experiment.model_dump_json()
    (run.path / "experiment.json").write_text(text, encoding="utf-8")
    return run


def trl(
    folder: Path, base: Path, sessions: Sequence[Talk], steps: int, options: Sequence[str]
) -> dict[str, Any]:
    """`trl sft` on the same sessions, with the prompt as their first message."""
    data = folder / "data"
    data.mkdir(parents=True)
    prompt = {"role": "system", "content": PROMPT}
    lines = [json.dumps({"messages": [prompt, *talk]}) + "\n" for talk in sessions]
    (data / "train.jsonl").write_text("".join(lines), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("trl")), "sft", "--model_name_or_path", str(base)]
    command += ["--dataset_name", str(data), "--use_peft", "--lora_target_modules", "all-linear"]
    command += ["--max_steps", str(steps), "--logging_steps", "1", "--disable_tqdm", "true"]
    command += ["--output_dir", str(folder / "out"), "--save_strategy", "no", "--use_cpu", "true"]
    command += options
    threads = str(os.cpu_count() or 1)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "passive"},
    )  # fmt: skip
    said = done.stdout + done.stderr
    tokens = re.findall(r"'num_tokens': '?([\d.e+]+)", said)
    seconds = re.findall(r"'train_runtime': '?([\d.e+]+)", said)
    if done.returncode or not tokens or not seconds:
        return {"failed": said.strip().splitlines()[-4:]}
    return {
        "steps": steps,
        "options": " ".join(options) or "defaults",
        "tokens_per_s": float(tokens[-1]) / float(seconds[-1]),
        **truncated(base, sessions, batch=8),
    }


def truncated(base: Path, sessions: Sequence[Talk], batch: int) -> dict[str, float]:
    """What rows of whole sessions, cut at the window, hold: counselor tokens, and padding."""
    from training.template import IGNORED, load_chat  # noqa: PLC0415

    chat = load_chat(str(base), None, PROMPT)
    lengths, all_trained, kept = [], 0, 0
    for talk in sessions:
        places = [n for n, each in enumerate(talk) if each["role"] == "assistant"]
        row = chat.row(talk[: places[-1] + 1], places)
        marks = [label != IGNORED for label in row.labels]
        all_trained += sum(marks)
        kept += sum(marks[:WINDOW])
        lengths.append(min(len(marks), WINDOW))
    chance = random.Random(0)
    room = 0
    for _ in range(20):
        order = chance.sample(lengths, len(lengths))
        groups = [order[start : start + batch] for start in range(0, len(order), batch)]
        room += sum(max(group) * len(group) for group in groups)
    return {
        "counselor_tokens_trained": kept / all_trained,
        "counselor_share_of_tokens": kept / sum(lengths),
        "padding": 1 - 20 * sum(lengths) / room,
    }


def on_cpu(folder: Path, size: str, steps: int, count: int) -> dict[str, Any]:
    """Both sides on the CPU, and memory at two sizes."""
    source, sessions = talks(count)
    base = write_base(folder / "base", size, sessions, "float32", "cpu")
    rows = {"max_length": WINDOW, "context_tokens": 256}
    figures = {
        "ours": ours(folder / "ours", base, sessions, steps, rows),
        "trl": trl(folder / "trl", base, sessions, steps, []),
        "trl_as_ours": trl(
            folder / "trl2", base, sessions, steps,
            ["--bf16", "false", "--gradient_checkpointing", "false", "--dtype", "float32"],
        ),
    }  # fmt: skip
    mine = figures["ours"]
    for name in ("trl", "trl_as_ours"):
        other = figures[name]
        if "failed" in other:
            continue
        speed = other["tokens_per_s"] * other.pop("counselor_share_of_tokens")
        other["counselor_tokens_per_s"] = speed
        other["ours_to_this"] = mine["counselor_tokens_per_s"] / speed
    large = write_base(folder / "large", "80m", sessions, "bfloat16", "cpu")
    bare = {"max_length": WINDOW, "sft": {"gradient_accumulation_steps": 1, "use_cpu": True}}
    memory = {
        "80m, bfloat16": bare,
        "80m, bfloat16, checkpointing": {
            **bare, "sft": {**bare["sft"], "gradient_checkpointing": True},  # type: ignore[dict-item]
        },
    }  # fmt: skip
    figures["memory"] = {
        name: ours(folder / f"memory-{n}", large, sessions, 1, options, "bfloat16")
        for n, (name, options) in enumerate(memory.items())
    }
    left_out = "not measured: LLaMA-Factory needs trl<=0.24, which does not fit beside TRL 1.16"
    return {
        "base": size,
        "sessions": len(sessions),
        "source": source,
        **figures,
        "llama_factory": left_out,
    }


def on_gpu(folder: Path, size: str, steps: int, chosen: Sequence[str]) -> dict[str, Any]:
    """The cases, one process each; one that does not run says why."""
    import torch  # noqa: PLC0415

    gpu = torch.cuda.is_available()
    if not gpu and size == "8b":
        sys.exit("error: --gpu needs a GPU, but for --size toy")
    _, sessions = talks(40)
    base = write_base(folder / "base", size, sessions, "bfloat16", "cuda" if gpu else "cpu")
    window = 4096 if size == "8b" else 256
    cases = {}
    for number, name in enumerate(chosen):
        case = CASES[name]
        kernels = "model_init_kwargs" in case.get("sft", {})
        if kernels and importlib.util.find_spec("kernels") is None:
            cases[name] = {"failed": ["the package kernels is not installed"]}
            continue
        options = {"max_length": window, "context_tokens": window // 4, **case}
        options["sft"] = {
            "gradient_accumulation_steps": 2, "use_cpu": not gpu, **case.get("sft", {})
        }  # fmt: skip
        found = ours(folder / str(number), base, sessions, steps, options, "bfloat16")
        print(name, json.dumps(found), flush=True)
        cases[name] = found
    return {
        "device": torch.cuda.get_device_name() if gpu else "cpu",
        "size": size, "window": window, "cases": cases,
    }  # fmt: skip


def table(figures: Mapping[str, Any]) -> str:
    """The rows of docs/benchmarks.md."""
    lines = []
    names = {"ours": "ours", "trl": "`trl sft`, defaults", "trl_as_ours": "`trl sft`, float32"}
    for key, name in names.items():
        if "failed" in (arm := figures[key]):
            continue
        cells = [f"{arm['tokens_per_s']:.0f}", f"{arm['counselor_tokens_per_s']:.0f}"]
        cells += [f"{100 * arm['counselor_tokens_trained']:.0f} %", f"{100 * arm['padding']:.0f} %"]
        cells += [f"{arm['ours_to_this']:.1f}" if "ours_to_this" in arm else "-"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for name, arm in {figures["base"]: figures["ours"], **figures["memory"]}.items():
        if "failed" not in arm:
            sizes = [arm["estimated_memory_bytes"], arm["peak_memory_bytes"]]
            words = " | ".join(f"{size / 2**30:.2f} GiB" for size in sizes)
            lines.append(f"| {name} | {words} | {arm['estimate_to_peak']:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--base", choices=["7m", "30m"], default="30m", help="on the CPU")
    parser.add_argument("--size", choices=["toy", "8b"], default="8b", help="on the GPU")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--out", type=Path, help="instead of the file in benchmarks/results")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.gpu:
            figures = on_gpu(Path(name), arguments.size, arguments.steps, arguments.cases)
        else:
            figures = on_cpu(Path(name), arguments.base, arguments.steps, arguments.sessions)
    result = {
        "command": " ".join(["python -m benchmarks.training", *sys.argv[1:]]),
        "hardware": f"{os.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        "versions": {each: importlib.metadata.version(each) for each in PACKAGES},
        **figures,
    }
    path = arguments.out or RESULTS / f"training-{'gpu' if arguments.gpu else 'cpu'}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    if not arguments.gpu:
        print(table(result))


if __name__ == "__main__":
    main()
