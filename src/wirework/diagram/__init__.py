"""Circuits as diagrams: what stands in a paper, and what a terminal or a notebook shows."""

from wirework.diagram.diagram import Diagram, diagram
from wirework.diagram.options import Note, Options

__all__ = ["Diagram", "Note", "Options", "diagram"]
