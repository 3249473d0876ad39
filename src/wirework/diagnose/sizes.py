"""Sizes that do not fit: which axes, which numbers, and what would have fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from wirework.diagnose.arguments import given_note, shape_notes
from wirework.errors import AxisSizeError, Span, WireworkError, joined
from wirework.notation import Bound
from wirework.notation.names import shown, shown_axis
from wirework.notation.sizes import Assign, Atom, Check, Dim, Given, Size, Statement, Var, atoms, evaluate, reader

NEAR = 64  # how far from a given size others are tried, besides the divisors of dimensions
POWERS = {2: "a square", 3: "a cube"}


def failure_of_check(
    bound: Bound, place: int, shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any],
    statements: Sequence[Statement] | None = None,
) -> WireworkError:  # fmt: skip
    """The error for the statement at `place`: a check that does not hold, or a division by zero."""
    statements = bound.statements if statements is None else statements
    reporter = Reporter(bound, shapes, sizes, statements, place)
    statement = statements[place]
    if isinstance(statement, Assign):
        return reporter.by_zero(statement)
    equation = statement.equation
    if statement.relation == ">=":
        return reporter.negative(statement)
    if len(equation.parts) <= 1 and not equation.is_sum:
        return reporter.different(statement)
    return reporter.uneven(statement)


def lookup(
    statements: Sequence[Statement], shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any]
) -> Callable[[Atom], int]:
    """The value of every atom that the statements so far have assigned."""
    found: dict[str, int] = {}

    value = reader(shapes, sizes, found)
    for statement in statements:
        if isinstance(statement, Assign):
            found[statement.name] = evaluate(statement.size, value)
    return value


class Reporter:
    """Words the error about the statement at `place`, which does not hold."""

    def __init__(
        self, bound: Bound, shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any],
        statements: Sequence[Statement], place: int,
    ) -> None:  # fmt: skip
        self.bound = bound
        self.shapes = shapes
        self.sizes = sizes
        self.statements = statements
        self.before = statements[:place]
        self.value = lookup(self.before, shapes, sizes)

    def error(self, reason: str, spans: Sequence[Span], unfit: str = "", hints: Sequence[str] = ()) -> AxisSizeError:
        """The error, with all that is known; `unfit` is a size that was found, but cannot be."""
        notes = [
            *shape_notes([array.text for array in self.bound.inputs], self.shapes),
            *given_note(self.sizes),
            *self.found(unfit),
            *hints,
            *suggestion(self.statements, self.shapes, self.sizes),
        ]
        return AxisSizeError(reason, self.bound.expression.text, spans, notes)

    # -- what is known ---------------------------------------------------------------------------------

    def found(self, unfit: str) -> list[str]:
        """A line for the sizes found so far, those that were given left out."""
        leaves = [leaf for array in (*self.bound.inputs, *self.bound.outputs) for leaf in array.leaves]
        sizes: dict[str, int] = {}
        for leaf in leaves:
            size = self.bound.sizes.get(leaf.size)
            number = self.known(leaf.size)
            if number is not None and not isinstance(size, Given | int) and leaf.size != unfit:
                sizes[shown(leaf.size)] = number
        return ["found: " + ", ".join(f"{name} = {number}" for name, number in sizes.items())] if sizes else []

    def known(self, name: str) -> int | None:
        """The value of a size, if it is known by now."""
        size = self.bound.sizes.get(name)
        try:
            return None if size is None else evaluate(size, self.value)
        except (KeyError, ZeroDivisionError):
            return None

    def origin(self, size: Size) -> str:
        """Where a length comes from, in words."""
        match size:
            case Dim(operand, index):
                return f"{self.value(size)} (dimension {index} of argument {operand + 1})"
            case Var(name):
                source = next((each for each in self.before if isinstance(each, Check) and divides(each, name)), None)
                return f"{self.value(size)}" + (f" (by {shown(source.equation.text)})" if source else "")
            case _:
                return str(evaluate(size, self.value))

    def listed(self, parts: Sequence[str]) -> list[str]:
        """Parts of an equation with their values: "h=2", and numbers as they are."""
        found = []
        for part in dict.fromkeys(parts):
            number = self.known(part)
            found.append(str(number) if shown(part) == str(number) else f"{shown(part)}={number}")
        return found

    def spans_of(self, size: Size) -> list[Span]:
        """Where the dimension is written that a length comes from."""
        return [self.bound.inputs[size.operand].dims[size.index].span] if isinstance(size, Dim) else []

    # -- the errors --------------------------------------------------------------------------------------

    def different(self, check: Check) -> AxisSizeError:
        """One axis with two lengths."""
        equation, left, right = check.equation, check.left, check.right
        spans = [*self.spans_of(right), equation.span]
        axis = shown_axis(equation.parts[0]) if equation.parts else ""
        if isinstance(right, int):
            return self.error(f"an axis of length {right} is expected, but it is {self.origin(left)}", spans)
        if isinstance(right, Given):
            return self.error(f"{axis} is {self.origin(left)}, but {self.given(right)} is given", spans)
        if isinstance(left, Given):
            return self.error(f"{axis} is {self.origin(right)}, but {self.given(left)} is given", spans)
        return self.error(f"{axis} is {self.origin(right)}, but also {self.origin(left)}", spans)

    def given(self, size: Given) -> str:
        """A size given by keyword, as it would be written."""
        return shown(".".join([size.name, *map(str, size.path)])) + f"={self.value(size)}"

    def uneven(self, check: Check) -> AxisSizeError:
        """A whole that its parts do not make."""
        equation = check.equation
        whole = f"{shown(equation.text)} is {evaluate(check.left, self.value)}"
        unfit = next((part for part in equation.parts if self.follows_from(check, part)), "")
        others = [part for part in equation.parts if part != unfit]
        parts = self.listed(others)
        spans = [equation.span]
        if not unfit:
            made = evaluate(check.right, self.value)
            return self.error(f"{whole}, but {joined(parts)} make {made}", spans)
        count = equation.parts.count(unfit)
        if equation.is_sum:
            rest = f"; less {joined(parts)} it is {self.rest(check, others)}" if others else ""
            return self.error(f"{whole}{rest}, which is not divisible by {count}", spans, unfit)
        divisor = 1
        for part in others:
            divisor *= self.known(part) or 0
        if others and evaluate(check.left, self.value) % divisor:
            by = parts[0] if len(others) == 1 else f"{divisor} ({', '.join(parts)})"
            return self.error(f"{whole}, which is not divisible by {by}", spans, unfit)
        rest = f"; divided by {joined(parts)} it is {self.rest(check, others)}" if others else ""
        power = POWERS.get(count, f"a whole number to the power {count}")
        return self.error(f"{whole}{rest}, which is not {power}", spans, unfit)

    def follows_from(self, check: Check, part: str) -> bool:
        """Whether this equation is the one that determined a part."""
        last = self.before[-1] if self.before else None
        return isinstance(last, Assign) and last.name == part and check.left in set(atoms(last.size))

    def rest(self, check: Check, others: Sequence[str]) -> int:
        """What is left of the whole for the part that is looked for."""
        whole = evaluate(check.left, self.value)
        for part in others:
            number = self.known(part) or 0
            whole = whole - number if check.equation.is_sum else whole // number
        return whole

    def negative(self, check: Check) -> AxisSizeError:
        """A size below zero."""
        equation = check.equation
        if isinstance(check.left, Given):
            name = shown_axis(equation.parts[0])
            return self.error(f"the size of {name} cannot be negative: {self.given(check.left)}", [equation.span])
        left_over = check.left.name if isinstance(check.left, Var) else ""
        parts = [part for part in equation.parts if part != left_over]
        whole = next(
            (
                evaluate(each.size, self.value)
                for each in self.before
                if isinstance(each, Assign) and each.name == left_over
            ),
            0,
        )
        whole += sum(self.known(part) or 0 for part in parts)
        return self.error(
            f"{shown(equation.text)} is {whole}, which is too short for {joined(self.listed(parts))}",
            [equation.span],
            left_over,
        )

    def by_zero(self, statement: Assign) -> AxisSizeError:
        """A length that nothing determines, because another one is 0."""
        check = next(each for each in self.statements if isinstance(each, Check) and divides(each, statement.name))
        equation = check.equation
        whole = evaluate(check.left, self.value)
        zero = joined(self.listed([part for part in equation.parts if self.known(part) == 0]))
        if whole:
            return self.error(f"{shown(equation.text)} is {whole}, but {zero} makes it 0", [equation.span])
        name = shown(statement.name)
        return self.error(
            f"the size of {shown_axis(statement.name)} cannot be found: {zero}, "
            f"and {shown(equation.text)} is 0 whatever it is",
            [equation.span],
            hints=[f"give it: {name}=..."] if name.isidentifier() and "." not in statement.name else [],
        )


def divides(check: Check, name: str) -> bool:
    """Whether an equation has a size as one of several factors or terms."""
    return name in check.equation.parts and Var(name) in {*atoms(check.right), *atoms(check.left)}


# -- what would have fitted ---------------------------------------------------------------------------------


def suggestion(statements: Sequence[Statement], shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any]) -> list[str]:
    """ "did you mean h=4?": the sizes nearest to those given with which everything fits, one changed."""
    numbers = [number for shape in shapes for number in shape]
    if not all(type(number) is int for number in numbers):
        return []  # symbolic ones of a tracer
    best: dict[str, None] = {}
    nearest = None
    for name, path, old in entries(sizes):
        for number in candidates(old, numbers):
            distance = abs(number - old)
            if nearest is not None and distance > nearest:
                break
            changed = replaced(sizes[name], path, number)
            if not hold(statements, shapes, {**sizes, name: changed}):
                continue
            if nearest is None or distance < nearest:
                best, nearest = {}, distance
            best[f"{name}={changed}"] = None
    return [f"did you mean {joined(best, 'or')}?"] if best else []


def entries(sizes: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Every number among the given sizes: its name, its place in a tuple, itself."""

    def within(entry: Any, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], int]]:
        if isinstance(entry, tuple):
            for index, inner in enumerate(entry):
                yield from within(inner, (*path, index))
        elif type(entry) is int:
            yield path, entry

    for name, size in sizes.items():
        for path, number in within(size, ()):
            yield name, path, number


def candidates(old: int, dimensions: Sequence[int]) -> list[int]:
    """Other sizes worth a trial, the nearest first, the smaller of two first."""
    found = {*dimensions, *range(old - NEAR, old + NEAR + 1)}
    for number in dimensions:
        for small in range(1, int(number**0.5) + 1 if number < 10**9 else 1):
            if number % small == 0:
                found |= {small, number // small}
    return sorted((n for n in found if n > 0 and n != old), key=lambda n: (abs(n - old), n))


def replaced(size: Any, path: tuple[int, ...], number: int) -> Any:
    """A size with one of its numbers changed."""
    if not path:
        return number
    return tuple(replaced(entry, path[1:], number) if index == path[0] else entry for index, entry in enumerate(size))


def hold(statements: Sequence[Statement], shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any]) -> bool:
    """Whether all sizes fit."""
    try:
        value = lookup(statements, shapes, sizes)
        checks = [
            (evaluate(each.left, value), each.relation, evaluate(each.right, value))
            for each in statements
            if isinstance(each, Check)
        ]
    except (KeyError, ZeroDivisionError, TypeError):
        return False
    return all(left == right if relation == "==" else left >= right for left, relation, right in checks)
