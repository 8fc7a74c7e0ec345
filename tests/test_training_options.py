import subprocess
import sys

import pytest

from hybridtune.config.training import TrainingSettings
from hybridtune.errors import ConfigError
from training.options import OURS, REMOVED, SOURCES, check_training, fields


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sft": {"warmup_ratio": 0.1}}, r"sft.warmup_ratio: no longer an option \(write warmup_s"),
        ({"sft": {"learning_rte": 1}}, "did you mean 'learning_rate'"),
        ({"sft": {"learning_rate": "high"}}, "'high' is not of type float"),
        ({"sft": {"per_device_train_batch_size": 1.5}}, "not of type int"),
        ({"sft": {"max_length": 512}}, r"not to be set here \(set training.max_length"),
        ({"sft": {"push_to_hub": True}}, r"nothing is uploaded, except by .*merge --push"),
        ({"sft": {"hub_model_id": "me/it"}}, "nothing is uploaded"),
        ({"sft": {"save_only_model": True}}, "could not be resumed"),
        ({"sft": {"ignore_data_skip": True}}, "would meet rows again"),
        ({"sft": {"packing_strategy": "wrapped"}}, "sessions see each other"),
        ({"sft": {"model_init_kwargs": {"dtype": "float32"}}}, "set model.dtype"),
        ({"sft": {"load_best_model_at_end": True}, "held_out": 0}, "nothing to evaluate on"),
        ({"lora": {"r": 12}}, r"lora.r: vLLM allocates no rank 12, only 1, 8, .*\(take 16\)"),
        ({"lora": {"r": 640}}, r"no rank 640.*\(take 512"),
        ({"lora": {"rank_pattern": {"q_proj": 4}}}, r"rank_pattern.q_proj: .*\(take 8\)"),
        ({"lora": {"use_dora": True}}, "lora.use_dora: vLLM does not serve"),
        ({"lora": {"bias": "all"}}, "no biases"),
        ({"lora": {"modules_to_save": ["lm_head"]}}, "lora.modules_to_save"),
        ({"lora": {"trainable_token_indices": [3]}}, "lora.trainable_token_indices"),
        ({"lora": {"init_lora_weights": "pissa"}}, "starts from 'pissa'"),
        ({"lora": {"target_modules": ["q_proj", "lm_head"]}}, "adapter on 'lm_head'"),
        ({"lora": {"target_modules": ".*(lm_head|q_proj)"}}, "adapter on 'lm_head'"),
        ({"lora": {"target_modules": "(q_proj"}}, "is no regular expression"),
        ({"lora": {"lora_alhpa": 16}}, "did you mean 'lora_alpha'"),
        ({"quantization": {"load_in_4bits": True}}, "did you mean 'load_in_4bit'"),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy(options, message):
    with pytest.raises(ConfigError, match=message):
        check_training(TrainingSettings.model_validate(options))


def test_usual_options_pass():
    check_training(
        TrainingSettings(
            sft={"learning_rate": 1e-4, "num_train_epochs": 2, "lr_scheduler_type": "linear",
                 "warmup_steps": 0.1, "report_to": "tensorboard", "packing": False},
            lora={"r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "use_rslora": True},
            quantization={"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
        )
    )  # fmt: skip


def test_the_check_imports_no_torch():
    code = (
        "import sys; from training.options import *; check_training(TrainingSettings());"
        "print([n for n in ('torch', 'transformers', 'trl', 'peft') if n in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("section", SOURCES)
def test_our_lists_fit_the_installed_libraries(section):
    known = fields(section)
    stale = [name for name in OURS[section] if name not in known and name != "quant_method"]
    assert stale == []
    assert not (known.keys() & REMOVED.keys()) - OURS[section].keys()


def test_every_option_of_the_hub_is_ours():
    uploading = {name for name in fields("sft") if name.startswith(("hub_", "push_to_hub"))}
    assert uploading
    assert uploading <= OURS["sft"].keys() | REMOVED.keys()


@pytest.mark.slow
def test_the_parsed_names_are_the_real_ones():
    import dataclasses

    from peft import LoraConfig
    from trl import SFTConfig

    for section, kind in (("sft", SFTConfig), ("lora", LoraConfig)):
        real = {field.name for field in dataclasses.fields(kind) if field.init}
        assert real - {"_custom_modules"} <= fields(section).keys()
