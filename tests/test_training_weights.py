import json
import os

import pytest

from hybridtune.errors import DataError
from hybridtune.weights import adapter_digest, model_digest


@pytest.fixture
def save(tmp_path):
    """Writes an adapter and gives its folder."""
    import numpy as np
    from safetensors.numpy import save_file

    def write(name, *, value=1.0, config=None, order=("a", "b"), metadata=None):
        folder = tmp_path / name
        folder.mkdir()
        tensors = {key: np.full((2, 3), value, dtype=np.float32) for key in order}
        save_file(tensors, folder / "adapter_model.safetensors", metadata=metadata)
        settings = {"r": 8, "target_modules": ["q", "v"], "base_model_name_or_path": "x"}
        (folder / "adapter_config.json").write_text(json.dumps(settings | (config or {})))
        return folder

    return write


def test_an_adapters_digest_is_its_content_not_its_place_or_order(save):
    digest = adapter_digest(save("one"))
    same = {"target_modules": ["v", "q"], "base_model_name_or_path": "/elsewhere/x"}
    assert adapter_digest(save("two", config=same, order=("b", "a"))) == digest
    assert adapter_digest(save("three", metadata={"format": "pt"})) == digest
    assert adapter_digest(save("four", value=2.0)) != digest
    assert adapter_digest(save("five", config={"lora_alpha": 32})) != digest
    assert adapter_digest(save("six", order=("a", "c"))) != digest


def test_a_torn_or_missing_adapter_is_an_error(save):
    folder = save("torn")
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match="cut off"):
        adapter_digest(folder)
    path.write_bytes(b"abc")
    with pytest.raises(DataError, match="not a safetensors file"):
        adapter_digest(folder)
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        adapter_digest(folder)


def test_a_models_digest_follows_its_files(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").write_text("{}")
    before = model_digest(tmp_path)
    (tmp_path / "README.md").write_text("words")
    assert model_digest(tmp_path) == before
    (tmp_path / "model.safetensors").write_bytes(b"WEIGHTS")
    os.utime(tmp_path / "model.safetensors", ns=(1, 1))
    assert model_digest(tmp_path) != before


def test_the_digest_of_a_sentence_model_follows_how_it_pools(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    pooling = tmp_path / "1_Pooling" / "config.json"
    pooling.parent.mkdir()
    pooling.write_text('{"pooling_mode_cls_token": true}')
    plain = model_digest(tmp_path)
    (tmp_path / "modules.json").write_text('[{"path": "1_Pooling"}]')
    before = model_digest(tmp_path)
    pooling.write_text('{"pooling_mode_mean_tokens": true}')
    assert model_digest(tmp_path) != before
    # Of other models, folders inside are not served.
    (tmp_path / "modules.json").unlink()
    assert model_digest(tmp_path) == plain


def test_a_hub_ids_digest_is_its_name_and_revision():
    assert model_digest("org/model", "abc") == model_digest("org/model", "abc")
    assert model_digest("org/model", "abc") != model_digest("org/model", "abd")
