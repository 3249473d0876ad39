"""Failures -> errors that name the axis, the numbers and the place in the expression."""

from wirework.diagnose.arguments import shape_notes, with_shapes
from wirework.diagnose.libraries import explained
from wirework.diagnose.sizes import failure_of_check, lookup

__all__ = ["explained", "failure_of_check", "lookup", "shape_notes", "with_shapes"]
