"""What a circuit costs, in formulas over the names of its axes."""

from wirework.cost.devices import DEVICES, Device, device, measured
from wirework.cost.figures import Figures
from wirework.cost.result import Cost, Memory, cost
from wirework.cost.roofline import Roofline

__all__ = ["DEVICES", "Cost", "Device", "Figures", "Memory", "Roofline", "cost", "device", "measured"]
