"""The house stands: imports go downhill, frameworks stay optional, files stay small.

Imports are read from the source, so a rule is broken by writing an import, whether or not it ever runs.
"""

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "wirework"
SOURCE = Path(__file__).parents[1] / "src"
LONGEST_FILE = 999

# Who may import whom. A row speaks for a module and everything in it, and the longest matching row counts.
# Every module may import from its own row. PACKAGE itself stands for `import wirework`, the public names.
ENGINE_AND_BELOW = (
    "docstrings",
    "errors",
    "keywords",
    "notation",
    "operations",
    "plan",
    "backends",
    "arguments",
    "diagnose",
    "program",
    "engine",
)
PUBLIC = ("api", "solving", "typed_functions", "explaining")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "docstrings": (),
    "errors": (),
    "keywords": (),
    "notation": ("errors",),
    "notation.sizes": ("errors",),
    "plan": ("errors", "notation.sizes"),
    "operations": ("docstrings", "errors", "notation", "plan"),
    "backends": ("errors", "notation.sizes", "plan"),
    "diagnose": ("errors", "notation"),
    "arguments": ("errors", "keywords", "notation", "operations", "backends"),
    "program": ("arguments", "errors", "keywords", "notation", "operations", "plan", "backends", "diagnose"),
    "engine": ENGINE_AND_BELOW,
    "reference": ("errors", "notation", "operations", "program"),
    "api": (*ENGINE_AND_BELOW, *PUBLIC),
    "solving": (*ENGINE_AND_BELOW, *PUBLIC),
    "typed_functions": (*ENGINE_AND_BELOW, *PUBLIC),
    "explaining": (*ENGINE_AND_BELOW, *PUBLIC),
    "polynomial": (),
    "circuit": (*ENGINE_AND_BELOW, *PUBLIC, "polynomial"),
    "diagram": (*ENGINE_AND_BELOW, *PUBLIC, "polynomial", "circuit", "cost"),
    "cost": (*ENGINE_AND_BELOW, *PUBLIC, "polynomial", "circuit"),
    PACKAGE: (*ENGINE_AND_BELOW, *PUBLIC, "polynomial", "circuit", "diagram", "cost"),
    "nn": ("errors", "notation", "engine", *PUBLIC, PACKAGE),
    "checkpoint": ("errors", *PUBLIC, PACKAGE),
    "models": ("errors", *PUBLIC, PACKAGE, "nn", "checkpoint"),
    "data": ("errors",),
    "training": ("errors", *PUBLIC, PACKAGE, "nn", "checkpoint", "models", "data"),
    "shard": ("errors", "engine", *PUBLIC, PACKAGE, "circuit", "nn"),
    "cli": ("*",),
    "__main__": ("cli",),
}

FRAMEWORKS = ("torch", "flax", "linen", "haiku", "equinox", "keras")
# Which packages besides the standard library a module may import while it is itself being imported.
# Rows as above; what has no row may import numpy.
WHILE_LOADING: dict[str, tuple[str, ...]] = {
    "notation": (),
    "polynomial": (),
    "backends.torch": ("numpy", "torch"),
    "backends.jax": ("numpy", "jax"),
    "circuit.torch": ("numpy", "torch"),
    "circuit.jax": ("numpy", "jax"),
    **{f"nn.{framework}": ("*",) for framework in FRAMEWORKS},
    **{f"nn.converting.{framework}": ("*",) for framework in FRAMEWORKS},
    **{f"nn.jax_{what}": ("numpy", "jax") for what in ("arrays", "caches", "parameters")},
    "nn.torch_arrays": ("numpy", "torch"),
    "models": ("*",),
    "training": ("*",),
    "shard": ("*",),
    "checkpoint": ("*",),
    "cli": ("*",),
}
# Elsewhere a function, or `if TYPE_CHECKING:`, may import more; in these nothing may, anywhere.
NEVER_MORE = ("notation", "operations", "plan", "engine")

# Loaded by name when an array of theirs is first seen.
LOADED_ON_DEMAND = ("backends.torch", "backends.jax", "circuit.torch", "circuit.jax")


@dataclass(frozen=True)
class Import:
    """One imported module: its full dotted name, where it is written, and whether loading runs it."""

    target: str
    line: int
    while_loading: bool


@dataclass(frozen=True)
class Module:
    """A source file under its dotted name without the leading `wirework.`; the package itself keeps it."""

    name: str
    path: Path

    @property
    def package(self) -> list[str]:
        """The dotted parts that a relative import starts from."""
        if self.name == PACKAGE:
            return [PACKAGE]
        parts = [PACKAGE, *self.name.split(".")]
        return parts if self.path.name == "__init__.py" else parts[:-1]


def find_modules(source: Path) -> dict[str, Module]:
    modules = {}
    for path in sorted((source / PACKAGE).rglob("*.py")):
        parts = path.relative_to(source / PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or PACKAGE
        modules[name] = Module(name, path)
    return modules


def statements(node: ast.AST, while_loading: bool = True) -> Iterator[tuple[ast.AST, bool]]:
    """Every node below, with whether it runs while the module is loaded."""
    for child in ast.iter_child_nodes(node):
        yield child, while_loading
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from statements(child, False)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for branch, runs in ((child.body, False), (child.orelse, while_loading)):
                for statement in branch:
                    yield statement, runs
                    yield from statements(statement, runs)
        else:
            yield from statements(child, while_loading)


def imports(module: Module, modules: dict[str, Module]) -> list[Import]:
    found = []
    for node, while_loading in statements(ast.parse(module.path.read_text())):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = module.package[: len(module.package) - node.level + 1] if node.level else []
            base = ".".join([*start, *filter(None, [node.module])])
            members = [f"{base}.{alias.name}" for alias in node.names]
            targets = [member if short(member) in modules else base for member in members]
        else:
            continue
        found += [Import(target, node.lineno, while_loading) for target in dict.fromkeys(targets)]
    return found


def short(target: str) -> str:
    return target.removeprefix(f"{PACKAGE}.")


def covers(row: str, name: str) -> bool:
    return row == "*" or name == row or name.startswith(f"{row}.")


def row_of(name: str, table: dict[str, tuple[str, ...]]) -> str | None:
    return max((row for row in table if covers(row, name)), key=len, default=None)


def is_ours(target: str) -> bool:
    return covers(PACKAGE, target)


def is_third_party(target: str) -> bool:
    return not is_ours(target) and target.partition(".")[0] not in sys.stdlib_module_names


def arrow_faults(module: Module, modules: dict[str, Module]) -> list[str]:
    row = row_of(module.name, MAY_IMPORT)
    if row is None:
        return [f"{module.path}: {module.name!r} has no row in MAY_IMPORT; say there what it may import"]
    allowed = (row, *MAY_IMPORT[row])
    return [
        f"{module.path}:{found.line}: {row} may not import {found.target}; it may import "
        + (", ".join(MAY_IMPORT[row]) or "nothing of wirework")
        for found in imports(module, modules)
        if is_ours(found.target) and not any(covers(other, short(found.target)) for other in allowed)
    ]


def framework_faults(module: Module, modules: dict[str, Module]) -> list[str]:
    row = row_of(module.name, WHILE_LOADING)
    allowed = ("numpy",) if row is None else WHILE_LOADING[row]
    strict = any(covers(name, module.name) for name in NEVER_MORE)
    return [
        f"{module.path}:{found.line}: {module.name} may not import {found.target} "
        + ("anywhere" if strict else "at module level; move the import into the function that needs it")
        for found in imports(module, modules)
        if is_third_party(found.target)
        and (strict or found.while_loading)
        and not any(covers(package, found.target) for package in allowed)
    ]


def on_demand_faults(module: Module, modules: dict[str, Module]) -> list[str]:
    return [
        f"{module.path}:{found.line}: {found.target} is loaded on demand; nothing imports it at module level"
        for found in imports(module, modules)
        if found.while_loading
        and any(covers(room, short(found.target)) and not covers(room, module.name) for room in LOADED_ON_DEMAND)
    ]


def room_faults(module: Module, _: dict[str, Module]) -> list[str]:
    text = module.path.read_text()
    lines = text.count("\n") + 1
    faults = []
    if lines > LONGEST_FILE:
        faults.append(f"{module.path}: {lines} lines; split it before it reaches {LONGEST_FILE + 1}")
    if not ast.get_docstring(ast.parse(text)):
        faults.append(f"{module.path}: no docstring; its first line says what the file is for")
    return faults


MODULES = find_modules(SOURCE)
RULES = (arrow_faults, framework_faults, on_demand_faults, room_faults)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.removesuffix("_faults"))
@pytest.mark.parametrize("name", MODULES)
def test_module_keeps_the_rule(name, rule):
    faults = rule(MODULES[name], MODULES)
    assert not faults, "\n" + "\n".join(faults)


def test_importing_wirework_loads_nothing_third_party_but_numpy():
    program = f"""
        import sys
        sys.path.insert(0, {str(SOURCE)!r})
        import numpy
        before = set(sys.modules)
        import wirework
        loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
        print(*sorted(loaded - sys.stdlib_module_names - {{"numpy", "wirework"}}))
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


# The rules themselves: each source is planted as the named file, and the rule must find fault, or not.
PLANTED = [
    (arrow_faults, "notation/parser.py", "from ..operations import names", True),
    (arrow_faults, "notation/parser.py", "from . import spans", False),
    (arrow_faults, "notation/parser.py", "from .. import errors", False),
    (arrow_faults, "notation/sizes.py", "from .parser import parse", True),
    (arrow_faults, "errors.py", "import wirework.notation", True),
    (arrow_faults, "plan.py", "from .notation import sizes", False),
    (arrow_faults, "plan.py", "from .notation import parser", True),
    (arrow_faults, "plan.py", "from .notation.sizes import Product", False),
    (arrow_faults, "backends/numpy.py", "from ..notation.parse import parse", True),
    (arrow_faults, "backends/numpy.py", "from ..plan import Step", False),
    (arrow_faults, "engine.py", "def f():\n    from wirework import circuit", True),
    (arrow_faults, "engine.py", "import wirework", True),
    (arrow_faults, "reference.py", "from .plan import Step", True),
    (arrow_faults, "diagram/layout.py", "from wirework.nn import core", True),
    (arrow_faults, "nn/core.py", "import wirework as ww", False),
    (arrow_faults, "nn/core.py", "from wirework import dot", False),
    (arrow_faults, "nn/core.py", "from wirework.cli import main", True),
    (arrow_faults, "models/vit.py", "from ..nn import torch", False),
    (arrow_faults, "attic.py", "", True),
    (framework_faults, "notation/parser.py", "import numpy", True),
    (framework_faults, "notation/parser.py", "import dataclasses", False),
    (framework_faults, "operations/dot.py", "import numpy as np", False),
    (framework_faults, "operations/dot.py", "def f():\n    import torch", True),
    (framework_faults, "engine.py", "if TYPE_CHECKING:\n    import torch", True),
    (framework_faults, "api.py", "if TYPE_CHECKING:\n    import torch", False),
    (framework_faults, "api.py", "if typing.TYPE_CHECKING:\n    pass\nelse:\n    import torch", True),
    (framework_faults, "api.py", "def f():\n    import torch", False),
    (framework_faults, "api.py", "try:\n    import torch\nexcept ImportError:\n    pass", True),
    (framework_faults, "api.py", "class A:\n    from jax import numpy", True),
    (framework_faults, "backends/torch.py", "import torch.nn.functional as F", False),
    (framework_faults, "backends/torch.py", "import jax", True),
    (framework_faults, "nn/torch.py", "import torch", False),
    (framework_faults, "nn/core.py", "import torch", True),
    (on_demand_faults, "backends/__init__.py", "from . import torch", True),
    (on_demand_faults, "engine.py", "from .backends.jax import JaxBackend", True),
    (on_demand_faults, "engine.py", "from .backends import numpy", False),
    (on_demand_faults, "cli/train.py", "def f():\n    from wirework.backends import torch", False),
    (room_faults, "api.py", '"""Kept."""', False),
    (room_faults, "api.py", "x = 1", True),
    (room_faults, "api.py", '"""Long."""\n' + "x = 1\n" * LONGEST_FILE, True),
]
PLANTED_HOUSE = (
    *("errors", "plan", "engine", "notation/sizes", "notation/parser", "notation/spans", "circuit/graph"),
    *("backends/numpy", "backends/torch", "backends/jax", "nn/torch"),
)


@pytest.mark.parametrize(("rule", "file", "source", "is_fault"), PLANTED)
def test_rule_finds_fault(tmp_path, rule, file, source, is_fault):
    for room in (*PLANTED_HOUSE, file.removesuffix(".py")):
        path = tmp_path / PACKAGE / f"{room}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        (path.parent / "__init__.py").touch()
    (tmp_path / PACKAGE / file).write_text(source)
    modules = find_modules(tmp_path)
    name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    faults = rule(modules[name], modules)
    assert bool(faults) == is_fault, faults
    assert all(str(tmp_path / PACKAGE / file) in fault for fault in faults)
