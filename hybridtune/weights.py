"""What a model's weights are, as a digest: its name may stay while its content changes.

Reads `adapter_model.safetensors` and `adapter_config.json` of an adapter, or a model's folder.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from hybridtune.errors import DataError
from hybridtune.records import read_json

TENSORS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
# Where the base model lies, and who wrote the file, change nothing in what an adapter answers.
WITHOUT_EFFECT = {"base_model_name_or_path", "inference_mode", "peft_version", "revision"}
MODULES = "modules.json"
"""By which one knows a model of the sentence-transformers kind."""
MODEL_FILES = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.model", "*.txt", "*.py")


def adapter_digest(folder: Path) -> str:
    """SHA-256 over an adapter's tensors and settings, wherever it lies and its base model.

    Raises:
        DataError: there is no whole adapter in the folder.
    """
    total = hashlib.sha256()
    total.update(json.dumps(effective_settings(folder / CONFIG), sort_keys=True).encode())
    path = folder / TENSORS
    header, start = tensor_header(path)
    with path.open("rb") as file:
        for name in sorted(header.keys() - {"__metadata__"}):
            tensor = header[name]
            first, end = tensor["data_offsets"]
            file.seek(start + first)
            content = file.read(end - first)
            if len(content) != end - first:
                raise DataError("cut off", where=str(path), fix="train the variant again")
            total.update(f"\0{name}\0{tensor['dtype']}\0{tensor['shape']}\0".encode())
            total.update(content)
    return total.hexdigest()


def effective_settings(path: Path) -> dict[str, Any]:
    """An adapter's configuration as far as it matters; sets that became lists are sorted."""
    settings: dict[str, Any] = read_json(path)
    return {
        key: sorted(value, key=str) if isinstance(value, list) else value
        for key, value in settings.items()
        if key not in WITHOUT_EFFECT
    }


def tensor_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file, and where its data begins."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(min(length, 100_000_000)))
    except FileNotFoundError:
        raise DataError("no such file", where=str(path), fix="train the variant first") from None
    except ValueError:
        raise DataError("not a safetensors file", where=str(path)) from None
    return header, 8 + length


def model_digest(model: str | Path, revision: str | None = None) -> str:
    """SHA-256 over the files of a model's folder; of its name and revision, if it is a hub id.

    Documents beside the model (`README.md`, licences) do not count. Of a sentence embedding model
    the folders of its modules do, which say how tokens become one vector.
    """
    folder = Path(model)
    if not folder.is_dir():
        return hashlib.sha256(f"{model}@{revision}".encode()).hexdigest()
    total = hashlib.sha256()
    places = [folder]
    if (folder / MODULES).is_file():
        places += [each for each in folder.iterdir() if each.is_dir()]
    files = {file for place in places for pattern in MODEL_FILES for file in place.glob(pattern)}
    for path in sorted(files):
        stat = path.stat()
        digest = file_digest(path.resolve(), stat.st_size, stat.st_mtime_ns)
        total.update(f"{path.relative_to(folder)}\0{digest}\0".encode())
    return total.hexdigest()


@lru_cache(maxsize=4096)
def file_digest(path: Path, _size: int, _mtime_ns: int) -> str:
    """SHA-256 of a file, read again only when its size or time has changed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
