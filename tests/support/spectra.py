"""Symmetric matrices whose spectra are known."""

from __future__ import annotations

import numpy as np


def symmetric(eigenvalues, seed=0):
    """A symmetric matrix with these eigenvalues and random eigenvectors."""
    d = np.asarray(eigenvalues, float)
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(d.size, d.size)))[0]
    A = (Q * d) @ Q.T
    return (A + A.T) / 2


def wishart(n, p, seed=0, spike=1.0):
    """``XᵀX / n`` for n Gaussian rows of p entries, the first of variance ``spike``."""
    X = np.random.default_rng(seed).normal(size=(n, p))
    X[:, 0] *= spike**0.5
    return X.T @ X / n


def semicircle(p, seed=0):
    """A Gaussian symmetric matrix whose spectrum tends to the semicircle on [-2, 2]."""
    X = np.random.default_rng(seed).normal(size=(p, p))
    return (X + X.T) / (2 * p) ** 0.5


def covered(estimates, truth):
    """The share of estimates whose interval holds the truth."""
    return np.mean([e.interval[0] <= truth <= e.interval[1] for e in estimates])
