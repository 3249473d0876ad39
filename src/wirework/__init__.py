"""Write a deep-learning architecture once, with named axes; then run it, check it, draw it, cost it.

>>> import numpy as np
>>> import wirework as ww
>>> q, k = np.ones((2, 5, 16)), np.ones((2, 7, 16))
>>> ww.dot("b q (h [c]), b k (h [c]) -> b h q k", q, k, h=2).shape
(2, 2, 5, 7)
"""

from typing import TYPE_CHECKING, Any

from wirework import api, errors
from wirework.api import *  # noqa: F403
from wirework.engine import record_sources
from wirework.solving import check, matches, solve, solve_axes, solve_shapes

if TYPE_CHECKING:
    from wirework.circuit.blocks import block
    from wirework.circuit.tracing import trace
    from wirework.explaining import Explanation, explain, source
    from wirework.program import Request
    from wirework.typed_functions import typed

__version__ = "0.1.0"

LOADED_WHEN_ASKED = {
    "Explanation": "explaining",
    "Request": "program",
    "block": "circuit.blocks",
    "explain": "explaining",
    "source": "explaining",
    "trace": "circuit.tracing",
    "typed": "typed_functions",
}

__all__ = [
    "Explanation",
    "Request",
    "block",
    "check",
    "errors",
    "explain",
    "matches",
    "record_sources",
    "solve",
    "solve_axes",
    "solve_shapes",
    "source",
    "trace",
    "typed",
]
__all__ += api.__all__


def __getattr__(name: str) -> Any:
    """Load what only few programs need when it is asked for."""
    if name not in LOADED_WHEN_ASKED:
        raise AttributeError(f"module 'wirework' has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"wirework.{LOADED_WHEN_ASKED[name]}"), name)
    globals()[name] = found
    return found
