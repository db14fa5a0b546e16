"""Smoke in a flow: which initial velocities carry it into a given picture?

A small incompressible flow (Stam 1999, Stable Fluids): velocities and smoke are carried along by
interpolation, and some relaxations take out what would compress. A simulation is a thousand NumPy
calls; its gradient by all initial velocities is one replayed sweep back, given to SciPy's L-BFGS.
The picture is what a hidden flow makes of the smoke. One should see 30 steps take away 98% of the
squared difference, by quite another flow: the Gauss-Newton matrix shows that the picture
determines only some fifty of the 800 velocities.
"""

import os

import numpy as np
from scipy.optimize import minimize

import tinygrad_hess as tg

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
SIZE, STEPS, RELAXATIONS = (12, 4, 5) if QUICK else (20, 6, 10)


def incompressible(u, v):
    """Take the gradient of a pressure from a velocity field, on a torus."""
    source = np.roll(u, 1, 0) - np.roll(u, -1, 0) + np.roll(v, 1, 1) - np.roll(v, -1, 1)
    pressure = np.zeros(u.shape)
    for _ in range(RELAXATIONS):  # Jacobi's
        around = np.roll(pressure, 1, 0) + np.roll(pressure, -1, 0)
        around = around + np.roll(pressure, 1, 1) + np.roll(pressure, -1, 1)
        pressure = (0.5 * source + around) / 4
    u = u + 0.5 * (np.roll(pressure, 1, 0) - np.roll(pressure, -1, 0))
    return u, v + 0.5 * (np.roll(pressure, 1, 1) - np.roll(pressure, -1, 1))


def carried(field, u, v):
    """The field, moved by a velocity: each cell looks up where its contents come from."""
    n = field.shape[0]
    row, column = np.arange(n)[:, None] - u, np.arange(n) - v
    top, left = np.floor(row), np.floor(column)
    a, b = row - top, column - left
    top, left = top.astype(int) % n, left.astype(int) % n
    low, right = (top + 1) % n, (left + 1) % n
    upper = (1 - b) * field[top, left] + b * field[top, right]
    return (1 - a) * upper + a * ((1 - b) * field[low, left] + b * field[low, right])


def simulate(velocity, smoke):
    """Where the smoke is after some steps; shapes (2, n, n) and (n, n)."""
    u, v = incompressible(velocity[0], velocity[1])
    for _ in range(STEPS):
        u, v = incompressible(carried(u, u, v), carried(v, u, v))
        smoke = carried(smoke, u, v)
    return smoke


def loss(velocity, smoke, picture):
    return np.mean((simulate(velocity, smoke) - picture) ** 2)


def hidden(n):
    """A flow of two vortices, and stripes of smoke for it to stir."""
    rows, columns = 2 * np.pi * np.indices((n, n)) / n
    velocity = np.stack([np.sin(columns) + np.sin(2 * rows), np.cos(rows) - np.cos(2 * columns)])
    return velocity, 0.5 + 0.5 * np.cos(2 * rows)


def main():
    truth, smoke = hidden(SIZE)
    picture, start = simulate(truth, smoke), np.zeros_like(truth)
    gradient = tg.jit(tg.value_and_grad(loss))

    def value_and_slope(flat):
        value, slope = gradient(flat.reshape(start.shape), smoke, picture)
        return value, slope.ravel()

    options = {"maxiter": 30}
    fit = minimize(value_and_slope, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    before, found = loss(start, smoke, picture), fit.x.reshape(start.shape)
    print(f"mean squared difference {before:.4f} before, {fit.fun:.4f} after {fit.nit} steps")
    wanted, got = (np.stack(incompressible(*velocity)) for velocity in (truth, found))
    apart = np.linalg.norm(got - wanted) / np.linalg.norm(wanted)
    halves = lambda result, target: np.sum((result - target) ** 2) / 2
    op = tg.curvature.GGNOperator(simulate, halves, found, (smoke, picture))
    rank = tg.curvature.effective_rank(op).value
    print(f"yet the flow is {apart:.0%} away from the one that made the picture")
    print(f"of {start.size} velocities the picture determines about {rank:.0f}")
    return {"before": before, "after": fit.fun, "apart": apart, "rank": rank}


if __name__ == "__main__":
    main()
