"""``graph``: the computation graph of a function in a module or file."""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import misfit_of
from . import values
from .errors import FAILED, CommandError, refuse, refusing, told

SUFFIXES = (".svg", ".html", ".dot", ".png", ".pdf")


def add(commands: Any) -> argparse.ArgumentParser:
    """The command and its options."""
    command: argparse.ArgumentParser = commands.add_parser(
        "graph",
        help="draw the computation graph of a function",
        description="Draw what module:function, or file.py:function, computes at arguments that "
        "are given as values (2.5, [1, 2]) or as shapes (5x3, 4x for a vector), which are filled "
        "with normal random numbers.",
        allow_abbrev=False,
    )
    add = command.add_argument
    add("target", metavar="module:function")
    add("arguments", nargs="*", metavar="argument", help="a value or a shape")
    add("--out", type=values.output(*SUFFIXES), metavar="FILE",
        help="an SVG, PNG, PDF or DOT file, or a page (.html) to pan, zoom and search "
        "(FUNCTION.svg)")  # fmt: skip
    add("--of", choices=("value", "gradient", "hvp"), default="value",
        help="what is drawn; derivatives are by the first argument, products with a vector of ones "
        "(%(default)s)")  # fmt: skip
    add("--values", action="store_true", help="write values into the boxes")
    add("--grads", action="store_true", help="write derivatives into the boxes")
    add("--seed", type=values.integer(0), default=0, help="of random arguments (%(default)s)")
    add("--json", action="store_true", help="print the file that was written as JSON")
    command.set_defaults(run=run)
    return command


def run(options: argparse.Namespace) -> int:
    """Draw it."""
    from .. import viz
    from ..core import trees
    from ..transforms.gradients import grad, hvp
    from ..viz.viewing import View

    function = _function(options.target)
    rng = np.random.default_rng(options.seed)
    given = [argument(text, rng) for text in options.arguments]
    if options.of != "value" and not given:
        refuse(f"--of {options.of} needs an argument to differentiate with respect to")
    if misfit := misfit_of(function, given, {}):
        refuse(misfit)
    drawn: Callable[..., Any] = function
    if options.of == "gradient":
        drawn = grad(function)
    elif options.of == "hvp":
        ones = trees.map(np.ones_like, given[0])
        drawn = lambda x, *rest: hvp(function, x, ones, *rest)
    name = options.target.rpartition(":")[2]
    path = options.out or Path(f"{name}.svg")
    title = {"value": name, "gradient": f"gradient of {name}", "hvp": f"HVP of {name}"}[options.of]
    picture: Any
    try:
        if path.suffix.lower() == ".html":
            picture = viz.view(drawn, *given, title=title)
        else:
            numbers = {"values": options.values, "grads": options.grads}
            picture = viz.graph(drawn, *given, title=title, **numbers)
    except Exception as error:  # of the function, or because nothing was recorded
        raise CommandError(
            f"{name} cannot be drawn at these arguments: {type(error).__name__}: {error}", FAILED
        ) from error
    try:
        wrote = picture.save(path) if isinstance(picture, View) else viz.render(picture, path)
    except (RuntimeError, TimeoutError) as error:  # of the program that draws
        raise CommandError(told(error), FAILED) from error
    print(json.dumps({"file": str(wrote)}) if options.json else wrote)
    return 0


def argument(text: str, rng: np.random.Generator) -> Any:
    """A value, or an array of a shape.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> argument("2", rng), argument("[1, 2]", rng), argument("5x3", rng).shape
    (2.0, array([1., 2.]), (5, 3))
    >>> argument("4x", rng).shape
    (4,)
    """
    if re.fullmatch(r"\d+x(\d+(x\d+)*)?", text):
        with refusing():
            return rng.standard_normal([int(n) for n in text.split("x") if n])
    try:
        found = ast.literal_eval(text)
        if isinstance(found, (list, tuple)):
            found = np.array(found, float)
        elif isinstance(found, int) and not isinstance(found, bool):
            found = float(found)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        refuse(f"argument {text!r} is neither a value, such as 2.5 or [1, 2], nor a shape, as 5x3")
    return found


def _function(target: str) -> Callable[..., Any]:
    place, _, name = target.rpartition(":")
    if not place or not name:
        refuse(f"{target!r} must be module:function, such as my_model:loss or my_model.py:loss")
    found: Any = _module(place)
    for part in name.split("."):
        if not hasattr(found, part):
            here = [n for n, x in vars(found).items() if callable(x) and not n.startswith("_")]
            refuse(
                f"{place} has no {name!r}; it has {', '.join(sorted(here)[:12]) or 'no function'}"
            )
        found = getattr(found, part)
    if not callable(found):
        refuse(f"{target} is no function, but {type(found).__name__}")
    return found


def _module(place: str) -> Any:
    if (here := str(Path.cwd())) not in sys.path:  # as python -m has it
        sys.path.insert(0, here)
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        path = Path(place)
        if not path.is_file():
            refuse(f"there is no file {place!r}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module  # where its classes say that they are
        spec.loader.exec_module(module)
        return module
    except CommandError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            refuse(f"there is no module {place!r} here or installed")
        raise CommandError(f"importing {place} failed: {error}", FAILED) from error
    except SyntaxError as error:
        refuse(f"{place} is no Python module: {error}")
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        raise CommandError(f"importing {place} failed: {what}", FAILED) from error
