"""From a layout to shapes: `draw` makes a scene of a picture's rows."""

from wirework.diagram.drawing.notes import Highlight, Note, Target
from wirework.diagram.drawing.page import draw

__all__ = ["Highlight", "Note", "Target", "draw"]
