"""What every operation does, in words: the docstrings of the public functions, and their first lines.

This stands apart from `operations` so that importing wirework loads none of the machinery.
"""

from __future__ import annotations

REDUCTION = """
    Args:
        expression: "b [s...] c": the axes in brackets are reduced, and dropped from the result. Or with an
            output, "b s c -> b c": then, without brackets, what is missing there is reduced.
        x: the array.
        keepdims: without an output, keep each reduced axis with length 1 (default False).{options}
        sizes: sizes of axes, as name=length or sizes={{...}}.

    Raises:
        WireworkError: if array and expression do not fit, or {name} does not take the dtype.

    >>> import numpy as np
    >>> {name}("b [s] c", np.ones((2, 3, 4))).shape
    (2, 4)
"""
ELEMENTWISE = """
    Args:
        expression: the axes of each array, "b t c, c -> b t c". The output may be left out if one operand has
            all axes. "b t [c]" is short for "b t c, c".
        arrays: arrays or Python numbers; numbers follow the arrays' dtype.
        sizes: sizes of axes, as name=length or sizes={{...}}.

    Raises:
        WireworkError: if arrays and expression do not fit.

    >>> import numpy as np
    >>> {name}("b c, c", np.ones((2, 3)), np.ones(3)).shape
    (2, 3)
"""
ALONG = """
    Args:
        expression: "b [t] c": what it acts on in brackets. The output is the same, or another order of axes.
        x: the array.{options}
        sizes: sizes of axes, as name=length or sizes={{...}}.

    Raises:
        WireworkError: if array and expression do not fit, or {name} does not take the dtype.

    >>> import numpy as np
    >>> {name}("b [t]", np.ones((2, 3)){example}).shape
    (2, 3)
"""
PUT = """
    Args:
        expression: "b [h w] c, b n [2], b n c -> b [h w] c": the array with the indexed axes in brackets, one
            operand of coordinates (or one for each indexed axis), and the values. The output may be left out.
        arrays: the array, whole-number coordinates (negative ones count from the end), and the values.

    Returns:
        A new array. The array itself is never changed.

    Raises:
        CoordinateError: for a coordinate out of range (NumPy, and torch on the CPU; JAX ignores it).

    >>> import numpy as np
    >>> {name}("[a], n, n", np.zeros(3), np.array([0, -1]), np.ones(2)).shape
    (3,)
"""
ARG = """
    Args:
        expression: "b [s]": the axes in brackets are searched and dropped; the result counts row-major over
            them. With a bracket in the output, "b [h w] -> b [2]", it has the coordinates along that axis.
        x: the array.
        keepdims: without an output, keep each searched axis with length 1 (default False).

    Raises:
        AxisSizeError: over an axis of length 0.

    >>> import numpy as np
    >>> {name}("[a b] -> [2]", np.eye(2)).shape
    (2,)
"""

CORRECTION = """
        correction: what is subtracted from the number of elements in the divisor (default 0)."""
SHIFT = """
        shift: how far to shift, or a tuple with one number for each axis in brackets."""

DOCUMENTS: dict[str, tuple[str, str]] = {
    "rearrange": (
        "Transpose, split, flatten, repeat, take diagonals, concatenate and split along an axis.",
        """
    Args:
        expression: "b (h w) c -> b c h w". (h w) is h and w flattened into one axis, row-major; (a + b) is
            axes one after the other; an axis twice in an input is its diagonal; an axis only in the output
            is repeated, and needs its size.
        arrays: one for each input. `rearrange` of one array without '->' checks the shape and returns it.
        sizes: sizes of axes, as name=length or sizes={{...}}; s=(2, 3) for the copies of "s...".

    Returns:
        A view where the library can make one. One array, or a tuple for several outputs.

    Raises:
        WireworkError: if arrays and expression do not fit.

    >>> import numpy as np
    >>> rearrange("b (h w) c -> b c h w", np.ones((2, 6, 4)), h=2).shape
    (2, 4, 2, 3)
    >>> rearrange("b q, b k -> b (q + k)", np.ones((2, 3)), np.ones((2, 1))).shape
    (2, 4)
""",
    ),
    "sum": ("Sum over axes.", REDUCTION),
    "mean": ("Arithmetic mean over axes. Integers give the default floating type.", REDUCTION),
    "var": ("Variance over axes: the mean squared deviation from the mean, in two passes.", REDUCTION),
    "std": ("Standard deviation over axes: the square root of the variance.", REDUCTION),
    "prod": ("Product over axes.", REDUCTION),
    "min": ("Smallest value over axes.", REDUCTION),
    "max": ("Largest value over axes.", REDUCTION),
    "any": ("Whether any value over axes is nonzero.", REDUCTION),
    "all": ("Whether all values over axes are nonzero.", REDUCTION),
    "count_nonzero": ("Number of nonzero values over axes.", REDUCTION),
    "logsumexp": ("Logarithm of the sum of exponentials over axes, without overflow.", REDUCTION),
    "argmin": ("Place of the smallest value over axes: of the first, if there are several.", ARG),
    "argmax": ("Place of the largest value over axes: of the first, if there are several.", ARG),
    "add": ("Sum of arrays whose axes are lined up by name.", ELEMENTWISE),
    "subtract": ("Difference of two arrays whose axes are lined up by name.", ELEMENTWISE),
    "multiply": ("Product of arrays whose axes are lined up by name, element by element.", ELEMENTWISE),
    "divide": ("Quotient of two arrays whose axes are lined up by name.", ELEMENTWISE),
    "true_divide": ("Quotient of two arrays whose axes are lined up by name.", ELEMENTWISE),
    "floor_divide": ("Quotient of two arrays whose axes are lined up by name, rounded down.", ELEMENTWISE),
    "power": ("One array to the power of another, axes lined up by name.", ELEMENTWISE),
    "maximum": ("Larger value of arrays whose axes are lined up by name.", ELEMENTWISE),
    "minimum": ("Smaller value of arrays whose axes are lined up by name.", ELEMENTWISE),
    "less": ("Whether one array is less than another, axes lined up by name.", ELEMENTWISE),
    "less_equal": ("Whether one array is at most another, axes lined up by name.", ELEMENTWISE),
    "greater": ("Whether one array is greater than another, axes lined up by name.", ELEMENTWISE),
    "greater_equal": ("Whether one array is at least another, axes lined up by name.", ELEMENTWISE),
    "equal": ("Whether two arrays are equal, element by element, axes lined up by name.", ELEMENTWISE),
    "not_equal": ("Whether two arrays differ, element by element, axes lined up by name.", ELEMENTWISE),
    "logical_and": ("Whether all arrays are nonzero, element by element, axes lined up by name.", ELEMENTWISE),
    "logical_or": ("Whether any array is nonzero, element by element, axes lined up by name.", ELEMENTWISE),
    "logaddexp": ("Logarithm of the sum of exponentials of arrays, axes lined up by name.", ELEMENTWISE),
    "where": (
        "One array where a condition holds and another elsewhere, axes lined up by name.",
        ELEMENTWISE.replace(
            '{name}("b c, c", np.ones((2, 3)), np.ones(3))', '{name}("b c, c, ", np.ones((2, 3)) > 0, np.ones(3), 0.0)'
        ),
    ),
    "dot": (
        "Multiply arrays and sum over axes: matrix products, contractions, linear maps.",
        """
    Args:
        expression: "b q (h [c]), b k (h [c]) -> b h q k": sums over the axes in brackets; without any, over
            those missing from the output. "... [c -> d]" is short for "... [c], [c] d -> ... d".
        arrays: any number; they are contracted pair by pair.
        bias: an array to add, over the axes of the output that the first array lacks (default: none).
        sizes: sizes of axes, as name=length or sizes={{...}}.

    Returns:
        The contraction, by matrix products of the library where the axes allow. Bools count.

    Raises:
        WireworkError: if arrays and expression do not fit.

    >>> import numpy as np
    >>> dot("b t [c -> d]", np.ones((2, 3, 4)), np.ones((4, 5))).shape
    (2, 3, 5)
""",
    ),
    "softmax": ("Exponentials divided by their sum over the axes in brackets.", ALONG),
    "log_softmax": ("Logarithm of softmax over the axes in brackets, without overflow.", ALONG),
    "sort": ("Sort along the axis in brackets, smallest first.", ALONG),
    "argsort": ("Places of the values along the axis in brackets, smallest first, equal ones in order.", ALONG),
    "flip": ("Reverse the order along each axis in brackets.", ALONG),
    "roll": ("Shift along each axis in brackets; what falls off the end comes in at the start.", ALONG),
    "cumsum": ("Cumulative sum along the axis in brackets.", ALONG),
    "cumprod": ("Cumulative product along the axis in brackets.", ALONG),
    "get_at": (
        "Read an array at coordinates.",
        """
    Args:
        expression: "b [h w] c, b n [2] -> b n c": the array with the indexed axes in brackets, and one operand
            of coordinates, with an axis in brackets that holds one for each indexed axis; or one operand for
            each indexed axis, "b [h w] c, b n, b n -> b n c".
        arrays: the array and whole-number coordinates; negative ones count from the end of their axis.

    Raises:
        CoordinateError: for a coordinate out of range (NumPy, and torch on the CPU; JAX gives NaN there).

    >>> import numpy as np
    >>> get_at("[v] c, b t -> b t c", np.ones((9, 4)), np.array([[0, 8]])).shape
    (1, 2, 4)
""",
    ),
    "set_at": ("A copy of an array with values put at coordinates.", PUT),
    "add_at": ("A copy of an array with values added at coordinates; repeated ones accumulate.", PUT),
    "subtract_at": ("A copy of an array with values subtracted at coordinates; repeated ones accumulate.", PUT),
    "attention": (
        "Scaled dot-product attention: softmax(q k^T * scale, masked) v, over the axis of keys.",
        """
    Args:
        expression: "b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)": queries, keys, values. In brackets:
            the axis they are compared over, and the axis of keys. A head axis that only the queries have
            shares keys and values: "b q (g r [d]), b [k] (g [d]), b [k] (g e) -> b q (g r e)".
        arrays: queries, keys, values.
        mask: bools, True where a query may see a key: an array that broadcasts to the scores (batch axes,
            then queries, then keys), or a pair such as ("b k", array).
        bias: numbers added to the scores, given like a mask.
        scale: factor of the scores (default: d ** -0.5).
        causal: a query sees keys up to its own place, aligned at the end: the last query sees all.
        softcap: c, for c * tanh(scores / c) after the scale and before bias and masks.
        dropout: the probability of dropping a weight. On JAX and NumPy, `rng` is a key or a generator.

    Returns:
        By the library's fused kernel where it has one. A query that sees no key gives 0.

    Source: Vaswani et al. 2017, "Attention Is All You Need"; torch's scaled_dot_product_attention.

    Raises:
        WireworkError: if arrays and expression do not fit.

    >>> import numpy as np
    >>> q, k = np.ones((2, 5, 8)), np.ones((2, 7, 8))
    >>> attention("b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)", q, k, k, h=2).shape
    (2, 5, 8)
""",
    ),
    "conv": (
        "Slide a kernel over spatial axes and contract it with the channels (cross-correlation).",
        """
    Args:
        expression: "b [s...] [c -> d]": one to three spatial axes and the channels, in brackets. The weight is
            then "[s_kernel...] [c] d". In full, and with the layout of torch:
            "b [c] [s...], d [c] [k...] -> b d [s...]". An axis of both that stays is one of groups:
            "b [s...] (g [c -> d])" takes the weight "[s_kernel...] g [c] d".
        arrays: input and weight.
        stride, dilation: a number, or one for each spatial axis (default 1).
        padding: a number, one for each spatial axis, pairs (before, after), "valid", or "same" for
            ceil(size / stride) places (default 0).
        bias: an array to add, over the channels of the output (default: none).
        transposed: the transpose of the convolution with these arguments, as torch's ConvTranspose.
        output_padding: with transposed, more places at the end (default 0).

    Raises:
        WireworkError: if arrays and expression do not fit, or the kernel is longer than its axis.

    >>> import numpy as np
    >>> conv("b [s...] [c -> d]", np.ones((2, 8, 8, 3)), np.ones((3, 3, 3, 4)), padding="same").shape
    (2, 8, 8, 4)
""",
    ),
    "window": (
        "Overlapping windows along axes, as new axes; a reduction over these is a pooling.",
        """
    Args:
        expression: "b [s...] c -> b s... [w...] c": windows slide over the axes in the input's brackets; the
            output has the places and, in brackets, the windows.
        x: the array.
        stride, dilation: a number, or one for each axis (default 1).
        padding: a number, one for each axis, pairs (before, after), "valid" or "same" (default 0).
        fill: the value of what is padded (default 0).
        sizes: the length of the windows, as w=3 or w=(3, 3).

    Raises:
        WireworkError: if array and expression do not fit, or a window is longer than its axis.

    >>> import numpy as np
    >>> window("b [s...] c -> b s... [w...] c", np.ones((2, 8, 8, 3)), w=3, stride=2).shape
    (2, 3, 3, 3, 3, 3)
""",
    ),
    "solve": (
        "The size of every axis.",
        """
    Args:
        expression: "a (b c), c d": one operand for each array.
        arrays: arrays, or `None` for one that is not known.
        sizes: sizes of axes, as name=length or sizes={{...}}.

    Returns:
        A dictionary from names to lengths, with a tuple for an axis under an ellipsis. It can be passed on:
        `rearrange(..., **solve(...))`.

    Raises:
        AxisSizeError, RankError: if they do not fit, or leave a size open.

    >>> import numpy as np
    >>> solve("b (s w)... c", np.ones((2, 8, 8, 3)), w=4)
    {'b': 2, 's': (2, 2), 'w': (4, 4), 'c': 3}
""",
    ),
    "solve_shapes": (
        "The shape of every operand.",
        """
    Args:
        expression: "a (b c)..., a b...": one operand for each array.
        arrays: arrays, or `None` for one whose shape is sought.
        sizes: sizes of axes, as name=length or sizes={{...}}.

    Raises:
        AxisSizeError, RankError: if they do not fit, or leave a size open.

    >>> import numpy as np
    >>> solve_shapes("a (b c)..., a b...", np.ones((2, 4, 4)), None, b=2)
    ((2, 4, 4), (2, 2, 2))
""",
    ),
}


def summary(name: str) -> str:
    """What an operation does, in a sentence."""
    return DOCUMENTS[name][0]


def docstring(name: str) -> str:
    """The docstring of an operation's public function."""
    first, text = DOCUMENTS[name]
    places = {
        "{name}": name,
        "{options}": {"var": CORRECTION, "std": CORRECTION, "roll": SHIFT}.get(name, ""),
        "{example}": ", shift=1" if name == "roll" else "",
        "{{...}}": "{...}",
    }
    for place, filled in places.items():
        text = text.replace(place, filled)
    return f"{first}\n{text}"
