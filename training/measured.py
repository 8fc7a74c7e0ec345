"""How a training used its device: for `training.json`."""

from typing import Any

from hybridtune.config import Experiment
from training.device import Device, peak_bytes
from training.flops import flops_per_token, utilisation
from training.layout import Layout
from training.needs import memory_of


def measured(
    experiment: Experiment, layout: Layout, device: Device, report: dict[str, Any], resident: int
) -> dict[str, Any]:
    """Peak memory beside what was estimated, and the share of the GPU that was used.

    Args:
        experiment: that was trained.
        layout: of the processes.
        device: that they ran on.
        report: with data, processes and tokens a second.
        resident: memory of this process before anything was loaded.
    """
    processes = report["processes"]
    found = memory_of(experiment, gpu=device.count > 0, layout=layout, processes=processes)
    peak = peak_bytes(device, resident)
    if found is None:
        return {"peak_memory_bytes": peak, "estimated_memory_bytes": None, "mfu": None}
    shape, setup, needed = found
    window = report["data"]["tokens"] / report["data"]["windows"]
    flops = flops_per_token(shape, rank=setup.rank, targets=setup.targets, context=window)
    share = utilisation(flops, report["tokens_per_s"], device.name, processes)
    return {
        "peak_memory_bytes": peak,
        "estimated_memory_bytes": needed.total,
        "mfu": None if share is None else round(share, 4),
    }
