"""Drawings in the characters of a terminal."""

from wirework.diagram.text.text import ascii_only, text

__all__ = ["ascii_only", "text"]
