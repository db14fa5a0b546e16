"""A soap film by Newton's method: its Hessian is sparse, and costs a few products at any size."""

import time

import numpy as np
from scipy.sparse.linalg import spsolve

import tinygrad_hess as tg
from tinygrad_hess.transforms.sparse.plan import plan_hessian, sparsity


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def area(inner, frame):
    """Area of a film of these heights on a unit square, inside a frame of given heights."""
    height = np.pad(inner, 1) + frame
    cells = len(frame) - 1
    dx, dy = (cells * np.diff(height, axis=a) for a in (0, 1))
    return np.sum(np.sqrt(1 + (dx[:, 1:] ** 2 + dx[:, :-1] ** 2 + dy[1:] ** 2 + dy[:-1] ** 2) / 2))


def main():
    print("Rosenbrock's function        n   entries   products   seconds")
    for n in (1_000, 10_000, 100_000):
        x = np.linspace(-1, 1, n)
        count = plan_hessian(sparsity(rosenbrock, x, order=2)).count
        begin = time.perf_counter()
        H = tg.hessian(rosenbrock, sparse=True)(x)
        print(f"{n:>30,} {H.nnz:>9,} {count:>10} {time.perf_counter() - begin:>9.2f}")

    t = np.linspace(-1, 1, 62)
    frame = np.zeros((62, 62))
    frame[[0, -1]], frame[:, [0, -1]] = 1 - t**2, t[:, None] ** 2 - 1  # bent up, bent down
    u = np.zeros((60, 60))
    pattern = sparsity(area, u, frame, order=2)  # the same at every step: found once
    found = f"{pattern.nnz:,} entries, by {plan_hessian(pattern).count} products"
    print(f"\nsoap film of {u.size:,} heights: {found}")
    gradient, hessian = tg.value_and_grad(area), tg.hessian(area, sparse=pattern)
    for step in range(10):
        value, g = gradient(u, frame)
        print(f"step {step:>2}: area {value / 61**2:.8f}, gradient {np.linalg.norm(g):.0e}")
        u = u - spsolve(hessian(u, frame).tocsc(), g.ravel()).reshape(u.shape)


if __name__ == "__main__":
    main()
