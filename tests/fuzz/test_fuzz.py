"""Every public name, called with what nobody should give it.

An error says what is wrong; a result is NumPy's, and a gradient that of differences; nothing
crashes or hangs. ``make fuzz`` makes 100,000 calls; a sample of them is among the slow tests.
"""

from __future__ import annotations

import collections
from typing import Any

import fuzz_run
import numpy as np
import pytest

SHARES = {
    "unnamed": 0.015,
    "AttributeError": 0.004,
    "OverflowError": 0.001,
    "KeyError": 0.001,
    "accepts": 0.005,
    "unjudged": 0.002,
    "vmap": 0.001,
    "jit": 0.001,
    "gradient": 0.001,
    "value": 0.0005,
    "leak": 0.0005,
    "hang": 0.0005,
    "NotImplementedError": 0.001,
}
"""Offences of a kind that are still there, as a share of all calls; of other kinds, none."""
KNOWN = {
    "enter": "its result is batched, by its meaning",
    "pinv": "its derivative takes the rank to be that of the matrix, also where rcond cuts it",
    "comb": "not the same for numbers that are no integers as SciPy's",
    "perm": "likewise",
    "lu_packed": "of no matrix",
    "svd": "hermitian=True of a matrix that is not",
}
"""Names whose wrong numbers are known."""


def judged(calls: int, workers: int) -> None:
    """Make the calls; fail with a page of the offences by mechanism."""
    offences = fuzz_run.run(calls, seed=0, workers=workers)
    offences = [o for o in offences if o["name"].rpartition(".")[2] not in KNOWN]
    kinds = collections.Counter(o["kind"] for o in offences)
    too_many = {kind for kind, n in kinds.items() if n > SHARES.get(kind, 0) * calls}
    found = [o for o in offences if o["kind"] in too_many]
    assert not found, fuzz_run.page(found, calls, seed=0)


@pytest.mark.slow
def test_a_sample_of_calls() -> None:
    judged(2_000, workers=1)


@pytest.mark.fuzz
def test_a_hundred_thousand_calls() -> None:
    judged(100_000, workers=2)


# ---- the fuzz itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (lambda x: x.no_such_attribute, "AttributeError"),
        (lambda x: {}["key"], "KeyError"),
        (lambda x: len(3), "unnamed"),  # type: ignore[arg-type]
        (lambda x: np.zeros(x.size), "value"),
        (lambda x: x, None),
    ],
)
def test_offences_are_noticed(monkeypatch: Any, given: Any, kind: str | None) -> None:
    """A function that goes wrong in a known way is judged as that."""
    import fuzz_judge
    from fuzz_calls import Drawn
    from fuzz_targets import Target

    def positive(x: Any) -> Any:
        return given(x)

    call = Drawn(
        Target("tg.numpy.positive", "function", positive, np.positive), [np.ones(3)], {}, "plain"
    )
    monkeypatch.setattr(fuzz_judge, "is_users", lambda frames: False)
    found = fuzz_judge.outcome(call)
    assert (found and found[0]) == kind


def test_a_wrong_gradient_is_noticed() -> None:
    import fuzz_judge
    from fuzz_calls import Drawn
    from fuzz_targets import Target

    import tinygrad_hess as tg

    def half_known(x: Any) -> Any:
        return tg.numpy.sin(x) + tg.stop_gradient(x)

    call = Drawn(Target("tg.ops.half_known", "function", half_known), [np.ones(3)], {}, "recorded")
    call.at = (0, 0)
    found = fuzz_judge.outcome(call)
    assert found is not None and found[0] == "gradient"
