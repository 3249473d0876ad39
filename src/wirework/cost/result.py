"""The cost of a circuit: everything that can be read off it, as formulas and as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from wirework.circuit.graph import Circuit, Node
from wirework.cost import blocks, caching, memory, storage, traffic
from wirework.cost.blocks import Block, OperationCost
from wirework.cost.caching import Cache
from wirework.cost.counting import arithmetic, hidden, is_known
from wirework.cost.devices import Device, device
from wirework.cost.figures import NAMES, Figures, containing, peak, plain, sum_of, total
from wirework.cost.roofline import Roofline, roofline
from wirework.cost.storage import FLOATING, Storage
from wirework.cost.tiling import Transfers, transfers
from wirework.errors import AxisSizeError, SemanticError, did_you_mean
from wirework.polynomial import Polynomial


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that are in use at once.

    Attributes:
            weights: of parameters and buffers.
        inference: the most that activations take, if each is freed after its last use, as `Circuit.run` does it.
        eager: the same, if what a block is given is freed when the block ends, as Python does it.
        training: the most that activations take, with what is kept for the backward pass and with their gradients.
        step: the same with the gradients of parameters, which come to be one by one.
    """

    weights: Polynomial
    inference: Polynomial
    eager: Polynomial
    training: Polynomial
    step: Polynomial


@dataclass(frozen=True)
class Cost:
    """What a circuit costs.

    A figure is a `Polynomial` over the sizes that were not given, or a number where all were. Print the cost for a
    table; `value` puts in sizes, `by_block`, `by_operation` and `by_axis` say what a part of it costs.

    Attributes:
        circuit: the circuit.
        sizes: those that were given.
        dtype: that of floating values, if it is not to be the one they were traced with.
    """

    circuit: Circuit
    sizes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    dtype: str | None = None

    # -- what adds up ----------------------------------------------------------------------------------------------

    @cached_property
    def operations(self) -> tuple[OperationCost, ...]:
        """What each operation costs, in the order in which they run."""
        if self.formulas is not self:
            known = self.formulas.operations
            return tuple(replace(each, figures=each.formulas.value(**self.symbols)) for each in known)
        moved = traffic.unfused(self.circuit, self.storage)
        kept = memory.kept_bytes(self.circuit, self.storage)
        learned = self.first_used()
        found = []
        for node, bytes_moved, bytes_kept, parameters in zip(self.circuit.nodes, moved, kept, learned, strict=True):
            computed = arithmetic(self.circuit, node)
            formulas = replace(computed, parameters=parameters, moved=bytes_moved, kept=bytes_kept)
            found.append(OperationCost(node, formulas, formulas.value(**self.symbols)))
        return tuple(found)

    def first_used(self) -> list[Polynomial]:
        """For each operation the numbers of the parameters that none before it uses."""
        parameters = {value.number: self.circuit.elements(value) for value in self.circuit.parameters}
        return [
            sum_of(parameters.pop(number) for number in dict.fromkeys(node.inputs) if number in parameters)
            for node in self.circuit.nodes
        ]

    @cached_property
    def total(self) -> Figures:
        """All operations together. Parameters that none of them uses count, too."""
        found = total(operation.figures for operation in self.operations)
        return replace(found, parameters=self.known(sum_of(map(self.circuit.elements, self.circuit.parameters))))

    @property
    def flops(self) -> Polynomial:
        """All FLOPs of a forward pass."""
        return self.total.flops

    @property
    def contraction(self) -> Polynomial:
        """FLOPs of matrix products, convolutions and attention."""
        return self.total.contraction

    @property
    def other(self) -> Polynomial:
        """All other FLOPs."""
        return self.total.other

    @property
    def macs(self) -> Polynomial:
        """Multiply-adds."""
        return self.total.macs

    @property
    def backward(self) -> Polynomial:
        """FLOPs of contractions in a backward pass."""
        return self.total.backward

    @property
    def parameters(self) -> Polynomial:
        """How many numbers are learned."""
        return self.total.parameters

    @property
    def moved(self) -> Polynomial:
        """Bytes moved, if each operation reads its inputs and writes its outputs."""
        return self.total.moved

    @cached_property
    def hidden(self) -> Polynomial:
        """FLOPs of scores that causal masks hide: they count, too, though a fused kernel may leave some of them out."""
        return sum_of(self.known(hidden(self.circuit, node)) for node in self.circuit.nodes)

    # -- what does not ---------------------------------------------------------------------------------------------

    @cached_property
    def storage(self) -> Storage:
        """Where values lie."""
        return storage.storage(self.circuit, self.dtype) if self.formulas is self else self.formulas.storage

    @cached_property
    def groups(self) -> tuple[traffic.Group, ...]:
        """Operations that can be done in one go."""
        return tuple(traffic.fused(self.circuit, self.storage))

    @cached_property
    def moved_fused(self) -> Polynomial:
        """Bytes moved, if what only passes elements on is done together with what it reads from."""
        return sum_of(self.known(group.moved) for group in self.groups)

    @cached_property
    def memory(self) -> Memory:
        """The most bytes in use at once."""
        circuit, sized = self.circuit, replace(self.storage, lengths=self.symbols)
        return Memory(
            sum_of(sized.size(value.number) for value in (*circuit.parameters, *circuit.buffers)),
            peak(memory.inference(circuit, sized)),
            peak(memory.inference(circuit, sized, eager=True)),
            peak(memory.training(circuit, sized)),
            peak(memory.training(circuit, sized, parameters=True)),
        )

    @cached_property
    def cache(self) -> Cache:
        """Bytes of keys and values that a decoder remembers."""
        return caching.cache(self.circuit, self.storage).value(**self.sizes)

    @cached_property
    def tiled(self) -> Transfers:
        """How many values contractions of two operands and attention move at least, for a fast memory of M values."""
        found = Transfers()
        for node in self.circuit.nodes:
            if (bound := transfers(self.circuit, node)) is not None:
                found += bound.value(**self.symbols)
        return found

    @property
    def intensity(self) -> float | None:
        """FLOPs per byte moved, each operation by itself; `None` before all sizes are known."""
        return self.total.intensity

    @property
    def intensity_fused(self) -> float | None:
        """FLOPs per byte moved, fused."""
        return replace(self.total, moved=self.moved_fused).intensity

    def roofline(self, on: str | Device, dtype: str | None = None) -> Roofline:
        """How long it takes at least on a device: the sum over groups of operations that are done in one go.

        Args:
            on: the name of a device of `DEVICES`, "here" for this machine, or one of your own.
            dtype: whose peak is taken; by default that of the circuit's values.

        Raises:
            SemanticError: if there is no such device, or it has no peak for the dtype.
            AxisSizeError: if sizes are missing.
        """
        self.need_sizes()
        work = []
        for group in self.groups:
            flops = sum_of(self.operations[place].figures.flops for place in group.nodes)
            work.append((name_of(self.circuit.nodes[group.nodes[0]]), int(flops), int(self.known(group.moved))))
        return roofline(device(on), dtype or self.main_dtype, work)

    @property
    def main_dtype(self) -> str:
        """The dtype of most floating values."""
        found = [value.dtype for value in self.circuit.values if value.dtype in FLOATING]
        return self.dtype or (max(set(found), key=found.count) if found else "float32")

    # -- parts -----------------------------------------------------------------------------------------------------

    @cached_property
    def blocks(self) -> Block:
        """All of it as the outermost of nested blocks."""
        root = blocks.nested(self.circuit.name, self.operations, self.circuit.blocks)
        return replace(root, figures=self.total)

    def by_block(self, path: str) -> Figures:
        """What a block costs, such as "blocks.0.attention".

        Raises:
            SemanticError: if there is none of that path.
        """
        parts = tuple(path.split("."))
        known = {".".join(node.block[:end]) for node in self.circuit.nodes for end in range(1, len(node.block) + 1)}
        return self.part("block", path, known, lambda each: each.node.block[: len(parts)] == parts)

    def by_operation(self, kind: str) -> Figures:
        """What all operations of a kind cost, such as "softmax".

        Raises:
            SemanticError: if there is none of that kind.
        """
        known = {node.kind for node in self.circuit.nodes}
        return self.part("operation", kind, known, lambda each: each.node.kind == kind)

    def part(self, what: str, name: str, known: set[str], wanted: Callable[[OperationCost], bool]) -> Figures:
        """What some operations cost."""
        if name not in known:
            raise SemanticError(f"{self.circuit.name} has no {what} {name!r}{did_you_mean(name, sorted(known))}")
        return total(each.figures for each in self.operations if wanted(each))

    def by_axis(self, name: str) -> Figures:
        """What costs more the longer an axis is: the part of each formula in which it stands.

        Args:
            name: an axis of the circuit, or a size that lengths of axes are made of.

        Raises:
            SemanticError: if there is none of that name.
        """
        known = {*self.circuit.axes, *self.free}
        if name not in known:
            raise SemanticError(f"{self.circuit.name} has no axis {name!r}{did_you_mean(name, sorted(known))}")
        axes = frozenset(axis for axis, size in self.circuit.axes.items() if name in (axis, *size.names))
        found = Figures()
        for each in self.operations:
            parts = (containing(getattr(each.formulas, figure), axes) for figure in NAMES)
            found += Figures(*parts).value(**self.symbols)
        return found

    # -- sizes -----------------------------------------------------------------------------------------------------

    @cached_property
    def formulas(self) -> Cost:
        """The same before any size was given."""
        return replace(self, sizes=MappingProxyType({})) if self.sizes else self

    @cached_property
    def symbols(self) -> Mapping[str, Polynomial]:
        """The length of each axis, as far as it is known."""
        return {axis: size.substitute(**self.sizes) for axis, size in self.circuit.axes.items()}

    @cached_property
    def free(self) -> tuple[str, ...]:
        """The sizes that can be given."""
        return tuple(dict.fromkeys(name for size in self.circuit.axes.values() for name in size.names))

    def known(self, formula: Polynomial) -> Polynomial:
        """A formula over names of axes with their lengths, as far as these are known."""
        return formula.substitute(**{name: self.symbols[name] for name in formula.names if name in self.symbols})

    def value(self, **sizes: int) -> Cost:
        """The cost for more sizes.

        Raises:
            SemanticError: if there is none of a name, or it is known already.
            AxisSizeError: if one is not a whole number from 0 on.
        """
        for name, size in sizes.items():
            self.check(name, size)
        return replace(self, sizes=MappingProxyType({**self.sizes, **sizes}))

    def check(self, name: str, size: object) -> None:
        """Refuse a size that is none of the circuit's, or that no axis can have."""
        if name not in self.free:
            if name in self.circuit.axes:
                raise SemanticError(f"{name} is {self.circuit.axes[name]} in {self.circuit.name}: it cannot be chosen")
            choices = f": choose from {', '.join(self.free)}" if self.free else ", all its sizes are numbers"
            close = did_you_mean(name, self.free)
            raise SemanticError(f"{self.circuit.name} has no axis {name!r}{close or choices}")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise AxisSizeError(f"{name} must be a whole number from 0 on, not {size!r}")

    def need_sizes(self) -> None:
        """Refuse to go on before all sizes are known."""
        if missing := [name for name in self.free if name not in self.sizes]:
            raise AxisSizeError(f"{' and '.join(missing)} must be known: give {missing[0]}=...")

    @property
    def unknown(self) -> tuple[str, ...]:
        """The operations that nobody knows the arithmetic of, which count nothing."""
        nodes = (node for node in self.circuit.nodes if not is_known(node))
        return tuple(dict.fromkeys(str(node.options.get("function", node.kind)) for node in nodes))

    # -- showing ---------------------------------------------------------------------------------------------------

    def table(self, depth: int | None = None, width: int = 80) -> str:
        """As text.

        Args:
            depth: how many levels of blocks are shown; `None`: all.
            width: how long lines may be.
        """
        from wirework.cost.table import text

        return text(self, depth, width)

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from wirework.cost.html import html

        return html(self)

    def plot(self, on: str | Device = "h100", dtype: str | None = None) -> Any:
        """The roofline as a figure of matplotlib.

        Raises:
            NotSupportedError: if matplotlib is not installed.
            WireworkError: as `roofline` does.
        """
        from wirework.cost.plot import plot

        return plot(self.roofline(on, dtype), self.circuit.name)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data: numbers, and text where a formula has no number yet."""
        return {
            "name": self.circuit.name,
            "sizes": dict(self.sizes),
            "dtype": self.main_dtype,
            **self.total.to_json(),
            "backward": plain(self.backward),
            "hidden": plain(self.hidden),
            "moved_fused": plain(self.moved_fused),
            "intensity": self.intensity,
            "intensity_fused": self.intensity_fused,
            "memory": {name: plain(getattr(self.memory, name)) for name in Memory.__slots__},
            "cache": {"total": plain(self.cache.total), "per_token": plain(self.cache.per_token)},
            "tiled": {name: plain(getattr(self.tiled, name)) for name in ("always", "by_root", "inverse")},
            "unknown": list(self.unknown),
            "formulas": self.formulas.total.to_json(),
            "blocks": self.blocks.to_json(),
        }


def cost(circuit: Circuit, *, dtype: str | None = None, **sizes: int) -> Cost:
    """What a circuit costs.

    Args:
        circuit: as `trace` makes it.
        dtype: of floating values, such as "bfloat16"; by default what they were traced with.
        sizes: lengths of the axes that have none yet.

    Raises:
        SemanticError: if there is no axis of a name, or no such dtype.
        AxisSizeError: if a size is not a whole number from 0 on.
    """
    if dtype is not None and dtype not in FLOATING:
        close = did_you_mean(dtype, FLOATING)
        raise SemanticError(f"{dtype!r} is no floating dtype{close}: choose from {', '.join(FLOATING)}")
    return Cost(circuit, dtype=dtype).value(**sizes)


def name_of(node: Node) -> str:
    """An operation by its block and its kind."""
    return ".".join((*node.block, node.kind))
