"""Right calls to start from: those of the docstrings' examples, of the rows' cases, of the walk.

Each example of a docstring is run with its calls noted: which function, on which arguments. What
comes of a call is kept as well, so that methods have instances to be called on.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import doctest
import functools
import importlib
import inspect
import io
import pkgutil
import signal
import warnings
from collections.abc import Iterator
from types import MethodType
from typing import Any

import numpy as np
import sampling
import specimens
from fuzz_targets import PACKAGE, Target, targets

import tinygrad_hess as tg
from tinygrad_hess.core.registry import REGISTRY

Call = tuple[tuple[Any, ...], dict[str, Any]]
AT_MOST = 12  # calls kept of one name
SECONDS = 2  # of one docstring


class _TooLongError(Exception):
    pass


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise ``_TooLongError`` in what takes longer."""

    def stop(*_: Any) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Noting(ast.NodeTransformer):
    """Every call ``f(...)`` becomes ``_noted(f)(...)``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        noted = ast.Call(ast.Name("_noted", ast.Load()), [node.func], [])
        return ast.copy_location(ast.Call(noted, node.args, node.keywords), node)


class RightCalls:
    """The calls that were seen, by name of the target; instances, by class."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Call]] = collections.defaultdict(list)
        self.instances: dict[type, list[Any]] = collections.defaultdict(list)
        self.names: dict[Any, list[str]] = collections.defaultdict(list)
        for t in targets():
            if t.kind != "property":
                with contextlib.suppress(TypeError):
                    self.names[t.call].append(t.name)

    def note(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A call of ``f``; of a bound method, one of its function on the instance."""
        if isinstance(f, MethodType) and not isinstance(f.__self__, type):
            f, args = f.__func__, (f.__self__, *args)
        with contextlib.suppress(TypeError):
            for name in self.names.get(f, ()):
                if len(self.calls[name]) < AT_MOST:
                    self.calls[name].append((copied(args), copied(kwargs)))

    def wrap(self, f: Any) -> Any:
        """``f``, which notes how it is called and what comes of it."""
        if not callable(f):
            return f

        def call(*args: Any, **kwargs: Any) -> Any:
            self.note(f, args, kwargs)
            result = f(*args, **kwargs)
            for cls in type(result).__mro__:
                if cls.__module__.startswith(PACKAGE) and len(self.instances[cls]) < AT_MOST:
                    self.instances[cls].append(result)
            return result

        return call

    def run(self, test: doctest.DocTest) -> None:
        """All examples of one docstring, up to one that fails or takes long."""
        names = dict(test.globs, _noted=self.wrap)
        for example in test.examples:
            tree = _Noting().visit(ast.parse(example.source))
            code = compile(ast.fix_missing_locations(tree), f"<doctest {test.name}>", "exec")
            exec(code, names)


def copied(x: Any) -> Any:
    """Arrays and containers anew, so that no call sees what another did to them."""
    if isinstance(x, np.ndarray):
        return x.copy()
    if isinstance(x, tg.Tensor) and type(x) is tg.Tensor and x.prim is None:
        return tg.tensor(x.numpy().copy())
    if type(x) in (list, tuple):
        return type(x)(copied(e) for e in x)
    if type(x) is dict:
        return {k: copied(v) for k, v in x.items()}
    return x


def _from_docstrings(right: RightCalls) -> None:
    for info in pkgutil.walk_packages(tg.__path__, f"{PACKAGE}."):
        if any(part in info.name for part in ("__main__", ".cli", ".compat")):
            continue
        module = importlib.import_module(info.name)
        found: list[doctest.DocTest] = []
        with contextlib.suppress(ValueError):  # a docstring that is no doctest: pytest tells of it
            found = doctest.DocTestFinder(exclude_empty=True).find(module)
        for test in found:
            if test.examples:
                with contextlib.suppress(Exception, SystemExit), at_most(SECONDS):
                    right.run(test)


def _from_rows(right: RightCalls) -> None:
    for row in REGISTRY.values():
        f = getattr(tg.ops, row.name, None)
        if f is None or not row.is_ours:
            continue
        with contextlib.suppress(Exception):
            for sample in [*sampling.samples(row)][:4]:
                args, params = sample.args(0)
                right.note(f, args, params)


def _from_specimens(right: RightCalls) -> None:
    for t in targets():
        if t.peer is None:
            continue
        note = functools.partial(_note, right, t)
        note.__name__ = t.last  # type: ignore[attr-defined]
        for call in specimens.calls(t.last, t.peer):
            for x in (specimens.V, specimens.M):
                with contextlib.suppress(Exception):
                    call(note, x.copy())


def _note(right: RightCalls, target: Target, *args: Any, **kwargs: Any) -> Any:
    """Keep a call that NumPy or SciPy accepts."""
    result = target.peer(*args, **kwargs)
    if len(right.calls[target.name]) < AT_MOST:
        right.calls[target.name].append((copied(args), copied(kwargs)))
    return result


BY_NAME: dict[str, Any] = {
    "axis": 0, "axes": (0, 1), "shape": (2, 3), "seed": 0, "n": 3, "k": 1, "order": 1, "f": np.sin,
    "fn": np.sin, "dim": 0, "dims": (0, 1), "rng": 0, "path": "out.txt", "size": 2, "num_classes": 3,
}  # fmt: skip
"""Arguments for parameters of these names, where nobody shows a call; arrays for the others."""


def _from_signature(right: RightCalls, t: Target) -> Iterator[Call]:
    """Calls made up for a name without an example: each required parameter by its name."""
    try:
        given = list(inspect.signature(t.call).parameters.values())
    except (TypeError, ValueError):
        given = []
    for x in (specimens.V, specimens.M):
        args: list[Any] = []
        if t.kind != "function":
            args, given = [tg.tensor(x)], given[1:]
        for p in given:
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty:
                args.append(BY_NAME.get(p.name, x))
            elif p.kind == p.VAR_POSITIONAL and t.kind == "function":
                args.append(x)
        yield tuple(args), {}


@functools.cache
def right_calls() -> dict[str, list[Call]]:
    """Right calls of every target, at least one each."""
    right = RightCalls()
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with quiet[0], quiet[1], warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        _from_rows(right)
        _from_specimens(right)
        _from_docstrings(right)
    for t in targets():
        owner = t.name.rpartition(".")[0]
        cls = next((o.call for o in targets() if o.name == owner), None)
        if t.kind == "property" or (t.kind == "method" and not right.calls[t.name]):
            for instance in right.instances.get(cls, [])[:4] if cls is not tg.Tensor else ():
                extra = next(_from_signature(right, t))[0][1:]
                right.calls[t.name].append(((instance, *extra), {}))
        if not right.calls[t.name] and (t.kind == "function" or cls is tg.Tensor):
            right.calls[t.name] += _from_signature(right, t)
    return dict(right.calls)
