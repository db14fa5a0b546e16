"""A long run, killed at random moments until it has been killed 20 times: ``killed_runs.py NAME``.

Prints how often it was killed, how often it ended, and whether all answers were the same bits as
that of a run that was left alone.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":  # children are forked
    os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import curvature, nn, optim
from tinygrad_hess.core import pace
from tinygrad_hess.core.encoding import encode

KILLS = 20
KEPT = (".npz", ".npz.exact", ".npz.dense", ".answer")
"""Files that a run leaves, of the columns of a whole matrix too; and what is compared."""

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(400, 8)), rng.integers(0, 3, 400)


LOSS = nn.cross_entropy


def net(params, x):
    return np.tanh(x @ params["w"] + params["b"]) @ params["v"]


def loss(params, batch):
    return LOSS(net(params, batch[0]), batch[1])


def loss_with_prior(params, batch):
    """With a minimum near enough for a positive definite matrix."""
    return loss(params, batch) + sum((x**2).sum() for x in params.values())


PARAMS = {
    "w": rng.normal(size=(8, 24)) / 3,
    "b": np.zeros(24),
    "v": rng.normal(size=(24, 3)) / 5,
}
SMALL = {"w": rng.normal(size=(8, 4)) / 3, "b": np.zeros(4), "v": rng.normal(size=(4, 3)) / 5}
DATA = [(X[i : i + 100], Y[i : i + 100]) for i in range(0, 400, 100)]
BALL = curvature.Ball(0.3)


def slow_waves(k):
    time.sleep(0.05)
    return np.sin(np.arange(3.0) + k)


def op(params=PARAMS):
    return curvature.HessianOperator(loss, params, DATA)


RUNS = {
    "top_eigenpairs": lambda **k: curvature.top_eigenpairs(op(), 6, method="lanczos", **k),
    "top_eigenpairs near a shift": lambda **k: curvature.top_eigenpairs(
        op(), 2, sigma=0.1, method="lanczos", tol=1e-3, **k
    ),
    "top_eigenpairs, dense": lambda **k: curvature.top_eigenpairs(op(), 6, method="dense", **k),
    "trace": lambda **k: curvature.trace(op(), rtol=0.03, **k),
    "trace, XTrace": lambda **k: curvature.trace(op(), method="xtrace", max_matvecs=150, **k),
    "trace, exact": lambda **k: curvature.trace(op(), method="exact", **k),
    "diagonal": lambda **k: curvature.diagonal(op(), 150, **k),
    "frobenius_norm": lambda **k: curvature.frobenius_norm(op(), rtol=0.05, **k),
    "layer_traces": lambda **k: curvature.layer_traces(op(), max_matvecs=150, **k),
    "spectral_density": lambda **k: curvature.spectral_density(
        op(), probes=5, steps=40, method="lanczos", **k
    ),
    "spectral_density, dense": lambda **k: curvature.spectral_density(op(), method="dense", **k),
    "condition_number": lambda **k: curvature.condition_number(
        op(), probes=4, steps=40, method="lanczos", **k
    ),
    "inertia": lambda **k: curvature.inertia(op(), probes=4, steps=40, method="lanczos", **k),
    "trace_function": lambda **k: curvature.trace_function(
        op(), np.tanh, probes=5, method="lanczos", max_matvecs=400, **k
    ),
    "effective_rank": lambda **k: curvature.effective_rank(
        op(), probes=5, method="lanczos", max_matvecs=400, **k
    ),
    "landscape": lambda **k: curvature.landscape(op(), dimensions=2, points=25, **k),
    "layer_blocks": lambda **k: curvature.layer_blocks(op(), probes=40, **k),
    "jackknife": lambda **k: curvature.jackknife(
        lambda h: curvature.trace(h, 40), loss, SMALL, DATA, **k
    ),
    "classify_critical_point": lambda **k: curvature.classify_critical_point(
        op(), max_matvecs=150, **k
    ),
    "sharpness": lambda **k: curvature.sharpness(op(SMALL), **k),
    "lipschitz_of_gradient": lambda **k: curvature.lipschitz_of_gradient(
        op(SMALL), region=BALL, samples=4, **k
    ),
    "is_convex_on": lambda **k: curvature.is_convex_on(op(SMALL), region=BALL, samples=4, **k),
    "gradient_noise_scale": lambda **k: curvature.gradient_noise_scale(loss, PARAMS, DATA, **k),
    "influence": lambda **k: curvature.influence(
        loss,
        SMALL,
        DATA,
        DATA[0],
        damping=1.0,
        op=curvature.GGNOperator(net, LOSS, SMALL, DATA),
        **k,
    ),
    "observed_information": lambda **k: curvature.observed_information(
        loss_with_prior, SMALL, DATA, robust=True, **k
    ),
    "laplace": lambda **k: numbers(
        curvature.laplace(net, LOSS, PARAMS, DATA, structure="block", **k)
    ),
    "explain_step": lambda **k: curvature.explain_step(
        loss, PARAMS, {n: 0.9 * x for n, x in PARAMS.items()}, DATA, rtol=1e-6, **k
    ),
    "step_size": lambda **k: curvature.step_size(op(), k=6, **k),
    "gradient_alignment": lambda **k: curvature.gradient_alignment(op(), 6, **k),
    "report": lambda **k: curvature.report(op(SMALL), budget="1h", **k),
    "parallel_map": lambda **k: tg.parallel_map(slow_waves, range(40), progress=False, **k),
    "fit": lambda **k: trained(
        optim.fit(
            loss, PARAMS, DATA, optim.Adam(), epochs=50, every=1, resume=True, progress=False, **k
        )
    ),
}


def numbers(posterior):
    """All that it tells, and a draw, in which its matrix is."""
    told = {k: v for k, v in posterior.to_dict().items() if k != "seconds"}
    return told, [np.asarray(x) for x in posterior.sample(1, seed=0)[0].values()]


def trained(fitted):
    """Weights, and the losses on the way."""
    return fitted.params, fitted.losses


def bits(found) -> str:
    """All that a result holds, but for times; arrays by their bytes."""
    if isinstance(found, curvature.Report):
        found = {n: (p.result, p.why, p.failed, p.matvecs) for n, p in found.parts.items()} | {
            "matvecs": found.matvecs
        }
        found.pop("model")  # computed anew each time
    arrays = encode(found, curvature.estimates.result.Result)
    tree = json.dumps(without_times(json.loads(str(arrays.pop("tree")))))
    return tree + repr({n: (str(x.dtype), x.shape, x.tobytes()) for n, x in arrays.items()})


def without_times(tree):
    if isinstance(tree, dict):
        return {k: without_times(v) for k, v in tree.items() if k != "seconds"}
    return [without_times(x) for x in tree] if isinstance(tree, list) else tree


def forked(run, path) -> int:
    """The process that writes the bits of its answer beside ``path``."""
    child = os.fork()
    if child:
        return child
    try:
        answer = bits(run(checkpoint=path))
        Path(f"{path}.answer.part").write_text(answer)
        os.replace(f"{path}.answer.part", f"{path}.answer")
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)


def main(name: str, seed: int = 0) -> dict:
    pace.SECONDS, pace.SHARE = 0.0, 1e9  # saves after each step
    run, moments = RUNS[name], random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "alone.npz")
        begin = time.perf_counter()
        assert os.waitpid(forked(run, path), 0)[1] == 0
        whole = time.perf_counter() - begin
        expected = Path(f"{path}.answer").read_text()
        kills = ends = same = 0
        while kills < KILLS or not ends:
            path = Path(folder, f"run{ends}.npz")
            child = forked(run, path)
            limit = time.perf_counter() + moments.uniform(0.05, 0.6) * whole
            done = 0
            while not done and (time.perf_counter() < limit or kills >= KILLS):
                done, status = os.waitpid(child, os.WNOHANG)
                time.sleep(0.002)
            if not done:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                kills += 1
                continue
            assert status == 0
            ends += 1
            same += Path(f"{path}.answer").read_text() == expected
            files = [p.name for p in Path(folder).rglob("*") if p.is_file()]
            assert all(name.endswith(KEPT) for name in files), files
        return {"kills": kills, "ends": ends, "same": same}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
