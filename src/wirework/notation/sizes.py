"""Sizes of axes as formulas over input dimensions and sizes given by keyword, and how they are solved.

Each flattened axis gives an equation `total = product of its factors`, each concatenation `total = sum
of its parts`. An equation with one unknown determines it, by exact division, subtraction or root. The
result is an ordered list of statements: assignments of sizes to names, and checks to make at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from wirework.errors import Span


@dataclass(frozen=True, slots=True)
class Dim:
    """The length of one dimension of one input array."""

    operand: int
    index: int


@dataclass(frozen=True, slots=True)
class Given:
    """A size given by keyword: an integer, or an entry of a tuple."""

    name: str
    path: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Var:
    """A size assigned by an earlier statement."""

    name: str


@dataclass(frozen=True, slots=True)
class Length:
    """The length of one dimension of a value computed on the way, where no formula says it."""

    value: str
    index: int


@dataclass(frozen=True, slots=True)
class Product:
    """Sizes multiplied."""

    factors: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """Sizes added."""

    terms: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Quotient:
    """One size divided by another, without rest."""

    total: Size
    divisor: Size


@dataclass(frozen=True, slots=True)
class Difference:
    """One size less some others."""

    total: Size
    terms: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Root:
    """The whole number whose `degree`-th power is `total`."""

    total: Size
    degree: int


Atom = int | Dim | Given | Var | Length
Size = int | Dim | Given | Var | Length | Product | Sum | Quotient | Difference | Root


def product(factors: Iterable[Size]) -> Size:
    """The product of some sizes, in its simplest form."""
    flat: list[Size] = []
    constant = 1
    for factor in factors:
        inner = factor.factors if isinstance(factor, Product) else (factor,)
        for item in inner:
            if isinstance(item, int):
                constant *= item
            else:
                flat.append(item)
    if constant == 0:
        return 0
    if constant != 1:
        flat = [constant, *flat]
    if not flat:
        return 1
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def total(terms: Iterable[Size]) -> Size:
    """The sum of some sizes, in its simplest form."""
    items = tuple(terms)
    constant = sum(item for item in items if isinstance(item, int))
    symbolic: list[Size] = [item for item in items if not isinstance(item, int)]
    if not symbolic:
        return constant
    if constant:
        symbolic.append(constant)
    return symbolic[0] if len(symbolic) == 1 else Sum(tuple(symbolic))


def atoms(size: Size) -> Iterable[Atom]:
    """The integers, dimensions, given sizes and variables in a formula."""
    match size:
        case Product(items) | Sum(items):
            for item in items:
                yield from atoms(item)
        case Quotient(total, divisor):
            yield from atoms(total)
            yield from atoms(divisor)
        case Difference(total, terms):
            for item in (total, *terms):
                yield from atoms(item)
        case Root(total, _):
            yield from atoms(total)
        case _:
            yield size


def code(size: Size, name: Callable[[Atom], str], nested: bool = False) -> str:
    """The formula as Python source, with `name` for what stands in it."""
    match size:
        case Product(factors):
            text = " * ".join(code(factor, name, nested=True) for factor in factors)
        case Sum(terms):
            text = " + ".join(code(term, name) for term in terms)
        case Quotient(total, divisor):
            text = f"{code(total, name, nested=True)} // {code(divisor, name, nested=True)}"
        case Difference(total, terms):
            text = " - ".join([code(total, name), *(code(term, name, nested=True) for term in terms)])
        case Root(total, degree):
            return f"root({code(total, name)}, {degree})"
        case int():
            return str(size)
        case _:
            return name(size)
    return f"({text})" if nested else text


def evaluate(size: Size, value: Callable[[Atom], int]) -> int:
    """The number a formula stands for. A division that does not come out even is rounded down."""
    match size:
        case Product(factors):
            return prod(evaluate(factor, value) for factor in factors)
        case Sum(terms):
            return sum(evaluate(term, value) for term in terms)
        case Quotient(total, divisor):
            return evaluate(total, value) // evaluate(divisor, value)
        case Difference(total, terms):
            return evaluate(total, value) - sum(evaluate(term, value) for term in terms)
        case Root(total, degree):
            return root(evaluate(total, value), degree)
        case int():
            return size
        case _:
            return value(size)


def reader(
    shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any], found: Mapping[str, int]
) -> Callable[[Atom], int]:
    """What stands for an atom: a dimension of a shape, a given size, or a size `found` by now."""

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

    return value


def root(number: int, degree: int) -> int:
    """The largest whole number whose `degree`-th power is at most `number`."""
    low, high = 0, 1
    while high**degree <= number:
        high *= 2
    while low + 1 < high:
        middle = (low + high) // 2
        if middle**degree <= number:
            low = middle
        else:
            high = middle
    return low


@dataclass(frozen=True, slots=True)
class Equation:
    """`total = product (or sum) of parts`, where parts are names of sizes.

    `total` is an input dimension or itself a name. `text` is how the user wrote it, at `span`.
    """

    total: Dim | str
    parts: tuple[str, ...]
    is_sum: bool
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Assign:
    """Compute a size."""

    name: str
    size: Size


@dataclass(frozen=True, slots=True)
class Check:
    """A relation that must hold between two formulas, else the call is wrong about `equation`."""

    left: Size
    right: Size
    equation: Equation
    relation: Literal["==", ">="] = "=="


Statement = Assign | Check


@dataclass(frozen=True, slots=True)
class Solution:
    """What solving gives: a short formula per name, the statements to run before, the names left open."""

    sizes: Mapping[str, Atom]
    statements: tuple[Statement, ...]
    unknown: tuple[str, ...]


def solve(equations: Iterable[Equation], known: Mapping[str, Atom]) -> Solution:
    """Solve by repeated substitution, starting from the sizes in `known`."""
    equations = tuple(equations)
    solver = _Solver(dict(known))
    pending = list(equations)
    for single in (True, False):  # plain axes first: they need no arithmetic
        progress = True
        while progress:
            progress = False
            for equation in list(pending):
                if (len(equation.parts) == 1) >= single and solver.apply(equation):
                    pending.remove(equation)
                    progress = True
    names = dict.fromkeys(name for equation in equations for name in equation.parts)
    unknown = tuple(name for name in names if name not in solver.sizes)
    return Solution(solver.sizes, tuple(solver.statements), unknown)


class _Solver:
    def __init__(self, sizes: dict[str, Atom]) -> None:
        self.sizes = sizes
        self.statements: list[Statement] = []
        self.wholes: dict[tuple[bool, tuple[str, ...]], Atom] = {}  # of equations that hold already

    def apply(self, equation: Equation) -> bool:
        """Use an equation to find its one unknown, or to check what is known. False: not yet."""
        unknown = {part for part in equation.parts if part not in self.sizes}
        whole = self.sizes.get(equation.total) if isinstance(equation.total, str) else equation.total
        if whole is None:
            if not unknown:
                self.assign(str(equation.total), self.combined(equation))
            return not unknown
        if not unknown:
            same = self.wholes.get((equation.is_sum, equation.parts))
            self.check(whole, self.combined(equation) if same is None else same, equation)
            self.wholes.setdefault((equation.is_sum, equation.parts), whole)
            return True
        if len(unknown) > 1:
            return False
        name = unknown.pop()
        if len(equation.parts) == 1:
            self.sizes[name] = whole
            return True
        self.divide(name, whole, equation)
        return True

    def combined(self, equation: Equation) -> Size:
        parts = (self.sizes[part] for part in equation.parts)
        return total(parts) if equation.is_sum else product(parts)

    def divide(self, name: str, whole: Atom, equation: Equation) -> None:
        """Find the one unknown `name`, which may stand several times in the equation."""
        self.wholes[equation.is_sum, equation.parts] = whole
        others = [self.sizes[part] for part in equation.parts if part != name]
        times = equation.parts.count(name)
        if equation.is_sum:
            rest: Size = Difference(whole, tuple(others)) if others else whole
            found: Size = rest if times == 1 else Quotient(rest, times)
        else:
            rest = Quotient(whole, product(others)) if product(others) != 1 else whole
            found = rest if times == 1 else Root(rest, times)
        self.assign(name, found)
        if equation.is_sum and times == 1:
            self.statements.append(Check(self.sizes[name], 0, equation, ">="))
        else:
            self.check(whole, self.combined(equation), equation)

    def assign(self, name: str, size: Size) -> None:
        if isinstance(size, int | Dim | Given | Var):
            self.sizes[name] = size
        else:
            self.sizes[name] = Var(name)
            self.statements.append(Assign(name, size))

    def check(self, left: Size, right: Size, equation: Equation) -> None:
        if left != right:
            self.statements.append(Check(left, right, equation))
