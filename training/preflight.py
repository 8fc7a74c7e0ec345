"""Everything that can be known to fail, or to disappoint, before a weight is loaded.

Reads the experiment, accelerate's launch file, the base model's `config.json` and tokenizer.
Writes nothing. `training.sft` stops at what fails here; `hybridtune train check` lists all of it.
"""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hybridtune.config import Experiment
from hybridtune.config.servers import ManagedServer
from hybridtune.doctor import Check, Status
from hybridtune.domain import Domain
from hybridtune.errors import ConfigError, InputError
from hybridtune.serving.quantization import UNSERVED, serves_quantized
from training.defaults import SFT
from training.device import Device
from training.layout import Layout, layout_of
from training.libraries import check_targets, check_values
from training.memory import GIB, Estimate, estimate, smaller
from training.needs import checkpoint_bytes, memory_of
from training.options import check_training
from training.template import serving_chat

MARGIN = 1.15
"""How far the estimate and the measured peak may be apart."""


def checks(experiment: Experiment, domain: Domain, folder: Path, device: Device) -> Iterator[Check]:
    """All checks, in the order in which a person would mend them; the quick ones first."""
    options = list(check_options(experiment))
    yield from options
    if all(check.status == "ok" for check in options):
        yield from check_values(experiment, folder)
    try:
        layout = layout_of(experiment.training)
    except InputError as error:
        yield Check("launch", "fail", f"{error.where}: {error.what}", error.fix)
        return
    processes = processes_of(layout, device) * layout.machines
    yield from before_weights(experiment, layout, device, processes)
    yield check_disk(experiment, layout, folder)
    yield from check_serving(experiment)
    yield check_chat(experiment, domain)


def before_weights(
    experiment: Experiment, layout: Layout, device: Device, processes: int
) -> Iterator[Check]:
    """What depends on device, processes and model: the part that `training.sft` repeats.

    Args:
        experiment: that is to be trained.
        layout: how the processes share.
        device: of this machine.
        processes: of all machines together.
    """
    yield check_launch(experiment, layout, device)
    yield from check_targets(experiment)
    yield from check_quantization(experiment)
    yield check_precision(experiment, layout, device)
    yield check_memory(experiment, layout, device, processes)


def refuse(found: Iterator[Check]) -> list[str]:
    """Stop at the first check that fails; the warnings of the others.

    Raises:
        ConfigError: with the remedy.
    """
    warnings = []
    for check in found:
        if check.status == "fail":
            raise ConfigError(check.detail, where=f"training ({check.name})", fix=check.remedy)
        if check.status == "warn":
            remedy = f" ({check.remedy})" if check.remedy else ""
            warnings.append(f"{check.name}: {check.detail}{remedy}")
    return warnings


def processes_of(layout: Layout, device: Device) -> int:
    """How many processes will start on this machine; one a GPU where nothing is said."""
    if layout.processes is None:
        return max(device.count, 1)
    return max(layout.processes // layout.machines, 1)


def check_options(experiment: Experiment) -> Iterator[Check]:
    """Every name and value that TRL, PEFT, bitsandbytes or, later, vLLM refuses."""
    settings = experiment.training
    found: dict[str, Check] = {}
    empty: dict[str, Any] = {"sft": {}, "lora": {}, "quantization": None}
    alone = [
        settings.model_copy(update=empty | {section: {name: value}})
        for section in empty
        for name, value in (getattr(settings, section) or {}).items()
    ]
    for each in (*alone, settings):
        try:
            check_training(each)
        except ConfigError as error:
            told = f"{error.where}: {error.what}"
            found.setdefault(error.where, Check("options", "fail", told, error.fix))
    count = len(alone)
    yield from found.values() or [Check("options", "ok", f"{count} known, the adapter servable")]


def check_launch(experiment: Experiment, layout: Layout, device: Device) -> Check:
    """Can accelerate start these processes here, and can they share the weights?"""
    settings = experiment.training
    multi = "training.accelerate_config: configs/accelerate/multi_gpu.yaml"
    kind = layout.kind if layout.processes != 1 else "one process"
    if layout.sharded and settings.quantization:
        detail = f"{layout.kind} does not shard a quantised base soundly"
        return Check("launch", "fail", detail, f"{multi}, or training.quantization: null")
    if layout.kind == "DEEPSPEED" and importlib.util.find_spec("deepspeed") is None:
        return Check("launch", "fail", "DeepSpeed is not installed", "pip install deepspeed")
    if layout.kind == "MULTI_GPU" and not (device.count or layout.cpu):
        remedy = "on a CPU: training.env: {ACCELERATE_USE_CPU: 'true'}"
        return Check("launch", "fail", "DDP over GPUs, and there is none", remedy)
    processes = processes_of(layout, device)
    if device.count and processes > device.count:
        detail = f"{processes} processes for {device.count} GPUs"
        remedy = f"training.accelerate_args: [--num_processes, '{device.count}']"
        return Check("launch", "fail", detail, remedy)
    if device.count > 1 and layout.processes == 1:
        detail = f"one process, and {device.count} GPUs"
        return Check("launch", "warn", detail, f"to use them all: {multi}")
    several = f"{processes} x {kind}" if kind != "one process" else kind
    return Check("launch", "ok", several)


def check_quantization(experiment: Experiment) -> Iterator[Check]:
    """QLoRA as its paper has it: NF4, double quantisation, computed in 16 bits."""
    options = experiment.training.quantization
    if not options:
        return
    if importlib.util.find_spec("bitsandbytes") is None:
        remedy = "pip install -e '.[training]'"
        yield Check("quantization", "fail", "bitsandbytes is not installed", remedy)
    wanted = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
    if experiment.model.dtype != "float32":
        wanted["bnb_4bit_compute_dtype"] = experiment.model.dtype
    missing = {name: value for name, value in wanted.items() if options.get(name) != value}
    if options.get("load_in_4bit") and missing:
        told = ", ".join(f"{name}: {str(value).lower()}" for name, value in missing.items())
        detail = "4 bits, but not as in the QLoRA paper"
        yield Check("quantization", "warn", detail, f"training.quantization: {{{told}, ...}}")
    elif options.get("load_in_4bit"):
        yield Check("quantization", "ok", "4-bit NF4, double quantisation")


def check_precision(experiment: Experiment, layout: Layout, device: Device) -> Check:
    """Does the device compute in the base model's precision?"""
    told = layout.cpu or experiment.training.sft.get("use_cpu")
    dtype = experiment.model.dtype
    if dtype == "bfloat16" and not device.bfloat16:
        remedy = "model.dtype: float16"
        return Check("precision", "fail", f"{device.name} has no bfloat16", remedy)
    if dtype == "bfloat16" and not (device.count or told):
        remedy = "training.sft.use_cpu: true"
        return Check("precision", "fail", "transformers wants to be told of a CPU", remedy)
    if dtype == "float32" and device.count:
        detail = "float32 takes twice the memory of a frozen base, and several times the time"
        return Check("precision", "warn", detail, "model.dtype: bfloat16")
    return Check("precision", "ok", f"{dtype} on {device.name}")


def check_memory(experiment: Experiment, layout: Layout, device: Device, processes: int) -> Check:
    """Refuses what is too large even if the estimate is too high, warns where it is close."""
    gpu = device.count > 0
    found = memory_of(experiment, gpu=gpu, layout=layout, processes=processes)
    free = device.free_bytes if gpu else device.free_bytes // max(processes // layout.machines, 1)
    if found is None:
        detail = f"no estimate, {free / GIB:.1f} GiB are free: no config.json of "
        detail += f"{experiment.model.name} to be had, or of a kind that is not covered"
        return Check("memory", "warn", detail, "covered are dense decoders as Llama, Qwen, Gemma")
    shape, setup, needed = found
    detail = f"{needed.total / GIB:.1f} GiB needed ({parts(needed)}), {free / GIB:.1f} free"
    if needed.total * MARGIN <= free:
        return Check("memory", "ok", detail)
    status: Status = "fail" if needed.total > MARGIN * free else "warn"
    remedies = [
        f"{what}: {estimate(shape, smaller_setup).total / GIB:.1f} GiB"
        for what, smaller_setup in smaller(setup)
    ]
    return Check("memory", status, detail, "; ".join(remedies) or "take a smaller base model")


def parts(needed: Estimate) -> str:
    """What holds the memory, in words."""
    trained = needed.adapter + needed.gradients + needed.optimizer
    values = {
        "base": needed.base,
        "adapter, gradients and optimizer": trained,
        "activations": needed.activations,
        "head and loss": needed.head,
        "other": needed.overhead,
    }
    return ", ".join(f"{name} {value / GIB:.2f}" for name, value in values.items())


def check_disk(experiment: Experiment, layout: Layout, folder: Path) -> Check:
    """Room for the checkpoints that are kept, one more while it is written, and the adapter."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    found = memory_of(experiment, gpu=True, layout=layout, processes=1)
    if found is None:
        return Check("disk", "ok", f"{free / GIB:.1f} GiB free")
    kept = (SFT | experiment.training.sft)["save_total_limit"] or 10
    needed = (kept + 2) * checkpoint_bytes(found[0], found[1])
    detail = f"{needed / GIB:.2f} GiB needed for checkpoints, {free / GIB:.1f} free in {there}"
    if needed > free:
        return Check("disk", "fail", detail, "free some, or lower training.sft.save_total_limit")
    return Check("disk", "ok", detail)


def check_serving(experiment: Experiment) -> Iterator[Check]:
    """Will the adapter meet the base that it was trained on?"""
    if not experiment.training.quantization:
        return
    server = experiment.server_of("counselor")
    remedy = "serve with vLLM's quantization: bitsandbytes on a GPU, or compare with care"
    try:
        alike = isinstance(server, ManagedServer) and serves_quantized(experiment, server)
    except ConfigError as error:
        yield Check("serving", "warn", f"{error.where}: {error.what}", error.fix)
        return
    if alike:
        yield Check("serving", "ok", "vLLM quantises the base in 4 bits as well")
    else:
        yield Check("serving", "warn", UNSERVED, remedy)


def check_chat(experiment: Experiment, domain: Domain) -> Check:
    """The tokenizer, and a short conversation through the template that will serve it."""
    try:
        chat = serving_chat(experiment, domain.system_prompt)
    except InputError as error:
        return Check("template", "fail", f"{error.where}: {error.what}", error.fix)
    opener = ", takes an opener" if chat.needs_opener else ""
    return Check("template", "ok", f"{len(chat.tokenizer):,} tokens, rendered as served{opener}")
