"""Adapters without a training: the files, as far as a digest reads them, and what tells of them."""

import json
from pathlib import Path

from hybridtune.records import write_json
from hybridtune.runs import Run
from hybridtune.weights import adapter_digest


def make_adapter(folder: Path, content: bytes) -> str:
    """The files of an adapter, and its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    tensor = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    header = json.dumps({"lora_A": tensor}).encode()
    body = len(header).to_bytes(8, "little") + header + content
    (folder / "adapter_model.safetensors").write_bytes(body)
    (folder / "adapter_config.json").write_text('{"r": 4}', encoding="utf-8")
    return adapter_digest(folder)


def adapters_in(run: Run) -> Run:
    """The run with an adapter of its own for each of its trained variants."""
    for name in run.experiment.trained_variants():
        digest = make_adapter(run.variant(name) / "adapter", name.encode())
        hashes = {"adapter": digest, "dataset": f"data of {name}"}
        write_json(run.variant(name) / "training.json", {"hashes": hashes})
    return run
