"""Random valid calls of every operation, for property tests.

A `Scene` invents axes and their lengths; `layout` arranges them as a random operand: permuted, flattened in
nested groups, repeated by ellipses, with `1` and `()` thrown in. What cannot be derived from the shapes of
the inputs is given by keyword. Each family of operations adds what it needs: brackets, outputs, options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

NAMES = [
    "a", "b", "c", "h", "w", "x", "y", "torch", "in", "shape", "np", "F", "self", "out", "value", "def", "root", "fail",
    "_", "A1", "a_x", "lambda", "None", "d0", "expression", "operation", "name", "axes", "jnp", "xp", "b2", "index",
]  # fmt: skip
DTYPES = (
    "bool", "int8", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
)  # fmt: skip
FLOATS = ("float16", "bfloat16", "float32", "float64")
REALS = DTYPES[:-1]
COMMON = ("float64", "float32", "int64")
SPACES = (" ", " ", "  ", "\n", "\t", " \n    ")
Axis = tuple[str, int]  # a name and which repetition
Node = Any  # an Axis, a number, ("product", nodes) or ("sum", nodes)


# -- cases ------------------------------------------------------------------------------------------------------


@dataclass
class Data:
    """An argument in no framework's own form: values, and the dtype that they are to have."""

    values: np.ndarray
    dtype: str

    def __repr__(self) -> str:
        return f"{self.dtype}{self.values.tolist()} shape={self.values.shape} strides={self.values.strides}"


@dataclass
class Case:
    """A call: an operation, an expression, arguments (`Data`, Python numbers, factories), keywords."""

    operation: Any
    expression: str
    arguments: list[Any]
    keywords: dict[str, Any] = field(default_factory=dict)
    loose: bool = False  # compare with the tolerance of half precision whatever the dtypes

    @property
    def dtypes(self) -> set[str]:
        return {argument.dtype for argument in self.arguments if isinstance(argument, Data)}


@dataclass
class Factory:
    """A tensor factory: makes the values once it is told their shape, which must be the right one."""

    data: Data


# -- terms of an operand ------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Term:
    """A part of an operand: how it is written, and the dimensions it stands for."""

    kind: str  # name number group sum bracket repeat text
    inner: list[Term] = field(default_factory=list)
    name: str = ""
    value: int = 0

    def axes(self) -> list[str]:
        """The names in it."""
        return [self.name] if self.kind == "name" else [name for term in self.inner for name in term.axes()]


def name_term(name: str) -> Term:
    return Term("name", name=name)


def number_term(value: int) -> Term:
    return Term("number", value=value)


def group_term(*inner: Term) -> Term:
    return Term("group", list(inner))


def sum_term(*inner: Term) -> Term:
    return Term("sum", list(inner))


def bracket_term(*inner: Term) -> Term:
    return Term("bracket", list(inner))


class Unsolvable(Exception):
    """The sizes of an invented expression cannot be found."""


class Scene:
    """The axes of one case. The length of an axis under an ellipsis is a tuple."""

    def __init__(self, rng: Random, reserved: Iterable[str] = ()) -> None:
        self.rng = rng
        self.names = [name for name in NAMES if name not in set(reserved)]
        rng.shuffle(self.names)
        self.lengths: dict[str, int | tuple[int, ...]] = {}
        self.style = rng.random() < 0.25  # odd whitespace

    # -- axes ----------------------------------------------------------------------------------------------

    def length(self, least: int = 0) -> int:
        return max(least, self.rng.choice((0, 1, 1, 2, 2, 2, 3, 3, 4)))

    def axis(self, least: int = 0, length: int | None = None) -> str:
        """A new plain axis."""
        name = self.names.pop()
        self.lengths[name] = self.length(least) if length is None else length
        return name

    def repeated(self, least: int = 0, anonymous: bool = False) -> str:
        """A new axis under an ellipsis: standing for up to three."""
        name = "..." if anonymous else self.names.pop()
        self.lengths[name] = tuple(self.length(least) for _ in range(self.rng.choice((0, 1, 1, 2, 2, 3))))
        return name

    def some_axes(self, least: int, most: int, smallest: int = 0, ellipsis: bool = True) -> list[str]:
        """A few new axes, at most one under an ellipsis. At most one has length 0."""
        count = self.rng.randint(least, most)
        found = [self.axis(smallest) for _ in range(count)]
        for name in found[1:]:
            self.lengths[name] = self.lengths[name] or 1
        if ellipsis and found and self.rng.random() < 0.35:
            name = found.pop()
            del self.lengths[name]
            found.append(self.repeated(max(smallest, 1), anonymous=self.rng.random() < 0.4))
        return found

    def flat(self, name: str) -> tuple[int, ...]:
        """The lengths that a name stands for."""
        length = self.lengths[name]
        return length if isinstance(length, tuple) else (length,)

    # -- layouts ---------------------------------------------------------------------------------------------

    def atom(self, name: str) -> Term:
        term = name_term(name)
        return Term("repeat", [term] if name != "..." else [], name) if self.is_repeated(name) else term

    def is_repeated(self, name: str) -> bool:
        return isinstance(self.lengths[name], tuple)

    def layout(
        self, names: Iterable[str], grouping: float = 0.4, shuffle: bool = True, ones: float = 0.15,
        wrap: Callable[[str, Term], Term] = lambda name, term: term,
    ) -> list[Term]:  # fmt: skip
        """A random operand of some axes. `wrap` may put a bracket around an axis."""
        names = list(names)
        if shuffle:
            self.rng.shuffle(names)
        terms = [wrap(name, self.atom(name)) for name in names]
        while len(terms) > 1 and self.rng.random() < grouping:
            start = self.rng.randrange(len(terms) - 1)
            stop = self.rng.randint(start + 1, min(len(terms), start + 3))
            terms[start:stop] = [group_term(*terms[start:stop])]
        while self.rng.random() < ones:
            extra = number_term(1) if self.rng.random() < 0.7 else group_term()
            terms.insert(self.rng.randint(0, len(terms)), extra)
        return terms

    def joined_brackets(self, terms: list[Term]) -> list[Term]:
        """Neighbouring brackets as one, now and then."""
        found: list[Term] = []
        for term in terms:
            if term.kind in ("group", "sum"):
                term = Term(term.kind, self.joined_brackets(term.inner))
            if term.kind == "bracket" and found and found[-1].kind == "bracket" and self.rng.random() < 0.5:
                found[-1] = bracket_term(*found[-1].inner, *term.inner)
            else:
                found.append(term)
        return found

    def dims(self, terms: Iterable[Term], path: tuple[int, ...] = ()) -> list[Node]:
        """What each dimension of an operand is made of."""
        found: list[Node] = []
        for term in terms:
            match term.kind:
                case "name":
                    found.append((term.name, path[0] if path else 0))
                case "number":
                    found.append(term.value)
                case "group":
                    found.append(("product", self.dims(term.inner, path)))
                case "sum":
                    found.append(("sum", [("product", self.dims([part], path)) for part in term.inner]))
                case "bracket":
                    found += self.dims(term.inner, path)
                case "repeat":
                    inner = term.inner or [name_term("...")]
                    repeated = inner[0].axes()[0]
                    for index in range(len(self.flat(repeated))):
                        found += self.dims(inner, (index,))
        return found

    def size(self, node: Node) -> int:
        """The length of a dimension."""
        if isinstance(node, int):
            return node
        kind, inner = node
        if kind == "product":
            return prod(map(self.size, inner))
        if kind == "sum":
            return sum(map(self.size, inner))
        return self.flat(kind)[inner]

    def shape(self, terms: Iterable[Term]) -> tuple[int, ...]:
        return tuple(self.size(node) for node in self.dims(terms))

    # -- text ------------------------------------------------------------------------------------------------

    def gap(self) -> str:
        return self.rng.choice(SPACES) if self.style else " "

    def sign(self, sign: str) -> str:
        space = self.rng.choice(("", *SPACES)) if self.style else ("" if sign == "," else " ")
        return f"{space}{sign}{self.rng.choice(('', *SPACES)) if self.style else ' '}"

    def write(self, terms: Sequence[Term]) -> str:
        """The text of an operand."""
        return self.gap().join(map(self.write_term, terms))

    def write_term(self, term: Term) -> str:
        match term.kind:
            case "name":
                return term.name
            case "number":
                return str(term.value)
            case "group":
                return f"({self.write(term.inner)})"
            case "sum":
                return f"({self.sign('+').join(map(self.write_term, term.inner))})"
            case "bracket":
                return f"[{self.write(term.inner)}]"
            case "repeat":
                return f"{self.write(term.inner)}..."
        return term.name

    def text(self, inputs: Sequence[Sequence[Term]], outputs: Sequence[Sequence[Term]] | None = None) -> str:
        """The text of an expression."""
        left = self.sign(",").join(map(self.write, inputs))
        if outputs is None:
            return left
        return f"{left}{self.sign('->')}{self.sign(',').join(map(self.write, outputs))}"

    # -- sizes that must be given ------------------------------------------------------------------------------

    def given(
        self, inputs: Sequence[Sequence[Term] | None], others: Iterable[str] = (), spare: float = 0.15
    ) -> dict[str, Any]:
        """Sizes by keyword: those that cannot be derived from the inputs (`None`: a factory), and some more.

        Args:
            inputs: the operands whose shapes are known.
            others: the names in all other operands.
            spare: how often a size that could be derived is given all the same.
        """
        operands = [terms for terms in inputs if terms is not None]
        names = dict.fromkeys([*(n for terms in operands for t in terms for n in t_axes(t)), *others])
        chosen = {name for name in names if name != "..." and self.rng.random() < spare}
        chosen |= self.uncounted(operands, names, chosen)
        equations = [node for terms in operands for node in self.dims(terms)]
        chosen.update(name for node in equations if not self.size(node) for name in flattened_names(node))
        everything = [(name, index) for name in names for index in range(len(self.flat(name)))]
        while True:
            known = {axis for axis in everything if axis[0] in chosen}
            progress = True
            while progress:
                before = len(known)
                for equation in equations:
                    self.derive(equation, known)
                progress = len(known) > before
            missing = [axis for axis in everything if axis not in known]
            if not missing:
                break
            chosen.add(self.rng.choice(missing)[0])
        if "..." in chosen:
            raise Unsolvable  # an axis without a name cannot be given
        uncounted = self.uncounted(operands, names, set())
        return {name: self.given_value(name, name in uncounted) for name in names if name in chosen}

    def uncounted(self, operands: Sequence[Sequence[Term]], names: Iterable[str], chosen: set[str]) -> set[str]:
        """Names under an ellipsis whose number the ranks of the operands do not tell."""
        counted = {name for name in chosen if self.is_repeated(name)}
        progress = True
        while progress:
            progress = False
            for terms in operands:
                unknown = [under for t in terms for under in top_repeated(t) if not set(under) <= counted]
                if len(unknown) == 1:
                    counted.update(unknown[0])
                    progress = True
        return {name for name in names if self.is_repeated(name) and name not in counted}

    def derive(self, node: Node, known: set[Axis]) -> None:
        """Note what follows from the length of `node` being known."""
        if isinstance(node, int):
            return
        kind, inner = node
        if kind not in ("product", "sum") or not isinstance(inner, list):
            known.add(node)
            return
        parts = flat_product(inner) if kind == "product" else inner
        unknown = [part for part in parts if not self.is_known(part, known)]
        rest = prod(self.size(part) for part in parts if part not in unknown) if kind == "product" else 1
        if len(unknown) == 1 and rest:
            self.derive(unknown[0], known)

    def is_known(self, node: Node, known: set[Axis]) -> bool:
        if isinstance(node, int):
            return True
        inner = node[1]
        return all(self.is_known(part, known) for part in inner) if isinstance(inner, list) else node in known

    def given_value(self, name: str, counts: bool) -> Any:
        """A size as users give it."""
        length = self.lengths[name]
        if isinstance(length, int):
            return self.rng.choice((length, length, length, np.int64(length), np.asarray(length)))
        if not counts and length and len(set(length)) == 1 and self.rng.random() < 0.5:
            return length[0]
        return self.rng.choice((length, list(length)))

    def keywords(self, given: dict[str, Any], options: Iterable[str] = ()) -> dict[str, Any]:
        """Sizes as keywords; those named like an option, and sometimes all, in `sizes=`."""
        apart = {name: value for name, value in given.items() if name in options}
        if self.rng.random() < 0.1:
            apart = dict(given)
        rest = {name: value for name, value in given.items() if name not in apart}
        return {**rest, "sizes": apart} if apart else rest

    # -- values ------------------------------------------------------------------------------------------------

    def data(self, shape: Sequence[int], dtype: str, positive: bool = False, nonzero: bool = False) -> Data:
        """Random values, exact in every dtype, in an array of random memory layout."""
        source = np.random.default_rng(self.rng.randrange(2**32))
        if dtype == "bool":
            values = source.random(shape) < 0.5
        elif "int" in dtype:
            low = 1 if positive or nonzero else (0 if dtype == "uint8" else -4)
            values = source.integers(low, 5, shape).astype(dtype)
        else:
            values = source.integers(1 if positive else -8, 9, shape) / 4
            if nonzero:
                values = np.where(values == 0, 0.25, values)
            if dtype == "complex64":
                values = values + 1j * source.integers(-8, 9, shape) / 4
            values = values.astype("float32" if dtype == "bfloat16" else dtype)
        return Data(self.strided(np.asarray(values)), dtype)

    def strided(self, values: np.ndarray, repeating: bool = True) -> np.ndarray:
        """The values with other strides: permuted in memory, reversed, or every second of a larger array.

        With `repeating`, perhaps the first ones again and again along an axis.
        """
        kinds = ("plain", "plain", "permuted", "reversed", "stepped", *(["repeated"] if repeating else []))
        kind = self.rng.choice(kinds)
        if values.ndim == 0 or kind == "plain":
            return values
        if kind == "permuted":
            return np.ascontiguousarray(values.T).T
        axis = self.rng.randrange(values.ndim)
        if kind == "reversed":
            return np.flip(np.ascontiguousarray(np.flip(values, axis)), axis)
        if kind == "stepped":
            return np.repeat(values, 2, axis)[(slice(None),) * axis + (slice(None, None, 2),)]
        if values.shape[axis] == 0:
            return values
        return np.broadcast_to(np.take(values, [0], axis), values.shape)

    def operand(self, terms: Sequence[Term], dtype: str, **how: bool) -> Data:
        return self.data(self.shape(terms), dtype, **how)

    def dtype(self, among: Sequence[str] = DTYPES) -> str:
        return self.rng.choice((*among, *(each for each in COMMON if each in among)))


def t_axes(term: Term) -> list[str]:
    """The names in a term, an anonymous ellipsis as `...`."""
    if term.kind == "repeat" and not term.inner:
        return ["..."]
    return [term.name] if term.kind == "name" else [name for inner in term.inner for name in t_axes(inner)]


def top_repeated(term: Term) -> list[list[str]]:
    """For each ellipsis that stands in no parentheses, the names under it."""
    if term.kind == "repeat":
        return [t_axes(term)]
    return [names for inner in term.inner for names in top_repeated(inner)] if term.kind == "bracket" else []


def flattened_names(node: Node) -> list[str]:
    """The names in a dimension of several axes: what is divided by zero cannot be found."""
    if isinstance(node, int) or not isinstance(node[1], list):
        return []
    return [
        name
        for part in node[1]
        for name in (flattened_names(part) or ([] if isinstance(part, int) else [part[0]]))
        if name not in ("product", "sum")
    ]


def flat_product(nodes: Iterable[Node]) -> list[Node]:
    """Nested products as one."""
    found: list[Node] = []
    for node in nodes:
        nested = not isinstance(node, int) and node[0] == "product" and isinstance(node[1], list)
        found += flat_product(node[1]) if nested else [node]
    return found


def cases(make: Callable[[Random], Case | None]) -> st.SearchStrategy[Case]:
    """A strategy from a function that makes one random case, or `None` where it cannot."""

    def attempt(rng: Random) -> Case | None:
        try:
            return make(rng)
        except Unsolvable:
            return None

    seeds = st.integers(0, 2**48)  # one draw for each case: a draw for each choice in it would take far longer
    return seeds.map(lambda seed: attempt(Random(seed))).filter(lambda case: case is not None)  # type: ignore[return-value]


# -- rearrange ---------------------------------------------------------------------------------------------------


def rearrange(rng: Random) -> Case:
    kinds = (transposed, transposed, transposed, several, joined, joined, divided, recombined)
    return rng.choice(kinds)(Scene(rng))


def name_of(rng: Random) -> str:
    return rng.choice(("rearrange", "rearrange", "id"))


def with_diagonals(scene: Scene, names: list[str]) -> list[str]:
    """Some plain axes once or twice more."""
    plain = [name for name in names if not scene.is_repeated(name)]
    return names + [name for name in plain for _ in range(2) if scene.rng.random() < 0.12]


def transposed(scene: Scene) -> Case:
    """One operand to one: transpose, split, flatten, repeat, diagonal."""
    names = scene.some_axes(0, 5)
    linked = repetition_pair(scene) if scene.rng.random() < 0.25 and "..." not in names else []
    source = scene.layout(with_diagonals(scene, names)) + linked
    new = [scene.axis() for _ in range(scene.rng.choice((0, 0, 0, 1, 2)))]
    target = scene.layout([*names, *(name for term in linked for name in t_axes(term)), *new])
    if scene.rng.random() < 0.2:
        target.insert(scene.rng.randint(0, len(target)), number_term(scene.rng.choice((0, 2, 3))))
    given = scene.given([source], [*names, *new])
    return Case(
        name_of(scene.rng),
        scene.text([source], [target]),
        [scene.operand(source, scene.dtype())],
        scene.keywords(given),
    )


def repetition_pair(scene: Scene) -> list[Term]:
    """Two axes under one ellipsis: (s ds)..."""
    first, second = scene.repeated(1), scene.repeated(1)
    count = len(scene.flat(first))
    scene.lengths[second] = tuple(scene.length(1) for _ in range(count))
    return [Term("repeat", [group_term(name_term(first), name_term(second))])]


def several(scene: Scene) -> Case:
    """Several operands at once, each paired by position or by its axes."""
    shared = scene.some_axes(0, 2, 1)
    sources, targets, used = [], [], []
    for _ in range(scene.rng.randint(2, 3)):
        own = [name for name in shared if scene.rng.random() < 0.5] + [
            scene.axis() for _ in range(scene.rng.randint(0, 2))
        ]
        sources.append(scene.layout(own))
        targets.append(scene.layout(own))
        used += own
    if scene.rng.random() < 0.3:
        scene.rng.shuffle(sources)
    given = scene.given(sources, used)
    data = [scene.operand(terms, dtype) for terms, dtype in zip(sources, one_dtype(scene, sources), strict=True)]
    return Case(name_of(scene.rng), scene.text(sources, targets), data, scene.keywords(given))


def one_dtype(scene: Scene, operands: Sequence[Any], among: Sequence[str] = DTYPES) -> list[str]:
    return [scene.dtype(among)] * len(operands)


def parts_of(scene: Scene, least: int = 2) -> list[list[str]]:
    """Axes of each part of a concatenation; none for a part of length 1."""
    count = scene.rng.choice((2, 2, 2, 3, 4)) if least > 1 else 1
    return [[scene.axis() for _ in range(scene.rng.choice((0, 1, 1, 1, 2)))] for _ in range(count)]


def part_term(scene: Scene, names: Sequence[str]) -> Term:
    if not names:
        return number_term(1)
    return name_term(names[0]) if len(names) == 1 else group_term(*map(name_term, names))


def joined(scene: Scene) -> Case:
    """Several operands, one after the other along an axis."""
    common = scene.some_axes(0, 3, 1)
    parts = parts_of(scene)
    sources = []
    for own in parts:
        lacks = common if scene.rng.random() < 0.8 else [name for name in common if scene.rng.random() < 0.5]
        sources.append(scene.layout([*lacks, *own]))
    target = scene.layout(common)
    place_in(scene, target, sum_term(*(part_term(scene, own) for own in parts)))
    if scene.rng.random() < 0.25:
        scene.rng.shuffle(sources)
    given = scene.given(sources, [*common, *(name for own in parts for name in own)])
    data = [scene.operand(terms, dtype) for terms, dtype in zip(sources, one_dtype(scene, sources), strict=True)]
    return Case(name_of(scene.rng), scene.text(sources, [target]), data, scene.keywords(given))


def place_in(scene: Scene, terms: list[Term], term: Term) -> None:
    """Put a term somewhere in an operand: as a dimension, or within a group."""
    groups = [each for each in terms if each.kind == "group"]
    where = scene.rng.choice(groups).inner if groups and scene.rng.random() < 0.4 else terms
    where.insert(scene.rng.randint(0, len(where)), term)


def divided(scene: Scene) -> Case:
    """One operand split along an axis."""
    common = scene.some_axes(0, 3, 1)
    parts = parts_of(scene)
    source = scene.layout(common)
    place_in(scene, source, sum_term(*(part_term(scene, own) for own in parts)))
    targets = [scene.layout([*common, *own]) for own in parts]
    given = scene.given([source], [*common, *(name for own in parts for name in own)])
    return Case(
        name_of(scene.rng), scene.text([source], targets), [scene.operand(source, scene.dtype())], scene.keywords(given)
    )


def recombined(scene: Scene) -> Case:
    """A concatenation, or a product of two, to another one of the same parts."""
    common = scene.some_axes(0, 2, 1)
    sums = [parts_of(scene) for _ in range(scene.rng.choice((1, 1, 2)))]
    source, target = scene.layout(common), scene.layout(common)
    for parts in sums:
        place_in(scene, source, sum_term(*(part_term(scene, own) for own in parts)))
    for parts in sums:
        ones = sum(not own for own in parts)
        order = list(parts)
        if ones <= 1:
            scene.rng.shuffle(order)
        term = sum_term(*(part_term(scene, own) for own in order))
        if len(order) > 2 and scene.rng.random() < 0.3:
            term = sum_term(term.inner[0], sum_term(*term.inner[1:]))
        place_in(scene, target, term)
    given = scene.given([source], [*common, *(name for parts in sums for own in parts for name in own)])
    return Case(
        name_of(scene.rng),
        scene.text([source], [target]),
        [scene.operand(source, scene.dtype())],
        scene.keywords(given),
    )


# -- reductions ---------------------------------------------------------------------------------------------------

EMPTY_SAFE = ("sum", "prod", "any", "all", "count_nonzero")
REDUCTIONS = (*EMPTY_SAFE, "mean", "var", "std", "min", "max", "logsumexp", "argmin", "argmax")


def bracketing(scene: Scene, names: Iterable[str]) -> Callable[[str, Term], Term]:
    """Puts some axes in brackets: `[s...]` or `[s]...`."""
    inside = set(names)

    def wrap(name: str, term: Term) -> Term:
        if name not in inside:
            return term
        if term.kind == "repeat" and term.inner and scene.rng.random() < 0.4:
            return Term("repeat", [bracket_term(*term.inner)])
        return bracket_term(term)

    return wrap


def reduction(rng: Random) -> Case:
    name = rng.choice(REDUCTIONS)
    scene = Scene(rng, ("keepdims", "correction"))
    least = 0 if name in EMPTY_SAFE else 1
    reduced = scene.some_axes(1 if name[:3] == "arg" else 0, 3, least, ellipsis=name[:3] != "arg")
    kept = scene.some_axes(0, 3, 0, ellipsis=not any(map(scene.is_repeated, reduced)))
    return (arg_reduction if name[:3] == "arg" else plain_reduction)(scene, name, reduced, kept)


def reduction_dtype(scene: Scene, name: str) -> str:
    if name in ("min", "max"):
        return scene.dtype(REALS)
    if name == "logsumexp":
        return scene.dtype([each for each in REALS if each != "bool"])
    return scene.dtype()


def reduction_options(scene: Scene, name: str) -> dict[str, Any]:
    return {"correction": scene.rng.choice((0, 0.5))} if name in ("var", "std") and scene.rng.random() < 0.3 else {}


def plain_reduction(scene: Scene, name: str, reduced: list[str], kept: list[str]) -> Case:
    rng = scene.rng
    marked = rng.random() < 0.75
    keywords = reduction_options(scene, name)
    wrap = bracketing(scene, reduced if marked else ())
    form = rng.choice(("output", "none", "keepdims", "output", "back")) if marked else "output"
    repeated = with_diagonals(scene, kept) if form == "output" else kept  # an output has every axis once
    source = scene.joined_brackets(scene.layout([*repeated, *reduced], wrap=wrap))
    if marked and not any(term.kind == "bracket" for term in walk_terms(source)):
        source.append(bracket_term(number_term(rng.choice((2, 3)))))
    elif marked and rng.random() < 0.2:
        source.insert(rng.randint(0, len(source)), bracket_term(number_term(rng.choice((1, 2)))))
    new = [scene.axis() for _ in range(rng.choice((0, 0, 0, 1)))]
    outputs: list[list[Term]] | None = None
    if form == "keepdims":
        keywords["keepdims"] = True
    elif form == "none" and rng.random() < 0.2:
        keywords["keepdims"] = False
    if form == "output":
        outputs = [scene.layout([*kept, *new])]
    elif form == "back":  # each bracket becomes another axis where it stands
        text = scene.text([source])
        shown = [bracket_text(scene, term) for term in walk_terms(source) if term.kind == "bracket"]
        if all(shown_text not in text.replace(shown_text, "", 1) for shown_text in shown) and "]..." not in text:
            for each in shown:
                new_one = rng.choice(("1", "", "2"))
                text = text.replace(each, f"[{each[1:-1]} -> {new_one}]" if rng.random() < 0.9 else each)
        given = scene.given([source], [*kept, *reduced])
        return Case(
            name, text, [scene.operand(source, reduction_dtype(scene, name))], {**scene.keywords(given), **keywords}
        )
    names = [*kept, *reduced, *(new if outputs else ())]
    given = scene.given([source], names)
    data = scene.operand(source, reduction_dtype(scene, name))
    return Case(
        name, scene.text([source], outputs), [data], {**scene.keywords(given, ("keepdims", "correction")), **keywords}
    )


def walk_terms(terms: Iterable[Term]) -> list[Term]:
    """Some terms and everything in them."""
    return [each for term in terms for each in (term, *walk_terms(term.inner))]


def bracket_text(scene: Scene, term: Term) -> str:
    style, scene.style = scene.style, False
    try:
        return scene.write_term(term)
    finally:
        scene.style = style


def arg_reduction(scene: Scene, name: str, reduced: list[str], kept: list[str]) -> Case:
    """The place in one or several axes, flat or as coordinates."""
    rng = scene.rng
    units = len(reduced)
    form = rng.choice(("plain", "output", "coordinates", "unit"))
    if form == "unit" and len(reduced) > 1:
        unit = bracket_term(group_term(*map(name_term, reduced)))
        source = scene.layout(kept)
        source.insert(rng.randint(0, len(source)), unit)
        units = 1
    else:
        repeated = with_diagonals(scene, kept) if form != "plain" else kept
        source = scene.joined_brackets(scene.layout([*repeated, *reduced], wrap=bracketing(scene, reduced)))
    outputs = None
    if form != "plain":
        outputs = [scene.layout(kept)]
        if form == "coordinates" or (units < len(reduced) and rng.random() < 0.5):
            count = number_term(units)
            outputs[0].insert(rng.randint(0, len(outputs[0])), bracket_term(count))
    given = scene.given([source], [*kept, *reduced])
    data = scene.operand(source, scene.dtype(REALS))
    return Case(name, scene.text([source], outputs), [data], scene.keywords(given, ("keepdims",)))


# -- elementwise ---------------------------------------------------------------------------------------------------

ANY_NUMBER = ("add", "multiply", "maximum", "minimum", "logical_and", "logical_or", "logaddexp")
TWO = (
    "subtract", "divide", "true_divide", "floor_divide", "power", "less", "less_equal", "greater", "greater_equal",
    "equal", "not_equal",
)  # fmt: skip
BOOLEAN = ("logical_and", "logical_or")
NO_BOOL = ("subtract", "floor_divide", "power", "divide", "true_divide")
NO_COMPLEX = ("maximum", "minimum", "less", "less_equal", "greater", "greater_equal", "floor_divide", "logaddexp")


def elementwise(rng: Random) -> Case:
    name = rng.choice((*ANY_NUMBER, *TWO, "where"))
    scene = Scene(rng)
    axes = scene.some_axes(0, 4)
    count = 3 if name == "where" else 2 if name in TWO else rng.choice((2, 2, 3))
    subsets = [[axis for axis in axes if rng.random() < 0.7] for _ in range(count)]
    form = rng.choice(("output", "output", "output", "largest", "bracket"))
    if form == "bracket" and count == 2:
        return bracketed_elementwise(scene, name, axes)
    if form == "largest":
        subsets[0] = list(axes)
        subsets[1:] = [[axis for axis in subset if axis != axes[-1]] for subset in subsets[1:]]
    covered = [axis for axis in axes if any(axis in subset for subset in subsets)]
    operands = [scene.layout(with_diagonals(scene, subset) if form == "output" else subset) for subset in subsets]
    new = [scene.axis() for _ in range(rng.choice((0, 0, 1)))] if form == "output" else []
    outputs = None if form == "largest" and axes else [scene.layout([*covered, *new])]
    return elementwise_case(scene, name, operands, outputs, [*covered, *new])


def bracketed_elementwise(scene: Scene, name: str, axes: list[str]) -> Case:
    """`a [b]` for `a b, b`."""
    inside = [axis for axis in axes if scene.rng.random() < 0.6]
    first = scene.joined_brackets(scene.layout(axes, wrap=bracketing(scene, inside), ones=0))
    second = [term for term in bracket_contents(first)]
    case = elementwise_case(scene, name, [first, second], None, axes)
    case.expression = scene.text([first])
    if not any(term.kind == "bracket" for term in walk_terms(first)):
        case.expression += " []"
    return case


def bracket_contents(terms: Iterable[Term]) -> list[Term]:
    """What is in brackets, opened; a repeated bracket stays repeated."""
    found: list[Term] = []
    for term in terms:
        if term.kind == "bracket":
            found += term.inner
        elif term.kind == "repeat" and term.inner and term.inner[0].kind == "bracket":
            found.append(Term("repeat", term.inner[0].inner))
        else:
            found += bracket_contents(term.inner)
    return found


def elementwise_case(
    scene: Scene, name: str, operands: list[list[Term]], outputs: list[list[Term]] | None, names: list[str]
) -> Case:
    rng = scene.rng
    dtype = scene.dtype([
        each for each in (FLOATS if name == "logaddexp" else DTYPES)
        if not ((each == "bool" and name in NO_BOOL) or (each == "complex64" and name in NO_COMPLEX))
    ])  # fmt: skip
    arguments: list[Any] = []
    known: list[list[Term] | None] = []
    for number, terms in enumerate(operands):
        second = number > 0
        nonzero = second and name in ("divide", "true_divide", "floor_divide")
        kind = "bool" if name == "where" and number == 0 else dtype
        positive = name in ("power", "floor_divide") or name == "logaddexp"
        empty = not any(t_axes(term) for term in terms)
        known.append(terms)
        if empty and not terms and second and dtype != "bool" and rng.random() < 0.6:
            arguments.append(rng.choice((2, 3)) if "int" in dtype else rng.choice((2, 1.5, 0.25)))
        elif second and terms and rng.random() < 0.06 and dtype in ("float64", "float32", "int64"):
            arguments.append(Factory(scene.operand(terms, dtype, positive=positive, nonzero=nonzero)))
            known[-1] = None
        else:
            arguments.append(scene.operand(terms, kind, positive=positive, nonzero=nonzero))
    given = scene.given(known, names)
    return Case(name, scene.text(operands, outputs), arguments, scene.keywords(given))


# -- contraction ---------------------------------------------------------------------------------------------------


def dot(rng: Random) -> Case:
    scene = Scene(rng, ("bias",))
    if rng.random() < 0.2:
        return weight_dot(scene)
    axes = scene.some_axes(1, 6)
    count = rng.choice((1, 2, 2, 2, 2, 3, 3, 4))
    subsets = [[axis for axis in axes if rng.random() < 0.6] for _ in range(count)]
    covered = [axis for axis in axes if any(axis in subset for subset in subsets)]
    kept = [axis for axis in covered if rng.random() < 0.6]
    contracted = [axis for axis in covered if axis not in kept]
    wrap = bracketing(scene, contracted) if rng.random() < 0.5 else bracketing(scene, ())
    subsets = [with_diagonals(scene, subset) if rng.random() < 0.3 else subset for subset in subsets]
    subsets = [list(dict.fromkeys(subset)) if "[" in str(wrap) else subset for subset in subsets]
    operands = [scene.joined_brackets(scene.layout(no_repeats(subset, contracted), wrap=wrap)) for subset in subsets]
    new = [scene.axis() for _ in range(rng.choice((0, 0, 0, 0, 1)))]
    output = scene.layout([*kept, *new])
    given = scene.given(operands, [*covered, *new])
    return dot_case(scene, operands, scene.text(operands, [output]), given)


def no_repeats(names: list[str], contracted: list[str]) -> list[str]:
    """No diagonal over a contracted axis: in brackets it would be two axes."""
    return [name for place, name in enumerate(names) if name not in contracted or name not in names[:place]]


def dot_case(scene: Scene, operands: list[list[Term]], text: str, given: dict[str, Any]) -> Case:
    dtypes = one_dtype(scene, operands)
    if scene.rng.random() < 0.15:
        dtypes = [scene.dtype(("bool", "int32", "int64", "float32", "float64")) for _ in operands]
    data = [scene.operand(terms, dtype) for terms, dtype in zip(operands, dtypes, strict=True)]
    return Case("dot", text, data, scene.keywords(given, ("bias",)))


def weight_dot(scene: Scene) -> Case:
    """`a [b -> c]` for `a [b], [b] c -> a c`."""
    rng = scene.rng
    kept = scene.some_axes(0, 3, 1)
    inputs = [scene.axis(1) for _ in range(rng.randint(1, 2))]
    outputs = [scene.axis(1) for _ in range(rng.randint(1, 2))]
    mark = Term("text", name=f"[{' '.join(inputs)}->{' '.join(outputs)}]")
    layout = scene.layout(kept)
    place = rng.randint(0, len(layout))
    first = [*layout[:place], *map(name_term, inputs), *layout[place:]]
    weight = [*map(name_term, inputs), *map(name_term, outputs)]
    layout.insert(place, mark)
    given = scene.given([first, weight], [*kept, *inputs, *outputs])
    return dot_case(scene, [first, weight], scene.text([layout]), given)


# -- along axes -----------------------------------------------------------------------------------------------------

ALONG = ("softmax", "log_softmax", "sort", "argsort", "flip", "roll", "cumsum", "cumprod")
ONE_AXIS = ("sort", "argsort", "cumsum", "cumprod")


def along(rng: Random) -> Case:
    name = rng.choice(ALONG)
    scene = Scene(rng)
    least = 1 if "softmax" in name else 0
    inside = [scene.axis(least)] if name in ONE_AXIS else scene.some_axes(1, 3, least)
    outside = scene.some_axes(0, 3, 0, ellipsis=not any(map(scene.is_repeated, inside)))
    wrap = bracketing(scene, inside)
    source = scene.joined_brackets(scene.layout([*outside, *inside], wrap=wrap))
    outputs = None
    new: list[str] = []
    if rng.random() < 0.4:
        new = [scene.axis() for _ in range(rng.choice((0, 0, 1)))]
        outputs = [scene.joined_brackets(scene.layout([*outside, *inside, *new], wrap=wrap))]
    given = scene.given([source], [*inside, *outside, *new])
    keywords = scene.keywords(given, ("shift",))
    if name == "roll":
        count = sum(len(scene.flat(axis)) for axis in inside)
        several = [rng.randint(-5, 5) for _ in range(count)]
        keywords["shift"] = rng.choice((rng.randint(-5, 5), tuple(several), several)) if count else 1
    dtype = scene.dtype(FLOATS if "softmax" in name else [*REALS[1:], *(["bool"] if name in ("flip", "roll") else [])])
    if name == "cumprod":
        dtype = scene.dtype(("float32", "float64", "int64"))
    return Case(name, scene.text([source], outputs), [scene.operand(source, dtype)], keywords)


# -- indexing --------------------------------------------------------------------------------------------------------

INDEX_DTYPES = ("int64", "int64", "int32", "int8", "uint8")


def places(
    scene: Scene, indexed: Sequence[str], loops: Sequence[str]
) -> tuple[list[list[Term]], list[Data], list[list[str]]]:
    """Operands of coordinates, their values, and the axes each has."""
    rng = scene.rng
    lengths = [length for name in indexed for length in scene.flat(name)]
    runs: list[int] = []  # how many axes each operand has coordinates for
    while sum(runs) < len(lengths):
        runs.append(rng.choice((1, len(lengths) - sum(runs))))
    operands, data, used = [], [], []
    start = 0
    for count in runs:
        own = [name for name in loops if rng.random() < 0.75]
        bracket = count > 1 or rng.random() < 0.4
        terms = scene.layout(own)
        spot = rng.randint(0, len(terms))
        if bracket:
            terms.insert(spot, bracket_term(number_term(count)))
        operands.append(terms)
        used.append(own)
        data.append(coordinate_data(scene, terms, bracket, lengths[start : start + count]))
        start += count
    return operands, data, used


def coordinate_data(scene: Scene, terms: list[Term], bracket: bool, lengths: Sequence[int]) -> Data:
    """Coordinates within axes of some lengths, negative ones too where the dtype has them."""
    dtype = scene.rng.choice(INDEX_DTYPES)
    shape = scene.shape(terms)
    source = np.random.default_rng(scene.rng.randrange(2**32))
    low = 0 if dtype == "uint8" or scene.rng.random() < 0.5 else -1
    if not bracket:
        values = source.integers(low * lengths[0], lengths[0], shape)
    else:
        axis = next(place for place, term in enumerate(terms) if term.kind == "bracket")
        axis = len(scene.dims(terms[:axis]))
        slices = [source.integers(low * n, n, (*shape[:axis], *shape[axis + 1 :])) for n in lengths]
        values = np.stack(slices, axis)
    return Data(scene.strided(np.asarray(values).astype(dtype), repeating=False), dtype)


def indexed_scene(rng: Random) -> tuple[Scene, list[str], list[str], list[str]]:
    """A scene with indexed axes, other axes of the array, and axes of the coordinates."""
    scene = Scene(rng)
    indexed = [scene.axis(1) for _ in range(rng.randint(1, 3))]
    kept = scene.some_axes(0, 2, ellipsis=rng.random() < 0.5)
    own = [scene.axis() for _ in range(rng.randint(0, 2))]
    loops = own + [name for name in kept if not scene.is_repeated(name) and rng.random() < 0.3]
    return scene, indexed, kept, loops


def get_at(rng: Random) -> Case:
    scene, indexed, kept, loops = indexed_scene(rng)
    wrap = bracketing(scene, indexed)
    shuffled = kept + indexed
    rng.shuffle(shuffled)
    order = [name for name in shuffled if name in indexed]
    array = scene.joined_brackets(scene.layout(shuffled, shuffle=False, wrap=wrap))
    operands, data, used = places(scene, order, loops)
    covered = list(dict.fromkeys([*kept, *(name for own in used for name in own)]))
    output = scene.layout(covered)
    given = scene.given([array, *operands], [*covered, *indexed])
    arguments = [scene.operand(array, scene.dtype()), *data]
    if rng.random() < 0.1 and len(operands) == 1 and not operands[0]:
        arguments[1] = int(data[0].values.reshape(-1)[0])
    return Case("get_at", scene.text([array, *operands], [output]), arguments, scene.keywords(given))


def write_at(rng: Random) -> Case:
    name = rng.choice(("set_at", "add_at", "subtract_at"))
    scene, indexed, kept, loops = indexed_scene(rng)
    wrap = bracketing(scene, indexed)
    shuffled = kept + indexed
    rng.shuffle(shuffled)
    order = [each for each in shuffled if each in indexed]
    array = scene.joined_brackets(scene.layout(shuffled, shuffle=False, wrap=wrap))
    operands, data, used = places(scene, order, loops)
    covered = list(dict.fromkeys(axis for own in used for axis in own))
    of_values = [axis for axis in dict.fromkeys([*covered, *kept]) if rng.random() < 0.7]
    values = scene.layout(of_values)
    output = None
    if rng.random() < 0.4:
        output = [scene.joined_brackets(scene.layout(shuffled, wrap=wrap))]
    given = scene.given([array, *operands, values], [*kept, *indexed, *covered])
    dtype = scene.dtype(DTYPES if name == "set_at" else DTYPES[1:])
    written: Any = scene.operand(values, dtype)
    if name == "set_at":  # which of two values at one place stays is not said, so they are all the same
        written = Data(np.full_like(written.values, scene.rng.choice((0, 1, 2))), dtype)
    if not values and rng.random() < 0.5 and dtype not in ("bool", "complex64"):
        written = 2
    arguments = [scene.operand(array, dtype), *data, written]
    return Case(name, scene.text([array, *operands, values], output), arguments, scene.keywords(given))


# -- attention -------------------------------------------------------------------------------------------------------


def attention(rng: Random) -> Case:
    scene = Scene(rng, ("mask", "bias", "scale", "causal", "softcap", "dropout", "rng"))
    batch = scene.some_axes(0, 2, 1, ellipsis=rng.random() < 0.3)
    query, key = scene.axis(), scene.axis()
    compared, features = scene.axis(1), scene.axis()
    form = rng.choice(("none", "flat", "flat", "apart", "grouped"))
    head = scene.axis(1) if form != "none" else ""
    group = scene.axis(1) if form == "grouped" else ""
    bracket = bracket_term(name_term(compared))
    kept = bracket_term(name_term(key))

    def operand(length: Term, feature: Term, heads: Sequence[str]) -> list[Term]:
        if form == "none":
            return scene.layout([], ones=0) + mixed(scene, [*map(scene.atom, batch), length, feature])
        if form == "apart":
            return mixed(scene, [*map(scene.atom, batch), length, feature, name_term(head)])
        return mixed(scene, [*map(scene.atom, batch), length, group_term(*map(name_term, heads), feature)])

    heads = [head, group] if group else [head]
    q = operand(name_term(query), bracket, heads)
    k = operand(kept, bracket, [head])
    v = operand(kept, name_term(features), [head])
    output = operand(name_term(query), name_term(features), heads)
    if form == "apart" and rng.random() < 0.3:
        output = scene.layout([*batch, query, features, head])
    names = [name for name in (*batch, query, key, compared, features, head, group) if name]
    given = scene.given([q, k, v], names)
    dtype = rng.choice(("float32", "float64", "float64", "float16", "bfloat16"))
    keywords = scene.keywords(given, ("mask", "bias", "scale", "causal", "softcap", "dropout", "rng"))
    keywords |= attention_options(scene, batch, output, heads if head else [], query, key, form)
    data = [scene.operand(terms, dtype) for terms in (q, k, v)]
    return Case("attention", scene.text([q, k, v], [output]), data, keywords, loose=dtype in ("float16", "bfloat16"))


def mixed(scene: Scene, terms: list[Term]) -> list[Term]:
    if scene.rng.random() < 0.4:
        scene.rng.shuffle(terms)
    return terms


def attention_options(
    scene: Scene, batch: list[str], output: list[Term], heads: list[str], query: str, key: str, form: str
) -> dict[str, Any]:
    rng = scene.rng
    options: dict[str, Any] = {}
    shared = [name for term in output for name in t_axes(term) if name in batch or (heads and name == heads[0])]
    own = heads[1:]
    lengths = [n for name in (*shared, *own, query, key) for n in scene.flat(name)]
    for option in ("mask", "bias"):
        if rng.random() < 0.4:
            rank = rng.randint(2, max(2, len(lengths)))
            shape = [n if n == 0 or rng.random() < 0.75 else 1 for n in lengths[len(lengths) - rank :]]
            dtype = "bool" if option == "mask" else "float64"
            options[option] = scene.data(shape, dtype)
            if rng.random() < 0.3:
                axes = [name for name in (*shared, *own, query, key) if name != "..." and not scene.is_repeated(name)]
                chosen = [name for name in axes if rng.random() < 0.6] or [key]
                rng.shuffle(chosen)
                shape = [scene.flat(name)[0] for name in chosen]
                options[option] = (" ".join(chosen), scene.data(shape, dtype))
    if rng.random() < 0.3:
        options["causal"] = True
    if rng.random() < 0.3:
        options["scale"] = rng.choice((0.5, 1, 2.0))
    if rng.random() < 0.2:
        options["softcap"] = rng.choice((2.0, 5))
    return options


# -- convolution and windows -------------------------------------------------------------------------------------------


def conv(rng: Random) -> Case | None:
    scene = Scene(rng, ("stride", "padding", "dilation", "transposed", "output_padding"))
    count = rng.choice((1, 1, 1, 2, 2, 3))
    batch = [scene.axis() for _ in range(rng.randint(0, 2))]
    channels, features = scene.axis(1), scene.axis(1)
    group = scene.axis(1) if rng.random() < 0.3 else ""
    dotted = rng.random() < 0.4
    space = [scene.axis(length=rng.randint(1, 6)) for _ in range(1 if dotted else count)]
    kernel = tuple(rng.randint(1, 3) for _ in range(count))
    sizes = tuple(rng.randint(1, 6) for _ in range(count))
    if dotted:
        scene.lengths[space[0]] = sizes
    else:
        scene.lengths.update(zip(space, sizes, strict=True))
    transposed = rng.random() < 0.25
    channel = f"({group} [{channels} -> {features}])" if group else f"[{channels} -> {features}]"
    spatial = [f"[{space[0]}...]"] if dotted else [f"[{' '.join(space)}]"]
    if not dotted and rng.random() < 0.4:
        spatial = [f"[{name}]" for name in space]
    terms = [*batch, *([*spatial, channel] if rng.random() < 0.6 else [channel, *spatial])]
    shape = []
    for term in terms:
        if term == channel:
            shape.append(scene.lengths[channels] * (scene.lengths[group] if group else 1))  # type: ignore[operator]
        elif term in batch:
            shape.append(scene.lengths[term])
        else:
            names = term.strip("[]").removesuffix("...").split()
            shape += [n for name in names for n in scene.flat(name)]
    groups = [scene.lengths[group]] if group else []
    inner: list[Any] = [*groups, scene.lengths[channels]]
    weight = [*kernel, *inner] if terms.index(channel) > terms.index(spatial[0]) else [*inner, *kernel]
    weight.append(scene.lengths[features])
    keywords = conv_options(rng, count, sizes, kernel, transposed)
    if keywords is None:
        return None
    if group:
        keywords[rng.choice((group, group))] = scene.lengths[group]
    dtype = rng.choice(("float32", "float64", "float64"))
    return Case("conv", " ".join(terms), [scene.data(shape, dtype), scene.data(weight, dtype)], keywords)


def conv_options(
    rng: Random, count: int, sizes: Sequence[int], kernel: Sequence[int], transposed: bool
) -> dict[str, Any] | None:
    """Stride, padding and dilation with which the kernel fits."""
    stride = [rng.choice((1, 1, 2, 3)) for _ in range(count)]
    dilation = [rng.choice((1, 1, 2)) for _ in range(count)]
    padding: Any = [rng.choice((0, 0, 1, 2)) for _ in range(count)]
    options: dict[str, Any] = {}
    uneven = rng.random() < 0.2
    if uneven:
        padding = [(each, rng.choice((0, 1))) for each in padding]
    if not transposed and rng.random() < 0.25:
        padding = rng.choice(("same", "valid"))
    for i in range(count):
        reach = dilation[i] * (kernel[i] - 1) + 1
        if padding == "same":
            continue
        pads = 0 if padding == "valid" else sum(padding[i]) if uneven else 2 * padding[i]
        made = (sizes[i] - 1) * stride[i] + reach - pads if transposed else sizes[i] + pads - reach + 1
        if made < 1:
            return None
    for name, value in (("stride", stride), ("dilation", dilation), ("padding", padding)):
        if isinstance(value, str):
            options[name] = value
        elif len(set(value)) == 1 and not isinstance(value[0], tuple) and rng.random() < 0.5:
            options[name] = value[0]
        elif any(each != (0 if name == "padding" else 1) for each in value) or rng.random() < 0.5:
            options[name] = tuple(value)
    if transposed:
        options["transposed"] = True
        more = [rng.choice((0, 1)) for _ in range(count)]
        if all(extra < max(s, d) for extra, s, d in zip(more, stride, dilation, strict=True)) and rng.random() < 0.4:
            options["output_padding"] = tuple(more)
    return options


def window(rng: Random) -> Case | None:
    scene = Scene(rng, ("stride", "padding", "dilation", "fill"))
    count = rng.choice((1, 1, 2))
    kept = scene.some_axes(0, 2, ellipsis=False)
    sizes = tuple(rng.randint(1, 6) for _ in range(count))
    extents = tuple(rng.randint(1, 3) for _ in range(count))
    space, extent = ([scene.axis(length=n) for n in each] for each in (sizes, extents))
    wrap = bracketing(scene, space)
    source = scene.joined_brackets(scene.layout([*kept, *space], wrap=wrap, shuffle=False, grouping=0))
    output = scene.layout([*kept, *space], grouping=0.3, shuffle=False, ones=0)
    windows = [name_term(name) for name in extent]
    output.insert(rng.randint(0, len(output)), bracket_term(*windows))
    keywords: dict[str, Any] = dict(zip(extent, extents, strict=True))
    options = conv_options(rng, count, sizes, extents, transposed=False)
    if options is None:
        return None
    if rng.random() < 0.3:
        options["fill"] = rng.choice((-1.0, 2.5, 3))
    dtype = scene.dtype(("float32", "float64", "float64"))
    return Case("window", scene.text([source], [output]), [scene.operand(source, dtype)], {**keywords, **options})


FAMILIES: dict[str, Callable[[Random], Case | None]] = {
    "rearrange": rearrange,
    "reduction": reduction,
    "elementwise": elementwise,
    "dot": dot,
    "along": along,
    "get_at": get_at,
    "write_at": write_at,
    "attention": attention,
    "conv": conv,
    "window": window,
}
