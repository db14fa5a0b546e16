"""Fisher information of a model over data, true and empirical, as SciPy linear operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import arguments
from ....transforms.gradients import grad
from .. import checks
from ..flattening import Array
from ..linearization import OutputProducts, RecordedGaussNewton, RecordedGradient, RecordedModel
from ..passes import TAPE_MEMORY
from .operator import OutputCurvatureOperator
from .output_hessians import (
    LIKELIHOODS,
    OF_TARGETS,
    OuterProducts,
    counting,
    has_any,
    known,
    output_hessian,
    scores,
)


class FisherOperator(OutputCurvatureOperator):
    """The Fisher information of a model: the mean outer product of the gradients of the log
    likelihood, for targets that the model itself expects.

    Where the loss is a log likelihood known here, it is exact: for cross entropy, KL divergence,
    binary cross entropy and squared error (a normal distribution) it is the Gauss-Newton matrix,
    whatever the targets in the data. With ``samples`` the expectation is taken over targets drawn
    from the model, once, so that all products are with one matrix.

    Parameters
    ----------
    predict, loss, params, data
        As for :class:`GGNOperator`. The outputs are one array with a first axis of examples.
    samples : int, optional
        Targets to draw for each example; exact without it. The error falls as 1/√samples.
    draw : callable, optional
        ``draw(outputs, generator)`` gives targets for a loss that is not known here, to be given
        with ``samples``. The loss must be a negative log likelihood, summed or averaged over
        examples.
    seed : int
        Of the targets drawn.
    reduction, chunk_size, tape_memory, check, dtype, executor, shards, memory_limit
        As for :class:`HessianOperator`.

    Raises
    ------
    ValueError
        When the likelihood is not known and ``draw`` or ``samples`` is missing; and as for
        :class:`GGNOperator`.

    Notes
    -----
    The scale is that of the loss: for a loss that is the mean of terms, the mean of their Fisher
    informations. For ``nn.mse`` a term is one element, of variance 1/2 (1 where halved).

    References
    ----------
    Kunstner, Balles and Hennig (2019), Limitations of the empirical Fisher approximation.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> from tinygrad_hess.curvature import FisherOperator
    >>> x, y = np.array([[1.0], [2.0]]), np.array([0, 1])
    >>> predict = lambda w, x: x * w
    >>> FisherOperator(predict, nn.cross_entropy, np.zeros(2), (x, y)).to_dense()
    array([[ 0.625, -0.625],
           [-0.625,  0.625]])
    >>> drawn = FisherOperator(predict, nn.cross_entropy, np.zeros(2), (x, y), samples=4)
    >>> drawn.to_dense()
    array([[ 0.625, -0.625],
           [-0.625,  0.625]])
    """

    def __init__(
        self,
        predict: Callable[..., Any],
        loss: Callable[..., Any],
        params: Any,
        data: Any,
        *,
        samples: int | None = None,
        draw: Callable[[Array, np.random.Generator], Any] | None = None,
        seed: int = 0,
        reduction: str = "mean",
        chunk_size: int | None = None,
        tape_memory: int = TAPE_MEMORY,
        check: bool = True,
        dtype: Any = None,
        executor: Any = None,
        shards: int | None = None,
        memory_limit: str | int | None = None,
    ):
        who = type(self).__name__
        checks.check_functions(who, predict=predict, loss=loss)
        if samples is not None:
            samples = arguments.integer(who, "samples", samples, least=1)
        if draw is not None:
            arguments.function(who, "draw", draw, "Write draw(outputs, generator).")
        seed = arguments.integer(who, "seed", seed, least=0)
        self.samples, self.draw, self.seed = samples, draw, seed
        found = known(loss)
        if found is not None and draw is None and has_any(found[1], OF_TARGETS):
            raise ValueError(
                "FisherOperator: with weight or pos_weight, which depend on the target, the loss "
                "is no negative log likelihood of the outputs. Weigh the examples instead "
                "(example_weight), or use GGNOperator for the curvature of this loss."
            )
        likelihood = found is not None and found[0] in LIKELIHOODS
        if samples is None if draw is not None else not likelihood:
            raise ValueError(
                "FisherOperator: the likelihood behind the loss "
                f"{getattr(loss, '__name__', type(loss).__name__)} is not known here. Give draw= "
                "(a function of outputs and a generator that draws targets) and samples=, or one "
                "of nn.cross_entropy, nn.kl_div, nn.binary_cross_entropy_with_logits, nn.mse "
                "itself (functools.partial of it is fine), or use GGNOperator"
            )
        super().__init__(
            predict,
            loss,
            params,
            data,
            reduction=reduction,
            chunk_size=chunk_size,
            tape_memory=tape_memory,
            check=check,
            dtype=dtype,
            executor=executor,
            shards=shards,
            memory_limit=memory_limit,
        )

    def _output_products(
        self, model: RecordedModel, target: Any, slope: RecordedGradient, number: int
    ) -> OutputProducts:
        f = self._single_output(model.outputs)
        if self.samples is None:
            return output_hessian(self.loss, [f], target, slope)
        rng = np.random.default_rng([self.seed, number])  # a batch recorded again draws the same
        if self.draw is None:
            return scores(self.loss, f, rng, self.samples)
        with counting(self._at.who, self.reduction):
            drawn = [self._gradients(f, self.draw(f, rng)) for _ in range(self.samples)]
        return outer_products(np.stack(drawn), self.reduction)

    def _gradients(self, f: Array, target: Any) -> Array:
        return np.asarray(grad(lambda f: self.loss(f, target))(f))

    def _rebuild(
        self, params: Any, fill: Callable[[Any], Any], options: dict[str, Any]
    ) -> FisherOperator:
        own = {"samples": self.samples, "draw": self.draw, "seed": self.seed}
        return super()._rebuild(params, fill, options | own)


class EmpiricalFisherOperator(OutputCurvatureOperator):
    """The mean (or sum) over examples of ``g_n g_nᵀ``, with g_n the gradient of example n's loss.

    Per-example gradients are never formed: a product is one forward and one reverse sweep over the
    recorded model, with ``g gᵀ`` of the outputs' gradients between them. Beware that it is neither
    the Fisher information nor a Hessian, even near a minimum (Kunstner et al. 2019); it is the
    second moment of the gradient noise.

    Parameters
    ----------
    predict, loss, params, data
        As for :class:`GGNOperator`. The outputs are one array with a first axis of examples; each
        example's loss depends on its own outputs, and these on its own inputs, alone.
    reduction : {"mean", "sum"}
        Whether ``loss`` is the mean or the sum of the examples' losses; so is the operator.
    chunk_size, tape_memory, check, dtype, executor, shards, memory_limit
        As for :class:`HessianOperator`.

    References
    ----------
    Kunstner, Balles and Hennig (2019), Limitations of the empirical Fisher approximation.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> from tinygrad_hess.curvature import EmpiricalFisherOperator
    >>> x, y = np.array([[1.0], [2.0]]), np.array([[1.0], [1.0]])
    >>> EmpiricalFisherOperator(lambda w, x: x * w, nn.mse, np.zeros(1), (x, y)).to_dense()
    array([[10.]])
    """

    def _gauss_newton(self, model: RecordedModel, target: Any, number: int) -> RecordedGaussNewton:
        with counting(self._at.who, self.reduction):
            return super()._gauss_newton(model, target, number)

    def _output_products(
        self, model: RecordedModel, target: Any, slope: RecordedGradient, number: int
    ) -> OutputProducts:
        f = self._single_output(model.outputs)
        return outer_products(slope.gradient.reshape(1, *f.shape), self.reduction)


def outer_products(gradients: Array, reduction: str) -> OuterProducts:
    """The outer products of the examples' own gradients, from those of their mean or sum.

    ``gradients`` has shape (S, n, ...): in the outputs, for S sets of targets.
    """
    samples, n = gradients.shape[:2]
    each = gradients.reshape(samples, n, -1)
    return OuterProducts(each, float(n)) if reduction == "mean" else OuterProducts(each, 1.0)
