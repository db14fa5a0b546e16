"""What ``to_dict`` of every result holds: names that files of users depend on."""

import json

import numpy as np
import pytest

from tinygrad_hess import curvature as tc
from tinygrad_hess.curvature.estimates.result import Result

A = np.diag([4.0, 2.0, 0.0, -1.0])
X, Y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8.0) % 2


def predict(w, x):
    return x @ w["w"] + w["b"]


def squares(outputs, y):
    return ((outputs - y) ** 2).mean()


def loss(w, batch):
    x, y = batch
    return squares(predict(w, x), y) + 0.1 * ((w["w"] ** 2).sum() + w["b"] ** 2)


def results():
    at, data = {"w": np.full(3, 0.1), "b": 0.2}, (X, Y)
    H = tc.HessianOperator(loss, at, data)
    top = tc.top_eigenpairs(H, 2)
    model = tc.quadratic_model(H)
    density, condition = tc.spectral_density(A), tc.condition_number(A)
    each = lambda w, batch: ((batch[0] @ w["w"] + w["b"] - batch[1]) ** 2).mean()
    inverse = tc.InverseOperator(H, damping=0.1)
    ball, quartic = tc.Ball(1.0), lambda x: (x**4).sum() + (x**2).sum()
    return [
        tc.trace(A), tc.diagonal(A), tc.layer_traces(H), tc.inertia(A), density,
        density.atoms[0], condition, top, tc.layer_shares(H, top), tc.layer_blocks(H),
        tc.explain_step(loss, at, {"w": np.zeros(3), "b": 0.1}, data, k=2),
        tc.gradient_alignment(H, k=1), tc.subspace_overlap(top.vectors, top.vectors),
        tc.classify_critical_point(H), tc.step_size(H), tc.sharpness(loss, at, data), model,
        model.along(H.gradient), tc.landscape(H, points=3),
        tc.lipschitz_of_gradient(quartic, np.ones(2), region=ball, samples=1),
        tc.is_convex_on(quartic, np.ones(2), region=ball, samples=1),
        tc.jackknife(tc.trace, loss, at, data, groups=4), inverse.solve(H.gradient),
        tc.influence(each, at, data, (X[:2], Y[:2]), damping=0.1),
        tc.observed_information(loss, at, data), tc.gradient_noise_scale(loss, at, data),
        tc.laplace(predict, squares, at, data), (whole := tc.report(loss, at, data)),
        whole.compare(whole),
    ]  # fmt: skip


KEYS = """
Estimate: value standard_error interval matvecs converged exact seconds seed method reason
Diagonal: values standard_errors intervals matvecs converged exact seconds seed method reason
LayerTraces: layers total sizes
Inertia: negative zero positive threshold size
SpectralDensity: grid density band cumulative cumulative_bounds atoms zero_mass extent
    eigenvalues bulk outliers gap probes steps size zero resolution matvecs converged exact
    seconds seed method reason
Atom: value interval multiplicity weight weight_interval
ConditionNumber: value largest smallest matvecs converged exact seconds seed method reason
    interval largest_interval smallest_interval inertia
Eigenpairs: which values residuals intervals gap_intervals matvecs converged exact method
    seconds seed reason | vectors
LayerShares: names shares sizes
LayerBlocks: names sizes squares standard_errors between matvecs exact seed reason
Alignment: share shares values baseline baseline_interval parameters matvecs converged reason
Overlap: overlap angles baseline
CriticalPoint: kind proved gradient_norm gradient_limit smallest largest index positive nullity
    zero parameters matvecs reason | negative_direction
StepExplanation: value actual slope bend length curvature values shares share bend_share converged
    why predicted ratio
StepSize: steepest safe limit values residuals preconditioned matvecs converged reason
Sharpness: loss largest_eigenvalue interval sam sam_one_step adaptive_eigenvalue adaptive_sam
    keskar fisher_rao rho adaptive_rho keskar_epsilon matvecs gradients converged reason seconds
QuadraticModel: value gradient_norm gradient_curvature parameters
QuadraticSlice: t actual quadratic value slope curvature third trusted
Landscape: coordinates values quadratic slopes curvatures value labels path explained
    evaluations matvecs reason
LipschitzBound: value curvature start points matvecs shown not_shown sampled climbed reason |
    point direction
ConvexityCheck: convex smallest residual zero points matvecs shown not_shown sampled climbed reason |
    point direction
Jackknife: value standard_error interval bias without sizes converged seconds
    reason
Solution: residuals iterations matvecs converged method seconds reason
Influence: scores test_loss damping residual matvecs converged seconds reason
ObservedInformation: names estimate standard_errors intervals level robust examples converged
    newton_step matvecs seconds reason
GradientNoiseScale: value standard_error interval trace_covariance gradient_norm_squared
    examples converged seconds reason
Laplace: structure layer parameters examples prior_precision log_marginal_likelihood
    effective_dimension negative_log_likelihood seconds
Report: title loss gradient_norm parameters layers frozen mode dtype reduction data rate seed
    budget seconds matvecs versions findings parts monitor
Comparison: names changes
"""
"""Each class, its keys, and after a bar those that are there on request."""


def expected():
    """The table: class name to keys without and with vectors."""
    table = {}
    for entry in KEYS.strip().replace("\n    ", " ").split("\n"):
        name, keys = entry.split(": ")
        usual, _, on_request = keys.partition("|")
        table[name] = (set(usual.split()), set(usual.split()) | set(on_request.split()))
    return table


@pytest.fixture(scope="module")
def found():
    return {type(result).__name__: result for result in results()}


@pytest.mark.parametrize("name", expected())
def test_keys(found, name):
    usual, with_vectors = expected()[name]
    assert set(found[name].to_dict()) == usual
    assert set(found[name].to_dict(vectors=True)) == with_vectors


@pytest.mark.parametrize("name", expected())
def test_values_are_plain(found, name):
    listed = found[name].to_dict(vectors=True)
    text = json.dumps(listed)
    assert repr(json.loads(text)) == repr(listed)  # no tuple, no NumPy number; NaN is nan


def test_every_result_is_in_the_table():
    classes = {
        name
        for name in tc.__all__
        if isinstance(cls := getattr(tc, name), type) and issubclass(cls, Result)
    }
    assert classes == set(expected())


def test_nested_results_and_arrays():
    density = tc.spectral_density(A).to_dict()
    assert density["atoms"][0].keys() == tc.spectral_density(A).atoms[0].to_dict().keys()
    assert density["zero_mass"]["value"] == 0.25 and density["extent"] == [-1.0, 4.0]
    assert tc.diagonal(A).to_dict()["values"] == [4.0, 2.0, 0.0, -1.0]
