"""Threads that work side by side."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from tinygrad_hess.core.blas_threads import side_by_side


def test_results_are_in_order_and_errors_are_raised_after_all_have_ended() -> None:
    ended: list[int] = []

    def call(k: int) -> Any:
        def run() -> int:
            time.sleep(0.01 * (3 - k))
            ended.append(k)
            if k == 1:
                raise RuntimeError("of the second")
            return k * k

        return run

    assert side_by_side([call(0), call(2)]) == [0, 4]
    ended.clear()
    with pytest.raises(RuntimeError, match="of the second"):
        side_by_side([call(0), call(1), call(2)])
    assert sorted(ended) == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no such call")
def test_threads_keep_to_the_cores_of_the_process_and_leave_the_callers() -> None:
    allowed = os.sched_getaffinity(0)
    found: list[set[int]] = []

    def look() -> None:
        found.append(os.sched_getaffinity(threading.get_native_id()))

    for _ in range(2):  # threads are there from the first call on
        side_by_side([time.time, look])
    assert found[-1] <= allowed
    assert len(found[-1]) == max(1, len(allowed) - 1)
    assert os.sched_getaffinity(0) == allowed  # the caller's own are as they were
    try:
        os.sched_setaffinity(0, {min(allowed)})
        side_by_side([time.time, look])
        assert found[-1] <= allowed
    finally:
        os.sched_setaffinity(0, allowed)
