"""One jitted function in many threads, in forked children and in spawned ones: always its own bits."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from figures import note
from recorded_functions import POINTS, answers, gradient, product, slope

pytestmark = pytest.mark.hard
THREADS, CALLS, CHILDREN = 16, 200, 20


def test_threads_share_one_jitted_function() -> None:
    expected = [[f(x).tobytes() for x in POINTS] for f in (gradient, product)]
    gradient.cache_clear()
    product.cache_clear()
    start = threading.Barrier(THREADS)

    def work(k: int) -> int:
        start.wait()  # all find no recording
        wrong = 0
        for i in range(CALLS):
            n = (i * 7 + k) % len(POINTS)
            for f, want in zip((gradient, product), expected, strict=True):
                wrong += f(POINTS[n]).tobytes() != want[n]
        return wrong

    with ThreadPoolExecutor(THREADS) as pool:
        wrong = sum(pool.map(work, range(THREADS)))
    note("threads on one jitted function", threads=THREADS, calls=2 * THREADS * CALLS, wrong=wrong)
    assert wrong == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks of POSIX")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_children_go_on_with_what_was_recorded() -> None:
    expected = answers()
    wrong = 0
    for _ in range(CHILDREN):
        child = os.fork()
        if child == 0:
            os._exit(answers() != expected)
        wrong += os.waitpid(child, 0)[1] != 0
    assert answers() == expected  # the parent's own are as they were
    note("forked children", children=CHILDREN, wrong=wrong)
    assert wrong == 0


def test_spawned_children_record_for_themselves() -> None:
    expected = answers()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = [f.result() for f in [pool.submit(answers) for _ in range(6)]]
        sent = pool.submit(slope, POINTS[0]).result()  # a jitted function as an argument
    wrong = sum(one != expected for one in found)
    note("spawned children", calls=6, wrong=wrong)
    assert wrong == 0 and sent.tobytes() == expected[0]
