"""The API reference: a page for each module.

Which names are public is read from the modules themselves, so nothing can be forgotten.
"""

from __future__ import annotations

import inspect
import re
import types
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import generated

import tinygrad_hess

if TYPE_CHECKING:
    from sphinx.application import Sphinx

TABLES = {
    "tinygrad_hess": "Derivatives, replay, tensors and rules of your own",
    "tinygrad_hess.curvature": "The curvature of a loss",
    "tinygrad_hess.nn": "Nets",
    "tinygrad_hess.nn.init": "Initialisations",
    "tinygrad_hess.optim": "Training and optimisation",
    "tinygrad_hess.ode": "Differential equations",
    "tinygrad_hess.data": "Data sets and batches",
    "tinygrad_hess.data.problems": "Standard problems of optimisation",
    "tinygrad_hess.io": "Reading and saving models",
    "tinygrad_hess.viz": "Pictures of graphs",
    "tinygrad_hess.viz.plots": "Figures",
    "tinygrad_hess.compat.autograd": "The names of HIPS/autograd",
}
"""Modules whose pages begin with a table of their names."""

LISTS = {
    "tinygrad_hess.numpy": "NumPy's names",
    "tinygrad_hess.numpy.linalg": "Linear algebra",
    "tinygrad_hess.numpy.fft": "Fourier transforms",
    "tinygrad_hess.scipy.special": "Special functions",
    "tinygrad_hess.scipy.linalg": "SciPy's linear algebra",
    "tinygrad_hess.scipy.signal": "Signals",
    "tinygrad_hess.scipy.stats": "Distributions",
    "tinygrad_hess.scipy.integrate": "Integrals and SciPy's differential equations",
    "tinygrad_hess.ops": "Operations",
}
"""Modules of NumPy's and SciPy's names."""

CODE = re.compile(r"(``.+?``|`[^`]+`)")
MARKUP = re.compile(r"\||(?<!\*)\*(?=\w)(?![^*]*\S\*)")
"""A bar, or a star such as that of ``*args``, which ends no emphasis."""

INHERITED = "object, LinearOperator, Module, Optimizer, Exception, tuple"
"""Classes whose methods are not repeated in each class that is made of them."""


def public(module: types.ModuleType) -> dict[str, Any]:
    """What a module offers: its own functions, classes and distributions, by name."""
    is_package = hasattr(module, "__path__")
    listed = getattr(module, "__all__", None)

    def counts(name: str, value: Any) -> bool:
        if inspect.ismodule(value):
            return False
        where = str(getattr(value, "__module__", None) or type(value).__module__)
        if not where.startswith("tinygrad_hess"):
            return False
        if value is tinygrad_hess.Tensor and module is not tinygrad_hess:
            return False
        return is_package or bool(listed) or where == module.__name__

    names = [name for name in listed or dir(module) if not name.startswith("_")]
    found = {name: getattr(module, name) for name in sorted(names, key=str.lower)}
    return {name: value for name, value in found.items() if counts(name, value)}


def of(module: str, name: str, value: Any) -> str:
    """The directive that documents one name."""
    if isinstance(value, type):
        options = f"   :members:\n   :inherited-members: {INHERITED}\n"
        undocumented = "   :undoc-members:\n" if value is tinygrad_hess.Tensor else ""
        return f".. autoclass:: {module}.{name}\n{options}{undocumented}\n"
    if inspect.isroutine(value):
        return f".. autofunction:: {module}.{name}\n\n"
    methods = [m for m in dir(value) if m[0] != "_" and callable(getattr(value, m))]
    return f".. py:data:: {module}.{name}\n\n   Methods: {', '.join(methods)}.\n\n"


def table(module: str, names: dict[str, Any]) -> str:
    """Every name with the first line of its docstring."""
    rows = "".join(f"   {name}\n" for name in names)
    return f".. currentmodule:: {module}\n\n.. autosummary::\n   :nosignatures:\n\n{rows}\n"


def page(module: str, title: str, names: dict[str, Any]) -> str:
    short = module.replace("tinygrad_hess", "tg", 1)
    text = generated.heading(f"{short}: {title}") + f"\n.. automodule:: {module}\n\n"
    if module in TABLES:
        text += table(module, names)
    return text + "".join(of(module, *item) for item in names.items())


def pages() -> dict[str, str]:
    """Every page of the reference, by its name. The class of tensors is large, and has its own."""
    found = {}
    for module, title in {**TABLES, **LISTS}.items():
        names = public(import_module(module))
        if module == "tinygrad_hess":
            tensor = names.pop("Tensor")
            head = generated.heading("tg.Tensor")
            found[f"{module}.Tensor"] = f"{head}\n{of(module, 'Tensor', tensor)}"
        found[module] = page(module, title, names)
    return found


def escape(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Bars in docstrings are absolute values, stars those of Python: neither is markup."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = CODE.split(line)  # prose, code, prose, ...
            parts[::2] = [MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
            lines[i] = "".join(parts)


def write(app: Sphinx) -> None:
    """The pages as files."""
    made = {f"{name}.rst": text for name, text in pages().items()}
    generated.write_all(Path(app.srcdir) / "reference", "tinygrad_hess*.rst", made)


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("sphinx.ext.autosummary")
    app.config.autosummary_generate = False  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", escape)
    app.connect("builder-inited", write, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
