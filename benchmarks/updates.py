"""Times of an update, and of a gradient through a solution: ``python -m benchmarks.updates``.

An update by Adam of one array of 1,000 to 1,000,000 parameters, under ``jit``, beside Optax
(jitted, with and without donated buffers) and PyTorch (fused, foreach), as far as they are
installed. Gradients of a ridge regression's minimum in 20 penalties: implicit, unrolled, and JAX's
``custom_root``.

All take turns in one process, one call each, in an order that rotates. Printed are medians of wall
time and the least time of the processor, and our share of each.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_hess as tg

Calls = dict[str, Callable[[], Any]]
SIZES = (1_000, 10_000, 100_000, 1_000_000)
BYTES = 7
"""Arrays that an update by Adam must read or write: p, g, m, v, and new p, m, v."""


def has(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def updates(n: int, dtype: str) -> Calls:
    rng = np.random.default_rng(0)
    p, g = rng.normal(size=(2, n)).astype(dtype)
    opt = tg.optim.Adam(lr=1e-3)
    ours = tg.jit(opt.update)
    now = [p, opt.init(p)]

    def update() -> None:
        now[:] = ours(now[0], g, now[1])

    calls: Calls = {"tinygrad_hess": update}
    if has("torch"):
        calls |= torch_updates(p, g)
    if has("optax"):
        calls |= optax_updates(p, g)
    return calls


def torch_updates(p: Any, g: Any) -> Calls:
    import torch

    def step(form: str) -> Callable[[], Any]:
        leaf = torch.tensor(p, requires_grad=True)
        leaf.grad = torch.tensor(g)
        found: Callable[[], Any] = torch.optim.Adam([leaf], lr=1e-3, **{form: True}).step
        return found

    return {f"PyTorch {form}": step(form) for form in ("fused", "foreach")}


def optax_updates(p: Any, g: Any) -> Calls:
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    rule, grads = optax.adam(1e-3), jax.numpy.asarray(g)

    def update(params: Any, state: Any, grads: Any) -> Any:
        changes, state = rule.update(grads, state, params)
        return optax.apply_updates(params, changes), state

    def step(donated: tuple[int, ...]) -> Callable[[], Any]:
        program = jax.jit(update, donate_argnums=donated)
        now = [jax.numpy.asarray(p), rule.init(jax.numpy.asarray(p))]

        def run() -> None:
            now[:] = program(*now, grads)
            jax.block_until_ready(now[0])

        return run

    return {"Optax": step(()), "Optax donated": step((0, 1))}


def implicit_gradients() -> Calls:
    rng = np.random.default_rng(0)
    X, y, V = rng.normal(size=(100, 20)), rng.normal(size=100), rng.normal(size=(50, 20))
    penalties = np.zeros(20)

    def loss(w: Any, log: Any, np: Any = np) -> Any:
        return ((X @ w - y) ** 2).sum() / 2 + (np.exp(log) * w**2).sum() / 2

    def implicit(log: Any) -> Any:
        w = tg.optim.minimize(loss, np.zeros(20), (log,), "newton", tol=1e-10).x
        return ((V @ w) ** 2).sum()

    def unrolled(log: Any) -> Any:
        w = np.zeros(20)
        for _ in range(100):
            w = w - 8e-3 * tg.grad(loss)(w, log)
        return ((V @ w) ** 2).sum()

    recorded, replayed = tg.grad(implicit), tg.jit(tg.grad(implicit))
    by_steps = tg.jit(tg.grad(unrolled))
    calls: Calls = {
        "tinygrad_hess": lambda: replayed(penalties),
        "recorded": lambda: recorded(penalties),
        "unrolled, jit": lambda: by_steps(penalties),
    }
    if has("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        jnp = jax.numpy
        solve = lambda g, y: jnp.linalg.solve(jax.jacfwd(g)(jnp.zeros_like(y)), y)

        def theirs(log: Any) -> Any:
            slope = jax.grad(lambda w: loss(w, log, jnp))
            newton = lambda g, w: w - solve(lambda d: g(w + d) - g(w), g(w))
            w = jax.lax.custom_root(slope, jnp.zeros(20), newton, solve)
            return ((V @ w) ** 2).sum()

        program = jax.jit(jax.grad(theirs))
        calls["JAX custom_root"] = lambda: jax.block_until_ready(program(penalties))
        np.testing.assert_allclose(calls["JAX custom_root"](), recorded(penalties), rtol=1e-8)
    np.testing.assert_allclose(calls["unrolled, jit"](), recorded(penalties), rtol=1e-8)
    return calls


def report(title: str, calls: Calls, rounds: int) -> None:
    wall: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    names = [*calls]
    for run in calls.values():
        for _ in range(3):
            run()
    for k in range(rounds):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            began, spent = time.perf_counter(), time.process_time()
            calls[name]()
            cpu[name].append(time.process_time() - spent)
            wall[name].append(time.perf_counter() - began)
    print(title)
    for name in names:
        median, least = statistics.median(wall[name]), min(cpu[name])
        pairs = zip(wall[names[0]], wall[name], strict=True)
        shares = statistics.median(a / b for a, b in pairs), min(cpu[names[0]]) / least
        print(
            f"  {name:16s} {median * 1e6:10.0f} µs, of the processor {least * 1e6:8.0f}; "
            f"ours takes {shares[0]:5.2f} and {shares[1]:5.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    quick = parser.parse_args().quick
    x, y = np.ones((2, 2**14 if quick else 2**23))
    began = time.process_time()
    np.copyto(y, x)
    rate = 2 * x.nbytes / (time.process_time() - began)
    print(f"copying moves {rate / 1e9:.1f} GB a second of the processor")
    for dtype in ("float64", "float32"):
        for n in SIZES[: 2 if quick else None]:
            least = BYTES * n * np.dtype(dtype).itemsize / rate
            title = f"Adam, {n:,} parameters, {dtype} ({least * 1e6:.0f} µs at that rate)"
            report(title, updates(n, dtype), 3 if quick else max(30, min(300, 10**7 // n)))
    report("gradient through a minimum", implicit_gradients(), 3 if quick else 50)


if __name__ == "__main__":
    main()
