"""Traces of functions against dense eigenvalues, Cholesky and closed forms."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.linalg import cho_factor
from scipy.sparse.linalg import LinearOperator
from spectra import covered, symmetric, wishart

from tinygrad_hess.curvature import (
    Estimate,
    effective_dimension,
    effective_rank,
    log_determinant,
    trace_function,
)

BULK = np.random.default_rng(1).exponential(size=100) + 0.1


def half(e):
    return (e.interval[1] - e.interval[0]) / 2


class TestExact:
    @pytest.mark.parametrize("P", [1, 2, 3, 40])
    def test_dense(self, P, rng):
        d = rng.normal(size=P)
        e = trace_function(symmetric(d), np.exp)
        assert e.exact and e.converged and e.matvecs == P and e.method == "dense"
        assert e.value == pytest.approx(np.exp(d).sum(), rel=1e-12)

    def test_the_identity_gives_the_trace_and_the_square_the_norm(self, rng):
        A = symmetric(rng.normal(size=30))
        assert trace_function(A, lambda x: x).value == pytest.approx(np.trace(A))
        assert trace_function(A, np.square).value == pytest.approx((A**2).sum())

    def test_log_determinant_against_cholesky(self, rng):
        A, shift = wishart(80, 50), 0.3
        factor, _ = cho_factor(A + shift * np.eye(50))
        expected = 2 * np.log(np.diagonal(factor)).sum()
        assert log_determinant(A, shift).value == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("d", "expected"),
        [(np.ones(30), 30 * np.e), (np.zeros(30), 30), (np.r_[np.zeros(29), 1.0], 29 + np.e)],
        ids=["identity", "zero", "rank one"],
    )
    def test_few_distinct_eigenvalues_need_few_products(self, d, expected):
        e = trace_function(symmetric(d), np.exp, method="lanczos")
        assert e.value == pytest.approx(expected, rel=1e-9) and e.matvecs <= 20
        assert half(e) <= 1e-9 * expected

    def test_effective_dimension(self):
        e = effective_dimension(np.diag([3.0, 1.0, 0.0, -5.0]), 1.0)
        assert e.value == pytest.approx(0.75 + 0.5)
        large = effective_dimension(symmetric(BULK), 1e-9)
        assert large.value == pytest.approx(100, abs=1e-5)

    @pytest.mark.parametrize("method", ["dense", "lanczos"])
    def test_effective_rank_of_equal_eigenvalues_is_their_number(self, method):
        A = symmetric(np.r_[np.full(7, 3.0), np.zeros(53)])
        for kind in ("entropy", "stable"):
            assert effective_rank(A, kind, method=method).value == pytest.approx(7, rel=1e-9)
        assert effective_rank(np.zeros((4, 4)), method=method).value == 0
        assert effective_rank(np.zeros((4, 4)), "stable", method=method).value == 0

    def test_effective_rank_by_hand(self):
        d = np.array([4.0, -2.0, 1.0, 1.0])
        p = np.abs(d) / 8
        expected = np.exp(-(p * np.log(p)).sum())
        assert effective_rank(symmetric(d)).value == pytest.approx(expected)
        assert effective_rank(symmetric(d), "stable").value == pytest.approx(2)


class TestSampled:
    def test_against_dense(self):
        d, A = BULK, symmetric(BULK)
        p = d / d.sum()
        pairs = [
            (log_determinant(A, method="lanczos"), np.log(d).sum()),
            (effective_dimension(A, 0.5, method="lanczos"), (d / (d + 0.5)).sum()),
            (trace_function(A, np.exp, method="lanczos"), np.exp(d).sum()),
            (effective_rank(A, method="lanczos"), np.exp(-(p * np.log(p)).sum())),
            (effective_rank(A, "stable", method="lanczos"), d.sum() / d.max()),
        ]
        for e, truth in pairs:
            assert isinstance(e, Estimate) and not e.exact and e.converged
            assert abs(e.value - truth) <= 2 * half(e) and e.standard_error > 0
            assert e.matvecs < 400 and half(e) < 0.5 * abs(truth)

    def test_resolved_eigenvalues_are_not_left_to_chance(self, rng):
        d = np.r_[np.full(300, 1.0) + 0.01 * rng.normal(size=300), 50, 80, 100, 100]
        e = trace_function(symmetric(d), np.square, method="lanczos")
        # Without knowing the outliers, 10 probes have a standard error of about 4,000.
        assert abs(e.value - (d**2).sum()) < 5 and half(e) < 5

    @pytest.mark.parametrize("f", [np.log, np.sqrt], ids=["log", "sqrt"])
    def test_the_accuracy_asked_for_is_met(self, f):
        A, truth = symmetric(BULK), f(BULK).sum()
        e = trace_function(A, f, method="lanczos", atol=1.5)
        assert e.converged and half(e) <= 1.5 and abs(e.value - truth) <= 3
        assert e.matvecs > trace_function(A, f, method="lanczos").matvecs
        short = trace_function(A, f, method="lanczos", atol=0.01, max_matvecs=700)
        assert not short.converged and "max_matvecs" in short.reason and short.matvecs <= 700
        assert half(short) > 0.01

    def test_what_is_not_resolved_is_said(self):
        d = np.r_[np.logspace(-9, 0, 400)]
        A, truth = symmetric(d), np.log(d + 1e-9).sum()
        e = log_determinant(A, 1e-9, method="lanczos", max_matvecs=200)
        assert not e.converged and e.reason
        # The width admits it: quadrature is off by more than chance over the probes.
        assert half(e) > 4 * e.standard_error
        assert e.interval[0] <= truth <= e.interval[1]

    def test_float32_and_operators(self):
        A = symmetric(BULK)
        op = LinearOperator(A.shape, matvec=lambda x: A.astype(np.float32) @ x, dtype=np.float32)
        one = log_determinant(op, method="lanczos")
        two = log_determinant(A, method="lanczos")
        assert one.value == pytest.approx(two.value, abs=1e-2)

    def test_same_seed_same_answer(self):
        A = symmetric(BULK)
        one, two = (log_determinant(A, method="lanczos", seed=5) for _ in range(2))
        assert one == two
        assert one.value != log_determinant(A, method="lanczos", seed=6).value
        assert json.loads(json.dumps(one.to_dict()))["seed"] == 5

    def test_resumed_is_the_same(self, tmp_path):
        A, path, spent = symmetric(BULK), tmp_path / "run.npz", []

        def product(x):
            spent.append(1)
            if len(spent) == 300:
                raise RuntimeError("killed")
            return A @ x

        op = LinearOperator(A.shape, matvec=product, dtype=float)
        options = {"method": "lanczos", "seed": 2, "atol": 1.5}
        whole = trace_function(A, np.sqrt, **options)
        with pytest.raises(RuntimeError, match="killed"):
            trace_function(op, np.sqrt, checkpoint=path, **options)
        resumed = trace_function(op, np.sqrt, checkpoint=path, **options)
        assert resumed.value == pytest.approx(whole.value, rel=1e-12)
        assert resumed.matvecs == whole.matvecs + 1  # the one that tells operators apart
        assert len(spent) < 300 + whole.matvecs  # not all of it again
        further = trace_function(A, np.sqrt, checkpoint=path, **{**options, "atol": 1.2})
        assert further.converged and half(further) <= 1.2 and further.matvecs > whole.matvecs


class TestErrors:
    def test_not_positive_definite(self):
        for method in ("dense", "lanczos"):
            with pytest.raises(ValueError, match="is not positive definite"):
                log_determinant(symmetric(np.r_[BULK, -0.5]), 0.4, method=method)
            with pytest.raises(ValueError, match="is not positive definite"):
                log_determinant(symmetric(np.r_[BULK, 0.0]), method=method)

    def test_functions_that_cannot_be(self):
        A = symmetric(BULK)
        with pytest.raises(ValueError, match="elementwise"):
            trace_function(A, np.sum)
        with pytest.raises(ValueError, match="complex"):
            trace_function(A, lambda x: x * 1j)
        with pytest.raises(ValueError, match="not finite at"):
            trace_function(A, lambda x: np.full_like(x, np.inf), method="lanczos")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"probes": 2}, "at least 4 probes"),
            ({"rtol": -1}, "rtol must be positive"),
            ({"max_matvecs": 3}, "too few"),
            ({"method": "cg"}, "'cg' is not 'auto'"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            trace_function(symmetric(BULK), np.exp, **{"method": "lanczos", **options})
        with pytest.raises(ValueError, match="damping must be positive"):
            effective_dimension(symmetric(BULK), 0.0)
        with pytest.raises(ValueError, match="'trace' is not 'entropy'"):
            effective_rank(symmetric(BULK), "trace")


SHARES = BULK / BULK.sum()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimate", "truth"),
    [
        (lambda A, **o: log_determinant(A, **o), np.log(BULK).sum()),
        (lambda A, **o: log_determinant(A, atol=7, **o), np.log(BULK).sum()),
        (lambda A, **o: effective_dimension(A, 1.0, **o), (BULK / (BULK + 1)).sum()),
        (lambda A, **o: effective_rank(A, **o), np.exp(-(SHARES * np.log(SHARES)).sum())),
        (lambda A, **o: effective_rank(A, "stable", **o), BULK.sum() / BULK.max()),
    ],
    ids=["log determinant", "to an accuracy", "effective dimension", "entropy", "stable"],
)
def test_intervals_cover(estimate, truth):
    A, options = symmetric(BULK), {"method": "lanczos", "probes": 7}
    share = covered([estimate(A, seed=seed, **options) for seed in range(500)], truth)
    assert 0.93 <= share <= 0.97
