"""Random programs agree with JAX in float64, to first and second order.

Programs are drawn from more than 250 operations (``random_vocabulary``). How many: see
``random_examples``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import random_libraries
from comparing import close
from figures import noted
from hypothesis import given
from jaxpr_in_numpy import evaluate
from random_examples import NAMESPACES, SEEDS, examples
from random_programs import Program, Step, programs
from random_vocabulary import VOCABULARY

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp

pytestmark = [
    pytest.mark.peers,
    pytest.mark.slow,  # JAX traces each program
    # JAX warns of what is no concern here (deprecated corners of NumPy, no GPU).
    pytest.mark.filterwarnings("ignore"),
]
RTOL = 1e-8
"""Of the largest entry of an array."""
ROUNDING = 1e-12
"""Of the largest number of all arrays of one order: what rounding leaves where terms cancel."""


def agree(got: Sequence[Any], want: Sequence[Any], what: str) -> None:
    """Arrays of one order of derivative."""
    largest = max(1.0, *(np.abs(w).max(initial=0.0) for w in want))
    close(list(got), list(want), RTOL, ROUNDING * largest, what)


def directions(point: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng([seed, 1])
    return [rng.normal(size=x.shape) for x in point]


def theirs(jax: Any, program: Program) -> Callable[..., Any]:
    """Value and gradient at a point, and their tangents in a direction: the second is Hv."""
    slope = jax.value_and_grad(program.loss(random_libraries.there()), argnums=(0, 1, 2))
    return lambda x, v: jax.jvp(slope, tuple(x), tuple(v))


def compare(program: Program, seed: int, numpy: Any, want: Sequence[Any]) -> None:
    """Recorded, replayed and batched, all against the results of JAX."""
    x = program.point(seed)
    v = directions(x, seed)
    value, gradient, rate, curved = want[0], want[1:4], want[4], want[5:]
    loss = program.loss(random_libraries.here(numpy))
    slope = tg.value_and_grad(loss, argnums=(0, 1, 2))

    found, g = slope(*x)
    agree([found], [value], "value")
    agree(g, gradient, "gradient")
    agree(tg.jvp(loss, tuple(x), tuple(v)), [value, rate], "value and tangent")
    product = lambda x, v: tg.hvp(lambda p: loss(*p), x, v)
    agree(product(x, v), curved, "Hessian-vector product")

    jitted = tg.jit(lambda x, v: (slope(*x), product(x, v)))
    elsewhere = [0.7 * a + 0.1 for a in x]
    jitted(elsewhere, v)
    (found, g), hv = jitted(x, v)
    agree([found], [value], "value, replayed")
    agree(g, gradient, "gradient, replayed")
    agree(hv, curved, "Hessian-vector product, replayed")

    stacks = [np.stack([b, a, 0.5 * b]) for a, b in zip(x, elsewhere, strict=True)]
    values, gs = tg.vmap(slope)(*stacks)
    agree([values[1]], [value], "value, batched")
    agree([a[1] for a in gs], gradient, "gradient, batched")
    hvs = tg.vmap(product)(stacks, [np.stack([a, a, -a]) for a in v])
    agree([a[1] for a in hvs], curved, "Hessian-vector product, batched")


def check(jax: Any, program: Program, seed: int, numpy: Any) -> None:
    x = program.point(seed)
    compare(program, seed, numpy, evaluate(theirs(jax, program), x, directions(x, seed)))


def test_the_vocabulary_is_large_and_its_names_differ() -> None:
    names = {o.name for o in VOCABULARY}
    assert len(names) == len(VOCABULARY) >= 250


@pytest.mark.parametrize("name", [o.name for o in VOCABULARY])
def test_each_operation_alone(jax: Any, name: str) -> None:
    """In some variants, at inputs of several shapes."""
    which = [o.name for o in VOCABULARY].index(name)
    for k, inputs in enumerate([(0, 1, 2), (3, 2, 4), (6, 7, 8), (5, 3, 0)]):
        program = Program(inputs, (Step(which, k, 1, 2, 7 * k + 1),), 1)
        check(jax, program, k, np if k % 2 else tnp)


@noted("against JAX: values, gradients, products with the Hessian")
@examples(100)
@given(programs(4, 14), SEEDS, NAMESPACES)
def test_programs(program: Program, seed: int, numpy: Any) -> None:
    check(_jax(), program, seed, numpy)


@examples(4, share=0.04)
@given(programs(100, 120), SEEDS, NAMESPACES)
def test_programs_of_a_hundred_operations(program: Program, seed: int, numpy: Any) -> None:
    check(_jax(), program, seed, numpy)


@examples(2, share=0.01)
@given(programs(3, 8), SEEDS, NAMESPACES)
def test_programs_that_jax_compiles_as_a_whole(program: Program, seed: int, numpy: Any) -> None:
    """No part of JAX's answer is computed by NumPy here."""
    jax = _jax()
    x = program.point(seed)
    (value, g), (rate, hv) = jax.jit(theirs(jax, program))(x, directions(x, seed))
    compare(program, seed, numpy, [np.asarray(y) for y in (value, *g, rate, *hv)])


@noted("against JAX: full Hessians")
@examples(4, share=0.02)
@given(programs(3, 10), SEEDS, NAMESPACES)
def test_full_hessians(program: Program, seed: int, numpy: Any) -> None:
    """All nine blocks, ours also by symmetry and replayed."""
    jax = _jax()
    arguments = (0, 1, 2)
    x = program.point(seed)
    there = program.loss(random_libraries.there())
    want = evaluate(lambda x: jax.hessian(there, argnums=arguments)(*x), x)
    loss = program.loss(random_libraries.here(numpy))
    f = lambda x: tg.hessian(loss, argnums=arguments)(*x)
    for how, run in (("recorded", f), ("replayed", tg.jit(f))):
        agree([block for row in run(x) for block in row], want, f"Hessian, {how}")


def _jax() -> Any:
    """As the fixture gives it, for tests that hypothesis calls many times."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    return jax
