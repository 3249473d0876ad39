"""The interactive page: a picture that one can move in, with blocks that open and close."""

from wirework.diagram.page.facts import Facts, facts
from wirework.diagram.page.html import html
from wirework.diagram.page.states import State, states

__all__ = ["Facts", "State", "facts", "html", "states"]
