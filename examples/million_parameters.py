"""The curvature of a net of a million parameters: by products alone, in bounded memory.

A 784-1024-256-10 tanh net in float32, after a few steps of Adam on 2,000 synthetic examples of ten
classes. Its Hessian would fill 4.5 TB; a vector takes 4 MiB. One should see the largest
eigenvalues, the trace and the density, each with its error, and a peak of memory below 1.5 GiB,
which depends on the net and the data, not on how many products are made.
"""

import os
import resource
import sys
import time

import numpy as np

import tinygrad_hess as tg

QUICK = bool(os.environ.get("TINYGRAD_HESS_QUICK"))
SIZES, COUNT = ([64, 48, 32, 10], 200) if QUICK else ([784, 1024, 256, 10], 2000)


def loss(model, x, labels):
    return tg.nn.cross_entropy(model(x), labels)


def main():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, COUNT)
    noise = rng.normal(size=(COUNT, SIZES[0])) / np.sqrt(1 + np.arange(SIZES[0]))
    x = (rng.normal(size=(10, SIZES[0]))[labels] / 4 + noise).astype(np.float32)
    model = tg.nn.MLP(SIZES, tg.nn.tanh, seed=0, dtype=np.float32)
    objective = lambda model, batch: loss(model, *batch)
    model = tg.optim.fit(objective, model, (x, labels), tg.optim.Adam(lr=1e-3), epochs=5).params
    hessian = tg.curvature.HessianOperator(loss, model, x, labels)
    print(f"{hessian.shape[0]:,} parameters, {hessian.dtype}")
    for estimate in (
        lambda: tg.curvature.top_eigenpairs(hessian, k=5, tol=1e-3),
        lambda: tg.curvature.trace(hessian, max_matvecs=100),
        lambda: tg.curvature.spectral_density(hessian, probes=4, steps=25),
    ):
        begin = time.perf_counter()
        print(estimate())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, else KiB
        mebibytes = peak / (2**20 if sys.platform == "darwin" else 2**10)
        print(f"    {time.perf_counter() - begin:.1f} s; peak memory {mebibytes:.0f} MiB")


if __name__ == "__main__":
    main()
