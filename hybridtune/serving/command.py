"""The vLLM command line for a base model and its adapters: pure functions.

All variants are served by one vLLM: the base model under the names of the untrained variants, and
one LoRA module per trained one.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridtune.errors import DataError, InputError
from hybridtune.records import read_json

# What `--max-lora-rank` accepts (vLLM 0.32, vllm/config/lora.py).
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


WRITING: Mapping[str, Any] = {
    # Else vLLM fills what a request leaves out from the model's own generation_config.json, such as
    # a repetition penalty, and a judge at temperature 0 is not greedy.
    "generation_config": "vllm",
    # A weak model that may write spaces between two JSON fields can do so to the token limit. Of
    # the two backends that can forbid it, guidance takes 1 ms for a schema that it has not seen,
    # whatever the vocabulary: every persona has a schema of its own.
    "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
}
"""Options of a server that writes."""


@dataclass(frozen=True)
class Served:
    """What one vLLM process serves.

    Attributes:
        model: hub id or folder.
        names: under which the model itself answers.
        adapters: LoRA folders by the name under which they answer.
        embeds: whether it turns texts into vectors instead of writing.
    """

    model: str
    names: tuple[str, ...]
    revision: str | None = None
    dtype: str = "auto"
    adapters: Mapping[str, Path] | None = None
    embeds: bool = False


def vllm_command(
    served: Served, *, port: int, options: Mapping[str, Any], host: str = "127.0.0.1"
) -> list[str]:
    """The command that serves it, to be run with this Python.

    `options` are vLLM's by their own names, e.g. `{"max_model_len": 4096}`; they win over ours.

    Raises:
        DataError: an adapter folder is not one.
        InputError: an adapter's rank is more than vLLM serves.
    """
    ours: dict[str, Any] = {"host": host, "port": port, "dtype": served.dtype}
    ours |= {"runner": "pooling"} if served.embeds else WRITING
    if served.revision:
        ours["revision"] = served.revision
    adapters = served.adapters or {}
    if adapters:
        configs = [adapter_config(folder) for folder in adapters.values()]
        ranks = [
            rank
            for one in configs
            for rank in (one["r"], *(one.get("rank_pattern") or {}).values())
        ]
        ours |= {
            "enable_lora": True,
            # One slot stays empty on purpose. vLLM 0.32 on a CPU marks requests without an adapter
            # with slot -1, which its torch kernels read as the last slot: in a mixed batch the
            # base model would answer with somebody's adapter. An empty slot adds nothing.
            "max_loras": len(adapters) + 1,
            "max_lora_rank": served_rank(max(ranks)),
        }
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", served.model, "--served-model-name", *served.names]
    if adapters:
        # As JSON: the short form `name=path` breaks at a comma in the path.
        modules = (
            json.dumps({"name": name, "path": str(folder)}) for name, folder in adapters.items()
        )
        command += ["--lora-modules", *modules]
    return command + flags({**ours, **{dashed(name): value for name, value in options.items()}})


def dashed(name: str) -> str:
    """Option names may be written with dashes or underscores."""
    return name.replace("-", "_")


def flags(options: Mapping[str, Any]) -> list[str]:
    """Options as command line words: true is a bare flag, false its `--no-` twin, None nothing."""
    words: list[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value is False:
            words.append("--no-" + flag.removeprefix("--"))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            words += [flag, *(str(item) for item in value)]
        elif value is not None:
            words += [flag, json.dumps(value) if isinstance(value, dict) else str(value)]
    return words


def served_rank(rank: int) -> int:
    """The smallest rank setting of vLLM that holds an adapter of this rank."""
    for setting in LORA_RANKS:
        if rank <= setting:
            return setting
    raise InputError(
        f"LoRA rank {rank} is more than vLLM serves ({LORA_RANKS[-1]})", where="training.lora.r"
    )


def adapter_config(folder: Path) -> dict[str, Any]:
    """An adapter's `adapter_config.json`.

    Raises:
        DataError: the folder holds no adapter.
    """
    if not (folder / "adapter_config.json").is_file():
        raise DataError("no adapter here", where=str(folder), fix="run the training stage first")
    config: dict[str, Any] = read_json(folder / "adapter_config.json")
    return config


def same_folder(one: str, other: str) -> bool:
    """Whether two names of models are the same folder, written differently."""
    return Path(one).is_dir() and Path(other).is_dir() and Path(one).samefile(other)


def check_adapter_base(folder: Path, model: str) -> None:
    """Refuse an adapter that was trained on another base model.

    Raises:
        InputError: its configuration names another base.
    """
    base = str(adapter_config(folder).get("base_model_name_or_path"))
    if base != model and not same_folder(base, model):
        raise InputError(
            f"the adapter was trained on {base!r}, the experiment's base is {model!r}",
            where=str(folder / "adapter_config.json"),
            fix="train the variant again, or set model.name to that base",
        )
