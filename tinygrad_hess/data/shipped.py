"""Real data sets that come with the package; NOTICE beside this file names sources and licences."""

from __future__ import annotations

import io
import zipfile
from importlib import resources
from typing import Any

import numpy as np

from ..core.arguments import floating
from .dataset import Dataset

_LICENCE = (
    "Creative Commons Attribution 4.0 International (CC BY 4.0), from the UCI Machine Learning "
    "Repository, by way of scikit-learn (BSD 3-clause)"
)


def _load(name: str, dtype: Any, source: str) -> Dataset:
    dtype = floating(name, dtype)
    file = resources.files(__package__).joinpath(f"{name}.npz")
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as packed:
            fields = dict(packed)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RuntimeError(
            f"{name}: the file {file} of this installation cannot be read ({error}). Install "
            "tinygrad-hess again."
        ) from error
    return Dataset(
        # decimal numbers are kept as integers and a count of decimals: exact, and a third smaller
        x=np.ascontiguousarray(fields["x"] / 10.0 ** fields["decimals"], dtype),
        y=fields["y"].astype(np.int64),
        name=name,
        feature_names=tuple(fields["feature_names"].tolist()),
        target_names=tuple(fields["target_names"].tolist()),
        source=source,
        licence=_LICENCE,
    )


def digits(images: bool = False, dtype: Any = np.float64) -> Dataset:
    """1,797 handwritten digits of 8 by 8 pixels, from 0 (empty) to 16 (full); ten classes.

    Parameters
    ----------
    images : bool
        Give x the shape (n, 1, 8, 8), as convolutions take it, instead of (n, 64).
    dtype : dtype
        Of x.

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> data.digits()
    Dataset('digits': x float64(1797,64), y int64(1797,), 10 classes)
    >>> data.digits(images=True).x.shape
    (1797, 1, 8, 8)
    """
    source = (
        "E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine "
        "Learning Repository, doi:10.24432/C50P49 (its test set)"
    )
    data = _load("digits", dtype, source)
    if not images:
        return data
    x = data.x.reshape(-1, 1, 8, 8)
    return Dataset(
        x, data.y, data.name, data.feature_names, data.target_names, source, data.licence
    )


def iris(dtype: Any = np.float64) -> Dataset:
    """150 irises, four lengths in centimetres; three species.

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> data.iris().target_names
    ('setosa', 'versicolor', 'virginica')
    """
    return _load(
        "iris",
        dtype,
        "R. A. Fisher (1936), Iris, UCI Machine Learning Repository, doi:10.24432/C56C76",
    )


def wine(dtype: Any = np.float64) -> Dataset:
    """178 Italian wines, thirteen chemical measurements; three cultivars.

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> data.wine()
    Dataset('wine': x float64(178,13), y int64(178,), 3 classes)
    """
    return _load(
        "wine",
        dtype,
        "S. Aeberhard and M. Forina (1992), Wine, UCI Machine Learning Repository, "
        "doi:10.24432/C5PC7J",
    )


def breast_cancer(dtype: Any = np.float64) -> Dataset:
    """569 tumours, thirty measurements of cell nuclei; malignant (0) or benign (1).

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> data.breast_cancer()
    Dataset('breast_cancer': x float64(569,30), y int64(569,), 2 classes)
    """
    return _load(
        "breast_cancer",
        dtype,
        "W. Wolberg, O. Mangasarian, N. Street and W. Street (1993), Breast Cancer Wisconsin "
        "(Diagnostic), UCI Machine Learning Repository, doi:10.24432/C5DW2B",
    )
