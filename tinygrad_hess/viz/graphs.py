"""``graph``: the computation graph of a tensor, or of a function at a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import graphviz

from ..core import arguments
from ..core.boundary import named
from .collapse import collapse
from .derivatives import derivatives
from .drawing import draw
from .reading import read
from .trace import trace


@named
def graph(
    f_or_tensor: Any,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    values: bool = False,
    grads: bool = False,
    depth: int | None = None,
    repeats: bool = True,
    max_nodes: int = 300,
    constants: bool = True,
    legend: bool = True,
    rankdir: str = "TB",
    title: str = "",
) -> graphviz.Digraph:
    """Draw the tape of a tensor, or of a function recorded at ``args``.

    Each operation is a box with its shape and type. Colours distinguish forward, reverse and
    tangent parts, so the graph of a gradient or of a Hessian-vector product can be read; modules
    of :mod:`tinygrad_hess.nn` are frames around what they recorded.

    Parameters
    ----------
    f_or_tensor : callable, module, tensor or pytree of tensors
        A function is recorded at ``args``. A module is recorded with its own arrays as
        parameters. Tensors are drawn back to their leaves.
    *args : pytrees
        Where to record the function. Floating arrays in them are put on the tape, all others are
        passed as they are.
    argnums : int or sequence of int, optional
        Which arguments are parameters; other arguments are inputs, and are not put on the tape.
        By default all arguments are put on the tape. Those that a transform inside differentiates
        are parameters, or, where there is none, the first is.
    values : bool
        Write the value into each box: small arrays in full, of large ones the mean, the standard
        deviation, the range and a histogram.
    grads : bool
        Write the derivative of the output with respect to each box, in the same way. The output
        must be one real number.
    depth : int, optional
        Draw modules that are nested deeper than this as one box each; 0 for all modules.
    repeats : bool
        In pictures of more than 40 boxes, draw repetition once: loops, equal layers, unrolled
        recurrences, with a frame that says how often.
    max_nodes : int
        Above this number of boxes, or twice as many edges, modules are collapsed to one box each,
        then runs of operations, then all operations of one kind; a note in the picture says so.
    constants : bool
        Draw arrays that are neither parameters nor inputs. Numbers are always written in the
        operation that uses them.
    legend : bool
        Add the key of colours.
    rankdir : {"TB", "LR", "BT", "RL"}
        Direction of the edges: downwards, or to the right, ...
    title : str
        A line above the picture.

    Returns
    -------
    graphviz.Digraph
        Its ``source`` is the same on every run. :func:`render` writes it as a picture.

    Raises
    ------
    ValueError
        When nothing was recorded, an option is not one of those above, or ``grads`` is asked of
        something else than one number.
    TapeReleasedError
        When ``grads`` is asked of a tape that ``backward`` released.

    Notes
    -----
    Names in boxes are those of arguments and their keys, of a module's attributes, and the ``name``
    of a tensor, which computed tensors may have too.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> picture = tg.viz.graph(lambda x: np.tanh(2 * x).sum(), np.ones(3))
    >>> [line for line in picture.source.splitlines() if "->" in line and "n0" in line]
    ['\\tn0 -> n1 [color="#9A9A9A"]']

    With numbers:

    >>> picture = tg.viz.graph(lambda x, y: x * y, 3.0, 2.0, values=True, grads=True)
    >>> "value 6<" in picture.source, "grad 2<" in picture.source
    (True, True)
    """
    arguments.choice("graph", "rankdir", rankdir, ("TB", "LR", "BT", "RL"))
    arguments.integer("graph", "max_nodes", max_nodes, least=1)
    arguments.instance("graph", "title", title, str, "text")
    if depth is not None:
        arguments.integer("graph", "depth", depth, least=0)
    for name, flag in (("values", values), ("grads", grads), ("repeats", repeats)):
        arguments.flag("graph", name, flag)
    traced = trace("graph", f_or_tensor, args, argnums)
    found = derivatives("graph", traced.roots) if grads else None
    picture = read(traced.roots, traced.starts, traced.arrays, constants, found)
    picture = collapse(picture, max_nodes, depth, repeats)
    shown = [*(["value"] if values else []), *(["grad"] if grads else [])]
    return draw(picture, title, rankdir, legend, shown)
