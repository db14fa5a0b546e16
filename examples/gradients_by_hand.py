"""A two-layer net's gradients, derived by hand, beside the library's."""

import numpy as np

import tinygrad_hess as tg


def loss(params, x, y):
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    return ((hidden @ params["w2"] + params["b2"] - y) ** 2).mean()


def by_hand(params, x, y):
    """The chain rule, from the loss back to each parameter."""
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    error = 2 * (hidden @ params["w2"] + params["b2"] - y) / y.size  # ∂loss/∂output
    before_tanh = (error @ params["w2"].T) * (1 - hidden**2)  # tanh' = 1 - tanh²
    return {
        "w1": x.T @ before_tanh,
        "b1": before_tanh.sum(axis=0),
        "w2": hidden.T @ error,
        "b2": error.sum(axis=0),
    }


def main():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    sizes = {"w1": (3, 5), "b1": 5, "w2": (5, 2), "b2": 2}
    params = {name: rng.normal(size=size) for name, size in sizes.items()}

    value, gradient = tg.value_and_grad(loss)(params, x, y)  # one call, any nesting of arrays
    print(f"loss = {value:.6f}\n")
    print(f"{'parameter':<10} {'shape':<8} {'size of gradient':>16} {'largest difference':>19}")
    for name, hand in by_hand(params, x, y).items():
        size, off = np.linalg.norm(hand), np.abs(gradient[name] - hand).max()
        print(f"{name:<10} {hand.shape!s:<8} {size:>16.6f} {off:>19.1e}")
    print("\nThe library's gradient and the one by hand agree to rounding.")


if __name__ == "__main__":
    main()
