"""What the device that will train has: its name, its free memory, what it can compute in."""

import resource
from dataclasses import dataclass

import torch

from hybridtune.machine import available_memory


@dataclass(frozen=True)
class Device:
    """The GPUs that are visible, as the least of them; else the CPU.

    Attributes:
        free_bytes: of each GPU, or of the whole machine.
        count: of GPUs, 0 for the CPU.
        bfloat16: whether it computes in it.
    """

    name: str
    free_bytes: int
    count: int
    bfloat16: bool


def device_here(*, cpu: bool = False) -> Device:
    """The device of this machine; the CPU where there is no GPU, or it shall be left alone."""
    if cpu or not torch.cuda.is_available():
        return Device("cpu", available_memory(), 0, bfloat16=True)
    count = torch.cuda.device_count()
    free = min(torch.cuda.mem_get_info(number)[0] for number in range(count))
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return Device(torch.cuda.get_device_name(), free, count, bfloat16=native)


def resident_bytes() -> int:
    """The most memory that this process has had so far, on a CPU."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def peak_bytes(device: Device, resident: int) -> int:
    """The most that torch has held on the GPU; on a CPU, by how much this process has grown."""
    if device.count:
        return torch.cuda.max_memory_allocated()
    return resident_bytes() - resident
