"""Failures at run time -> errors that name the axis, the numbers and the place in the expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wirework.errors import AxisSizeError, BackendError, CoordinateError, NotSupportedError, WireworkError
from wirework.notation import Bound
from wirework.notation.sizes import Assign, Atom, Check, Dim, Equation, Given, Size, Statement, Var, atoms, evaluate


def failure_of_check(
    bound: Bound, place: int, shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any],
    statements: Sequence[Statement] | None = None,
) -> WireworkError:  # fmt: skip
    """The error for the statement at `place`: a check that does not hold, or a division by zero."""
    statements = bound.statements if statements is None else statements
    value = lookup(statements[:place], shapes, sizes)
    statement = statements[place]
    reporter = Reporter(bound, shapes, sizes, value)
    if isinstance(statement, Assign):
        return reporter.by_zero(statement)
    equation = statement.equation
    if statement.relation == ">=":
        return reporter.negative(statement)
    if len(equation.parts) <= 1 and isinstance(equation.total, Dim | str) and not equation.is_sum:
        return reporter.different(statement)
    return reporter.uneven(statement)


def lookup(
    statements: Sequence[Statement], shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any]
) -> Callable[[Atom], int]:
    """The value of every atom that the statements so far have assigned."""
    found: dict[str, int] = {}

    def value(atom: Atom) -> int:
        match atom:
            case Dim(operand, index):
                return shapes[operand][index]
            case Given(name, path):
                entry = sizes[name]
                for index in path:
                    entry = entry[index]
                return entry
            case Var(name):
                return found[name]
            case _:
                raise KeyError(atom)

    for statement in statements:
        if isinstance(statement, Assign):
            found[statement.name] = evaluate(statement.size, value)
    return value


class Reporter:
    """Words the errors about one failed statement."""

    def __init__(
        self, bound: Bound, shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any], value: Callable[[Atom], int]
    ) -> None:
        self.bound = bound
        self.shapes = shapes
        self.sizes = sizes
        self.value = value

    def error(self, reason: str, equation: Equation, hints: Sequence[str] = ()) -> AxisSizeError:
        spans = [equation.span]
        return AxisSizeError(reason, self.bound.expression.text, spans, [*self.notes(), *hints])

    def notes(self) -> list[str]:
        """The shape of each input, and the sizes that were given."""
        lines = []
        for number, (array, shape) in enumerate(zip(self.bound.inputs, self.shapes, strict=False)):
            shown = " ".join(map(str, shape)) or "scalar"
            lines.append(f"argument {number + 1}: '{array.text}' has shape ({shown})")
        if self.sizes:
            lines.append("given: " + ", ".join(f"{name}={size}" for name, size in self.sizes.items()))
        return lines

    def shown(self, size: Size) -> str:
        """A formula with its value: `h = 3`."""
        number = evaluate(size, self.value)
        match size:
            case Given(name):
                return f"{name}={number}"
            case Dim(operand, index):
                return f"{number} (dimension {index} of argument {operand + 1})"
            case _:
                return str(number)

    def axis(self, name: str) -> str:
        return name.split("@")[0].split("#")[0]

    def different(self, check: Check) -> AxisSizeError:
        """One axis with two lengths."""
        name = self.axis(check.equation.parts[0]) if check.equation.parts else check.equation.text
        unnamed = not check.equation.parts or "@" in check.equation.parts[0]
        left, right = self.shown(check.left), self.shown(check.right)
        if unnamed:
            right_number = evaluate(check.right, self.value)
            return self.error(f"an axis of length {right_number} is expected, but it is {left}", check.equation)
        return self.error(f"axis {name} is {right} but also {left}", check.equation)

    def uneven(self, check: Check) -> AxisSizeError:
        """A total that its parts do not make."""
        equation = check.equation
        whole = evaluate(check.left, self.value)
        parts = [self.axis(part) for part in equation.parts]
        known = [
            (self.axis(part), size) for part in dict.fromkeys(equation.parts)
            if (size := self.known(part)) is not None
        ]  # fmt: skip
        if equation.is_sum:
            return self.error(f"{equation.text} is {whole}, which its parts do not add up to", equation)
        if len(set(parts)) == 1 and len(parts) > 1:
            return self.error(f"{equation.text} is {whole}, which is not a whole number to the power {len(parts)}",
                              equation)
        divisor = " * ".join(f"{name}={size}" for name, size in known if not self.computed(name))
        product = 1
        for name, size in known:
            product *= size if not self.computed(name) else 1
        if all(not self.computed(part) for part in equation.parts):
            return self.error(f"{equation.text} is {whole}, but {divisor} is {product}", equation)
        return self.error(
            f"{equation.text} is {whole}, which is not divisible by {divisor}", equation, self.nearest(whole, known)
        )

    def nearest(self, whole: int, known: Sequence[tuple[str, int]]) -> list[str]:
        """A size that would have fitted, if exactly one was given by keyword."""
        chosen = [(name, size) for name, size in known if isinstance(self.bound.sizes.get(name), Given)]
        if len(chosen) != 1 or len([1 for name, _ in known if not self.computed(name)]) != 1 or whole <= 0:
            return []
        name, size = chosen[0]
        fits = [number for number in range(1, min(whole, 4096) + 1) if whole % number == 0]
        best = min(fits, key=lambda number: (abs(number - size), number))
        return [f"did you mean {name}={best}?"]

    def known(self, part: str) -> int | None:
        size = self.bound.sizes.get(part)
        try:
            return None if size is None else evaluate(size, self.value)
        except (KeyError, ZeroDivisionError):
            return None

    def computed(self, part: str) -> bool:
        """Whether a size was found by this division."""
        return isinstance(self.bound.sizes.get(part), Var)

    def negative(self, check: Check) -> AxisSizeError:
        """A size below zero."""
        number = evaluate(check.left, self.value)
        if isinstance(check.left, Given):
            return self.error(f"the size of axis {check.left.name} cannot be negative: {self.shown(check.left)}",
                              check.equation)
        whole = check.equation.text
        return self.error(f"{whole} is too short for its parts: {number} would be left for the last", check.equation)

    def by_zero(self, statement: Assign) -> AxisSizeError:
        """A length that nothing determines, because another one is 0."""
        equation = next(
            each.equation for each in self.bound.statements
            if isinstance(each, Check) and Var(statement.name) in set(atoms(each.right))
        )  # fmt: skip
        return self.error(
            f"the size of axis {self.axis(statement.name)} cannot be found: the other axes of {equation.text} "
            "have length 0",
            equation,
        )


# -- errors raised by the array library ------------------------------------------------------------------------


def explained(
    error: Exception, name: str, bound: Bound, arrays: Sequence[Any], sizes: Mapping[str, Any],
    statements: Sequence[Statement],
) -> Exception:  # fmt: skip
    """A typed error for what came out of generated code; `error` itself if it is not about the call."""
    text = bound.expression.text
    if isinstance(error, WireworkError):
        if error.expression is None:
            return type(error)(error.reason, text, (), error.notes)
        return error
    if isinstance(error, ZeroDivisionError):
        return division_by_zero(bound, arrays, sizes, statements) or error
    if isinstance(error, IndexError) and name.endswith("_at"):
        return CoordinateError(f"{name}: a coordinate is out of range", text, notes=[str(error)])
    if type(error).__module__ not in ("builtins", "numpy", "numpy.exceptions", "numpy._core._exceptions"):
        return error
    if isinstance(error, MemoryError) or "memory" in str(error):
        return error
    if isinstance(error, NotImplementedError):
        return NotSupportedError(f"{name}: {first_line(error)}", text)
    if name in ("min", "max", "argmin", "argmax") and any(0 in array.shape for array in arrays if hasattr(array, "shape")):
        return AxisSizeError(f"{name} over an axis of length 0 has no value", text, notes=shape_notes(bound, arrays))
    dtypes = ", ".join(str(array.dtype) for array in arrays if hasattr(array, "dtype"))
    return BackendError(f"{name} failed on {dtypes}: {first_line(error)}", text, notes=shape_notes(bound, arrays))


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def shape_notes(bound: Bound, arrays: Sequence[Any]) -> list[str]:
    """The shape of each input."""
    return Reporter(bound, [tuple(getattr(a, "shape", ())) for a in arrays], {}, lambda atom: 0).notes()


def division_by_zero(
    bound: Bound, arrays: Sequence[Any], sizes: Mapping[str, Any], statements: Sequence[Statement]
) -> WireworkError | None:
    """The error for the first size that cannot be found because another one is 0."""
    shapes = [getattr(array, "shape", ()) for array in arrays]
    for place, statement in enumerate(statements):
        if isinstance(statement, Assign):
            try:
                lookup(statements[: place + 1], shapes, sizes)
            except ZeroDivisionError:
                return failure_of_check(bound, place, shapes, sizes, statements)
    return None
