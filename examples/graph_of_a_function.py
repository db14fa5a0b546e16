"""Pictures of what was recorded: a small function, its gradient, and a Hessian-vector product."""

import numpy as np

import tinygrad_hess as tg


def f(x, w):
    return np.tanh(x @ w).sum()


def main():
    x, w = np.array([1.0, 2.0]), np.array([[0.5, -1.0], [0.25, 0.0]])
    pictures = {
        "function": tg.viz.graph(f, x, w),
        "gradient": tg.viz.graph(tg.grad(f), x, w),
        "hvp": tg.viz.graph(lambda x, w: tg.hvp(f, x, np.ones(2), w), x, w),
    }
    for name, picture in pictures.items():
        path = tg.viz.render(picture, f"graph_of_{name}.svg")
        arrows = picture.source.count("->")
        print(f"wrote {path}: {arrows} arrows")
    print("\nForward, reverse and tangent parts have their own colours; the DOT text is in")
    print("picture.source. The gradient's graph is the function's, walked back; the product's is")
    print("both of them, walked forward once more.")


if __name__ == "__main__":
    main()
