"""Reading a circuit as a picture: what a careful person would draw of it."""

from wirework.diagram.reading.pictures import picture

__all__ = ["picture"]
