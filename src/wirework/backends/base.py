"""The primitives as most array libraries spell them.

A backend is a subclass of `Backend`: a method for each primitive that it spells differently, and the
names that generated code may use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "true_divide": "/", "floor_divide": "//",
    "power": "**", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==",
    "not_equal": "!=",
}  # fmt: skip


class Backend:
    """The primitives in NumPy's spelling, with `xp` for the namespace.

    Methods take the source of each argument and give the source of the result. Axes are integers, sizes
    are source.
    """

    name = "numpy"
    xp = "np"
    fused: frozenset[str] = frozenset()  # primitives that replace several steps here

    def names(self) -> Mapping[str, Any]:
        """What generated code may use, by name."""
        raise NotImplementedError

    def owns(self, kind: type) -> bool:
        """Whether arrays of this type belong to this backend."""
        raise NotImplementedError

    def cast_input(self, name: str, like: str) -> str:
        """A NumPy array as an array of this backend, beside another one."""
        raise NotImplementedError

    # -- sizes ---------------------------------------------------------------------------------------

    def sizes_dict(self, names: Sequence[tuple[str, bool, int]], sizes: Sequence[str]) -> str:
        remaining = iter(sizes)
        entries = [
            f'"{name}": {next(remaining) if single else tupled([next(remaining) for _ in range(count)])}'
            for name, single, count in names
        ]
        return f"{{{listed(entries)}}}"

    def shapes_tuple(self, ranks: Sequence[int], sizes: Sequence[str]) -> str:
        remaining = iter(sizes)
        return f"({listed(tupled([next(remaining) for _ in range(rank)]) for rank in ranks)},)"

    # -- views ---------------------------------------------------------------------------------------

    def reshape(self, x: str, shape: Sequence[str]) -> str:
        return f"{x}.reshape({listed(shape)})"

    def permute(self, x: str, order: Sequence[int]) -> str:
        return f"{x}.T" if len(order) == 2 else f"{x}.transpose({listed(order)})"

    def expand(self, x: str, shape: Sequence[str]) -> str:
        return f"{self.xp}.broadcast_to({x}, {tupled(shape)})"

    def unsqueeze(self, x: str, axes: Sequence[int]) -> str:
        return f"{x}[{listed('None' if i in axes else ':' for i in range(max(axes) + 1))}]"

    def squeeze(self, x: str, axes: Sequence[int]) -> str:
        return f"{x}.squeeze({one_or_tuple(axes)})"

    def diagonal(self, x: str, axis1: int, axis2: int) -> str:
        return f"{x}.diagonal(0, {axis1}, {axis2})"

    def part(self, pieces: str, number: int) -> str:
        return f"{pieces}[{number}]"

    def narrow(self, x: str, axis: int, start: str, stop: str) -> str:
        place = f"{'' if start == '0' else start}:{stop}"
        return f"{x}[{listed([*[':'] * axis, place])}]"

    def select(self, x: str, axis: int, index: int) -> str:
        return f"{x}[{listed([*[':'] * axis, index])}]" if axis else f"{x}[{index}]"

    def concat(self, *parts: str, axis: int) -> str:
        return f"{self.xp}.concatenate([{listed(parts)}], {axis})"

    def stack(self, *parts: str, axis: int) -> str:
        return f"{self.xp}.stack([{listed(parts)}], {axis})"

    # -- elementwise ---------------------------------------------------------------------------------

    def elementwise(self, *operands: str, function: str, scalars: Sequence[int]) -> str:
        if function in OPERATORS:
            return "(" + f" {OPERATORS[function]} ".join(operands) + ")"
        first, *rest = operands
        if function == "where":
            return f"{self.xp}.where({listed(operands)})"
        for other in rest:
            first = f"{self.xp}.{function}({first}, {other})"
        return first

    def floating(self, x: str) -> str:
        return f"floating({x})"

    # -- along axes ----------------------------------------------------------------------------------

    def reduce(self, x: str, *options: str, function: str, axes: Sequence[int], keepdims: bool = False) -> str:
        raise NotImplementedError

    def argreduce(self, x: str, function: str, axis: int) -> str:
        return f"{x}.{function}({axis})"

    def softmax(self, x: str, axis: int) -> str:
        return f"stable_softmax({x}, {axis})"

    def log_softmax(self, x: str, axis: int) -> str:
        return f"stable_log_softmax({x}, {axis})"

    def sort(self, x: str, axis: int) -> str:
        return f"{self.xp}.sort({x}, {axis})"

    def argsort(self, x: str, axis: int) -> str:
        return f"{self.xp}.argsort({x}, {axis}, stable=True)"

    def flip(self, x: str, axes: Sequence[int]) -> str:
        return f"{self.xp}.flip({x}, {tupled(axes)})"

    def roll(self, x: str, shift: str, axes: Sequence[int], several: bool) -> str:
        shifts = shift if several or len(axes) == 1 else tupled([shift] * len(axes))
        return f"{self.xp}.roll({x}, {shifts}, {one_or_tuple(axes) if not several else tupled(axes)})"

    def cumulate(self, x: str, function: str, axis: int) -> str:
        return f"{x}.{function}({axis})"

    # -- contraction ---------------------------------------------------------------------------------

    def matmul(self, x: str, y: str) -> str:
        return f"({x} @ {y})"

    def linear(self, x: str, weight: str, bias: str | None = None) -> str:
        raise NotImplementedError

    def promote(self, *names: str) -> str:
        """A statement that gives arrays of one dtype, fit for a contraction, the same names."""
        chain = " == ".join(f"{name}.dtype" for name in names)
        return f"if not {chain} != {self.boolean}:\n    {', '.join(names)} = promote({listed(names)})"

    boolean = "bool"

    # -- indexing ------------------------------------------------------------------------------------

    def arange(self, like: str, length: str) -> str:
        return f"{self.xp}.arange({length})"

    def coordinates(self, x: str) -> str:
        return f"coordinates({x})"

    def take(self, x: str, *indices: str, axis: int) -> str:
        return f"{x}[{listed([*[':'] * axis, *indices])}]"

    def rows(self, table: str, places: str) -> str:
        return f"rows({table}, {places})"

    def index_put(self, x: str, values: str, *indices: str, mode: str) -> str:
        return f"index_put({x}, ({', '.join(indices)},), {values}, {mode!r})"

    def unravel(self, index: str, sizes: Sequence[str], axis: int) -> str:
        return f"unravel({index}, {tupled(sizes)}, {axis})"

    def index_array(self, index: str, like: str) -> str:
        return f"{self.xp}.asarray({index})"

    # -- larger ones, as functions that the backend provides to generated code ---------------------------

    def attention(
        self, *arguments: str, extras: Sequence[str], causal: bool, grouped: bool, sizes: Sequence[str]
    ) -> str:
        flags = ["causal=True"] * causal + ["grouped=True"] * grouped
        return f"attend({listed([*arguments[:3], *given(extras, arguments[3:]), *flags])})"

    def conv(
        self, *arguments: str, extras: Sequence[tuple[str, str]], dims: int, sizes: Sequence[str],
        transposed: bool, padding: str | None = None,
    ) -> str:  # fmt: skip
        options = given([name for name, _ in extras], arguments[2:])
        options += [f"padding={padding!r}"] if padding else []
        options += [f"groups={' * '.join(sizes)}"] if sizes else []
        options += ["transposed=True"] if transposed else []
        return f"convolve({listed([*arguments[:2], *options])})"

    def window(
        self, *arguments: str, extras: Sequence[tuple[str, str]], axes: Sequence[int], sizes: Sequence[str],
        padding: str | None = None,
    ) -> str:  # fmt: skip
        options = given([name for name, _ in extras], arguments[1:])
        options += [f"padding={padding!r}"] if padding else []
        return f"windows({listed([arguments[0], tupled(axes), tupled(sizes), *options])})"

    def vmap(self, *arguments: str, where: Sequence[Sequence[bool]]) -> str:
        return f"vmap(function, {tuple(map(tuple, where))})({listed(arguments)})"

    def call(self, *arguments: str, function: str, **options: Any) -> str:
        shown = [f"{key}={value}" for key, value in options.items()]
        return f"{function}({listed([*arguments, *shown])})"

    def entry(self, values: str, index: int) -> str:
        return f"{values}[{index}]"

    def expect_shape(self, value: str, rank: int, axes: Sequence[int], sizes: Sequence[str]) -> str:
        known = listed(f"{axis}: {size}" for axis, size in zip(axes, sizes, strict=True))
        return f"expect_shape({value}, {rank}, {{{known}}})"


def given(names: Sequence[str], values: Sequence[str]) -> list[str]:
    """Keyword arguments."""
    return [f"{name}={value}" for name, value in zip(names, values, strict=True)]


def listed(items: Iterable[object]) -> str:
    """Items as arguments."""
    return ", ".join(map(str, items))


def tupled(items: Iterable[object]) -> str:
    """Items as a tuple."""
    found = list(map(str, items))
    return f"({found[0]},)" if len(found) == 1 else f"({', '.join(found)})"


def one_or_tuple(items: Sequence[object]) -> str:
    """A single item as it is, several as a tuple."""
    return str(items[0]) if len(items) == 1 else tupled(items)
