"""What all estimators begin with, and the mean over batches that a loss anywhere stands on."""

import numpy as np
import pytest
from comparing import close

from tinygrad_hess.curvature import diagonal, frobenius_norm, layer_traces, trace
from tinygrad_hess.curvature.analysis.total_loss import TotalLoss
from tinygrad_hess.curvature.estimates.run import Run
from tinygrad_hess.curvature.operators.batches import Batches
from tinygrad_hess.curvature.training.moving import MovingHessian

A = np.diag([3.0, 1.0, 2.0])


def test_defaults_with_and_without_an_accuracy():
    assert Run(A, "test", defaults=(5, 7)).left == 5
    assert Run(A, "test", defaults=(5, 7), atol=1.0).left == 7
    assert Run(A, "test", defaults=(5, 7), max_matvecs=2).left == 2
    assert Run(A, "test").left == np.inf


def test_a_free_checkpoint_leaves_a_default_budget_whole(tmp_path):
    path = tmp_path / "run.npz"
    for free, given, left in ((True, None, 5), (False, None, 4), (True, 5, 4)):
        run = Run(A, "test", defaults=(5, 5), max_matvecs=given, checkpoint=path)
        run.checkpoint({"seed": 0}, free=free)
        assert run.left == left and run.A.matvecs == 1


def test_too_few_products():
    with pytest.raises(ValueError, match="test: max_matvecs must be at least 2, got 1"):
        Run(A, "test", max_matvecs=1, least=2)
    for estimate in (trace, diagonal, frobenius_norm):
        with pytest.raises(ValueError, match=r"max_matvecs must be .*, got 0"):
            estimate(A, max_matvecs=0)
    with pytest.raises(ValueError, match="max_matvecs must be at least 2, got 0"):
        layer_traces(A, {"all": range(3)}, max_matvecs=0)


def test_risk_weights_batches_by_their_examples():
    batches = Batches([np.ones((3, 1)), np.zeros((0, 1)), np.zeros((1, 1))], "test")
    mean = lambda x: (x.mean(), x.sum())
    assert batches.risk(mean, "mean", "test") == [0.75, 2.25]
    assert Batches(np.ones((3, 1)), "test").risk(mean, "mean", "test") == [1.0, 3.0]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_anywhere_and_the_moving_hessian_agree(reduction):
    loss = lambda w, x: ((x @ w) ** 2).mean()
    data = [np.arange(6.0).reshape(3, 2), np.ones((1, 2))]
    w = np.array([1.0, 2.0])
    total = TotalLoss(loss, w, data, reduction=reduction, who="test")
    moving = MovingHessian(loss, w, data, reduction=reduction)
    close(moving.value, total.value(w), ulps=4)
    close(moving.gradient, total.gradient(w), ulps=4)


def test_no_example():
    loss, empty = lambda w, x: (w * x).mean(), [np.ones((0, 2))]
    with pytest.raises(ValueError, match="test: data holds no example"):
        TotalLoss(loss, np.ones(2), empty, who="test").value(np.ones(2))
    with pytest.raises(ValueError, match="MovingHessian: data holds no example"):
        MovingHessian(loss, np.ones(2), empty).value  # noqa: B018
