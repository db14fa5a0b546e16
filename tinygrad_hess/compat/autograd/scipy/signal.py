"""``autograd.scipy.signal``: its ``convolve`` takes axes to convolve and axes to contract."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from .... import numpy as tnp

__all__ = ["convolve"]


def convolve(A: Any, B: Any, axes: Any = None, dot_axes: Any = ((), ()), mode: str = "full") -> Any:
    """Convolve along pairs of axes, and contract pairs of others.

    Parameters
    ----------
    A, B : array_like
    axes : pair of sequences of int, optional
        The axes of ``A`` and of ``B`` to convolve; all by default.
    dot_axes : pair of sequences of int
        The axes of ``A`` and of ``B`` to contract.
    mode : {"full", "same", "valid"}

    Returns
    -------
    array
        Its axes are the other axes of ``A``, those of ``B``, and the convolved ones.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.compat.autograd.scipy.signal import convolve
    >>> convolve(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    array([1., 5., 6.])
    """
    if mode not in ("full", "same", "valid"):
        raise AssertionError(f"Mode {mode} undefined, it can be one of 'valid', 'full', and 'same'")
    every = range(tnp.ndim(A))
    along_a, along_b = ([list(every)] * 2) if axes is None else map(list, axes)
    dot_a, dot_b = map(list, dot_axes)
    sizes = [(tnp.shape(A)[i], tnp.shape(B)[j]) for i, j in zip(along_a, along_b, strict=True)]
    if mode == "valid" and any(m < n for m, n in sizes):
        if any(m > n for m, n in sizes):
            raise Exception(
                "One array must be larger than the other along all convolved dimensions"
            )
        swapped = convolve(B, A, (along_b, along_a), (dot_b, dot_a), mode)
        count_b = tnp.ndim(B) - len(along_b) - len(dot_b)
        others = tnp.ndim(swapped) - len(sizes)
        order = [*range(count_b, others), *range(count_b), *range(others, tnp.ndim(swapped))]
        return tnp.transpose(swapped, order)

    padding = [(0, 0)] * tnp.ndim(A)
    for i, (_, n) in zip(along_a, sizes, strict=True):
        right = n - 1 if mode == "full" else (n - 1) // 2
        padding[i] = (0, 0) if mode == "valid" else (n - 1 if mode == "full" else n // 2, right)
    A, letters = tnp.pad(A, padding), iter(string.ascii_letters)
    labels_a = [next(letters) for _ in range(tnp.ndim(A))]
    labels_b = [next(letters) for _ in range(tnp.ndim(B))]
    others_a = [c for i, c in enumerate(labels_a) if i not in (*along_a, *dot_a)]
    others_b = [c for j, c in enumerate(labels_b) if j not in (*along_b, *dot_b)]
    convolved = [labels_a[i] for i in along_a]
    for i, j in zip(dot_a, dot_b, strict=True):
        labels_b[j] = labels_a[i]
    flips = [slice(None)] * tnp.ndim(B)
    # From the last axis to the first, so that a window's axis does not move those yet to come.
    for i, j, (_, n) in sorted(zip(along_a, along_b, sizes, strict=True), reverse=True):
        windows = np.arange(tnp.shape(A)[i] - n + 1)[:, None] + np.arange(n)
        A = tnp.take(A, windows, axis=i)
        labels_a.insert(i + 1, labels_b[j])
        flips[j] = slice(None, None, -1)
    terms = f"{''.join(labels_a)},{''.join(labels_b)}"
    return tnp.einsum(f"{terms}->{''.join(others_a + others_b + convolved)}", A, B[tuple(flips)])
