"""The layout of a picture: a place for each item, a way for each wire."""

from wirework.diagram.layout.alike import Known
from wirework.diagram.layout.placing import place
from wirework.diagram.layout.wrapping import wrap

__all__ = ["Known", "place", "wrap"]
