"""Derivatives of each example on its own, by vmap: gradients of the loss, Jacobians of the outputs.

per_example_gradients : loss, params, batch -> a tree with a leading axis of examples
gradient_rows         : the same as matrices (m, P), a chunk of examples at a time
output_jacobians      : predict, params, x -> (n, K, P), likewise
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.tensor import Tensor, unrecorded
from ...distributed.shards import batch_size, examples, raw
from ...ops.nn.losses import means_by_count
from ...ops.shape.broadcasting import reshape
from ...replay import jacrev
from ...transforms.gradients import grad
from ...transforms.jacobians import MEMORY_OF_A_SWEEP
from ...transforms.vectorize import vmap
from ..estimates.checkpoints import Point
from ..estimates.steps import Steps
from ..operators import checks, memory
from ..operators.batches import Batches
from ..operators.flattening import Array, Flattening

FEW = 8
"""Examples of which a loss is evaluated twice, to see whether it is random."""


def per_example_gradients(
    loss: Callable[..., Any],
    params: Any,
    batch: Any,
    *,
    chunk_size: int | None = None,
    memory_limit: str | int | None = None,
) -> Any:
    """The gradient of the loss of each example, all at once.

    Parameters
    ----------
    loss : callable
        ``loss(params, batch)``, a real scalar. It is given batches of one example: whether it is a
        mean or a sum over examples makes no difference.
    params : pytree
        Real floating-point arrays, or a model of :mod:`tinygrad_hess.nn`.
    batch : pytree of arrays
        Their first axes are the n examples.
    chunk_size : int, optional
        Examples in one sweep; by default as many as keep their gradients below 64 MiB.
    memory_limit : str or int, optional
        Bytes that the gradients, n times the size of the parameters, and the sweeps that compute
        them may take, such as ``"2GB"``: so many examples in one sweep as are measured to fit.

    Returns
    -------
    pytree
        Like ``params``, each leaf of shape (n, ...): arrays, in the dtype of the parameter.

    Raises
    ------
    ValueError
        When the arrays of the batch differ in length, when the loss is random, when a loss or
        a gradient is not finite, and when ``memory_limit`` is too small; the error names the
        smallest that would do.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import per_example_gradients
    >>> loss = lambda w, batch: ((batch[0] @ w - batch[1]) ** 2).mean()
    >>> x, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([1.0, 3.0])
    >>> per_example_gradients(loss, np.zeros(2), (x, y))
    array([[ -2.,   0.],
           [  0., -12.]])
    """
    checks.check_functions("per_example_gradients", loss=loss)
    at = Flattening(params, "per_example_gradients")
    if isinstance(batch, Batches):
        raise TypeError(
            f"{at.who}: the gradients of all examples come here, so they are computed here: give "
            "the batch itself. Workers take sums over them: gradient_noise_scale, influence."
        )
    if memory_limit is not None:
        limit = memory.in_bytes(at.who, memory_limit)
        chunk_size = _examples_within(loss, at, batch, chunk_size, limit)
    n = batch_size(batch, at.who, 0)
    gradients = [np.empty((n, *v.shape), v.dtype) for v in at.values]
    first = 0
    for part in _leaf_gradients(loss, at, batch, chunk_size, 0):
        last = first + len(part[0])
        for whole, rows in zip(gradients, part, strict=True):
            whole[first:last] = rows
        first = last
    return trees.unflatten(at.spec, gradients)


def _examples_within(
    loss: Callable[..., Any], at: Flattening, batch: Any, chunk_size: int | None, limit: int
) -> int:
    """How many examples in one sweep, by what sweeps with a few are measured to take."""
    n = batch_size(batch, at.who, 0)
    rows = n * at.size * at.dtype.itemsize + memory.ONCE
    what, room = f"the gradients of {n} examples", limit - rows

    def sweeps(k: int) -> None:
        for _ in _leaf_gradients(loss, at, examples(batch, 0, 2 * k - 1), k, 0):  # a shorter last
            pass

    with memory.Traced() as traced:
        line = memory.Line(lambda k: traced.taken(lambda: sweeps(k)), n, room)
    assert line.first is not None
    if line.first.peak > room:
        memory.refuse(at.who, what, limit, rows + memory.NAMED * line.first.peak)
    most = min(line.most(room), _examples_at_a_time(at, 1, chunk_size))
    return -(-n // -(-n // most)) if n else 1


def gradient_rows(
    loss: Callable[..., Any],
    at: Flattening,
    batch: Any,
    chunk_size: int | None = None,
    *,
    number: int = 0,
) -> Iterator[Array]:
    """Per-example gradients as matrices of shape (m, P), m examples at a time.

    ``number`` is that of the batch; what is seen in the first one is checked.
    """
    for leaves in _leaf_gradients(loss, at, batch, chunk_size, number):
        yield at.join(leaves, len(leaves[0])).T


class _OnRows:
    """A function of per-example gradients, as :meth:`Batches.each` calls it."""

    def __init__(
        self,
        function: Callable[..., Any],
        loss: Callable[..., Any],
        at: Flattening,
        chunk_size: int | None,
    ):
        self._function, self._of = function, (loss, at)
        self._chunk_size = chunk_size

    def __call__(self, read: Callable[[], Any], number: int, *args: Any) -> list[Any]:
        rows = gradient_rows(*self._of, read(), self._chunk_size, number=number)
        return [self._function(g, *args) for g in rows]


def over_gradient_rows(
    function: Callable[..., Any],
    loss: Callable[..., Any],
    at: Flattening,
    batches: Batches,
    chunk_size: int | None = None,
    *args: Any,
    steps: Steps | None = None,
    name: str = "",
) -> Iterator[Any]:
    """``function(rows, *args)`` of :func:`gradient_rows` of all batches, in order, by whom the
    batches are taken; of those alone that are no finished steps of the pass ``name``."""
    on_rows = _OnRows(function, loss, at, chunk_size)
    if steps is None:
        for _, _, found in batches.each(on_rows, args, weighted=False):
            yield from found
    else:
        for number, part in enumerate(parts_of_batches(batches, on_rows, args, weighted=False)):
            for _, _, found in steps(f"{name} {number}", part):
                yield from found
            steps.advance(number + 1, name)


def parts_of_batches(
    batches: Batches, function: Any, args: tuple[Any, ...] = (), *, weighted: bool
) -> Iterator[Callable[[], list[tuple[int, int, Any]]]]:
    """What gives the items of :meth:`Batches.each`, of a batch at a time.

    With workers, who take several at a time, of all.
    """
    if batches.workers is not None:
        yield lambda: list(batches.each(function, args, weighted=weighted))
        return

    def part(number: int, size: int, batch: Any) -> list[tuple[int, int, Any]]:
        return [(number, size, function(lambda: batch, number, *args))]

    for found in batches.sized(batches.who, weighted):
        yield partial(part, *found)


class _Identity:
    """The loss of the first batch and what is in each, as :meth:`Batches.each` calls it."""

    def __init__(self, loss: Callable[[Any, Any], Any], at: Flattening):
        self._loss, self._at = loss, at

    def __call__(self, read: Callable[[], Any], number: int) -> tuple[float, Any]:
        batch, value = read(), 0.0
        if number == 0:
            value = float(np.asarray(unrecorded(self._loss(self._at.tensors(), batch))))
        return value, checks.fingerprint(batch)


def identity_of(
    batches: Batches, loss: Callable[[Any, Any], Any], at: Flattening
) -> tuple[float, list[Any]]:
    """The loss of the first batch, and what tells the content of each."""
    found = [identity for _, _, identity in batches.each(_Identity(loss, at), weighted=False)]
    return found[0][0], [content for _, content in found]


def steps_at(
    checkpoint: Any,
    at: Flattening,
    batches: Batches,
    loss: Callable[[Any, Any], Any],
    options: Mapping[str, Any],
    progress: bool,
) -> Steps:
    """The steps of a run at a point, which is told from others by its data and a loss."""
    value, contents = (0.0, []) if checkpoint is None else identity_of(batches, loss, at)
    where = Point(at.who, at.join(at.values), value)
    options = {**options, "set of data": contents}
    total = len(batches.data) if batches.in_memory else None
    return Steps(checkpoint, where, options, progress=progress, total=total, unit="batches")


def output_jacobians(
    predict: Callable[..., Any], at: Flattening, x: Any, chunk_size: int | None = None
) -> Iterator[Array]:
    """Jacobians of each example's outputs in the parameters, shape (m, K, P), m at a time.

    ``predict(params, x)`` is given batches of one example; K elements of output an example.
    """

    def of_one(x: Any) -> Any:
        return jacrev(lambda params: reshape(predict(params, x), shape=(-1,)))(at.tree())

    outputs: int | None = None  # known after the first example
    batched, n = _batches_of_one(x, at.who)
    first = 0
    while first < n:
        m = 1 if outputs is None else _examples_at_a_time(at, outputs, chunk_size)
        part = trees.map(lambda a: a[first : first + m], batched)  # noqa: B023 - used at once
        leaves = trees.leaves(vmap(of_one)(part))
        m, outputs = leaves[0].shape[:2]
        rows = [
            np.reshape(g, (m * outputs, *v.shape)) for g, v in zip(leaves, at.values, strict=True)
        ]
        yield at.join(rows, m * outputs).T.reshape(m, outputs, at.size)
        first += m


def _leaf_gradients(
    loss: Callable[..., Any], at: Flattening, batch: Any, chunk_size: int | None, number: int
) -> Iterator[list[Array]]:
    def of_one(params: Any, example: Any) -> Any:
        with means_by_count(
            f"which would cancel in the single examples that {at.who} takes. Give reduction='sum' "
            "to the loss."
        ):
            return loss(params, example)

    gradients = vmap(grad(of_one), in_axes=(None, 0))
    batched, n = _batches_of_one(batch, at.who)
    if not number and n:
        checks.check_evaluation(at, partial(_first_losses, of_one, at), batched)
    m = _examples_at_a_time(at, 1, chunk_size)
    for first in range(0, n, m):
        part = trees.map(lambda a: a[first : first + m], batched)  # noqa: B023 - used at once
        leaves = trees.leaves(gradients(at.tree(), part))
        checks.check_finite(at.who, number, None, at.join(leaves, len(leaves[0])))
        yield leaves


def _first_losses(loss: Callable[..., Any], at: Flattening, batched: Any) -> float:
    """The sum of the losses of the first few examples, each as a batch of one."""
    n = len(trees.leaves(batched)[0])
    each = [trees.map(lambda a, i=i: a[i], batched) for i in range(min(n, FEW))]
    return sum(float(np.asarray(unrecorded(loss(at.tensors(), one)))) for one in each)


def _batches_of_one(batch: Any, who: str) -> tuple[Any, int]:
    """A batch of n examples as n batches of one, stacked: (n, ...) becomes (n, 1, ...)."""
    n = batch_size(batch, who, 0)
    if not all(np.ndim(raw(a)) for a in trees.leaves(batch)):
        raise ValueError(
            f"{who}: the batch holds a number beside its arrays, which belongs to no example. Take "
            "it into the loss, as in lambda params, batch: loss(params, batch, number)."
        )
    arrays = trees.map(lambda a: a.numpy() if isinstance(a, Tensor) else np.asarray(a), batch)
    return trees.map(lambda a: a[:, None], arrays), n


def _examples_at_a_time(at: Flattening, rows: int, chunk_size: int | None) -> int:
    """How many examples at a time, when each has ``rows`` gradients."""
    if chunk_size is None:
        return max(1, MEMORY_OF_A_SWEEP // (rows * at.size * at.dtype.itemsize))
    return arguments.integer(at.who, "chunk_size", chunk_size, least=1)
