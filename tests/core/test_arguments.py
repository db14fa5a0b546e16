"""The checks of arguments, and public functions that are given what makes no sense.

No mistake of a user's ends in an error of the library's insides, or in none.
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import data, nn, optim, viz
from tinygrad_hess.core import arguments

X, A = np.ones(3), np.ones((4, 2))


def loss(p: Any, batch: Any) -> Any:
    return ((p - batch) ** 2).sum()


def square(x: Any) -> Any:
    return (x * x).sum()


def three(x: Any, y: Any, z: Any) -> Any:
    return (x * y * z).sum()


SGD = optim.SGD(lr=0.1)

MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    # transforms
    "the point beside f": (lambda: tg.grad(square, 3.0), r"grad: argnums.*write tg\.grad\(f\)\(3\.0\)"),
    "an array beside f": (lambda: tg.grad(square, X), r"grad: argnums.*float64\(3,\).*tg\.grad\(f\)\(x\)"),
    "argnums a bool": (lambda: tg.hessian(square, True), r"hessian: argnums.*got True"),
    "grad of a number": (lambda: tg.grad(3.0), r"grad: f must be a function, got 3\.0.*tg\.grad\(f\)\(x\)"),
    "grad of a tensor": (lambda: tg.value_and_grad(tg.tensor(1.0)), r"value_and_grad: f.*float64\(\)"),
    "grad of None": (lambda: tg.grad(lambda x: x**2)(None), r"grad: argument 0 is None.*array"),
    "method of None": (lambda: tg.grad(lambda x: x.sum())(None), r"grad: argument 0 is None.*sum"),
    "too many arguments": (lambda: tg.grad(square)(X, X), r"grad: the function square\(x\).*2 arguments"),
    "an unknown keyword": (lambda: tg.grad(square)(X, y=1), r"grad: the function square\(x\).*y="),
    "hvp of two arguments": (
        lambda: tg.hvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0)),
        r"hvp: the function <lambda>\(x, y\).*tg\.hvp\(f, x, v, y\).*lambda p: f\(\*p\)",
    ),
    "hvp of a number": (lambda: tg.hvp(1.0, X, X), r"hvp: f must be a function"),
    "jvp without tuples": (lambda: tg.jvp(square, X, X), r"jvp: primals.*tuple.*\(x,\), \(tangent,\)"),
    "tangents no tuple": (lambda: tg.jvp(square, (X,), X), r"jvp: tangents.*tuple"),
    "vjp of a number": (lambda: tg.vjp(1.0, X), r"vjp: f must be a function"),
    "linearize a number": (lambda: tg.linearize(1.0, X), r"linearize: f must be a function"),
    "jacobian of a number": (lambda: tg.jacobian(1.0), r"jacobian: f must be a function"),
    "mode": (lambda: tg.jacobian(square, mode=1), r"jacobian: mode=1 is not 'auto', 'forward' or"),
    "chunk_size": (lambda: tg.jacrev(square, chunk_size=1.5), r"chunk_size.*integer of at least 1.*1\.5"),
    "vmap of a number": (lambda: tg.vmap(1.0), r"vmap: f must be a function"),
    "vmap of f, x": (lambda: tg.vmap(square, X), r"vmap: in_axes.*tg\.vmap\(f, in_axes=0\)\(xs\)"),
    "out_axes": (lambda: tg.vmap(square, out_axes="a"), r"vmap: out_axes.*'a'"),
    "vmap of too many": (lambda: tg.vmap(square)(X, X), r"vmap: the function square\(x\).*2 arguments"),
    "jit of a number": (lambda: tg.jit(1.0), r"jit: f must be a function"),
    "jit of f, x": (lambda: tg.jit(square, X), r"jit: static_argnums.*write tg\.jit\(f\)\(x\)"),
    "jit of too many": (lambda: tg.jit(square)(X, X), r"jit square: the function square\(x\).*2 arg"),
    "order below 1": (lambda: tg.check_grads(square, (X,), order=-1), r"order.*at least 1, got -1"),
    "order 0": (lambda: tg.check_grads(square, (X,), order=0), r"order.*at least 1, got 0"),
    "args no tuple": (lambda: tg.check_grads(square, X), r"check_grads: args.*\(x,\)"),
    "step": (lambda: tg.check_grads(square, (X,), step=0), r"check_grads: step must be positive, got 0"),
    "seed": (lambda: tg.check_grads(square, (X,), seed="a"), r"check_grads: seed.*'a'"),
    "a computed constant": (
        lambda: setattr(tg.tensor(1.0, requires_grad=True) * 2, "requires_grad", False),
        r"requires_grad of a computed tensor.*detach",
    ),
    "output of text": (lambda: tg.jacobian(lambda x: "a")(X), r"the output of f must be an array"),
    "a tensor of None": (lambda: tg.tensor(None), r"tensor: a tensor holds numbers, got NoneType"),
    "a gradient of text": (lambda: setattr(tg.tensor(1.0), "grad", "a"), r"a tensor holds numbers, got str"),
    "linearize(f)(x)": (lambda: tg.linearize(square)(X), r"linearize: .*tg\.linearize\(f, x\)"),
    "a list under vmap": (lambda: tg.vmap(square)([1.0, 2.0]), r"vmap: there is no axis 0.*np\.asarray\(list\)"),
    "static_argnums": (lambda: tg.jit(square, static_argnums=-3), r"static_argnums names argument -3 of 1"),
    "sparsity of a number": (lambda: tg.sparsity(3.0, X), r"sparsity: f must be a function"),
    "a rule of a number": (lambda: tg.custom_vjp(3.0), r"custom_vjp: f must be a function, got 3\.0"),
    "static names": (lambda: tg.custom_jvp(square, 0.5), r"custom_jvp: nondiff_argnums must be a seq"),
    "a rule that is none": (
        lambda: tg.custom_vjp(square).defvjp(b"f", square),
        r"custom_vjp square\.defvjp: forward must be a function, got b'f'.*residuals",
    ),
    "checkpoint of a number": (lambda: tg.checkpoint(3.0), r"checkpoint: f must be a function, got 3"),
    "no_grad of a number": (lambda: tg.no_grad(3.0), r"no_grad: f must be a function.*with tg\.no_grad"),
    "a tangent of text": (lambda: tg.jvp(square, (X,), (np.array(["a"] * 3),)), r"must hold numbers"),
    "an unknown name": (lambda: tg.supported("cumsim"), r"supported: 'cumsim' is not listed; is it"),
    # optimisers
    "lr beyond floats": (lambda: optim.AdamW(lr=10**400), r"AdamW: lr must be finite, got 1000"),
    "lr complex": (lambda: optim.SGD(lr=np.complex128(1j)), r"SGD: lr must be a number.*got 1j"),
    "values one number": (lambda: optim.piecewise([2], 0.1), r"piecewise: values must be a sequence"),
    "a norm of text": (lambda: optim.global_norm("a"), r"global_norm: a gradient must be an array"),
    "clip of objects": (
        lambda: optim.clip_by_global_norm(np.array([None]), 1.0),
        r"clip_by_global_norm: a gradient must be an array",
    ),
    "lr a name": (lambda: optim.SGD(lr="a"), r"SGD: lr must be a number, at least 0, got 'a'"),
    "lr NaN": (lambda: optim.Adam(lr=np.nan), r"Adam: lr must be at least 0, got nan"),
    "lr infinite": (lambda: optim.Adam(lr=np.inf), r"Adam: lr must be finite, got inf"),
    "lr an array": (lambda: optim.Adam(lr=X), r"Adam: lr must be a number.*float64\(3,\)"),
    "betas a number": (lambda: optim.Adam(betas=3), r"Adam: betas must be 2 numbers in \[0, 1\), got 3"),
    "betas names": (lambda: optim.AdamW(betas="ab"), r"AdamW: betas must be 2 numbers"),
    "eps None": (lambda: optim.Adam(eps=None), r"Adam: eps must be a number, at least 0, got None"),
    "momentum": (lambda: optim.SGD(momentum="x"), r"SGD: momentum must be a number, in \[0, 1\)"),
    "state of another": (lambda: SGD.update(X, X, None), r"SGD.update: state.*opt\.init\(params\)"),
    "a schedule's rate": (lambda: optim.SGD(lr=lambda t: "a").rate(3), r"rate at step 3 must be a number"),
    "schedule of a name": (lambda: optim.cosine("a", 3), r"cosine: lr must be a number"),
    "steps 1.5": (lambda: optim.cosine(1.0, 1.5), r"cosine: steps.*integer.*1\.5"),
    "steps 10.0": (lambda: optim.cosine(1.0, 10.0), r"cosine: steps.*got 10\.0\. Write 10\."),
    "factor": (lambda: optim.step_decay(1.0, 2, None), r"step_decay: factor"),
    "boundaries": (lambda: optim.piecewise([1.5], [1.0, 2.0]), r"piecewise: boundaries\[0\]"),
    "max_norm": (lambda: optim.clip_by_global_norm(X, "a"), r"max_norm must be a number, positive"),
    "clip of a number": (lambda: optim.clip_grad_norm(3.0, 1.0), r"clip_grad_norm: parameters"),
    "clip of arrays": (lambda: optim.clip_grad_norm([X], 1.0), r"parameters.*clip_by_global_norm"),
    # fit
    "no optimiser": (lambda: optim.fit(loss, X, X, None), r"fit: optimizer.*optim\.Adam"),
    "a class": (lambda: optim.fit(loss, X, X, optim.Adam), r"fit: optimizer.*Make one: Adam\("),
    "epochs 1.5": (lambda: optim.fit(loss, X, X, SGD, epochs=1.5), r"fit: epochs.*integer.*1\.5"),
    "epochs -1": (lambda: optim.fit(loss, X, X, SGD, epochs=-1), r"fit: epochs.*at least 0, got -1"),
    "state": (lambda: optim.fit(loss, X, X, SGD, state={}), r"fit: state.*opt\.init\(params\)"),
    "callback": (lambda: optim.fit(loss, X, X, SGD, callback=[3]), r"fit: callback.*step, params"),
    "callback's form": (lambda: optim.fit(loss, X, X, SGD, callback=lambda s: 0), r"fit:.*step, params, value"),
    "loss": (lambda: optim.fit(3.0, X, X, SGD), r"fit: loss must be a function.*loss\(params, batch\)"),
    "no data": (lambda: optim.fit(three, X, None, SGD), r"fit: the function three.*loss\(params, batch\)"),
    "a generator": (lambda: optim.fit(loss, X, iter([X]), SGD, epochs=2), r"fit: data.*once.*list\(data\)"),
    "no batches": (lambda: optim.fit(loss, X, [], SGD), r"fit: the data hold no batches"),
    # modules
    "a loss's reduction": (lambda: nn.mse(X, X, X), r"mse: reduction=float64\(3,\) is not 'mean'"),
    "a loss of text": (lambda: nn.mse(["a"], ["b"]), r"mse: predictions must be an array of numbers"),
    "delta": (lambda: nn.huber(X, X, delta=X), r"huber: delta must be a number, positive"),
    "smoothing": (
        lambda: nn.cross_entropy(np.eye(2), np.arange(2), label_smoothing={}),
        r"cross_entropy: label_smoothing must be a number, in \[0, 1\]",
    ),
    "a shape beyond arrays": (lambda: nn.init.zeros(10**400), r"zeros: shape .* is beyond what an array can hold"),
    "he of a vector": (lambda: nn.init.he_normal((3,)), r"he_normal: a weight has at least two axes"),
    "scale no flag": (lambda: data.standardize(data.iris(), scale=X), r"standardize: scale must be"),
    "features": (lambda: nn.Linear(3.5, 2), r"Linear: in_features.*integer of at least 1.*3\.5"),
    "init a name": (lambda: nn.Linear(3, 2, init="he"), r"Linear: init.*function, got 'he'.*nn\.init"),
    "init gives text": (lambda: nn.Linear(3, 2, init=lambda s, r: "a"), r"Linear: what init gives"),
    "dtype int": (lambda: nn.Linear(3, 2, dtype=int), r"Linear: dtype.*floating-point.*got int"),
    "dtype a word": (lambda: nn.Conv2d(1, 1, 3, dtype="wide"), r"Conv2d: dtype.*'wide'"),
    "module's seed": (lambda: nn.MLP([3, 2], seed=-1), r"MLP: seed.*at least 0.*got -1"),
    "activation a name": (
        lambda: nn.MLP([3, 2], activation="relu"),
        r"MLP: activation must be a layer or a function, got 'relu'\. Write nn\.relu\.",
    ),
    "sizes a number": (lambda: nn.MLP(3), r"MLP: sizes names at least"),
    "sizes floats": (lambda: nn.MLP([3.0, 2.0]), r"MLP: sizes.*integers"),
    "sizes zero": (lambda: nn.MLP([3, 0]), r"MLP: sizes\[1\].*at least 1, got 0"),
    "layers in a list": (lambda: nn.Sequential([nn.relu]), r"layer 0.*nn\.Sequential\(\*layers\)"),
    "a class as layer": (lambda: nn.Sequential(nn.Flatten), r"layer 0.*Make one: Flatten\(\.\.\.\)"),
    "eps": (lambda: nn.LayerNorm(3, eps=-1), r"LayerNorm: eps must be at least 0, got -1"),
    "start": (lambda: nn.Flatten(1.5), r"Flatten: start.*integer"),
    "shape of init": (lambda: nn.init.he_normal("ab"), r"he_normal: a shape is made of integers"),
    "std": (lambda: nn.init.normal((2,), std=-1), r"normal: std must be at least 0, got -1"),
    "manual_seed": (lambda: nn.manual_seed("a"), r"manual_seed: seed"),
    # data
    "split of an array": (lambda: data.split(A), r"split: data must be a Dataset.*float64\(4, 2\)"),
    "test": (lambda: data.split(data.iris(), test="a"), r"split: test must be a number"),
    "split's seed": (lambda: data.split(data.iris(), seed=1.5), r"split: seed"),
    "standardize": (lambda: data.standardize(A), r"standardize: data must be a Dataset"),
    "noise": (lambda: data.moons(10, noise=-1), r"moons: noise must be at least 0, got -1"),
    "n": (lambda: data.moons(10.5), r"moons: n.*integer of at least 2.*10\.5"),
    "classes": (lambda: data.spirals(10, classes=2.5), r"spirals: classes.*integer"),
    "spread": (lambda: data.blobs(10, spread="a"), r"blobs: spread"),
    "degree": (lambda: data.chebyshev(5, degree=-1), r"chebyshev: degree.*at least 0"),
    "teacher's sizes": (lambda: data.teacher_student(5, sizes="ab"), r"teacher_student: sizes"),
    "ragged": (lambda: data.batches([[1.0], [1.0, 2.0]], X, 1), r"batches: x must be an array of numbers"),
    "size": (lambda: data.batches(X, X, 1.5), r"batches: size.*integer of at least 1"),
    "batches' seed": (lambda: data.batches(X, X, 1, seed="a"), r"batches: seed"),
    "a data set of text": (lambda: data.Dataset(["a"], ["b"]), r"Dataset: x must be an array"),
    "lengths": (lambda: data.Dataset(X, A), r"Dataset: x of shape \(3,\) and y of shape \(4, 2\)"),
    "shipped dtype": (lambda: data.digits(dtype="wide"), r"digits: dtype.*floating-point"),
    "a figure": (lambda: viz.plots.spectrum([1.0], figure=3), r"figure must be a matplotlib Figure, got 3"),
    # pictures
    "render nothing": (lambda: viz.render(3, "x.svg"), r"render: graph.*tg\.viz\.graph\(f, x\)"),
    "no folder": (lambda: viz.render("digraph{}", "none/x.svg"), r"render: there is no folder 'none'.*mkdir"),
    "no path": (lambda: viz.render("digraph{}", 3), r"render: path must be a path"),
    "graph of too few": (lambda: viz.graph(nn.Linear(2, 2)), r"graph: the function Linear\(x\).*0 arg"),
    "max_nodes": (lambda: viz.graph(np.sin, 1.0, max_nodes=1.5), r"graph: max_nodes.*integer"),
    "graph's argnums": (lambda: viz.graph(np.sin, 1.0, argnums="a"), r"graph: argnums"),
    "values of text": (lambda: viz.plots.spectrum(["a"]), r"spectrum: values must be an array"),
    "bins": (lambda: viz.plots.spectrum([1.0], bins=0), r"spectrum: bins.*at least 1"),
    "save nothing": (lambda: viz.plots.save(3, "x.svg"), r"save: figure must be a matplotlib Figure"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_that_names_function_and_argument(name: str) -> None:
    call, said = MISTAKES[name]
    with pytest.raises((TypeError, ValueError, FileNotFoundError), match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


NONSENSE = (
    3.0,
    -1,
    "text",
    None,
    [1.0, 2.0],
    tg.tensor(2.0),
    np.eye(2),
    {"a": 1},
    object(),
    np.sin,
)
INTERNAL = (AttributeError, KeyError, UnboundLocalError, AssertionError, NameError, RecursionError)
PUBLIC = {
    f"{place.__name__.removeprefix('tinygrad_hess.')}.{name}": getattr(place, name)
    for place in (tg, nn, nn.init, optim, data, viz, viz.plots)
    for name in getattr(place, "__all__", vars(place))
    if not name.startswith("_")
    and callable(getattr(place, name))
    and getattr(getattr(place, name), "__module__", "").startswith("tinygrad_hess")
    and not getattr(getattr(place, name), "__module__", "").startswith("tinygrad_hess.ops")
    and ".core." not in getattr(getattr(place, name), "__module__", "")
}


@pytest.mark.parametrize("name", PUBLIC)
def test_nonsense_ends_in_no_internal_error(name: str, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)  # of what is written, if something makes sense after all
    calls = [(), *((x,) for x in NONSENSE), *itertools.product(NONSENSE, repeat=2)]
    with np.errstate(all="ignore"):
        for args in calls:
            try:
                PUBLIC[name](*args)
            except INTERNAL as error:
                raise AssertionError(f"{name}{args}: {error!r}") from error
            except (TypeError, ValueError, OSError, tg.CheckError):
                pass


# ---- the checks themselves ----------------------------------------------------------------------


@pytest.mark.parametrize("value", [3, np.int8(3), np.array(3), tg.tensor(3)])
def test_integers(value: Any) -> None:
    found = arguments.integer("f", "n", value, least=3)
    assert found == 3 and type(found) is int


@pytest.mark.parametrize("value", [True, np.True_, 3.0, "3", None, [3], np.array([3]), 3j])
def test_no_integers(value: Any) -> None:
    with pytest.raises(TypeError, match="f: n must be an integer, got "):
        arguments.integer("f", "n", value)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.array(1), tg.tensor(1.0)])
def test_numbers(value: Any) -> None:
    assert arguments.number("f", "x", value, above=0, most=1) == 1
    assert type(arguments.number("f", "x", value)) in (int, float)


@pytest.mark.parametrize("value", [True, "1", b"1", None, 1j, [1.0], X, object])
def test_no_numbers(value: Any) -> None:
    with pytest.raises(TypeError, match="f: x must be a number, positive, got "):
        arguments.number("f", "x", value, above=0)


@pytest.mark.parametrize(
    ("bounds", "wrong", "said"),
    [
        ({"least": 0}, -1, "at least 0"),
        ({"above": 0}, 0, "positive"),
        ({"above": 2}, 2, "> 2"),
        ({"most": 1}, 2, "at most 1"),
        ({"below": 1}, 1, "below 1"),
        ({"least": 0, "below": 1}, 1, r"in \[0, 1\)"),
        ({"above": 0, "most": 1}, 0, r"in \(0, 1\]"),
        ({}, np.inf, "finite"),
        ({"infinite": True}, np.nan, "finite"),
    ],
)
def test_bounds(bounds: Any, wrong: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"f: x must be {said}, got "):
        arguments.number("f", "x", wrong, **bounds)


def test_what_is_shown_is_short_and_is_no_look_at_a_value() -> None:
    assert len(arguments.shown("a" * 1000)) <= 60
    assert arguments.shown(np.ones(1000)) == "float64(1000,)"
    assert arguments.shown(square) == "the function square"
    with pytest.raises(TypeError, match=r"Adam: lr must be a number.*float64\(3,\)"):
        tg.jit(lambda x: optim.Adam(lr=x).rate(0) * x)(X)


# ---- what NumPy wraps ---------------------------------------------------------------------------


def into_zeros(x: Any) -> Any:
    y = np.zeros(2)
    y[1] = x[1] ** 2
    return y.sum()


@pytest.mark.parametrize(
    "run",
    [
        lambda: tg.grad(into_zeros)(X),
        lambda: tg.hvp(into_zeros, X, X),
        lambda: tg.jvp(into_zeros, (X,), (X,)),
        lambda: tg.hessian(into_zeros)(X),
        lambda: tg.vmap(tg.grad(into_zeros))(np.ones((2, 3))),
        lambda: tg.vmap(into_zeros)(np.ones((2, 3))),
        lambda: tg.jit(into_zeros)(X),
        lambda: tg.jit(tg.grad(into_zeros))(X),
        lambda: tg.grad(tg.checkpoint(into_zeros))(X),
        lambda: viz.graph(into_zeros, X),
    ],
)
def test_an_assignment_to_an_array_says_what_to_write(run: Callable[[], Any]) -> None:
    with pytest.raises((tg.NonDifferentiableError, tg.TracingError), match=r"float\(\) of a"):
        run()
    with pytest.raises((tg.NonDifferentiableError, ValueError)) as caught:
        into_zeros(tg.tensor(X, requires_grad=True))
    cause = caught.value.__cause__ or caught.value
    assert "y = tg.tensor(np.zeros(2))" in str(cause) and "np.stack" in str(cause)


def test_errors_of_the_function_stay_as_they_are() -> None:
    def wrong(x: Any) -> Any:
        raise TypeError("mine")

    def inner(x: Any) -> Any:
        return square(x, x)  # type: ignore[call-arg]

    for run in (tg.grad, tg.vmap, tg.jit):
        with pytest.raises(TypeError, match=r"^mine$"):
            run(wrong)(X)
        with pytest.raises(TypeError, match="takes 1 positional argument but 2"):
            run(inner)(X)


def test_none_is_an_empty_tree_where_the_function_takes_it() -> None:
    assert tg.grad(lambda x: 1.0)(None) is None
    assert tg.vjp(lambda x, mask: x * 2, 3.0, None)[1](1.0) == (2.0, None)
    with pytest.raises(TypeError, match="unsupported operand"):
        tg.grad(lambda x, y: x * y)(1.0, None)


def test_a_boolean_mask_under_vmap() -> None:
    for f in (lambda x: x[x > 0].sum(), lambda x: x[(x > 0) & (x < 2)].sum()):
        with pytest.raises(tg.NonDifferentiableError, match=r"boolean mask.*vmap.*np\.where"):
            tg.vmap(f)(A)


def test_numpy_functions_of_what_is_no_array() -> None:
    t = tg.tensor(np.arange(3.0))
    assert tg.numpy.linalg.norm(-3.0) == 3
    np.testing.assert_array_equal(np.tile(X, tg.tensor(2)).numpy(), np.ones(6))
    assert not np.isfortran(tg.tensor(np.eye(2)))
    for call, said in (
        (lambda: np.digitize(t, 1), "digitize: bins must be a vector"),
        (lambda: np.tile(X, tg.tensor(2.0)), "tile: a shape is made of integers"),
        (lambda: np.sum(t, axis=tg.tensor(1.0)), "sum: axis must be an integer"),
        (lambda: tg.ops.arctan2(t, None), r"arctan2\(float64\(3,\), NoneType\)"),
    ):
        with pytest.raises((TypeError, ValueError), match=said):
            call()


# ---- names of other libraries -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "name", "said"),
    [
        (tg, "sin", r"tg\.numpy\.sin"),
        (tg, "zeros", r"tg\.numpy\.zeros"),
        (tg, "relu", r"tg\.nn\.relu"),
        (tg, "Linear", r"tg\.nn\.Linear"),
        (tg, "Adam", r"tg\.optim\.Adam"),
        (tg, "iris", r"tg\.data\.iris"),
        (tg, "HessianOperator", r"tg\.curvature\.HessianOperator"),
        (tg, "graph", r"tg\.viz\.graph"),
        (tg, "save", r"tg\.io\.save"),
        (tg, "jacobain", r"is it jacobian\?"),
        (tg, "backward", r"loss\.backward\(\)"),
        (nn, "ReLU", r"is it relu\?"),
        (nn, "LeakyReLU", r"is it leaky_relu\?"),
        (nn, "CrossEntropyLoss", r"is it cross_entropy\?"),
        (nn, "MSELoss", r"is it mse\?"),
        (nn, "Parameter", r"fields of a Module"),
        (optim, "StepLR", r"step_decay"),
        (optim, "RMSprop", r"RMSProp"),
        (data, "make_moons", r"is it moons\?"),
        (data, "load_iris", r"is it iris\?"),
        (data, "DataLoader", r"batches\(x, y, size\)"),
        (viz, "make_dot", r"graph\(f, x\)"),
    ],
)
def test_a_name_of_another_library_is_answered_with_ours(place: Any, name: str, said: str) -> None:
    with pytest.raises(AttributeError, match=rf"has no attribute {name!r}.*{said}"):
        getattr(place, name)


@pytest.mark.parametrize("place", [tg, nn, optim, data, viz])
def test_names_that_python_asks_for_are_missed_quietly(place: Any) -> None:
    assert not hasattr(place, "__wrapped__") and not hasattr(place, "_repr_html_")
    with pytest.raises(AttributeError, match=r"has no attribute .__wrapped__.$"):
        _ = place.__wrapped__


# ---- copies -------------------------------------------------------------------------------------

SCHEDULES = {
    "constant": optim.constant(0.1),
    "step_decay": optim.step_decay(1.0, 3),
    "exponential_decay": optim.exponential_decay(1.0, 3),
    "linear_warmup": optim.linear_warmup(optim.cosine(1.0, 20), 5),
    "cosine": optim.cosine(1.0, 20, 3),
    "piecewise": optim.piecewise([2], [1.0, 0.1]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_pickled(name: str) -> None:
    schedule = SCHEDULES[name]
    copy = pickle.loads(pickle.dumps(schedule))
    assert [copy(t) for t in range(30)] == [schedule(t) for t in range(30)]
