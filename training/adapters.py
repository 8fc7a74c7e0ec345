"""The finished adapter as a folder that appears whole, with the same bytes for the same training.

Writes `variants/<name>/adapter/adapter_model.safetensors` and `adapter_config.json`.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from hybridtune.config.training import BaseModelSettings
from hybridtune.records import read_json
from hybridtune.weights import CONFIG, TENSORS


def publish_adapter(saved: Path, adapter: Path, base: BaseModelSettings) -> None:
    """Put what the trainer saved into place, without its tokenizer, card and arguments."""
    whole = adapter.with_name(".adapter.whole")
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir()
    config = stable_config(read_json(saved / CONFIG), base)
    (whole / CONFIG).write_text(config, encoding="utf-8")
    (saved / TENSORS).rename(whole / TENSORS)
    for path in whole.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    if adapter.exists():
        shutil.rmtree(adapter)
    whole.rename(adapter)
    shutil.rmtree(saved)


def stable_config(config: dict[str, Any], base: BaseModelSettings) -> str:
    """An adapter's configuration with the base as the experiment names it, and sets in order."""
    config |= {"base_model_name_or_path": base.name, "revision": base.revision}
    for name in ("target_modules", "exclude_modules"):
        if isinstance(config.get(name), list):
            config[name] = sorted(config[name])
    return json.dumps(config, indent=2, sort_keys=True) + "\n"
