"""Random programs in every mode of differentiation, and in compositions of modes, against JAX.

In float64, to second order. How many programs: see ``random_examples``. Which modes: ``MODES`` of
``modes_of_differentiation``; each program in all that are recorded, and in some of those that jit
plans as a whole, which take most of the time.

    RANDOM_PROGRAMS=2000 RANDOM_SEED=7 pytest -m peers tests/peers/test_random_modes_jax.py
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import random_libraries
from figures import noted
from hypothesis import given
from jaxpr_in_numpy import evaluate
from modes_of_differentiation import MODES
from random_examples import NAMESPACES, SEEDS, examples
from random_programs import Program, programs
from test_random_programs_jax import _jax, agree, directions, theirs

pytestmark = [
    pytest.mark.peers,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # JAX warns of what is no concern here
]


PLANNED = [name for name in MODES if name.startswith("jit of") and name != "jit of the loss"]
"""Modes that jit plans as a whole."""


def modes_of(seed: int) -> list[str]:
    """All others, and three of ``PLANNED``."""
    some = set(np.random.default_rng(seed).choice(PLANNED, 3, replace=False).tolist())
    return [name for name in MODES if name not in PLANNED or name in some]


def check(program: Program, seed: int, numpy: Any) -> None:
    x, v = program.point(seed), directions(program.point(seed), seed)
    want = evaluate(theirs(_jax(), program), x, v)
    value, gradient, product = want[0], want[1:4], want[5:]
    loss = program.loss(random_libraries.here(numpy))
    for name in modes_of(seed):
        found = MODES[name](loss, list(x), list(v))
        assert any(part is not None for part in found), name
        if found.value is not None:
            agree([found.value], [value], f"value, {name}")
        if found.gradient is not None:
            agree(found.gradient, gradient, f"gradient, {name}")
        if found.product is not None:
            agree(found.product, product, f"Hessian-vector product, {name}")


def test_there_are_many_modes() -> None:
    assert len(MODES) >= 30
    tried = [modes_of(seed) for seed in range(100)]
    assert min(map(len, tried)) >= 20
    assert set().union(*tried) == set(MODES)


@noted("against JAX in some 30 modes of differentiation")
@examples(25)
@given(programs(3, 10), SEEDS, NAMESPACES)
def test_programs_in_all_modes(program: Program, seed: int, numpy: Any) -> None:
    check(program, seed, numpy)


@pytest.mark.parametrize("name", MODES)
def test_each_mode_notices_a_wrong_answer(name: str) -> None:
    """A mode that gave nothing, or something else, would be of no use."""
    loss = lambda a, b, c: (np.sin(a) * b).sum() * c
    x = [np.array([0.3, 0.4]), np.array([1.0, -2.0]), np.array(0.7)]
    v = [np.array([1.0, 0.5]), np.array([0.2, 0.1]), np.array(-0.3)]
    good = MODES[name](loss, x, v)
    other = MODES[name](lambda a, b, c: loss(a, b, c) + 1e-3 * (a**2).sum(), x, v)
    moved = [
        not np.allclose(
            np.concatenate([np.ravel(y) for y in p]), np.concatenate([np.ravel(y) for y in q]), 1e-9
        )
        for p, q in zip(good[1:], other[1:], strict=True)
        if p is not None
    ]
    assert moved and all(moved)
