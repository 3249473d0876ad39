"""Printing a plan as Python source: what is the same for every backend.

Shapes are unpacked, sizes computed and checked, values named, and a value that is used once is written
where it is used.
"""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from wirework.backends.base import Backend, listed, tupled
from wirework.notation.sizes import Assign, Atom, Check, Dim, Given, Length, Size, Var, atoms, code
from wirework.plan import Plan, Step

LINE = 96
SHORT = 24  # what is longer may be given a name of its own
SIZE_OPTIONS = ("shape", "sizes", "start", "stop", "length")


class Printer:
    """Prints one plan as the source of one function."""

    def __init__(self, plan: Plan, backend: Backend, reserved: Iterable[str]) -> None:
        self.plan = plan
        self.backend = backend
        self.taken = {*reserved, "fail", "made", "root", *keyword.kwlist, *keyword.softkwlist}
        self.lines: list[str] = []
        self.code: dict[str, str] = {}  # source of each value and argument
        self.atom_names: dict[Atom, str] = {}
        self.needed = self.needed_atoms()
        steps = [*plan.steps, *(step for branch in plan.branches for step in branch.steps)]
        self.origin = {step.result: step.arguments[0] for step in steps if step.arguments}
        consuming = [step for step in steps if step.primitive != "promote"]
        self.uses = Counter(name for step in consuming for name in step.arguments)
        self.uses.update(plan.outputs if not plan.branches else ())
        self.uses.update(name for branch in plan.branches for name in branch.outputs)
        self.measured = {atom.value for atom in self.needed if isinstance(atom, Length)}

    def print(self) -> str:
        """The source."""
        self.name = self.fresh(self.plan.name)
        parameters = [self.fresh(entry.name) for entry in self.plan.inputs]
        for entry, name in zip(self.plan.inputs, parameters, strict=True):
            self.code[entry.name] = name
        keywords = []
        for kind, name in self.plan.keywords:
            keywords.append(self.fresh(name))
            if kind == "size":
                self.atom_names[Given(name)] = keywords[-1]
            else:
                self.code[name] = keywords[-1]
        self.arguments = [*parameters, *keywords]
        self.argument_names = {entry.name for entry in self.plan.inputs}
        for name, rank in self.plan.ranks:
            self.lines.append(
                f"if {self.code[name]}.ndim != {rank}:\n    raise TypeError({f'{name} has another rank'!r})"
            )
        self.unpack_shapes()
        checks = 0
        for statement in self.plan.statements:
            if isinstance(statement, Check):
                self.check(statement, checks)
                checks += 1
            elif Var(statement.name) in self.needed:
                self.assign(statement)
        self.make_arrays()
        for step in self.plan.steps:
            self.step(step)
        if self.plan.branches:
            self.print_branches()
        else:
            self.print_return(self.plan.outputs)
        body = "\n".join("    " + line for text in self.lines for line in text.split("\n"))
        return f"def {self.name}({', '.join(self.arguments)}):\n{body}\n"

    def print_return(self, outputs: Sequence[str]) -> None:
        found = [bare(self.code[name]) for name in outputs]
        self.lines.append(f"return {found[0] if self.plan.single else tupled(found)}")

    def print_branches(self) -> None:
        """Compare the costs, then each branch in turn; the last one needs no test."""
        costs = [self.size(branch.cost) for branch in self.plan.branches]
        best = self.fresh("best")
        self.lines.append(f"{best} = cheapest({listed(costs)})")
        for number, branch in enumerate(self.plan.branches):
            last = number == len(costs) - 1
            outside, self.lines = self.lines, []
            code, taken = dict(self.code), set(self.taken)
            for step in branch.steps:
                self.step(step)
            self.print_return(branch.outputs)
            inside, self.lines = self.lines, outside
            self.code, self.taken = code, taken
            if not last:
                self.lines.append(f"if {best} == {number}:")
            self.lines += inside if last else ["    " + line for text in inside for line in text.split("\n")]

    # -- names -----------------------------------------------------------------------------------------

    def fresh(self, wanted: str, other: str = "") -> str:
        """A name that is not taken, as like `wanted` as can be."""
        base = re.sub(r"\W", "", wanted)
        if not base or base[0].isdigit():
            base = f"n{base}"
        for name in (base, f"{base}_{other}" if other else base):
            if name not in self.taken:
                self.taken.add(name)
                return name
        number = 2
        while f"{base}{number}" in self.taken:
            number += 1
        self.taken.add(f"{base}{number}")
        return f"{base}{number}"

    def atom(self, atom: Atom) -> str:
        if atom in self.atom_names:
            return self.atom_names[atom]
        if isinstance(atom, Length):
            return f"{self.code[atom.value]}.shape[{atom.index}]"
        if isinstance(atom, Given):
            return self.atom_names[Given(atom.name)] + "".join(f"[{index}]" for index in atom.path)
        raise KeyError(atom)

    def size(self, size: Size) -> str:
        return code(size, self.atom)

    # -- sizes -----------------------------------------------------------------------------------------

    def needed_atoms(self) -> set[Atom]:
        """The atoms that checks, steps and factories need, and what these are computed from."""
        found: set[Atom] = set()
        steps = [*self.plan.steps, *(step for branch in self.plan.branches for step in branch.steps)]
        for branch in self.plan.branches:
            found.update(atoms(branch.cost))
        for step in steps:
            for option in SIZE_OPTIONS:
                value = step.options.get(option)
                if value is not None:
                    for size in value if isinstance(value, tuple) else (value,):
                        found.update(atoms(size))
        for _, shape in (*self.plan.factories, *self.plan.shapes):
            for size in shape:
                found.update(atoms(size))
        for statement in self.plan.statements:
            if isinstance(statement, Check):
                found.update(atoms(statement.left))
                found.update(atoms(statement.right))
        for statement in reversed(self.plan.statements):
            if isinstance(statement, Assign) and Var(statement.name) in found:
                found.update(atoms(statement.size))
        return found

    def unpack_shapes(self) -> None:
        for number, entry in enumerate(self.plan.inputs):
            used = [index for index in range(len(entry.dims)) if Dim(number, index) in self.needed]
            for index in used:
                self.atom_names[Dim(number, index)] = self.fresh(entry.dims[index], entry.name)
            if not used:
                continue
            names = [self.atom_names.get(Dim(number, index), "_") for index in range(len(entry.dims))]
            shape = f"{self.code[entry.name]}.shape"
            if len(names) > 1 and len(used) == 1:
                self.lines.append(f"{names[used[0]]} = {shape}[{used[0]}]")
            else:
                self.lines.append(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {shape}")

    def assign(self, statement: Assign) -> None:
        source = self.size(statement.size)
        self.atom_names[Var(statement.name)] = name = self.fresh(statement.name)
        self.lines.append(f"{name} = {source}")

    def check(self, check: Check, number: int) -> None:
        opposite = {"==": "!=", ">=": "<"}[check.relation]
        test = f"{self.size(check.right)} {opposite} {self.size(check.left)}"
        if check.relation == ">=":
            test = f"{self.size(check.left)} < {self.size(check.right)}"
        self.lines.append(f"if {test}:\n    fail({listed([number, *self.arguments])})")

    def make_arrays(self) -> None:
        for name, shape in self.plan.shapes:
            reason = f"{name}= has another shape than the axes it is for"
            self.lines.append(
                f"if {self.code[name]}.shape != {tupled(map(self.size, shape))}:\n    raise TypeError({reason!r})"
            )
        for name, shape in self.plan.factories:
            wanted = tupled(map(self.size, shape)) if shape else "()"
            self.lines.append(f"{self.code[name]} = made({self.code[name]}, {wanted})")
        for name, like in self.plan.casts:
            self.lines.append(f"{self.code[name]} = {self.backend.cast_input(self.code[name], self.code[like])}")

    # -- steps -----------------------------------------------------------------------------------------

    def step(self, step: Step) -> None:
        options = {key: self.rendered(key, value) for key, value in step.options.items()}
        arguments = [self.code[name] for name in step.arguments]
        if step.primitive == "promote":
            self.promote(step, arguments)
            return
        spell = getattr(self.backend, step.primitive)
        source = spell(*arguments, **options)
        if len(source) > LINE:
            for value in dict.fromkeys(step.arguments):
                if len(self.code[value]) > SHORT:
                    self.code[value] = self.named(self.code[value], value)
            source = spell(*[self.code[name] for name in step.arguments], **options)
        once = self.uses[step.result] == 1 and step.result not in self.measured
        self.code[step.result] = source if once else self.named(source, step.result)

    def rendered(self, key: str, value: Any) -> Any:
        if key not in SIZE_OPTIONS:
            return value
        return tuple(map(self.size, value)) if isinstance(value, tuple) else self.size(value)

    def named(self, source: str, value: str) -> str:
        """Give a value a name: that of the argument it is made from, if that is used for nothing else."""
        root = value
        while root in self.origin and self.uses[self.origin[root]] == 1:
            root = self.origin[root]
        name = self.code[root] if root in self.argument_names else ""
        if not name:
            name = self.fresh("out" if "out" not in self.taken else "value")
        self.lines.append(f"{name} = {bare(source)}")
        return name

    def promote(self, step: Step, arguments: list[str]) -> None:
        """Statements need names for what they change."""
        for value, source in zip(step.arguments, arguments, strict=True):
            if not source.isidentifier():
                self.code[value] = self.named(source, value)
        self.lines.append(self.backend.promote(*(self.code[value] for value in step.arguments)))


def bare(source: str) -> str:
    """Source without parentheses around the whole of it."""
    if not (source.startswith("(") and source.endswith(")")):
        return source
    depth = 0
    for index, character in enumerate(source):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and index < len(source) - 1:
            return source
    return source[1:-1] if not source[1:-1].endswith(",") else source
