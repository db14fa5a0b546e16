"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

# Tests run side by side on few cores, where BLAS threads would wait for each other. Before NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The battery takes its list of rows now, before any test declares primitives of its own.
import battery  # noqa: F401
import hypothesis
import numpy as np
import pytest
from process_pools import process_pool

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded random generator."""
    return np.random.default_rng(0)


# ---- workers -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def processes(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Two processes that know the module's functions."""
    with process_pool(2, request.module.__name__) as executor:
        yield executor


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    """Two threads."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


# ---- other libraries, where they are installed -------------------------------------------------


@pytest.fixture(scope="module")
def jax() -> Any:
    module = pytest.importorskip("jax")
    module.config.update("jax_enable_x64", True)
    module.config.update("jax_platforms", "cpu")
    return module


@pytest.fixture(scope="module")
def torch() -> Any:
    module = pytest.importorskip("torch")
    module.set_num_threads(1)
    return module


@pytest.fixture(scope="module")
def curvlinops(torch: Any) -> Any:
    return pytest.importorskip("curvlinops")
