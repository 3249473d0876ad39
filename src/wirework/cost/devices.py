"""Devices: how fast they compute at most, and how fast their memory is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wirework.errors import SemanticError, did_you_mean

TERA, GIGA, KIBI = 10**12, 10**9, 2**10


@dataclass(frozen=True)
class Device:
    """What bounds the speed of a computation.

    Attributes:
        name: for people.
        peaks: FLOPs per second, by dtype.
        bandwidth: bytes per second between memory and processors.
        memory: bytes of memory, as far as known.
        fast_memory: bytes that one processor has close by for its tiles, as far as known.
    """

    name: str
    peaks: Mapping[str, float]
    bandwidth: float
    memory: int | None = None
    fast_memory: int | None = None

    def peak(self, dtype: str) -> float:
        """FLOPs per second in a dtype.

        Raises:
            SemanticError: if it is not known for this dtype.
        """
        if dtype not in self.peaks:
            raise SemanticError(
                f"{self.name} has no peak for {dtype}{did_you_mean(dtype, self.peaks)}: "
                f"choose from {', '.join(self.peaks)}"
            )
        return self.peaks[dtype]


def published(name: str, bandwidth: float, memory: int, fast_memory: int, **teraflops: float) -> Device:
    """A device by the figures of its maker."""
    peaks = {dtype: rate * TERA for dtype, rate in teraflops.items()}
    return Device(name, peaks, bandwidth * GIGA, memory * GIGA, fast_memory * KIBI)


# Dense rates, without sparsity, in the dtype's own arithmetic (float32: not TF32), of matrix units where there are
# any; memory in gigabytes, bandwidth in gigabytes per second, shared memory per processor in KiB. From the makers'
# data sheets: NVIDIA H100 (2023), H200 (2024), A100 80GB (2021), V100 (2020), L4 (2023) and T4 (2019) Tensor Core GPU
# data sheets and, for shared memory, the CUDA C++ Programming Guide; AMD Instinct MI300X data sheet (2023).
DEVICES: Mapping[str, Device] = {
    "h100": published("NVIDIA H100 SXM", 3350, 80, 227, float64=66.9, float32=66.9, bfloat16=989.4, float16=989.4),
    "h200": published("NVIDIA H200 SXM", 4800, 141, 227, float64=66.9, float32=66.9, bfloat16=989.4, float16=989.4),
    "a100": published("NVIDIA A100 SXM 80GB", 2039, 80, 163, float64=19.5, float32=19.5, bfloat16=312, float16=312),
    "v100": published("NVIDIA V100 SXM2", 900, 32, 96, float64=7.8, float32=15.7, float16=125),
    "l4": published("NVIDIA L4", 300, 24, 99, float32=30.3, bfloat16=121, float16=121),
    "t4": published("NVIDIA T4", 320, 16, 64, float32=8.1, float16=65),
    "mi300x": published(
        "AMD Instinct MI300X", 5300, 192, 64, float64=163.4, float32=163.4, bfloat16=1307.4, float16=1307.4
    ),
}
HERE = "here"  # the name of the machine that this runs on, measured


def device(name: str | Device) -> Device:
    """A device by name, "here" for this machine as `measured` finds it, or one of your own as it is.

    Raises:
        SemanticError: if there is none of that name.
    """
    if isinstance(name, Device):
        return name
    if name.lower() == HERE:
        return measured()
    if name.lower() not in DEVICES:
        known = [*DEVICES, HERE]
        raise SemanticError(f"there is no device {name!r}{did_you_mean(name, known)}: choose from {', '.join(known)}")
    return DEVICES[name.lower()]


def measured(side: int = 1024, length: int = 2**24, repeats: int = 5) -> Device:
    """This machine as NumPy uses it: the best of some matrix products, and of some copies.

    Args:
        side: of the matrices.
        length: numbers that are copied; make them too many for the caches.
        repeats: how often each is done.
    """
    source, target = np.ones(length, np.float32), np.zeros(length, np.float32)
    bandwidth = 2 * source.nbytes / best(lambda: np.copyto(target, source), repeats)
    peaks = {}
    for dtype in ("float32", "float64"):
        x = np.ones((side, side), dtype)
        peaks[dtype] = 2 * side**3 / best(lambda x=x: x @ x, repeats)
    return Device("this machine", peaks, bandwidth)


def best(function: Callable[[], object], repeats: int) -> float:
    """The shortest time that a function takes, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
