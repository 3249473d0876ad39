"""The roofline: how long a computation takes at least on a device, and what bounds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wirework.cost.devices import Device

Bound = Literal["compute", "memory"]


@dataclass(frozen=True, slots=True)
class Point:
    """Operations done in one go, on a device.

    Attributes:
        name: the first of them, with its block.
        flops: how many they are.
        moved: bytes.
        compute, memory: seconds that the arithmetic, and the moving, takes at least.
    """

    name: str
    flops: int
    moved: int
    compute: float
    memory: float

    @property
    def seconds(self) -> float:
        """The time it takes at least: both can be done at once."""
        return max(self.compute, self.memory)

    @property
    def bound(self) -> Bound:
        """What takes longer."""
        return "compute" if self.compute >= self.memory else "memory"


@dataclass(frozen=True, slots=True)
class Roofline:
    """A computation on a device.

    Attributes:
        device: the device.
        dtype: whose peak is taken.
        points: its operations, one after the other.
    """

    device: Device
    dtype: str
    points: tuple[Point, ...]

    @property
    def seconds(self) -> float:
        """The time it takes at least."""
        return sum(point.seconds for point in self.points)

    @property
    def whole(self) -> Point:
        """All of it as one."""
        return Point(
            "all",
            sum(point.flops for point in self.points),
            sum(point.moved for point in self.points),
            sum(point.compute for point in self.points),
            sum(point.memory for point in self.points),
        )

    @property
    def bound(self) -> Bound:
        """What bounds the larger part of the time."""
        compute = sum(point.seconds for point in self.points if point.bound == "compute")
        return "compute" if 2 * compute >= self.seconds else "memory"

    @property
    def ridge(self) -> float:
        """FLOPs per byte from which on the arithmetic takes longer than the moving."""
        return self.device.peak(self.dtype) / self.device.bandwidth

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return {
            "device": self.device.name,
            "dtype": self.dtype,
            "peak": self.device.peak(self.dtype),
            "bandwidth": self.device.bandwidth,
            "seconds": self.seconds,
            "bound": self.bound,
        }


def roofline(device: Device, dtype: str, work: Sequence[tuple[str, int, int]]) -> Roofline:
    """A computation from the name, the FLOPs and the bytes of each of its parts."""
    peak = device.peak(dtype)
    points = (Point(name, flops, moved, flops / peak, moved / device.bandwidth) for name, flops, moved in work)
    return Roofline(device, dtype, tuple(points))
