"""Write down which names there are: ``make names``, or ``python tools/public_names.py``.

    rows, curated modules -> ops/_names.py                           an index: operation -> module
                             ops/__init__.pyi                   what type checkers and editors see
                             tinygrad_hess/numpy/_rows.pyi           of tg.ops, of tg.numpy,
                             tinygrad_hess/tensor_methods/_stubs.pyi and of tensors

A primitive is found by its name without these files where its module is loaded anyway. The index
tells which module to load for the others, and stubs tell what is bound while the program runs.
``tests/docs/test_names.py`` fails when a file is stale.
"""

from __future__ import annotations

import ast
import functools
import inspect
import pkgutil
import re
import sys
from importlib import import_module
from inspect import Parameter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

if "tinygrad_hess" not in sys.modules:  # a stale index must not keep the package from loading
    sys.modules["tinygrad_hess.ops._names"] = SimpleNamespace(OPERATIONS={})  # type: ignore[assignment]

import tinygrad_hess as tg  # noqa: E402
import tinygrad_hess.scipy.integrate  # noqa: E402
from tinygrad_hess.core.primitive import Primitive  # noqa: E402
from tinygrad_hess.core.registry import REGISTRY  # noqa: E402
from tinygrad_hess.ops._rows import load_all  # noqa: E402
from tinygrad_hess.tensor_methods.methods import _OTHER_NAMES as OTHER_NAMES  # noqa: E402

load_all()

CURATED = tuple(
    f"tinygrad_hess.{name}"
    for name in (
        "numpy",
        "numpy.linalg",
        "numpy.fft",
        "scipy.special",
        "scipy.linalg",
        "scipy.signal",
    )
)
"""Modules whose functions count as public: where the same name is in two, the first one's."""

MARK = "written by `make names` (tools/public_names.py), not by hand"


def rows() -> dict[str, Primitive]:
    """The library's own primitives."""
    return {name: row for name, row in sorted(REGISTRY.items()) if row.is_ours}


# ---- where an operation stands ------------------------------------------------------------------

Place = tuple[str, str]
"""A module, by its name inside the package, and the name of a function there."""


def named_in_ops() -> dict[str, Place]:
    """What ``ops/__init__.py`` imports by hand."""
    tree = ast.parse((ROOT / "ops" / "__init__.py").read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name: (f"ops.{node.module}", alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }


def place_of(function: Any, name: str) -> Place | None:
    """Where the package binds a function, if it defines it.

    That is in the module which defines it; or in one of ``ops/`` which binds it by this name, as
    rows that are made in a loop are bound where they belong.
    """
    row = getattr(function, "primitive", None)  # its function says that it stands in ``ops``
    defined = str(getattr(function, "__module__", "") if row is None else row.module)
    if not (callable(function) and defined.startswith("tinygrad_hess.")):
        return None
    if defined in CURATED and hasattr(
        function, "__wrapped__"
    ):  # NumPy's, or this of the operations
        return place_of(function.__wrapped__, name)
    bound = [key for key, value in vars(sys.modules[defined]).items() if value is function]
    if bound:
        return defined.removeprefix("tinygrad_hess."), name if name in bound else bound[0]
    for module in submodules():
        found = sys.modules[f"tinygrad_hess.ops.{module}"]
        if vars(found).get(name) is function and name not in imported_names(found):
            return f"ops.{module}", name
    return None


@functools.cache
def imported_names(module: ModuleType) -> frozenset[str]:
    """What a module imports from others, and so does not define itself."""
    tree = ast.parse(inspect.getsource(module))
    nodes = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return frozenset(alias.asname or alias.name for node in nodes for alias in node.names)


def submodules() -> list[str]:
    """The modules of ``ops/``, by their names inside it."""
    found = pkgutil.walk_packages(tg.ops.__path__, "tinygrad_hess.ops.")
    return sorted(m.name.removeprefix("tinygrad_hess.ops.") for m in found if not m.ispkg)


def operations() -> dict[str, Place]:
    """Every public operation, and where it stands.

    That is what ``ops/__init__.py`` names; else a function of ``ops/`` that another curated module
    offers; else a primitive.
    """
    found = named_in_ops()
    offered = (item for name in CURATED for item in vars(import_module(name)).items())
    for name, function in offered:
        place = place_of(function, name)
        if place is not None and place[0].startswith("ops.") and name in (place[1], *rows()):
            found.setdefault(name, place)
    for name, row in rows().items():
        place = place_of(row.call, name)
        if place is not None and place[0].startswith("ops."):
            found.setdefault(name, place)
    hidden = {*submodules()} - {*named_in_ops()}  # a submodule is an attribute of its package
    return {name: found[name] for name in sorted({*found} - hidden) if not name.startswith("_")}


def index() -> str:
    """The module that ``ops.__getattr__`` and the registry look names up in."""
    about = "In ``tg.ops``: the module, and after a colon the name there if it is another."
    lines = [
        f'    "{name}": "{module.removeprefix("ops.")}{"" if name == attribute else f":{attribute}"}",\n'
        for name, (module, attribute) in operations().items()
    ]
    return (
        f'"""Where each operation stands: {MARK}."""\n\n'
        f'OPERATIONS: dict[str, str] = {{\n{"".join(lines)}}}\n"""{about}"""\n'
    )


# ---- stubs --------------------------------------------------------------------------------------

HEAD = f"# {MARK}\n# ruff: noqa\n# fmt: off\n"
ANYTHING = "def __getattr__(name: str) -> Any: ...  # of primitives that users declare\n"


def imported(places: dict[str, Place]) -> str:
    """Lines of a stub that import names, and count as exporting them."""
    lines = []
    for name, (module, attribute) in places.items():
        source = f"from tinygrad_hess.{module} import {attribute} as"
        renamed = f"{source} _{name}\n{name} = _{name}\n"
        lines.append(f"{source} {name}\n" if name == attribute else renamed)
    return "".join(lines)


def ops_stub() -> str:
    """``tg.ops``."""
    head = '"""The operations."""\n\nfrom typing import Any\n\n'
    return f"{HEAD}{head}{imported(operations())}\n{ANYTHING}"


def numpy_stub() -> str:
    """The primitives that ``tg.numpy`` binds by NumPy's names."""
    bound, places = vars(tg.numpy), operations()
    mine = [n for n, row in rows().items() if n in places and bound.get(n) is row.call]
    lines = imported({n: places[n] for n in mine})
    return f'{HEAD}"""Primitives that have NumPy\'s names."""\n\n{lines}'


BUILTINS = ("bool", "complex", "float", "int", "type")
"""Methods of a tensor have these names too, and hide them inside its class."""

KNOWN = {"Any", "None", "Tensor", "dict", "list", "str", "tuple", *BUILTINS}


class Text(str):
    """What stands in a signature as it is."""

    __repr__ = str.__str__


ANY, DOTS = Text("Any"), Text("...")


def annotation(text: Any) -> Text:
    """A type as a stub of the class may write it; what it does not know is anything."""
    if not isinstance(text, str):
        return ANY
    text = re.sub(r"\bArray(Like)?\b", "Any", text)
    if not {*re.findall(r"[A-Za-z_.]+", text)} <= KNOWN:
        return ANY
    return Text(re.sub(rf"\b({'|'.join(BUILTINS)})\b", r"builtins.\1", text))


def default(value: Any) -> Any:
    """A default that a stub can write, or three dots."""
    plain = value is None or isinstance(value, (bool, int, str))
    return value if plain or (isinstance(value, float) and abs(value) < 1e9) else DOTS


def signature(function: Any, static: bool = False) -> Text:
    """The parameters of a method, with PyTorch's names of some as well, and what it returns."""
    found = inspect.signature(function)
    given = [
        p.replace(
            annotation=annotation(p.annotation),
            default=p.default if p.default is p.empty else default(p.default),
        )
        for p in found.parameters.values()
    ]
    returns = annotation(found.return_annotation)
    row = getattr(function, "primitive", None)
    if row is not None and row.is_broadcasting:
        returns = Text("Tensor")
        names = [f"x{i + 1}" for i in range(len(row.vjps))]
        given = [Parameter(name, Parameter.POSITIONAL_ONLY, annotation=ANY) for name in names]
    if not static:
        kind, rest = given[0].kind, given[1:]
        if kind is Parameter.VAR_POSITIONAL:
            kind, rest = Parameter.POSITIONAL_OR_KEYWORD, given
        given = [Parameter("self", kind), *rest]
    if hasattr(function, "__wrapped__"):
        given = with_other_names(given)
    return Text(inspect.Signature(given, return_annotation=returns))


def with_other_names(given: list[Parameter]) -> list[Parameter]:
    """Parameters with PyTorch's names of some; whatever comes after those may be given by name."""
    names = [p.name for p in given]
    others = [other for other, name in OTHER_NAMES.items() if name in names and other not in names]
    optional = [
        p.replace(default=DOTS) if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty else p
        for p in given[1:]
    ]
    more = [
        Parameter(name, Parameter.KEYWORD_ONLY, annotation=ANY, default=DOTS) for name in others
    ]
    return sorted([given[0], *optional, *more], key=lambda p: p.kind) if others else given


def method(name: str, bound: Any) -> str:
    """One attribute of the class."""
    about = inspect.getdoc(bound)
    doc = f'        """{about.splitlines()[0]}"""\n' if about else "        ...\n"
    if isinstance(bound, property):
        return f"    @property\n    def {name}(self) -> Any:\n{doc}"
    static = isinstance(bound, staticmethod)
    head = "    @staticmethod\n" if static else ""
    said = signature(bound.__func__ if static else bound, static)
    other = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""  # object's: bool
    return f"{head}    def {name}{said}:{other}\n{doc}"


def is_bound_later(name: str, bound: Any) -> bool:
    """Whether an attribute of ``Tensor`` is one that its class statement does not have."""
    made = bound.fget if isinstance(bound, property) else bound
    made = made.__func__ if isinstance(made, staticmethod) else made
    by_class = getattr(made, "__module__", None) == "tinygrad_hess.core.tensor"
    return callable(made) and not by_class and not name.startswith(("__array_", "__hash__"))


def tensor_stub() -> str:
    """The operators, methods and properties that ``methods.install`` binds to tensors."""
    methods = [m for m in vars(tg.Tensor).items() if is_bound_later(*m)]
    body = "".join(method(name, bound) for name, bound in sorted(methods))
    head = '"""What is bound to tensors while the package is imported."""\n\n'
    imports = "import builtins\nfrom typing import Any\n\nfrom ..core.tensor import Tensor\n"
    return f"{HEAD}{head}{imports}\nclass TensorMethods:\n{body}"


# ---- writing ------------------------------------------------------------------------------------


def files() -> dict[Path, str]:
    """What each file should hold."""
    package = ROOT / "tinygrad_hess"
    return {
        ROOT / "ops" / "_names.py": index(),
        ROOT / "ops" / "__init__.pyi": ops_stub(),
        package / "numpy" / "_rows.pyi": numpy_stub(),
        package / "tensor_methods" / "_stubs.pyi": tensor_stub(),
    }


def stale() -> dict[Path, str]:
    """Those of them that hold something else."""
    return {
        path: text
        for path, text in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main() -> None:
    """Write the files that are stale, and say which."""
    for path, text in stale().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
