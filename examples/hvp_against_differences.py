"""A Hessian-vector product, exact, beside differences of the gradient at many step sizes."""

import numpy as np

import tinygrad_hess as tg


def loss(params, x, y):
    hidden = np.tanh(x @ params[0])
    return ((hidden @ params[1] - y) ** 2).mean()


def main():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    params = [rng.normal(size=(4, 8)), rng.normal(size=(8, 2))]
    v = [rng.normal(size=p.shape) for p in params]  # the direction
    flat = lambda tree: np.concatenate([leaf.ravel() for leaf in tree])

    exact = flat(tg.hvp(loss, params, v, x, y))
    gradient = lambda t: flat(tg.grad(loss)([p + t * d for p, d in zip(params, v)], x, y))
    relative = lambda other: np.linalg.norm(other - exact) / np.linalg.norm(exact)

    print("relative difference from the exact H v:\n")
    print(f"{'step h':>8} {'(g(h) - g(0)) / h':>19} {'(g(h) - g(-h)) / 2h':>21}")
    for h in 10.0 ** -np.arange(1, 13):
        one_sided = (gradient(h) - gradient(0.0)) / h
        central = (gradient(h) - gradient(-h)) / (2 * h)
        print(f"{h:>8.0e} {relative(one_sided):>19.1e} {relative(central):>21.1e}")
    print("\nLarge steps miss the curvature's own change, small ones drown in rounding;")

    slope = lambda p: sum((g * d).sum() for g, d in zip(tg.grad(loss)(p, x, y), v))
    twice = flat(tg.grad(slope)(params))  # the gradient of the gradient's part along v
    print(f"the exact product has no step; reverse over reverse differs by {relative(twice):.0e}.")


if __name__ == "__main__":
    main()
