"""What each elementary operation means: its brackets, its vectorisation, its plan. Knows no framework."""

from wirework.operations.adapt import AdaptKind, adapted
from wirework.operations.along import ALONG
from wirework.operations.attention import ATTENTION
from wirework.operations.base import Call, Flops, Operation, Option
from wirework.operations.conv import CONV, WINDOW
from wirework.operations.dot import DOT
from wirework.operations.elementwise import ELEMENTWISE
from wirework.operations.indexing import INDEXING
from wirework.operations.rearrange import REARRANGE
from wirework.operations.reduction import REDUCTIONS
from wirework.operations.solving import SOLVE, SOLVE_SHAPES

OPERATIONS = {
    operation.name: operation
    for operation in (
        REARRANGE,
        *REDUCTIONS,
        *ELEMENTWISE,
        DOT,
        *ALONG,
        *INDEXING,
        ATTENTION,
        CONV,
        WINDOW,
        SOLVE,
        SOLVE_SHAPES,
    )
}

__all__ = ["OPERATIONS", "AdaptKind", "Call", "Flops", "Operation", "Option", "adapted"]
