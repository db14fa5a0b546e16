"""How the class probabilities of an iris answer to each measurement: a Jacobian as a table."""

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import nn


def loss(params, x, y):
    return nn.cross_entropy(x @ params["w"] + params["b"], y)


def main():
    iris = tg.data.iris()
    scale = iris.x.std(axis=0)
    x = (iris.x - iris.x.mean(axis=0)) / scale
    params = {"w": np.zeros((4, 3)), "b": np.zeros(3)}
    for _ in range(500):
        gradient = tg.grad(loss)(params, x, iris.y)
        params = {name: p - 0.5 * gradient[name] for name, p in params.items()}

    probabilities = lambda x: nn.softmax(x @ params["w"] + params["b"])
    p = probabilities(x)
    print(f"softmax regression on iris: {(p.argmax(axis=1) == iris.y).mean():.1%} right\n")

    hardest = int(p.max(axis=1).argmin())  # the flower the classifier is least sure of
    J = tg.jacobian(probabilities)(x[hardest]) / scale  # (class, feature), per centimetre
    print(f"flower {hardest}, change of each probability with one centimetre more:")
    print(" " * 20 + "".join(f"{name:>12}" for name in iris.target_names))
    print(f"{'probability':<20}" + "".join(f"{q:>12.3f}" for q in p[hardest]))
    for name, column in zip(iris.feature_names, J.T):
        print(f"{name:<20}" + "".join(f"{slope:>+12.3f}" for slope in column))
    print(f"\nProbabilities add to one, so each row adds to zero: {abs(J.sum(axis=0)).max():.0e}.")


if __name__ == "__main__":
    main()
