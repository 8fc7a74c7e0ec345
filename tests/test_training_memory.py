"""Memory before weights: against shapes, simulated steps and what others measured."""

import subprocess
import sys
from dataclasses import replace

import pytest

from training.architecture import Architecture, architecture_of, read_architecture
from training.memory import GIB, Setup, estimate, smaller

LLAMA_8B = Architecture(4096, 14336, 32, 32, 8, 128, 128256, tied=False)
SMALL = {
    "LlamaConfig": {"num_key_value_heads": 8, "tie_word_embeddings": False},
    "MistralConfig": {},
    "Qwen2Config": {"tie_word_embeddings": True},
    "Qwen3Config": {"head_dim": 128},
    "Gemma2Config": {},
    "Gemma3TextConfig": {},
    "Olmo2Config": {},
    "GraniteConfig": {},
    "SmolLM3Config": {},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_the_shape_gives_the_parameters_of_the_real_classes(name):
    import torch
    import transformers
    from peft import LoraConfig, get_peft_model

    config = getattr(transformers, name)(num_hidden_layers=4, **SMALL[name])
    with torch.device("meta"):
        base = transformers.AutoModelForCausalLM.from_config(config)
        size = sum(parameter.numel() for parameter in base.parameters())
        lora = LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(base, lora)
    shape = architecture_of(config.to_dict())
    assert shape is not None
    assert shape.parameters == pytest.approx(size, rel=1e-3)
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    assert shape.adapter_parameters(16, "all-linear") == trained


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize("dropout", [0.0, 0.05])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_simulated_step_of_an_8b_model_takes_what_is_estimated(dtype, dropout, checkpointing):
    from simulated_step import peak_bytes
    from transformers import LlamaConfig

    shape = replace(LLAMA_8B, layers=6, vocabulary=2000)
    config = LlamaConfig(
        hidden_size=4096, intermediate_size=14336, num_hidden_layers=6, num_attention_heads=32,
        num_key_value_heads=8, vocab_size=2000, tie_word_embeddings=False,
    )  # fmt: skip
    options = {"checkpointing": checkpointing, "dropout": dropout, "rank": 16}
    measured = peak_bytes(config, tokens=4096, dtype=dtype, **options)
    size = 4 if dtype == "float32" else 2
    # Keys and values are repeated for every head here as they are where rows are packed.
    setup = Setup(tokens=4096, dtype_bytes=size, **options)
    counted = estimate(shape, setup)
    mask = 3 * 4096**2 * (1 if checkpointing else 6)
    apart = counted.optimizer + counted.overhead + mask
    assert counted.total - apart == pytest.approx(measured, rel=0.07)


@pytest.mark.parametrize(
    ("setup", "published"),
    [
        # MakazhanAlpamys/Soup, issues 78 and 378: H100, rank 16, 4 x 1024 tokens, SDPA, no
        # checkpointing, on a 32-bit base (issue 339).
        (Setup(4096, dropout=0.0, dtype_bytes=4, checkpointing=False, packed=False), 70.99),
        # torchtune's README, 2 x 2048 packed tokens and torch.compile; rank 8, checkpointing and no
        # dropout by its recipe files llama3_1/8B_lora_single_device and 8B_qlora_single_device.
        (Setup(4096, rank=8, dropout=0.0, packed=False), 16.2),
        (Setup(4096, rank=8, dropout=0.0, packed=False, bits=4, double_quantized=True), 7.4),
    ],
)
def test_the_estimate_is_near_what_others_measured_at_8b(setup, published):
    assert estimate(LLAMA_8B, setup).total / GIB == pytest.approx(published, rel=0.15)


def test_what_sets_the_memory_moves_the_estimate():
    plain = Setup(tokens=4096)
    total = estimate(LLAMA_8B, plain).total

    def change(**options):
        return estimate(LLAMA_8B, replace(plain, **options)).total / total

    assert change(bits=4, double_quantized=True) < change(bits=4) < change(bits=8) < 1
    assert change(checkpointing=False) > 2
    assert change(checkpointing=False, attention="flash_attention_2") < change(checkpointing=False)
    assert change(attention="eager") > 1.1
    assert 1 < change(selective=True) < change(checkpointing=False)
    assert change(dtype_bytes=4) > 1.5
    assert 1 < change(rank=64) < change(rank=128)
    assert change(optimizer="adamw_8bit") < change(optimizer="adamw_torch_fused") == 1
    assert 1 < change(replicas=2) < 1.05
    assert change(shards=8) < 0.6
    assert change(tokens=8192) > 1.1


def test_what_to_lower_is_ever_less():
    setup = Setup(tokens=4096, dtype_bytes=4, checkpointing=False)
    totals = [estimate(LLAMA_8B, each).total for _, each in smaller(setup)]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] < estimate(LLAMA_8B, setup).total


def test_a_shape_is_read_from_a_folder_and_unknown_kinds_are_not_guessed(tmp_path):
    shape = read_architecture("examples/micro", cached_only=True)
    assert shape is not None
    assert 3.9e6 < shape.parameters < 4.1e6
    assert read_architecture("nobody/nothing", cached_only=True) is None
    for text in ('{"model_type": "mixtral"}', '{"model_type": "llama"}', "not JSON"):
        (tmp_path / "config.json").write_text(text)
        assert read_architecture(str(tmp_path)) is None


def test_the_estimate_imports_no_torch():
    code = (
        "import sys; from training.memory import *; from training.architecture import *;"
        "read_architecture('nobody/nothing', cached_only=True);"
        "print([n for n in ('torch', 'transformers', 'trl', 'peft') if n in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_adapter_sits_where_peft_would_put_it():
    shape = Architecture(8, 16, 4, 2, 1, 4, 100, tied=True)
    names = shape.adapted("all-linear").keys()
    assert shape.adapted(r".*\.(q_proj|v_proj)").keys() == {"q_proj", "v_proj"}
    assert shape.adapted(["mlp.up_proj"]).keys() == {"up_proj"}
    assert shape.adapted(r"model\.layers\..*_proj").keys() == names
    assert shape.adapted("q_proj|v_proj") == {}
    every, first = shape.adapter_parameters(8, ["q_proj"]), r".*\.0\..*q_proj"
    assert shape.adapter_parameters(8, first) == every // 4
