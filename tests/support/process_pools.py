"""Processes that take work from tests."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor


def process_pool(count: int, module: str) -> ProcessPoolExecutor:
    """Workers from a process without threads, which has imported the library and a test module."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["tinygrad_hess.curvature", "tinygrad_hess.optim.training.fit", module]
    )
    return ProcessPoolExecutor(count, mp_context=context)
