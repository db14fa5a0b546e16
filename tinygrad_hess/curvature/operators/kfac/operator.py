"""Kronecker factors of the Gauss-Newton matrix or Fisher, a pair for each layer: KFAC and EKFAC.

KroneckerFactors : predict, loss, params, data -> a block-diagonal matrix, cheap to invert
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ....core import arguments
from ....core.tensor import unrecorded
from ....distributed.shards import batch_size
from .. import checks
from ..batches import Batches
from ..flattening import Array, Flattening
from ..ggn.output_hessians import check_reduction, counting
from ..ggn.output_roots import output_gradient, output_roots
from ..operator import SymmetricOperator
from ..pickling import picklable, restore
from .block import KroneckerBlock, covariance_of_products, second_moments
from .layer_taps import Layer, LayerTaps, TappedPass

EXPECTATIONS = ("exact", "monte_carlo", "empirical")


class KroneckerFactors(SymmetricOperator):
    """Kronecker-factored approximation of the Gauss-Newton (Fisher) matrix of a net.

    For each layer, the mean of ``aaᵀ ⊗ bbᵀ`` over examples is replaced by the product of the means
    ``A ⊗ B``: a is what goes into the layer, b what flows back to its output. Layers are taken as
    independent: the matrix is block-diagonal. It is symmetric positive semidefinite, and every
    function of it costs as much as two eigendecompositions a layer.

    Parameters
    ----------
    predict : callable
        ``predict(params, x)`` gives outputs of shape (n, ...), each of its own example.
    loss : callable
        ``loss(outputs, y)``, a mean or a sum of terms, each of one example: convex in the outputs.
    params : pytree
        A model of :mod:`tinygrad_hess.nn`, or a tree of its layers. Every parameter belongs to a
        ``Linear``, ``Conv1d`` or ``Conv2d`` that ``predict`` calls on the whole batch. P in all.
    data
        One batch ``(x, y)``, or a list or another iterable of them, or :class:`ShardedData`, whose
        workers then compute the factors of a batch.
    expectation : {"exact", "monte_carlo", "empirical"}
        Over which labels the second moment of b is taken: exactly over those that the model
        expects (one backward pass an output; for the usual losses this is the Fisher, in general
        the Gauss-Newton matrix), estimated without bias from ``samples`` backward passes, or over
        the labels in the data (the empirical Fisher).
    samples : int
        Backward passes for "monte_carlo".
    corrected : bool
        Replace the eigenvalues of each block by the second moments of the gradient along its
        eigenvectors: EKFAC, the best approximation with these eigenvectors. Reads the data twice.
    reduction : {"mean", "sum"}
        Whether ``loss`` is a mean or a sum over the examples of a batch; the matrix is that of the
        mean, or the sum, over all data. A is always a mean, B carries the scale.
    seed : int
        Of the Monte Carlo passes.

    Attributes
    ----------
    shape : (P, P)
    dtype : dtype
        That of the parameters.
    blocks : dict of str to KroneckerBlock
        By layer; a grouped convolution has a block for each group.
    examples : int

    Raises
    ------
    ValueError
        For a parameter outside those layers, a layer that is not called or is used in another way,
        a loss that is not convex, batches of unclear size; where examples of a batch depend on one
        another (batch norm in training) and ``expectation`` is exact.

    Notes
    -----
    Where a layer is used at T positions (the windows of a convolution, the tokens of a sequence,
    repeated calls), A is the mean over positions and B the sum: "KFAC-expand". Monte Carlo draws
    random signs for the columns of the root of the loss's Hessian, which has the covariance of the
    gradient over the model's labels for any convex loss (Martens, Sutskever and Swersky 2012).

    The block is exact for one example without weight sharing, and for a whole deep linear net
    under squared error, whose backward pass does not depend on the example (Bernacchia et al.
    2018).

    References
    ----------
    Martens and Grosse (2015), Optimizing neural networks with Kronecker-factored approximate
    curvature. Grosse and Martens (2016), for convolutions. George et al. (2018), Fast approximate
    natural gradient descent in a Kronecker-factored eigenbasis (EKFAC). Eschenhagen et al. (2023),
    for weight sharing.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> from tinygrad_hess.curvature import KroneckerFactors
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    >>> model = nn.MLP([3, 4, 2], seed=0)
    >>> K = KroneckerFactors(lambda model, x: model(x), nn.cross_entropy, model, (x, y))
    >>> K
    <KroneckerFactors: 26 parameters, float64, KFAC of the mean, exact, 20 examples, 2 blocks>
    >>> K.blocks["layers[1]"].A.shape, K.blocks["layers[1]"].B.shape
    ((5, 5), (2, 2))
    >>> v = rng.normal(size=26)
    >>> bool(np.allclose(K @ K.solve(v, damping=0.1) + 0.1 * K.solve(v, damping=0.1), v))
    True
    """

    def __init__(
        self,
        predict: Callable[..., Any],
        loss: Callable[..., Any],
        params: Any,
        data: Any,
        *,
        expectation: str = "exact",
        samples: int = 1,
        corrected: bool = False,
        reduction: str = "mean",
        seed: int = 0,
    ):
        who = "KroneckerFactors"
        checks.check_functions(who, predict=predict, loss=loss)
        arguments.choice(who, "expectation", expectation, EXPECTATIONS)
        check_reduction(loss, reduction, who)
        corrected = arguments.flag(who, "corrected", corrected)
        samples = arguments.integer(who, "samples", samples, least=1)
        arguments.integer(who, "seed", seed, least=0)
        super().__init__(Flattening(params, who))
        self.predict, self.loss, self.reduction = predict, loss, reduction
        self.expectation, self.samples, self.seed = expectation, samples, seed
        self.corrected = corrected
        self._taps = LayerTaps(self._at)
        if self._taps.outside:
            raise ValueError(
                f"{who}: Kronecker factors are defined for the weights of Linear, Conv1d and "
                f"Conv2d layers, but params also hold {', '.join(self._taps.outside)}. Freeze "
                "these, as in nn.freeze(model, names); or give the layers alone as params, as in "
                "params=model.layers, and let predict close over the rest."
            )
        self._batches = Batches(data, who)
        self.examples = 0
        self.blocks: dict[str, KroneckerBlock] = self._factors()
        if corrected:
            self.blocks = self._with_corrected_eigenvalues()
        else:
            self._batches.reread()

    def __getstate__(self) -> dict[str, Any]:
        return picklable(self, ("_taps",))

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state)
        self._taps = LayerTaps(self._at)

    # ---- factors ---------------------------------------------------------------------------------

    def _factors(self) -> dict[str, KroneckerBlock]:
        layers = self._taps.layers
        A = [np.zeros((len(layer.index),) * 2, self.dtype) for layer in layers]
        B = [np.zeros((layer.index.shape[1],) * 2, self.dtype) for layer in layers]
        for size, inputs, cotangents in self._over_batches(KroneckerFactors._factors_of_batch):
            for i in range(len(layers)):
                A[i] += inputs[i]
                B[i] += cotangents[i]
            self.examples += size
        if self.examples == 0:
            raise ValueError("KroneckerFactors: data holds no example")
        scale = self._scale()
        return {
            layer.name: KroneckerBlock(layer.name, a / self.examples, b * scale, layer.index)
            for layer, a, b in zip(layers, A, B, strict=True)
        }

    def _factors_of_batch(
        self, read: Callable[[], Any], number: int
    ) -> tuple[int, list[Array], list[Array]]:
        """Examples of a batch, and its sums for A and B of each layer."""
        layers = self._taps.layers
        A = []
        B = [np.zeros((layer.index.shape[1],) * 2, self.dtype) for layer in layers]
        run, seeds, weight = self._pass(read(), number, check=not number)
        for layer in layers:
            a = run.inputs(layer)
            rows = a.reshape(-1, a.shape[-1])
            A.append(rows.T @ rows / a.shape[1])
        for arrived in run.cotangents(seeds):
            for i, layer in enumerate(layers):
                b = arrived[layer.number][..., layer.outputs].reshape(-1, len(B[i]))
                B[i] += (b.T @ b) * weight
        return run.n, A, B

    def _with_corrected_eigenvalues(self) -> dict[str, KroneckerBlock]:
        moments = {k: np.zeros(b.index.shape, self.dtype) for k, b in self.blocks.items()}
        for found in self._over_batches(KroneckerFactors._moments_of_batch):
            for name, part in found.items():
                moments[name] += part
        scale = self._scale()
        return {k: b.with_eigenvalues(moments[k] * scale) for k, b in self.blocks.items()}

    def _moments_of_batch(self, read: Callable[[], Any], number: int) -> dict[str, Array]:
        """By layer, the second moments of a batch's gradients along the eigenvectors."""
        layers = self._taps.layers
        moments = {k: np.zeros(b.index.shape, self.dtype) for k, b in self.blocks.items()}
        run, seeds, weight = self._pass(read(), number)
        inputs = {x.name: self._in_eigenbasis(run.inputs(x), x, 0) for x in layers}
        for arrived in run.cotangents(seeds):
            for layer in layers:
                b = self._in_eigenbasis(arrived[layer.number][..., layer.outputs], layer, 1)
                moments[layer.name] += second_moments(inputs[layer.name], b) * weight
        return moments

    def _in_eigenbasis(self, x: Array, layer: Layer, side: int) -> Array:
        return x @ self.blocks[layer.name].basis[side]

    def _over_batches(self, method: Callable[..., Any]) -> Iterator[Any]:
        """``method(self, read, number)`` of each batch that has examples, here or by workers."""
        owner = self
        if self._batches.workers is not None:
            owner = copy.copy(self)
            owner._batches = self._batches.without_data()
        function = functools.partial(method, owner)
        for _, _, found in self._batches.each(function, weighted=True):
            yield found

    def _pass(
        self, batch: Any, number: int, check: bool = False
    ) -> tuple[TappedPass, Array, float]:
        """Of a batch: the net's pass, cotangents (k, n, ...) to send back, and a weight.

        The matrix is the sum over batches of ``weight * Σ gradient gradientᵀ``, scaled at the end.
        """
        who = "KroneckerFactors"
        x, y, _ = pair(batch, who, number)
        run = self._taps.run(self.predict, x)
        weight = float(run.n) if self.reduction == "mean" else 1.0
        single = None if self.expectation == "empirical" else self._batches.single
        with counting(who, self.reduction, single):
            if check:
                check_model(self.predict, self.loss, self._at, x, y)
            checks.check_finite(who, number, loss_value(self.loss, run.outputs, y))
            if self.expectation == "empirical":
                # each example's own gradient is n times its share of the mean
                return run, output_gradient(self.loss, run.outputs, y, who)[None], weight * weight
            roots = output_roots(self.loss, run.outputs, y, who)
        if self.expectation == "exact" and check:
            self._check_separate(run)
        if self.expectation == "monte_carlo":
            rng = np.random.default_rng((self.seed, number))  # the same in every pass over the data
            shape = (self.samples, len(roots), run.n)
            signs = rng.choice(np.array([-1, 1], roots.dtype), shape)
            roots = np.einsum("skn,kn...->sn...", signs, roots)
            weight /= self.samples
        return run, roots, weight

    def _check_separate(self, run: TappedPass) -> None:
        """Check that outputs of an example do not depend on others of its batch.

        One pass sends back the same column of all examples' roots, whose signs are arbitrary: what
        arrives from several of them at one example would depend on these.
        """
        seed = np.zeros((1, *run.outputs.shape), run.outputs.dtype)
        seed[0, 0] = np.random.default_rng(0).normal(size=run.outputs.shape[1:])
        if any(g[:, 1:].any() for arrived in run.cotangents(seed) for g in arrived):
            raise ValueError(
                "KroneckerFactors: the outputs of an example depend on others of its batch, as "
                "batch norm makes them in training. Measure with model.eval(), or write "
                "expectation='monte_carlo' or 'empirical'."
            )

    def _scale(self) -> float:
        return 1 / self.examples if self.reduction == "mean" else 1.0

    # ---- products --------------------------------------------------------------------------------

    def _apply(self, V: Array, f: Callable[[Array], Array] | None = None) -> Array:
        """Multiply V of shape (P, k) by the matrix, or by the function f of its eigenvalues."""
        out = np.empty(V.shape, np.result_type(V, self.dtype))
        for block in self.blocks.values():
            out[block.index] = block.apply(V[block.index], f)
        return out

    def _matvec(self, x: Any) -> Array:
        return self._apply(np.asarray(x).reshape(-1, 1))[:, 0]

    def _matmat(self, X: Any) -> Array:
        return self._apply(np.asarray(X))

    # ---- functions of the matrix -----------------------------------------------------------------

    def eigenvalues(self) -> Array:
        """All P eigenvalues, block after block, none negative."""
        return np.concatenate([b.eigenvalues.ravel() for b in self.blocks.values()])

    def solve(self, v: Any, damping: float = 0.0) -> Any:
        """``(K + damping · I)⁻¹ v``, exactly, for v of shape (P,) or (P, k), or a tree.

        Raises
        ------
        ValueError
            For a negative damping, or none when the matrix is singular.
        """
        self._check_regular(damping, "solve")
        return self._apply_function(v, lambda s: 1 / (s + damping))

    def inverse(self, damping: float = 0.0) -> KroneckerInverse:
        """``(K + damping · I)⁻¹`` as an operator, such as a preconditioner for another solve.

        Raises
        ------
        ValueError
            As for :meth:`solve`.
        """
        self._check_regular(damping, "inverse")
        return KroneckerInverse(self, damping)

    def inverse_root(self, v: Any, damping: float = 0.0) -> Any:
        """``(K + damping · I)^(-1/2) v``: with v standard normal, a draw from the Gaussian whose
        precision is ``K + damping · I``."""
        self._check_regular(damping, "inverse_root")
        return self._apply_function(v, lambda s: (s + damping) ** -0.5)

    def _apply_function(self, v: Any, f: Callable[[Array], Array]) -> Any:
        if self._at.holds(v):
            return self._at.unflatten(self._apply_function(self._at.flatten(v), f))
        x = np.asarray(v)
        if x.ndim not in (1, 2) or x.shape[0] != self._at.size:
            raise ValueError(
                f"KroneckerFactors: a vector of shape {x.shape} does not fit {self._at.size} "
                f"parameters; its shape must be ({self._at.size},) or ({self._at.size}, k)"
            )
        return self._apply(x.reshape(len(x), -1), f).reshape(x.shape)

    def output_covariance(self, x: Any, damping: float = 0.0) -> Array:
        """``J (K + damping · I)⁻¹ Jᵀ`` for the Jacobian J of each example's outputs: (n, k, k).

        The gradient of an output in a layer's weights is the product of what goes in and what
        comes back, so it is rotated factor by factor, and J is never formed.

        Parameters
        ----------
        x
            Inputs as ``predict`` takes them, n examples with k outputs each.
        damping : float

        Raises
        ------
        ValueError
            As for :meth:`solve`.
        """
        self._check_regular(damping, "output_covariance")
        run = self._taps.run(self.predict, x)
        k = int(np.prod(run.outputs.shape[1:], dtype=int))
        seeds = np.zeros((k, run.n, k), run.outputs.dtype)
        seeds[np.arange(k), :, np.arange(k)] = 1
        arrived = list(run.cotangents(seeds.reshape(k, *run.outputs.shape)))
        out = np.zeros((run.n, k, k), self.dtype)
        for layer in self._taps.layers:
            a = self._in_eigenbasis(run.inputs(layer), layer, 0)
            parts = [
                self._in_eigenbasis(some[layer.number][..., layer.outputs], layer, 1)
                for some in arrived
            ]
            weights = 1 / (self.blocks[layer.name].eigenvalues + damping)
            out += covariance_of_products(a, np.concatenate(parts), weights)
        return out

    def log_determinant(self, damping: float = 0.0) -> float:
        """``log det (K + damping · I)``; minus infinity where the matrix is singular.

        Raises
        ------
        ValueError
            For a negative damping.
        """
        _check_damping(damping, "log_determinant")
        with np.errstate(divide="ignore"):
            return float(np.log(self.eigenvalues().astype(float) + damping).sum())

    def _check_regular(self, damping: float, what: str) -> None:
        _check_damping(damping, what)
        values = self.eigenvalues()
        largest, smallest = values.max(), values.min()
        if damping == 0 and smallest <= len(values) * np.finfo(self.dtype).eps * largest:
            raise ValueError(
                f"KroneckerFactors.{what}: the matrix is singular (eigenvalues from "
                f"{smallest:.3g} to {largest:.3g}); give a positive damping"
            )

    def to_dense(self) -> Array:
        """The matrix, shape (P, P), zero outside the blocks of layers."""
        out = np.zeros(self.shape, self.dtype)
        for block in self.blocks.values():
            index = block.index.ravel()
            out[np.ix_(index, index)] = block.to_dense()
        return out

    def __repr__(self) -> str:
        kind = "EKFAC" if self.corrected else "KFAC"
        count = len(self.blocks)
        return (
            f"<KroneckerFactors: {self._at.described}, {self.dtype}, {kind} of the "
            f"{self.reduction}, {self.expectation}, {self.examples} example"
            f"{'' if self.examples == 1 else 's'}, {count} block{'' if count == 1 else 's'}>"
        )


def _check_damping(damping: Any, what: str) -> None:
    if arguments.number(f"KroneckerFactors.{what}", "damping", damping, infinite=True) < 0:
        raise ValueError(f"KroneckerFactors: damping must not be negative, got {damping}")


class KroneckerInverse(SymmetricOperator):
    """``(K + damping · I)⁻¹`` for Kronecker factors K; see :meth:`KroneckerFactors.inverse`."""

    def __init__(self, factors: KroneckerFactors, damping: float):
        super().__init__(factors._at)
        self.factors, self.damping = factors, damping

    def _matvec(self, x: Any) -> Array:
        return self._matmat(np.reshape(x, (-1, 1)))[:, 0]

    def _matmat(self, X: Any) -> Array:
        return self.factors._apply(np.asarray(X), lambda s: 1 / (s + self.damping))

    def __repr__(self) -> str:
        return f"<KroneckerInverse: of {self.factors!r}, damping {self.damping:g}>"


def check_model(
    predict: Callable[..., Any], loss: Callable[..., Any], at: Flattening, x: Any, y: Any
) -> None:
    """``loss(predict(params, x), y)`` is one function: finite, and the same twice."""
    checks.check_evaluation(
        at, lambda batch: loss_value(loss, predict(at.tensors(), batch[0]), batch[1]), (x, y)
    )


def loss_value(loss: Callable[..., Any], outputs: Any, y: Any) -> float:
    """The loss of some outputs."""
    return float(np.asarray(unrecorded(loss(outputs, y))))


def pair(batch: Any, who: str, number: int) -> tuple[Any, Any, int]:
    """Inputs, targets and number of examples of a batch."""
    if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
        raise ValueError(f"{who}: batch {number} is not a pair (x, y)")
    return batch[0], batch[1], batch_size(batch, who, number)
