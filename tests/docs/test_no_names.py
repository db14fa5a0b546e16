"""No part of the library decides by a primitive's name: rows say what every part needs.

The source outside ``ops/`` and the registry is read for comparisons of names with those of
primitives, for tables keyed by them, and for rows asked for by name. Lists of public names, and
words that happen to be names, are allowed by place, each for a reason.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tinygrad_hess
from tinygrad_hess.core.composite import PICK
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.core.tensor import LEAF, _Released

SOURCE = Path(tinygrad_hess.__file__).parent
NAMES = frozenset(REGISTRY) | {PICK.name}
WORDS = NAMES | {row.label for row in REGISTRY.values()} | {LEAF.name, _Released.label}
"""What a name or a label may be compared with only to tell primitives apart."""

SIGNS = "words for signs of eigenvalues and kinds of points"
PUBLIC = "functions and methods that users call, by their names"

ALLOWED = {
    ("curvature/analysis/critical_points.py", "MEANING"): SIGNS,
    ("curvature/analysis/critical_points.py", "CriticalPoint"): SIGNS,
    ("curvature/analysis/critical_points.py", "_explain"): SIGNS,
    ("curvature/spectra/density_result.py", "SpectralDensity"): SIGNS,
    ("curvature/spectra/inertia.py", "SIGNS"): SIGNS,
    ("curvature/spectra/inertia.py", "count_signs"): SIGNS,
    ("curvature/spectra/spectrum.py", "Spectrum"): SIGNS,
    ("io/from_sklearn.py", "_ACTIVATIONS"): "activations by scikit-learn's names",
    ("numpy/fft.py", "__all__"): PUBLIC,
    ("numpy/linalg.py", "__all__"): PUBLIC,
    ("scipy/linalg/__init__.py", "__all__"): PUBLIC,
    ("scipy/special.py", "__all__"): PUBLIC,
    ("scipy/stats/__init__.py", "__all__"): PUBLIC,
    ("tensor_methods/assignment.py", "_SIGNS"): PUBLIC,
    ("tensor_methods/methods.py", "_OPERATORS"): PUBLIC,
    ("tensor_methods/methods.py", "_METHODS"): PUBLIC,
    ("tensor_methods/methods.py", "_ALIASES"): PUBLIC,
    ("tensor_methods/methods.py", "_FROM_NUMPY"): PUBLIC,
    ("tensor_methods/methods.py", "_FROM_LINALG"): PUBLIC,
    ("tensor_methods/methods.py", "_FROM_SPECIAL"): PUBLIC,
    ("tensor_methods/methods.py", "install"): PUBLIC,
    ("nn/init.py", "gain"): "activations that users name, as PyTorch spells them",
}
"""By file, and variable, function or class: why names of primitives may stand there."""


class Found(NamedTuple):
    """A place that decides by names: in which variable or function, on which line, and how."""

    where: str
    line: int
    how: str


# ---- reading source -----------------------------------------------------------------------------


def findings(source: str) -> list[Found]:
    """All places of a module that decide by names of primitives, in order."""
    tree = ast.parse(textwrap.dedent(source))
    return [
        Found(where, node.lineno, how)
        for where, node in _places(tree, "")
        for how in _decisions(node)
    ]


def _places(node: ast.AST, where: str) -> Iterator[tuple[str, Any]]:
    """Every node, with the variable, function or class of the module in which it stands."""
    for child in ast.iter_child_nodes(node):
        inside = where or _defined(child)
        yield inside, child
        yield from _places(child, inside)


def _defined(node: Any) -> str:
    """What a statement of a module defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return targets[0].id if isinstance(targets[0], ast.Name) else ""


def _decisions(node: Any) -> Iterator[str]:
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        words = _known((n for side in sides for n in ast.walk(side)), WORDS)
        if words and any(map(_is_name, sides)):
            yield f"a name is compared with {words}"
    elif isinstance(node, ast.Match) and _is_name(node.subject):
        patterns = [case.pattern for case in node.cases]
        if words := _known((n for p in patterns for n in ast.walk(p)), WORDS):
            yield f"a name is matched with {words}"
    elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("REGISTRY"):
        if words := _known([node.slice]):
            yield f"a row is asked for by {words}"
    elif len(words := _known(_listed(node))) > 1:
        yield f"a table of {words}"


def _listed(node: Any) -> list[Any]:
    """What a table lists: a collection, keys of a dictionary, words of a text that is split."""
    if isinstance(node, (ast.Set, ast.Tuple, ast.List)):
        return node.elts
    if isinstance(node, ast.Dict):
        return node.keys
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return [ast.Constant(k.arg) for k in node.keywords]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        text = node.func.value
        if node.func.attr == "split" and isinstance(text, ast.Constant):
            return [ast.Constant(word) for word in str(text.value).split()]
    return []


def _is_name(node: ast.AST) -> bool:
    """Whether an expression is called a name or a label: ``prim.name``, ``label``."""
    return getattr(node, "attr", getattr(node, "id", None)) in ("name", "label")


def _known(nodes: Iterable[Any], words: frozenset[str] = NAMES) -> list[str]:
    values = [n.value for n in nodes if isinstance(n, ast.Constant)]
    return [v for v in values if isinstance(v, str) and v in words]


def modules() -> list[str]:
    """Files of the library, without the operations and the registry."""
    files = [p.relative_to(SOURCE) for p in SOURCE.rglob("*.py")]
    return sorted(p.as_posix() for p in files if p.parts[0] != "ops" and str(p) != "registry.py")


# ---- the library --------------------------------------------------------------------------------


@pytest.mark.parametrize("module", modules())
def test_no_part_decides_by_names_of_primitives(module: str) -> None:
    found = findings((SOURCE / module).read_text(encoding="utf-8"))
    assert not [f for f in found if (module, f.where) not in ALLOWED]


def test_what_is_allowed_is_there() -> None:
    there = {
        (module, f.where)
        for module in modules()
        for f in findings((SOURCE / module).read_text(encoding="utf-8"))
    }
    assert set(ALLOWED) <= there


# ---- the reader itself --------------------------------------------------------------------------

DECIDES = {
    "equal": 'found = prim.name == "sum"',
    "not equal, turned": 'if "matmul_tn" != node.prim.name: pass',
    "in a tuple": 'ok = i.name in ("sum", "anything")',
    "not in a set": 'ok = name not in {"softmax"}',
    "in a call": 'ok = name in frozenset(["softmax"])',
    "label": 'ok = label == "released"',
    "two names": 'ok = i.name == before.name == "transpose"',
    "inside a choice": 'lies = name == "matmul_tn" if operand else name != "anything"',
    "matched": """
        def f(prim):
            match prim.name:
                case "sum" | "amax":
                    return 1
    """,
    "dictionary": 'RULES = {"sum": f, "amax": g, "anything": h}',
    "of keywords": "RULES = dict(sum=f, amax=g)",
    "from keys": 'RULES = {**dict.fromkeys(("sum", "amax"), f)}',
    "set": 'SAME = frozenset({"alias", "seed"})',
    "tuple": 'PRODUCTS = ("matmul", "matmul_nt", "matmul_tn")',
    "words": 'VIEWS = "reshape transpose index".split()',
    "with a type": 'ORDER: dict[str, int] = {"softmax": 1, "log_softmax": 2}',
    "row by name": 'other = REGISTRY["multiply"]',
    "row by name, elsewhere": 'other = primitive.REGISTRY["multiply"]',
}
DOES_NOT = {
    "primitives": "ok = prim is seed.primitive or prim in (a.primitive, b.primitive)",
    "other words": 'ok = name == "gradient_norm" or name in ("Q", "R")',
    "kinds": 'ok = prim.kind == "elementwise"',
    "names of others": "ok = x.name != out.name",
    "one word": 'options = {"index": 3, "rtol": 1e-3}',
    "a call": 'made = f("sum", "amax")',
    "text": 'raise ValueError("sum and amax")',
    "row by a variable": "row = REGISTRY[name]",
    "parameters": 'axis = params["axis"]',
}


@pytest.mark.parametrize("how", DECIDES)
def test_found(how: str) -> None:
    assert findings(DECIDES[how])


@pytest.mark.parametrize("how", DOES_NOT)
def test_not_found(how: str) -> None:
    assert not findings(DOES_NOT[how])


def test_where_it_is() -> None:
    source = """
        import numpy

        TABLE = {"sum": 1, "amax": 2}

        class Reader:
            def read(self, prim):
                return prim.name == "sum"
    """
    assert [(f.where, f.line) for f in findings(source)] == [("TABLE", 4), ("Reader", 8)]
