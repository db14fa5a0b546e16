"""Limits of the machine, what programs ask of them, and the page that says so."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import library_limits, limits
from benchmarks.eigenvalues import eigenvalues
from benchmarks.measuring import Measured
from benchmarks.processes import OURS
from benchmarks.tasks import GRADIENT, HVP, Cell

MACHINE = {
    "peak": 2e10,
    "levels": {"L1": 32768, "memory": 2**27},
    "bandwidths": {"L1": 1e11, "memory": 1e10},
    "numpy call": 3e-7,
    "replayed call": 1e-6,
    "replayed operation": 2e-8,
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of large matrices takes long."""
    monkeypatch.setattr(library_limits, "peak", lambda: 1e10)
    monkeypatch.setattr(library_limits, "ROUNDS", 2)


def test_what_a_program_consists_of_is_counted() -> None:
    found = library_limits.make("net 20x2-4-3", GRADIENT, "float64")["program"]()
    # Forward 20x2x4 and 20x4x3; back, both weights' gradients and the first layer's cotangent.
    assert found["flops"] == 2 * 20 * (2 * 2 * 4 + 3 * 4 * 3)
    assert found["level"] == "L1" and found["measured"] > 0
    assert 0 < found["lines"] <= found["operations"]
    # At least the tanh of 20 x 4 numbers reads and writes them.
    assert found["traffic"] > 2 * 8 * 20 * 4
    assert all(x > 0 for x in found["seconds"].values())


def test_more_work_is_more() -> None:
    make = library_limits.make
    small, large = (make(f"net {n}x2-4-3", HVP, "float64")["program"]() for n in (20, 200))
    assert large["flops"] == 10 * small["flops"]
    assert large["traffic"] > 8 * small["traffic"]
    assert abs(large["operations"] - small["operations"]) <= 2


def program(**more: float) -> dict[str, object]:
    parts = {"products": 4e-5, "loops": 1e-5, "traffic": 3e-5, "calls": 2e-5, **more}
    return {
        "workload": "net 64x2-16-16-2", "task": GRADIENT, "operations": 37, "lines": 3,
        "flops": 8e5, "traffic": 3e6, "level": "L1", "seconds": parts, "measured": 1.2e-4,
    }  # fmt: skip


def test_the_slower_of_loops_and_traffic_counts() -> None:
    assert limits._at_limit(program()) == pytest.approx(9e-5)
    assert limits._at_limit(program(loops=6e-5)) == pytest.approx(1.2e-4)
    said = limits._where([program()])
    assert said.endswith("products 44%, traffic 33%, calls 22% of the limit; "
                         "25% of the time is beyond it")  # fmt: skip
    assert limits._where([program(loops=6e-5, calls=1e-4)]).endswith("reached")


def test_the_page_holds_everything() -> None:
    cell = Cell("growth", "net 256x64-8-8-10", HVP, "float64", "all")
    line = Measured(cell, {f"{OURS} jit": [1e-3], "jax jit": [2e-3]}, ["torch: no memory"])
    about = {
        "processor": "a processor", "cores": 2, "system": "a system", "python": "3.13",
        "versions": {"numpy": "2.3"}, "date": "today", "minutes": 5.0, "load": "0.1",
        "command": "python -m benchmarks.limits", "rounds": 5,
    }  # fmt: skip
    page = limits.markdown(MACHINE, [program()], [line], about)
    assert "20 GFLOP/s" in page and "copies in L1 (32 kB), read and written" in page
    assert "300 ns" in page and "0.75 |" in page and "(limits.svg)" in page
    row = next(x for x in page.splitlines() if x.startswith("| net 256x64-8-8-10"))
    assert [x.strip() for x in row.split("|")[2:-1]] == [HVP, "1 ms", "–", "2 ms"]
    assert "torch: no memory" in page


def test_eigenvalues_of_a_peer_are_the_largest(rng: np.random.Generator) -> None:
    A = rng.normal(size=(40, 40))
    A = A + A.T
    found = eigenvalues(lambda v: A @ v, 40)
    np.testing.assert_allclose(found, np.linalg.eigvalsh(A)[-10:], atol=1e-5)
